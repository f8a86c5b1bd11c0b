//! Las carpetas en que trabaja una prueba: se vacían al empezar y guardan su informe al acabar.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use juicio::informe::{Informe, Medido};
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

/// Deja `informe.json` e `informe.md` en una carpeta de `donde` con la fecha y `nombre`, y lo muestra; devuelve la carpeta.
///
/// # Errors
/// Si no se puede escribir ahí.
pub fn dejar<M: Medido>(donde: &Path, nombre: &str, informe: &Informe<M>) -> anyhow::Result<PathBuf> {
    let carpeta = donde.join(format!("{}-{nombre}", chrono::Utc::now().format("%Y-%m-%dT%H-%M-%SZ")));
    let malo = || format!("no se puede escribir el informe en {}", carpeta.display());
    guardar(&carpeta.join("informe.json"), informe).with_context(malo)?;
    fs::write(carpeta.join("informe.md"), informe.texto()).with_context(malo)?;
    println!("\n{}", informe.texto());
    println!("  {} informe en {}", if informe.vale() { "✔ vale;" } else { "✘ NO vale;" }, carpeta.display());
    Ok(carpeta)
}
