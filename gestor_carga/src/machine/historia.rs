//! Decide qué se recuerda de los fallos de una operación: los últimos, con su intento y su momento.
//!
//! Solo se anota lo que cuenta para apartarla o la dejó en duda. No hallar actor ni almacenamiento, y el silencio, no son
//! intentos: una caída de horas no ha de borrar los fallos que una persona necesita ver.

use std::{borrow::Cow, collections::VecDeque, time::Instant};

use common::mensajes::{FalloAnotado, Instante};

/// Fallos que se recuerdan de cada operación.
pub const FALLOS_MAX: usize = 16;
/// Letras del porqué de un fallo: viaja en listas, y lo escribe quien falla.
const LETRAS_MAX: usize = 120;

/// Un fallo, con el reloj de la máquina.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FalloVisto {
    pub intento: u32,
    pub cuando: Instant,
    pub que: Cow<'static, str>,
}

impl FalloVisto {
    /// El mismo con la hora de la pared, que la máquina no conoce.
    pub fn anotado(self, hora: impl FnOnce(Instant) -> Instante) -> FalloAnotado {
        FalloAnotado { intento: self.intento, cuando: hora(self.cuando), que: self.que.into_owned() }
    }
}

/// Los últimos fallos de una operación, del primero al último.
#[derive(Clone, Debug, Default)]
pub(super) struct Historia(VecDeque<FalloVisto>);

impl Historia {
    pub(super) fn anotar(&mut self, intento: u32, cuando: Instant, que: Cow<'static, str>) {
        if self.0.len() >= FALLOS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(FalloVisto { intento, cuando, que });
    }

    pub(super) fn copia(&self) -> Vec<FalloVisto> {
        self.0.iter().cloned().collect()
    }
}

/// El porqué, lo bastante corto para guardarlo.
pub(super) fn recortar(motivo: &str) -> String {
    motivo.chars().take(LETRAS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn se_recuerdan_los_ultimos_y_en_orden() {
        let mut historia = Historia::default();
        for intento in 0..40 {
            historia.anotar(intento, Instant::now(), "x".into());
        }
        let intentos: Vec<_> = historia.copia().into_iter().map(|fallo| fallo.intento).collect();
        assert_eq!(intentos, (24..40).collect::<Vec<_>>());
    }

    #[test]
    fn un_motivo_larguisimo_se_recorta_por_letras() {
        assert_eq!(recortar(&"ñ".repeat(5_000)).chars().count(), LETRAS_MAX);
    }
}
