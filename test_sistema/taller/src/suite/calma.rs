//! Cuándo una suite está en calma: todo lo que corre está listo, enlazado con lo que corre y con los circuitos cerrados.
//!
//! Parar algo antes de eso no es una muerte, son dos a la vez.

use common::process::http::cliente as http;

use super::Suite;
use crate::metricas::metrica;

const GESTOR: &str = "gestor_carga";
pub(super) const ALMACENES: [&str; 2] = ["gestor_almacenamiento", "backup_almacen"];
const ACTORES: [(&str, [&str; 2]); 2] = [
    ("prestamo", ["actor_prestamo_1", "actor_prestamo_2"]),
    ("devolucion", ["actor_devolucion_1", "actor_devolucion_2"]),
];

/// Lo primero que falta para que haya calma; `None` si nada.
pub(super) async fn falta(suite: &Suite) -> Option<String> {
    for servicio in suite.servicios() {
        let nombre = servicio.nombre;
        if corre(suite, nombre) && !http::obtener(servicio.http, "/listo").await.is_ok_and(|(codigo, _)| codigo == 200)
        {
            return Some(format!("{nombre} está listo"));
        }
    }
    let direcciones = suite.plano().almacenes();
    // Con algo en medio, quien llama solo conoce la dirección de lo que hay en medio.
    for (almacen, endpoint) in ALMACENES.into_iter().zip(direcciones.split(',')).filter(|(a, _)| corre(suite, a)) {
        for cliente in suite.servicios().iter().map(|s| s.nombre).filter(|n| !ALMACENES.contains(n) && corre(suite, n))
        {
            if !enlazado(&suite.registro(cliente), endpoint) || !cerrado(suite, cliente, endpoint).await {
                return Some(format!("{cliente} vuelve a contar con {almacen}"));
            }
        }
    }
    presentes(suite).await
}

fn corre(suite: &Suite, nombre: &str) -> bool {
    suite.pid(nombre).is_ok()
}

/// Si lo último que el registro dice de la conexión con `endpoint` es que la hay.
fn enlazado(registro: &str, endpoint: &str) -> bool {
    let ultima = |frase: &str| registro.rfind(&format!("{frase} con {endpoint}"));
    let hay = ultima("conectado").max(ultima("conexión restablecida"));
    hay.is_some() && hay > ultima("conexión perdida")
}

async fn cerrado(suite: &Suite, cliente: &str, endpoint: &str) -> bool {
    let pagina = suite.metricas(cliente).await.unwrap_or_default();
    metrica(&pagina, "anaquel_breaker_estado", &[&format!("endpoint=\"{endpoint}\"")])
        .is_some_and(|estado| estado < 1.0)
}

/// El gestor ve a todos los actores que corren.
async fn presentes(suite: &Suite) -> Option<String> {
    if !corre(suite, GESTOR) {
        return None;
    }
    let pagina = suite.metricas(GESTOR).await.unwrap_or_default();
    for (topico, actores) in ACTORES {
        let corren = actores.iter().filter(|a| corre(suite, a)).count();
        let vistos = metrica(&pagina, "anaquel_actores_presentes", &[&format!("topico=\"{topico}\"")]);
        if vistos.map(|vistos| vistos.to_string()) != Some(corren.to_string()) {
            return Some(format!("el gestor ve a {corren} actores de {topico}"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn el_ultimo_suceso_del_registro_dice_si_hay_enlace() {
        let registro = "x conectado con a:1\nx conexión perdida con a:1: 3 llamadas\nx conectado con b:2\n";
        assert!(!enlazado(registro, "a:1") && enlazado(registro, "b:2") && !enlazado(registro, "c:3"));
        assert!(enlazado(&format!("{registro}x conexión restablecida con a:1\n"), "a:1"));
    }
}
