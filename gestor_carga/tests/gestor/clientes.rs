use common::{
    dominio::{Codigo, Estado},
    mensajes::Topico,
};
use serde_json::json;
use uuid::Uuid;

use crate::apoyo::{Actor, Cliente, Sitio, almacen, aplicada, prestamo};

#[tokio::test]
async fn un_prestamo_va_al_actor_y_vuelve_byte_a_byte() {
    let sitio = Sitio::new();
    let mut gestor = sitio.arrancar().await;
    let mut actor = Actor::presente(&sitio, &mut gestor, Topico::Prestamo).await;
    let mut cliente = Cliente::de(&sitio);
    cliente.enviar(&prestamo(Uuid::now_v7(), "E000001")).await;
    let orden = actor.orden().await;
    assert_eq!((orden.intento, orden.sola), (0, false));
    actor.aplicar(&orden).await;
    let cuadros = cliente.recibir_cuadros().await;
    assert_eq!(cuadros[0], b"");
    assert_eq!(cuadros[1], aplicada(&orden).cuerpo.get().as_bytes());
    cliente.nada_mas().await;
}

#[tokio::test]
async fn el_sobre_de_la_solicitud_vuelve_tal_como_vino() {
    let sitio = Sitio::new();
    let _gestor = sitio.arrancar().await;
    let mut cliente = Cliente::de(&sitio);
    cliente.enviar_cuadros(&[b"uno", b"", b"\xff\x00", br#"{"operacion":"salud"}"#]).await;
    let cuadros = cliente.recibir_cuadros().await;
    assert_eq!(cuadros[..3], [b"uno".to_vec(), b"".to_vec(), b"\xff\x00".to_vec()]);
    cliente.enviar_cuadros(&[br#"{"operacion":"salud"}"#]).await;
    assert_eq!(cliente.recibir_cuadros().await.len(), 1);
}

#[tokio::test]
async fn una_solicitud_sin_id_recibe_el_que_le_puso_el_gestor() {
    let sitio = Sitio::new();
    let mut gestor = sitio.arrancar().await;
    let _actor = Actor::presente(&sitio, &mut gestor, Topico::Prestamo).await.aplicar_todo();
    let respuesta =
        Cliente::de(&sitio).pedir(&json!({"operacion": "prestamo", "isbn": "9780439023481", "usuario": "U0001"})).await;
    assert_eq!(respuesta.estado, Estado::Aplicada);
    assert_eq!(respuesta.id.expect("lo puso el gestor").get_version_num(), 7);
}

#[tokio::test]
async fn dos_que_piden_lo_mismo_a_la_vez_esperan_la_misma_respuesta() {
    let sitio = Sitio::new();
    let mut gestor = sitio.arrancar().await;
    let mut actor = Actor::presente(&sitio, &mut gestor, Topico::Prestamo).await;
    let (mut uno, mut otro) = (Cliente::de(&sitio), Cliente::de(&sitio));
    let solicitud = prestamo(Uuid::now_v7(), "E000001");
    uno.enviar(&solicitud).await;
    let orden = actor.orden().await;
    otro.enviar(&solicitud).await;
    otro.enviar(&json!({"operacion": "salud"})).await;
    // La de la salud adelanta a la que espera: la repetida ya está apuntada.
    assert!(otro.recibir().await.datos.get("esperan").is_some());
    actor.aplicar(&orden).await;
    assert_eq!(uno.recibir_cuadros().await, otro.recibir_cuadros().await);
    uno.nada_mas().await;
    otro.nada_mas().await;
}

#[tokio::test]
async fn el_mismo_id_con_otro_contenido_es_un_conflicto() {
    let sitio = Sitio::new();
    let mut gestor = sitio.arrancar().await;
    let mut actor = Actor::presente(&sitio, &mut gestor, Topico::Prestamo).await;
    let (mut uno, mut otro) = (Cliente::de(&sitio), Cliente::de(&sitio));
    let id = Uuid::now_v7();
    uno.enviar(&prestamo(id, "E000001")).await;
    let orden = actor.orden().await;
    let conflicto = otro.pedir(&prestamo(id, "E000002")).await;
    assert_eq!((conflicto.estado, conflicto.codigo), (Estado::Error, Codigo::ConflictoDeId));
    assert_eq!(conflicto.id, Some(id));
    actor.aplicar(&orden).await;
    assert_eq!(uno.recibir().await.estado, Estado::Aplicada);
}

#[tokio::test]
async fn un_id_de_otra_version_o_del_futuro_se_rechaza_en_la_puerta() {
    let sitio = Sitio::new();
    let _gestor = sitio.arrancar().await;
    let mut cliente = Cliente::de(&sitio);
    let v4 = Uuid::from_u128(0x9b2d_7a52_5e9f_4c54_9b8e_3c0a_54f1_d0aa);
    let futuro = Uuid::from_u128(Uuid::now_v7().as_u128() + (180_000_u128 << 80));
    for id in [v4, futuro] {
        let respuesta = cliente.pedir(&prestamo(id, "E000001")).await;
        assert_eq!((respuesta.estado, respuesta.codigo), (Estado::Error, Codigo::SolicitudInvalida));
        assert!(respuesta.mensaje.contains("«id»"), "{}", respuesta.mensaje);
        assert_eq!(respuesta.id, Some(id));
    }
}

#[tokio::test]
async fn la_renovacion_y_las_consultas_van_directas_al_almacenamiento() {
    let sitio = Sitio::new();
    let _almacen = almacen(&sitio);
    let _gestor = sitio.arrancar().await;
    let mut cliente = Cliente::de(&sitio);
    let renovacion = json!({"operacion": "renovacion", "usuario": "U0001", "ejemplar": "E000001"});
    assert_eq!(cliente.pedir(&renovacion).await.estado, Estado::Aplicada);
    let id = Uuid::now_v7();
    let respuesta = cliente.pedir(&json!({"id": id, "operacion": "consulta_libro", "isbn": "978"})).await;
    assert_eq!((respuesta.id, &*respuesta.mensaje), (Some(id), "consulta_libro"));
    let respuesta = cliente.pedir(&json!({"id": id, "operacion": "consulta_operacion"})).await;
    assert_eq!((respuesta.id, &*respuesta.mensaje), (None, "consulta_operacion"), "la guardada no se toca");
}

#[tokio::test]
async fn sin_almacenamiento_una_consulta_recibe_un_error_claro() {
    let sitio = Sitio::new();
    let _gestor = sitio.arrancar().await;
    let respuesta = Cliente::de(&sitio).pedir(&json!({"operacion": "consulta_ejemplar", "ejemplar": "E1"})).await;
    assert_eq!((respuesta.estado, respuesta.codigo), (Estado::Error, Codigo::AlmacenamientoNoDisponible));
}
