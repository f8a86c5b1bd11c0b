//! Lo que la máquina manda hacer al shell.

use std::{collections::VecDeque, rc::Rc, time::Instant};

use common::{
    dominio::{Codigo, Estado, OperacionId},
    mensajes::{self, Cierre, Expediente, Instante, Orden, RespuestaGuardada, Topico},
};

use super::{
    historia::FalloVisto,
    operacion::{Destino, Fin, Num, Op},
    presencia::Presencia,
};

/// Un efecto.
#[derive(Clone, Debug)]
pub enum Accion<W> {
    Publicar {
        topico: Topico,
        instancia: Rc<str>,
        ordenes: Vec<Orden>,
    },
    /// Pedir al almacenamiento que decida la lista.
    Llamar {
        ordenes: Vec<Orden>,
    },
    /// Pedir al almacenamiento que decida en contra de ellas, si no lo estaban ya.
    Terminar {
        cierres: Vec<PorTerminar>,
    },
    /// Contestar a quien esperaba; se consume.
    Responder {
        a: W,
        id: OperacionId,
        contestacion: Contestacion,
    },
    Anotar {
        num: Num,
        orden: Orden,
    },
    /// Borrar la fila, detrás de lo que ya se mandó escribir.
    Borrar {
        num: Num,
    },
    /// Pasar la fila al buzón, detrás de lo que ya se mandó escribir: se prometió y no se aplicó.
    AlBuzon {
        num: Num,
        orden: Orden,
        fin: RespuestaGuardada,
    },
    /// Decir en el registro que ya no se intenta: se anula o se aparta.
    Renunciada {
        id: OperacionId,
        fin: Fin,
    },
    /// Decir en el registro que la operación se da a otro.
    Reasignada {
        id: OperacionId,
        motivo: &'static str,
    },
}

/// Qué se contesta.
#[derive(Clone, Debug)]
pub enum Contestacion {
    Decidida(RespuestaGuardada),
    /// Lo que sabe el gestor: `pendiente`, `incierta` o `error`.
    Propia(Estado, Codigo),
}

/// Una operación con la que hay que terminar.
#[derive(Clone, Debug)]
pub struct PorTerminar {
    pub orden: Orden,
    pub fin: Fin,
    /// Sus fallos, con el reloj de la máquina.
    pub historia: Vec<FalloVisto>,
}

impl PorTerminar {
    /// Lo que se pide al almacenamiento; la hora de la pared la pone quien la sabe.
    pub fn cierre(self, hora: impl Fn(Instant) -> Instante) -> Cierre {
        let fin = match self.fin {
            Fin::Anular(codigo) => mensajes::Fin::Anular(codigo),
            Fin::Apartar(motivo) => {
                let historia = self.historia.into_iter().map(|fallo| fallo.anotado(&hora)).collect();
                mensajes::Fin::Apartar(Expediente { motivo, historia })
            }
        };
        Cierre { orden: self.orden, fin }
    }
}

/// Las listas que se van juntando para cada destino.
#[derive(Clone, Debug)]
pub(super) struct Listas {
    ordenes: Juntas<Orden>,
    cierres: Juntas<PorTerminar>,
}

impl Listas {
    pub(super) fn new(max: usize) -> Self {
        Self { ordenes: Juntas::new(max), cierres: Juntas::new(max) }
    }

    pub(super) fn juntar<W>(&mut self, destino: Destino, op: &Op<W>) {
        let orden = op.orden;
        match op.fin {
            // Anular o apartar no ejecuta la operación: no mata a nadie, y va acompañada.
            Some(fin) => self.cierres.juntar(destino, PorTerminar { orden, fin, historia: op.historia.copia() }),
            None if orden.sola => self.ordenes.hechas.push_back((destino, vec![orden])),
            None => self.ordenes.juntar(destino, orden),
        }
    }

    /// Las entrega como acciones. Un destino que ya no está no pierde nada: su pérdida devolvió lo suyo a la cola.
    pub(super) fn entregar<W>(&mut self, presencia: &Presencia, acciones: &mut VecDeque<Accion<W>>) {
        for (destino, ordenes) in self.ordenes.entregar() {
            match destino {
                Destino::Directo(_) | Destino::Cierre(_) => acciones.push_back(Accion::Llamar { ordenes }),
                Destino::Actor(actor) => {
                    if let Some((topico, instancia)) = presencia.nombre(actor) {
                        let instancia = Rc::clone(instancia);
                        acciones.push_back(Accion::Publicar { topico: *topico, instancia, ordenes });
                    }
                }
            }
        }
        acciones.extend(self.cierres.entregar().map(|(_, cierres)| Accion::Terminar { cierres }));
    }
}

/// Listas de una misma cosa.
#[derive(Clone, Debug)]
struct Juntas<T> {
    max: usize,
    abiertas: Vec<(Destino, Vec<T>)>,
    hechas: VecDeque<(Destino, Vec<T>)>,
}

impl<T> Juntas<T> {
    fn new(max: usize) -> Self {
        Self { max, abiertas: Vec::new(), hechas: VecDeque::new() }
    }

    fn juntar(&mut self, destino: Destino, cosa: T) {
        let Some(lugar) = self.abiertas.iter().position(|(otro, _)| *otro == destino) else {
            self.abiertas.push((destino, vec![cosa]));
            return;
        };
        self.abiertas[lugar].1.push(cosa);
        if self.abiertas[lugar].1.len() >= self.max {
            self.hechas.push_back(self.abiertas.swap_remove(lugar));
        }
    }

    fn entregar(&mut self) -> impl Iterator<Item = (Destino, Vec<T>)> {
        self.abiertas.drain(..).chain(self.hechas.drain(..))
    }
}
