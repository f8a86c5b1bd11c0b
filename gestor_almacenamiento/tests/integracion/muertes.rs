//! El programa muere en cada punto entre una confirmación y la siguiente: lo que queda y lo que se contesta es lo mismo que si
//! no hubiera muerto.

use std::time::Duration;

use common::{
    dominio::Codigo,
    mensajes::{CuerpoPeticion, CuerpoResultado, Desenlace, Orden},
    process::puntos_de_muerte::Punto,
};

use crate::{
    comun::{Biblioteca, anular, apartar, biblioteca, devolucion, prestamo, renovacion},
    programa::Programa,
    servicio::Cliente,
};

/// Una historia en lotes de uno, y qué se le pide de cada operación.
fn historia() -> Vec<CuerpoPeticion> {
    let escribir = |orden: Orden| CuerpoPeticion::Escribir(vec![orden]);
    vec![
        escribir(prestamo("U1", "E1")),
        escribir(renovacion("U1", "E1")),
        CuerpoPeticion::Terminar(vec![apartar(prestamo("U3", "E5"))]),
        escribir(prestamo("U2", "E1")),
        CuerpoPeticion::Terminar(vec![anular(prestamo("U4", "E7"), Codigo::SinActores)]),
        escribir(devolucion("", "E1")),
    ]
}

fn respuesta(cuerpo: CuerpoResultado) -> String {
    match cuerpo {
        CuerpoResultado::Escritas(escritas) => match &escritas[0].desenlace {
            Desenlace::Decidida(guardada) => guardada.cuerpo.get().to_owned(),
            otro => panic!("{otro:?}"),
        },
        otro => panic!("{otro:?}"),
    }
}

fn arrancar(b: &Biblioteca, muere_en: Option<String>) -> Programa {
    let ajuste = muere_en.map(|donde| ("ANAQUEL_MUERE_EN", donde));
    Programa::arrancar_con(&b.base, ajuste.as_slice())
}

/// Pide toda la historia; si el programa muere, arranca otro y repite lo que quedó sin respuesta.
async fn vivir(b: &Biblioteca, historia: &[CuerpoPeticion], muere_en: Option<String>) -> (Vec<String>, u32) {
    let mut programa = arrancar(b, muere_en);
    let (mut cliente, mut muertes, mut respuestas) = (Cliente::de(&programa), 0, Vec::new());
    for que in historia {
        let contestada = if let Some(cuerpo) = cliente.intentar(que.clone(), || programa.murio()).await {
            cuerpo
        } else {
            muertes += 1;
            programa = arrancar(b, None);
            cliente = Cliente::de(&programa);
            cliente.pedir(que.clone()).await
        };
        respuestas.push(respuesta(contestada));
    }
    (respuestas, muertes)
}

/// Lo que queda en la base, sin lo que dice a qué hora se hizo.
async fn estado(b: &Biblioteca) -> Vec<String> {
    b.las_cuentas_cuadran().await;
    let sql = "SELECT row(id, huella, tipo, estado, codigo, respuesta, aceptada)::text FROM operaciones
        UNION ALL SELECT p::text FROM prestamos AS p
        UNION ALL SELECT row(id, comando, motivo, historia, aceptada)::text FROM apartadas ORDER BY 1";
    sqlx::query_scalar(sql).fetch_all(&mut b.duenio().await).await.expect(sql)
}

#[tokio::test]
async fn morir_antes_o_despues_de_guardar_cada_operacion_no_cambia_nada() {
    let historia = historia();
    let sana = biblioteca().await;
    let (esperadas, 0) = vivir(&sana, &historia, None).await else { panic!("nadie debía morir") };
    let esperado = estado(&sana).await;
    for punto in [Punto::AlmacenAntesDeGuardar, Punto::AlmacenGuardadaSinContestar] {
        for vez in 1..=historia.len() {
            let b = biblioteca().await;
            let donde = format!("{}:{vez}", punto.as_str());
            let (respuestas, muertes) = vivir(&b, &historia, Some(donde.clone())).await;
            assert_eq!((respuestas, muertes), (esperadas.clone(), 1), "{donde}");
            assert_eq!(estado(&b).await, esperado, "{donde}");
        }
    }
}

#[tokio::test]
async fn morir_consolidando_deja_las_cuentas_como_estaban() {
    let b = biblioteca().await;
    let historia = historia();
    vivir(&b, &historia, None).await;
    let sumandos = b.contar("SELECT count(*) FROM sumandos").await;
    // Al arrancar se consolida lo que dejara otro.
    let mut programa = arrancar(&b, Some(Punto::AlmacenConsolidando.as_str().to_owned()));
    assert_eq!(programa.esperar(), None, "lo mata una señal");
    assert_eq!(b.contar("SELECT count(*) FROM sumandos").await, sumandos);
    b.las_cuentas_cuadran().await;
    let _sano = arrancar(&b, None);
    let espera = async {
        while b.contar("SELECT count(*) FROM sumandos").await > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), espera).await.expect("otro consolida");
    b.las_cuentas_cuadran().await;
}
