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

/// Los datos de una consulta, con lo que cambia de una vez a otra sustituido por su nombre.
async fn datos(b: &Biblioteca, consulta: Consulta, prestamo: &str) -> String {
    let guardada = consultas::consultar(&b.conexiones, consulta).await.expect("contesta");
    let cuerpo = guardada.cuerpo.get();
    let datos = cuerpo.split_once(r#""datos":"#).expect("los lleva").1.replace(prestamo, "<id>");
    let sin_fecha = |texto: String, campo: &str| {
        let Some((antes, resto)) = texto.split_once(&format!(r#""{campo}":"2"#)) else { return texto };
        format!(r#"{antes}"{campo}":"<fecha>{}"#, &resto[resto.find('"').expect("acaba")..])
    };
    sin_fecha(sin_fecha(datos, "desde"), "vence")
}

/// Son los de cuando se escribían sin tipo: quien los lee no nota la diferencia.
#[tokio::test]
async fn los_bytes_de_cada_consulta_son_los_de_siempre() {
    let b = biblioteca().await;
    let orden = prestamo("U1", "E2");
    b.pedir(&orden).await;
    let id = orden.id.to_string();
    for (consulta, esperados) in [
        (ejemplar("E1"), r#"{"ejemplar":"E1","isbn":"L1","sede":"CENTRO","situacion":"libre","titulo":"Título 1"}}"#),
        (
            ejemplar("E2"),
            r#"{"ejemplar":"E2","isbn":"L1","prestamo":"<id>","renovaciones":0,"sede":"NORTE","situacion":"prestado","titulo":"Título 1","usuario":"U1","vence":"<fecha>"}}"#,
        ),
        (ejemplar("E9999"), r#"{"ejemplar":"E9999"}}"#),
        (
            libro("L1"),
            r#"{"autores":"Autora","ejemplares":[{"ejemplar":"E1","sede":"CENTRO","situacion":"libre"},{"ejemplar":"E2","sede":"NORTE","situacion":"prestado","vence":"<fecha>"}],"isbn":"L1","libres":1,"titulo":"Título 1","total":2}}"#,
        ),
        (libro("L0"), r#"{"autores":"Autora","ejemplares":[],"isbn":"L0","libres":0,"titulo":"Título 0","total":0}}"#),
        (libro("L9999"), r#"{"isbn":"L9999"}}"#),
        (
            usuario("U1"),
            r#"{"abiertos":1,"bloqueado":false,"categoria":"ESTUDIANTE","prestamos":[{"desde":"<fecha>","ejemplar":"E2","isbn":"L1","prestamo":"<id>","renovaciones":0,"vence":"<fecha>"}],"usuario":"U1"}}"#,
        ),
        (usuario("U2"), r#"{"abiertos":0,"bloqueado":false,"categoria":"ESTUDIANTE","prestamos":[],"usuario":"U2"}}"#),
        (usuario("U9999"), r#"{"usuario":"U9999"}}"#),
    ] {
        assert_eq!(datos(&b, consulta, &id).await, esperados);
    }
}
