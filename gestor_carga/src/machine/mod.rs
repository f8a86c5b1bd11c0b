//! Decide qué se hace con cada operación desde que llega hasta que está decidida. Sin reloj, azar ni E/S.
//!
//! Entra lo que pasó (`on_*`), se dan los turnos ([`Machine::girar`]) y salen efectos ([`Machine::poll_accion`]);
//! [`Machine::poll_timeout`] dice cuándo volver. Todo se empareja por id y huella. Las reglas, en tablas, están en
//! docs/maquinas.md.
//!
//! - `operacion`: qué se sabe de una. `claves`: una fuera a la vez por clave. `turnos`: nuevas antes que viejas.
//! - `entradas`: solicitudes, informes, actores. `despacho`: quién sale y a dónde; `vuelos`: qué está
//!   fuera. `llamadas`: qué significa el final de una llamada directa. `diario`: qué se promete y cuándo. `cierre`: cuándo se deja de intentar. `vistas` e `historia`: lo que mira una persona.

mod accion;
mod almacen;
mod cierre;
mod claves;
pub mod consultas;
mod despacho;
mod diario;
mod entradas;
pub mod historia;
pub mod limites;
mod llamadas;
mod operacion;
mod plazos;
mod presencia;
#[cfg(test)]
mod tests;
mod turnos;
pub mod vistas;
mod vuelos;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::Instant,
};

use common::{
    dominio::{Codigo, OperacionId},
    mensajes::{Orden, Topico},
    resilience::EstadoBreaker,
};

pub use accion::{Accion, Contestacion, PorTerminar};
pub use diario::Aviso;
pub use entradas::aceptar;
pub use limites::Limites;
pub use llamadas::LlamadaDirecta;
pub use operacion::{Fin, Num};

use accion::Listas;
use almacen::{Almacen, Noticias, Suelta};
use claves::Claves;
use operacion::{EnDiario, Fase, Op, Ruta, Turno};
use plazos::Plazos;
use presencia::Presencia;
use turnos::Turnos;
use vuelos::Vuelos;

/// Las operaciones sin decidir de un gestor. `W` es quien espera una respuesta: se consume al contestarle.
#[derive(Clone, Debug)]
pub struct Machine<W> {
    limites: Limites,
    ops: BTreeMap<Num, Op<W>>,
    por_id: HashMap<OperacionId, Num>,
    claves: Claves,
    turnos: Turnos,
    vuelos: Vuelos,
    plazos: Plazos,
    presencia: Presencia,
    almacen: Almacen,
    noticias: Noticias,
    suelta: Suelta,
    circuitos: Vec<EstadoBreaker>,
    diario_averiado: bool,
    esperas: usize,
    listas: Listas,
    acciones: VecDeque<Accion<W>>,
    siguiente: u64,
}

/// Cómo está la máquina, para quien mira desde fuera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Situacion {
    pub operaciones: usize,
    pub en_vuelo: usize,
    pub esperas: usize,
    /// El diario no se puede escribir: la puerta está cerrada.
    pub diario_averiado: bool,
    /// Lo último que se supo del almacenamiento fue que no lo había.
    pub almacen_caido: bool,
    /// Actores presentes de préstamo y de devolución.
    pub actores: [usize; 2],
}

/// Qué sabe el gestor de una operación por la que se pregunta.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noticia {
    /// Está en el diario: se decidirá. El código dice a qué espera.
    Prometida(Codigo),
    /// Está en curso, y nada se ha prometido todavía.
    EnCurso(Codigo),
}

impl<W> Machine<W> {
    /// Una máquina con lo que quedó en el diario, en su orden.
    pub fn new(now: Instant, limites: Limites, filas: impl IntoIterator<Item = (Num, Orden)>) -> Self {
        let mut machine = Self {
            limites,
            ops: BTreeMap::new(),
            por_id: HashMap::new(),
            claves: Claves::default(),
            turnos: Turnos::default(),
            vuelos: Vuelos::default(),
            plazos: Plazos::new(&limites),
            presencia: Presencia::default(),
            almacen: Almacen::Bien,
            noticias: Noticias::default(),
            suelta: Suelta::default(),
            circuitos: Vec::new(),
            diario_averiado: false,
            esperas: 0,
            listas: Listas::new(limites.lista),
            acciones: VecDeque::new(),
            siguiente: 0,
        };
        for (num, orden) in filas {
            machine.siguiente = machine.siguiente.max(num.0 + 1);
            if machine.por_id.contains_key(&orden.id) {
                machine.acciones.push_back(Accion::Borrar { num });
            } else {
                machine.insertar(num, Op::new(Orden { intento: 0, ..orden }, EnDiario::Si, now));
            }
        }
        machine
    }

    /// Un efecto que el shell tiene que llevar a cabo.
    pub fn poll_accion(&mut self) -> Option<Accion<W>> {
        self.acciones.pop_front()
    }

    /// Vencen los plazos y se dan los turnos. Se llama una vez por tanda de sucesos: así las listas se forman solas.
    pub fn girar(&mut self, now: Instant) {
        self.vencer(now);
        self.despachar(now);
    }

    /// Cuándo hay que llamar a [`Machine::girar`], a más tardar.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        let ops = &self.ops;
        let espera = self
            .plazos
            .esperas
            .primero(|vence, num| ops.get(&num).is_some_and(|op| op.esperas.iter().any(|e| e.vence == vence)));
        let sin_anotar = |_, num| ops.get(&num).is_some_and(|op| op.diario == EnDiario::No);
        let pronto = self.plazos.anotar_sin_destino.primero(sin_anotar);
        let anotar = self.plazos.anotar.primero(sin_anotar);
        let reentrega = self.plazos.reentrega.primero(|vence, num| {
            ops.get(&num).is_some_and(|op| matches!(op.fase, Fase::EnVuelo { reentrega, .. } if reentrega == vence))
        });
        let aplazada = self.plazos.aplazadas.first().map(|(hasta, _)| *hasta);
        [espera, pronto, anotar, reentrega, aplazada, self.sonda()].into_iter().flatten().min()
    }

    fn vencer(&mut self, now: Instant) {
        while let Some((hasta, num)) = self.plazos.aplazadas.first().copied().filter(|(hasta, _)| *hasta <= now) {
            self.plazos.aplazadas.remove(&(hasta, num));
            self.poner_lista(num);
        }
        while let Some((vence, num)) = self.plazos.reentrega.vencido(now) {
            self.vencer_reentrega(now, vence, num);
        }
        while let Some((_, num)) = self.plazos.anotar_sin_destino.vencido(now) {
            if self.sin_destino(num) {
                self.anotar(num);
            }
        }
        while let Some((_, num)) = self.plazos.anotar.vencido(now) {
            self.anotar(num);
        }
        while let Some((vence, num)) = self.plazos.esperas.vencido(now) {
            self.vencer_espera(now, vence, num);
        }
    }

    /// Lo que se sabe de una operación sin decidir.
    pub fn noticia(&self, id: OperacionId) -> Option<Noticia> {
        let op = &self.ops[self.por_id.get(&id)?];
        let motivo = self.motivo(op.ruta());
        Some(if op.diario == EnDiario::Si { Noticia::Prometida(motivo) } else { Noticia::EnCurso(motivo) })
    }

    /// Cómo está.
    pub fn foto(&self) -> Situacion {
        Situacion {
            operaciones: self.ops.len(),
            en_vuelo: self.vuelos.cuantos(),
            esperas: self.esperas,
            diario_averiado: self.diario_averiado,
            almacen_caido: self.almacen.caido(),
            actores: Topico::TODOS.map(|topico| self.presencia.cuantos(topico)),
        }
    }

    fn insertar(&mut self, num: Num, op: Op<W>) {
        let clave = op.clave();
        self.por_id.insert(op.id(), num);
        self.ops.insert(num, op);
        if self.claves.encolar(clave, num) {
            self.poner_lista(num);
        }
    }

    /// La primera de su clave se pone en su fila, según si alguien espera por la clave.
    fn poner_lista(&mut self, num: Num) {
        let Some(op) = self.ops.get_mut(&num) else { return };
        let nueva = self.claves.alguien_espera(&op.clave());
        op.fase = Fase::EnCola(Turno::Lista { nueva });
        self.turnos.poner(op.salida(), num, nueva);
    }

    /// Por qué una operación de esa ruta no está decidida todavía.
    fn motivo(&self, ruta: Ruta) -> Codigo {
        match ruta {
            Ruta::Actor(topico) if !self.presencia.hay(topico) => Codigo::SinActores,
            _ if self.almacen.caido() => Codigo::AlmacenamientoNoDisponible,
            _ => Codigo::SinRespuesta,
        }
    }
}
