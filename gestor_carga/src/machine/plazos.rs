//! Decide cuándo hay que volver: una fila por clase de plazo, y un conjunto para las esperas de largo variable.
//!
//! En cada fila todos duran lo mismo, así que vencen en el orden en que se arman. Son perezosas: un plazo que ya no
//! importa se descarta al llegar al frente, y quien lo recibe comprueba.

use std::{
    collections::{BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use super::{limites::Limites, operacion::Num};

/// Plazos de igual duración.
#[derive(Clone, Debug)]
pub(super) struct Fila {
    duracion: Duration,
    entradas: VecDeque<(Instant, Num)>,
}

impl Fila {
    fn new(duracion: Duration) -> Self {
        Self { duracion, entradas: VecDeque::new() }
    }

    /// Arma el plazo desde `now`; devuelve cuándo vence.
    pub(super) fn armar(&mut self, now: Instant, num: Num) -> Instant {
        let vence = now + self.duracion;
        self.entradas.push_back((vence, num));
        vence
    }

    /// Uno que haya vencido.
    pub(super) fn vencido(&mut self, now: Instant) -> Option<(Instant, Num)> {
        self.entradas.pop_front_if(|(vence, _)| *vence <= now)
    }

    /// El primero que `importa`; los de delante se descartan.
    pub(super) fn primero(&mut self, importa: impl Fn(Instant, Num) -> bool) -> Option<Instant> {
        loop {
            let &(vence, num) = self.entradas.front()?;
            if importa(vence, num) {
                return Some(vence);
            }
            self.entradas.pop_front();
        }
    }
}

/// Todos los plazos de la máquina.
#[derive(Clone, Debug)]
pub(super) struct Plazos {
    pub(super) esperas: Fila,
    /// Empezar a escribir el diario si no hay a dónde ir.
    pub(super) anotar_sin_destino: Fila,
    pub(super) anotar: Fila,
    /// Volver a publicar lo que no tiene informe.
    pub(super) reentrega: Fila,
    /// Las que no pueden salir antes de un momento (backoff).
    pub(super) aplazadas: BTreeSet<(Instant, Num)>,
}

impl Plazos {
    pub(super) fn new(limites: &Limites) -> Self {
        Self {
            esperas: Fila::new(limites.plazo),
            anotar_sin_destino: Fila::new(limites.anotar_sin_destino),
            anotar: Fila::new(limites.anotar),
            reentrega: Fila::new(limites.reentrega),
            aplazadas: BTreeSet::new(),
        }
    }
}
