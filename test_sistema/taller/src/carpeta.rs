//! Las carpetas en que trabaja una prueba: se vacían al empezar y guardan su informe al acabar.

use std::{fs, io, path::Path};

use serde::Serialize;

/// Borra lo que dejó una vez anterior.
///
/// # Errors
/// Si no se puede borrar.
pub fn vaciar(carpeta: &Path) -> io::Result<()> {
    match fs::remove_dir_all(carpeta) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        r => r,
    }
}

/// Escribe un informe como JSON, creando su carpeta si falta.
///
/// # Errors
/// Si no se puede escribir ahí.
pub fn guardar(ruta: &Path, informe: &impl Serialize) -> io::Result<()> {
    if let Some(carpeta) = ruta.parent() {
        fs::create_dir_all(carpeta)?;
    }
    let json = serde_json::to_string_pretty(informe).map_err(io::Error::other)?;
    fs::write(ruta, json + "\n")
}
