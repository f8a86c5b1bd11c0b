//! El shell: recibe peticiones por el ROUTER, las junta mientras corre la transacción anterior y contesta.

use std::time::{Duration, Instant};

use common::{
    mensajes::{
        CuerpoPeticion, CuerpoResultado, Fallo, Peticion, PeticionLeida, Resultado, ResultadoEscritura, codificar,
    },
    process::http::Listo,
    tiempos,
    transport::{ErrorDeTransporte, Frame, Socket},
};
use tokio::{
    task::JoinSet,
    time::{Instant as Momento, MissedTickBehavior, interval, sleep_until},
};

use crate::{
    lote::{Cola, EnEspera, Encargo},
    machine::Decidido,
    store::{Base, Conexiones, administracion, consultas, escritura, fallo::nada_hecho},
};

/// Transacciones de escritura a la vez: con una, lo que llega mientras corre va todo en la siguiente.
const ESCRITORES: usize = 1;
/// Conexiones para consultas.
const LECTORES: usize = 3;
/// Consultas en curso o esperando conexión, como mucho; la siguiente se rechaza.
const PREGUNTAS_MAX: usize = 256;
/// Mensajes que se toman de una vez antes de volver a mirar lo demás.
const RAFAGA: usize = 64;
/// Cada cuánto se comprueba la base por cuenta propia, para `/listo`.
const PULSO: Duration = Duration::from_secs(1);
/// Cada cuánto se pasan a las cuentas los sumandos de los lotes: pocos para que leerlas sea rápido.
const CONSOLIDACION: Duration = Duration::from_secs(5);

/// A quién se contesta: los cuadros que iban delante del cuerpo, el número de su petición y lo que no se entendió de ella.
#[derive(Debug)]
struct Remite {
    sobre: Vec<Frame>,
    peticion: u64,
    no_entendidas: Vec<ResultadoEscritura>,
}

/// Quién pidió algo que no es escribir; nadie, si fue el pulso.
type Pregunta = (Option<Remite>, CuerpoResultado);
type Escrito = (Vec<EnEspera<Remite>>, Decidido);

/// El servicio.
pub struct Servicio {
    socket: Socket,
    escritura: Conexiones,
    lectura: Conexiones,
    salud: Conexiones,
    cola: Cola<Remite>,
    lotes: JoinSet<Escrito>,
    preguntas: JoinSet<Pregunta>,
    /// Dicen si queda por consolidar.
    consolidacion: JoinSet<bool>,
    /// Si desde la última consolidación se escribió algo; al arrancar, quizá lo dejó sin consolidar otro.
    por_consolidar: bool,
    /// Si ya se dijo que llegan peticiones de otra versión: una vez basta, y quien las envía lo dice también.
    no_entendida_dicha: bool,
    listo: Listo,
}

impl Servicio {
    /// Atiende por `socket` con la base ya preparada.
    pub fn new(socket: Socket, base: &Base, listo: Listo) -> Self {
        let conexiones = |max| Conexiones::a(base.servicio.clone(), max);
        listo.fijar(true);
        Self {
            socket,
            escritura: conexiones(ESCRITORES),
            lectura: conexiones(LECTORES),
            salud: conexiones(1),
            cola: Cola::default(),
            lotes: JoinSet::new(),
            preguntas: JoinSet::new(),
            consolidacion: JoinSet::new(),
            por_consolidar: true,
            no_entendida_dicha: false,
            listo,
        }
    }

    /// Atiende hasta que `fin` termine; entonces despide lo que espera y acaba lo que está en vuelo.
    ///
    /// # Errors
    /// [`ErrorDeTransporte`] si el zócalo deja de servir.
    pub async fn atender(mut self, fin: impl Future<Output = ()>) -> Result<(), ErrorDeTransporte> {
        tokio::pin!(fin);
        let (mut pulso, mut repaso) = (interval(PULSO), interval(CONSOLIDACION));
        pulso.set_missed_tick_behavior(MissedTickBehavior::Delay);
        repaso.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = &mut fin => return self.despedirse().await,
                Some(escrito) = self.lotes.join_next() => self.contestar_lote(escrito),
                Some(pregunta) = self.preguntas.join_next() => self.contestar_pregunta(pregunta),
                mensaje = self.socket.recv() => self.recibir(mensaje?)?,
                _ = pulso.tick() => self.preguntar_salud(None),
                _ = repaso.tick() => self.consolidar(),
                Some(queda) = self.consolidacion.join_next() => self.por_consolidar |= queda.unwrap_or(true),
            }
            self.lanzar();
        }
    }

    /// Lo que llegó, y lo que haya llegado con ello.
    fn recibir(&mut self, primero: Vec<Frame>) -> Result<(), ErrorDeTransporte> {
        self.leer(primero);
        for _ in 1..RAFAGA {
            match self.socket.try_recv()? {
                Some(mensaje) => self.leer(mensaje),
                None => break,
            }
        }
        Ok(())
    }

    fn leer(&mut self, mensaje: Vec<Frame>) {
        let Some((remite, peticion)) = self.abrir(mensaje) else { return };
        match peticion.cuerpo {
            CuerpoPeticion::Escribir(ordenes) => self.encolar(remite, ordenes, peticion.plazo_ms),
            CuerpoPeticion::Terminar(cierres) => self.encolar(remite, cierres, peticion.plazo_ms),
            CuerpoPeticion::Salud => self.preguntar_salud(Some(remite)),
            CuerpoPeticion::Consultar(consulta) => {
                let lectura = self.lectura.clone();
                self.preguntar(remite, async move {
                    let hecho = consultas::consultar(&lectura, consulta).await;
                    hecho.map_or_else(CuerpoResultado::Fallo, CuerpoResultado::Consultada)
                });
            }
            CuerpoPeticion::Administrar(que) => {
                let lectura = self.lectura.clone();
                self.preguntar(remite, async move {
                    let hecho = administracion::administrar(&lectura, &que).await;
                    hecho.map_or_else(CuerpoResultado::Fallo, CuerpoResultado::Administrada)
                });
            }
        }
    }

    /// El remite y la petición de un mensaje: el cuerpo es el último cuadro y lo de delante se devuelve tal cual. Lo que no se
    /// entiende se contesta si deja leer su número: quien lo envía no ha de esperar su plazo para ir a otra parte.
    fn abrir(&mut self, mut mensaje: Vec<Frame>) -> Option<(Remite, Peticion)> {
        let leida = match mensaje.pop() {
            Some(cuerpo) if !mensaje.is_empty() => Peticion::leer(&cuerpo),
            _ => PeticionLeida::Basura,
        };
        let remite = |peticion, no_entendidas| Remite { sobre: mensaje, peticion, no_entendidas };
        match leida {
            PeticionLeida::Entendida(peticion, no_entendidas) => {
                if let Some(primera) = no_entendidas.first() {
                    self.anotar_no_entendida(&format!("la operación {}: {:?}", primera.id, primera.desenlace));
                }
                Some((remite(peticion.peticion, no_entendidas), peticion))
            }
            PeticionLeida::NoEntendida { peticion, motivo } => {
                self.anotar_no_entendida(&motivo);
                self.contestar(&remite(peticion, Vec::new()), CuerpoResultado::NoEntendida { motivo });
                None
            }
            PeticionLeida::Basura => {
                metrics::counter!("anaquel_mensajes_descartados_total", "motivo" => "peticion").increment(1);
                None
            }
        }
    }

    fn anotar_no_entendida(&mut self, que: &str) {
        metrics::counter!("anaquel_mensajes_descartados_total", "motivo" => "no_entendida").increment(1);
        if !std::mem::replace(&mut self.no_entendida_dicha, true) {
            tracing::warn!("llegan peticiones que no se entienden, ¿de otra versión?: {que}");
        }
    }

    fn encolar(&mut self, remite: Remite, pedidos: Vec<impl Into<Encargo>>, plazo_ms: u32) {
        let plazo = Duration::from_millis(plazo_ms.into());
        let encargos = pedidos.into_iter().map(Into::into).collect();
        if let Err((remite, motivo)) = self.cola.entrar(remite, encargos, Instant::now(), plazo) {
            self.contestar(&remite, CuerpoResultado::Fallo(nada_hecho(motivo.to_string())));
        }
    }

    fn preguntar(&mut self, remite: Remite, pregunta: impl Future<Output = CuerpoResultado> + Send + 'static) {
        if self.preguntas.len() >= PREGUNTAS_MAX {
            return self.contestar(&remite, CuerpoResultado::Fallo(nada_hecho("saturado de consultas")));
        }
        self.preguntas.spawn(async move { (Some(remite), pregunta.await) });
    }

    /// Si se escribió algo y no se está consolidando ya.
    fn consolidar(&mut self) {
        if !self.por_consolidar || !self.consolidacion.is_empty() {
            return;
        }
        self.por_consolidar = false;
        let lectura = self.lectura.clone();
        self.consolidacion.spawn(async move {
            let hecho = administracion::consolidar(&lectura).await;
            hecho
                .inspect_err(|fallo| tracing::warn!("las cuentas se consolidarán más tarde: {}", fallo.motivo))
                .is_err()
        });
    }

    fn preguntar_salud(&mut self, remite: Option<Remite>) {
        if self.preguntas.len() >= PREGUNTAS_MAX {
            if let Some(remite) = remite {
                self.contestar(&remite, CuerpoResultado::Fallo(nada_hecho("saturado de consultas")));
            }
            return;
        }
        let salud = self.salud.clone();
        self.preguntas.spawn(async move {
            let hecho = consultas::salud(&salud).await;
            (remite, hecho.map_or_else(CuerpoResultado::Fallo, |()| CuerpoResultado::Sano))
        });
    }

    /// Empieza una transacción con lo que se juntó, si hay sitio.
    fn lanzar(&mut self) {
        while self.lotes.len() < ESCRITORES && !self.cola.esta_vacia() {
            let lote = self.cola.siguiente(Instant::now());
            if lote.vencidas > 0 {
                let vencidas = u64::try_from(lote.vencidas).unwrap_or(u64::MAX);
                metrics::counter!("anaquel_peticiones_vencidas_total").increment(vencidas);
            }
            if lote.peticiones.is_empty() {
                continue;
            }
            let (escritura, peticiones) = (self.escritura.clone(), lote.peticiones);
            self.lotes.spawn(async move {
                let decidido = decidir(&escritura, &peticiones).await;
                (peticiones, decidido)
            });
        }
    }

    fn contestar_lote(&mut self, escrito: Result<Escrito, tokio::task::JoinError>) {
        let (peticiones, decidido) = escrito.expect("decidir un lote no entra en pánico ni se cancela");
        self.anotar_base(decidido.fallo.as_ref());
        self.por_consolidar = true;
        for peticion in &peticiones {
            self.contestar(&peticion.remite, decidido.resultado(&peticion.encargos));
        }
    }

    fn contestar_pregunta(&mut self, pregunta: Result<Pregunta, tokio::task::JoinError>) {
        let (remite, cuerpo) = pregunta.expect("preguntar a la base no entra en pánico ni se cancela");
        match &cuerpo {
            CuerpoResultado::Fallo(fallo) => self.anotar_base(Some(fallo)),
            _ => self.anotar_base(None),
        }
        if let Some(remite) = remite {
            self.contestar(&remite, cuerpo);
        }
    }

    /// Se dice una vez al caer la base y otra al volver.
    fn anotar_base(&self, fallo: Option<&Fallo>) {
        match fallo {
            Some(fallo) if self.listo.leer() => tracing::warn!("la base de datos no sirve: {}", fallo.motivo),
            None if !self.listo.leer() => tracing::info!("la base de datos vuelve a servir"),
            _ => {}
        }
        self.listo.fijar(fallo.is_none());
        metrics::gauge!("anaquel_base_disponible").set(if fallo.is_none() { 1.0 } else { 0.0 });
    }

    fn contestar(&mut self, remite: &Remite, mut cuerpo: CuerpoResultado) {
        if let CuerpoResultado::Escritas(escritas) = &mut cuerpo {
            escritas.extend_from_slice(&remite.no_entendidas);
        }
        let bytes = codificar(&Resultado { peticion: remite.peticion, cuerpo });
        let cuadros: Vec<&[u8]> = remite.sobre.iter().map(|c| &c[..]).chain([&bytes[..]]).collect();
        if self.socket.try_send(&cuadros).is_err() {
            // Quien pidió murió, o no lee: lo decidido está guardado, y si vuelve lo pedirá con el mismo id.
            metrics::counter!("anaquel_respuestas_sin_destino_total").increment(1);
        }
    }

    /// Nada nuevo entra; lo que espera se despide para que se pida en otra parte, y lo que está en vuelo acaba.
    async fn despedirse(mut self) -> Result<(), ErrorDeTransporte> {
        let limite = Momento::now() + tiempos::DRENAJE;
        let esperan: Vec<_> = self.cola.vaciar().collect();
        for peticion in esperan {
            self.contestar(&peticion.remite, despedida());
        }
        while !(self.lotes.is_empty() && self.preguntas.is_empty()) {
            tokio::select! {
                Some(escrito) = self.lotes.join_next() => self.contestar_lote(escrito),
                Some(pregunta) = self.preguntas.join_next() => self.contestar_pregunta(pregunta),
                mensaje = self.socket.recv() => self.rechazar(mensaje?),
                () = sleep_until(limite) => break,
            }
        }
        // Un DEALER tira lo recibido que aún no leyó cuando ve cerrarse la conexión: se le da tiempo a leerlo.
        let cierre = Momento::now() + tiempos::ANTES_DE_CERRAR;
        loop {
            tokio::select! {
                mensaje = self.socket.recv() => self.rechazar(mensaje?),
                () = sleep_until(cierre) => return Ok(()),
            }
        }
    }

    fn rechazar(&mut self, mensaje: Vec<Frame>) {
        if let Some((remite, _)) = self.abrir(mensaje) {
            self.contestar(&remite, despedida());
        }
    }
}

fn despedida() -> CuerpoResultado {
    CuerpoResultado::Fallo(nada_hecho("se está apagando"))
}

async fn decidir(escritura: &Conexiones, peticiones: &[EnEspera<Remite>]) -> Decidido {
    let encargos: Vec<_> = peticiones.iter().flat_map(|p| p.encargos.iter().cloned()).collect();
    metrics::counter!("anaquel_lotes_operaciones_total").increment(encargos.len() as u64);
    let inicio = Instant::now();
    let decidido = escritura::decidir(escritura, encargos).await;
    metrics::histogram!("anaquel_lote_segundos").record(inicio.elapsed());
    metrics::counter!("anaquel_lotes_total").increment(1);
    decidido
}
