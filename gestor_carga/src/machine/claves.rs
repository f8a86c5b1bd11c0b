//! Decide quién va primero en cada clave: el orden de llegada, y una fuera a la vez.

use std::collections::{HashMap, VecDeque};

use common::dominio::Clave;

use super::operacion::Num;

/// La cola de una clave.
#[derive(Clone, Debug, Default)]
struct Cola {
    ops: VecDeque<Num>,
    /// Clientes que esperan por alguna de sus operaciones.
    esperas: u32,
}

/// Las colas de todas las claves con operaciones.
#[derive(Clone, Debug, Default)]
pub(super) struct Claves(HashMap<Clave, Cola>);

impl Claves {
    /// Pone la operación al final de su clave; dice si es la primera.
    pub(super) fn encolar(&mut self, clave: Clave, num: Num) -> bool {
        let cola = self.0.entry(clave).or_default();
        cola.ops.push_back(num);
        cola.ops.len() == 1
    }

    /// Quita una operación, esté donde esté: un informe de antes de un rearranque puede decidir una que no es la
    /// primera. Devuelve la que pasa a serlo, si cambia.
    pub(super) fn quitar(&mut self, clave: &Clave, num: Num) -> Option<Num> {
        let cola = self.0.get_mut(clave)?;
        if cola.ops.front() != Some(&num) {
            cola.ops.retain(|otra| *otra != num);
            return None;
        }
        cola.ops.pop_front();
        let siguiente = cola.ops.front().copied();
        if siguiente.is_none() {
            self.0.remove(clave);
        }
        siguiente
    }

    /// Un cliente más espera por esta clave; devuelve la primera si hasta ahora no esperaba nadie.
    pub(super) fn sumar_espera(&mut self, clave: &Clave) -> Option<Num> {
        let cola = self.0.get_mut(clave)?;
        cola.esperas += 1;
        (cola.esperas == 1).then(|| cola.ops.front().copied())?
    }

    pub(super) fn restar_esperas(&mut self, clave: &Clave, cuantas: usize) {
        if let Some(cola) = self.0.get_mut(clave) {
            cola.esperas = cola.esperas.saturating_sub(u32::try_from(cuantas).unwrap_or(u32::MAX));
        }
    }

    /// Las operaciones de esa clave.
    pub(super) fn cuantas(&self, clave: &Clave) -> usize {
        self.0.get(clave).map_or(0, |cola| cola.ops.len())
    }

    pub(super) fn alguien_espera(&self, clave: &Clave) -> bool {
        self.0.get(clave).is_some_and(|cola| cola.esperas > 0)
    }
}
