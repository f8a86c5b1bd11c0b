//! Decide qué se lee de `experimento.json`: dónde, con qué y cómo se midió.

use std::{collections::BTreeMap, fs, io, path::Path};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::maquina::Maquina;

/// El archivo, en la carpeta de un experimento.
pub const ARCHIVO: &str = "experimento.json";

/// Con qué se hizo.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Condiciones {
    /// Lo que dura la ventana de cada ejecución.
    pub segundos: u64,
    /// Lo que espera de media un solicitante entre una respuesta y la petición siguiente.
    pub pausa_ms: u64,
    /// De cada cien peticiones, cuántas de cada operación.
    pub mezcla: String,
    /// De dónde sale el azar.
    pub semilla: u64,
}

/// Una ejecución y en qué quedó.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Anotada {
    /// Si está hecha entera.
    pub hecha: bool,
}

/// Dónde, con qué y cómo se midió.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ficha {
    /// Cuándo empezó.
    pub fecha: DateTime<Utc>,
    /// En qué máquina.
    pub maquina: Maquina,
    /// Con qué versiones.
    pub versiones: BTreeMap<String, String>,
    /// Con qué.
    pub condiciones: Condiciones,
    /// Si se paró antes de hacerlas todas.
    pub interrumpido: bool,
    /// Las ejecuciones, en su orden.
    pub ejecuciones: Vec<Anotada>,
}

impl Ficha {
    /// La de una carpeta.
    ///
    /// # Errors
    /// Si no está, o no se entiende.
    pub fn leer(carpeta: &Path) -> io::Result<Self> {
        serde_json::from_slice(&fs::read(carpeta.join(ARCHIVO))?).map_err(io::Error::from)
    }

    /// Cuántas ejecuciones están hechas.
    #[must_use]
    pub fn hechas(&self) -> usize {
        self.ejecuciones.iter().filter(|e| e.hecha).count()
    }
}
