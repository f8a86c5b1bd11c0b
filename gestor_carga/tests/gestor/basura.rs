use std::{io::Write, net::TcpStream};

use common::{
    dominio::{Codigo, Estado},
    mensajes::Topico,
    transport::Contexto,
};
use serde_json::json;
use uuid::Uuid;

use crate::apoyo::{Actor, Cliente, Sitio, local, prestamo, pronto};

#[tokio::test]
async fn la_basura_en_los_tres_puertos_no_molesta_a_un_cliente_honrado() {
    let sitio = Sitio::new();
    let mut gestor = sitio.arrancar().await;
    let _actor = Actor::presente(&sitio, &mut gestor, Topico::Prestamo).await.aplicar_todo();
    let contexto = Contexto::new();
    for puerto in [sitio.clientes, sitio.eventos, sitio.informes] {
        // Bytes sueltos, un saludo ZMTP a medias, un saludo ZMTP 1.0 con un mensaje.
        for bytes in [&b"GET / HTTP/1.0\r\n\r\n"[..], b"\xff\0\0\0\0\0\0\0\x01\x7f\x03", b"\x01\0\x02\0\xff"] {
            let mut conexion = TcpStream::connect(("127.0.0.1", puerto)).expect("conecta");
            conexion.write_all(bytes).expect("escribe");
        }
        let mut raro = contexto.dealer(&local(puerto)).expect("dealer");
        let muchos = [&b"x"[..]; 30];
        for cuadros in [&[&b""[..]][..], &[b"\xff\xfe\0"], &[b"a", b"b", b"c"], &[b"", b"{}"], &muchos] {
            // A un XPUB un DEALER no llega a conectarse: no hay a quién enviar.
            let _sin_conexion = raro.try_send(cuadros);
        }
    }
    let sub = contexto.sub(&local(sitio.eventos)).expect("sub");
    for tema in ["", "prestamo", "prestamo|", "renovacion|x", "\u{0}"] {
        sub.suscribir(tema).expect("suscrito");
    }
    let mut informante = contexto.dealer(&local(sitio.informes)).expect("dealer");
    for cuerpo in [&b""[..], b"{", b"[]", br#"{"actor":"x"}"#, b"\xff"] {
        pronto("enviar", informante.send(&[b"", cuerpo])).await.expect("enviado");
    }
    let mut cliente = Cliente::de(&sitio);
    for i in 0..50 {
        let respuesta = cliente.pedir(&prestamo(Uuid::now_v7(), &format!("E{i:06}"))).await;
        assert_eq!(respuesta.estado, Estado::Aplicada);
    }
    let salud = cliente.pedir(&json!({"operacion": "salud"})).await;
    assert_eq!(salud.datos["actores"], json!({"prestamo": 1, "devolucion": 0}));
}

#[tokio::test]
async fn una_solicitud_mal_hecha_recibe_su_codigo_y_su_motivo() {
    let sitio = Sitio::new();
    let _gestor = sitio.arrancar().await;
    let mut cliente = Cliente::de(&sitio);
    let enorme = vec![b' '; 70_000];
    for (bytes, codigo, parte) in [
        (&b"hola"[..], Codigo::SolicitudInvalida, "JSON"),
        (b"\xff\xfe", Codigo::SolicitudInvalida, "UTF-8"),
        (&enorme, Codigo::SolicitudInvalida, "65536"),
        (br#"{"operacion":"quemar"}"#, Codigo::OperacionDesconocida, "quemar"),
        (br#"{"operacion":"prestamo","usuario":7,"ejemplar":"E1"}"#, Codigo::SolicitudInvalida, "usuario"),
        (br#"{"operacion":"prestamo","usuario":"U1"}"#, Codigo::SolicitudInvalida, "ejemplar"),
        (br#"{"operacion":"salud","aceptaPendiente":"no"}"#, Codigo::SolicitudInvalida, "aceptaPendiente"),
    ] {
        cliente.enviar_bytes(bytes).await;
        let respuesta = cliente.recibir().await;
        assert_eq!((respuesta.estado, respuesta.codigo), (Estado::Error, codigo));
        assert!(respuesta.mensaje.contains(parte), "{}", respuesta.mensaje);
    }
    cliente.enviar_bytes(b"").await;
    cliente.nada_mas().await;
}

#[tokio::test]
async fn un_cliente_que_se_va_sin_esperar_no_molesta_a_los_demas() {
    let sitio = Sitio::new();
    let mut gestor = sitio.arrancar().await;
    let mut actor = Actor::presente(&sitio, &mut gestor, Topico::Prestamo).await;
    let mut fugaz = Cliente::de(&sitio);
    fugaz.enviar(&prestamo(Uuid::now_v7(), "E000001")).await;
    let suya = actor.orden().await;
    drop(fugaz);
    let mut cliente = Cliente::de(&sitio);
    cliente.enviar(&prestamo(Uuid::now_v7(), "E000002")).await;
    let orden = actor.orden().await;
    actor.aplicar(&suya).await;
    actor.aplicar(&orden).await;
    assert_eq!(cliente.recibir().await.id, Some(orden.id.uuid()));
}
