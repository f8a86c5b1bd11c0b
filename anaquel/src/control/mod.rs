//! Cómo se pregunta y se ordena a una suite en marcha: una línea JSON de ida y una de vuelta por un zócalo Unix en su
//! directorio.

mod cliente;
mod servidor;
mod tabla;

use serde::{Deserialize, Serialize};

pub use self::{
    cliente::{ErrorDeControl, pedir},
    servidor::Control,
    tabla::tabla,
};

/// El zócalo, dentro del directorio de la suite.
const ZOCALO: &str = "anaquel.sock";
/// Lo más que puede ocupar una línea.
const LINEA_MAX: u64 = 64 * 1024;

/// Lo que se pide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "orden", rename_all = "snake_case")]
pub enum Mandato {
    Estado,
    /// Que uno pare y quede parado; contesta cuando lo está.
    Parar {
        nombre: String,
    },
    /// Que uno esté en marcha; contesta cuando está listo.
    Iniciar {
        nombre: String,
    },
}

/// Lo que se contesta.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "respuesta", rename_all = "snake_case")]
pub enum RespuestaDelLanzador {
    Estado {
        /// Una por proceso, en el orden de siempre.
        filas: Vec<Fila>,
    },
    Hecho {
        mensaje: String,
    },
    /// No se pudo hacer, o no a tiempo.
    Fallo {
        /// Por qué y qué hacer, para una persona.
        mensaje: String,
    },
    /// No hay un proceso que se llame así, o la orden no se entiende.
    Desconocido {
        /// Lo que sí vale, para una persona.
        mensaje: String,
    },
}

/// Cómo está un proceso.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fila {
    pub nombre: String,
    pub estado: String,
    /// Su pid, si vive.
    pub pid: Option<u32>,
    /// Veces que se rearrancó solo.
    pub reinicios: u32,
    /// Segundos que lleva en ese estado; de uno ajeno no se sabe.
    pub desde_s: Option<u64>,
    pub direcciones: String,
}
