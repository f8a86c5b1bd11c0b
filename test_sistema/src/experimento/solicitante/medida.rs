//! Lo que un solicitante apunta de cada petición: la parte de una fila de resultados que solo él sabe.

use common::dominio::{Codigo, Tipo};
use serde::{Deserialize, Serialize};

use crate::experimento::resultados::Quedo;

/// Una petición hecha.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Medida {
    /// Su línea.
    pub numero: u32,
    /// Qué se pidió.
    pub operacion: Tipo,
    /// Cuándo se envió por primera vez, en microsegundos desde el principio.
    pub inicio_us: u64,
    /// Cuándo llegó la respuesta, si llegó.
    pub respuesta_us: Option<u64>,
    /// En qué quedó.
    pub estado: Quedo,
    /// Por qué, si no está hecha.
    pub codigo: Option<Codigo>,
}
