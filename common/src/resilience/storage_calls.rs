//! Decide qué sale hacia cada endpoint del almacenamiento y cómo acaba cada llamada: la [`Rotacion`], las llamadas sin
//! final y lo que vale como contestación.
//!
//! Por dónde sale entra en cada suceso como un puerto ([`Endpoints`]): los zócalos de verdad, o la red de la simulación.

use std::{
    collections::{HashMap, VecDeque},
    time::Instant,
};

use super::{
    EstadoBreaker, Rotacion,
    rotation::{Accion, Aviso, Config, Contestada, SinServicio},
};
use crate::mensajes::{CuerpoPeticion, CuerpoResultado, Fallo, Peticion, Resultado, ResultadoLeido};

#[cfg(test)]
mod tests;

/// Por donde salen las peticiones. Un endpoint se nombra por su lugar en la lista.
pub trait Endpoints {
    /// Una petición lista para salir, tal cual y cuantas veces haga falta.
    type Escrita;

    /// Prepara una petición.
    fn escribir(&self, peticion: Peticion) -> Self::Escrita;

    /// La envía; `false` si no hay conexión por la que salga.
    fn enviar(&mut self, endpoint: usize, escrita: &Self::Escrita) -> bool;

    /// Pasó algo que una persona querrá saber.
    fn contar(&mut self, noticia: Noticia<'_>);
}

/// Lo que se cuenta, además de lo que avisa la rotación.
#[derive(Clone, Copy, Debug)]
pub enum Noticia<'a> {
    Aviso(Aviso),
    Fallo(usize, &'a Fallo),
    /// Un endpoint contesta que no entiende la petición, y por qué.
    NoEntendida(usize, &'a str),
    /// Un endpoint envió algo que no es una respuesta.
    Basura(usize),
    Saturado,
}

/// El final de una llamada.
#[derive(Debug)]
pub struct Entrega<T = u64> {
    pub tag: T,
    /// Lo que contestó un endpoint (de la clase que se pidió: nunca [`CuerpoResultado::Fallo`] ni
    /// [`CuerpoResultado::NoEntendida`]), o por qué ninguno lo hizo.
    pub resultado: Result<CuerpoResultado, SinServicio>,
}

/// Las llamadas de un proceso. `T` vuelve a quien llamó con el final de cada una; `E` es una petición escrita.
#[derive(Debug)]
pub struct StorageCalls<T, E> {
    rotacion: Rotacion,
    en_curso: HashMap<u64, EnCurso<T, E>>,
    entregas: VecDeque<Entrega<T>>,
    plazo_ms: u32,
}

/// Una llamada sin final todavía.
#[derive(Debug)]
struct EnCurso<T, E> {
    tag: T,
    clase: Clase,
    escrita: E,
}

/// Qué contestación corresponde a una petición.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clase {
    Escritas,
    Consultada,
    Administrada,
    Sano,
}

impl Clase {
    fn pedida(cuerpo: &CuerpoPeticion) -> Self {
        match cuerpo {
            CuerpoPeticion::Escribir(_) | CuerpoPeticion::Terminar(_) => Self::Escritas,
            CuerpoPeticion::Consultar(_) => Self::Consultada,
            CuerpoPeticion::Administrar(_) => Self::Administrada,
            CuerpoPeticion::Salud => Self::Sano,
        }
    }

    fn contestada(cuerpo: &CuerpoResultado) -> Option<Self> {
        match cuerpo {
            CuerpoResultado::Escritas(_) => Some(Self::Escritas),
            CuerpoResultado::Consultada(_) => Some(Self::Consultada),
            CuerpoResultado::Administrada(_) => Some(Self::Administrada),
            CuerpoResultado::Sano => Some(Self::Sano),
            CuerpoResultado::Fallo(_) | CuerpoResultado::NoEntendida { .. } => None,
        }
    }
}

impl<T, E> StorageCalls<T, E> {
    /// Ninguna llamada, y ningún endpoint conectado todavía.
    ///
    /// # Panics
    /// Si no hay ningún endpoint.
    pub fn new(config: Config, endpoints: usize, now: Instant) -> Self {
        Self {
            rotacion: Rotacion::new(config, endpoints, now),
            en_curso: HashMap::new(),
            entregas: VecDeque::new(),
            plazo_ms: u32::try_from(config.plazo.as_millis()).unwrap_or(u32::MAX),
        }
    }

    /// Empieza una llamada; su final llega por [`StorageCalls::poll_entrega`], siempre una vez.
    pub fn llamar(&mut self, now: Instant, tag: T, cuerpo: CuerpoPeticion, a: &mut impl Endpoints<Escrita = E>) {
        let Some(numero) = self.rotacion.on_llamada(now) else {
            a.contar(Noticia::Saturado);
            return self.entregar(tag, Err(SinServicio::NadaHecho));
        };
        let clase = Clase::pedida(&cuerpo);
        let escrita = a.escribir(Peticion { peticion: numero, plazo_ms: self.plazo_ms, cuerpo });
        self.en_curso.insert(numero, EnCurso { tag, clase, escrita });
        self.actuar(now, a);
    }

    /// Hay conexión con un endpoint.
    pub fn on_conectado(&mut self, now: Instant, endpoint: usize, a: &mut impl Endpoints<Escrita = E>) {
        self.rotacion.on_conectado(endpoint, now);
        self.actuar(now, a);
    }

    /// Se perdió. Lo que el endpoint contestó antes de irse vale: se da antes que esto.
    pub fn on_perdido(&mut self, now: Instant, endpoint: usize, a: &mut impl Endpoints<Escrita = E>) {
        self.rotacion.on_desconectado(endpoint, now);
        self.actuar(now, a);
    }

    /// Un endpoint envió algo.
    pub fn on_recibido(
        &mut self,
        now: Instant,
        endpoint: usize,
        recibido: ResultadoLeido,
        a: &mut impl Endpoints<Escrita = E>,
    ) {
        match recibido {
            ResultadoLeido::Entendido(Resultado { peticion, cuerpo }) => {
                let veredicto = self.veredicto(endpoint, peticion, &cuerpo, a);
                if self.rotacion.on_respuesta(endpoint, peticion, veredicto, now)
                    && let Some(EnCurso { tag, .. }) = self.en_curso.remove(&peticion)
                {
                    self.entregar(tag, Ok(cuerpo));
                }
            }
            ResultadoLeido::SoloNumero(peticion) => {
                a.contar(Noticia::Basura(endpoint));
                let veredicto = Contestada::Fallo { nada_hecho: false };
                let _sin_cuerpo = self.rotacion.on_respuesta(endpoint, peticion, veredicto, now);
            }
            ResultadoLeido::Basura => {
                a.contar(Noticia::Basura(endpoint));
                self.rotacion.on_basura(endpoint, now);
            }
        }
        self.actuar(now, a);
    }

    /// Vencen los plazos que hayan vencido.
    pub fn on_timeout(&mut self, now: Instant, a: &mut impl Endpoints<Escrita = E>) {
        if self.poll_timeout().is_some_and(|cuando| cuando <= now) {
            self.rotacion.on_timeout(now);
            self.actuar(now, a);
        }
    }

    /// Restablece el circuito de un endpoint, por orden de una persona: el estado en que estaba y en el que queda.
    pub fn on_reset(
        &mut self,
        now: Instant,
        endpoint: usize,
        a: &mut impl Endpoints<Escrita = E>,
    ) -> Option<(EstadoBreaker, EstadoBreaker)> {
        let antes = self.estados().nth(endpoint)?;
        self.rotacion.on_reset(endpoint, now);
        self.actuar(now, a);
        self.estados().nth(endpoint).map(|despues| (antes, despues))
    }

    /// Cuándo hay que llamar a [`StorageCalls::on_timeout`], a más tardar.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.rotacion.poll_timeout()
    }

    /// El final de alguna llamada.
    pub fn poll_entrega(&mut self) -> Option<Entrega<T>> {
        self.entregas.pop_front()
    }

    /// Si hay conexión con algún endpoint: sin ella, toda llamada acaba en seguida.
    pub fn hay_enlace(&self) -> bool {
        self.rotacion.hay_enlace()
    }

    /// El estado de cada breaker, en el orden de los endpoints.
    pub fn estados(&self) -> impl Iterator<Item = EstadoBreaker> {
        self.rotacion.estados()
    }

    fn veredicto(
        &self,
        endpoint: usize,
        peticion: u64,
        cuerpo: &CuerpoResultado,
        a: &mut impl Endpoints<Escrita = E>,
    ) -> Contestada {
        let pedida = self.en_curso.get(&peticion).map(|en_curso| en_curso.clase);
        match cuerpo {
            CuerpoResultado::Fallo(fallo) => {
                a.contar(Noticia::Fallo(endpoint, fallo));
                Contestada::Fallo { nada_hecho: fallo.nada_hecho }
            }
            CuerpoResultado::NoEntendida { motivo } => {
                a.contar(Noticia::NoEntendida(endpoint, motivo));
                Contestada::NoEntendida
            }
            // Sin llamada que espere, puede ser la respuesta a una sonda o una tardía.
            _ if pedida.is_none() || pedida == Clase::contestada(cuerpo) => Contestada::Servida,
            _ => {
                a.contar(Noticia::Basura(endpoint));
                Contestada::Fallo { nada_hecho: false }
            }
        }
    }

    /// Hace lo que la rotación haya decidido.
    fn actuar(&mut self, now: Instant, a: &mut impl Endpoints<Escrita = E>) {
        while let Some(accion) = self.rotacion.poll_accion() {
            match accion {
                Accion::Enviar { endpoint, llamada } => {
                    let Some(en_curso) = self.en_curso.get(&llamada) else { continue };
                    if !a.enviar(endpoint, &en_curso.escrita) {
                        self.rotacion.on_no_enviado(endpoint, llamada, now);
                    }
                }
                Accion::Sondear { endpoint, peticion } => {
                    let salud = Peticion { peticion, plazo_ms: self.plazo_ms, cuerpo: CuerpoPeticion::Salud };
                    if !a.enviar(endpoint, &a.escribir(salud)) {
                        self.rotacion.on_no_enviado(endpoint, peticion, now);
                    }
                }
                Accion::Abandonar { llamada, porque } => {
                    if let Some(EnCurso { tag, .. }) = self.en_curso.remove(&llamada) {
                        self.entregar(tag, Err(porque));
                    }
                }
                Accion::Avisar(aviso) => a.contar(Noticia::Aviso(aviso)),
            }
        }
    }

    fn entregar(&mut self, tag: T, resultado: Result<CuerpoResultado, SinServicio>) {
        self.entregas.push_back(Entrega { tag, resultado });
    }
}
