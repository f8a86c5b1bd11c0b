//! Los ajustes que la ayuda de cada programa dice tener, con sus valores por defecto.

use std::{collections::BTreeMap, path::Path, process::Command};

/// Un nombre de ajuste, con su valor por defecto («» si no tiene).
pub type Ajustes = BTreeMap<String, String>;

/// Los programas con ajustes.
pub const PROGRAMAS: [&str; 6] =
    ["gestor_carga", "gestor_almacenamiento", "actor_prestamo", "actor_devolucion", "anaquel", "test_sistema"];

/// Los ajustes de un programa, por su ayuda y la de sus órdenes.
pub fn ajustes_de(programa: &str) -> Ajustes {
    let mut halladas = Ajustes::new();
    let mut por_ver = vec![Vec::new()];
    while let Some(camino) = por_ver.pop() {
        let texto = ayuda(programa, &camino);
        por_ver.extend(ordenes(&texto).map(|orden| camino.iter().cloned().chain([orden]).collect()));
        for (nombre, valor) in de_la_lista(&texto).chain(de_las_opciones(&texto)) {
            let antes = halladas.insert(nombre.clone(), valor.clone());
            assert!(antes.is_none_or(|antes| antes == valor), "{programa}: {nombre} tiene dos valores por defecto");
        }
        if texto.contains("ANAQUEL_CONFIG") {
            halladas.insert("ANAQUEL_CONFIG".to_owned(), String::new());
        }
    }
    halladas
}

/// Si un texto parece el nombre de un ajuste.
pub fn es_un_nombre(texto: &str) -> bool {
    texto.contains('_')
        && texto.starts_with(|c: char| c.is_ascii_uppercase())
        && texto.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

fn ayuda(programa: &str, camino: &[String]) -> String {
    let binarios = Path::new(env!("CARGO_BIN_EXE_test_sistema")).parent().expect("está en una carpeta");
    let salida = Command::new(binarios.join(programa))
        .args(camino)
        .arg("--help")
        // Un ajuste del entorno de quien prueba no es el valor por defecto.
        .env_clear()
        .output()
        .unwrap_or_else(|e| panic!("{programa}: {e}. Construya todo con «cargo build --workspace --bins»"));
    String::from_utf8(salida.stdout).expect("UTF-8")
}

/// Los nombres bajo «Órdenes:».
fn ordenes(texto: &str) -> impl Iterator<Item = String> {
    let lista = texto.split("\nÓrdenes:\n").nth(1).unwrap_or("");
    lista
        .lines()
        .take_while(|linea| !linea.is_empty())
        .filter(|linea| linea.starts_with("  ") && !linea.starts_with("   "))
        .filter_map(|linea| linea.split_whitespace().next().map(str::to_owned))
}

/// Las líneas «  NOMBRE  qué es [valor]» bajo «Ajustes».
fn de_la_lista(texto: &str) -> impl Iterator<Item = (String, String)> {
    let lista = texto.split("\nAjustes (").nth(1).unwrap_or("");
    lista.lines().skip(1).take_while(|linea| !linea.is_empty()).map(|linea| {
        let nombre = linea.split_whitespace().next().expect("no está vacía");
        let valor = linea.strip_suffix(']').and_then(|l| l.rsplit_once('[')).map_or("", |(_, valor)| valor);
        (nombre.to_owned(), valor.to_owned())
    })
}

/// Las opciones que dicen «[ajuste: NOMBRE] [por defecto: valor]».
fn de_las_opciones(texto: &str) -> impl Iterator<Item = (String, String)> {
    texto.split("[ajuste: ").skip(1).map(|resto| {
        let (nombre, resto) = resto.split_once(']').expect("se cierra");
        let valor =
            resto.strip_prefix(" [por defecto: ").and_then(|r| r.split_once(']')).map_or("", |(valor, _)| valor);
        (nombre.to_owned(), valor.to_owned())
    })
}
