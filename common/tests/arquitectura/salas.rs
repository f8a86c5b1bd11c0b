//! Quién puede conocer a quién.

use crate::fuentes::{fuentes, ninguna, sin_estas_pruebas, texto};

#[test]
fn los_datos_fluyen_en_un_solo_sentido_dentro_de_common() {
    let prohibido = [
        ("common/src/dominio", &["crate::mensajes", "crate::resilience", "crate::transport", "crate::process"][..]),
        ("common/src/resilience", &["crate::transport", "crate::process"][..]),
        ("common/src/mensajes", &["crate::resilience", "crate::transport", "crate::process"][..]),
        ("common/src/transport", &["crate::process"][..]),
    ];
    let malas: Vec<_> = fuentes()
        .iter()
        .flat_map(|f| {
            prohibido
                .iter()
                .filter(|(sitio, _)| f.esta_en(&[sitio]))
                .flat_map(|(_, partes)| f.lineas_con(partes))
                .collect::<Vec<_>>()
        })
        .collect();
    ninguna("dependencia en sentido contrario", &malas);
}

/// Los crates nuestros, y de quiénes puede depender cada uno al construirse.
const SALAS: [(&str, &[&str]); 12] = [
    ("common", &[]),
    ("gestor_carga", &["common"]),
    ("gestor_almacenamiento", &["common"]),
    ("actores", &["common"]),
    ("anaquel", &["common"]),
    ("test_sistema/juicio", &["common"]),
    // Las máquinas reales; de las demás salas de la prueba, solo quien juzga.
    ("test_sistema/simulacion", &["common", "gestor_carga", "gestor_almacenamiento", "actores", "juicio"]),
    ("test_sistema/taller", &["common", "anaquel", "juicio"]),
    ("test_sistema/averias", &["common", "anaquel", "juicio", "taller"]),
    ("test_sistema/banco", &["common", "anaquel", "gestor_almacenamiento", "juicio", "taller"]),
    ("test_sistema", &["common", "anaquel", "averias", "gestor_almacenamiento", "gestor_carga", "juicio", "taller"]),
    ("test_sistema/experimento", &["common", "anaquel", "gestor_almacenamiento", "juicio", "taller", "test_sistema"]),
];

/// Lo que solo necesita quien dibuja.
const DE_DIBUJAR: [&str; 4] = ["resvg", "maud", "epaint_default_fonts", "plotters"];

/// Las dependencias de un manifiesto; `tambien_de_pruebas`, con las de sus pruebas.
fn dependencias(manifiesto: &str, tambien_de_pruebas: bool) -> Vec<String> {
    let (mut dentro, mut halladas) = (false, Vec::new());
    for linea in manifiesto.lines() {
        if linea.starts_with('[') {
            dentro = linea == "[dependencies]" || (tambien_de_pruebas && linea == "[dev-dependencies]");
        } else if let Some((nombre, _)) = linea.split_once(['.', ' ', '=']).filter(|_| dentro) {
            halladas.push(nombre.to_owned());
        }
    }
    halladas
}

#[test]
fn cada_sala_conoce_solo_a_quien_puede() {
    let nombre = |sala: &str| sala.rsplit('/').next().unwrap_or(sala).to_owned();
    let nuestras: Vec<String> = SALAS.iter().map(|(sala, _)| nombre(sala)).collect();
    let mut malas = Vec::new();
    for (sala, puede) in SALAS {
        let de_mas = dependencias(&texto(&format!("{sala}/Cargo.toml")), false).into_iter();
        let de_mas = de_mas.filter(|d| nuestras.contains(d) && !puede.contains(&d.as_str()));
        malas.extend(de_mas.map(|otra| format!("{sala} depende de {otra}")));
    }
    ninguna("una sala conoce a quien no debe", &malas);
    let miembros = texto("Cargo.toml").lines().filter(|l| l.starts_with("    \"")).count();
    assert_eq!(miembros, SALAS.len(), "hay un crate sin ley");
}

#[test]
fn sin_caracteristicas_common_solo_tiene_a_su_alcance_lo_puro() {
    let manifiesto = texto("common/Cargo.toml");
    assert!(!manifiesto.contains("\ndefault ="), "lo que no se pide no se compila");
    let seccion = manifiesto.split("\n[dependencies]\n").nth(1).and_then(|s| s.split("\n[").next()).unwrap_or_default();
    let siempre: Vec<_> = seccion.lines().filter(|l| !l.is_empty() && !l.contains("optional = true")).collect();
    let puras = ["chrono", "serde", "serde_json", "sha2", "thiserror", "uuid"].map(|p| format!("{p}.workspace = true"));
    assert_eq!(siempre, puras, "a la izquierda, las que no son optativas");
    for caracteristica in ["process", "transport"] {
        let tras = format!("#[cfg(feature = \"{caracteristica}\")]\npub mod {caracteristica};");
        assert!(texto("common/src/lib.rs").contains(&tras), "{caracteristica} ha de estar tras su característica");
    }
}

#[test]
fn solo_el_experimento_dibuja() {
    let otras = SALAS.iter().filter(|(sala, _)| *sala != "test_sistema/experimento");
    let dibujan = |sala: &str| {
        let suyas = dependencias(&texto(&format!("{sala}/Cargo.toml")), true).into_iter();
        suyas.filter(|d| DE_DIBUJAR.contains(&d.as_str())).map(|d| format!("{sala}: {d}")).collect::<Vec<_>>()
    };
    ninguna("una biblioteca de dibujar", &otras.flat_map(|(sala, _)| dibujan(sala)).collect::<Vec<_>>());
}

#[test]
fn nadie_usa_las_macros_de_sqlx() {
    let manifiesto = texto("Cargo.toml");
    let sqlx = manifiesto.lines().find(|l| l.starts_with("sqlx ")).expect("sqlx está en el manifiesto");
    for rasgo in ["\"macros\"", "\"derive\"", "\"default\""] {
        assert!(!sqlx.contains(rasgo), "sqlx con {rasgo}: un centenar de unidades más");
    }
    assert!(sqlx.contains("default-features = false"));
    let usos = ["sqlx::query!", "sqlx::query_as!", "sqlx::migrate!", "derive(FromRow", "sqlx::FromRow)"];
    let malas: Vec<_> = sin_estas_pruebas().flat_map(|f| f.lineas_con(&usos)).collect();
    ninguna("una macro de sqlx", &malas);
}

#[test]
fn las_dependencias_de_un_manifiesto_se_leen() {
    let manifiesto = "[package]\nname = \"x\"\n\n[dependencies]\ncommon.workspace = true\ntokio = { workspace = true }\n\n\
                      [dev-dependencies]\nresvg.workspace = true\n";
    assert_eq!(dependencias(manifiesto, false), ["common", "tokio"]);
    assert_eq!(dependencias(manifiesto, true), ["common", "tokio", "resvg"]);
}
