//! El número de cada lote: qué asegura a quien lea lo decidido en el orden en que pasó.

use std::time::Duration;

use common::{
    dominio::{Codigo, OperacionId},
    mensajes::{Administracion, Administrada, Orden},
};
use sqlx::{PgConnection, query_scalar};

use crate::comun::{Biblioteca, apartar, biblioteca, devolucion, hacer, prestamo};

/// Las operaciones, por su lote y su puesto.
async fn en_orden(b: &Biblioteca) -> Vec<(i64, i16, OperacionId)> {
    let sql = "SELECT lote, puesto, id FROM operaciones ORDER BY 1, 2";
    let filas: Vec<(i64, i16, uuid::Uuid)> = sqlx::query_as(sql).fetch_all(&mut b.duenio().await).await.expect(sql);
    filas.into_iter().map(|(lote, puesto, id)| (lote, puesto, OperacionId::try_new(id).expect("v7"))).collect()
}

#[tokio::test]
async fn el_numero_del_lote_y_el_puesto_dicen_en_que_orden_paso_todo() {
    let b = biblioteca().await;
    // Los ids no van en el orden en que se decide.
    let (primera, tercera, segunda) = (prestamo("U1", "E1"), prestamo("U2", "E1"), devolucion("", "E1"));
    let (aparte, cuarta) = (prestamo("U3", "E3"), devolucion("U2", "E1"));
    b.decidir(&[primera, segunda, tercera]).await;
    b.terminar(&apartar(aparte)).await;
    assert_eq!(b.pedir(&cuarta).await.codigo, Codigo::Ok);
    let [uno, dos, tres, cuatro, cinco] = en_orden(&b).await[..] else { panic!("cinco operaciones") };
    assert_eq!(
        [uno, dos, tres].map(|(_, puesto, id)| (puesto, id)),
        [(0, primera.id), (1, segunda.id), (2, tercera.id)]
    );
    assert_eq!((cuatro.2, cinco.2), (aparte.id, cuarta.id));
    assert!(0 < uno.0 && uno.0 == dos.0 && dos.0 == tres.0 && tres.0 < cuatro.0 && cuatro.0 < cinco.0);

    // Lo que una persona resuelve pasa cuando lo resuelve.
    let Administrada::Decidida(_) = b.administrar(Administracion::Recuperar(aparte.id)).await else {
        panic!("se recupera")
    };
    let (lote, puesto, id) = en_orden(&b).await.pop().expect("hay");
    assert!(lote > cinco.0 && (puesto, id) == (0, aparte.id));
}

/// Guarda una operación y deja la transacción abierta.
async fn guardar_sin_confirmar(c: &mut PgConnection, orden: &Orden) {
    let Orden { id, huella, .. } = orden;
    let sql = format!(
        "BEGIN; SELECT guardar_lote(leido => (SELECT desde FROM horizonte),
            sumado => ROW('{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}')::lote_sumado,
            decididas => ARRAY[ROW('{id}', '\\x{huella}', 'prestamo', 'rechazada', 'SIN_EJEMPLARES', '{{}}', now(), 0)
                ::operacion_decidida])"
    );
    hacer(c, sql).await;
}

#[tokio::test]
async fn un_numero_se_cierra_cuando_acaban_los_que_pudieron_pedir_uno_menor_y_nadie_espera_por_el() {
    let b = biblioteca().await;
    let (lenta, rapida) = (prestamo("U1", "E1"), prestamo("U2", "E2"));
    let mut ajeno = b.duenio().await;
    guardar_sin_confirmar(&mut ajeno, &lenta).await;
    // Otro lote no espera a ese, y se confirma antes con un número mayor.
    assert_eq!(b.pedir(&rapida).await.codigo, Codigo::Ok);
    let hasta: i64 = b.contar("SELECT last_value FROM lotes").await;
    let mut lector = b.duenio().await;
    let tope: String =
        query_scalar("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").fetch_one(&mut lector).await.expect("lee");
    let cerrado = async |lector: &mut PgConnection| {
        let sql = "SELECT pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8";
        query_scalar::<_, bool>(sql).bind(&tope).fetch_one(lector).await.expect(sql)
    };
    assert_eq!(en_orden(&b).await.iter().map(|f| f.0).collect::<Vec<_>>(), [hasta]);
    assert!(!cerrado(&mut lector).await, "aún puede aparecer uno menor");
    hacer(&mut ajeno, "COMMIT".into()).await;
    let espera = async {
        // Las demás pruebas también escriben en este clúster.
        while !cerrado(&mut lector).await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), espera).await.expect("se cierra");
    let en_orden = en_orden(&b).await;
    assert_eq!(en_orden.iter().map(|f| f.2).collect::<Vec<_>>(), [lenta.id, rapida.id]);
    assert!(en_orden[0].0 < hasta && en_orden[1].0 == hasta);
}
