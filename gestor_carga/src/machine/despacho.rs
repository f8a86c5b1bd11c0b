//! Decide quién sale, cuándo y hacia dónde.

use std::time::Instant;

use super::{
    Machine,
    operacion::{Destino, Fase, Num, Ruta, Turno},
    turnos::Abiertas,
};

impl<W> Machine<W> {
    /// Da turnos mientras haya ventana y a dónde ir, y entrega las listas que resultan. Se llama una vez por tanda de
    /// sucesos: así las listas se forman solas.
    pub fn despachar(&mut self, now: Instant) {
        let abiertas = self.abiertas();
        while self.vuelos.len() < self.limites.ventana {
            let viejas = self.almacen.admite_viejas(now);
            let Some((num, nueva)) = self.turnos.sacar(abiertas, viejas) else { break };
            let Some(op) = self.ops.get(&num) else { continue };
            if op.fase != Fase::EnCola(Turno::Lista { nueva }) {
                continue;
            }
            if nueva && !self.claves.alguien_espera(&op.clave()) {
                // Quien esperaba ya tiene su respuesta: pasa con las viejas.
                self.poner_lista(num);
                continue;
            }
            if !nueva {
                self.almacen.contar_vieja();
            }
            self.turnos.contar(nueva);
            self.enviar(now, num);
        }
        self.listas.entregar(&self.presencia, &mut self.acciones);
    }

    fn enviar(&mut self, now: Instant, num: Num) {
        let Some(op) = self.ops.get_mut(&num) else { return };
        let destino = match op.ruta() {
            Ruta::Directa => Some(Destino::Directo),
            Ruta::Actor(topico) => self.presencia.elegir(topico, &op.clave(), op.orden.intento).map(Destino::Actor),
        };
        let destino = destino.expect("solo se sacan turnos de rutas abiertas");
        let reentrega = self.plazos.reentrega.armar(now, num);
        op.fase = Fase::EnVuelo { destino, reentrega };
        self.vuelos.insert(num);
        self.listas.juntar(destino, op.orden);
    }

    fn abiertas(&self) -> Abiertas {
        Ruta::TODAS.map(|ruta| match ruta {
            Ruta::Actor(topico) => self.presencia.hay(topico),
            Ruta::Directa => true,
        })
    }

    /// Cuándo hay que probar si el almacenamiento ha vuelto; solo si hay con qué y por dónde.
    pub(super) fn sonda(&self) -> Option<Instant> {
        let proxima = self.almacen.sonda()?;
        let cabe = self.vuelos.len() < self.limites.ventana;
        (cabe && self.turnos.hay_viejas(self.abiertas())).then_some(proxima)
    }

    /// Se sabe que esa operación no tiene a dónde ir: sin actores, o en cola y sin almacenamiento.
    pub(super) fn sin_destino(&self, num: Num) -> bool {
        let Some(op) = self.ops.get(&num) else { return false };
        let sin_actores = matches!(op.ruta(), Ruta::Actor(topico) if !self.presencia.hay(topico));
        sin_actores || (self.almacen.caido() && !op.en_vuelo())
    }
}
