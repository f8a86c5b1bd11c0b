//! La tabla de `docs/ajustes.md`, comparada con la ayuda, las fuentes y los archivos de compose, en los dos sentidos.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    ayuda::{self, Ajustes, PROGRAMAS},
    compose::{ARCHIVOS, Compose, todos},
    fuentes, leer,
};

/// De quién son los ajustes que solo existen en las construcciones de prueba.
const DE_PRUEBA: &str = "construcciones de prueba";
/// De quién son los que no pone una persona, sino el programa que lanza a otro.
const DE_QUIEN_LANZA: &str = "quien lanza los servicios";

/// Una fila de la primera tabla.
struct Fila {
    programas: Vec<String>,
    variable: String,
    por_defecto: String,
    en_compose: bool,
}

/// Las celdas de las filas de las tablas con esta cabecera, sin comillas de código.
fn filas(cabecera: &str) -> Vec<Vec<String>> {
    let texto = leer("docs/ajustes.md");
    let tabla = texto.split(&format!("\n{cabecera}\n")).nth(1).unwrap_or_else(|| panic!("falta la tabla {cabecera}"));
    tabla
        .lines()
        .skip(1)
        .take_while(|linea| linea.starts_with('|'))
        .map(|linea| linea.trim_matches('|').split('|').map(|celda| celda.trim().replace('`', "")).collect())
        .collect()
}

fn tabla() -> Vec<Fila> {
    let filas = filas("| programa | variable | por defecto | qué es | compose |");
    assert!(filas.len() > 30);
    filas
        .into_iter()
        .map(|celdas| {
            let [programas, variable, por_defecto, que_es, compose] =
                <[String; 5]>::try_from(celdas).expect("cinco columnas");
            assert!(!que_es.is_empty(), "{variable} no dice qué es");
            assert!(["sí", ""].contains(&compose.as_str()), "{variable}: «{compose}»");
            let programas = programas.split(", ").map(str::to_owned).collect();
            Fila { programas, variable, por_defecto, en_compose: compose == "sí" }
        })
        .collect()
}

/// Lo que la tabla dice de un programa.
fn de_la_tabla(programa: &str) -> Ajustes {
    let mut ajustes = Ajustes::new();
    for fila in tabla().into_iter().filter(|fila| fila.programas.iter().any(|p| p == programa)) {
        let repetido = ajustes.insert(fila.variable.clone(), fila.por_defecto);
        assert!(repetido.is_none(), "{programa}: {} está dos veces", fila.variable);
    }
    ajustes
}

#[test]
fn la_tabla_es_lo_que_la_ayuda_de_cada_programa_dice() {
    for programa in PROGRAMAS {
        assert_eq!(de_la_tabla(programa), ayuda::ajustes_de(programa), "a la izquierda, la tabla; {programa}");
    }
    let conocidos: BTreeSet<_> = PROGRAMAS.into_iter().chain([DE_PRUEBA, DE_QUIEN_LANZA]).collect();
    for fila in tabla() {
        assert!(fila.programas.iter().all(|p| conocidos.contains(p.as_str())), "{}: ¿de quién es?", fila.variable);
    }
}

#[test]
fn no_se_lee_ningun_ajuste_que_la_tabla_no_tenga_ni_tiene_ella_uno_que_nadie_lea() {
    // RUST_LOG lo lee tracing-subscriber.
    let leidos: BTreeSet<_> = fuentes::leidos().into_iter().chain(["RUST_LOG".to_owned()]).collect();
    let de_la_tabla: BTreeSet<_> = tabla().into_iter().map(|fila| fila.variable).collect();
    assert_eq!(de_la_tabla, leidos, "a la izquierda, la tabla");
}

#[test]
fn lo_que_los_archivos_de_compose_dan_es_lo_que_la_tabla_marca() {
    let mut dados: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for servicio in todos().iter().filter(|servicio| servicio.es_nuestro()) {
        dados.entry(servicio.programa()).or_default().extend(servicio.entorno().into_keys());
    }
    for programa in PROGRAMAS {
        let marcados: BTreeSet<_> = tabla()
            .into_iter()
            .filter(|fila| fila.en_compose && fila.programas.iter().any(|p| p == programa))
            .map(|fila| fila.variable)
            .collect();
        assert_eq!(marcados, dados.remove(programa).unwrap_or_default(), "a la izquierda, la tabla; {programa}");
    }
    assert!(dados.is_empty(), "compose corre un programa sin tabla: {dados:?}");
}

#[test]
fn las_variables_de_los_archivos_de_compose_estan_en_su_tabla_y_en_el_ejemplo() {
    let de_la_tabla: BTreeMap<_, _> = filas("| variable | por defecto | qué es |")
        .into_iter()
        .map(|celdas| <[String; 3]>::try_from(celdas).expect("tres columnas"))
        .map(|[variable, por_defecto, _]| (variable, por_defecto))
        .collect();
    let usadas: BTreeMap<_, _> = ARCHIVOS.iter().flat_map(|archivo| Compose::de(archivo).variables()).collect();
    assert_eq!(de_la_tabla, usadas, "a la izquierda, la tabla");
    let ejemplo = leer(".env.ejemplo");
    let comentadas = ejemplo.lines().filter_map(|linea| linea.strip_prefix("# ")?.split_once('='));
    let comentadas: BTreeSet<_> =
        comentadas.map(|(nombre, _)| nombre.to_owned()).filter(|nombre| ayuda::es_un_nombre(nombre)).collect();
    assert_eq!(comentadas, de_la_tabla.into_keys().collect(), "a la izquierda, .env.ejemplo");
}
