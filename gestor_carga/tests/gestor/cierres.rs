use std::time::Duration;

use common::{
    dominio::{Codigo, Estado},
    mensajes::{Desenlace, Topico},
};
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use crate::apoyo::{Actor, Cliente, Gestor, Sitio, almacen, hasta_que, prestamo};

const UN_SEGUNDO: Duration = Duration::from_secs(1);

fn sin_pendiente(id: Uuid, ejemplar: &str) -> Value {
    let mut solicitud = prestamo(id, ejemplar);
    solicitud["aceptaPendiente"] = false.into();
    solicitud
}

/// Uno que espera poco tras un fallo definido.
async fn impaciente(sitio: &Sitio) -> Gestor {
    let mut orden = sitio.orden();
    orden.env("REINTENTO_BASE_MS", "50");
    let mut gestor = Gestor::de(orden);
    gestor.linea("gestor de carga en marcha").await;
    gestor
}

#[tokio::test]
async fn a_quien_no_acepta_pendiente_se_le_dice_error_si_nada_salio() {
    let sitio = Sitio::new();
    let _gestor = sitio.arrancar().await;
    let mut cliente = Cliente::de(&sitio);
    let desde = Instant::now();
    let respuesta = cliente.pedir(&sin_pendiente(Uuid::now_v7(), "E000001")).await;
    assert_eq!((respuesta.estado, respuesta.codigo), (Estado::Error, Codigo::SinActores));
    assert!(!respuesta.mensaje.contains("anotada"), "{}", respuesta.mensaje);
    assert!((2 * UN_SEGUNDO..4 * UN_SEGUNDO).contains(&desde.elapsed()), "{:?}", desde.elapsed());
    cliente.nada_mas().await;
}

#[tokio::test]
async fn a_quien_no_acepta_pendiente_con_un_actor_callado_se_la_anula_el_almacenamiento() {
    let sitio = Sitio::new();
    let _almacen = almacen(&sitio);
    let mut gestor = sitio.arrancar().await;
    let mut actor = Actor::presente(&sitio, &mut gestor, Topico::Prestamo).await;
    let mut cliente = Cliente::de(&sitio);
    let id = Uuid::now_v7();
    cliente.enviar(&sin_pendiente(id, "E000001")).await;
    let callada = actor.orden().await;
    let respuesta = cliente.recibir().await;
    assert_eq!((respuesta.id, respuesta.estado, respuesta.codigo), (Some(id), Estado::Error, Codigo::SinRespuesta));
    gestor.linea(&format!("operación {id}: se pide anularla")).await;
    // El informe tardío ya no es de nadie, y la clave queda libre.
    actor.informar(&callada, Desenlace::Incierta).await;
    cliente.enviar(&prestamo(Uuid::now_v7(), "E000001")).await;
    let otra = actor.orden().await;
    actor.aplicar(&otra).await;
    assert_eq!(cliente.recibir().await.estado, Estado::Aplicada);
    cliente.nada_mas().await;
}

#[tokio::test]
async fn sin_almacenamiento_con_que_anular_se_dice_incierta_y_vale_el_informe_tardio() {
    let sitio = Sitio::new();
    let mut gestor = sitio.arrancar().await;
    let mut actor = Actor::presente(&sitio, &mut gestor, Topico::Prestamo).await;
    let mut cliente = Cliente::de(&sitio);
    cliente.enviar(&sin_pendiente(Uuid::now_v7(), "E000001")).await;
    let orden = actor.orden().await;
    assert_eq!(cliente.recibir().await.estado, Estado::Incierta);
    actor.aplicar(&orden).await;
    let sin_operaciones = |r: &common::mensajes::Respuesta| r.datos["operaciones"] == 0;
    hasta_que(&mut cliente, &json!({"operacion": "salud"}), sin_operaciones).await;
}

#[tokio::test]
async fn tras_tres_fallos_definidos_se_aparta_con_su_historia() {
    let sitio = Sitio::new();
    let _almacen = almacen(&sitio);
    let mut gestor = impaciente(&sitio).await;
    let mut actor = Actor::presente(&sitio, &mut gestor, Topico::Prestamo).await;
    let mut cliente = Cliente::de(&sitio);
    let id = Uuid::now_v7();
    cliente.enviar(&prestamo(id, "E000001")).await;
    for intento in 0..3 {
        let orden = actor.orden().await;
        assert_eq!(orden.intento, intento);
        actor.informar(&orden, Desenlace::NoEscrita { motivo: "22003".into() }).await;
    }
    let respuesta = cliente.recibir().await;
    assert_eq!((respuesta.estado, respuesta.codigo), (Estado::Pendiente, Codigo::EnRevision));
    assert_eq!(respuesta.datos["motivo"], "FALLOS_DEFINIDOS");
    let historia = respuesta.datos["historia"].as_array().expect("una lista").clone();
    assert_eq!(historia.len(), 3);
    let ahora = chrono::Utc::now().timestamp_micros();
    let cuando = |fallo: &Value| fallo["cuando"].as_i64().expect("un momento");
    assert!(historia.iter().all(|fallo| (ahora - 60_000_000..=ahora).contains(&cuando(fallo))), "{historia:?}");
    assert!(historia.is_sorted_by_key(cuando));
    gestor.linea(&format!("operación {id}: se pide apartarla")).await;
}

#[tokio::test]
async fn la_consulta_de_un_ejemplar_dice_cuantas_operaciones_hay_pendientes_tambien_tras_un_rearranque() {
    let sitio = Sitio::new();
    let _almacen = almacen(&sitio);
    let gestor = sitio.arrancar().await;
    let mut cliente = Cliente::de(&sitio);
    let pregunta = json!({"operacion": "consulta_ejemplar", "ejemplar": "E000001"});
    assert_eq!(cliente.pedir(&pregunta).await.datos["pendientes"], 0);
    for _ in 0..2 {
        assert_eq!(cliente.pedir(&prestamo(Uuid::now_v7(), "E000001")).await.estado, Estado::Pendiente);
    }
    assert_eq!(cliente.pedir(&pregunta).await.datos["pendientes"], 2);
    gestor.matar();
    let _gestor = sitio.arrancar().await;
    let mut cliente = Cliente::de(&sitio);
    let contada = |r: &common::mensajes::Respuesta| r.datos["pendientes"] == 2;
    hasta_que(&mut cliente, &pregunta, contada).await;
    let otra = json!({"operacion": "consulta_ejemplar", "ejemplar": "E000002"});
    assert_eq!(cliente.pedir(&otra).await.datos["pendientes"], 0);
}
