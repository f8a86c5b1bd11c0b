//! La ficha de un experimento, `experimento.json`: con qué se hizo, en qué máquina, y qué ejecuciones están hechas.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use taller::{base::Existencias, carpeta::guardar, maquina::Maquina};

use crate::{
    plan::{self, Ejecucion},
    resultados::Diseno,
};

/// El archivo, en la carpeta de un experimento.
pub const ARCHIVO: &str = "experimento.json";

/// Con qué se hace un experimento: todo lo que hay que repetir para repetirlo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condiciones {
    /// Lo que dura la ventana de cada ejecución.
    pub segundos: u64,
    /// Lo que piensa de media un solicitante entre una respuesta y la petición siguiente.
    pub pausa_ms: u64,
    /// De cada cien peticiones, cuántas de cada operación.
    pub mezcla: String,
    pub semilla: u64,
    pub solicitantes: Vec<u16>,
    /// Cuántas veces se repite cada configuración del diseño principal.
    pub repeticiones: u32,
    pub disenos: Vec<Diseno>,
    pub catalogo: PathBuf,
}

/// Una ejecución y en qué quedó.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anotada {
    #[serde(flatten)]
    pub ejecucion: Ejecucion,
    pub hecha: bool,
    pub solicitudes: u64,
    pub victima: Option<String>,
    /// Cuándo, en microsegundos desde el principio de su ventana.
    pub muerte_us: Option<u64>,
}

/// La ficha.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ficha {
    pub fecha: DateTime<Utc>,
    pub maquina: Maquina,
    pub versiones: BTreeMap<String, String>,
    pub condiciones: Condiciones,
    /// Lo que había en la biblioteca al empezar cada ejecución.
    pub biblioteca: Option<Existencias>,
    /// Si faltan ejecuciones porque se interrumpió.
    pub interrumpido: bool,
    pub ejecuciones: Vec<Anotada>,
}

impl Ficha {
    /// La de un experimento que no ha empezado.
    pub fn new(condiciones: Condiciones, fecha: DateTime<Utc>) -> Self {
        let Condiciones { disenos, solicitantes, repeticiones, .. } = &condiciones;
        let anotada = |ejecucion| Anotada { ejecucion, hecha: false, solicitudes: 0, victima: None, muerte_us: None };
        let ejecuciones = plan::ejecuciones(disenos, solicitantes, *repeticiones);
        Self {
            fecha,
            maquina: Maquina::esta(),
            versiones: BTreeMap::from([("anaquel".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]),
            biblioteca: None,
            interrumpido: false,
            ejecuciones: ejecuciones.into_iter().map(anotada).collect(),
            condiciones,
        }
    }

    /// La de la carpeta de un experimento.
    ///
    /// # Errors
    /// Si no está, o no se entiende.
    pub fn leer(carpeta: &Path) -> io::Result<Self> {
        serde_json::from_slice(&fs::read(carpeta.join(ARCHIVO))?).map_err(io::Error::from)
    }

    /// La deja en la carpeta: entera o la de antes.
    ///
    /// # Errors
    /// Si no se puede escribir ahí.
    pub fn escribir(&self, carpeta: &Path) -> io::Result<()> {
        let temporal = carpeta.join(format!("{ARCHIVO}.tmp"));
        guardar(&temporal, self)?;
        fs::rename(temporal, carpeta.join(ARCHIVO))
    }

    /// Cuántas ejecuciones están hechas.
    pub fn hechas(&self) -> usize {
        self.ejecuciones.iter().filter(|e| e.hecha).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn la_ficha_vuelve_igual_de_su_carpeta() {
        let condiciones = Condiciones {
            segundos: 120,
            pausa_ms: 50,
            mezcla: "40/40/20".into(),
            semilla: 1,
            solicitantes: vec![4, 6, 10],
            repeticiones: 3,
            disenos: Diseno::TODOS.to_vec(),
            catalogo: "datos/libros_10k.csv".into(),
        };
        let mut ficha = Ficha::new(condiciones, DateTime::from_timestamp(1_700_000_000, 0).expect("fecha"));
        ficha.ejecuciones[0].hecha = true;
        let carpeta = tempfile::tempdir().expect("carpeta");
        ficha.escribir(carpeta.path()).expect("se escribe");
        let leida = Ficha::leer(carpeta.path()).expect("se lee");
        assert_eq!((leida.hechas(), leida.ejecuciones.len()), (1, 27));
        assert_eq!((leida.ejecuciones, leida.condiciones), (ficha.ejecuciones, ficha.condiciones));
    }
}
