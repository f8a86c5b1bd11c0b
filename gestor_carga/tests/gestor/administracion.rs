//! La API de operación, por TCP, contra un gestor en marcha.

use chrono::{DateTime, Utc};
use common::{
    dominio::{Codigo, Consulta, Estado, OperacionId, Tipo},
    mensajes::{
        Administracion, Administrada, Apartada, Circuito, Cuenta, CuerpoPeticion, CuerpoResultado, EstadoBreaker,
        FalloAnotado, Instante, LibroPrestado, MotivoDeApartar, Resolucion, Respuesta, RespuestaGuardada, Topico,
    },
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::apoyo::{Actor, Cliente, Sitio, TOKEN, TareaDePrueba, almacen_que, pedir_http, prestamo, pronto};

const APARTADA: &str = "01890a5d-ac96-774b-bcce-b302099a8001";
const RESUELTA: &str = "01890a5d-ac96-774b-bcce-b302099a8002";
const DECIDIDA: &str = "01890a5d-ac96-774b-bcce-b302099a8003";
const NADIE: &str = "01890a5d-ac96-774b-bcce-b302099a8004";
const ENVENENADA: &str = "01890a5d-ac96-774b-bcce-b302099a8005";
const TAREAS: &str = "/fault-tolerance/tasks";
const APARTADAS: &str = "/fault-tolerance/dead-letter-queue";
const NOTA: &str = r#"{"nota": "ya se habló con ella"}"#;

fn fecha() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_700_000_000_123_456).expect("fecha")
}

fn respuesta(codigo: Codigo) -> RespuestaGuardada {
    Respuesta::new(None, Estado::Aplicada, codigo, fecha()).guardada()
}

fn id(texto: &str) -> OperacionId {
    OperacionId::parse(texto).expect("id")
}

fn apartada(texto: &str) -> Apartada {
    let comando = json!({"operacion": "prestamo", "usuario": "U0001", "ejemplar": "E000123"});
    Apartada {
        id: id(texto),
        comando: serde_json::from_value(comando).expect("comando"),
        motivo: MotivoDeApartar::FallosDefinidos,
        historia: vec![FalloAnotado { intento: 2, cuando: Instante(1_700_000_000_000_000), que: "22003".into() }],
        aceptada: fecha(),
        apartada: fecha(),
        resolucion: None,
    }
}

/// Un almacenamiento con una apartada, otra que sigue sin poderse escribir, una resuelta y una decidida.
fn almacen(sitio: &Sitio) -> TareaDePrueba {
    almacen_que(sitio, |cuerpo| match cuerpo {
        CuerpoPeticion::Consultar(Consulta::Operacion(uuid)) => {
            CuerpoResultado::Consultada(respuesta(match uuid.to_string().as_str() {
                APARTADA => Codigo::EnRevision,
                DECIDIDA => Codigo::Ok,
                _ => Codigo::OperacionDesconocida,
            }))
        }
        CuerpoPeticion::Administrar(que) => CuerpoResultado::Administrada(administrar(&que)),
        _ => CuerpoResultado::Sano,
    })
}

fn administrar(que: &Administracion) -> Administrada {
    match que {
        Administracion::Apartadas { solo_abiertas, desde, cuantas } => {
            let todas = if *solo_abiertas { vec![APARTADA] } else { vec![APARTADA, RESUELTA] };
            let pagina = todas.iter().skip(*desde as usize).take(*cuantas as usize);
            Administrada::Apartadas { filas: pagina.map(|t| apartada(t)).collect(), total: todas.len() as u64 }
        }
        Administracion::Apartada(cual) if *cual == id(APARTADA) => Administrada::Apartada(Box::new(apartada(APARTADA))),
        Administracion::Recuperar(cual) | Administracion::Cerrar { id: cual, .. } if *cual == id(APARTADA) => {
            Administrada::Decidida(respuesta(Codigo::Ok))
        }
        Administracion::Recuperar(cual) | Administracion::Cerrar { id: cual, .. } if *cual == id(RESUELTA) => {
            Administrada::YaResuelta(Resolucion::Cerrada { nota: "no hacía falta".into(), cuando: fecha() })
        }
        Administracion::Recuperar(cual) | Administracion::Cerrar { id: cual, .. } if *cual == id(ENVENENADA) => {
            Administrada::NoEscrita { motivo: "22003: no cabe".into() }
        }
        Administracion::Cuentas => {
            let sede = Some("CENTRO".parse().expect("sede"));
            Administrada::Cuentas(vec![Cuenta { tipo: Tipo::Prestamo, codigo: Codigo::Ok, sede, cuantas: 41 }])
        }
        Administracion::MasPrestados { .. } => {
            let isbn = "9780061120084".parse().expect("ISBN");
            Administrada::MasPrestados(vec![LibroPrestado { isbn, titulo: "Matar un ruiseñor".into(), prestamos: 7 }])
        }
        _ => Administrada::NoExiste,
    }
}

/// El código y el JSON de una petición con el token dado.
async fn pedir(sitio: &Sitio, metodo: &'static str, ruta: &str, token: Option<&str>, cuerpo: &str) -> (u16, Value) {
    let (puerto, ruta, cuerpo) = (sitio.http, ruta.to_owned(), cuerpo.to_owned());
    let cabeceras = token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
    // En otro hilo: el almacenamiento de la prueba vive en este.
    let llamada = tokio::task::spawn_blocking(move || pedir_http(puerto, metodo, &ruta, &cabeceras, &cuerpo));
    let texto = pronto("la respuesta HTTP", llamada).await.expect("hilo");
    let (cabecera, cuerpo) = texto.split_once("\r\n\r\n").expect("cabecera y cuerpo");
    assert!(cabecera.contains("content-type: application/json"), "{texto}");
    let codigo = cabecera.split(' ').nth(1).and_then(|c| c.parse().ok()).expect("un código");
    (codigo, serde_json::from_str(cuerpo).unwrap_or_else(|e| panic!("{e}: {texto}")))
}

async fn mirar(sitio: &Sitio, ruta: &str) -> Value {
    let (codigo, valor) = pedir(sitio, "GET", ruta, None, "").await;
    assert_eq!(codigo, 200, "{ruta}: {valor}");
    valor
}

async fn ordenar(sitio: &Sitio, ruta: &str, cuerpo: &str) -> (u16, Value) {
    pedir(sitio, "POST", ruta, Some(TOKEN), cuerpo).await
}

/// Espera a que lo que se mira valga.
async fn hasta_que(sitio: &Sitio, ruta: &str, vale: impl Fn(&Value) -> bool) -> Value {
    let insiste = async {
        loop {
            let valor = mirar(sitio, ruta).await;
            if vale(&valor) {
                return valor;
            }
        }
    };
    pronto(ruta, insiste).await
}

#[tokio::test]
async fn las_operaciones_sin_decidir_se_ven_por_paginas_y_con_filtros() {
    let sitio = Sitio::new();
    let (_almacen, _gestor) = (almacen(&sitio), sitio.arrancar().await);
    let mut cliente = Cliente::de(&sitio);
    let ids: Vec<_> = (0..5).map(|_| Uuid::now_v7()).collect();
    for (n, id) in ids.iter().enumerate() {
        cliente.enviar(&prestamo(*id, &format!("E00010{n}"))).await;
    }
    let todas = hasta_que(&sitio, TAREAS, |v| v["total"] == 5).await;
    assert_eq!(todas["filas"][0]["estado"], "PENDIENTE", "{todas}");
    assert_eq!(todas["filas"][0]["pedido"]["usuario"], "U0001", "{todas}");
    assert!(todas["filas"][0]["motivo"].as_str().is_some_and(|m| m.contains("actor")), "{todas}");
    let pagina = mirar(&sitio, &format!("{TAREAS}?desde=1&cuantas=2")).await;
    let vistos: Vec<_> = pagina["filas"].as_array().expect("filas").iter().map(|f| f["id"].clone()).collect();
    assert_eq!((vistos, &pagina["total"]), (vec![json!(ids[1]), json!(ids[2])], &json!(5)));
    assert_eq!(mirar(&sitio, &format!("{TAREAS}?tipo=devolucion")).await["total"], 0);
    assert_eq!(mirar(&sitio, &format!("{TAREAS}?estado=ASIGNADA")).await["total"], 0);
    let de_una = mirar(&sitio, &format!("{TAREAS}?ejemplar=E000103&estado=PENDIENTE&tipo=prestamo")).await;
    assert_eq!(de_una["filas"][0]["id"], json!(ids[3]));
    let una = mirar(&sitio, &format!("{TAREAS}/{}", ids[4])).await;
    assert_eq!((&una["id"], &una["estado"]), (&json!(ids[4]), &json!("PENDIENTE")));
}

#[tokio::test]
async fn de_la_que_el_gestor_ya_no_tiene_responde_el_almacenamiento() {
    let sitio = Sitio::new();
    let (_almacen, mut gestor) = (almacen(&sitio), sitio.arrancar().await);
    gestor.linea("conectado con").await;
    let decidida = mirar(&sitio, &format!("{TAREAS}/{DECIDIDA}")).await;
    assert_eq!((&decidida["estado"], &decidida["respuesta"]["codigo"]), (&json!("COMPLETADA"), &json!("OK")));
    let apartada = mirar(&sitio, &format!("{TAREAS}/{APARTADA}")).await;
    assert_eq!((&apartada["estado"], &apartada["motivo"]), (&json!("APARTADA"), &json!("FALLOS_DEFINIDOS")));
    assert_eq!(apartada["expediente"]["historia"][0]["que"], "22003");
    let (codigo, error) = pedir(&sitio, "GET", &format!("{TAREAS}/{NADIE}"), None, "").await;
    assert_eq!((codigo, &error["codigo"]), (404, &json!("OPERACION_DESCONOCIDA")));
}

#[tokio::test]
async fn lo_mal_escrito_se_dice_con_su_codigo_y_en_json() {
    let sitio = Sitio::new();
    let _gestor = sitio.arrancar().await;
    let mal = [
        ("GET", "/fault-tolerance/tasks/hola", 400, "ID_INVALIDO"),
        ("GET", "/fault-tolerance/tasks/9b2d7a52-5e9f-4c54-9b8e-3c0a54f1d0aa", 400, "ID_INVALIDO"),
        ("GET", "/fault-tolerance/tasks/%ff", 400, "ID_INVALIDO"),
        ("GET", "/fault-tolerance/tasks?cuantas=501", 400, "PARAMETRO_INVALIDO"),
        ("GET", "/fault-tolerance/tasks?estado=QUIZA", 400, "PARAMETRO_INVALIDO"),
        ("GET", "/fault-tolerance/tasks?estdo=PENDIENTE", 400, "PARAMETRO_INVALIDO"),
        ("GET", "/fault-tolerance/tasks?ejemplar=E1&isbn=9780061120084", 400, "PARAMETRO_INVALIDO"),
        ("GET", "/fault-tolerance/inbox?desde=-1", 400, "PARAMETRO_INVALIDO"),
        ("GET", "/fault-tolerance/dead-letter-queue?todas=si", 400, "PARAMETRO_INVALIDO"),
        ("GET", "/fault-tolerance/nada", 404, "RUTA_DESCONOCIDA"),
        ("POST", "/fault-tolerance/stats", 405, "METODO_NO_ADMITIDO"),
        ("GET", "/fault-tolerance/tasks/x/retry", 405, "METODO_NO_ADMITIDO"),
        ("POST", "/fault-tolerance/tasks/hola/retry", 400, "ID_INVALIDO"),
        ("POST", "/fault-tolerance/circuit-breakers/hola/reset", 400, "ENDPOINT_INVALIDO"),
        ("POST", "/fault-tolerance/circuit-breakers/127.0.0.1:1/reset", 404, "ENDPOINT_DESCONOCIDO"),
    ];
    for (metodo, ruta, estado, codigo) in mal {
        let (dicho, error) = pedir(&sitio, metodo, ruta, Some(TOKEN), "").await;
        assert_eq!((dicho, &error["codigo"]), (estado, &json!(codigo)), "{metodo} {ruta}: {error}");
        assert!(error["mensaje"].as_str().is_some_and(|m| !m.is_empty()), "{ruta}: {error}");
    }
    let cerrar = format!("{APARTADAS}/{APARTADA}/close");
    let larga = json!({"nota": "x".repeat(501)}).to_string();
    let enorme = json!({"nota": "x".repeat(20_000)}).to_string();
    for (cuerpo, estado, codigo) in [
        ("", 400, "CUERPO_INVALIDO"),
        ("{}", 400, "CUERPO_INVALIDO"),
        (r#"{"nota": 7}"#, 400, "CUERPO_INVALIDO"),
        (r#"{"nota": "  "}"#, 422, "NOTA_INVALIDA"),
        (&larga, 422, "NOTA_INVALIDA"),
        (&enorme, 413, "CUERPO_INVALIDO"),
    ] {
        let (dicho, error) = ordenar(&sitio, &cerrar, cuerpo).await;
        assert_eq!((dicho, &error["codigo"]), (estado, &json!(codigo)), "{error}");
    }
}

#[tokio::test]
async fn una_orden_sin_el_token_no_se_cumple() {
    let sitio = Sitio::new();
    let (_almacen, _gestor) = (almacen(&sitio), sitio.arrancar().await);
    let recuperar = format!("{APARTADAS}/{APARTADA}/recover");
    for token in [None, Some(""), Some("otro"), Some(&TOKEN[1..]), Some(&format!("{TOKEN}x")[..])] {
        let (codigo, error) = pedir(&sitio, "POST", &recuperar, token, "").await;
        assert_eq!((codigo, &error["codigo"]), (401, &json!("NO_AUTORIZADO")), "{token:?}");
    }
    // Sin token no se mira ni si el id vale.
    let (codigo, _) = pedir(&sitio, "POST", "/fault-tolerance/tasks/hola/retry", None, "").await;
    assert_eq!(codigo, 401);
}

#[tokio::test]
async fn un_gestor_sin_token_no_admite_ordenes_y_nombra_el_ajuste() {
    let sitio = Sitio::new();
    let mut orden = sitio.orden();
    orden.env_remove("GESTOR_CARGA_TOKEN_ARCHIVO");
    let mut gestor = crate::apoyo::Gestor::de(orden);
    gestor.linea("gestor de carga en marcha").await;
    let (codigo, error) = ordenar(&sitio, &format!("{TAREAS}/{NADIE}/retry"), "").await;
    assert_eq!((codigo, &error["codigo"]), (403, &json!("SIN_TOKEN_DE_ADMINISTRACION")));
    assert!(error["mensaje"].as_str().is_some_and(|m| m.contains("GESTOR_CARGA_TOKEN_ARCHIVO")), "{error}");
    mirar(&sitio, TAREAS).await;
}

#[tokio::test]
async fn lo_apartado_se_ve_se_recupera_y_se_cierra() {
    let sitio = Sitio::new();
    let (_almacen, mut gestor) = (almacen(&sitio), sitio.arrancar().await);
    gestor.linea("conectado con").await;
    let abiertas = mirar(&sitio, APARTADAS).await;
    assert_eq!((&abiertas["total"], &abiertas["filas"][0]["id"]), (&json!(1), &json!(APARTADA)));
    assert_eq!(mirar(&sitio, &format!("{APARTADAS}?todas=true&desde=1")).await["filas"][0]["id"], json!(RESUELTA));
    for (que, cuerpo) in [("recover", ""), ("close", NOTA)] {
        let (codigo, hecho) = ordenar(&sitio, &format!("{APARTADAS}/{APARTADA}/{que}"), cuerpo).await;
        assert_eq!(codigo, 200, "{que}: {hecho}");
        let (codigo, error) = ordenar(&sitio, &format!("{APARTADAS}/{RESUELTA}/{que}"), cuerpo).await;
        assert_eq!((codigo, &error["codigo"]), (409, &json!("YA_RESUELTA")), "{error}");
        assert!(error["mensaje"].as_str().is_some_and(|m| m.contains("no hacía falta")), "{error}");
        let (codigo, error) = ordenar(&sitio, &format!("{APARTADAS}/{NADIE}/{que}"), cuerpo).await;
        assert_eq!((codigo, &error["codigo"]), (404, &json!("APARTADA_DESCONOCIDA")));
    }
}

#[tokio::test]
async fn la_que_sigue_sin_poderse_escribir_se_dice_con_su_motivo_y_sigue_apartada() {
    let sitio = Sitio::new();
    let (_almacen, mut gestor) = (almacen(&sitio), sitio.arrancar().await);
    gestor.linea("conectado con").await;
    for (que, cuerpo) in [("recover", ""), ("close", NOTA)] {
        let (codigo, error) = ordenar(&sitio, &format!("{APARTADAS}/{ENVENENADA}/{que}"), cuerpo).await;
        assert_eq!((codigo, &error["codigo"]), (409, &json!("SIGUE_APARTADA")), "{error}");
        assert_eq!(error["mensaje"], "Sigue sin poderse escribir: 22003: no cabe; sigue apartada");
        let linea = gestor.linea("no se pudo escribir: 22003: no cabe").await;
        assert!(linea.contains("WARN") && linea.contains(ENVENENADA), "{linea}");
    }
}

#[tokio::test]
async fn reintentar_la_que_ya_no_espera_dice_si_se_decidio_o_se_aparto() {
    let sitio = Sitio::new();
    let (_almacen, mut gestor) = (almacen(&sitio), sitio.arrancar().await);
    gestor.linea("conectado con").await;
    for (id, estado, dicho) in
        [(DECIDIDA, 409, "YA_DECIDIDA"), (APARTADA, 409, "ESTA_APARTADA"), (NADIE, 404, "OPERACION_DESCONOCIDA")]
    {
        let (codigo, error) = ordenar(&sitio, &format!("{TAREAS}/{id}/retry"), "").await;
        assert_eq!((codigo, &error["codigo"]), (estado, &json!(dicho)), "{error}");
    }
}

#[tokio::test]
async fn cerrar_una_carta_se_puede_repetir_con_la_misma_nota_y_no_con_otra() {
    const BUZON: &str = "/fault-tolerance/inbox";
    let sitio = Sitio::new();
    let (_almacen, mut gestor) = (almacen(&sitio), sitio.arrancar().await);
    let (cual, mut cliente) = (Uuid::now_v7(), Cliente::de(&sitio));
    let prometida = cliente.pedir(&prestamo(cual, "E000300")).await;
    assert_eq!(prometida.estado, Estado::Pendiente, "{prometida:?}");
    let mut actor = Actor::presente(&sitio, &mut gestor, Topico::Prestamo).await;
    let orden = actor.orden().await;
    let rechazo = Respuesta::new(Some(cual), Estado::Rechazada, Codigo::EjemplarPrestado, fecha()).guardada();
    actor.informar(&orden, common::mensajes::Desenlace::Decidida(rechazo)).await;
    hasta_que(&sitio, BUZON, |v| v["total"] == 1).await;
    let cerrar = format!("{BUZON}/{cual}/close");
    let primera = ordenar(&sitio, &cerrar, NOTA).await;
    assert_eq!((primera.0, &primera.1["resultado"]), (200, &json!("CERRADA")), "{primera:?}");
    assert_eq!(ordenar(&sitio, &cerrar, NOTA).await, primera, "la misma nota, la misma respuesta");
    let (codigo, error) = ordenar(&sitio, &cerrar, r#"{"nota": "otra cosa"}"#).await;
    assert_eq!((codigo, &error["codigo"]), (409, &json!("YA_RESUELTA")), "{error}");
    assert!(error["mensaje"].as_str().is_some_and(|m| m.contains("ya se habló con ella")), "{error}");
}

#[tokio::test]
async fn con_todos_los_circuitos_abiertos_los_numeros_no_dicen_que_el_almacenamiento_esta_bien() {
    let sitio = Sitio::new();
    let _gestor = sitio.arrancar().await;
    // Nadie ha pedido nada: lo único que se sabe es la mala salud, que abre el circuito.
    hasta_que(&sitio, "/fault-tolerance/stats", |v| v["gestor"]["almacenamientoBien"] == false).await;
    let circuitos = mirar(&sitio, "/fault-tolerance/circuit-breakers").await;
    assert_ne!(circuitos["gestor"][0]["estado"], "CERRADO", "{circuitos}");
}

#[tokio::test]
async fn reintentar_adelanta_a_la_que_espera_y_no_toca_a_la_que_esta_fuera() {
    let sitio = Sitio::new();
    let (_almacen, mut gestor) = (almacen(&sitio), sitio.arrancar().await);
    let mut actor = Actor::presente(&sitio, &mut gestor, Topico::Prestamo).await;
    let id = Uuid::now_v7();
    Cliente::de(&sitio).enviar(&prestamo(id, "E000200")).await;
    let orden = actor.orden().await;
    let reintentar = format!("{TAREAS}/{id}/retry");
    let (codigo, hecho) = ordenar(&sitio, &reintentar, "").await;
    assert_eq!((codigo, &hecho["resultado"]), (200, &json!("EN_VUELO")));
    actor.informar(&orden, common::mensajes::Desenlace::NoEscrita { motivo: "22003".into() }).await;
    let espera = hasta_que(&sitio, &format!("{TAREAS}/{id}"), |v| v["estado"] != "ASIGNADA" || v["intento"] == 1).await;
    assert_eq!(espera["historia"][0]["que"].as_str().map(|q| q.contains("22003")), Some(true), "{espera}");
    ordenar(&sitio, &reintentar, "").await;
    assert_eq!(actor.orden().await.intento, 1);
    let (codigo, error) = ordenar(&sitio, &format!("{TAREAS}/{NADIE}/retry"), "").await;
    assert_eq!((codigo, &error["codigo"]), (404, &json!("OPERACION_DESCONOCIDA")));
}

#[tokio::test]
async fn los_circuitos_del_gestor_y_los_que_cuentan_los_actores_se_ven_y_se_restablecen() {
    const CIRCUITOS: &str = "/fault-tolerance/circuit-breakers";
    let sitio = Sitio::new();
    let mut gestor = sitio.arrancar().await;
    let endpoint = format!("127.0.0.1:{}", sitio.almacen);
    // Sin nadie que conteste, su mala salud lo abre.
    hasta_que(&sitio, CIRCUITOS, |v| v["gestor"] == json!([{"endpoint": endpoint, "estado": "ABIERTO"}])).await;
    let (codigo, hecho) = ordenar(&sitio, &format!("{CIRCUITOS}/{endpoint}/reset"), "").await;
    assert_eq!((codigo, &hecho["antes"]), (200, &json!("ABIERTO")), "{hecho}");
    gestor.linea("lo restableció una persona").await;

    let mut actor = Actor::presente(&sitio, &mut gestor, Topico::Devolucion).await;
    let vistos = mirar(&sitio, CIRCUITOS).await;
    assert_eq!(vistos["actores"][0]["cuando"], Value::Null, "{vistos}");
    actor.contar(vec![Circuito { endpoint: "a:1".into(), estado: EstadoBreaker::MedioAbierto }]).await;
    let vistos = hasta_que(&sitio, CIRCUITOS, |v| v["actores"][0]["cuando"].is_string()).await;
    assert_eq!(vistos["actores"][0]["instancia"], json!(actor.instancia));
    assert_eq!(vistos["actores"][0]["circuitos"], json!([{"endpoint": "a:1", "estado": "MEDIO_ABIERTO"}]));
    drop(actor);
    hasta_que(&sitio, CIRCUITOS, |v| v["actores"] == json!([])).await;
}

#[tokio::test]
async fn la_pagina_entera_trae_todas_sus_partes_y_sin_almacenamiento_dice_lo_que_falta() {
    const TABLERO: &str = "/fault-tolerance/dashboard";
    let sitio = Sitio::new();
    let mut gestor = sitio.arrancar().await;
    let solo = mirar(&sitio, TABLERO).await;
    assert_eq!(solo["estadisticas"]["almacen"], Value::Null);
    assert_eq!(solo["estadisticas"]["almacenError"]["codigo"], "ALMACENAMIENTO_NO_DISPONIBLE", "{solo}");
    assert_eq!(solo["apartadas"]["error"]["codigo"], "ALMACENAMIENTO_NO_DISPONIBLE", "{solo}");
    let (codigo, error) = pedir(&sitio, "GET", APARTADAS, None, "").await;
    assert_eq!((codigo, &error["codigo"]), (503, &json!("ALMACENAMIENTO_NO_DISPONIBLE")));

    let _almacen = almacen(&sitio);
    gestor.linea("conectado con").await;
    let entera = hasta_que(&sitio, TABLERO, |v| v["estadisticas"]["almacen"].is_object()).await;
    assert_eq!(entera["estadisticas"]["almacen"]["cuentas"][0]["cuantas"], 41);
    assert_eq!(entera["estadisticas"]["almacen"]["masPrestados"][0]["titulo"], "Matar un ruiseñor");
    assert_eq!(entera["apartadas"]["datos"]["filas"][0]["id"], json!(APARTADA));
    assert_eq!(entera["buzon"]["datos"], json!({"filas": [], "total": 0, "desde": 0, "cuantas": 20}));
    assert_eq!(entera["tareas"]["total"], 0);
    assert_eq!(entera["estadisticas"]["gestor"]["diarioBien"], true);
    assert_eq!(mirar(&sitio, "/fault-tolerance/inbox").await["total"], 0);
    let (codigo, error) = ordenar(&sitio, &format!("/fault-tolerance/inbox/{NADIE}/close"), NOTA).await;
    assert_eq!((codigo, &error["codigo"]), (404, &json!("CARTA_DESCONOCIDA")));
}

#[tokio::test]
async fn cada_ruta_descrita_se_sirve() {
    let sitio = Sitio::new();
    let (_almacen, mut gestor) = (almacen(&sitio), sitio.arrancar().await);
    gestor.linea("conectado con").await;
    let documento = mirar(&sitio, "/openapi.json").await;
    let rutas = documento["paths"].as_object().expect("rutas");
    assert!(rutas.len() > 10);
    for (ruta, metodos) in rutas {
        let concreta = ruta.replace("{id}", DECIDIDA).replace("{endpoint}", &format!("127.0.0.1:{}", sitio.almacen));
        for metodo in metodos.as_object().expect("métodos").keys() {
            let metodo = if metodo == "get" { "GET" } else { "POST" };
            let (codigo, valor) = pedir(&sitio, metodo, &concreta, Some(TOKEN), NOTA).await;
            let respuestas = &metodos[&metodo.to_lowercase()]["responses"];
            assert!(
                respuestas.get(codigo.to_string()).is_some(),
                "{metodo} {ruta}: {codigo} no está descrito: {valor}"
            );
            assert_ne!(valor["codigo"], "RUTA_DESCONOCIDA", "{metodo} {ruta}");
        }
    }
}
