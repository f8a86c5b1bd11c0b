//! Decide qué se cree del almacenamiento por lo que dicen los informes, y a qué ritmo se prueba si ha vuelto.

use std::time::Instant;

use super::limites::{SONDA_CADA, SONDA_OPERACIONES, SUELTA_CADA};

/// Lo último que se supo.
#[derive(Clone, Debug)]
pub(super) enum Almacen {
    /// Decide operaciones (o nadie ha dicho lo contrario).
    Bien,
    /// Alguien no halló a dónde enviar. `quedan`: las que aún pueden salir en esta sonda; `proxima`: cuándo es la
    /// siguiente.
    Caido { proxima: Instant, quedan: u32 },
}

impl Almacen {
    pub(super) fn on_sin_almacen(&mut self, now: Instant) {
        if matches!(self, Self::Bien) {
            *self = Self::Caido { proxima: now + SONDA_CADA, quedan: 0 };
        }
    }

    pub(super) fn caido(&self) -> bool {
        matches!(self, Self::Caido { .. })
    }

    /// Si puede salir una por la que nadie espera.
    pub(super) fn admite_viejas(&mut self, now: Instant) -> bool {
        match self {
            Self::Bien => true,
            Self::Caido { proxima, quedan } => {
                if now >= *proxima {
                    *proxima = now + SONDA_CADA;
                    *quedan = SONDA_OPERACIONES;
                }
                *quedan > 0
            }
        }
    }

    pub(super) fn contar_vieja(&mut self) {
        if let Self::Caido { quedan, .. } = self {
            *quedan = quedan.saturating_sub(1);
        }
    }

    /// Alguien quiere que se pruebe ahora.
    pub(super) fn sondear_ya(&mut self, now: Instant) {
        if let Self::Caido { proxima, .. } = self {
            *proxima = now.min(*proxima);
        }
    }

    /// Cuándo es la siguiente sonda.
    pub(super) fn sonda(&self) -> Option<Instant> {
        match self {
            Self::Caido { proxima, quedan: 0 } => Some(*proxima),
            _ => None,
        }
    }
}

/// Lo que se oye del almacenamiento: si da señales de vida, y si hay quien espere a que las dé.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Noticias {
    buenas: u64,
    mudo: bool,
    /// Alguna espera a que el almacenamiento vuelva.
    pub(super) por_soltar: bool,
}

impl Noticias {
    /// Decidió algo, o se sabe que ha vuelto.
    pub(super) fn buena(&mut self) {
        self.buenas += 1;
        self.mudo = false;
    }

    /// Una llamada no llegó o no volvió.
    pub(super) fn mala(&mut self) {
        self.mudo = true;
        self.por_soltar = true;
    }

    pub(super) fn buenas(self) -> u64 {
        self.buenas
    }

    /// Lo último que se oyó fue malo.
    pub(super) fn mudo(self) -> bool {
        self.mudo
    }
}

/// Limita cada cuánto se suelta a todas las que esperan al almacenamiento.
#[derive(Clone, Debug, Default)]
pub(super) struct Suelta(Option<Instant>);

impl Suelta {
    pub(super) fn permitida(&mut self, now: Instant) -> bool {
        let permitida = self.0.is_none_or(|ultima| now >= ultima + SUELTA_CADA);
        if permitida {
            self.0 = Some(now);
        }
        permitida
    }
}
