//! Cuenta cómo está el gestor: en la operación `salud`, en HTTP y en las métricas.

use common::{mensajes::Topico, resilience::EstadoBreaker, transport::Endpoint};
use serde_json::{Value, json};

use crate::machine::Situacion;

/// El estado como JSON.
pub fn como_json(foto: &Situacion, consultas: usize, endpoints: &[(Endpoint, EstadoBreaker)]) -> Value {
    let endpoints: Vec<_> =
        endpoints.iter().map(|(e, b)| json!({"endpoint": e.to_string(), "breaker": b.as_str()})).collect();
    json!({
        "operaciones": foto.operaciones,
        "enVuelo": foto.en_vuelo,
        "esperan": foto.esperas,
        "consultas": consultas,
        "diario": if foto.diario_averiado { "averiado" } else { "bien" },
        "actores": {
            Topico::Prestamo.as_str(): foto.actores[0],
            Topico::Devolucion.as_str(): foto.actores[1],
        },
        "almacenamiento": endpoints,
    })
}

/// Lo que se cuenta del gestor: con todos los circuitos ABIERTO no hay almacenamiento, aunque nadie lo haya pedido desde
/// que cayó y la máquina, que solo sabe por lo que se pide, no se haya enterado.
pub fn a_la_vista(foto: Situacion, endpoints: &[(Endpoint, EstadoBreaker)]) -> Situacion {
    let ninguno = endpoints.iter().all(|(_, breaker)| *breaker == EstadoBreaker::Abierto);
    Situacion { almacen_caido: foto.almacen_caido || ninguno, ..foto }
}

/// Pone al día los medidores.
pub fn medir(foto: &Situacion, consultas: usize) {
    #[allow(clippy::cast_precision_loss)]
    let medidor = |nombre: &'static str, valor: usize| metrics::gauge!(nombre).set(valor as f64);
    medidor("anaquel_gestor_operaciones", foto.operaciones);
    medidor("anaquel_gestor_en_vuelo", foto.en_vuelo);
    medidor("anaquel_gestor_en_cola", foto.operaciones - foto.en_vuelo);
    medidor("anaquel_gestor_esperan", foto.esperas);
    medidor("anaquel_gestor_consultas", consultas);
    medidor("anaquel_diario_averiado", usize::from(foto.diario_averiado));
    medidor("anaquel_almacenamiento_caido", usize::from(foto.almacen_caido));
    for (topico, cuantos) in Topico::TODOS.into_iter().zip(foto.actores) {
        #[allow(clippy::cast_precision_loss)]
        metrics::gauge!("anaquel_actores_presentes", "topico" => topico.as_str()).set(cuantos as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caido(almacen_caido: bool, breakers: [EstadoBreaker; 2]) -> bool {
        let foto = Situacion {
            operaciones: 0,
            en_vuelo: 0,
            esperas: 0,
            diario_averiado: false,
            almacen_caido,
            actores: [0; 2],
        };
        let endpoints = ["a:1", "b:1"].map(|endpoint| endpoint.parse().expect("un punto"));
        let endpoints: Vec<_> = endpoints.into_iter().zip(breakers).collect();
        a_la_vista(foto, &endpoints).almacen_caido
    }

    #[test]
    fn con_todos_los_circuitos_abiertos_no_se_dice_que_el_almacenamiento_esta_bien() {
        use EstadoBreaker::{Abierto, Cerrado, MedioAbierto};
        assert!(caido(false, [Abierto, Abierto]), "nadie ha pedido nada, pero no hay a quién");
        assert!(!caido(false, [Abierto, Cerrado]), "queda uno");
        assert!(!caido(false, [MedioAbierto, Abierto]), "uno se está probando");
        assert!(caido(true, [Cerrado, Cerrado]), "lo que la máquina sabe no se tapa");
    }
}
