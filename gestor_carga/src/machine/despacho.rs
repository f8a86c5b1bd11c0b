//! Decide quién sale, cuándo y hacia dónde.

use std::time::Instant;

use super::{
    Machine,
    limites::{CIERRES_MAX, DIRECTAS_MAX},
    operacion::{Destino, Fase, Num, RUTAS, Ruta, Turno},
    turnos::{Abiertas, Sacada},
};

/// A dónde van las de cada ruta en esta tanda, y cuántas más caben en esa lista.
type DestinosDeTanda = [Option<(Destino, usize)>; RUTAS];

impl<W> Machine<W> {
    /// Da turnos mientras haya ventana y a dónde ir, y entrega las listas que resultan.
    pub(super) fn despachar(&mut self, now: Instant) {
        let mut tanda: DestinosDeTanda = [None; RUTAS];
        while self.vuelos.cuantos() < self.limites.ventana {
            let abiertas = self.abiertas(&mut tanda);
            let viejas = self.almacen.admite_viejas(now);
            let Some(Sacada { num, ruta, nueva }) = self.turnos.sacar(abiertas, viejas) else { break };
            let Some(op) = self.ops.get(&num) else { continue };
            if op.fase != Fase::EnCola(Turno::Lista { nueva }) || op.salida() != ruta {
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
            self.enviar(now, num, &mut tanda);
        }
        self.listas.entregar(&self.presencia, &mut self.acciones);
    }

    fn enviar(&mut self, now: Instant, num: Num, tanda: &mut DestinosDeTanda) {
        let Some(op) = self.ops.get_mut(&num) else { return };
        let ruta = op.salida();
        let (comun, caben) = tanda[ruta.indice()].expect("solo se sacan turnos de rutas abiertas");
        let destino = match (ruta, op.ultimo) {
            // La que ya fue a alguno va a otro, tenga lo que tenga.
            (Ruta::Actor(topico), Some(ultimo)) => {
                let intentos = [op.orden.intento, op.orden.intento.wrapping_add(1)];
                let elegidos = intentos.map(|n| self.presencia.elegir(topico, &op.clave(), n).map(Destino::Actor));
                elegidos.into_iter().flatten().find(|destino| *destino != ultimo).unwrap_or(comun)
            }
            _ => comun,
        };
        if destino == comun {
            tanda[ruta.indice()] = (caben > 1).then_some((comun, caben - 1));
        }
        op.ultimo = Some(destino);
        let reentrega = self.plazos.reentrega.armar(now, num);
        op.fase = Fase::EnVuelo { destino, reentrega };
        self.vuelos.sale(num, destino);
        self.listas.juntar(destino, op);
    }

    /// Las rutas con a dónde ir: las que tienen lista en esta tanda, o un destino al que le cabe una.
    fn abiertas(&self, tanda: &mut DestinosDeTanda) -> Abiertas {
        Ruta::TODAS.map(|ruta| {
            let lista = &mut tanda[ruta.indice()];
            if lista.is_none() {
                *lista = self.libre(ruta).map(|destino| (destino, self.limites.lista));
            }
            lista.is_some()
        })
    }

    fn libre(&self, ruta: Ruta) -> Option<Destino> {
        let libre = |destino: &Destino| self.vuelos.libre(*destino);
        match ruta {
            Ruta::Actor(topico) => self.presencia.de(topico).map(Destino::Actor).find(libre),
            Ruta::Directa => (0..DIRECTAS_MAX).map(Destino::Directo).find(libre),
            Ruta::Cierre => (0..CIERRES_MAX).map(Destino::Cierre).find(libre),
        }
    }

    /// Cuándo hay que probar si el almacenamiento ha vuelto; solo si hay con qué y por dónde.
    pub(super) fn sonda(&self) -> Option<Instant> {
        let proxima = self.almacen.sonda()?;
        let cabe = self.vuelos.cuantos() < self.limites.ventana;
        (cabe && self.turnos.hay_viejas(self.abiertas(&mut [None; RUTAS]))).then_some(proxima)
    }

    /// Se sabe que esa operación no tiene a dónde ir: sin actores, o en cola y sin almacenamiento.
    pub(super) fn sin_destino(&self, num: Num) -> bool {
        let Some(op) = self.ops.get(&num) else { return false };
        let sin_actores = matches!(op.ruta(), Ruta::Actor(topico) if !self.presencia.hay(topico));
        sin_actores || (self.almacen.caido() && !op.en_vuelo())
    }
}
