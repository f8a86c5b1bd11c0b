//! Decide qué operaciones están fuera, y a qué destino le cabe otra lista.
//!
//! Una lista por destino: mientras no se sabe qué fue de ella, lo que llega se junta y va en la siguiente. Así las listas
//! crecen con la carga, sin temporizadores, y un actor atascado solo retiene lo que llevaba.

use std::collections::{BTreeMap, HashMap};

use super::operacion::{Destino, Num};

/// Lo que está fuera, en orden de llegada.
#[derive(Clone, Debug, Default)]
pub(super) struct Vuelos {
    destinos: BTreeMap<Num, Destino>,
    cuantas: HashMap<Destino, usize>,
}

impl Vuelos {
    pub(super) fn sale(&mut self, num: Num, destino: Destino) {
        if let Some(antes) = self.destinos.insert(num, destino) {
            self.descontar(antes);
        }
        *self.cuantas.entry(destino).or_default() += 1;
    }

    pub(super) fn vuelve(&mut self, num: Num) {
        if let Some(destino) = self.destinos.remove(&num) {
            self.descontar(destino);
        }
    }

    pub(super) fn cuantos(&self) -> usize {
        self.destinos.len()
    }

    /// Si no tiene nada nuestro.
    pub(super) fn libre(&self, destino: Destino) -> bool {
        !self.cuantas.contains_key(&destino)
    }

    /// A todos los destinos les cabe otra lista, tengan lo que tengan: lo que vuelve de golpe no espera por lo demás.
    pub(super) fn hacer_sitio(&mut self) {
        self.cuantas.clear();
    }

    /// Las que tiene ese destino, en orden de llegada.
    pub(super) fn de(&self, destino: Destino) -> Vec<Num> {
        self.destinos.iter().filter(|(_, d)| **d == destino).map(|(num, _)| *num).collect()
    }

    fn descontar(&mut self, destino: Destino) {
        if let Some(cuantas) = self.cuantas.get_mut(&destino) {
            *cuantas -= 1;
            if *cuantas == 0 {
                self.cuantas.remove(&destino);
            }
        }
    }
}
