//! Lo que dicen los archivos de los contenedores y la tabla de ajustes, comparado con lo que hay; no hace falta Docker.

mod ajustes;
mod archivos;
mod ayuda;
mod compose;
mod fuentes;
mod secretos;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// La raíz del repositorio.
fn raiz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("test_sistema está dentro del espacio de trabajo").to_owned()
}

/// El texto de un archivo del repositorio.
fn leer(ruta: &str) -> String {
    fs::read_to_string(raiz().join(ruta)).unwrap_or_else(|e| panic!("{ruta}: {e}"))
}
