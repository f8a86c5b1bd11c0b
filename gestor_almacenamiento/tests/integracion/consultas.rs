//! Lo que se pregunta sin cambiar nada.

use common::{
    dominio::{Codigo, Consulta, Estado},
    mensajes::Respuesta,
};
use gestor_almacenamiento::store::consultas;
use sqlx::Executor;

use crate::comun::{Biblioteca, biblioteca, bytes, prestamo};

async fn preguntar(b: &Biblioteca, consulta: Consulta) -> Respuesta {
    let guardada = consultas::consultar(&b.conexiones, consulta).await.expect("contesta");
    serde_json::from_str(guardada.cuerpo.get()).expect("es una respuesta")
}

fn ejemplar(id: &str) -> Consulta {
    Consulta::Ejemplar(id.parse().expect("ejemplar"))
}

fn libro(isbn: &str) -> Consulta {
    Consulta::Libro(isbn.parse().expect("isbn"))
}

fn usuario(id: &str) -> Consulta {
    Consulta::Usuario(id.parse().expect("usuario"))
}

#[tokio::test]
async fn un_ejemplar_esta_libre_o_prestado_a_alguien_hasta_un_dia() {
    let b = biblioteca().await;
    let libre = preguntar(&b, ejemplar("E1")).await;
    assert_eq!((libre.estado, libre.datos["situacion"].as_str()), (Estado::Aplicada, Some("libre")));
    let orden = prestamo("U1", "E1");
    let concedido = b.pedir(&orden).await;
    let prestado = preguntar(&b, ejemplar("E1")).await;
    assert_eq!(prestado.datos["situacion"], "prestado");
    assert_eq!(prestado.datos["usuario"], "U1");
    assert_eq!(prestado.datos["prestamo"], orden.id.to_string());
    assert_eq!(prestado.datos["vence"], concedido.datos["vence"]);
}

#[tokio::test]
async fn de_un_libro_se_dice_cuantos_ejemplares_hay_y_cuales_quedan() {
    let b = biblioteca().await;
    b.pedir(&prestamo("U1", "E2")).await;
    let libro = preguntar(&b, libro("L1")).await;
    assert_eq!((libro.datos["total"].as_u64(), libro.datos["libres"].as_u64()), (Some(2), Some(1)));
    assert_eq!(libro.datos["ejemplares"][0]["situacion"], "libre");
    assert_eq!(libro.datos["ejemplares"][1]["situacion"], "prestado");
    assert_eq!(preguntar(&b, self::libro("L0")).await.datos["total"], 0);
}

#[tokio::test]
async fn de_un_usuario_se_dicen_sus_prestamos_abiertos() {
    let b = biblioteca().await;
    assert_eq!(preguntar(&b, usuario("U1")).await.datos["abiertos"], 0);
    b.decidir(&[prestamo("U1", "E1"), prestamo("U1", "L2")]).await;
    let datos = preguntar(&b, usuario("U1")).await.datos;
    assert_eq!(datos["abiertos"], 2);
    let ejemplares: Vec<_> = datos["prestamos"].as_array().expect("lista").iter().map(|p| &p["ejemplar"]).collect();
    assert_eq!(ejemplares, ["E1", "E3"]);
}

#[tokio::test]
async fn de_una_operacion_se_repite_su_respuesta_byte_a_byte() {
    let b = biblioteca().await;
    let orden = prestamo("U1", "E1");
    let primera = bytes(&b.decidir(&[orden]).await, &orden);
    let guardada = consultas::consultar(&b.conexiones, Consulta::Operacion(orden.id.uuid())).await.expect("contesta");
    assert_eq!((guardada.codigo, guardada.cuerpo.get()), (Codigo::Ok, primera.as_str()));
}

#[tokio::test]
async fn lo_que_no_existe_se_rechaza_con_su_codigo() {
    let b = biblioteca().await;
    for (consulta, codigo) in [
        (ejemplar("E9999"), Codigo::EjemplarDesconocido),
        (libro("L9999"), Codigo::LibroDesconocido),
        (usuario("U9999"), Codigo::UsuarioDesconocido),
        (Consulta::Operacion(crate::comun::id().uuid()), Codigo::OperacionDesconocida),
    ] {
        let respuesta = preguntar(&b, consulta).await;
        assert_eq!((respuesta.estado, respuesta.codigo), (Estado::Rechazada, codigo));
    }
}

#[tokio::test]
async fn una_lista_enorme_se_corta_por_bytes_y_lo_dice() {
    let b = biblioteca().await;
    let muchos = "INSERT INTO ejemplares SELECT 'X' || n, 'L0', 'CENTRO' FROM generate_series(1, 5000) AS n";
    b.duenio().await.execute(muchos).await.expect("caben en la base");
    let guardada = consultas::consultar(&b.conexiones, libro("L0")).await.expect("contesta");
    assert!(guardada.cuerpo.get().len() < 64 * 1024);
    let respuesta: Respuesta = serde_json::from_str(guardada.cuerpo.get()).expect("entera");
    assert_eq!((respuesta.datos["total"].as_u64(), &respuesta.datos["cortada"]), (Some(5000), &true.into()));
}
