//! Decide qué actores están: los que anuncian su suscripción y todavía no la han perdido.

use std::{collections::BTreeMap, rc::Rc};

use common::{dominio::Clave, mensajes::Topico, resilience::actor_de};

use super::limites::ACTORES_MAX;

/// Un actor presente, desde que llega hasta que se va.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ActorNum(u64);

/// Cómo llegó un anuncio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Llegada {
    Nuevo,
    /// Ya estaba: su conexión se rehízo, y lo que llevaba la vieja pudo perderse.
    OtraVez(ActorNum),
    Sobra,
}

#[derive(Clone, Debug)]
struct Actor {
    num: ActorNum,
    instancia: Rc<str>,
}

impl AsRef<str> for Actor {
    fn as_ref(&self) -> &str {
        &self.instancia
    }
}

/// Los actores presentes, por tópico.
#[derive(Clone, Debug, Default)]
pub(super) struct Presencia {
    por_topico: [Vec<Actor>; 2],
    nombres: BTreeMap<ActorNum, (Topico, Rc<str>)>,
    siguiente: u64,
}

impl Presencia {
    pub(super) fn llega(&mut self, topico: Topico, instancia: &str) -> Llegada {
        let actores = &mut self.por_topico[indice(topico)];
        if let Some(actor) = actores.iter().find(|a| a.as_ref() == instancia) {
            return Llegada::OtraVez(actor.num);
        }
        if actores.len() >= ACTORES_MAX {
            return Llegada::Sobra;
        }
        let num = ActorNum(self.siguiente);
        self.siguiente += 1;
        let instancia: Rc<str> = instancia.into();
        self.nombres.insert(num, (topico, Rc::clone(&instancia)));
        actores.push(Actor { num, instancia });
        Llegada::Nuevo
    }

    /// El que se fue, si estaba.
    pub(super) fn se_va(&mut self, topico: Topico, instancia: &str) -> Option<ActorNum> {
        let actores = &mut self.por_topico[indice(topico)];
        let lugar = actores.iter().position(|a| a.as_ref() == instancia)?;
        let actor = actores.remove(lugar);
        self.nombres.remove(&actor.num);
        Some(actor.num)
    }

    pub(super) fn hay(&self, topico: Topico) -> bool {
        !self.por_topico[indice(topico)].is_empty()
    }

    pub(super) fn cuantos(&self, topico: Topico) -> usize {
        self.por_topico[indice(topico)].len()
    }

    /// El que toca a ese intento de una operación con esa clave.
    pub(super) fn elegir(&self, topico: Topico, clave: &Clave, intento: u32) -> Option<ActorNum> {
        actor_de(clave, &self.por_topico[indice(topico)], intento).map(|a| a.num)
    }

    /// Los de un tópico, los más antiguos primero.
    pub(super) fn de(&self, topico: Topico) -> impl Iterator<Item = ActorNum> {
        self.por_topico[indice(topico)].iter().map(|a| a.num)
    }

    pub(super) fn nombre(&self, actor: ActorNum) -> Option<&(Topico, Rc<str>)> {
        self.nombres.get(&actor)
    }
}

fn indice(topico: Topico) -> usize {
    match topico {
        Topico::Prestamo => 0,
        Topico::Devolucion => 1,
    }
}
