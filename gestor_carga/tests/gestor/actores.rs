use common::{
    dominio::{Codigo, Estado},
    mensajes::{Desenlace, Topico},
};
use serde_json::json;
use uuid::Uuid;

use crate::apoyo::{Actor, Cliente, Sitio, almacen, aplicada, prestamo, pronto};

#[tokio::test]
async fn lo_de_un_actor_perdido_va_en_seguida_a_otro_y_solo() {
    let sitio = Sitio::new();
    let mut gestor = sitio.arrancar().await;
    let mut primero = Actor::presente(&sitio, &mut gestor, Topico::Prestamo).await;
    let mut cliente = Cliente::de(&sitio);
    cliente.enviar(&prestamo(Uuid::now_v7(), "E000001")).await;
    let orden = primero.orden().await;
    let mut segundo = Actor::presente(&sitio, &mut gestor, Topico::Prestamo).await;
    let perdido = format!("actor perdido: prestamo|{}", primero.instancia);
    drop(primero);
    let otra_vez = segundo.orden().await;
    assert_eq!((otra_vez.id, otra_vez.sola), (orden.id, true));
    gestor.linea(&perdido).await;
    gestor.linea(&format!("operación {} reasignada", orden.id)).await;
    segundo.aplicar(&otra_vez).await;
    assert_eq!(cliente.recibir().await.estado, Estado::Aplicada);
    cliente.nada_mas().await;
}

#[tokio::test]
async fn lo_que_no_hallo_almacenamiento_va_al_otro_actor() {
    let sitio = Sitio::new();
    let mut gestor = sitio.arrancar().await;
    let mut uno = Actor::presente(&sitio, &mut gestor, Topico::Prestamo).await;
    let mut otro = Actor::presente(&sitio, &mut gestor, Topico::Prestamo).await;
    let mut cliente = Cliente::de(&sitio);
    cliente.enviar(&prestamo(Uuid::now_v7(), "E000001")).await;
    let (orden, del_uno) = pronto("un evento", async {
        tokio::select! { o = uno.orden() => (o, true), o = otro.orden() => (o, false) }
    })
    .await;
    let (quien_falla, quien_sigue) = if del_uno { (&mut uno, &mut otro) } else { (&mut otro, &mut uno) };
    quien_falla.informar(&orden, Desenlace::SinAlmacenamiento).await;
    let segunda = quien_sigue.orden().await;
    assert_eq!((segunda.id, segunda.intento, segunda.sola), (orden.id, 1, false));
    quien_sigue.aplicar(&segunda).await;
    assert_eq!(cliente.recibir().await.estado, Estado::Aplicada);
}

#[tokio::test]
async fn un_informe_repetido_tardio_o_de_otro_contenido_no_cambia_nada() {
    let sitio = Sitio::new();
    let mut gestor = sitio.arrancar().await;
    let mut actor = Actor::presente(&sitio, &mut gestor, Topico::Prestamo).await;
    let mut cliente = Cliente::de(&sitio);
    cliente.enviar(&prestamo(Uuid::now_v7(), "E000001")).await;
    let orden = actor.orden().await;
    cliente.enviar(&prestamo(Uuid::now_v7(), "E000002")).await;
    let otra = actor.orden().await;
    let cruzada = common::mensajes::Orden { huella: otra.huella, ..orden };
    actor.informar(&cruzada, Desenlace::Decidida(aplicada(&cruzada))).await;
    let viejo = common::mensajes::Orden { intento: 7, ..orden };
    actor.informar(&viejo, Desenlace::SinAlmacenamiento).await;
    actor.aplicar(&orden).await;
    actor.aplicar(&orden).await;
    actor.aplicar(&otra).await;
    assert_eq!(cliente.recibir().await.id, Some(orden.id.uuid()));
    assert_eq!(cliente.recibir().await.id, Some(otra.id.uuid()));
    cliente.nada_mas().await;
}

#[tokio::test]
async fn las_de_un_mismo_ejemplar_salen_de_una_en_una_y_en_orden() {
    let sitio = Sitio::new();
    let _almacen = almacen(&sitio);
    let mut gestor = sitio.arrancar().await;
    let mut prestador = Actor::presente(&sitio, &mut gestor, Topico::Prestamo).await;
    let mut receptor = Actor::presente(&sitio, &mut gestor, Topico::Devolucion).await;
    let mut cliente = Cliente::de(&sitio);
    let ids: [Uuid; 3] = std::array::from_fn(|_| Uuid::now_v7());
    cliente.enviar(&prestamo(ids[0], "E000001")).await;
    cliente.enviar(&json!({"id": ids[1], "operacion": "renovacion", "usuario": "U0001", "ejemplar": "E000001"})).await;
    cliente.enviar(&json!({"id": ids[2], "operacion": "devolucion", "ejemplar": "E000001"})).await;
    cliente.nada_mas().await;
    let orden = prestador.orden().await;
    prestador.aplicar(&orden).await;
    // La renovación sale y vuelve sola: solo entonces se publica la devolución.
    let devolucion = receptor.orden().await;
    assert_eq!(cliente.recibir().await.id, Some(ids[0]));
    assert_eq!(cliente.recibir().await.id, Some(ids[1]));
    receptor.aplicar(&devolucion).await;
    assert_eq!(cliente.recibir().await.id, Some(ids[2]));
}

#[tokio::test]
async fn muchos_clientes_reciben_cada_uno_lo_suyo_y_una_vez() {
    const CLIENTES: usize = 32;
    const CADA_UNO: usize = 50;
    let sitio = Sitio::new();
    let mut gestor = sitio.arrancar().await;
    let _uno = Actor::presente(&sitio, &mut gestor, Topico::Prestamo).await.aplicar_todo();
    let _otro = Actor::presente(&sitio, &mut gestor, Topico::Prestamo).await.aplicar_todo();
    let tareas: Vec<_> = (0..CLIENTES)
        .map(|n| {
            let mut cliente = Cliente::de(&sitio);
            tokio::spawn(async move {
                for i in 0..CADA_UNO {
                    let id = Uuid::now_v7();
                    // Todos sobre los mismos pocos ejemplares.
                    let respuesta = cliente.pedir(&prestamo(id, &format!("E{:06}", (n + i) % 5))).await;
                    assert_eq!((respuesta.id, respuesta.estado), (Some(id), Estado::Aplicada));
                }
                cliente.nada_mas().await;
            })
        })
        .collect();
    for tarea in tareas {
        pronto("los clientes", tarea).await.expect("sin pánico");
    }
    let salud = Cliente::de(&sitio).pedir(&json!({"operacion": "salud"})).await;
    assert_eq!(salud.codigo, Codigo::Ok);
    assert_eq!(salud.datos["operaciones"], 0, "nada queda sin decidir");
}
