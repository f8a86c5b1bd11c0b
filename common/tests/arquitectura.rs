//! Decide si las fuentes cumplen las leyes de ARCHITECTURE.md. Lee el árbol entero, sin ejecutar nada.

use std::{
    fs,
    path::{Path, PathBuf},
};

const LINEAS_MAX: usize = 800;
/// Una página de pantalla, con sus comentarios.
const LINEAS_DE_MAIN_MAX: usize = 80;
const CRATES: [&str; 6] = ["common", "gestor_carga", "gestor_almacenamiento", "actores", "anaquel", "test_sistema"];

/// Una fuente: su ruta desde la raíz y sus líneas de código, sin comentarios.
struct Fuente {
    ruta: String,
    lineas: usize,
    codigo: Vec<(usize, String)>,
}

impl Fuente {
    fn nueva(ruta: &str, texto: &str) -> Self {
        let codigo = texto
            .lines()
            .enumerate()
            .map(|(i, linea)| (i + 1, linea.split("//").next().unwrap_or("").to_owned()))
            .filter(|(_, linea)| !linea.trim().is_empty())
            .collect();
        Self { ruta: ruta.to_owned(), lineas: texto.lines().count(), codigo }
    }

    /// Las líneas que contienen alguna de `partes`, como «ruta:línea: parte».
    fn lineas_con(&self, partes: &[&str]) -> Vec<String> {
        let mut halladas = Vec::new();
        for (numero, linea) in &self.codigo {
            halladas
                .extend(partes.iter().filter(|p| linea.contains(**p)).map(|p| format!("{}:{numero}: {p}", self.ruta)));
        }
        halladas
    }

    fn esta_en(&self, prefijos: &[&str]) -> bool {
        prefijos.iter().any(|p| self.ruta.starts_with(p))
    }
}

fn raiz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("common está dentro del espacio de trabajo").to_owned()
}

fn recorrer(carpeta: &Path, extension: &str, halladas: &mut Vec<PathBuf>) {
    for entrada in fs::read_dir(carpeta).into_iter().flatten().flatten() {
        let ruta = entrada.path();
        if ruta.is_dir() {
            recorrer(&ruta, extension, halladas);
        } else if ruta.extension().is_some_and(|e| e == extension) {
            halladas.push(ruta);
        }
    }
}

fn fuentes() -> Vec<Fuente> {
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

/// Esta misma prueba nombra lo prohibido.
fn sin_esta_prueba(fuentes: Vec<Fuente>) -> impl Iterator<Item = Fuente> {
    fuentes.into_iter().filter(|f| f.ruta != "common/tests/arquitectura.rs")
}

fn ninguna(ley: &str, infracciones: &[String]) {
    assert!(infracciones.is_empty(), "{ley}:\n  {}", infracciones.join("\n  "));
}

fn sql_fuera_de_su_sitio(fuente: &Fuente) -> Vec<String> {
    let permitido = [
        "gestor_almacenamiento/src/store",
        "gestor_almacenamiento/tests",
        "anaquel/src/postgres",
        "anaquel/tests",
        "test_sistema/taller/src/base.rs",
        // El banco mide contra PostgreSQL sin intermediario, y audita millones de acuses con una sentencia.
        "test_sistema/banco/src",
        "test_sistema/tests",
    ];
    if fuente.esta_en(&permitido) {
        return Vec::new();
    }
    fuente.lineas_con(&["sqlx::", "SELECT ", "INSERT INTO", "UPDATE ", "DELETE FROM"])
}

fn zmq_fuera_de_su_sitio(fuente: &Fuente) -> Vec<String> {
    if fuente.esta_en(&["common/src/transport"]) { Vec::new() } else { fuente.lineas_con(&["zmq::", "zmq_sys"]) }
}

fn es_pura(fuente: &Fuente) -> bool {
    let de_maquina = ["/machine/", "/machine.rs"].iter().any(|p| fuente.ruta.contains(p));
    fuente.esta_en(&["common/src/dominio", "common/src/resilience"]) || (de_maquina && fuente.ruta.contains("/src/"))
}

fn impurezas(fuente: &Fuente) -> Vec<String> {
    if !es_pura(fuente) {
        return Vec::new();
    }
    // Las pruebas de una máquina necesitan un instante del que partir; la máquina, nunca.
    let pruebas = fuente.codigo.iter().position(|(_, l)| l.contains("#[cfg(test)]")).unwrap_or(fuente.codigo.len());
    let es_de_pruebas = fuente.ruta.ends_with("/tests.rs") || fuente.ruta.contains("/tests/");
    let sin_pruebas = Fuente {
        ruta: fuente.ruta.clone(),
        lineas: fuente.lineas,
        codigo: if es_de_pruebas { Vec::new() } else { fuente.codigo[..pruebas].to_vec() },
    };
    sin_pruebas.lineas_con(&[
        "Instant::now",
        "SystemTime",
        "Utc::now",
        "Local::now",
        "elapsed()",
        "now_v7",
        "new_v4",
        "rand::",
        "RandomState",
        "tokio::",
        "std::fs",
        "std::net",
        "std::env",
        "std::thread",
        "tracing::",
        "println!",
        "crate::transport",
        "crate::process",
        "common::transport",
        "common::process",
    ])
}

#[test]
fn el_sql_solo_esta_en_el_almacen_el_postgres_embebido_la_auditoria_y_el_banco() {
    let malas: Vec<_> = sin_esta_prueba(fuentes()).flat_map(|f| sql_fuera_de_su_sitio(&f)).collect();
    ninguna("SQL fuera de su sitio", &malas);
}

#[test]
fn el_crate_zmq_solo_esta_en_el_transporte() {
    let malas: Vec<_> = sin_esta_prueba(fuentes()).flat_map(|f| zmq_fuera_de_su_sitio(&f)).collect();
    ninguna("zmq fuera de common/src/transport", &malas);
}

#[test]
fn lo_que_decide_no_tiene_reloj_ni_azar_ni_entrada_y_salida() {
    let todas = fuentes();
    let puras = todas.iter().filter(|f| es_pura(f)).count();
    assert!(puras >= 12, "solo se hallaron {puras} fuentes puras: ¿se movieron de sitio?");
    let malas: Vec<_> = todas.iter().flat_map(impurezas).collect();
    ninguna("reloj, azar o E/S en una parte pura", &malas);
}

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

#[test]
fn cada_mensaje_tiene_la_instantanea_de_sus_bytes() {
    let mensajes = fuentes()
        .into_iter()
        .filter(|f| f.esta_en(&["common/src/mensajes/"]) && !f.ruta.ends_with("mod.rs"))
        .collect::<Vec<_>>();
    assert!(mensajes.len() >= 6, "solo se hallaron {} mensajes", mensajes.len());
    let sin_instantanea: Vec<_> = mensajes
        .iter()
        .filter(|f| {
            f.lineas_con(&["assert_snapshot!"]).is_empty()
                || !f.lineas_con(&["assert_snapshot!(\"\")", "@\"\""]).is_empty()
        })
        .map(|f| f.ruta.clone())
        .collect();
    ninguna("mensaje sin instantánea", &sin_instantanea);
}

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

#[test]
fn ningun_servicio_depende_de_otro() {
    let raiz = raiz();
    for servicio in ["gestor_carga", "gestor_almacenamiento", "actores", "common"] {
        let manifiesto = fs::read_to_string(raiz.join(servicio).join("Cargo.toml")).expect("manifiesto");
        let dependencias = manifiesto.split("[dev-dependencies]").next().expect("siempre hay una parte");
        for otro in CRATES.iter().filter(|c| **c != servicio && **c != "common") {
            assert!(!dependencias.contains(&format!("\n{otro}")), "{servicio} depende de {otro}");
        }
    }
}

#[test]
fn cada_tabla_y_columna_del_esquema_tiene_su_comentario() {
    let mut rutas = Vec::new();
    recorrer(&raiz().join("migrations"), "sql", &mut rutas);
    let todo: String = rutas.iter().map(|r| fs::read_to_string(r).expect("migración")).collect();
    let mut tabla = None;
    for linea in todo.lines() {
        if let Some(resto) = linea.strip_prefix("CREATE TABLE ") {
            let nombre = resto.trim_end_matches(" (").trim().to_owned();
            assert!(todo.contains(&format!("COMMENT ON TABLE {nombre} ")), "la tabla {nombre} no tiene comentario");
            tabla = Some(nombre);
        } else if linea.starts_with(')') {
            tabla = None;
        } else if let Some(nombre) = &tabla {
            let columna = linea.split_whitespace().next().unwrap_or("");
            if columna.starts_with(|c: char| c.is_ascii_lowercase()) {
                let comentario = format!("COMMENT ON COLUMN {nombre}.{columna} ");
                assert!(todo.contains(&comentario), "la columna {nombre}.{columna} no tiene comentario");
            }
        }
    }
}

#[test]
fn esta_prueba_ve_cada_infraccion_que_se_le_pone_delante() {
    let mala = |ruta: &str, linea: &str| Fuente::nueva(ruta, linea);
    assert!(!sql_fuera_de_su_sitio(&mala("gestor_carga/src/service.rs", "sqlx::query(\"x\")")).is_empty());
    assert!(sql_fuera_de_su_sitio(&mala("gestor_carga/src/service.rs", "// sqlx::query")).is_empty());
    assert!(!zmq_fuera_de_su_sitio(&mala("actores/src/lib.rs", "use zmq::Socket;")).is_empty());
    assert!(!impurezas(&mala("gestor_carga/src/machine/mod.rs", "let t = Instant::now();")).is_empty());
    assert!(!impurezas(&mala("common/src/dominio/reglas.rs", "let t = Utc::now();")).is_empty());
    assert!(impurezas(&mala("gestor_carga/src/service.rs", "let t = Instant::now();")).is_empty());
}
