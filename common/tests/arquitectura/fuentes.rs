//! Lee el árbol: las fuentes, sin ejecutar nada.

use std::{
    fs,
    path::{Path, PathBuf},
};

const CRATES: [&str; 6] = ["common", "gestor_carga", "gestor_almacenamiento", "actores", "anaquel", "test_sistema"];

/// Una fuente: su ruta desde la raíz y sus líneas de código, sin comentarios.
pub struct Fuente {
    pub ruta: String,
    pub lineas: usize,
    pub codigo: Vec<(usize, String)>,
}

impl Fuente {
    pub fn nueva(ruta: &str, texto: &str) -> Self {
        let codigo = texto
            .lines()
            .enumerate()
            .map(|(i, linea)| (i + 1, linea.split("//").next().unwrap_or("").to_owned()))
            .filter(|(_, linea)| !linea.trim().is_empty())
            .collect();
        Self { ruta: ruta.to_owned(), lineas: texto.lines().count(), codigo }
    }

    /// Las líneas que contienen alguna de `partes`, como «ruta:línea: parte».
    pub fn lineas_con(&self, partes: &[&str]) -> Vec<String> {
        let mut halladas = Vec::new();
        for (numero, linea) in &self.codigo {
            halladas
                .extend(partes.iter().filter(|p| linea.contains(**p)).map(|p| format!("{}:{numero}: {p}", self.ruta)));
        }
        halladas
    }

    pub fn esta_en(&self, prefijos: &[&str]) -> bool {
        prefijos.iter().any(|p| self.ruta.starts_with(p))
    }
}

pub fn raiz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("common está dentro del espacio de trabajo").to_owned()
}

pub fn recorrer(carpeta: &Path, extension: &str, halladas: &mut Vec<PathBuf>) {
    for entrada in fs::read_dir(carpeta).into_iter().flatten().flatten() {
        let ruta = entrada.path();
        if ruta.is_dir() {
            recorrer(&ruta, extension, halladas);
        } else if ruta.extension().is_some_and(|e| e == extension) {
            halladas.push(ruta);
        }
    }
}

pub fn fuentes() -> Vec<Fuente> {
    let raiz = raiz();
    let mut rutas = Vec::new();
    for nombre in CRATES {
        recorrer(&raiz.join(nombre), "rs", &mut rutas);
    }
    rutas.sort();
    assert!(rutas.len() > 30, "no se hallaron las fuentes en {}", raiz.display());
    rutas
        .iter()
        .map(|ruta| {
            let texto = fs::read_to_string(ruta).expect("las fuentes se pueden leer");
            Fuente::nueva(&ruta.strip_prefix(&raiz).expect("bajo la raíz").to_string_lossy(), &texto)
        })
        .collect()
}

/// Las fuentes, salvo las de estas mismas pruebas, que nombran lo prohibido.
pub fn sin_estas_pruebas() -> impl Iterator<Item = Fuente> {
    fuentes().into_iter().filter(|f| !f.esta_en(&["common/tests/arquitectura/"]))
}

/// El texto de un archivo, por su ruta desde la raíz.
pub fn texto(ruta: &str) -> String {
    fs::read_to_string(raiz().join(ruta)).unwrap_or_else(|e| panic!("{ruta}: {e}"))
}

pub fn ninguna(ley: &str, infracciones: &[String]) {
    assert!(infracciones.is_empty(), "{ley}:\n  {}", infracciones.join("\n  "));
}
