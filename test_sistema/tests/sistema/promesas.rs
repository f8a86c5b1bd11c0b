//! Lo que se promete cuando nadie puede decidir: sobrevive al gestor y se aplica solo en cuanto alguien puede.

use std::time::Duration;

use common::dominio::{Comando, Estado, Objeto};
use juicio::historia::Historia;

use crate::banco::{Banco, PLAZO, con_suite};

const PROMETER_MAX: Duration = Duration::from_secs(1);
const APLICAR_MAX: Duration = Duration::from_secs(2);

#[test]
fn sin_actores_sin_almacenes_o_sin_postgres_el_prestamo_se_promete_sobrevive_al_gestor_y_se_aplica_solo() {
    con_suite(async |banco| {
        promesa(banco, &["actor_prestamo_1", "actor_prestamo_2"]).await;
        promesa(banco, &["gestor_almacenamiento", "backup_almacen"]).await;
        promesa(banco, &["postgres"]).await;
    });
}

/// Para `parados`, pide un préstamo, mata al gestor, levanta el primero y espera.
async fn promesa(banco: &Banco, parados: &[&str]) {
    let disponible = banco.base.disponible().await.expect("la base contesta");
    let (ejemplar, usuario) = (disponible.ejemplares[0].0, disponible.usuarios[0]);
    let prestamo = Comando::Prestamo { usuario, objeto: Objeto::Ejemplar(ejemplar), sede: None };
    let mut historia = Historia::default();
    for parado in parados {
        banco.suite.parar(parado).await.expect("se para");
    }
    let (id, vista, tardo) = banco.pedir(&prestamo, &mut historia).await;
    assert_eq!(vista.estado, Estado::Pendiente, "{vista:?}");
    assert!(tardo < PROMETER_MAX, "tardó {} ms en prometer", tardo.as_millis());
    let pid = banco.suite.matar("gestor_carga").expect("está en marcha");
    banco.hasta_que("el gestor vuelve", async || banco.suite.pid("gestor_carga").is_ok_and(|p| p != pid)).await;
    let vista = banco.preguntar_por(id).await;
    assert_eq!(vista.estado, Estado::Pendiente, "tras la muerte del gestor: {vista:?}");
    banco.suite.iniciar(parados[0]).await.expect("arranca");
    let tardo = banco.esperar_aplicada(id).await;
    println!("sin {parados:?}: aplicada {} ms después de volver", tardo.as_millis());
    assert!(tardo < APLICAR_MAX, "tardó {} ms en aplicarse", tardo.as_millis());
    for parado in &parados[1..] {
        banco.suite.iniciar(parado).await.expect("arranca");
    }
    banco.suite.esperar_vuelta(parados[0], 0, PLAZO).await.expect("todo vuelve");
    let veredicto = banco.veredicto(&mut historia).await;
    assert!(veredicto.limpio() && historia.reconocidas() == 2, "{:#?}", veredicto.hallazgos);
}
