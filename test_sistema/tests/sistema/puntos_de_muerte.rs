//! En cada punto entre una confirmación y la siguiente muere de verdad el proceso que pasa por él, una y otra vez: lo que se
//! contesta, lo que queda y lo que se cuenta es lo de una vida sin muertes.

use std::{sync::OnceLock, time::Duration};

use anaquel::plano::NOMBRES;
use common::{
    dominio::{Codigo, Comando, Consulta, EjemplarId, Estado, Objeto, Tipo, UsuarioId},
    mensajes::{Respuesta, Solicitud, descifrar},
    process::{http::cliente as http, puntos_de_muerte::Punto},
    transport::cliente::Paciencia,
};
use juicio::historia::Vista;
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

use crate::banco::{Banco, PLAZO, con_suite, con_suites_que};

/// Quien muere lo hace cada tantas veces que pasa por el punto: a la primera, nunca haría nada.
const CADA: u64 = 3;
/// Lo que se insiste con cada operación, con el mismo id.
const INSISTENCIA: Duration = Duration::from_secs(20);
const ACTORES_DE_PRESTAMO: [&str; 2] = ["actor_prestamo_1", "actor_prestamo_2"];

/// Lo que quedó de una vida.
#[derive(Debug, PartialEq, Eq)]
struct Vida {
    contestado: Vec<(Estado, Codigo)>,
    /// De cada ejemplar de la historia, quién lo tiene y cuántas veces lo alargó.
    prestados: Vec<(Value, Value)>,
    /// Lo que se sumó a las cuentas, por tipo y código.
    cuentas: Vec<(String, i64)>,
}

/// La misma historia en cada vida: el catálogo y los préstamos de muestra son siempre los mismos.
fn historia(ejemplares: &[EjemplarId], usuarios: &[UsuarioId]) -> Vec<Comando> {
    let objeto = |n: usize| Objeto::Ejemplar(ejemplares[n]);
    let pedir = |tipo, usuario: Option<usize>, n| {
        Comando::new(tipo, usuario.map(|u| usuarios[u]), objeto(n), None).expect("completo")
    };
    let (prestamo, renovacion, devolucion) = (Tipo::Prestamo, Tipo::Renovacion, Tipo::Devolucion);
    vec![
        pedir(prestamo, Some(0), 0),
        pedir(prestamo, Some(1), 0),
        pedir(renovacion, Some(0), 0),
        pedir(devolucion, None, 0),
        pedir(prestamo, Some(1), 0),
        pedir(prestamo, Some(2), 1),
        pedir(renovacion, Some(2), 1),
        pedir(renovacion, Some(2), 1),
        pedir(renovacion, Some(2), 1),
        pedir(devolucion, Some(0), 1),
        pedir(devolucion, Some(2), 1),
        pedir(devolucion, None, 2),
    ]
}

async fn vivir(banco: &Banco) -> Vida {
    let disponible = banco.base.disponible().await.expect("la base contesta");
    let ejemplares: Vec<EjemplarId> = disponible.ejemplares.iter().take(6).map(|(e, _)| *e).collect();
    let antes = cuentas(banco).await;
    let mut contestado = Vec::new();
    for comando in historia(&ejemplares, &disponible.usuarios) {
        contestado.push(decidir(banco, Uuid::now_v7(), &comando).await);
    }
    // Sin actores que los apliquen, estos se prometen: pasan por el diario.
    for actor in ACTORES_DE_PRESTAMO {
        banco.suite.parar(actor).await.expect("se para");
    }
    let prometidos: Vec<(Uuid, Comando)> = (3..6)
        .map(|n| {
            let objeto = Objeto::Ejemplar(ejemplares[n]);
            (Uuid::now_v7(), Comando::Prestamo { usuario: disponible.usuarios[n], objeto, sede: None })
        })
        .collect();
    for (id, comando) in &prometidos {
        let vista = contestacion(banco, *id, comando).await;
        assert!(!vista.decidida(), "sin actores: {vista:?}");
    }
    for actor in ACTORES_DE_PRESTAMO {
        banco.suite.iniciar(actor).await.expect("arranca");
    }
    for (id, comando) in &prometidos {
        contestado.push(decidir(banco, *id, comando).await);
    }
    Vida {
        contestado,
        prestados: prestados(banco, &ejemplares).await,
        cuentas: diferencia(&antes, &cuentas(banco).await),
    }
}

/// Insiste con el mismo id hasta que esté decidida, como hace quien recibe `pendiente` o nada.
async fn decidir(banco: &Banco, id: Uuid, comando: &Comando) -> (Estado, Codigo) {
    let desde = Instant::now();
    loop {
        let vista = contestacion(banco, id, comando).await;
        if vista.decidida() {
            return (vista.estado, vista.codigo);
        }
        assert!(desde.elapsed() < INSISTENCIA, "{id} sigue sin decidir: {vista:?}");
    }
}

async fn contestacion(banco: &Banco, id: Uuid, comando: &Comando) -> Vista {
    Vista::leer(&pedir(banco, Solicitud::new(id, *comando)).await).expect("una respuesta")
}

async fn pedir(banco: &Banco, solicitud: Solicitud) -> Vec<u8> {
    let contestada = banco.cliente().pedir(&solicitud.escribir(), Paciencia::insistente(INSISTENCIA)).await;
    contestada.expect("alguien contesta").cuerpo
}

async fn prestados(banco: &Banco, ejemplares: &[EjemplarId]) -> Vec<(Value, Value)> {
    let mut prestados = Vec::new();
    for ejemplar in ejemplares {
        let cuerpo = pedir(banco, Solicitud::new(Uuid::now_v7(), Consulta::Ejemplar(*ejemplar))).await;
        let respuesta: Respuesta = descifrar(&cuerpo).expect("una respuesta");
        assert!(respuesta.exito, "{respuesta:?}");
        prestados.push((respuesta.datos["usuario"].clone(), respuesta.datos["renovaciones"].clone()));
    }
    prestados
}

/// Las cuentas, por tipo y código, en orden.
async fn cuentas(banco: &Banco) -> Vec<(String, i64)> {
    let gestor = banco.suite.http("gestor_carga").expect("es de la suite");
    let mut cuentas = Vec::new();
    banco
        .hasta_que("el gestor da las cuentas", async || {
            let Ok((200, pagina)) = http::obtener(gestor, "/fault-tolerance/stats").await else { return false };
            let stats: Value = serde_json::from_str(&pagina).expect("json");
            let Some(filas) = stats["almacen"]["cuentas"].as_array() else { return false };
            cuentas = filas
                .iter()
                .map(|f| (format!("{} {}", f["tipo"], f["codigo"]), f["cuantas"].as_i64().expect("un número")))
                .collect();
            true
        })
        .await;
    cuentas
}

/// Lo que `despues` tiene de más, por nombre.
fn diferencia(antes: &[(String, i64)], despues: &[(String, i64)]) -> Vec<(String, i64)> {
    let mut suma = std::collections::BTreeMap::new();
    for (nombre, cuantas) in despues.iter().cloned().chain(antes.iter().map(|(n, c)| (n.clone(), -c))) {
        *suma.entry(nombre).or_insert(0) += cuantas;
    }
    suma.into_iter().filter(|(_, cuantas)| *cuantas != 0).collect()
}

/// Alguien murió de verdad en el punto.
async fn esperar_muerte(banco: &Banco, punto: Punto) {
    let dicho = format!("muere en {}", punto.as_str());
    let murio = async || NOMBRES.iter().any(|nombre| banco.suite.registro(nombre).contains(&dicho));
    banco.hasta_que(&dicho, murio).await;
}

#[test]
fn morir_en_cualquier_punto_de_confirmacion_da_lo_mismo_que_no_morir() {
    let sin_muertes = OnceLock::new();
    con_suite(async |banco| sin_muertes.set(vivir(banco).await).expect("se vive una vez"));
    let sin_muertes = sin_muertes.get().expect("vivió");
    let prestados = sin_muertes.prestados.iter().filter(|(usuario, _)| !usuario.is_null()).count();
    assert_eq!(prestados, 4, "{sin_muertes:#?}");
    let casos = Punto::TODOS.map(|punto| {
        // Al arrancar ya se consolida: a la primera, no arrancaría.
        let veces = if punto == Punto::AlmacenConsolidando { 2 } else { CADA };
        (Some(format!("{}:{veces}", punto.as_str())), punto)
    });
    con_suites_que(&casos, async |banco, punto| {
        let desde = Instant::now();
        assert_eq!(&vivir(banco).await, sin_muertes, "{}", punto.as_str());
        esperar_muerte(banco, *punto).await;
        println!("{}: {} ms", punto.as_str(), desde.elapsed().as_millis());
        assert!(desde.elapsed() < 3 * PLAZO);
    });
}
