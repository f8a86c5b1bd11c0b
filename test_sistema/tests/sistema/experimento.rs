//! Los archivos de peticiones y el experimento, con procesos de verdad: lo mal escrito no pide nada, quien muere y vuelve
//! no hace nada dos veces, y de una interrupción queda lo medido.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use test_sistema::{
    experimento::{
        ficha::Ficha,
        resultados::{self, Diseno, Fila, Lector, Quedo},
    },
    suite::programa,
};

use crate::banco::{Banco, PLAZO, con_suite, en_carpeta};

/// Peticiones del archivo de la prueba, y respuestas que se dejan ver antes de matar a quien las pide.
const PETICIONES: usize = 300;
const ANTES_DE_MATAR: usize = 60;
/// Lo que puede durar un experimento de estos.
const EXPERIMENTO_MAX: Duration = Duration::from_secs(90);

fn test_sistema() -> Command {
    Command::new(programa("test_sistema").expect("está construido"))
}

fn catalogo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../datos/libros_10k.csv")
}

fn generar(archivo: &Path, cantidad: usize) {
    let mut orden = test_sistema();
    orden.args(["generar-peticiones", "--cantidad", &cantidad.to_string(), "--semilla", "3"]);
    let salida = orden.arg("--catalogo").arg(catalogo()).arg("--archivo").arg(archivo).output().expect("se lanza");
    assert!(salida.status.success(), "{}", String::from_utf8_lossy(&salida.stderr));
}

fn solicitante(banco: &Banco, archivo: &Path) -> Command {
    let mut orden = test_sistema();
    orden.args(["--puerto", &banco.endpoint().puerto().to_string(), "solicitante", "--archivo"]).arg(archivo);
    orden.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    orden
}

async fn acabar(mut orden: Command) -> Output {
    tokio::task::spawn_blocking(move || orden.output()).await.expect("acaba").expect("se lanza")
}

/// Mata al solicitante con SIGKILL cuando ya mostró esas respuestas.
fn matar_tras(mut hijo: Child, respuestas: usize) {
    let salida = BufReader::new(hijo.stdout.take().expect("salida"));
    let vistas = salida.lines().map_while(Result::ok).filter(|linea| linea.contains('→')).take(respuestas).count();
    assert_eq!(vistas, respuestas, "el solicitante acabó antes de que se le matara");
    hijo.kill().expect("seguía en marcha");
    assert!(!hijo.wait().expect("muere").success());
}

#[test]
fn un_solicitante_que_muere_y_vuelve_con_el_mismo_archivo_no_hace_nada_dos_veces() {
    con_suite(async |banco| {
        let carpeta = tempfile::tempdir().expect("carpeta");
        let archivo = carpeta.path().join("peticiones.txt");
        let antes = banco.base.existencias().await.expect("la base contesta").operaciones;

        fs::write(&archivo, "PRESTAMO U0001 E000001 CENTRO\nPRESTAR U0001 E000003 CENTRO\n").expect("se escribe");
        let mala = acabar(solicitante(banco, &archivo)).await;
        assert_eq!(mala.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&mala.stderr).contains("línea 2: no existe la operación «PRESTAR»"));
        let ahora = banco.base.existencias().await.expect("la base contesta").operaciones;
        assert_eq!(ahora, antes, "con una línea mala no se pide ninguna");

        generar(&archivo, PETICIONES);
        let mut orden = solicitante(banco, &archivo);
        let hijo = orden.args(["--pausa-ms", "2"]).spawn().expect("se lanza");
        tokio::task::spawn_blocking(move || matar_tras(hijo, ANTES_DE_MATAR)).await.expect("muere");

        let vuelta = acabar(solicitante(banco, &archivo)).await;
        let texto = String::from_utf8_lossy(&vuelta.stdout);
        assert_eq!(vuelta.status.code(), Some(0), "{texto}");
        assert!(texto.contains("Sigue la corrida"), "{texto}");
        let aplicadas = texto.lines().filter(|linea| linea.contains("aplicada (OK)")).count();
        assert_eq!(aplicadas, PETICIONES, "lo que ya estaba hecho se contesta igual: {texto}");
        let guardadas = banco.base.existencias().await.expect("la base contesta").operaciones - antes;
        assert_eq!(usize::try_from(guardadas).ok(), Some(PETICIONES), "una operación por línea, ni más ni menos");
        assert_eq!(banco.base.dobles().await.expect("la base contesta"), 0);

        let mut otra = solicitante(banco, &archivo);
        otra.arg("--nueva");
        acabar(otra).await;
        let despues = banco.base.existencias().await.expect("la base contesta").operaciones - antes;
        assert_eq!(usize::try_from(despues).ok(), Some(2 * PETICIONES), "otra corrida son otras operaciones");
    });
}

fn experimento(var: &Path, opciones: &[&str]) -> Command {
    let mut orden = test_sistema();
    orden.arg("experimento").args(opciones).env("ANAQUEL_VAR", var).stdin(Stdio::null());
    orden.stdout(Stdio::piped()).stderr(Stdio::piped());
    orden
}

/// La única carpeta de experimento que hay.
fn carpeta(var: &Path) -> PathBuf {
    let mut carpetas = fs::read_dir(var.join("experimento")).expect("hay experimentos").flatten().map(|e| e.path());
    let carpeta = carpetas.next().expect("hay uno");
    assert!(carpetas.next().is_none(), "hay uno solo");
    carpeta
}

fn filas(carpeta: &Path) -> Vec<Fila> {
    let lector = Lector::abrir(&carpeta.join(resultados::ARCHIVO)).expect("hay resultados");
    lector.collect::<Result<_, _>>().expect("se leen")
}

fn bien(salida: &Output) {
    let [dicho, quejas] = [&salida.stdout, &salida.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(salida.status.success(), "{dicho}{quejas}");
}

#[test]
fn un_experimento_corto_deja_cada_solicitud_con_su_muerte_y_una_interrupcion_lo_medido() {
    en_carpeta(|var| {
        let catalogo = catalogo().display().to_string();
        let opciones = [
            "--segundos",
            "2",
            "--solicitantes",
            "2",
            "--repeticiones",
            "1",
            "--disenos",
            "dos_almacenes",
            "--catalogo",
        ];
        let mut hijo = experimento(var, &[&opciones[..], &[&catalogo]].concat()).spawn().expect("se lanza");
        let salida = BufReader::new(hijo.stdout.take().expect("salida"));
        let mut lineas = salida.lines().map_while(Result::ok);
        assert!(lineas.any(|l| l.contains("[1/2]")), "la primera ejecución acaba");
        interrumpir(&hijo);
        let resto: String = lineas.map(|l| l + "\n").collect();
        esperar(&mut hijo);
        assert!(resto.contains("Interrumpido: queda lo medido en 1 ejecuciones de 2"), "{resto}");
        let carpeta = carpeta(var);
        let ficha = Ficha::leer(&carpeta).expect("hay ficha");
        assert!(ficha.interrumpido && ficha.hechas() == 1);
        let medidas = filas(&carpeta);
        assert!(!medidas.is_empty() && medidas.iter().all(|f| f.tanda == 1));

        let seguir = carpeta.display().to_string();
        bien(&experimento(var, &["--seguir", &seguir]).output().expect("se lanza"));
        let ficha = Ficha::leer(&carpeta).expect("hay ficha");
        assert!(!ficha.interrumpido && ficha.hechas() == 2);
        let biblioteca = ficha.biblioteca.clone().expect("se cargó");
        assert_eq!(biblioteca.prestados, [("CENTRO".to_owned(), 50), ("NORTE".to_owned(), 150)].into());
        assert!(biblioteca.libros >= 1_000);
        comprobar(&ficha, &filas(&carpeta), &medidas);
    });
}

/// Lo que hay en las filas es lo que la ficha dice que se hizo.
fn comprobar(ficha: &Ficha, todas: &[Fila], primeras: &[Fila]) {
    assert_eq!(&todas[..primeras.len()], primeras, "lo medido antes de la interrupción no se toca");
    let cuantas: u64 = ficha.ejecuciones.iter().map(|e| e.solicitudes).sum();
    assert_eq!(u64::try_from(todas.len()).ok(), Some(cuantas));
    for sede in ["CENTRO", "NORTE"] {
        for cual in [1, 2] {
            let suyas = todas.iter().filter(|f| f.sede.as_str() == sede && f.solicitante == cual);
            assert!(suyas.count() >= 3, "{sede}-{cual} pidió");
        }
    }
    assert!(todas.iter().all(|f| f.diseno == Diseno::DosAlmacenes && f.inicio_us < 2_000_000));
    assert!(todas.iter().all(|f| f.respuesta_us.is_none() == (f.estado == Quedo::SinRespuesta)));
    let muerte = ficha.ejecuciones[1].muerte_us.expect("en la segunda se mata");
    assert!((1_000_000..2_000_000).contains(&muerte), "desde la mitad de la ventana: {muerte} µs");
    assert!(todas.iter().all(|f| f.muerte_us == (f.tanda == 2).then_some(muerte)));
    let mut aplicadas = todas.iter().filter(|f| f.tanda == 2 && f.estado == Quedo::Aplicada);
    assert!(aplicadas.any(|f| f.respuesta_us.is_some_and(|r| r > muerte)), "el otro almacén sigue");
}

fn interrumpir(hijo: &Child) {
    let salida = Command::new("kill").args(["-INT", &hijo.id().to_string()]).status();
    assert!(salida.is_ok_and(|estado| estado.success()));
}

fn esperar(hijo: &mut Child) {
    let fin = Instant::now() + EXPERIMENTO_MAX.max(PLAZO);
    while hijo.try_wait().expect("se puede mirar").is_none() {
        assert!(Instant::now() < fin, "el experimento no acabó al interrumpirlo");
        std::thread::sleep(Duration::from_millis(20));
    }
}
