//! Dónde puede estar el SQL, dónde ZeroMQ, y qué no puede haber en lo que decide.

use crate::fuentes::{Fuente, fuentes, ninguna, sin_estas_pruebas};

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
    fuente.esta_en(&["common/src/dominio", "common/src/resilience", "common/src/tiempos.rs"])
        || (de_maquina && fuente.ruta.contains("/src/"))
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
    let malas: Vec<_> = sin_estas_pruebas().flat_map(|f| sql_fuera_de_su_sitio(&f)).collect();
    ninguna("SQL fuera de su sitio", &malas);
}

#[test]
fn el_crate_zmq_solo_esta_en_el_transporte() {
    let malas: Vec<_> = sin_estas_pruebas().flat_map(|f| zmq_fuera_de_su_sitio(&f)).collect();
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
fn esta_prueba_ve_cada_infraccion_que_se_le_pone_delante() {
    let mala = |ruta: &str, linea: &str| Fuente::nueva(ruta, linea);
    assert!(!sql_fuera_de_su_sitio(&mala("gestor_carga/src/service.rs", "sqlx::query(\"x\")")).is_empty());
    assert!(sql_fuera_de_su_sitio(&mala("gestor_carga/src/service.rs", "// sqlx::query")).is_empty());
    assert!(!zmq_fuera_de_su_sitio(&mala("actores/src/lib.rs", "use zmq::Socket;")).is_empty());
    assert!(!impurezas(&mala("gestor_carga/src/machine/mod.rs", "let t = Instant::now();")).is_empty());
    assert!(!impurezas(&mala("common/src/dominio/reglas.rs", "let t = Utc::now();")).is_empty());
    assert!(impurezas(&mala("gestor_carga/src/service.rs", "let t = Instant::now();")).is_empty());
}
