//! Decide las palabras con que el gestor contesta por sí mismo, y cuenta lo que contesta.

use std::{collections::HashMap, time::Instant};

use chrono::Utc;
use common::{
    dominio::{Codigo, Estado},
    mensajes::{self, Respuesta},
};
use metrics::{Counter, Histogram};
use uuid::Uuid;

/// Una respuesta propia, en bytes.
pub fn propia(id: Option<Uuid>, estado: Estado, codigo: Codigo) -> Vec<u8> {
    let respuesta = Respuesta::new(id, estado, codigo, Utc::now());
    let respuesta = match estado {
        Estado::Pendiente => respuesta.con_mensaje(format!(
            "{}; la operación queda anotada y se decidirá sin que la repita",
            sin_promesa(codigo)
        )),
        Estado::Incierta => respuesta.con_mensaje(format!(
            "{}; no se sabe si la operación se hizo: repítala con el mismo id",
            sin_promesa(codigo)
        )),
        Estado::Error if codigo == Codigo::SinActores => {
            respuesta.con_mensaje(format!("{}; no se hizo nada", sin_promesa(codigo)))
        }
        _ => respuesta,
    };
    mensajes::codificar(&respuesta)
}

/// Una respuesta propia con su frase, en bytes.
pub fn con_frase(id: Option<Uuid>, estado: Estado, codigo: Codigo, frase: impl Into<String>) -> Vec<u8> {
    mensajes::codificar(&Respuesta::new(id, estado, codigo, Utc::now()).con_mensaje(frase))
}

/// La causa, sin lo que el código promete por su cuenta.
fn sin_promesa(codigo: Codigo) -> &'static str {
    match codigo {
        Codigo::SinActores => "No hay ningún actor disponible",
        Codigo::Saturado => "Ya hay demasiados esperando por esta operación",
        otro => otro.mensaje(),
    }
}

/// El estado que corresponde al código de una respuesta guardada.
pub fn estado_de(codigo: Codigo) -> Estado {
    match codigo {
        Codigo::Ok => Estado::Aplicada,
        Codigo::OperacionCaducada => Estado::Incierta,
        Codigo::EnRevision => Estado::Pendiente,
        // Las tres razones por las que se anula una operación, y lo que no llegó a serlo.
        Codigo::SinActores
        | Codigo::AlmacenamientoNoDisponible
        | Codigo::SinRespuesta
        | Codigo::ConflictoDeId
        | Codigo::ErrorInterno
        | Codigo::SolicitudInvalida
        | Codigo::Saturado => Estado::Error,
        _ => Estado::Rechazada,
    }
}

/// Cuántas operaciones y consultas se contestaron en cada estado desde que arrancó el gestor.
#[derive(Clone, Debug, Default)]
pub struct Respondidas(HashMap<Estado, u64>);

impl Respondidas {
    /// Las que se contestaron en ese estado.
    pub fn en(&self, estado: Estado) -> u64 {
        self.0.get(&estado).copied().unwrap_or(0)
    }
}

/// Los contadores de lo contestado, con sus asas a mano: buscarlas por etiqueta en cada respuesta cuesta más que
/// contar.
#[derive(Default)]
pub struct Cuentas {
    respondidas: Respondidas,
    contadas: HashMap<(&'static str, Estado, Codigo), Counter>,
    tiempos: HashMap<&'static str, Histogram>,
}

impl Cuentas {
    /// Las que van.
    pub fn respondidas(&self) -> Respondidas {
        self.respondidas.clone()
    }

    /// Una más, y lo que tardó.
    pub fn contar(&mut self, operacion: &'static str, estado: Estado, codigo: Codigo, desde: Instant) {
        *self.respondidas.0.entry(estado).or_default() += 1;
        self.contadas
            .entry((operacion, estado, codigo))
            .or_insert_with(|| {
                metrics::counter!("anaquel_operaciones_total",
                    "operacion" => operacion, "estado" => estado.as_str(), "codigo" => codigo.as_str())
            })
            .increment(1);
        self.tiempos
            .entry(operacion)
            .or_insert_with(|| metrics::histogram!("anaquel_respuesta_segundos", "operacion" => operacion))
            .record(desde.elapsed().as_secs_f64());
    }
}
