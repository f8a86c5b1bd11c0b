//! Lo que la máquina manda hacer al shell.

use std::{collections::VecDeque, rc::Rc};

use common::{
    dominio::{Codigo, Estado, OperacionId},
    mensajes::{Orden, RespuestaGuardada, Topico},
};

use super::{
    operacion::{Destino, Num},
    presencia::Presencia,
};

/// Un efecto.
#[derive(Clone, Debug)]
pub enum Accion<W> {
    /// Publicar la lista a ese actor.
    Publicar {
        /// El tópico.
        topico: Topico,
        /// El actor.
        instancia: Rc<str>,
        /// La lista.
        ordenes: Vec<Orden>,
    },
    /// Pedir al almacenamiento que decida la lista.
    Llamar {
        /// La lista.
        ordenes: Vec<Orden>,
    },
    /// Contestar a quien esperaba; se consume.
    Responder {
        /// Quién.
        a: W,
        /// De qué operación.
        id: OperacionId,
        /// Qué.
        contestacion: Contestacion,
    },
    /// Escribir la fila en el diario.
    Anotar {
        /// Su número.
        num: Num,
        /// Lo que se promete.
        orden: Orden,
    },
    /// Borrar la fila, detrás de lo que ya se mandó escribir.
    Borrar {
        /// Su número.
        num: Num,
    },
    /// Decir en el registro que la operación se da a otro.
    Reasignada {
        /// Cuál.
        id: OperacionId,
        /// Por qué.
        motivo: &'static str,
    },
}

/// Qué se contesta.
#[derive(Clone, Debug)]
pub enum Contestacion {
    /// La respuesta guardada, tal cual.
    Decidida(RespuestaGuardada),
    /// Lo que sabe el gestor: `pendiente`, `incierta` o `error`.
    Propia(Estado, Codigo),
}

/// Las listas que se van juntando para cada destino.
#[derive(Clone, Debug)]
pub(super) struct Listas {
    max: usize,
    abiertas: Vec<(Destino, Vec<Orden>)>,
    hechas: VecDeque<(Destino, Vec<Orden>)>,
}

impl Listas {
    pub(super) fn nuevas(max: usize) -> Self {
        Self { max, abiertas: Vec::new(), hechas: VecDeque::new() }
    }

    pub(super) fn juntar(&mut self, destino: Destino, orden: Orden) {
        if orden.sola {
            self.hechas.push_back((destino, vec![orden]));
            return;
        }
        let Some(lugar) = self.abiertas.iter().position(|(otro, _)| *otro == destino) else {
            self.abiertas.push((destino, vec![orden]));
            return;
        };
        self.abiertas[lugar].1.push(orden);
        if self.abiertas[lugar].1.len() >= self.max {
            self.hechas.push_back(self.abiertas.swap_remove(lugar));
        }
    }

    /// Las entrega como acciones. Un destino que ya no está no pierde nada: su pérdida devolvió lo suyo a la cola.
    pub(super) fn entregar<W>(&mut self, presencia: &Presencia, acciones: &mut VecDeque<Accion<W>>) {
        for (destino, ordenes) in self.abiertas.drain(..).chain(self.hechas.drain(..)) {
            match destino {
                Destino::Directo(_) => acciones.push_back(Accion::Llamar { ordenes }),
                Destino::Actor(actor) => {
                    if let Some((topico, instancia)) = presencia.nombre(actor) {
                        let instancia = Rc::clone(instancia);
                        acciones.push_back(Accion::Publicar { topico: *topico, instancia, ordenes });
                    }
                }
            }
        }
    }
}
