//! Decide cómo ve un operador las operaciones sin decidir, y qué se adelanta cuando pide otro intento.

use std::{borrow::Cow, time::Instant};

use common::{
    dominio::{Clave, Comando, OperacionId, Tipo},
    mensajes::{Instante, MotivoDeApartar, Topico},
};
use serde::{Deserialize, Serialize};

use super::{
    Machine,
    historia::FalloVisto,
    operacion::{Destino, EnDiario, Fase, Fin, Op, Ruta, Turno},
};

/// En qué está una operación, en palabras de un operador.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EstadoTarea {
    /// Espera su primer turno: a otra de su clave, a un actor o a que haya sitio.
    Pendiente,
    /// Dada a un actor, que todavía no ha informado.
    Asignada,
    /// El almacenamiento la está decidiendo por llamada directa, o se está terminando con ella (anularla o apartarla).
    EnCurso,
    /// Salió y no se decidió; espera otro intento.
    Reintento,
    /// Apartada: la mira una persona. Ya no está en la máquina, sino en el almacenamiento.
    Apartada,
    /// Decidida. Ya no está en la máquina.
    Completada,
}

/// Una operación sin decidir, como la ve un operador.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tarea {
    pub id: OperacionId,
    pub comando: Comando,
    pub estado: EstadoTarea,
    /// El número de su intento, desde 0.
    pub intento: u32,
    /// Por qué está así, si no es obvio.
    pub motivo: Option<Cow<'static, str>>,
    pub actor: Option<String>,
    /// Ha de ir sola: pudo matar a quien la atendía.
    pub sola: bool,
    /// Está en el diario: se decidirá aunque el gestor muera.
    pub prometida: bool,
    pub aceptada: Instante,
    /// No saldrá otra vez antes de este momento.
    pub no_antes: Option<Instant>,
    pub esperas: usize,
    /// Sus últimos fallos, del primero al último.
    pub historia: Vec<FalloVisto>,
}

/// Qué tareas interesan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filtro {
    pub estado: Option<EstadoTarea>,
    pub tipo: Option<Tipo>,
    pub clave: Option<Clave>,
}

/// Qué pasó al pedir otro intento.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reintento {
    /// Ya no espera más que su turno.
    Adelantada,
    /// Está fuera: no se toca, y quien la tiene informará.
    EnVuelo,
    NoExiste,
}

impl<W> Machine<W> {
    /// Una página de las operaciones sin decidir que pasan el filtro, en orden de llegada, y cuántas son en total.
    pub fn tareas(&self, filtro: Filtro, desde: usize, cuantas: usize) -> (Vec<Tarea>, usize) {
        let pasa = |op: &Op<W>| {
            filtro.tipo.is_none_or(|tipo| op.orden.comando.tipo() == tipo)
                && filtro.clave.is_none_or(|clave| op.clave() == clave)
                && filtro.estado.is_none_or(|estado| estado_de(op) == estado)
        };
        let pasan = || self.ops.values().filter(|op| pasa(op));
        let pagina = pasan().skip(desde).take(cuantas).map(|op| self.como_tarea(op)).collect();
        // Sin filtro, que es como se mira a menudo, no se recorre la tabla.
        let total = if filtro == Filtro::default() { self.ops.len() } else { pasan().count() };
        (pagina, total)
    }

    /// Una operación sin decidir.
    pub fn tarea(&self, id: OperacionId) -> Option<Tarea> {
        self.por_id.get(&id).map(|num| self.como_tarea(&self.ops[num]))
    }

    /// Pone a cero la espera de una operación, y la del almacenamiento si se le daba por caído; a la que está fuera no le
    /// pasa nada.
    pub fn reintentar(&mut self, now: Instant, id: OperacionId) -> Reintento {
        let Some(&num) = self.por_id.get(&id) else { return Reintento::NoExiste };
        match self.ops[&num].fase {
            Fase::EnVuelo { .. } => return Reintento::EnVuelo,
            Fase::EnCola(Turno::Aplazada { hasta, .. }) => {
                self.plazos.aplazadas.remove(&(hasta, num));
                self.poner_lista(num);
            }
            Fase::EnCola(Turno::Detras | Turno::Lista { .. }) => {}
        }
        self.almacen.sondear_ya(now);
        Reintento::Adelantada
    }

    /// Cuántas operaciones sin decidir hay sobre esa clave.
    pub fn pendientes(&self, clave: &Clave) -> usize {
        self.claves.cuantas(clave)
    }

    fn como_tarea(&self, op: &Op<W>) -> Tarea {
        let (actor, no_antes) = match op.fase {
            Fase::EnVuelo { destino: Destino::Actor(actor), .. } => {
                (self.presencia.nombre(actor).map(|(_, instancia)| instancia.to_string()), None)
            }
            Fase::EnCola(Turno::Aplazada { hasta, .. }) => (None, Some(hasta)),
            Fase::EnVuelo { .. } | Fase::EnCola(_) => (None, None),
        };
        Tarea {
            id: op.id(),
            comando: op.orden.comando,
            estado: estado_de(op),
            intento: op.orden.intento,
            motivo: self.motivo_de_tarea(op),
            actor,
            sola: op.orden.sola,
            prometida: op.diario == EnDiario::Si,
            aceptada: op.orden.aceptada,
            no_antes,
            esperas: op.esperas.len(),
            historia: op.historia.copia(),
        }
    }

    fn motivo_de_tarea(&self, op: &Op<W>) -> Option<Cow<'static, str>> {
        match (op.fase, op.ruta()) {
            _ if op.fin.is_some() => op.fin.map(por_que_se_termina),
            (Fase::EnCola(Turno::Detras), _) => Some("espera a otra de su clave".into()),
            (_, _) if op.causa.is_some() => op.causa.clone(),
            (Fase::EnCola(_), Ruta::Actor(topico)) if !self.presencia.hay(topico) => Some(sin_actor(topico).into()),
            _ => None,
        }
    }
}

fn por_que_se_termina(fin: Fin) -> Cow<'static, str> {
    match fin {
        Fin::Anular(codigo) => format!("se anula: {codigo}").into(),
        Fin::Apartar(MotivoDeApartar::FallosDefinidos) => "se aparta: no se pudo escribir una y otra vez".into(),
        Fin::Apartar(MotivoDeApartar::Muertes) => "se aparta: murió quien la atendía a solas una y otra vez".into(),
    }
}

fn sin_actor(topico: Topico) -> &'static str {
    match topico {
        Topico::Prestamo => "no hay actor de préstamo",
        Topico::Devolucion => "no hay actor de devolución",
    }
}

fn estado_de<W>(op: &Op<W>) -> EstadoTarea {
    match op.fase {
        Fase::EnVuelo { destino: Destino::Actor(_), .. } => EstadoTarea::Asignada,
        Fase::EnVuelo { .. } => EstadoTarea::EnCurso,
        Fase::EnCola(_) if op.fin.is_some() => EstadoTarea::EnCurso,
        Fase::EnCola(_) if op.causa.is_some() => EstadoTarea::Reintento,
        Fase::EnCola(_) => EstadoTarea::Pendiente,
    }
}
