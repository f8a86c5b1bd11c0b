//! Decide qué se puede preguntar sin cambiar nada.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::etiqueta::{EjemplarId, Isbn, UsuarioId};

/// Una pregunta: no deja huella y se puede repetir sin cuidado.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consulta {
    /// Cómo está un ejemplar y quién lo tiene hasta cuándo.
    Ejemplar(EjemplarId),
    /// Qué ejemplares hay de un título y cuáles están libres.
    Libro(Isbn),
    Usuario(UsuarioId),
    Operacion(Uuid),
}

impl Consulta {
    /// Como se escribe en las solicitudes.
    pub fn nombre(&self) -> &'static str {
        match self {
            Self::Ejemplar(_) => "consulta_ejemplar",
            Self::Libro(_) => "consulta_libro",
            Self::Usuario(_) => "consulta_usuario",
            Self::Operacion(_) => "consulta_operacion",
        }
    }
}
