//! Cuánto mide un archivo.

use crate::fuentes::{fuentes, ninguna};

const LINEAS_MAX: usize = 800;
/// Una página de pantalla, con sus comentarios.
const LINEAS_DE_MAIN_MAX: usize = 80;

#[test]
fn ningun_archivo_pasa_de_ochocientas_lineas() {
    let largos: Vec<_> = fuentes()
        .iter()
        .filter(|f| f.lineas > LINEAS_MAX)
        .map(|f| format!("{}: {} líneas", f.ruta, f.lineas))
        .collect();
    ninguna("archivo demasiado largo", &largos);
}

#[test]
fn cada_main_cabe_en_una_pagina() {
    let largos: Vec<_> = fuentes()
        .iter()
        .filter(|f| f.ruta.ends_with("src/main.rs") || f.ruta.contains("/src/bin/"))
        .filter(|f| f.lineas > LINEAS_DE_MAIN_MAX)
        .map(|f| format!("{}: {} líneas", f.ruta, f.lineas))
        .collect();
    ninguna("main no cabe en una página", &largos);
}
