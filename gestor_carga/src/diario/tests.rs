use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use common::{
    dominio::{Codigo, Comando as Pedido, Estado, Huella, OperacionId},
    mensajes::{Instante, Respuesta},
};
use redb::{StorageBackend, TableHandle, backends::FileBackend};
use uuid::Uuid;

use super::*;

/// Muy por encima de lo que tarda un sondeo.
const PACIENCIA: Duration = Duration::from_secs(20);

fn orden() -> Orden {
    let comando: Pedido =
        serde_json::from_str(r#"{"operacion":"prestamo","usuario":"U1","ejemplar":"E1"}"#).expect("comando");
    Orden {
        id: OperacionId::try_new(Uuid::now_v7()).expect("v7"),
        huella: Huella::de(&comando),
        aceptada: Instante(1),
        intento: 0,
        sola: false,
        comando,
    }
}

/// Un archivo que deja de poder escribirse cuando se le dice.
#[derive(Debug)]
struct Averiable {
    archivo: FileBackend,
    averiado: Arc<AtomicBool>,
}

impl Averiable {
    fn comprobar(&self) -> io::Result<()> {
        if self.averiado.load(Ordering::SeqCst) { Err(io::Error::other("disco averiado")) } else { Ok(()) }
    }
}

impl StorageBackend for Averiable {
    fn len(&self) -> io::Result<u64> {
        self.archivo.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.archivo.read(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.comprobar()?;
        self.archivo.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.comprobar()?;
        self.archivo.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.comprobar()?;
        self.archivo.write(offset, data)
    }
    fn close(&self) -> io::Result<()> {
        self.archivo.close()
    }
}

fn averiable(ruta: &Path) -> (Diario, Arc<AtomicBool>) {
    let averiado = Arc::new(AtomicBool::new(false));
    let (ruta, suyo) = (ruta.to_owned(), Arc::clone(&averiado));
    let abrir: Abrir = Box::new(move || {
        let archivo = std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&ruta);
        let archivo = FileBackend::new(archivo.expect("se abre"))?;
        Database::builder().create_with_backend(Averiable { archivo, averiado: Arc::clone(&suyo) })
    });
    let db = abrir().expect("se abre");
    (Diario::con_base(db, abrir).expect("arranca").0, averiado)
}

async fn aviso(diario: &mut Diario) -> Aviso {
    tokio::time::timeout(PACIENCIA, diario.aviso()).await.expect("a tiempo").expect("el hilo vive")
}

#[tokio::test]
async fn lo_escrito_vuelve_en_orden_y_lo_borrado_no() {
    let carpeta = tempfile::tempdir().expect("carpeta");
    let ruta = carpeta.path().join("no").join("existe").join("diario.redb");
    let ordenes: [Orden; 4] = std::array::from_fn(|_| orden());
    let (mut diario, filas) = Diario::abrir(&ruta).expect("se abre");
    assert!(filas.is_empty());
    let mut faltan: Vec<_> = [3, 300, 5, 70].map(Num).into();
    for (num, orden) in faltan.clone().into_iter().zip(ordenes) {
        assert!(diario.escribir(num, orden));
    }
    diario.borrar(Num(5));
    while !faltan.is_empty() {
        let Aviso::Escritas(nums) = aviso(&mut diario).await else { panic!("no falló nada") };
        faltan.retain(|num| !nums.contains(num));
    }
    diario.cerrar(PACIENCIA).await;
    let (_diario, filas) = Diario::abrir(&ruta).expect("se abre otra vez");
    assert_eq!(filas, vec![(Num(3), ordenes[0]), (Num(70), ordenes[3]), (Num(300), ordenes[1])]);
}

#[tokio::test]
async fn un_diario_averiado_avisa_falla_en_seguida_y_vuelve_solo() {
    let carpeta = tempfile::tempdir().expect("carpeta");
    let ruta = carpeta.path().join("diario.redb");
    let (mut diario, averiado) = averiable(&ruta);
    assert!(diario.escribir(Num(1), orden()));
    assert_eq!(aviso(&mut diario).await, Aviso::Escritas(vec![Num(1)]));
    averiado.store(true, Ordering::SeqCst);
    assert!(diario.escribir(Num(2), orden()));
    assert_eq!(aviso(&mut diario).await, Aviso::Fallidas(vec![Num(2)]));
    assert!(diario.escribir(Num(3), orden()));
    diario.borrar(Num(1));
    assert_eq!(aviso(&mut diario).await, Aviso::Fallidas(vec![Num(3)]));
    averiado.store(false, Ordering::SeqCst);
    assert_eq!(aviso(&mut diario).await, Aviso::Recuperado);
    assert!(diario.escribir(Num(4), orden()));
    assert_eq!(aviso(&mut diario).await, Aviso::Escritas(vec![Num(4)]));
    diario.cerrar(PACIENCIA).await;
    let (_diario, filas) = Diario::abrir(&ruta).expect("se abre otra vez");
    let nums: Vec<_> = filas.iter().map(|(num, _)| num.0).filter(|num| *num != 2).collect();
    assert_eq!(nums, [4], "el borrado hecho durante la avería no se olvidó");
}

#[test]
fn una_fila_que_no_se_entiende_se_aparta_y_no_estorba() {
    let carpeta = tempfile::tempdir().expect("carpeta");
    let ruta = carpeta.path().join("diario.redb");
    let db = abrir_archivo(&ruta).expect("se abre");
    let transaccion = db.begin_write().expect("escribe");
    transaccion.open_table(FILAS).expect("tabla").insert(9, &b"basura"[..]).expect("inserta");
    transaccion.commit().expect("guarda");
    assert_eq!(leer_filas(&db).expect("se lee"), (vec![], 1));
    assert_eq!(leer_filas(&db).expect("se lee otra vez"), (vec![], 1));
    // El número vuelve a usarse, y otra vez no se entiende: no pisa a la primera.
    let transaccion = db.begin_write().expect("escribe");
    transaccion.open_table(FILAS).expect("tabla").insert(9, &b"\xff"[..]).expect("inserta");
    transaccion.commit().expect("guarda");
    assert_eq!(leer_filas(&db).expect("se lee"), (vec![], 2));
    let PaginaDeIlegibles { filas, total } = ilegibles::pagina(&db, 0, 10).expect("se miran");
    let vistas: Vec<_> = filas.iter().map(|f| (f.num, &f.bytes[..], f.cuando.is_some(), f.motivo.is_some())).collect();
    assert_eq!((vistas, total), (vec![(9, &b"basura"[..], true, true), (10, b"\xff", true, true)], 2));
    assert_eq!(ilegibles::pagina(&db, 1, 10).expect("se miran").filas, filas[1..]);
}

#[tokio::test]
async fn las_que_aparto_una_version_anterior_se_miran_aunque_no_se_sepa_cuando_y_si_ya_se_entienden_se_dice() {
    let carpeta = tempfile::tempdir().expect("carpeta");
    let ruta = carpeta.path().join("diario.redb");
    let db = abrir_archivo(&ruta).expect("se abre");
    let transaccion = db.begin_write().expect("escribe");
    let legible = mensajes::codificar(&orden());
    for (num, bytes) in [(3, &b"{}"[..]), (4, &legible)] {
        transaccion.open_table(ilegibles::ILEGIBLES).expect("tabla").insert(num, bytes).expect("inserta");
    }
    transaccion.commit().expect("guarda");
    drop(db);
    let (diario, _) = Diario::abrir(&ruta).expect("se abre");
    assert_eq!(diario.ilegibles(), 2);
    let PaginaDeIlegibles { filas, .. } = diario.ilegibles_pagina(0, 10).await.expect("se miran");
    let vistas: Vec<_> = filas.iter().map(|f| (f.num, f.cuando, f.motivo.is_some())).collect();
    assert_eq!(vistas, [(3, None, true), (4, None, false)]);
}

#[test]
fn un_segundo_gestor_sobre_el_mismo_diario_recibe_un_error_que_lo_dice() {
    let carpeta = tempfile::tempdir().expect("carpeta");
    let ruta = carpeta.path().join("diario.redb");
    let _abierto = Diario::abrir(&ruta).expect("se abre");
    let error = Diario::abrir(&ruta).err().expect("está en uso").to_string();
    assert!(error.contains(AJUSTE) && error.contains("otro gestor"), "{error}");
}

fn rechazada(orden: &Orden) -> Carta {
    let fecha = orden.aceptada.fecha();
    let respuesta = Respuesta::new(Some(orden.id.uuid()), Estado::Rechazada, Codigo::EjemplarPrestado, fecha);
    Carta { orden: *orden, fin: respuesta.guardada(), cuando: Instante(2) }
}

async fn en_el_buzon(diario: &Diario) -> (Vec<OperacionId>, u64) {
    let PaginaDeBuzon { cartas, total } = diario.buzon_pagina(0, 100).await.expect("se lee");
    (cartas.into_iter().map(|carta| carta.orden.id).collect(), total)
}

#[tokio::test]
async fn lo_que_no_se_aplico_deja_de_estar_prometido_y_queda_en_el_buzon_hasta_que_se_cierra() {
    let carpeta = tempfile::tempdir().expect("carpeta");
    let ruta = carpeta.path().join("diario.redb");
    let ordenes: [Orden; 3] = std::array::from_fn(|_| orden());
    let (diario, _) = Diario::abrir(&ruta).expect("se abre");
    for (num, orden) in (1..).map(Num).zip(ordenes) {
        assert!(diario.escribir(num, orden));
        diario.al_buzon(num, rechazada(&orden));
    }
    assert_eq!(en_el_buzon(&diario).await, (vec![ordenes[2].id, ordenes[1].id, ordenes[0].id], 3));
    diario.cerrar(PACIENCIA).await;

    let (diario, filas) = Diario::abrir(&ruta).expect("se abre otra vez");
    assert!(filas.is_empty(), "ya no se promete");
    let PaginaDeBuzon { cartas, total } = diario.buzon_pagina(1, 1).await.expect("se lee");
    let [carta] = &cartas[..] else { panic!("una página de una: {cartas:?}") };
    assert_eq!((carta.orden, carta.cuando, carta.fin.codigo), (ordenes[1], Instante(2), Codigo::EjemplarPrestado));
    assert_eq!((carta.fin.cuerpo.get(), total), (rechazada(&ordenes[1]).fin.cuerpo.get(), 3));

    let id = ordenes[1].id;
    assert_eq!(diario.cerrar_buzon(id, "hablado con ella".into()).await, Ok(CierreDeBuzon::Cerrada));
    assert_eq!(en_el_buzon(&diario).await, (vec![ordenes[2].id, ordenes[0].id], 2));
    // Otra vez no cambia nada, y dice quién llegó antes.
    let otra_vez = diario.cerrar_buzon(id, "otra nota".into()).await.expect("contesta");
    assert!(matches!(otra_vez, CierreDeBuzon::YaEstaba { nota, .. } if nota == "hablado con ella"));
    assert_eq!(diario.cerrar_buzon(orden().id, "x".into()).await, Ok(CierreDeBuzon::NoExiste));
}

#[tokio::test]
async fn con_el_disco_averiado_el_buzon_lo_dice_y_lo_que_iba_a_el_llega_al_volver() {
    let carpeta = tempfile::tempdir().expect("carpeta");
    let (mut diario, averiado) = averiable(&carpeta.path().join("diario.redb"));
    let prometida = orden();
    assert!(diario.escribir(Num(1), prometida));
    assert_eq!(aviso(&mut diario).await, Aviso::Escritas(vec![Num(1)]));
    averiado.store(true, Ordering::SeqCst);
    diario.al_buzon(Num(1), rechazada(&prometida));
    assert_eq!(aviso(&mut diario).await, Aviso::Fallidas(vec![]));
    assert_eq!(diario.cerrar_buzon(prometida.id, "x".into()).await, Err(SinDiario));
    averiado.store(false, Ordering::SeqCst);
    assert_eq!(aviso(&mut diario).await, Aviso::Recuperado);
    assert_eq!(en_el_buzon(&diario).await, (vec![prometida.id], 1));
}

/// Las filas que dejaba en disco la versión anterior: de cada una, su tabla, su clave y sus bytes.
const FILAS_V1: &str = include_str!("../../tests/diario/v1.txt");
const DEL_BUZON: [TableDefinition<u128, &[u8]>; 2] =
    [TableDefinition::new("buzon"), TableDefinition::new("buzon_cerrado")];

fn orden_fija(numero: u8, json: &str) -> Orden {
    let comando: Pedido = serde_json::from_str(json).expect("comando");
    let id = OperacionId::parse(&format!("01890a5d-ac96-774b-bcce-b302099a80{numero:02}")).expect("v7");
    Orden { id, huella: Huella::de(&comando), aceptada: Instante(1_700_000_000_123_456), comando, ..orden() }
}

/// Todo lo que hay en el diario, como se anota.
fn volcar(db: &Database) -> String {
    let transaccion = db.begin_write().expect("escribe");
    let bytes = |valor: &[u8]| String::from_utf8(valor.to_vec()).expect("JSON es UTF-8");
    let linea = |tabla: &str, clave: u128, texto: String| format!("{tabla} {clave} {texto}\n");
    let mut lineas = String::new();
    for fila in transaccion.open_table(FILAS).expect("tabla").iter().expect("se lee") {
        let (num, valor) = fila.expect("se lee");
        lineas += &linea(FILAS.name(), num.value().into(), bytes(valor.value()));
    }
    for tabla in DEL_BUZON {
        for fila in transaccion.open_table(tabla).expect("tabla").iter().expect("se lee") {
            let (id, valor) = fila.expect("se lee");
            lineas += &linea(tabla.name(), id.value(), bytes(valor.value()));
        }
    }
    lineas
}

#[test]
fn lo_que_el_diario_de_hoy_escribe_es_byte_a_byte_lo_que_escribia_la_version_anterior() {
    let carpeta = tempfile::tempdir().expect("carpeta");
    let db = abrir_archivo(&carpeta.path().join("diario.redb")).expect("se abre");
    let prestamo = orden_fija(1, r#"{"operacion":"prestamo","usuario":"U0001","ejemplar":"E000123","sede":"CENTRO"}"#);
    let devolucion = orden_fija(2, r#"{"operacion":"devolucion","usuario":"U0001","isbn":"9780439023481"}"#);
    let devolucion = Orden { intento: 3, sola: true, ..devolucion };
    let transaccion = db.begin_write().expect("escribe");
    for (num, orden) in [(3, prestamo), (70, devolucion)] {
        let fila = mensajes::codificar(&orden);
        transaccion.open_table(FILAS).expect("tabla").insert(num, fila.as_slice()).expect("inserta");
        buzon::echar(&transaccion, &rechazada(&orden)).expect("echa");
    }
    buzon::cerrar(&transaccion, devolucion.id, "hablado con ella", Instante(9)).expect("cierra");
    transaccion.commit().expect("guarda");
    assert_eq!(volcar(&db), FILAS_V1, "quien vuelva a la versión anterior tiene que leerlo");
}

#[tokio::test]
async fn el_diario_que_dejo_la_version_anterior_se_lee_entero() {
    let carpeta = tempfile::tempdir().expect("carpeta");
    let ruta = carpeta.path().join("diario.redb");
    let db = abrir_archivo(&ruta).expect("se abre");
    let transaccion = db.begin_write().expect("escribe");
    for linea in FILAS_V1.lines() {
        let [tabla, clave, bytes] = *linea.splitn(3, ' ').collect::<Vec<_>>() else { panic!("{linea}") };
        if let Some(del_buzon) = DEL_BUZON.into_iter().find(|t| t.name() == tabla) {
            let clave: u128 = clave.parse().expect("id");
            transaccion.open_table(del_buzon).expect("tabla").insert(clave, bytes.as_bytes()).expect("inserta");
        } else {
            let clave: u64 = clave.parse().expect("número");
            transaccion.open_table(FILAS).expect("tabla").insert(clave, bytes.as_bytes()).expect("inserta");
        }
    }
    transaccion.commit().expect("guarda");
    drop(db);
    let (diario, filas) = Diario::abrir(&ruta).expect("se abre");
    assert_eq!(filas.iter().map(|(num, orden)| (num.0, orden.sola)).collect::<Vec<_>>(), [(3, false), (70, true)]);
    assert_eq!(en_el_buzon(&diario).await, (vec![filas[0].1.id], 1));
    let cierre = diario.cerrar_buzon(filas[1].1.id, "otra nota".into()).await.expect("contesta");
    assert_eq!(cierre, CierreDeBuzon::YaEstaba { nota: "hablado con ella".into(), cuando: Instante(9) });
}
