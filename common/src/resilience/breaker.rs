//! Decide si un endpoint admite una llamada: CERRADO, ABIERTO o MEDIO_ABIERTO.
//!
//! Un incidente es un fallo: el `epoch` avanza con cada fallo contado y con cada transición, y un permiso de un
//! epoch anterior ya no cambia nada. Así, cien llamadas en vuelo que caen juntas cuentan una vez.

use std::time::{Duration, Instant};

/// El estado que ve quien mira desde fuera; también viaja, y por eso vive entre los mensajes.
pub use crate::mensajes::EstadoBreaker;

/// Umbrales del breaker.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    pub fallos_max: u32,
    /// Cuánto dura la apertura, como mucho; también lo que se espera por un permiso de MEDIO_ABIERTO.
    pub cooldown: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { fallos_max: 3, cooldown: Duration::from_secs(10) }
    }
}

/// Corta las llamadas a un endpoint que falla de manera repetida.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub struct Breaker {
    config: Config,
    fase: Fase,
    epoch: u64,
}

/// Cada variante lleva solo lo que existe en ese estado.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fase {
    Cerrado {
        fallos: u32,
    },
    Abierto {
        hasta: Instant,
    },
    /// `prestado`: hasta cuándo se espera por el único permiso, si está fuera.
    MedioAbierto {
        prestado: Option<Instant>,
    },
}

/// Prueba de que el breaker admitió una llamada o una sonda. Se devuelve con [`Breaker::on_success`],
/// [`Breaker::on_failure`] o [`Breaker::on_inconclusive`]; el que se suelta sin usar es un fallo, y quien lo tenía lo dice
/// con `on_failure`.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
#[must_use = "el resultado se informa con `on_success` o `on_failure`"]
pub struct Permit {
    epoch: u64,
}

/// El circuito no admite llamadas por ahora.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// A más tardar desde cuándo tiene sentido volver a intentarlo.
    pub hasta: Instant,
}

impl Breaker {
    /// Un breaker cerrado.
    pub fn new(config: Config) -> Self {
        Self { config, fase: Fase::Cerrado { fallos: 0 }, epoch: 0 }
    }

    /// Pide permiso para una llamada.
    ///
    /// # Errors
    /// [`Rejected`] en ABIERTO, y en MEDIO_ABIERTO mientras su único permiso está fuera.
    pub fn acquire(&mut self, now: Instant) -> Result<Permit, Rejected> {
        self.on_timeout(now);
        match &mut self.fase {
            Fase::Cerrado { .. } => {}
            Fase::Abierto { hasta } | Fase::MedioAbierto { prestado: Some(hasta) } => {
                return Err(Rejected { hasta: *hasta });
            }
            Fase::MedioAbierto { prestado } => *prestado = Some(now + self.config.cooldown),
        }
        Ok(Permit { epoch: self.epoch })
    }

    /// Pide permiso para una sonda de salud, que también se hace en ABIERTO.
    ///
    /// # Errors
    /// [`Rejected`] en MEDIO_ABIERTO mientras su único permiso está fuera.
    pub fn acquire_probe(&mut self, now: Instant) -> Result<Permit, Rejected> {
        self.on_timeout(now);
        match self.fase {
            Fase::Abierto { .. } => Ok(Permit { epoch: self.epoch }),
            _ => self.acquire(now),
        }
    }

    /// La llamada o la sonda salió bien. La sonda de un circuito ABIERTO solo lo lleva a MEDIO_ABIERTO.
    pub fn on_success(&mut self, Permit { epoch }: Permit) {
        if epoch != self.epoch {
            return;
        }
        match &mut self.fase {
            Fase::Cerrado { fallos } => *fallos = 0,
            Fase::Abierto { .. } => self.pasar_a(Fase::MedioAbierto { prestado: None }),
            Fase::MedioAbierto { .. } => self.pasar_a(Fase::Cerrado { fallos: 0 }),
        }
    }

    /// La llamada o la sonda falló, o su permiso se suelta sin usar. Dice si el fallo contó.
    pub fn on_failure(&mut self, Permit { epoch }: Permit, now: Instant) -> bool {
        epoch == self.epoch && self.on_incident(now)
    }

    /// La llamada acabó sin decir nada de la salud del endpoint: su permiso vuelve como si no se hubiera usado.
    pub fn on_inconclusive(&mut self, Permit { epoch }: Permit) {
        if let Fase::MedioAbierto { prestado } = &mut self.fase
            && epoch == self.epoch
        {
            *prestado = None;
        }
    }

    /// El endpoint falló sin que mediara permiso (se perdió la conexión, envió basura). Dice si el fallo contó: en
    /// ABIERTO ya no hay qué contar.
    pub fn on_incident(&mut self, now: Instant) -> bool {
        match self.fase {
            Fase::Abierto { .. } => return false,
            Fase::Cerrado { fallos } if fallos + 1 < self.config.fallos_max => {
                self.pasar_a(Fase::Cerrado { fallos: fallos + 1 });
            }
            Fase::Cerrado { .. } | Fase::MedioAbierto { .. } => {
                self.pasar_a(Fase::Abierto { hasta: now + self.config.cooldown });
            }
        }
        true
    }

    /// Una persona da por bueno el endpoint antes de tiempo: ABIERTO pasa a MEDIO_ABIERTO y la siguiente llamada lo prueba.
    /// En los otros estados no hay qué restablecer. Dice si cambió algo.
    pub fn on_reset(&mut self) -> bool {
        let abierto = matches!(self.fase, Fase::Abierto { .. });
        if abierto {
            self.pasar_a(Fase::MedioAbierto { prestado: None });
        }
        abierto
    }

    /// Pasa a MEDIO_ABIERTO si la apertura terminó. Un permiso de MEDIO_ABIERTO que nadie devolvió se da por fallado
    /// en el momento en que se prestó: su apertura ya terminó, y se admite otro.
    pub fn on_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|hasta| now >= hasta) {
            self.pasar_a(Fase::MedioAbierto { prestado: None });
        }
    }

    /// Cuándo hay que llamar a [`Breaker::on_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.fase {
            Fase::Abierto { hasta } => Some(hasta),
            Fase::MedioAbierto { prestado } => prestado,
            Fase::Cerrado { .. } => None,
        }
    }

    /// El estado.
    pub fn estado(&self) -> EstadoBreaker {
        match self.fase {
            Fase::Cerrado { .. } => EstadoBreaker::Cerrado,
            Fase::Abierto { .. } => EstadoBreaker::Abierto,
            Fase::MedioAbierto { .. } => EstadoBreaker::MedioAbierto,
        }
    }

    /// CERRADO y sin fallos pendientes de perdonar.
    pub fn sano(&self) -> bool {
        self.fase == Fase::Cerrado { fallos: 0 }
    }

    fn pasar_a(&mut self, fase: Fase) {
        self.fase = fase;
        self.epoch += 1;
    }
}

#[cfg(test)]
mod tests;
