//! Un lote entero y de una vez: lo decidido, lo repetido, lo ajeno y lo caducado.

use chrono::{TimeDelta, Utc};
use common::{
    dominio::{Codigo, Comando, Estado, OperacionId},
    mensajes::{Instante, Orden},
};
use gestor_almacenamiento::store::{escritura, poda};
use uuid::Uuid;

use crate::comun::{
    biblioteca, bytes, codigo, con_id, devolucion, entrada, esperar_bloqueados, hacer, prestamo, renovacion, respuesta,
};

#[tokio::test]
async fn en_un_lote_se_presta_se_renueva_se_devuelve_y_se_vuelve_a_prestar() {
    let b = biblioteca().await;
    let lote = [
        prestamo("U1", "E1"),
        renovacion("U1", "E1"),
        renovacion("U1", "L1"),
        renovacion("U1", "E1"),
        prestamo("U2", "E1"),
        devolucion("", "E1"),
        prestamo("U2", "E1"),
        devolucion("U2", "L1"),
    ];
    let decidido = b.decidir(&lote).await;
    let codigos: Vec<_> = lote.iter().map(|o| codigo(&decidido, o).as_str()).collect();
    assert_eq!(codigos, ["OK", "OK", "OK", "LIMITE_DE_RENOVACIONES", "EJEMPLAR_PRESTADO", "OK", "OK", "OK"]);
    assert_eq!(b.contar("SELECT count(*) FROM prestamos WHERE devuelto IS NOT NULL").await, 2);
    assert_eq!(b.contar("SELECT max(renovaciones)::bigint FROM prestamos").await, 2);
    assert_eq!(b.contar("SELECT count(*) FROM operaciones").await, 8);
}

#[tokio::test]
async fn cada_negativa_se_guarda_con_su_codigo() {
    let b = biblioteca().await;
    for (orden, esperado) in [
        (prestamo("U999", "E1"), Codigo::UsuarioDesconocido),
        (prestamo("U50", "E1"), Codigo::UsuarioBloqueado),
        (prestamo("U1", "E9999"), Codigo::EjemplarDesconocido),
        (prestamo("U1", "L9999"), Codigo::LibroDesconocido),
        (prestamo("U1", "L0"), Codigo::SinEjemplares),
        (devolucion("", "E1"), Codigo::SinPrestamo),
        (devolucion("U1", "L1"), Codigo::SinPrestamo),
        (renovacion("U1", "E1"), Codigo::SinPrestamo),
    ] {
        let primera = b.pedir(&orden).await;
        assert_eq!((primera.estado, primera.codigo), (Estado::Rechazada, esperado), "{orden:?}");
        assert_eq!(b.pedir(&orden).await, primera, "la negativa se repite");
    }
    assert_eq!(b.contar("SELECT count(*) FROM operaciones WHERE estado = 'rechazada'").await, 8);
    assert_eq!(b.contar("SELECT count(*) FROM prestamos").await, 0);
}

#[tokio::test]
async fn el_mismo_id_dos_veces_da_los_mismos_bytes_y_un_solo_efecto() {
    let b = biblioteca().await;
    let orden = prestamo("U1", "E1");
    let primera = bytes(&b.decidir(&[orden]).await, &orden);
    let despues = Orden { aceptada: Instante(orden.aceptada.0 + 5_000_000), intento: 3, ..orden };
    assert_eq!(bytes(&b.decidir(&[despues]).await, &orden), primera);
    assert_eq!(b.contar("SELECT count(*) FROM operaciones").await, 1);
    assert_eq!(b.contar("SELECT count(*) FROM prestamos").await, 1);
}

#[tokio::test]
async fn el_mismo_id_dos_veces_en_un_lote_se_pliega_antes() {
    let b = biblioteca().await;
    let (orden, otra) = (prestamo("U1", "E1"), prestamo("U2", "E2"));
    let decidido = b.decidir(&[orden, otra, orden]).await;
    assert_eq!((codigo(&decidido, &orden), codigo(&decidido, &otra)), (Codigo::Ok, Codigo::Ok));
    assert_eq!(b.contar("SELECT count(*) FROM operaciones").await, 2);
}

#[tokio::test]
async fn el_mismo_id_con_otro_contenido_es_un_conflicto_y_nada_se_hace() {
    let b = biblioteca().await;
    let orden = prestamo("U1", "E1");
    let otro: Comando = prestamo("U1", "E2").comando;
    let ajena = con_id(orden.id, otro);
    let primera = bytes(&b.decidir(&[orden]).await, &orden);
    let conflicto = b.pedir(&ajena).await;
    assert_eq!((conflicto.estado, conflicto.codigo, conflicto.exito), (Estado::Error, Codigo::ConflictoDeId, false));
    assert_eq!(bytes(&b.decidir(&[orden]).await, &orden), primera, "lo guardado no cambia");
    // Y a la vez, en el mismo lote: decide la primera.
    let orden = prestamo("U2", "E3");
    let ajena = con_id(orden.id, otro);
    let decidido = b.decidir(&[orden, ajena]).await;
    assert_eq!((codigo(&decidido, &orden), codigo(&decidido, &ajena)), (Codigo::Ok, Codigo::ConflictoDeId));
    assert_eq!(b.contar("SELECT count(*) FROM prestamos WHERE ejemplar_id = 'E2'").await, 0);
}

#[tokio::test]
async fn el_tiempo_del_negocio_es_la_aceptacion_y_nunca_pasa_del_reloj_de_la_base() {
    let b = biblioteca().await;
    let antes = Utc::now() - TimeDelta::minutes(3);
    let puntual = Orden { aceptada: antes.into(), ..prestamo("U1", "E1") };
    assert_eq!(b.pedir(&puntual).await.fecha_operacion, Instante::from(antes).fecha());
    let adelantada = Orden { aceptada: (Utc::now() + TimeDelta::days(1)).into(), ..prestamo("U1", "E2") };
    assert!(b.pedir(&adelantada).await.fecha_operacion <= Utc::now());
    assert_eq!(b.contar("SELECT count(*) FROM prestamos WHERE vence > now() + interval '14 days'").await, 0);
}

fn de_hace(dias: i64) -> OperacionId {
    let ms = u64::try_from((Utc::now() - TimeDelta::days(dias)).timestamp_millis()).expect("después de 1970");
    let cuando = uuid::Timestamp::from_unix_time(ms / 1000, u32::try_from(ms % 1000).expect("cabe") * 1_000_000, 0, 0);
    OperacionId::try_new(Uuid::new_v7(cuando)).expect("v7")
}

#[tokio::test]
async fn de_un_id_anterior_al_horizonte_no_se_sabe_nada_y_sus_vecinas_se_deciden() {
    let b = biblioteca().await;
    let comando = |e: &str| prestamo("U1", e).comando;
    let (vieja, reciente) = (con_id(de_hace(100), comando("E1")), con_id(de_hace(10), comando("E3")));
    let decidido = b.decidir(&[vieja, reciente]).await;
    assert_eq!((codigo(&decidido, &vieja), codigo(&decidido, &reciente)), (Codigo::Ok, Codigo::Ok));
    let primera = bytes(&decidido, &reciente);
    assert_eq!(b.pedir(&devolucion("", "E1")).await.codigo, Codigo::Ok);

    let mut vueltas = 0;
    let duenio = entrada(&b.base).migracion;
    let borradas = poda::podar(&duenio, Utc::now() - TimeDelta::days(30), |_| vueltas += 1).await.expect("poda");
    assert_eq!((borradas, vueltas), (1, 2));

    // La olvidada no se hace otra vez, aunque su ejemplar esté libre; la otra sigue guardada; una nueva se decide.
    let (nunca_vista, nueva) = (con_id(de_hace(99), comando("E5")), prestamo("U2", "E7"));
    let decidido = b.decidir(&[vieja, reciente, nunca_vista, nueva]).await;
    let caducada = respuesta(&decidido, &vieja);
    assert_eq!((caducada.estado, caducada.codigo), (Estado::Incierta, Codigo::OperacionCaducada));
    assert_eq!(codigo(&decidido, &nunca_vista), Codigo::OperacionCaducada);
    assert_eq!(bytes(&decidido, &reciente), primera);
    assert_eq!(codigo(&decidido, &nueva), Codigo::Ok);
    assert_eq!(b.contar("SELECT count(*) FROM operaciones WHERE codigo = 'OPERACION_CADUCADA'").await, 0);
    assert_eq!(b.contar("SELECT count(*) FROM prestamos WHERE devuelto IS NULL").await, 2);
}

#[tokio::test]
async fn si_el_horizonte_se_mueve_entre_la_foto_y_el_guardado_el_id_viejo_ya_no_se_decide() {
    let b = biblioteca().await;
    let (vieja, vecina) = (con_id(de_hace(100), prestamo("U1", "E1").comando), prestamo("U2", "E3"));
    // El guardado espera por el id de la vecina, que otro tiene sin confirmar; la foto ya está leída.
    let mut ajeno = b.duenio().await;
    let id = vecina.id.uuid();
    let retiene = format!(
        "BEGIN; INSERT INTO operaciones (id, huella, tipo, estado, codigo, respuesta, aceptada)
         VALUES ('{id}', '', 'prestamo', 'rechazada', 'SIN_PRESTAMO', '', now())"
    );
    hacer(&mut ajeno, retiene).await;
    let conexiones = b.conexiones.clone();
    let lote = tokio::spawn(async move { escritura::decidir(&conexiones, &[vieja, vecina]).await });
    esperar_bloqueados(&b, 1).await;
    let duenio = entrada(&b.base).migracion;
    poda::podar(&duenio, Utc::now() - TimeDelta::days(30), |_| {}).await.expect("poda");
    hacer(&mut ajeno, "ROLLBACK".into()).await;
    let decidido = lote.await.expect("acaba");
    assert_eq!((codigo(&decidido, &vieja), codigo(&decidido, &vecina)), (Codigo::OperacionCaducada, Codigo::Ok));
    assert_eq!(b.contar("SELECT count(*) FROM prestamos").await, 1);
}
