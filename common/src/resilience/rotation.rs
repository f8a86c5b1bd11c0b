//! Decide a qué endpoint va cada intento de una llamada, y cuándo una llamada se da por perdida.
//!
//! Se queda en un endpoint mientras funciona. Rota por fallo, por plazo o porque el breaker no admite; nunca más de dos
//! vueltas por llamada, ni más tiempo del que su dueño espera por ella, y si no hay a dónde ir la llamada acaba en
//! seguida. Todos los intentos de una llamada llevan el mismo número, así que una respuesta tardía vale mientras la
//! llamada viva, venga de donde venga.
//!
//! El endpoint que contesta que no entiende una petición está sano: es de otra versión. Esa llamada, y solo esa, va a otro que
//! la entienda, sin contarle un fallo al primero ni mover de él a las demás.
//!
//! Un permiso está siempre en un [`Intento`] o en una [`Sonda`], y ninguno de los dos se suelta sin devolverlo: por
//! eso una llamada ya entregada sigue aquí, sin dueño, hasta que el endpoint del último intento contesta o vence.

mod tipos;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Instant,
};

pub use self::tipos::{Accion, Aviso, Config, Contestada, Motivo, SinServicio};
use super::breaker::{Breaker, EstadoBreaker, Permit};

/// La máquina. Recibe lo que pasó (`on_*`) y da lo que hay que hacer ([`Rotacion::poll_accion`]).
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub struct Rotacion {
    config: Config,
    endpoints: Vec<Endpoint>,
    /// El endpoint en el que se está.
    actual: usize,
    /// El último que se anunció; `actual` puede no haberse usado aún.
    anunciado: Option<usize>,
    llamadas: BTreeMap<u64, LlamadaViva>,
    /// Los plazos de los intentos en vuelo, uno por llamada que lo tiene.
    plazos: BTreeSet<(Instant, u64)>,
    /// Las llamadas que han de ir a otra parte. Se reparten al final de cada suceso, cuando ya se sabe cómo quedó
    /// cada punto.
    por_repartir: Vec<u64>,
    acciones: VecDeque<Accion>,
    siguiente_numero: u64,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct Endpoint {
    breaker: Breaker,
    enlace: Enlace,
    conecto_alguna_vez: bool,
    sonda: Option<Sonda>,
    /// Cuándo toca preguntar por su salud; `None` si está sano o ya se preguntó.
    proxima_sonda: Option<Instant>,
}

/// La conexión con un endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Enlace {
    Caido,
    /// Ya no admite envíos, y su pérdida aún no se anunció: lo que contestó antes puede estar por leer.
    Cayendo,
    Arriba,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct Sonda {
    peticion: u64,
    permit: Permit,
    hasta: Instant,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct LlamadaViva {
    /// Desde cuándo ya no se empieza otro intento.
    ultimo: Instant,
    intentos: u32,
    /// De un intento anterior no se sabe qué fue.
    duda: bool,
    /// Los endpoints que dijeron que no la entienden: a esos no vuelve.
    no_entienden: Vec<usize>,
    /// Quien la hizo ya tiene su respuesta.
    entregada: bool,
    intento: Option<Intento>,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct Intento {
    endpoint: usize,
    permit: Permit,
    hasta: Instant,
}

impl Rotacion {
    /// Una máquina para `endpoints` endpoints, ninguno conectado todavía.
    ///
    /// # Panics
    /// Si no hay ningún endpoint.
    pub fn new(config: Config, endpoints: usize, now: Instant) -> Self {
        assert!(endpoints > 0, "hace falta un punto de almacenamiento");
        let endpoint = |_| Endpoint {
            breaker: Breaker::new(config.breaker),
            enlace: Enlace::Caido,
            conecto_alguna_vez: false,
            sonda: None,
            proxima_sonda: Some(now + config.cada_salud),
        };
        Self {
            config,
            endpoints: (0..endpoints).map(endpoint).collect(),
            actual: 0,
            anunciado: None,
            llamadas: BTreeMap::new(),
            plazos: BTreeSet::new(),
            por_repartir: Vec::new(),
            acciones: VecDeque::new(),
            siguiente_numero: 0,
        }
    }

    /// Empieza una llamada y le da número; `None` si ya hay demasiadas en vuelo (y nada se envió).
    pub fn on_llamada(&mut self, now: Instant) -> Option<u64> {
        if self.llamadas.len() >= self.config.llamadas_max {
            return None;
        }
        let numero = self.numerar();
        let ultimo = now + self.config.ultimo_intento;
        let no_entienden = Vec::new();
        let nueva = LlamadaViva { ultimo, intentos: 0, duda: false, no_entienden, entregada: false, intento: None };
        self.llamadas.insert(numero, nueva);
        self.intentar(numero, now);
        Some(numero)
    }

    /// Hay conexión con `endpoint`.
    pub fn on_conectado(&mut self, endpoint: usize, now: Instant) {
        self.on_desconectado(endpoint, now);
        let p = &mut self.endpoints[endpoint];
        p.enlace = Enlace::Arriba;
        let de_nuevo = std::mem::replace(&mut p.conecto_alguna_vez, true);
        p.proxima_sonda = (!p.breaker.sano()).then_some(now);
        self.avisar(Aviso::Conectado { endpoint, de_nuevo });
        self.on_timeout(now);
    }

    /// Se perdió la conexión con `endpoint`: lo que está allí en vuelo va a otra parte. Un incidente, un fallo.
    pub fn on_desconectado(&mut self, endpoint: usize, now: Instant) {
        let antes = std::mem::replace(&mut self.endpoints[endpoint].enlace, Enlace::Caido);
        if antes == Enlace::Caido {
            return;
        }
        let llamadas = self.vivas_en(endpoint).filter(|(_, llamada)| !llamada.entregada).count();
        self.avisar(Aviso::Desconectado { endpoint, llamadas });
        if antes == Enlace::Arriba {
            self.incidente(endpoint, Motivo::Desconexion, now);
        }
        self.desalojar(endpoint, now);
        self.fallar_sonda(endpoint, Motivo::Desconexion, now);
        self.programar_sonda(endpoint, now);
        self.repartir(now);
    }

    /// Lo que se mandó enviar a `endpoint` con ese número no salió: la conexión no está. Su pérdida, cuando se anuncie,
    /// será el mismo incidente.
    pub fn on_no_enviado(&mut self, endpoint: usize, peticion: u64, now: Instant) {
        let p = &mut self.endpoints[endpoint];
        if p.enlace == Enlace::Arriba {
            p.enlace = Enlace::Cayendo;
        }
        if self.es_sonda(endpoint, peticion) {
            self.fallar_sonda(endpoint, Motivo::SinConexion, now);
        } else if let Some(intento) = self.tomar_intento(endpoint, peticion) {
            self.fallar(peticion, intento, Motivo::SinConexion, now);
        }
        self.programar_sonda(endpoint, now);
        self.repartir(now);
    }

    /// `endpoint` contestó a la petición con ese número. Si es verdad, quien llamó ha de recibir esta respuesta: su
    /// llamada terminó con ella.
    pub fn on_respuesta(&mut self, endpoint: usize, peticion: u64, veredicto: Contestada, now: Instant) -> bool {
        if self.es_sonda(endpoint, peticion) {
            match veredicto {
                Contestada::Servida => self.acertar_sonda(endpoint, now),
                Contestada::Fallo { .. } | Contestada::NoEntendida => self.fallar_sonda(endpoint, Motivo::Fallo, now),
            }
            self.repartir(now);
            return false;
        }
        let intento = self.tomar_intento(endpoint, peticion);
        match (veredicto, intento) {
            (Contestada::Servida, intento) => {
                if let Some(Intento { permit, .. }) = intento {
                    self.con_breaker(endpoint, Motivo::Exito, |breaker| breaker.on_success(permit));
                    self.programar_sonda(endpoint, now);
                }
                self.entregar(peticion)
            }
            (Contestada::Fallo { nada_hecho }, Some(intento)) => {
                self.dudar(peticion, !nada_hecho);
                self.fallar(peticion, intento, Motivo::Fallo, now);
                self.repartir(now);
                false
            }
            (Contestada::NoEntendida, Some(Intento { permit, .. })) => {
                self.endpoints[endpoint].breaker.on_inconclusive(permit);
                self.programar_sonda(endpoint, now);
                if let Some(llamada) = self.llamadas.get_mut(&peticion) {
                    llamada.no_entienden.push(endpoint);
                }
                self.por_repartir.push(peticion);
                self.repartir(now);
                false
            }
            // Lo que diga tarde de un intento que ya se dio por perdido no es nada nuevo.
            (Contestada::Fallo { .. } | Contestada::NoEntendida, None) => false,
        }
    }

    /// `endpoint` envió algo que no se puede emparejar con ninguna petición.
    pub fn on_basura(&mut self, endpoint: usize, now: Instant) {
        self.incidente(endpoint, Motivo::Basura, now);
        self.repartir(now);
    }

    /// Una persona restablece el circuito de `endpoint`, y se pregunta por su salud sin esperar. Dice si cambió algo.
    pub fn on_reset(&mut self, endpoint: usize, now: Instant) -> bool {
        let hubo = self.con_breaker(endpoint, Motivo::Administrador, Breaker::on_reset);
        let p = &mut self.endpoints[endpoint];
        if hubo && p.sonda.is_none() {
            p.proxima_sonda = Some(now);
        }
        self.on_timeout(now);
        hubo
    }

    /// Pasó el tiempo: vencen intentos, sondas y aperturas.
    pub fn on_timeout(&mut self, now: Instant) {
        for endpoint in 0..self.endpoints.len() {
            self.con_breaker(endpoint, Motivo::Tiempo, |breaker| breaker.on_timeout(now));
            if self.endpoints[endpoint].sonda.as_ref().is_some_and(|sonda| now >= sonda.hasta) {
                self.fallar_sonda(endpoint, Motivo::Plazo, now);
            }
            if self.endpoints[endpoint].proxima_sonda.is_some_and(|cuando| now >= cuando) {
                self.sondear(endpoint, now);
            }
        }
        while let Some((_, numero)) = self.plazos.first().copied().filter(|(hasta, _)| now >= *hasta) {
            let endpoint = self.llamadas[&numero].intento.as_ref().expect("quien tiene plazo tiene intento").endpoint;
            let intento = self.tomar_intento(endpoint, numero).expect("acaba de verse");
            self.dudar(numero, true);
            self.fallar(numero, intento, Motivo::Plazo, now);
        }
        self.repartir(now);
    }

    /// Cuándo hay que llamar a [`Rotacion::on_timeout`], a más tardar.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let de_endpoints = self.endpoints.iter().flat_map(|p| {
            [p.breaker.poll_timeout(), p.sonda.as_ref().map(|sonda| sonda.hasta), p.proxima_sonda].into_iter().flatten()
        });
        de_endpoints.chain(self.plazos.first().map(|(hasta, _)| *hasta)).min()
    }

    /// Lo siguiente que hay que hacer.
    pub fn poll_accion(&mut self) -> Option<Accion> {
        self.acciones.pop_front()
    }

    /// Si hay conexión con algún endpoint.
    pub fn hay_enlace(&self) -> bool {
        self.endpoints.iter().any(|p| p.enlace == Enlace::Arriba)
    }

    /// El estado de cada breaker, en el orden de los endpoints.
    pub fn estados(&self) -> impl Iterator<Item = EstadoBreaker> {
        self.endpoints.iter().map(|endpoint| endpoint.breaker.estado())
    }

    fn numerar(&mut self) -> u64 {
        self.siguiente_numero += 1;
        self.siguiente_numero
    }

    fn repartir(&mut self, now: Instant) {
        for numero in std::mem::take(&mut self.por_repartir) {
            self.intentar(numero, now);
        }
    }

    /// Manda la llamada al siguiente endpoint que la admita; si no hay, o ya dio sus vueltas, acaba.
    fn intentar(&mut self, numero: u64, now: Instant) {
        let intentos_max = u32::try_from(2 * self.endpoints.len()).unwrap_or(u32::MAX);
        let Some(llamada) = self.llamadas.get(&numero) else { return };
        let intento = llamada.intentos + 1;
        if llamada.entregada || intento > intentos_max || now > llamada.ultimo {
            return self.abandonar(numero);
        }
        let no_entienden = llamada.no_entienden.clone();
        let Some((endpoint, permit)) = self.elegir(&no_entienden, now) else { return self.abandonar(numero) };
        if no_entienden.is_empty() {
            self.actual = endpoint;
            if self.anunciado.replace(endpoint) != Some(endpoint) {
                self.avisar(Aviso::Rotacion { endpoint, intento, intentos_max });
            }
        }
        let hasta = now + self.config.plazo;
        let llamada = self.llamadas.get_mut(&numero).expect("acaba de verse");
        llamada.intentos = intento;
        llamada.intento = Some(Intento { endpoint, permit, hasta });
        self.plazos.insert((hasta, numero));
        self.acciones.push_back(Accion::Enviar { endpoint, llamada: numero });
    }

    /// El primer endpoint que admite la llamada, desde el que se usa, y su permiso.
    fn elegir(&mut self, no_entienden: &[usize], now: Instant) -> Option<(usize, Permit)> {
        let cuantos = self.endpoints.len();
        let primero = self.actual;
        for endpoint in (0..cuantos).map(|k| (primero + k) % cuantos) {
            if self.endpoints[endpoint].enlace != Enlace::Arriba || no_entienden.contains(&endpoint) {
                continue;
            }
            if let Ok(permit) = self.con_breaker(endpoint, Motivo::Tiempo, |breaker| breaker.acquire(now)) {
                return Some((endpoint, permit));
            }
        }
        None
    }

    fn abandonar(&mut self, numero: u64) {
        let Some(llamada) = self.llamadas.remove(&numero) else { return };
        if llamada.entregada {
            return;
        }
        let porque = if llamada.duda {
            SinServicio::EnElAire
        } else if llamada.no_entienden.len() == self.endpoints.len() {
            SinServicio::NoEntendida
        } else {
            SinServicio::NadaHecho
        };
        self.acciones.push_back(Accion::Abandonar { llamada: numero, porque });
    }

    /// Da la llamada por servida, si aún espera. Si su último intento sigue fuera, se queda sin dueño hasta que vuelva.
    fn entregar(&mut self, numero: u64) -> bool {
        let Some(llamada) = self.llamadas.get_mut(&numero) else { return false };
        let primera = !std::mem::replace(&mut llamada.entregada, true);
        if llamada.intento.is_none() {
            self.llamadas.remove(&numero);
        }
        primera
    }

    fn dudar(&mut self, numero: u64, duda: bool) {
        if let Some(llamada) = self.llamadas.get_mut(&numero) {
            llamada.duda |= duda;
        }
    }

    /// El intento en vuelo de una llamada, si está en ese endpoint. Quien lo toma devuelve su permiso.
    fn tomar_intento(&mut self, endpoint: usize, numero: u64) -> Option<Intento> {
        let llamada = self.llamadas.get_mut(&numero)?;
        let intento = llamada.intento.take_if(|intento| intento.endpoint == endpoint)?;
        self.plazos.remove(&(intento.hasta, numero));
        Some(intento)
    }

    /// Devuelve como fallado el permiso de un intento; su llamada irá a otra parte.
    fn fallar(&mut self, numero: u64, intento: Intento, motivo: Motivo, now: Instant) {
        self.por_repartir.push(numero);
        let Intento { endpoint, permit, .. } = intento;
        if self.con_breaker(endpoint, motivo, |breaker| breaker.on_failure(permit, now)) {
            if motivo == Motivo::Plazo {
                self.avisar(Aviso::SinRespuesta { endpoint, espera: self.config.plazo });
            }
            self.dejar(endpoint, motivo, now);
        }
    }

    fn incidente(&mut self, endpoint: usize, motivo: Motivo, now: Instant) {
        if self.con_breaker(endpoint, motivo, |breaker| breaker.on_incident(now)) {
            self.dejar(endpoint, motivo, now);
        }
    }

    /// Tras un fallo contado se va a otro endpoint. Si el circuito se abrió porque no contesta, con todo lo que hay allí
    /// en vuelo; si se abrió porque contesta que no puede, lo demás tendrá su contestación en seguida, y con ella
    /// sabrá si algo se hizo.
    fn dejar(&mut self, endpoint: usize, motivo: Motivo, now: Instant) {
        if self.actual == endpoint {
            self.actual = (endpoint + 1) % self.endpoints.len();
        }
        if motivo == Motivo::Plazo && self.endpoints[endpoint].breaker.estado() == EstadoBreaker::Abierto {
            self.desalojar(endpoint, now);
        }
        self.programar_sonda(endpoint, now);
    }

    fn vivas_en(&self, endpoint: usize) -> impl Iterator<Item = (&u64, &LlamadaViva)> {
        self.llamadas
            .iter()
            .filter(move |(_, llamada)| llamada.intento.as_ref().is_some_and(|i| i.endpoint == endpoint))
    }

    /// Lleva a otra parte, con los mismos números, lo que está en vuelo en `endpoint`.
    fn desalojar(&mut self, endpoint: usize, now: Instant) {
        let numeros: Vec<u64> = self.vivas_en(endpoint).map(|(numero, _)| *numero).collect();
        for numero in numeros {
            let Some(Intento { permit, .. }) = self.tomar_intento(endpoint, numero) else { continue };
            // El incidente ya se contó y el epoch avanzó: este permiso no cambia nada.
            self.endpoints[endpoint].breaker.on_failure(permit, now);
            self.dudar(numero, true);
            self.por_repartir.push(numero);
        }
    }

    /// Hace algo con un breaker y avisa si cambió de estado.
    fn con_breaker<T>(&mut self, endpoint: usize, motivo: Motivo, f: impl FnOnce(&mut Breaker) -> T) -> T {
        let breaker = &mut self.endpoints[endpoint].breaker;
        let antes = breaker.estado();
        let r = f(breaker);
        let estado = breaker.estado();
        if estado != antes {
            self.avisar(Aviso::Circuito { endpoint, estado, motivo });
        }
        r
    }

    fn avisar(&mut self, aviso: Aviso) {
        self.acciones.push_back(Accion::Avisar(aviso));
    }

    fn es_sonda(&self, endpoint: usize, peticion: u64) -> bool {
        self.endpoints[endpoint].sonda.as_ref().is_some_and(|sonda| sonda.peticion == peticion)
    }

    /// Pregunta por la salud, si el breaker da permiso. Sin conexión, la pregunta falla sin salir.
    fn sondear(&mut self, endpoint: usize, now: Instant) {
        let permit = self.con_breaker(endpoint, Motivo::Tiempo, |breaker| breaker.acquire_probe(now));
        let peticion = self.numerar();
        let p = &mut self.endpoints[endpoint];
        let Ok(permit) = permit else {
            p.proxima_sonda = Some(now + self.config.cada_salud);
            return;
        };
        p.proxima_sonda = None;
        p.sonda = Some(Sonda { peticion, permit, hasta: now + self.config.plazo_salud });
        if p.enlace == Enlace::Caido {
            self.fallar_sonda(endpoint, Motivo::SinConexion, now);
        } else {
            self.acciones.push_back(Accion::Sondear { endpoint, peticion });
        }
    }

    fn acertar_sonda(&mut self, endpoint: usize, now: Instant) {
        let Some(Sonda { permit, .. }) = self.endpoints[endpoint].sonda.take() else { return };
        self.endpoints[endpoint].enlace = Enlace::Arriba;
        self.con_breaker(endpoint, Motivo::Exito, |breaker| breaker.on_success(permit));
        self.programar_sonda(endpoint, now);
    }

    fn fallar_sonda(&mut self, endpoint: usize, motivo: Motivo, now: Instant) {
        let Some(Sonda { permit, .. }) = self.endpoints[endpoint].sonda.take() else { return };
        if self.con_breaker(endpoint, motivo, |breaker| breaker.on_failure(permit, now)) {
            if motivo == Motivo::Plazo {
                self.avisar(Aviso::SinRespuesta { endpoint, espera: self.config.plazo_salud });
            }
            self.dejar(endpoint, motivo, now);
        }
        self.programar_sonda(endpoint, now);
    }

    /// Mientras un endpoint no esté conectado y sano, se pregunta por él cada cierto tiempo.
    fn programar_sonda(&mut self, endpoint: usize, now: Instant) {
        let p = &mut self.endpoints[endpoint];
        if p.breaker.sano() && p.enlace == Enlace::Arriba {
            p.proxima_sonda = None;
        } else if p.sonda.is_none() {
            p.proxima_sonda = p.proxima_sonda.or(Some(now + self.config.cada_salud));
        }
    }
}

#[cfg(test)]
mod tests;
