//! Lo que llega de otra versión: se contesta, no calla a lo que va con ello, y acaba en alguna parte.

use std::{
    fs,
    process::{Output, Stdio},
};

use common::{
    dominio::{Codigo, Estado},
    mensajes::{CuerpoPeticion, CuerpoResultado, Desenlace, Topico},
};
use serde_json::json;
use uuid::Uuid;

use crate::apoyo::{Actor, Cliente, Gestor, Sitio, almacen, almacen_que, pedir_http, prestamo, terminadas};

/// Un almacenamiento que solo entiende cómo terminar con una operación.
fn almacen_de_otra_version(sitio: &Sitio) -> crate::apoyo::TareaDePrueba {
    almacen_que(sitio, |cuerpo| match cuerpo {
        CuerpoPeticion::Salud => CuerpoResultado::Sano,
        CuerpoPeticion::Terminar(cierres) => terminadas(&cierres),
        _ => CuerpoResultado::NoEntendida { motivo: "de otra versión".into() },
    })
}

#[tokio::test]
async fn lo_que_ningun_almacenamiento_entiende_se_dice_a_la_persona_y_la_operacion_se_aparta() {
    let sitio = Sitio::new();
    let _almacen = almacen_de_otra_version(&sitio);
    let mut orden = sitio.orden();
    orden.env("REINTENTO_BASE_MS", "50");
    let mut gestor = Gestor::de(orden);
    gestor.linea("conectado con").await;
    let mut cliente = Cliente::de(&sitio);
    let renovacion = json!({"id": Uuid::now_v7(), "operacion": "renovacion", "usuario": "U1", "ejemplar": "E000001"});
    let respuesta = cliente.pedir(&renovacion).await;
    assert_eq!((respuesta.estado, respuesta.codigo), (Estado::Pendiente, Codigo::EnRevision));
    let porque = &respuesta.datos["historia"][0]["que"];
    assert!(porque.as_str().is_some_and(|que| que.contains("no se entendió")), "{porque}");
    // Una consulta no insiste, y a quien opera se le dice que hay dos versiones.
    let consulta = cliente.pedir(&json!({"operacion": "consulta_ejemplar", "ejemplar": "E000001"})).await;
    assert_eq!((consulta.estado, consulta.codigo), (Estado::Error, Codigo::AlmacenamientoNoDisponible));
    let puerto = sitio.http;
    let http = move || pedir_http(puerto, "GET", "/fault-tolerance/dead-letter-queue", "", "");
    let http = tokio::task::spawn_blocking(http).await.expect("contesta");
    assert!(http.starts_with("HTTP/1.1 500") && http.contains("misma versión"), "{http}");
    let salud = cliente.pedir(&json!({"operacion": "salud"})).await;
    assert_eq!(salud.datos["almacenamiento"][0]["breaker"], "CERRADO", "no entender no es fallar");
}

#[tokio::test]
async fn lo_que_un_actor_no_entiende_va_solo_a_otro_que_lo_aplica() {
    let sitio = Sitio::new();
    let _almacen = almacen(&sitio);
    let mut orden = sitio.orden();
    orden.env("REINTENTO_BASE_MS", "50");
    let mut gestor = Gestor::de(orden);
    let mut actor = Actor::presente(&sitio, &mut gestor, Topico::Prestamo).await;
    let mut cliente = Cliente::de(&sitio);
    cliente.enviar(&prestamo(Uuid::now_v7(), "E000001")).await;
    let primera = actor.orden().await;
    actor.informar(&primera, Desenlace::NoEntendida { motivo: "«reserva»".into() }).await;
    gestor.linea("no se entendió").await;
    let otra_vez = actor.orden().await;
    assert_eq!((otra_vez.id, otra_vez.intento, otra_vez.sola), (primera.id, 1, true));
    actor.aplicar(&otra_vez).await;
    assert_eq!(cliente.recibir().await.estado, Estado::Aplicada);
}

#[tokio::test]
async fn un_desenlace_de_otra_version_deja_en_duda_a_su_operacion_y_las_demas_del_informe_se_contestan() {
    let sitio = Sitio::new();
    let mut gestor = sitio.arrancar().await;
    let mut actor = Actor::presente(&sitio, &mut gestor, Topico::Prestamo).await;
    let mut cliente = Cliente::de(&sitio);
    cliente.enviar(&prestamo(Uuid::now_v7(), "E000001")).await;
    let rara = actor.orden().await;
    actor.informar_raro(&rara, r#"{"aplazada":{"hasta":7}}"#).await;
    gestor.linea("informa de lo que aquí no se entiende").await;
    let otra_vez = actor.orden().await;
    assert_eq!((otra_vez.id, otra_vez.sola), (rara.id, true), "no se sabe qué fue de ella: otra vez, y sola");
    actor.aplicar(&otra_vez).await;
    assert_eq!(cliente.recibir().await.estado, Estado::Aplicada);
}

/// Pide al programa que opere el gestor.
async fn operar(sitio: &Sitio, argumentos: &'static [&'static str]) -> String {
    let mut orden = sitio.orden();
    orden.args(["operar", "--http", &format!("127.0.0.1:{}", sitio.http)]).args(argumentos);
    orden.stdout(Stdio::piped());
    let salida = tokio::task::spawn_blocking(move || orden.output()).await.expect("corre");
    let Output { status, stdout, stderr } = salida.expect("está construido");
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).expect("UTF-8")
}

#[tokio::test]
async fn las_filas_del_diario_que_no_se_entienden_se_miran_y_las_demas_se_deciden() {
    let sitio = Sitio::new();
    let ordenes = redb::TableDefinition::<u64, &[u8]>::new("ordenes");
    let de_otra =
        include_str!("../diario/v1.txt").lines().next().expect("una fila").splitn(3, ' ').nth(2).expect("bytes");
    let de_otra = de_otra.replace(r#""prestamo""#, r#""reserva""#);
    fs::create_dir_all(sitio.diario().parent().expect("carpeta")).expect("se crea");
    let diario = redb::Database::create(sitio.diario()).expect("se crea");
    let transaccion = diario.begin_write().expect("escribe");
    for (num, bytes) in [(7, de_otra.as_bytes()), (9, b"\xff\x00\x01")] {
        transaccion.open_table(ordenes).expect("tabla").insert(num, bytes).expect("inserta");
    }
    transaccion.commit().expect("guarda");
    drop(diario);

    let mut gestor = Gestor::de(sitio.orden());
    gestor.linea("la fila 7 del diario no se entiende").await;
    gestor.linea("gestor de carga en marcha").await;
    let tabla = operar(&sitio, &["ilegibles"]).await;
    let (texto, binaria) = tabla.split_once("\n9 ").unwrap_or_else(|| panic!("{tabla}"));
    assert!(texto.contains(&de_otra) && texto.contains("unknown variant `reserva`"), "{tabla}");
    assert!(binaria.contains("ff0001"), "{tabla}");
    let json = operar(&sitio, &["ilegibles", "--desde", "1", "--json"]).await;
    let pagina: serde_json::Value = serde_json::from_str(&json).expect("json");
    assert_eq!(
        (&pagina["total"], &pagina["filas"][0]["numero"], &pagina["filas"][0]["bytes"]),
        (&2.into(), &9.into(), &3.into())
    );
    assert!(pagina["filas"][0]["cuando"].is_string() && pagina["filas"][0]["texto"].is_null(), "{pagina}");
    assert!(operar(&sitio, &["cuentas"]).await.contains("filasIlegibles"), "y el resumen las cuenta");
}
