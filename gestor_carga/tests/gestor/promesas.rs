use std::time::Duration;

use common::{
    dominio::{Codigo, Estado},
    mensajes::{Desenlace, Topico},
};
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use crate::apoyo::{Actor, Cliente, Sitio, almacen, hasta_que, prestamo};

const UN_SEGUNDO: Duration = Duration::from_secs(1);

#[tokio::test]
async fn sin_actores_un_prestamo_queda_pendiente_en_menos_de_un_segundo() {
    let sitio = Sitio::new();
    let _gestor = sitio.arrancar().await;
    let mut cliente = Cliente::de(&sitio);
    cliente.nada_mas().await;
    let desde = Instant::now();
    let respuesta = cliente.pedir(&prestamo(Uuid::now_v7(), "E000001")).await;
    assert_eq!((respuesta.estado, respuesta.codigo), (Estado::Pendiente, Codigo::SinActores));
    assert!(desde.elapsed() < UN_SEGUNDO, "{:?}", desde.elapsed());
    assert!(!respuesta.exito);
}

#[tokio::test]
async fn lo_prometido_sobrevive_a_un_kill_9_y_se_aplica_al_volver_un_actor() {
    let sitio = Sitio::new();
    let _almacen = almacen(&sitio);
    let gestor = sitio.arrancar().await;
    let ids: [Uuid; 3] = std::array::from_fn(|_| Uuid::now_v7());
    let mut cliente = Cliente::de(&sitio);
    for id in ids {
        cliente.enviar(&prestamo(id, "E000001")).await;
    }
    for id in ids {
        let respuesta = cliente.recibir().await;
        assert_eq!((respuesta.id, respuesta.estado), (Some(id), Estado::Pendiente));
    }
    gestor.matar();

    let mut gestor = sitio.arrancar().await;
    let mut cliente = Cliente::de(&sitio);
    let pregunta = json!({"id": ids[2], "operacion": "consulta_operacion"});
    assert_eq!(cliente.pedir(&pregunta).await.estado, Estado::Pendiente);
    assert_eq!(cliente.pedir(&prestamo(ids[1], "E000001")).await.estado, Estado::Pendiente);
    let mut actor = Actor::presente(&sitio, &mut gestor, Topico::Prestamo).await;
    let desde = Instant::now();
    for id in ids {
        let orden = actor.orden().await;
        assert_eq!(orden.id.uuid(), id, "en el orden en que llegaron");
        actor.aplicar(&orden).await;
    }
    assert!(desde.elapsed() < 2 * UN_SEGUNDO, "{:?}", desde.elapsed());
    // Decidida, ya no es cosa del gestor: pregunta al almacenamiento.
    hasta_que(&mut cliente, &pregunta, |r| r.mensaje == "consulta_operacion").await;
    gestor.terminar();
    assert!(gestor.final_de().await.0.success());

    // Lo decidido salió del diario: el que arranca no tiene nada que repetir. (Tras un kill -9 podría quedarle algún
    // borrado sin hacer: repetiría sin efecto.)
    let _gestor = sitio.arrancar().await;
    let salud = Cliente::de(&sitio).pedir(&json!({"operacion": "salud"})).await;
    assert_eq!(salud.datos["operaciones"], 0);
}

#[tokio::test]
async fn con_el_actor_callado_el_cliente_no_espera_mas_de_un_segundo() {
    let sitio = Sitio::new();
    let mut gestor = sitio.arrancar().await;
    let mut actor = Actor::presente(&sitio, &mut gestor, Topico::Prestamo).await;
    let mut cliente = Cliente::de(&sitio);
    let id = Uuid::now_v7();
    let desde = Instant::now();
    cliente.enviar(&prestamo(id, "E000001")).await;
    let orden = actor.orden().await;
    let pregunta = json!({"id": id, "operacion": "consulta_operacion"});
    let en_curso = cliente.pedir(&pregunta).await;
    assert_eq!(en_curso.estado, Estado::Incierta, "todavía no se ha prometido nada");
    let respuesta = cliente.recibir().await;
    assert_eq!((respuesta.estado, respuesta.codigo), (Estado::Pendiente, Codigo::SinRespuesta));
    assert!(desde.elapsed() < UN_SEGUNDO, "{:?}", desde.elapsed());
    // El informe tardío se acepta, y el cliente no recibe dos respuestas.
    actor.aplicar(&orden).await;
    let sin_operaciones = |r: &common::mensajes::Respuesta| r.datos["operaciones"] == 0;
    hasta_que(&mut cliente, &json!({"operacion": "salud"}), sin_operaciones).await;
}

#[tokio::test]
async fn sin_almacenamiento_queda_pendiente_y_se_aplica_en_cuanto_vuelve() {
    let sitio = Sitio::new();
    let mut gestor = sitio.arrancar().await;
    let mut actor = Actor::presente(&sitio, &mut gestor, Topico::Prestamo).await;
    let mut cliente = Cliente::de(&sitio);
    let id = Uuid::now_v7();
    let desde = Instant::now();
    cliente.enviar(&prestamo(id, "E000001")).await;
    // El actor no halla almacenamiento durante un segundo y medio; después, sí.
    let mut intentos = 0;
    loop {
        let orden = actor.orden().await;
        assert_eq!(orden.id.uuid(), id);
        intentos += 1;
        if desde.elapsed() > Duration::from_millis(1_500) {
            actor.aplicar(&orden).await;
            break;
        }
        actor.informar(&orden, Desenlace::SinAlmacenamiento).await;
    }
    assert!((4..40).contains(&intentos), "insistió {intentos} veces");
    let respuesta = cliente.recibir().await;
    assert_eq!((respuesta.estado, respuesta.codigo), (Estado::Pendiente, Codigo::AlmacenamientoNoDisponible));
    assert!(desde.elapsed() < Duration::from_millis(3_500), "{:?}", desde.elapsed());
}

#[tokio::test]
async fn una_renovacion_sin_almacenamiento_queda_pendiente_y_se_aplica_sola() {
    let sitio = Sitio::new();
    let _gestor = sitio.arrancar().await;
    let mut cliente = Cliente::de(&sitio);
    let id = Uuid::now_v7();
    let renovacion = json!({"id": id, "operacion": "renovacion", "usuario": "U0001", "ejemplar": "E000001"});
    let desde = Instant::now();
    let respuesta = cliente.pedir(&renovacion).await;
    assert_eq!((respuesta.estado, respuesta.codigo), (Estado::Pendiente, Codigo::AlmacenamientoNoDisponible));
    assert!(desde.elapsed() < UN_SEGUNDO, "{:?}", desde.elapsed());
    let _almacen = almacen(&sitio);
    let sin_operaciones = |r: &common::mensajes::Respuesta| r.datos["operaciones"] == 0;
    let (_, tardo) = hasta_que(&mut cliente, &json!({"operacion": "salud"}), sin_operaciones).await;
    assert!(tardo < 2 * UN_SEGUNDO, "{tardo:?}");
}

#[tokio::test]
async fn al_apagarse_promete_lo_que_queda_y_termina_bien() {
    let sitio = Sitio::new();
    let mut gestor = sitio.arrancar().await;
    let mut actor = Actor::presente(&sitio, &mut gestor, Topico::Prestamo).await;
    let mut cliente = Cliente::de(&sitio);
    let id = Uuid::now_v7();
    cliente.enviar(&prestamo(id, "E000001")).await;
    let _callado = actor.orden().await;
    let desde = Instant::now();
    gestor.terminar();
    let respuesta = cliente.recibir().await;
    assert_eq!((respuesta.id, respuesta.estado), (Some(id), Estado::Pendiente));
    let (salida, _) = gestor.final_de().await;
    assert!(salida.success(), "{salida}");
    assert!(desde.elapsed() < 3 * UN_SEGUNDO, "{:?}", desde.elapsed());
    let mut gestor = sitio.arrancar().await;
    gestor.terminar();
    gestor.linea("gestor de carga parado").await;
}
