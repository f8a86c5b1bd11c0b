//! Decide en qué orden pasan las cosas: por su momento virtual y, en el mismo, por el orden en que se mandaron.

use std::{cmp::Reverse, collections::BinaryHeap};

/// Microsegundos desde que empieza la simulación.
pub type Us = u64;

/// Microsegundos en un milisegundo.
pub const MS: Us = 1_000;
/// Microsegundos en un segundo.
pub const SEG: Us = 1_000_000;

/// Lo que ha de pasar, ordenado.
#[derive(Debug)]
pub struct Agenda<S> {
    montones: BinaryHeap<Reverse<Entrada<S>>>,
    siguiente: u64,
}

#[derive(Debug)]
struct Entrada<S> {
    cuando: Us,
    puesto: u64,
    suceso: S,
}

impl<S> PartialEq for Entrada<S> {
    fn eq(&self, otra: &Self) -> bool {
        (self.cuando, self.puesto) == (otra.cuando, otra.puesto)
    }
}

impl<S> Eq for Entrada<S> {}

impl<S> PartialOrd for Entrada<S> {
    fn partial_cmp(&self, otra: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(otra))
    }
}

impl<S> Ord for Entrada<S> {
    fn cmp(&self, otra: &Self) -> std::cmp::Ordering {
        (self.cuando, self.puesto).cmp(&(otra.cuando, otra.puesto))
    }
}

impl<S> Default for Agenda<S> {
    fn default() -> Self {
        Self { montones: BinaryHeap::new(), siguiente: 0 }
    }
}

impl<S> Agenda<S> {
    /// Pone un suceso en su momento.
    pub fn poner(&mut self, cuando: Us, suceso: S) {
        self.montones.push(Reverse(Entrada { cuando, puesto: self.siguiente, suceso }));
        self.siguiente += 1;
    }

    /// Lo siguiente que pasa.
    pub fn sacar(&mut self) -> Option<(Us, S)> {
        self.montones.pop().map(|Reverse(e)| (e.cuando, e.suceso))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lo_del_mismo_momento_pasa_en_el_orden_en_que_se_mando() {
        let mut agenda = Agenda::default();
        for (cuando, que) in [(5, 'c'), (1, 'a'), (5, 'd'), (1, 'b')] {
            agenda.poner(cuando, que);
        }
        let en_orden: String = std::iter::from_fn(|| agenda.sacar()).map(|(_, que)| que).collect();
        assert_eq!(en_orden, "abcd");
    }
}
