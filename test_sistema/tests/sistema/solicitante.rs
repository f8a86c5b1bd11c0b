//! Los archivos de peticiones, con procesos de verdad: lo mal escrito no pide nada, y quien muere y vuelve no hace nada dos
//! veces.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use taller::suite::programa;

use crate::banco::{Banco, catalogo, con_suite};

/// Peticiones del archivo de la prueba, y respuestas que se dejan ver antes de matar a quien las pide.
const PETICIONES: usize = 300;
const ANTES_DE_MATAR: usize = 60;

fn test_sistema() -> Command {
    Command::new(programa("test_sistema").expect("está construido"))
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
