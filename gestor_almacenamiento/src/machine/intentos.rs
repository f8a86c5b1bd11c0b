//! Decide si lo que tropezó con la base se intenta otra vez, y cuándo.

use std::time::{Duration, Instant};

use common::{
    mensajes::Fallo,
    tiempos::{CRUCES_MAX, RESPIRO, VUELTAS},
};

/// De quién es un error de la base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Culpa {
    /// Otra transacción se cruzó: repetir el lote basta.
    Cruce(String),
    /// De alguna operación del lote: las demás se pueden escribir.
    Operacion(String),
    /// De este punto; la conexión sigue viva.
    Punto(String),
    /// De la conexión, que ya no vale.
    Conexion(String),
}

impl Culpa {
    /// Qué dijo la base.
    pub fn motivo(self) -> String {
        match self {
            Self::Cruce(m) | Self::Operacion(m) | Self::Punto(m) | Self::Conexion(m) => m,
        }
    }
}

/// Qué se hace después de un tropiezo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otra {
    EnSeguida,
    Tras(Duration),
    No,
}

/// Las veces que se intenta una misma cosa.
#[derive(Clone, Debug)]
pub struct Intentos {
    inicio: Instant,
    cruces: u32,
    en_el_aire: bool,
}

impl Intentos {
    /// Los de algo que se empezó a intentar en `inicio`.
    pub fn desde(inicio: Instant) -> Self {
        Self { inicio, cruces: 0, en_el_aire: false }
    }

    /// Los de otra cosa de la misma petición.
    pub fn de_otra(&self) -> Self {
        Self::desde(self.inicio)
    }

    /// Un tropiezo. `usada`: la conexión ya estaba abierta de antes, y pudo morir sin que la base haya caído. `guardando`:
    /// lo que cambia la base había salido hacia ella.
    pub fn tropezar(&mut self, ahora: Instant, culpa: &Culpa, usada: bool, guardando: bool) -> Otra {
        let hay_tiempo = ahora.saturating_duration_since(self.inicio) < VUELTAS;
        let en_el_aire = guardando && matches!(culpa, Culpa::Conexion(_));
        self.en_el_aire |= en_el_aire;
        match culpa {
            // La primera vez, en seguida: quien se cruzó ya acabó. Si se repite, un respiro para no ir a la par.
            Culpa::Cruce(_) if self.cruces < CRUCES_MAX && hay_tiempo => {
                let respiro = RESPIRO * self.cruces;
                self.cruces += 1;
                Otra::Tras(respiro)
            }
            // Con los mismos ids, repetir lo que está en el aire es preguntar qué fue de ello.
            Culpa::Conexion(_) if (usada || en_el_aire) && hay_tiempo => Otra::EnSeguida,
            _ => Otra::No,
        }
    }

    /// Si algo salió hacia la base y no se sabe qué fue de ello.
    pub fn en_el_aire(&self) -> bool {
        self.en_el_aire
    }

    /// El fallo de quien lo deja: nada se hizo, salvo que algo quedara en el aire.
    pub fn fallo(&self, motivo: String) -> Fallo {
        Fallo { nada_hecho: !self.en_el_aire, motivo }
    }
}

/// Un fallo de este punto con el que nada se hizo.
pub fn nada_hecho(motivo: impl Into<String>) -> Fallo {
    Fallo { nada_hecho: true, motivo: motivo.into() }
}
