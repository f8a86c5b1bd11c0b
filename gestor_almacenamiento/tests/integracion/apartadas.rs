//! Terminar con una operación, y lo que una persona hace con las apartadas.

use chrono::{TimeDelta, Utc};
use common::{
    dominio::{Codigo, Consulta, Estado, OperacionId},
    mensajes::{
        Administracion, Administrada, Desenlace, Instante, MotivoDeApartar, Orden, Respuesta,
        administracion::{Apartada, Resolucion},
    },
};
use gestor_almacenamiento::store::{consultas, escritura, poda};
use sqlx::Executor;
use uuid::Uuid;

use crate::comun::{
    Biblioteca, anular, apartar, biblioteca, bytes, con_id, devolucion, entrada, hacer, prestamo, renovacion,
};

async fn pagina(b: &Biblioteca, solo_abiertas: bool, desde: u32, cuantas: u32) -> (Vec<Apartada>, u64) {
    match b.administrar(Administracion::Apartadas { solo_abiertas, desde, cuantas }).await {
        Administrada::Apartadas { filas, total } => (filas, total),
        otra => panic!("{otra:?}"),
    }
}

/// Los bytes con que quedó decidida.
fn decidida(que: &Administrada) -> String {
    match que {
        Administrada::Decidida(guardada) => guardada.cuerpo.get().to_owned(),
        otra => panic!("{otra:?}"),
    }
}

fn cerrar(id: OperacionId, nota: &str) -> Administracion {
    Administracion::Cerrar { id, nota: nota.into() }
}

#[tokio::test]
async fn lo_anulado_no_se_hace_aunque_llegue_despues_y_se_contesta_lo_mismo() {
    let b = biblioteca().await;
    let orden = prestamo("U1", "E1");
    let anulada = b.terminar(&anular(orden, Codigo::SinActores)).await;
    assert_eq!((anulada.estado, anulada.codigo, anulada.exito), (Estado::Error, Codigo::SinActores, false));
    assert_eq!(b.pedir(&orden).await, anulada);
    assert_eq!(b.terminar(&apartar(orden)).await, anulada, "y ya no se aparta");
    assert_eq!(b.contar("SELECT count(*) FROM operaciones WHERE estado = 'anulada'").await, 1);
    assert_eq!(b.contar("SELECT count(*) FROM apartadas").await, 0);
    assert_eq!(b.contar("SELECT count(*) FROM prestamos").await, 0);
    b.las_cuentas_cuadran().await;
}

#[tokio::test]
async fn de_lo_ya_decidido_vale_lo_decidido_y_lo_ajeno_y_lo_caducado_se_dicen() {
    let b = biblioteca().await;
    let (hecha, otra) = (prestamo("U1", "E1"), prestamo("U1", "E2"));
    let primera = b.pedir(&hecha).await;
    assert_eq!(b.terminar(&anular(hecha, Codigo::SinRespuesta)).await, primera);
    assert_eq!(b.terminar(&apartar(hecha)).await, primera);
    let ajena = con_id(hecha.id, otra.comando);
    let conflicto = b.terminar(&apartar(ajena)).await;
    assert_eq!((conflicto.estado, conflicto.codigo), (Estado::Error, Codigo::ConflictoDeId));

    let duenio = entrada(&b.base).migracion;
    poda::podar(&duenio, Utc::now() - TimeDelta::days(30), |_| {}).await.expect("poda");
    let vieja = con_id(de_hace(31), otra.comando);
    let caducada = b.terminar(&anular(vieja, Codigo::SinRespuesta)).await;
    assert_eq!((caducada.estado, caducada.codigo), (Estado::Incierta, Codigo::OperacionCaducada));
    assert_eq!(b.contar("SELECT count(*) FROM operaciones").await, 1);
    assert_eq!(b.contar("SELECT count(*) FROM apartadas").await, 0);
}

fn de_hace(dias: i64) -> OperacionId {
    let ms = u64::try_from((Utc::now() - TimeDelta::days(dias)).timestamp_millis()).expect("después de 1970");
    let cuando = uuid::Timestamp::from_unix_time(ms / 1000, u32::try_from(ms % 1000).expect("cabe") * 1_000_000, 0, 0);
    OperacionId::try_new(Uuid::new_v7(cuando)).expect("v7")
}

#[tokio::test]
async fn lo_apartado_esta_en_revision_para_quien_lo_pidio_y_entero_para_quien_lo_mira() {
    let b = biblioteca().await;
    let orden = prestamo("U1", "E1");
    let apartada = b.terminar(&apartar(orden)).await;
    assert_eq!((apartada.estado, apartada.codigo), (Estado::Pendiente, Codigo::EnRevision));
    assert_eq!(b.pedir(&orden).await, apartada);
    let consulta = consultas::consultar(&b.conexiones, Consulta::Operacion(orden.id.uuid())).await.expect("contesta");
    assert_eq!(serde_json::from_str::<Respuesta>(consulta.cuerpo.get()).expect("respuesta"), apartada);
    let Administrada::Apartada(vista) = b.administrar(Administracion::Apartada(orden.id)).await else {
        panic!("está")
    };
    assert_eq!((vista.id, vista.comando, vista.motivo), (orden.id, orden.comando, MotivoDeApartar::FallosDefinidos));
    assert_eq!((vista.historia[0].intento, &*vista.historia[0].que), (1, "23514: «no»"));
    assert_eq!((vista.aceptada, vista.resolucion.is_none()), (orden.aceptada.fecha(), true));
    let nadie = prestamo("U1", "E2").id;
    for que in [Administracion::Apartada(nadie), Administracion::Recuperar(nadie), cerrar(nadie, "x")] {
        assert!(matches!(b.administrar(que).await, Administrada::NoExiste));
    }
}

#[tokio::test]
async fn una_recuperada_se_decide_con_las_reglas_y_su_aceptacion_de_entonces_y_repetirla_no_la_dobla() {
    let b = biblioteca().await;
    let hace_poco = Instante::from(Utc::now() - TimeDelta::minutes(90));
    let (concedida, negada) = (Orden { aceptada: hace_poco, ..prestamo("U1", "E1") }, prestamo("U50", "E2"));
    for orden in [concedida, negada] {
        b.terminar(&apartar(orden)).await;
    }
    let primera = decidida(&b.administrar(Administracion::Recuperar(concedida.id)).await);
    let respuesta: Respuesta = serde_json::from_str(&primera).expect("respuesta");
    assert_eq!((respuesta.estado, respuesta.fecha_operacion), (Estado::Aplicada, hace_poco.fecha()));
    assert_eq!(decidida(&b.administrar(Administracion::Recuperar(concedida.id)).await), primera);
    assert_eq!(bytes(&b.decidir(&[concedida]).await, &concedida), primera);
    assert!(decidida(&b.administrar(Administracion::Recuperar(negada.id)).await).contains("USUARIO_BLOQUEADO"));
    assert_eq!(b.contar("SELECT count(*) FROM prestamos").await, 1);
    assert_eq!(b.contar("SELECT count(*) FROM operaciones WHERE estado IN ('aplicada', 'rechazada')").await, 2);
    let Administrada::YaResuelta(Resolucion::Recuperada { codigo: Codigo::Ok, .. }) =
        b.administrar(cerrar(concedida.id, "tarde")).await
    else {
        panic!("ya estaba recuperada")
    };
    b.las_cuentas_cuadran().await;
}

#[tokio::test]
async fn al_recuperar_una_devolucion_no_se_cierra_un_prestamo_posterior_ni_el_reloj_de_un_gestor_manda() {
    let b = biblioteca().await;
    b.pedir(&prestamo("U1", "E1")).await;
    let (tardia, a_tiempo) = (devolucion("", "E1"), devolucion("", "E1"));
    let del_futuro = Orden { aceptada: Instante::from(Utc::now() + TimeDelta::days(1)), ..prestamo("U4", "E5") };
    for orden in [tardia, del_futuro] {
        b.terminar(&apartar(orden)).await;
    }
    assert_eq!(b.pedir(&a_tiempo).await.codigo, Codigo::Ok);
    // En otro milisegundo que la devolución apartada: dentro del mismo no hay orden que leer.
    let nuevo = loop {
        let orden = prestamo("U2", "E1");
        if orden.id.milisegundos() > tardia.id.milisegundos() {
            break orden;
        }
    };
    assert_eq!(b.pedir(&nuevo).await.codigo, Codigo::Ok);
    let recuperada = decidida(&b.administrar(Administracion::Recuperar(tardia.id)).await);
    assert!(recuperada.contains("DEVOLUCION_TARDIA"), "{recuperada}");
    assert_eq!(b.contar("SELECT count(*) FROM prestamos WHERE devuelto IS NULL AND usuario_id = 'U2'").await, 1);
    let recuperada = decidida(&b.administrar(Administracion::Recuperar(del_futuro.id)).await);
    let respuesta: Respuesta = serde_json::from_str(&recuperada).expect("respuesta");
    assert!(respuesta.codigo == Codigo::Ok && respuesta.fecha_operacion <= Utc::now());
    b.las_cuentas_cuadran().await;
}

#[tokio::test]
async fn una_cerrada_no_se_hace_y_quien_llega_despues_sabe_por_que() {
    let b = biblioteca().await;
    let orden = renovacion("U1", "E1");
    b.terminar(&apartar(orden)).await;
    let primera = decidida(&b.administrar(cerrar(orden.id, "se pidió\0 dos veces")).await);
    assert!(primera.contains(r#""estado":"error""#) && !primera.contains("dos veces"), "{primera}");
    assert_eq!(
        decidida(&b.administrar(cerrar(orden.id, "se pidió\0 dos veces")).await),
        primera,
        "repetirla no cambia nada"
    );
    for que in [Administracion::Recuperar(orden.id), cerrar(orden.id, "otra razón")] {
        let Administrada::YaResuelta(Resolucion::Cerrada { nota, .. }) = b.administrar(que).await else {
            panic!("cerrada")
        };
        assert_eq!(nota, "se pidió\u{fffd} dos veces");
    }
    assert_eq!(bytes(&b.decidir(&[orden]).await, &orden), primera);
    assert_eq!(b.contar("SELECT count(*) FROM operaciones WHERE estado = 'anulada'").await, 1);
    b.las_cuentas_cuadran().await;
}

#[tokio::test]
async fn una_que_sigue_sin_poderse_escribir_continua_apartada_hasta_que_se_puede() {
    let b = biblioteca().await;
    let veto = "ALTER TABLE prestamos ADD CONSTRAINT veto CHECK (usuario_id <> 'U7')";
    b.duenio().await.execute(veto).await.expect("veta");
    let orden = prestamo("U7", "E1");
    assert!(matches!(b.decidir(&[orden]).await.desenlaces[&(orden.id, orden.huella)], Desenlace::NoEscrita { .. }));
    b.terminar(&apartar(orden)).await;
    let Administrada::NoEscrita { motivo } = b.administrar(Administracion::Recuperar(orden.id)).await else {
        panic!("no se puede")
    };
    assert!(motivo.starts_with("23514"), "{motivo}");
    assert_eq!(pagina(&b, true, 0, 10).await.1, 1);
    b.las_cuentas_cuadran().await;
    b.duenio().await.execute("ALTER TABLE prestamos DROP CONSTRAINT veto").await.expect("deja");
    decidida(&b.administrar(Administracion::Recuperar(orden.id)).await);
    assert_eq!(b.contar("SELECT count(*) FROM prestamos").await, 1);
    b.las_cuentas_cuadran().await;
}

#[tokio::test]
async fn un_cierre_que_no_se_puede_escribir_falla_solo() {
    let b = biblioteca().await;
    let mala = prestamo("U1", "E3");
    let veto = format!("ALTER TABLE apartadas ADD CHECK (id <> '{}')", mala.id);
    hacer(&mut b.duenio().await, veto).await;
    let lista = [anular(prestamo("U1", "E1"), Codigo::SinActores), apartar(prestamo("U1", "E2")), apartar(mala)];
    let decidido = escritura::decidir(&b.conexiones, &lista).await;
    assert!(decidido.fallo.is_none());
    let desenlace = |n: usize| &decidido.desenlaces[&(lista[n].orden.id, lista[n].orden.huella)];
    assert!(matches!(desenlace(2), Desenlace::NoEscrita { motivo } if motivo.starts_with("23514")));
    assert!((0..2).all(|n| matches!(desenlace(n), Desenlace::Decidida(_))));
    assert_eq!(b.contar("SELECT count(*) FROM operaciones").await, 2, "la fallida no queda decidida");
    assert_eq!(b.contar("SELECT count(*) FROM apartadas").await, 1);
    b.las_cuentas_cuadran().await;
}

#[tokio::test]
async fn las_apartadas_se_ven_por_paginas_de_la_mas_reciente_a_la_mas_antigua() {
    let b = biblioteca().await;
    let ordenes: Vec<_> = (1..=5).map(|n| prestamo("U1", &format!("E{n}"))).collect();
    for orden in &ordenes {
        b.terminar(&apartar(*orden)).await;
    }
    b.administrar(cerrar(ordenes[3].id, "vista")).await;
    let ids = |filas: &[Apartada]| filas.iter().map(|a| a.id).collect::<Vec<_>>();
    let (todas, total) = pagina(&b, false, 0, 2).await;
    assert_eq!((ids(&todas), total), (vec![ordenes[4].id, ordenes[3].id], 5));
    assert!(matches!(&todas[1].resolucion, Some(Resolucion::Cerrada { nota, .. }) if nota == "vista"));
    let (abiertas, total) = pagina(&b, true, 1, 10).await;
    assert_eq!((ids(&abiertas), total), (vec![ordenes[2].id, ordenes[1].id, ordenes[0].id], 4));
    let (ninguna, total) = pagina(&b, true, 50, 10).await;
    assert_eq!((ninguna.len(), total), (0, 4));
}

#[tokio::test]
async fn podar_no_olvida_lo_apartado_que_nadie_resolvio_ni_cambia_las_cuentas() {
    let b = biblioteca().await;
    let comando = prestamo("U1", "E1").comando;
    let [abierta, cerrada, hecha] = [60, 59, 58].map(|dias| con_id(de_hace(dias), comando));
    for orden in [abierta, cerrada] {
        b.terminar(&apartar(orden)).await;
    }
    b.pedir(&hecha).await;
    b.administrar(cerrar(cerrada.id, "vieja")).await;
    let cuentas = async || format!("{:?}", b.administrar(Administracion::Cuentas).await);
    let antes = cuentas().await;
    let duenio = entrada(&b.base).migracion;
    assert_eq!(poda::podar(&duenio, Utc::now() - TimeDelta::days(30), |_| {}).await.expect("poda"), 2);
    assert_eq!(cuentas().await, antes);
    let (quedan, total) = pagina(&b, false, 0, 10).await;
    assert_eq!((quedan[0].id, total), (abierta.id, 1));
    // Está bajo el horizonte, pero su fila sigue: se puede devolver, recuperar y repetir.
    assert_eq!(b.pedir(&abierta).await.codigo, Codigo::EnRevision);
    assert!(decidida(&b.administrar(Administracion::Recuperar(abierta.id)).await).contains("EJEMPLAR_PRESTADO"));
}
