//! El informe de un experimento: sus números, contra unas líneas de Python; su página, contra un navegador.

mod generador;
mod navegador;

use std::{fs, path::Path, process::Command};

use experimento::{informe::escribir, resultados::Diseno};
use generador::{Plan, generar};

const CUENTAS: &str = include_str!("cuentas.py");
const GRAFICOS: [&str; 6] = [
    "tiempo-de-respuesta",
    "distribucion",
    "peticiones-contestadas",
    "linea-de-tiempo",
    "disenos",
    "linea-de-tiempo-por-diseno",
];

fn leer(carpeta: &Path, nombre: &str) -> String {
    fs::read_to_string(carpeta.join(nombre)).unwrap_or_else(|e| panic!("{nombre}: {e}"))
}

#[test]
fn los_numeros_de_los_resumenes_son_los_que_saca_python_de_los_resultados() {
    let carpeta = generar(&Plan::completo());
    escribir(carpeta.path()).expect("se escribe");
    let python = Command::new("python3").args(["-c", CUENTAS]).arg(carpeta.path()).output().expect("hay python3");
    let dicho = String::from_utf8_lossy(&python.stdout);
    assert!(python.status.success(), "{dicho}{}", String::from_utf8_lossy(&python.stderr));
    assert!(dicho.starts_with("15 configuraciones, "), "{dicho}");
}

#[test]
fn la_pagina_va_sola_pesa_poco_y_no_ejecuta_lo_que_viene_de_los_datos() {
    let carpeta = generar(&Plan::completo());
    let pagina = escribir(carpeta.path()).expect("se escribe");
    let html = fs::read_to_string(pagina).expect("está");
    assert!(html.len() < 1_000_000, "pesa {} bytes", html.len());
    assert!(html.starts_with("<!DOCTYPE html><html lang=\"es\">"));
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "la versión con guion se muestra tal cual");
    for prohibido in ["<script", "src=", "href=", "url(", "@import", "http://", "https://"] {
        let de_mas = html.replace("http://www.w3.org/2000/svg", "").matches(prohibido).count();
        assert_eq!(de_mas, 0, "la página lleva «{prohibido}»");
    }
    for grafico in GRAFICOS {
        assert!(html.contains(&format!("<figure id=\"{grafico}\">")), "falta {grafico}");
        assert!(leer(carpeta.path(), &format!("{grafico}.svg")).starts_with("<svg xmlns="));
        let png = fs::read(carpeta.path().join(format!("{grafico}.png"))).expect("está");
        assert!(png.len() > 5_000, "{grafico}.png tiene {} bytes", png.len());
    }
    assert_eq!(html.matches("role=\"img\" aria-label=\"").count(), 2 * GRAFICOS.len());
    assert!(leer(carpeta.path(), "resumen.md").contains("\\<script\\>"));
}

#[test]
fn un_experimento_corto_interrumpido_y_sin_fallos_tambien_tiene_informe() {
    let plan = Plan { disenos: vec![Diseno::DosAlmacenes], repeticiones: 1, interrumpido: true, ..Plan::completo() };
    let carpeta = generar(&plan.sin_fallos());
    let html = fs::read_to_string(escribir(carpeta.path()).expect("se escribe")).expect("está");
    assert!(html.contains("El experimento se interrumpió"));
    assert!(!html.contains("linea-de-tiempo") && !html.contains("Un diseño frente a otro"));
    assert!(!html.contains("NaN") && !html.contains("inf"), "un número que no es un número");
    assert!(!html.contains("95\u{a0}% de confianza)"), "con una repetición no hay intervalo");
}

#[test]
fn lo_mismo_da_siempre_los_mismos_archivos() {
    let carpeta = generar(&Plan::completo().sin_fallos());
    let leidos = || {
        escribir(carpeta.path()).expect("se escribe");
        ["informe.html", "resumen.csv", "disenos.svg"].map(|nombre| leer(carpeta.path(), nombre))
    };
    assert!(leidos() == leidos());
}

#[test]
fn una_carpeta_sin_experimento_o_sin_solicitudes_dice_que_le_falta() {
    let vacia = tempfile::tempdir().expect("carpeta");
    let error = escribir(vacia.path()).expect_err("no hay nada").to_string();
    assert!(error.contains("experimento.json: "), "{error}");
    let carpeta = generar(&Plan::completo().sin_fallos());
    let resultados = carpeta.path().join("resultados.csv");
    let cabecera = leer(carpeta.path(), "resultados.csv").lines().next().expect("la hay").to_owned();
    fs::write(&resultados, cabecera + "\n").expect("se escribe");
    let error = escribir(carpeta.path()).expect_err("no hay filas").to_string();
    assert!(error.ends_with("resultados.csv: no hay ninguna solicitud, así que no hay de qué informar"), "{error}");
}

#[test]
fn la_pagina_se_ve_bien_en_un_telefono_y_en_un_escritorio_en_claro_y_en_oscuro() {
    let carpeta = generar(&Plan::completo());
    let pagina = escribir(carpeta.path()).expect("se escribe");
    for tema in navegador::TEMAS {
        navegador::mirar(&pagina, tema);
    }
}
