//! El experimento, con procesos de verdad: de una interrupción queda lo medido, y se puede seguir.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use experimento::{
    ficha::Ficha,
    resultados::{self, Diseno, Fila, Lector},
};
use test_sistema::solicitante::medida::Quedo;

/// Lo que puede durar un experimento de estos.
const EXPERIMENTO_MAX: Duration = Duration::from_secs(90);

fn catalogo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datos/libros_10k.csv")
}

fn experimento(var: &Path, opciones: &[&str]) -> Command {
    let mut orden = Command::new(env!("CARGO_BIN_EXE_experimento"));
    orden.args(opciones).env("ANAQUEL_VAR", var).stdin(Stdio::null());
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
    let carpeta_var = tempfile::Builder::new().prefix("anaquel-experimento-").tempdir().expect("directorio temporal");
    let var = carpeta_var.path();
    // La cuenta de PostgreSQL, si no es esta, tiene que poder pasar.
    fs::set_permissions(var, fs::Permissions::from_mode(0o755)).expect("permisos");
    let catalogo = catalogo().display().to_string();
    let opciones =
        ["--segundos", "2", "--solicitantes", "2", "--repeticiones", "1", "--disenos", "dos_almacenes", "--catalogo"];
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
    let fin = Instant::now() + EXPERIMENTO_MAX;
    while hijo.try_wait().expect("se puede mirar").is_none() {
        assert!(Instant::now() < fin, "el experimento no acabó al interrumpirlo");
        std::thread::sleep(Duration::from_millis(20));
    }
}
