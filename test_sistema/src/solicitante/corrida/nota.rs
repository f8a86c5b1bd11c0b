//! La nota que recuerda cuándo empezó una corrida: un archivo pequeño junto al de peticiones, uno por solicitante.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Por qué no hay nota de que fiarse. Su texto dice la salida.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// El sistema.
    #[error(
        "no se puede usar la nota de la corrida {}: {causa}. Diga dónde empieza con --corrida, y no hará falta",
        ruta.display()
    )]
    Archivo { ruta: PathBuf, causa: io::Error },
    /// Está, y no se entiende.
    #[error("la nota de la corrida {} no se entiende. Para empezar otra, --nueva", .0.display())]
    Ilegible(PathBuf),
}

/// Lo que dice.
#[derive(Serialize, Deserialize)]
struct Nota {
    /// El SHA-256 del archivo.
    contenido: String,
    inicio: DateTime<Utc>,
}

/// La nota de un solicitante, de un archivo de peticiones.
#[derive(Clone, Debug)]
pub struct Lugar(PathBuf);

impl Lugar {
    /// La de `quien`, junto a `archivo`.
    pub fn de(archivo: &Path, quien: &str) -> Self {
        let mut nombre = archivo.as_os_str().to_owned();
        nombre.push(format!(".{quien}.corrida"));
        Self(nombre.into())
    }

    /// Cuándo empezó la corrida de ese contenido, y si sigue una anterior. Si no hay ninguna, o era de otro contenido, o
    /// se pide una nueva, empieza `ahora` y queda anotado, en disco, antes de que nadie pida nada.
    pub fn inicio(&self, contenido: &str, nueva: bool, ahora: DateTime<Utc>) -> Result<(DateTime<Utc>, bool), Error> {
        let anotada = if nueva { None } else { self.leer()? };
        if let Some(nota) = anotada.filter(|nota| nota.contenido == contenido) {
            return Ok((nota.inicio, true));
        }
        // El id lleva milisegundos: lo demás se perdería entre una vez y otra.
        let inicio = DateTime::from_timestamp_millis(ahora.timestamp_millis()).unwrap_or(ahora);
        self.escribir(&Nota { contenido: contenido.to_owned(), inicio }).map_err(|causa| self.fallo(causa))?;
        Ok((inicio, false))
    }

    fn leer(&self) -> Result<Option<Nota>, Error> {
        match fs::read(&self.0) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|_| Error::Ilegible(self.0.clone())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(causa) => Err(self.fallo(causa)),
        }
    }

    /// Entera o nada: se escribe al lado y se le pone el nombre.
    fn escribir(&self, nota: &Nota) -> io::Result<()> {
        let mut temporal = self.0.clone().into_os_string();
        temporal.push(format!(".{}", std::process::id()));
        let temporal = PathBuf::from(temporal);
        let mut archivo = File::create(&temporal)?;
        archivo.write_all(&serde_json::to_vec(nota).map_err(io::Error::other)?)?;
        archivo.sync_all()?;
        fs::rename(&temporal, &self.0)
    }

    fn fallo(&self, causa: io::Error) -> Error {
        Error::Archivo { ruta: self.0.clone(), causa }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instante(segundo: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(segundo, 999).expect("fecha")
    }

    #[test]
    fn la_segunda_vez_sigue_la_primera_y_otro_contenido_u_otra_persona_empiezan_la_suya() {
        let carpeta = tempfile::tempdir().expect("carpeta");
        let archivo = carpeta.path().join("p.txt");
        let ana = Lugar::de(&archivo, "ana");
        let (inicio, sigue) = ana.inicio("abc", false, instante(10)).expect("se anota");
        assert!(!sigue && inicio == DateTime::from_timestamp(10, 0).expect("fecha"));
        assert_eq!(ana.inicio("abc", false, instante(20)).expect("está"), (inicio, true));
        assert!(!Lugar::de(&archivo, "eva").inicio("abc", false, instante(30)).expect("se anota").1);
        assert!(!ana.inicio("abc", true, instante(40)).expect("otra, porque se pide").1);
        assert!(!ana.inicio("xyz", false, instante(50)).expect("otra, porque cambió el archivo").1);
    }

    #[test]
    fn una_nota_que_no_se_entiende_se_dice_con_la_salida() {
        let carpeta = tempfile::tempdir().expect("carpeta");
        let archivo = carpeta.path().join("p.txt");
        fs::write(carpeta.path().join("p.txt.ana.corrida"), "?").expect("se escribe");
        let error = Lugar::de(&archivo, "ana").inicio("abc", false, instante(1)).expect_err("no se entiende");
        assert!(error.to_string().contains("--nueva"), "{error}");
        Lugar::de(&archivo, "ana").inicio("abc", true, instante(1)).expect("se empieza otra");
    }
}
