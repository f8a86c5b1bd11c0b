//! Cada orden del README, tal como se copia y se pega, contra una suite real; y los dos README dan las mismas.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
    time::{Duration, Instant},
};

use taller::suite::{Suite, programa};

/// Lo que puede tardar una línea en llegar a un registro.
const REGISTRO_MAX: Duration = Duration::from_secs(5);
const ESPANOL: &str = include_str!("../../README.md");
const INGLES: &str = include_str!("../../README.en.md");

/// Los bloques de código de un lenguaje, en orden.
fn bloques<'a>(readme: &'a str, lenguaje: &str) -> Vec<&'a str> {
    let apertura = format!("```{lenguaje}\n");
    readme.split(apertura.as_str()).skip(1).map(|resto| resto.split("```").next().expect("siempre hay uno")).collect()
}

/// Las órdenes de los bloques de shell, sin sus comentarios.
fn ordenes(readme: &str) -> Vec<String> {
    bloques(readme, "sh")
        .iter()
        .flat_map(|bloque| bloque.lines())
        .map(|linea| linea.split(" #").next().unwrap_or("").trim().to_owned())
        .filter(|linea| !linea.is_empty())
        .collect()
}

fn salida(orden: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&orden.stdout), String::from_utf8_lossy(&orden.stderr))
}

/// Ejecuta una orden del README con los programas y la carpeta de datos de esta prueba.
fn ejecutar(orden: &str, binarios: &Path, suite: &Suite) -> Output {
    let var = suite.plano().var().display().to_string();
    let orden = orden
        .replace("target/release/", &format!("{}/", binarios.display()))
        .replace(" var/", &format!(" {var}/"))
        .replace("--segundos 10", "--segundos 2");
    Command::new("bash")
        .args(["-c", &orden])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .env("ANAQUEL_VAR", &var)
        .env("GESTOR_CARGA_HOST", "127.0.0.1")
        .env("GESTOR_CARGA_PORT", suite.clientes().puerto().to_string())
        .env("GESTOR_CARGA_HTTP", suite.http("gestor_carga").expect("es de la suite").to_string())
        .output()
        .expect("hay bash")
}

#[test]
fn los_dos_readme_dan_las_mismas_ordenes() {
    assert_eq!(ordenes(ESPANOL), ordenes(INGLES));
    assert_eq!(bloques(ESPANOL, "python"), bloques(INGLES, "python"));
    assert!(ESPANOL.lines().next().expect("tiene texto").contains("README.en.md"));
}

#[test]
fn las_ordenes_de_make_del_readme_existen() {
    let makefile = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Makefile")).expect("Makefile");
    let de_make: Vec<_> =
        ordenes(ESPANOL).into_iter().filter_map(|o| o.strip_prefix("make ").map(str::to_owned)).collect();
    assert!(de_make.len() >= 3, "{de_make:?}");
    for objetivo in de_make {
        assert!(makefile.contains(&format!("\n{objetivo}:")), "make {objetivo} no existe");
    }
}

#[tokio::test]
async fn cada_orden_del_readme_hace_lo_que_dice() {
    let carpeta = tempfile::tempdir().expect("carpeta temporal");
    let catalogo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../datos/libros_10k.csv");
    let suite = Suite::levantar(&carpeta.path().join("var"), Some(&catalogo)).await.expect("la suite se levanta");
    let binarios = programa("anaquel").expect("está construido").parent().expect("tiene carpeta").to_owned();
    for orden in ordenes(ESPANOL).iter().filter(|o| !o.starts_with("make ")) {
        // El préstamo sin actores queda pendiente, y `pedir` lo dice también con su estado de salida.
        let esperado = if orden.contains("prestamo --usuario U0002") { 3 } else { 0 };
        let mut hecha = ejecutar(orden, &binarios, &suite);
        // Quien lee el registro llega a él más despacio que esta prueba: la conexión se rehace en unas décimas.
        let limite = Instant::now() + REGISTRO_MAX;
        while orden.starts_with("grep") && !dice_lo_suyo(orden, &salida(&hecha)) && Instant::now() < limite {
            hecha = ejecutar(orden, &binarios, &suite);
        }
        let dicho = salida(&hecha);
        assert_eq!(hecha.status.code(), Some(esperado), "{orden}:\n{dicho}\n{}", registros(&suite));
        assert!(dice_lo_suyo(orden, &dicho), "{orden} no dijo lo suyo:\n{dicho}\n{}", registros(&suite));
    }
    python(&suite);
    suite.apagar().await.expect("la suite se apaga");
}

/// Lo último que dijo cada servicio: quien lea el fallo no tiene ya la suite para preguntarle.
fn registros(suite: &Suite) -> String {
    let ultimas = |nombre: &str| {
        let registro = suite.registro(nombre);
        let lineas: Vec<&str> = registro.lines().rev().take(12).collect();
        lineas.into_iter().rev().collect::<Vec<_>>().join("\n")
    };
    let partes: Vec<String> =
        suite.servicios().iter().map(|s| format!("── {}\n{}", s.nombre, ultimas(s.nombre))).collect();
    partes.join("\n")
}

/// Si se ve lo que el README dice que se verá.
fn dice_lo_suyo(orden: &str, texto: &str) -> bool {
    texto.contains(match orden {
        o if o.contains("prestamo --usuario U0002") => "pendiente",
        o if o.contains("pedir devolucion") => "aplicada",
        o if o.contains("prestamo --usuario U0001") => "aplicada",
        o if o.starts_with("grep") => "conexión restablecida",
        o if o.ends_with("anaquel estado") => "gestor_carga",
        o if o.contains("operar circuitos") => "CERRADO",
        o if o.contains("operar cuentas") => "prestamo",
        _ => "",
    })
}

/// El cliente en Python del README, si esta máquina tiene pyzmq (`make preparar` lo instala).
fn python(suite: &Suite) {
    let guion = bloques(ESPANOL, "python").concat().replace("5555", &suite.clientes().puerto().to_string());
    let hecha = Command::new("/usr/bin/python3").args(["-c", &guion]).output().expect("hay python3");
    let texto = salida(&hecha);
    assert!(hecha.status.success() && texto.contains("\"aplicada\""), "{texto}");
}
