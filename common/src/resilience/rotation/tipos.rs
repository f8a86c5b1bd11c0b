//! Lo que entra y sale de la rotación: sus plazos, lo que contesta un endpoint y lo que hay que hacer.

use std::time::Duration;

use crate::{
    resilience::breaker::{self, EstadoBreaker},
    tiempos,
};

/// Plazos y límites del cliente rotatorio.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    pub breaker: breaker::Config,
    /// Lo que se espera por la respuesta a un intento.
    pub plazo: Duration,
    /// Desde que empieza una llamada, cuándo ya no se empieza otro intento.
    pub ultimo_intento: Duration,
    /// Cada cuánto se pregunta por su salud a un endpoint que no está sano.
    pub cada_salud: Duration,
    /// Lo que se espera por la respuesta a esa pregunta.
    pub plazo_salud: Duration,
    pub llamadas_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            breaker: breaker::Config::default(),
            plazo: tiempos::INTENTO,
            ultimo_intento: tiempos::ULTIMO_INTENTO,
            cada_salud: tiempos::CADA_SALUD,
            plazo_salud: tiempos::SALUD,
            llamadas_max: 4_096,
        }
    }
}

/// Lo que contestó un endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contestada {
    Servida,
    /// Que no entiende lo que se le pide: está sano, es de otra versión y nada hizo.
    NoEntendida,
    /// Que no puede, o algo que no vale como respuesta.
    Fallo {
        /// Es seguro que nada se hizo ni se hará.
        nada_hecho: bool,
    },
}

/// Lo que hay que hacer. Los endpoints se nombran por su lugar en la lista.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accion {
    Enviar {
        endpoint: usize,
        /// El número de la llamada y de la petición.
        llamada: u64,
    },
    Sondear {
        endpoint: usize,
        peticion: u64,
    },
    /// La llamada acabó sin que nadie la sirviera.
    Abandonar {
        llamada: u64,
        porque: SinServicio,
    },
    /// Contarlo, en el registro y en las métricas.
    Avisar(Aviso),
}

/// Por qué ningún endpoint sirvió una llamada.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinServicio {
    /// No había a dónde enviarla, o se contestó que no se puede: nada se hizo.
    NadaHecho,
    /// Todos los endpoints contestaron que no la entienden: nada se hizo, y repetirla da lo mismo hasta que alguno cambie.
    NoEntendida,
    /// Algo salió y no se sabe qué fue de ello.
    EnElAire,
}

/// Lo que una persona querrá saber; uno por suceso.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aviso {
    Circuito {
        endpoint: usize,
        estado: EstadoBreaker,
        motivo: Motivo,
    },
    Rotacion {
        endpoint: usize,
        /// El intento de la llamada que lo provocó, desde 1.
        intento: u32,
        intentos_max: u32,
    },
    /// Venció el plazo de un intento o de una pregunta de salud.
    SinRespuesta {
        endpoint: usize,
        espera: Duration,
    },
    /// Hay conexión con el endpoint.
    Conectado {
        endpoint: usize,
        de_nuevo: bool,
    },
    Desconectado {
        endpoint: usize,
        /// Las llamadas que estaban allí y van a otra parte.
        llamadas: usize,
    },
}

/// Por qué cambió un breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motivo {
    Desconexion,
    /// No hay conexión por la que enviar.
    SinConexion,
    Plazo,
    Fallo,
    /// El endpoint envió algo que no es una respuesta.
    Basura,
    /// Una llamada o una pregunta de salud salió bien.
    Exito,
    Tiempo,
    Administrador,
}

impl Motivo {
    /// Para el registro.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Desconexion => "se perdió la conexión",
            Self::SinConexion => "no hay conexión",
            Self::Plazo => "no contestó a tiempo",
            Self::Fallo => "contestó que no puede",
            Self::Basura => "envió algo que no es una respuesta",
            Self::Exito => "contestó bien",
            Self::Tiempo => "pasó el tiempo de la apertura",
            Self::Administrador => "lo restableció una persona",
        }
    }
}
