//! Lo que un solicitante apunta de cada petición: la parte de una fila de resultados que solo él sabe, y cómo se escribe.

use common::dominio::{Codigo, Estado, Tipo};
use serde::{Deserialize, Serialize};

/// La primera línea de un archivo de medidas.
pub const CABECERA: &str = "numero,operacion,inicio_us,respuesta_us,estado,codigo";

/// En qué quedó una solicitud, para quien la hizo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quedo {
    Aplicada,
    Rechazada,
    Pendiente,
    /// No se hizo nada.
    Error,
    Incierta,
    /// No hubo respuesta antes de acabar la ventana.
    SinRespuesta,
}

impl Quedo {
    /// Como se escribe.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aplicada => "aplicada",
            Self::Rechazada => "rechazada",
            Self::Pendiente => "pendiente",
            Self::Error => "error",
            Self::Incierta => "incierta",
            Self::SinRespuesta => "sin_respuesta",
        }
    }
}

impl From<Estado> for Quedo {
    fn from(estado: Estado) -> Self {
        match estado {
            Estado::Aplicada => Self::Aplicada,
            Estado::Rechazada => Self::Rechazada,
            Estado::Pendiente => Self::Pendiente,
            Estado::Error => Self::Error,
            Estado::Incierta => Self::Incierta,
        }
    }
}

/// Una petición hecha.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Medida {
    pub numero: u32,
    pub operacion: Tipo,
    /// Cuándo se envió por primera vez, en microsegundos desde el principio.
    pub inicio_us: u64,
    /// Cuándo llegó la respuesta, si llegó.
    pub respuesta_us: Option<u64>,
    pub estado: Quedo,
    /// Por qué, si no está hecha.
    pub codigo: Option<Codigo>,
}

impl Medida {
    /// Su línea en CSV: ninguno de sus campos lleva comas ni comillas.
    pub fn linea(&self) -> String {
        let Self { numero, operacion, inicio_us, respuesta_us, estado, codigo } = self;
        let respuesta = respuesta_us.map_or_else(String::new, |us| us.to_string());
        let codigo = codigo.map_or("", |codigo| codigo.as_str());
        format!("{numero},{},{inicio_us},{respuesta},{},{codigo}", operacion.as_str(), estado.as_str())
    }
}
