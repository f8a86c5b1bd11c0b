//! El programa de un actor contra un gestor y un almacén falsos, con zócalos y señales reales.

mod dobles;

use std::{
    process::{Command, Output},
    time::{Duration, Instant},
};

use common::mensajes::{Circuito, Desenlace, EstadoBreaker, Evento, Orden, codificar};
use dobles::{Actor, AlmacenFalso, GestorFalso, con_plazo, direccion_libre, orden, sola};

/// Los números de las órdenes, según salen de [`orden`].
fn numeros(ordenes: &[Orden]) -> Vec<u32> {
    ordenes.iter().map(|o| o.id.to_string()[24..].parse().expect("número")).collect()
}

#[tokio::test]
async fn un_actor_se_anuncia_aplica_e_informa() {
    let (mut gestor, mut almacen) = (GestorFalso::new(), AlmacenFalso::new());
    let actor = Actor::lanzar(&[&gestor], &[almacen.addr]);
    let tema = gestor.llegada().await;
    gestor.publicar(&tema, &[orden(1), orden(2)]);
    let pedida = almacen.pedida().await;
    assert_eq!(pedida.ordenes, [orden(1), orden(2)]);
    almacen.aplicar(&pedida);
    let informe = gestor.informe().await;
    assert_eq!(tema, format!("prestamo|{}", informe.actor));
    assert_eq!(informe.resultados.len(), 2);
    assert!(informe.resultados.iter().all(|r| matches!(r.desenlace, Desenlace::Decidida(_))));
    actor.esperar_pagina("/listo", |estado, _| estado == 200).await;
    let salud = lanzar_devolucion(&[("HTTP_ADDR", &actor.http.to_string())], &["salud"]);
    assert!(salud.status.success(), "{salud:?}");
    let metricas = actor.pedir("/metrics").await.1;
    let linea = r#"anaquel_operaciones_total{operacion="prestamo",estado="decidida",codigo="OK"} 2"#;
    assert!(metricas.contains(linea), "{metricas}");
}

#[tokio::test]
async fn lo_que_se_junta_mientras_hay_dos_llamadas_fuera_va_en_la_siguiente() {
    let (mut gestor, mut almacen) = (GestorFalso::new(), AlmacenFalso::new());
    let actor = Actor::lanzar(&[&gestor], &[almacen.addr]);
    let tema = gestor.llegada().await;
    gestor.publicar(&tema, &[orden(1)]);
    let primera = almacen.pedida().await;
    gestor.publicar(&tema, &[orden(2)]);
    let segunda = almacen.pedida().await;
    for numero in 3..=7 {
        gestor.publicar(&tema, &[orden(numero)]);
    }
    // La repetida llega detrás de las demás: cuando se vea contada, todas están en la cola.
    gestor.publicar(&tema, &[orden(1)]);
    actor.esperar_pagina("/metrics", |_, t| t.contains("anaquel_actor_repetidas_total 1")).await;
    almacen.aplicar(&primera);
    let tercera = almacen.pedida().await;
    assert_eq!(numeros(&tercera.ordenes), [3, 4, 5, 6, 7]);
    almacen.aplicar(&segunda);
    almacen.aplicar(&tercera);
    assert_eq!(gestor.desenlaces(7).await.len(), 7);
}

#[tokio::test]
async fn la_que_va_sola_va_sola_en_su_peticion() {
    let (mut gestor, mut almacen) = (GestorFalso::new(), AlmacenFalso::new());
    let _actor = Actor::lanzar(&[&gestor], &[almacen.addr]);
    let tema = gestor.llegada().await;
    gestor.publicar(&tema, &[orden(1), sola(2), orden(3), orden(4)]);
    for esperada in [vec![1], vec![2], vec![3, 4]] {
        let pedida = almacen.pedida().await;
        assert_eq!(numeros(&pedida.ordenes), esperada);
        assert_eq!(pedida.ordenes[0].sola, esperada == [2]);
        almacen.aplicar(&pedida);
    }
    assert_eq!(gestor.desenlaces(4).await.len(), 4);
}

#[tokio::test]
async fn dos_gestores_reciben_cada_uno_lo_suyo() {
    let (mut uno, mut otro, mut almacen) = (GestorFalso::new(), GestorFalso::new(), AlmacenFalso::new());
    let _actor = Actor::lanzar(&[&uno, &otro], &[almacen.addr]);
    let tema = uno.llegada().await;
    assert_eq!(otro.llegada().await, tema);
    for (gestor, numero) in [(&mut uno, 1), (&mut otro, 2)] {
        gestor.publicar(&tema, &[orden(numero)]);
        let pedida = almacen.pedida().await;
        almacen.aplicar(&pedida);
        assert_eq!(gestor.desenlaces(1).await[0].0, orden(numero).id);
    }
}

#[tokio::test]
async fn sin_almacenamiento_se_dice_en_seguida() {
    let mut gestor = GestorFalso::new();
    let actor = Actor::lanzar(&[&gestor], &[direccion_libre(), direccion_libre()]);
    let tema = gestor.llegada().await;
    let inicio = Instant::now();
    gestor.publicar(&tema, &[orden(1)]);
    let desenlaces = gestor.desenlaces(1).await;
    assert!(matches!(desenlaces[0].1, Desenlace::SinAlmacenamiento), "{desenlaces:?}");
    assert!(inicio.elapsed() < Duration::from_millis(500), "{:?}", inicio.elapsed());
    assert_eq!(actor.pedir("/listo").await.0, 503);
}

#[tokio::test]
async fn un_almacen_que_traga_y_calla_deja_la_operacion_incierta() {
    let (mut gestor, mut almacen) = (GestorFalso::new(), AlmacenFalso::new());
    let _actor = Actor::lanzar(&[&gestor], &[almacen.addr]);
    let tema = gestor.llegada().await;
    gestor.publicar(&tema, &[orden(1)]);
    let desenlaces = con_plazo("el desenlace", async {
        tokio::select! {
            desenlaces = gestor.desenlaces(1) => desenlaces,
            () = async { loop { almacen.pedida().await; } } => unreachable!(),
        }
    })
    .await;
    assert!(matches!(desenlaces[0].1, Desenlace::Incierta), "{desenlaces:?}");
}

#[tokio::test]
async fn la_basura_se_cuenta_y_lo_honrado_ni_lo_nota() {
    let (mut gestor, mut almacen) = (GestorFalso::new(), AlmacenFalso::new());
    let actor = Actor::lanzar(&[&gestor], &[almacen.addr]);
    let tema = gestor.llegada().await;
    let bytes = tema.as_bytes();
    let ajeno = format!("{tema}-otro");
    let devolucion = br#"{"gestor":"g","ordenes":[{"id":"01890a5d-ac96-774b-bcce-b302099a8057","huella":"0f122f47e313098b846e18f7fcf710f4","aceptada":0,"intento":0,"comando":{"operacion":"devolucion","ejemplar":"E1"}}]}"#;
    // Esta se entiende, y no es de este actor: se contesta, y no se cuenta como basura.
    gestor.eventos.try_send(&[bytes, devolucion]).expect("sale");
    assert!(matches!(gestor.desenlaces(1).await[0].1, Desenlace::NoEntendida { .. }));
    let larga = codificar(&Evento { gestor: "g".into(), ordenes: vec![orden(9); 257] });
    let basura: [&[&[u8]]; 8] = [
        &[bytes],
        &[bytes, b"{}", b"x"],
        &[bytes, b""],
        &[bytes, b"\xff\xfe\0"],
        &[bytes, br#"{"gestor":7,"ordenes":{}}"#],
        &[bytes, &vec![b'['; 100_000]],
        &[bytes, &larga],
        &[ajeno.as_bytes(), b"{}"],
    ];
    for mensaje in basura {
        gestor.eventos.try_send(mensaje).expect("sale");
    }
    gestor.publicar(&tema, &[orden(1)]);
    let pedida = almacen.pedida().await;
    assert_eq!(numeros(&pedida.ordenes), [1]);
    for mensaje in [&[&pedida.identidad[..], b"x"][..], &[&pedida.identidad, b"", b"\xff"], &[&pedida.identidad, b""]] {
        almacen.router.try_send(mensaje).expect("sale");
    }
    almacen.aplicar(&pedida);
    assert!(matches!(gestor.desenlaces(1).await[0].1, Desenlace::Decidida(_)));
    let metricas = actor.pedir("/metrics").await.1;
    for (motivo, cuantos) in [("cuadros", 2), ("json", 4), ("lista", 1), ("topico", 1)] {
        let linea = format!("anaquel_mensajes_descartados_total{{motivo=\"{motivo}\"}} {cuantos}");
        assert!(metricas.contains(&linea), "falta {linea} en {metricas}");
    }
}

#[tokio::test]
async fn una_orden_de_otra_version_se_contesta_y_sus_vecinas_se_aplican() {
    let (mut gestor, mut almacen) = (GestorFalso::new(), AlmacenFalso::new());
    let _actor = Actor::lanzar(&[&gestor], &[almacen.addr]);
    let tema = gestor.llegada().await;
    let ordenes = vec![Orden { intento: 2, ..orden(1) }, orden(2), orden(3)];
    let bytes = String::from_utf8(codificar(&Evento { gestor: "g".into(), ordenes })).expect("UTF-8");
    let de_otra = bytes.replacen(r#""operacion":"prestamo""#, r#""operacion":"reserva""#, 1);
    gestor.eventos.try_send(&[tema.as_bytes(), de_otra.as_bytes()]).expect("sale");
    let informe = gestor.informe().await;
    let [no_entendida] = &informe.resultados[..] else { panic!("{informe:?}") };
    assert_eq!((no_entendida.id, no_entendida.huella, no_entendida.intento), (orden(1).id, orden(1).huella, 2));
    assert!(matches!(&no_entendida.desenlace, Desenlace::NoEntendida { motivo } if motivo.contains("reserva")));
    let pedida = almacen.pedida().await;
    assert_eq!(numeros(&pedida.ordenes), [2, 3]);
    almacen.aplicar(&pedida);
    assert_eq!(gestor.desenlaces(2).await.len(), 2);
}

#[tokio::test]
async fn lo_que_el_almacen_no_entiende_se_informa_en_seguida_como_no_entendido() {
    let (mut gestor, mut almacen) = (GestorFalso::new(), AlmacenFalso::new());
    let _actor = Actor::lanzar(&[&gestor], &[almacen.addr]);
    let tema = gestor.llegada().await;
    gestor.publicar(&tema, &[orden(1), orden(2)]);
    let pedida = almacen.pedida().await;
    almacen.no_entender(&pedida);
    let desenlaces = gestor.desenlaces(2).await;
    assert!(desenlaces.iter().all(|(_, d)| matches!(d, Desenlace::NoEntendida { .. })), "{desenlaces:?}");
}

#[tokio::test]
async fn un_gestor_que_vuelve_ve_al_actor_en_seguida_y_recibe_lo_que_se_le_debia() {
    let (mut gestor, mut almacen) = (GestorFalso::new(), AlmacenFalso::new());
    let actor = Actor::lanzar(&[&gestor], &[almacen.addr]);
    let tema = gestor.llegada().await;
    gestor.publicar(&tema, &[orden(1)]);
    let pedida = almacen.pedida().await;
    let (eventos_addr, informes_addr) = (gestor.eventos_addr, gestor.informes_addr);
    actor.esperar_pagina("/listo", |estado, _| estado == 200).await;
    drop(gestor);
    actor.esperar_pagina("/listo", |estado, _| estado == 503).await;
    almacen.aplicar(&pedida);
    let vuelve = Instant::now();
    let mut gestor = GestorFalso::que_vuelve(eventos_addr, informes_addr).await;
    assert_eq!(gestor.llegada().await, tema);
    assert!(vuelve.elapsed() < Duration::from_millis(500), "{:?}", vuelve.elapsed());
    assert_eq!(gestor.desenlaces(1).await[0].0, orden(1).id);
}

#[tokio::test]
async fn sigterm_se_despide_termina_lo_que_esta_en_vuelo_e_informa() {
    let (mut gestor, mut almacen) = (GestorFalso::new(), AlmacenFalso::new());
    let actor = Actor::lanzar(&[&gestor], &[almacen.addr]);
    let tema = gestor.llegada().await;
    gestor.publicar(&tema, &[orden(1)]);
    let pedida = almacen.pedida().await;
    actor.senialar("-TERM");
    assert_eq!(gestor.presencia().await, (false, tema));
    almacen.aplicar(&pedida);
    assert!(matches!(gestor.desenlaces(1).await[0].1, Desenlace::Decidida(_)));
    assert_eq!(actor.esperar().await.code(), Some(0));
}

#[tokio::test]
async fn sigterm_con_un_almacen_que_calla_acaba_a_tiempo_y_sin_error() {
    let (mut gestor, mut almacen) = (GestorFalso::new(), AlmacenFalso::new());
    let actor = Actor::lanzar(&[&gestor], &[almacen.addr]);
    let tema = gestor.llegada().await;
    gestor.publicar(&tema, &[orden(1)]);
    let _sin_contestar = almacen.pedida().await;
    let inicio = Instant::now();
    actor.senialar("-TERM");
    assert_eq!(actor.esperar().await.code(), Some(0));
    assert!(inicio.elapsed() < Duration::from_millis(3_500), "{:?}", inicio.elapsed());
}

#[tokio::test]
async fn sigterm_cuando_su_gestor_ya_se_fue_no_espera_por_el() {
    let (mut gestor, almacen) = (GestorFalso::new(), AlmacenFalso::new());
    let actor = Actor::lanzar(&[&gestor], &[almacen.addr]);
    gestor.llegada().await;
    actor.esperar_pagina("/listo", |estado, _| estado == 200).await;
    drop(gestor);
    actor.esperar_pagina("/listo", |estado, _| estado != 200).await;
    let inicio = Instant::now();
    actor.senialar("-TERM");
    assert_eq!(actor.esperar().await.code(), Some(0));
    assert!(inicio.elapsed() < Duration::from_millis(700), "{:?}", inicio.elapsed());
}

fn lanzar_devolucion(ajustes: &[(&str, &str)], argumentos: &[&str]) -> Output {
    let mut orden = Command::new(env!("CARGO_BIN_EXE_actor_devolucion"));
    orden.env_remove("ANAQUEL_CONFIG").args(argumentos).envs(ajustes.iter().copied());
    orden.output().expect("el programa está construido")
}

#[test]
fn un_ajuste_malo_es_una_linea_que_lo_nombra_y_salida_2() {
    for (nombre, valor) in [
        ("GESTOR_CARGA_PUB_ADDR", "sin_puerto"),
        ("GESTOR_CARGA_INFORMES_ADDR", "a:1,b:2"),
        ("GESTOR_ALMACENAMIENTO_ENDPOINTS", ","),
        ("HTTP_ADDR", "5658"),
        ("ANAQUEL_CONFIG", "no_existe.toml"),
    ] {
        let salida = lanzar_devolucion(&[(nombre, valor)], &[]);
        let texto = String::from_utf8(salida.stderr).expect("UTF-8");
        assert_eq!(salida.status.code(), Some(2), "{texto}");
        assert!(texto.contains(nombre) && texto.trim_end().lines().count() == 1, "{nombre}: {texto}");
    }
}

#[test]
fn un_puerto_http_ocupado_es_una_linea_que_lo_nombra_y_salida_1_como_en_los_demas_servicios() {
    let ocupado = std::net::TcpListener::bind("127.0.0.1:0").expect("puerto");
    let addr = ocupado.local_addr().expect("dirección").to_string();
    let salida = lanzar_devolucion(&[("HTTP_ADDR", &addr)], &[]);
    let texto = String::from_utf8(salida.stderr).expect("UTF-8");
    assert_eq!((salida.status.code(), texto.trim_end().lines().count()), (Some(1), 1), "{texto}");
    assert!(texto.contains("HTTP_ADDR") && texto.contains(&addr), "{texto}");
}

#[test]
fn la_orden_salud_de_un_actor_que_no_corre_es_una_linea_y_salida_1() {
    let http = direccion_libre().to_string();
    let salida = lanzar_devolucion(&[("HTTP_ADDR", &http)], &["salud"]);
    let texto = String::from_utf8(salida.stderr).expect("UTF-8");
    assert_eq!((salida.status.code(), texto.lines().count()), (Some(1), 1), "{texto}");
    assert!(texto.contains(&http), "{texto}");
}

#[test]
fn la_ayuda_nombra_los_ajustes() {
    let salida = lanzar_devolucion(&[], &["--help"]);
    let texto = String::from_utf8(salida.stdout).expect("UTF-8");
    assert!(salida.status.success());
    for nombre in
        ["GESTOR_CARGA_PUB_ADDR", "GESTOR_CARGA_INFORMES_ADDR", "GESTOR_ALMACENAMIENTO_ENDPOINTS", "HTTP_ADDR"]
    {
        assert!(texto.contains(nombre), "{texto}");
    }
    assert_eq!(lanzar_devolucion(&[], &["--quemar"]).status.code(), Some(2));
}

#[tokio::test]
async fn un_actor_cuenta_como_ve_el_almacenamiento_al_llegar_y_cuando_cambia() {
    let (mut gestor, almacen) = (GestorFalso::new(), AlmacenFalso::new());
    let _actor = Actor::lanzar(&[&gestor], &[almacen.addr]);
    let endpoint = almacen.addr.to_string();
    let primero = gestor.cualquier_informe().await;
    assert_eq!(primero.circuitos, [Circuito { endpoint: endpoint.clone(), estado: EstadoBreaker::Cerrado }]);
    drop(almacen);
    loop {
        let informe = gestor.cualquier_informe().await;
        assert_eq!(informe.circuitos.len(), 1, "{informe:?}");
        if informe.circuitos[0] == (Circuito { endpoint: endpoint.clone(), estado: EstadoBreaker::Abierto }) {
            break;
        }
    }
}
