//! Los ajustes que las fuentes leen de verdad, los diga la ayuda o no.

use std::{collections::BTreeSet, fs, path::Path};

use crate::{ayuda::es_un_nombre, raiz};

/// Con qué se lee un ajuste; lo que sigue es su nombre, o la constante que lo guarda.
const LECTURAS: [&str; 14] = [
    ".texto(",
    "&texto(",
    ".valor(",
    ".valor::<u64>(",
    ".valor::<f64>(",
    ".endpoint(",
    ".endpoints(",
    ".milisegundos(",
    ".ruta(",
    "al_menos_uno(ajustes, ",
    "con_clave(entrada, ajustes, ",
    "con_clave(duenio, ajustes, ",
    "env::var(",
    "env::var_os(",
];

/// Los nombres de los ajustes que se leen en las fuentes de los programas.
pub fn leidos() -> BTreeSet<String> {
    let mut textos = Vec::new();
    let propios = ["common", "gestor_carga", "gestor_almacenamiento", "actores", "anaquel", "test_sistema"];
    let salas =
        ["juicio", "taller", "simulacion", "banco", "experimento", "averias"].map(|s| format!("test_sistema/{s}"));
    for crate_ in propios.map(str::to_owned).iter().chain(&salas) {
        recorrer(&raiz().join(crate_).join("src"), &mut textos);
    }
    assert!(textos.len() > 100, "no se hallaron las fuentes");
    let constantes: Vec<(&str, &str)> = textos.iter().flat_map(|texto| constantes(texto)).collect();
    let mut halladas = BTreeSet::new();
    for texto in &textos {
        let suyas: Vec<_> = constantes_o(texto, &constantes);
        for argumento in LECTURAS.iter().flat_map(|lectura| texto.split(lectura).skip(1)).chain(opciones(texto)) {
            halladas.extend(nombres(argumento, &suyas));
        }
    }
    halladas
}

/// Lo que va detrás de `env = ` en una opción de clap.
fn opciones(texto: &str) -> impl Iterator<Item = &str> {
    texto.split(", env = ").skip(1)
}

/// El nombre que hay al principio de `argumento`, literal o por su constante.
fn nombres(argumento: &str, constantes: &[(&str, &str)]) -> Vec<String> {
    let argumento = argumento.trim_start();
    if let Some(resto) = argumento.strip_prefix('"') {
        return resto.split('"').next().filter(|nombre| es_un_nombre(nombre)).map(str::to_owned).into_iter().collect();
    }
    let camino: &str = argumento.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').next().unwrap_or("");
    let constante = camino.rsplit("::").next().unwrap_or("");
    let vale = |(nombre, valor): &&(&str, &str)| *nombre == constante && es_un_nombre(valor);
    constantes.iter().filter(vale).map(|(_, valor)| (*valor).to_owned()).collect()
}

/// Las constantes de texto de un archivo.
fn constantes(texto: &str) -> Vec<(&str, &str)> {
    let lineas = texto.lines().filter_map(|linea| linea.split_once("const "));
    lineas
        .filter_map(|(_, resto)| {
            let (nombre, valor) = resto.split_once(": &str = \"")?;
            Some((nombre, valor.strip_suffix("\";")?))
        })
        .collect()
}

/// Las de todos, con las del propio archivo en lugar de las que se llamen igual en otro.
fn constantes_o<'a>(texto: &'a str, todas: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let propias = constantes(texto);
    let ajenas = todas.iter().filter(|(nombre, _)| !propias.iter().any(|(propia, _)| propia == nombre));
    propias.iter().chain(ajenas).copied().collect()
}

fn recorrer(carpeta: &Path, textos: &mut Vec<String>) {
    for entrada in fs::read_dir(carpeta).into_iter().flatten().flatten() {
        let ruta = entrada.path();
        if ruta.is_dir() {
            recorrer(&ruta, textos);
        } else if ruta.extension().is_some_and(|e| e == "rs") {
            let texto = fs::read_to_string(&ruta).expect("las fuentes se pueden leer");
            // Las pruebas de un módulo leen ajustes inventados.
            textos.push(texto.split("#[cfg(test)]").next().expect("siempre hay una parte").to_owned());
        }
    }
}
