//! Los programas se actualizan de uno en uno: mientras queda alguno de la versión anterior, se tienen que entender.
//!
//! De cada versión del cable está anotado en `tests/cable` lo que escribía: un mensaje por línea, con su nombre delante. Una
//! versión solo anota lo que añade o cambia; lo demás sigue como en la anterior, byte a byte.

use std::{collections::BTreeMap, fs, path::PathBuf};

use chrono::{DateTime, Utc};
use common::{
    dominio::{Codigo, Comando, Consulta, Estado, Huella, OperacionId, Tipo},
    mensajes::{
        Administracion, Administrada, Apartada, Cierre, Circuito, Cuenta, CuerpoPeticion, CuerpoResultado, Desenlace,
        EstadoBreaker, Evento, Expediente, Fallo, FalloAnotado, Fin, Informe, Instante, LibroPrestado, MotivoDeApartar,
        Orden, Peticion, Resolucion, Respuesta, RespuestaGuardada, Resultado, ResultadoEscritura, ResultadoInforme,
        Solicitud, codificar, descifrar,
    },
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

/// La versión que escribe el código de hoy.
const HOY: u32 = 2;

/// Mensajes por su nombre; la parte anterior al guion dice de qué clase son.
type Cable = BTreeMap<String, String>;

fn archivo(version: u32) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/cable/v{version}.txt"))
}

fn anotado(version: u32) -> Cable {
    let ruta = archivo(version);
    let texto = fs::read_to_string(&ruta).unwrap_or_else(|e| panic!("{}: {e}", ruta.display()));
    let linea = |linea: &str| linea.split_once(' ').map(|(nombre, bytes)| (nombre.to_owned(), bytes.to_owned()));
    texto.lines().map(|l| linea(l).expect("un nombre y un mensaje")).collect()
}

/// Lo que se escribía en esa versión: de cada mensaje, lo último que se anotó de él.
fn vigente_en(version: u32) -> Cable {
    (1..=version).flat_map(anotado).collect()
}

fn comando(json: serde_json::Value) -> Comando {
    serde_json::from_value(json).expect("comando")
}

fn fecha() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_700_000_000_123_456).expect("fecha")
}

fn id() -> OperacionId {
    OperacionId::parse("01890a5d-ac96-774b-bcce-b302099a8057").expect("v7")
}

fn orden(comando: Comando) -> Orden {
    Orden { id: id(), huella: Huella::de(&comando), aceptada: fecha().into(), intento: 0, sola: false, comando }
}

fn ordenes() -> Vec<Orden> {
    let prestamo = comando(json!({"operacion":"prestamo","usuario":"U0001","ejemplar":"E000123","sede":"CENTRO"}));
    let devolucion = comando(json!({"operacion":"devolucion","usuario":"U0001","isbn":"9780439023481"}));
    let renovacion = comando(json!({"operacion":"renovacion","usuario":"U0001","ejemplar":"E000123"}));
    vec![orden(prestamo), Orden { intento: 3, sola: true, ..orden(devolucion) }, orden(renovacion)]
}

fn respuesta() -> Respuesta {
    Respuesta::new(Some(id().uuid()), Estado::Aplicada, Codigo::Ok, fecha())
        .con_mensaje("Préstamo concedido")
        .con_datos(json!({"ejemplar": "E000123"}))
}

fn guardada() -> RespuestaGuardada {
    respuesta().guardada()
}

fn historia() -> Vec<FalloAnotado> {
    vec![FalloAnotado { intento: 2, cuando: Instante(7), que: "22003: «no cabe»".into() }]
}

fn apartada(resolucion: Option<Resolucion>) -> Apartada {
    let (motivo, comando) = (MotivoDeApartar::Muertes, ordenes()[0].comando);
    Apartada { id: id(), comando, motivo, historia: historia(), aceptada: fecha(), apartada: fecha(), resolucion }
}

fn desenlaces() -> Vec<(&'static str, Desenlace)> {
    vec![
        ("decidida", Desenlace::Decidida(guardada())),
        ("no_escrita", Desenlace::NoEscrita { motivo: "22003".into() }),
        ("sin_almacenamiento", Desenlace::SinAlmacenamiento),
        ("incierta", Desenlace::Incierta),
        ("no_entendida", Desenlace::NoEntendida { motivo: "«reserva»".into() }),
    ]
}

fn peticiones() -> Vec<(&'static str, CuerpoPeticion)> {
    let cierre = |fin| Cierre { orden: ordenes()[0], fin };
    let expediente = Expediente { motivo: MotivoDeApartar::FallosDefinidos, historia: historia() };
    let administrar = CuerpoPeticion::Administrar;
    let consultar = CuerpoPeticion::Consultar;
    vec![
        ("escribir", CuerpoPeticion::Escribir(ordenes())),
        ("anular", CuerpoPeticion::Terminar(vec![cierre(Fin::Anular(Codigo::SinRespuesta))])),
        ("apartar", CuerpoPeticion::Terminar(vec![cierre(Fin::Apartar(expediente))])),
        ("salud", CuerpoPeticion::Salud),
        ("consultar_ejemplar", consultar(Consulta::Ejemplar("E000123".parse().expect("ejemplar")))),
        ("consultar_libro", consultar(Consulta::Libro("9780439023481".parse().expect("isbn")))),
        ("consultar_usuario", consultar(Consulta::Usuario("U0001".parse().expect("usuario")))),
        ("consultar_operacion", consultar(Consulta::Operacion(id().uuid()))),
        ("apartadas", administrar(Administracion::Apartadas { solo_abiertas: true, desde: 20, cuantas: 10 })),
        ("apartada", administrar(Administracion::Apartada(id()))),
        ("recuperar", administrar(Administracion::Recuperar(id()))),
        ("cerrar", administrar(Administracion::Cerrar { id: id(), nota: "duplicada".into() })),
        ("cuentas", administrar(Administracion::Cuentas)),
        ("mas_prestados", administrar(Administracion::MasPrestados { cuantos: 5 })),
    ]
}

fn administradas() -> Vec<(&'static str, Administrada)> {
    let recuperada = Resolucion::Recuperada { codigo: Codigo::Ok, cuando: fecha() };
    let cerrada = Resolucion::Cerrada { nota: "no hacía falta".into(), cuando: fecha() };
    let cuenta = |sede| Cuenta { tipo: Tipo::Prestamo, codigo: Codigo::Ok, sede, cuantas: 4 };
    let sede = Some("CENTRO".parse().expect("sede"));
    let libro = LibroPrestado { isbn: "978".parse().expect("isbn"), titulo: "Título".into(), prestamos: 9 };
    vec![
        ("apartadas", Administrada::Apartadas { filas: vec![apartada(None)], total: 3 }),
        ("apartada", Administrada::Apartada(Box::new(apartada(Some(recuperada))))),
        ("decidida", Administrada::Decidida(guardada())),
        ("no_existe", Administrada::NoExiste),
        ("no_escrita", Administrada::NoEscrita { motivo: "22003".into() }),
        ("ya_resuelta", Administrada::YaResuelta(cerrada)),
        ("cuentas", Administrada::Cuentas(vec![cuenta(sede), cuenta(None)])),
        ("mas_prestados", Administrada::MasPrestados(vec![libro])),
    ]
}

fn resultados() -> Vec<(&'static str, CuerpoResultado)> {
    let fallo = |nada_hecho| CuerpoResultado::Fallo(Fallo { nada_hecho, motivo: "57P01".into() });
    vec![
        ("consultada", CuerpoResultado::Consultada(guardada())),
        ("sano", CuerpoResultado::Sano),
        ("nada_hecho", fallo(true)),
        ("en_el_aire", fallo(false)),
        ("no_entendida", CuerpoResultado::NoEntendida { motivo: "«bailar»".into() }),
    ]
}

/// Un mensaje de cada clase, como lo escribe el código de hoy.
fn de_hoy() -> Cable {
    let mut cable = Cable::new();
    let mut poner = |clase: &str, nombre: &str, bytes: Vec<u8>| {
        cable.insert(format!("{clase}-{nombre}"), String::from_utf8(bytes).expect("JSON es UTF-8"));
    };
    let Orden { id, huella, .. } = ordenes()[0];
    poner("evento", "lista", codificar(&Evento { gestor: "g1".into(), ordenes: ordenes() }));
    poner("respuesta", "aplicada", codificar(&respuesta()));
    let informe = |resultados, circuitos| codificar(&Informe { actor: "a1".into(), resultados, circuitos });
    let circuito = |estado| Circuito { endpoint: "127.0.0.1:5570".into(), estado };
    let estados = [EstadoBreaker::Cerrado, EstadoBreaker::MedioAbierto, EstadoBreaker::Abierto];
    poner("informe", "circuitos", informe(Vec::new(), estados.map(circuito).into()));
    let resultado = |cuerpo| codificar(&Resultado { peticion: 7, cuerpo });
    for (nombre, desenlace) in desenlaces() {
        let escrita = ResultadoEscritura { id, huella, desenlace: desenlace.clone() };
        poner("resultado", &format!("escrita_{nombre}"), resultado(CuerpoResultado::Escritas(vec![escrita])));
        poner("informe", nombre, informe(vec![ResultadoInforme { id, huella, intento: 1, desenlace }], Vec::new()));
    }
    for (nombre, cuerpo) in peticiones() {
        poner("peticion", nombre, codificar(&Peticion { peticion: 7, plazo_ms: 3_000, cuerpo }));
    }
    for (nombre, cuerpo) in resultados() {
        poner("resultado", nombre, resultado(cuerpo));
    }
    for (nombre, administrada) in administradas() {
        poner("resultado", &format!("admin_{nombre}"), resultado(CuerpoResultado::Administrada(administrada)));
    }
    cable
}

#[test]
fn lo_que_el_codigo_de_hoy_escribe_esta_anotado_para_la_version_que_venga() {
    let (hoy, vigente) = (de_hoy(), vigente_en(HOY));
    let distinto = |(nombre, bytes): &(&String, &String)| vigente.get(*nombre) != Some(*bytes);
    let nuevas: Vec<_> = hoy.iter().filter(distinto).map(|(nombre, bytes)| format!("{nombre} {bytes}\n")).collect();
    if !nuevas.is_empty() {
        let copia = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cable_de_hoy.txt");
        fs::write(&copia, nuevas.concat()).expect("se puede escribir");
        panic!(
            "lo que se escribe no es lo anotado en {}. Si esa versión aún no se publicó, añada ahí {}; si ya se publicó, anótelo \
             en la siguiente: quien no se haya actualizado tendrá que leerlo",
            archivo(HOY).display(),
            copia.display()
        );
    }
}

/// Lee con la clase `T` y vuelve a escribir.
fn vuelta<T: Serialize + DeserializeOwned>(bytes: &str) -> String {
    let leido: T = descifrar(bytes.as_bytes()).unwrap_or_else(|e| panic!("{bytes}: {e}"));
    String::from_utf8(codificar(&leido)).expect("UTF-8")
}

fn leer_y_escribir(nombre: &str, bytes: &str) -> String {
    match nombre.split_once('-').expect("clase y nombre").0 {
        "evento" => vuelta::<Evento>(bytes),
        "informe" => vuelta::<Informe>(bytes),
        "peticion" => vuelta::<Peticion>(bytes),
        "resultado" => vuelta::<Resultado>(bytes),
        "respuesta" => vuelta::<Respuesta>(bytes),
        "solicitud" => Solicitud::leer(bytes.as_bytes()).map(|_| bytes.to_owned()).expect("se entiende"),
        otra => panic!("no hay mensajes de la clase {otra}"),
    }
}

#[test]
fn lo_que_escribia_cada_version_se_lee_hoy_entero_y_se_reenvia_byte_a_byte() {
    for version in 1..=HOY {
        for (nombre, bytes) in anotado(version) {
            assert_eq!(leer_y_escribir(&nombre, &bytes), bytes, "v{version}, {nombre}");
        }
    }
}

/// Lo que ya existía en una versión y otra posterior escribe de otra manera: quien no se haya actualizado no lo leería.
#[test]
fn lo_que_ya_existia_se_escribe_como_antes() {
    for version in 2..=HOY {
        let antes = vigente_en(version - 1);
        let cambiados: Vec<_> = anotado(version).into_keys().filter(|nombre| antes.contains_key(nombre)).collect();
        assert!(cambiados.is_empty(), "v{version} cambia {cambiados:?}");
    }
}

#[test]
fn un_campo_de_mas_no_estorba_en_ningun_mensaje() {
    for (nombre, bytes) in vigente_en(HOY) {
        let con_mas = bytes.replacen('{', r#"{"de_otra_version":{"x":[1,null]},"#, 1);
        let vuelto = leer_y_escribir(&nombre, &con_mas);
        assert!(vuelto == bytes || nombre.starts_with("solicitud"), "{nombre}: {vuelto}");
    }
}
