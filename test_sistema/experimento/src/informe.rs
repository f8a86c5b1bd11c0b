//! Decide qué se saca de un experimento medido: `resumen.csv`, `resumen.md`, los gráficos (SVG y PNG) e `informe.html`.
//!
//! Todo número sale de `resultados.csv`; de `experimento.json`, solo dónde, con qué y cómo se midió. Se puede repetir sobre
//! una carpeta ya medida, y da lo mismo.

mod dibujo;
mod escala;
mod formato;
mod graficos;
mod hueco;
mod muestras;
mod pagina;
mod png;
mod resumen;
mod tablas;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use self::{
    dibujo::{Formato, Grafico},
    graficos::Graficos,
    muestras::Muestras,
    resumen::Resumenes,
};
use crate::{
    ficha::{self, Ficha},
    resultados::{self, Lector},
};

/// La hoja de estilo de los gráficos, en claro.
const CLARO: &str = include_str!("informe/graficos.css");
/// Lo que cambia en oscuro.
const OSCURO: &str = include_str!("informe/graficos_oscuro.css");

/// Por qué no se puede escribir un informe.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Los resultados no se pueden leer.
    #[error(transparent)]
    Resultados(#[from] resultados::Error),
    /// No hay de qué informar.
    #[error("{}: no hay ninguna solicitud, así que no hay de qué informar", .0.display())]
    Vacio(PathBuf),
    /// Un archivo no se puede leer o escribir.
    #[error("{}: {}", .0.display(), .1)]
    Archivo(PathBuf, io::Error),
    /// Un gráfico no se pudo convertir en PNG.
    #[error("el gráfico {0} no se pudo convertir en PNG: {1}")]
    Png(&'static str, String),
}

/// Lee los resultados de una carpeta y deja en ella los resúmenes, los gráficos y la página; devuelve la ruta de la página.
pub fn escribir(carpeta: &Path) -> Result<PathBuf, Error> {
    let ficha = Ficha::leer(carpeta).map_err(|e| Error::Archivo(carpeta.join(ficha::ARCHIVO), e))?;
    let ruta = carpeta.join(resultados::ARCHIVO);
    let mut muestras = Muestras::default();
    for fila in Lector::abrir(&ruta)? {
        muestras.anotar(&fila?);
    }
    if muestras.tandas.is_empty() {
        return Err(Error::Vacio(ruta));
    }
    let muestras = muestras.cerrar();
    let resumenes = Resumenes::de(&muestras);
    let graficos = Graficos::de(&muestras, &resumenes);
    guardar(carpeta, "resumen.csv", tablas::csv(&resumenes).as_bytes())?;
    guardar(carpeta, "resumen.md", tablas::markdown(&ficha, &resumenes).as_bytes())?;
    for grafico in graficos.todos() {
        let svg = suelto(grafico);
        guardar(carpeta, &format!("{}.svg", grafico.archivo), svg.as_bytes())?;
        let png = png::de(&svg).map_err(|e| Error::Png(grafico.archivo, e))?;
        guardar(carpeta, &format!("{}.png", grafico.archivo), &png)?;
    }
    guardar(carpeta, "informe.html", pagina::de(&ficha, &resumenes, &graficos).as_bytes())?;
    Ok(carpeta.join("informe.html"))
}

/// Un gráfico como archivo, con su estilo dentro.
fn suelto(grafico: &Grafico) -> String {
    grafico.svg(Formato::Ancho, Some(&estilo())).into_string()
}

/// En claro, y en oscuro en la pantalla de quien lo prefiera; en papel, siempre en claro.
fn estilo() -> String {
    format!("{CLARO}@media screen and (prefers-color-scheme:dark){{\n{OSCURO}}}\n")
}

fn guardar(carpeta: &Path, nombre: &str, contenido: &[u8]) -> Result<(), Error> {
    let ruta = carpeta.join(nombre);
    fs::write(&ruta, contenido).map_err(|e| Error::Archivo(ruta, e))
}
