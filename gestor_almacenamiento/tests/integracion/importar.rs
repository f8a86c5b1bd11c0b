//! El programa importa el catálogo en un PostgreSQL de verdad.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use sqlx::Executor;
use tempfile::TempDir;

use crate::comun::{Biblioteca, biblioteca, codigo, devolucion};

const CABECERA: &str = "isbn13,titulo,autores,anio,idioma,popularidad\n";

fn catalogo_entero() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../datos/libros_10k.csv")
}

/// Una base con el esquema y nada más.
async fn vacia() -> Biblioteca {
    let biblioteca = biblioteca().await;
    let vaciar = "TRUNCATE sedes, libros, ejemplares, usuarios, prestamos, operaciones";
    biblioteca.duenio().await.execute(vaciar).await.expect("se vacía");
    biblioteca
}

fn orden(biblioteca: &Biblioteca, csv: &Path) -> Command {
    let mut orden = Command::new(env!("CARGO_BIN_EXE_gestor_almacenamiento"));
    orden
        .env_remove("ANAQUEL_CONFIG")
        .env("DATABASE_URL", &biblioteca.base.url_servicio)
        .env("DATABASE_URL_MIGRACION", &biblioteca.base.url_migracion)
        .env("RUST_LOG", "warn")
        .arg("importar")
        .arg(csv)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    orden
}

/// Lo que el programa dijo por la salida y por la de error.
struct Dicho {
    codigo: Option<i32>,
    resumen: String,
    lineas: Vec<String>,
}

impl From<Output> for Dicho {
    fn from(salida: Output) -> Self {
        let errores = String::from_utf8(salida.stderr).expect("UTF-8");
        Self {
            codigo: salida.status.code(),
            resumen: String::from_utf8(salida.stdout).expect("UTF-8"),
            lineas: errores.lines().map(str::to_owned).collect(),
        }
    }
}

fn importar(biblioteca: &Biblioteca, csv: &Path) -> Dicho {
    orden(biblioteca, csv).output().expect("el programa está construido").into()
}

fn escribir(carpeta: &TempDir, nombre: &str, texto: impl AsRef<[u8]>) -> PathBuf {
    let ruta = carpeta.path().join(nombre);
    std::fs::write(&ruta, texto).expect("se escribe");
    ruta
}

/// Filas de cada tabla, y préstamos abiertos en cada sede.
async fn recuento(biblioteca: &Biblioteca) -> [i64; 7] {
    let mut cuentas = [0; 7];
    let sqls = [
        "SELECT count(*) FROM libros",
        "SELECT count(*) FROM ejemplares",
        "SELECT count(*) FROM usuarios",
        "SELECT count(*) FROM operaciones WHERE estado = 'aplicada'",
        "SELECT count(*) FROM prestamos",
        "SELECT count(*) FROM prestamos JOIN ejemplares USING (ejemplar_id) WHERE devuelto IS NULL AND sede_id = 'CENTRO'",
        "SELECT count(*) FROM prestamos JOIN ejemplares USING (ejemplar_id) WHERE devuelto IS NULL AND sede_id = 'NORTE'",
    ];
    for (cuenta, sql) in cuentas.iter_mut().zip(sqls) {
        *cuenta = biblioteca.contar(sql).await;
    }
    cuentas
}

const ENTERO: [i64; 7] = [9_300, 11_160, 1_000, 200, 200, 50, 150];

#[tokio::test]
async fn el_catalogo_entero_entra_en_menos_de_tres_segundos_y_repetirlo_no_dobla_nada() {
    let biblioteca = vacia().await;
    let inicio = Instant::now();
    let primera = importar(&biblioteca, &catalogo_entero());
    let tardo = inicio.elapsed();
    assert_eq!(primera.codigo, Some(0), "{:?}", primera.lineas);
    assert!(primera.resumen.starts_with("9300 filas leídas: 9300 nuevas, 0 cambiadas, 0 iguales, 0 rechazadas"));
    assert_eq!(recuento(&biblioteca).await, ENTERO);
    biblioteca.las_cuentas_cuadran().await;
    assert!(tardo < Duration::from_secs(3), "{tardo:?}");
    let segunda = importar(&biblioteca, &catalogo_entero());
    let esperado = "9300 filas leídas: 0 nuevas, 0 cambiadas, 9300 iguales, 0 rechazadas; nuevos también 0 ejemplares, \
                    0 usuarios de muestra y 0 préstamos de partida\n";
    assert_eq!(segunda.resumen, esperado);
    assert_eq!(recuento(&biblioteca).await, ENTERO);
    biblioteca.las_cuentas_cuadran().await;
}

#[tokio::test]
async fn un_prestamo_de_partida_devuelto_no_se_vuelve_a_prestar() {
    let biblioteca = vacia().await;
    assert_eq!(importar(&biblioteca, &catalogo_entero()).codigo, Some(0));
    let prestado = "SELECT max(substr(ejemplar_id, 2)::bigint) FROM prestamos";
    let ejemplar = format!("E{:06}", biblioteca.contar(prestado).await);
    let devuelve = devolucion("", &ejemplar);
    let decidido = biblioteca.decidir(&[devuelve]).await;
    assert_eq!(codigo(&decidido, &devuelve).as_str(), "OK");
    assert_eq!(importar(&biblioteca, &catalogo_entero()).codigo, Some(0));
    let abiertos = "SELECT count(*) FROM prestamos WHERE devuelto IS NULL";
    assert_eq!(biblioteca.contar(abiertos).await, 199);
    assert_eq!(biblioteca.contar("SELECT count(*) FROM prestamos").await, 200);
}

#[tokio::test]
async fn cada_fila_rechazada_se_dice_en_una_linea_y_las_demas_entran() {
    let (biblioteca, carpeta) = (vacia().await, TempDir::new().expect("carpeta"));
    let mut texto = CABECERA.to_owned().into_bytes();
    texto.extend_from_slice(
        b"9780439023481,Uno,Autora,2008,eng,5\n\
          9780439023482,Mal,Autora,2008,eng,5\n\
          9780439554930,\"Con salto,\ndentro\",Autora,,,\n\
          9780316015844,,Autora,2005,,1\n\
          9780439023481,Repetido,Autora,2008,eng,5\n\
          9780061120084,\xff\xfe,Autora,1960,eng,1\n\
          9780743273565,Corta\n\
          9780525478812,Dos,Otra,-300,,\n",
    );
    let ruta = escribir(&carpeta, "libros.csv", texto);
    let dicho = importar(&biblioteca, &ruta);
    assert_eq!(dicho.codigo, Some(0), "{:?}", dicho.lineas);
    let esperadas = [
        (3, "cifra de control"),
        (4, "titulo"),
        (6, "titulo está vacío"),
        (7, "ya está en la línea 2"),
        (8, "UTF-8"),
        (9, "2 columnas y la cabecera 6"),
    ];
    assert_eq!(dicho.lineas.len(), esperadas.len(), "{:?}", dicho.lineas);
    for (linea, (numero, motivo)) in dicho.lineas.iter().zip(esperadas) {
        assert!(linea.contains(&format!("libros.csv:{numero}: ")) && linea.contains(motivo), "{linea}");
    }
    assert!(dicho.resumen.starts_with("8 filas leídas: 2 nuevas, 0 cambiadas, 0 iguales, 6 rechazadas"));
    // Dos títulos de los primeros, con tres ejemplares cada uno; todos están entre los últimos de su sede.
    assert_eq!(recuento(&biblioteca).await, [2, 6, 1_000, 6, 6, 4, 2]);
}

#[tokio::test]
async fn un_catalogo_corregido_cambia_los_titulos_y_no_toca_lo_demas() {
    let (biblioteca, carpeta) = (vacia().await, TempDir::new().expect("carpeta"));
    let con = |filas: &str| escribir(&carpeta, "libros.csv", format!("{CABECERA}{filas}"));
    assert_eq!(importar(&biblioteca, &con("9780439023481,Uno,Autora,2008,eng,5\n")).codigo, Some(0));
    let antes = recuento(&biblioteca).await;
    let filas = "9780439554930,Nuevo,Autora,,,\n9780439023481,Uno corregido,Autora,,eng,5\n";
    let dicho = importar(&biblioteca, &con(filas));
    let esperado = "2 filas leídas: 1 nuevas, 1 cambiadas, 0 iguales, 0 rechazadas; nuevos también 3 ejemplares, 0 \
                    usuarios de muestra y 0 préstamos de partida\n";
    assert_eq!(dicho.resumen, esperado);
    let corregido = "SELECT count(*) FROM libros WHERE titulo = 'Uno corregido' AND anio IS NULL";
    assert_eq!(biblioteca.contar(corregido).await, 1);
    let suyos = "SELECT count(*) FROM ejemplares WHERE isbn = '9780439023481' AND ejemplar_id <= 'E000003'";
    assert_eq!(biblioteca.contar(suyos).await, 3);
    let despues = recuento(&biblioteca).await;
    assert_eq!((despues[0], despues[1]), (antes[0] + 1, antes[1] + 3));
    assert_eq!(despues[2..], antes[2..]);
}

#[tokio::test]
async fn un_archivo_que_no_sirve_es_una_linea_y_no_cambia_nada() {
    let (biblioteca, carpeta) = (vacia().await, TempDir::new().expect("carpeta"));
    let binario: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    for (ruta, motivo) in [
        (carpeta.path().join("no_existe.csv"), "no_existe.csv"),
        (carpeta.path().to_owned(), "no se puede abrir"),
        (escribir(&carpeta, "vacio.csv", ""), "está vacío"),
        (escribir(&carpeta, "binario.csv", binario), "isbn13"),
        (escribir(&carpeta, "sin_cabecera.csv", "9780439023481,Uno,Autora,2008,eng,5\n"), "isbn13"),
        (escribir(&carpeta, "falta.csv", "isbn13,titulo,anio,idioma,popularidad\n"), "«autores»"),
    ] {
        let dicho = importar(&biblioteca, &ruta);
        assert_eq!(dicho.codigo, Some(1), "{motivo}: {:?}", dicho.lineas);
        assert_eq!(dicho.lineas.len(), 1, "{:?}", dicho.lineas);
        assert!(dicho.lineas[0].contains(motivo), "{:?}", dicho.lineas);
    }
    assert_eq!(recuento(&biblioteca).await, [0; 7]);
}

#[tokio::test]
async fn dos_importaciones_a_la_vez_dejan_lo_mismo_que_una() {
    let biblioteca = vacia().await;
    let lanzar = || orden(&biblioteca, &catalogo_entero()).spawn().expect("el programa está construido");
    let hijos: [Child; 2] = [lanzar(), lanzar()];
    for hijo in hijos {
        let dicho = Dicho::from(hijo.wait_with_output().expect("es hijo nuestro"));
        assert_eq!(dicho.codigo, Some(0), "{:?}", dicho.lineas);
    }
    assert_eq!(recuento(&biblioteca).await, ENTERO);
}

#[tokio::test]
async fn una_importacion_cortada_no_deja_nada_a_medias() {
    let biblioteca = vacia().await;
    let mut duenio = biblioteca.duenio().await;
    // La importación se queda esperando a media transacción: los usuarios ya están, los libros no pueden.
    duenio.execute("BEGIN; LOCK TABLE libros IN EXCLUSIVE MODE").await.expect("bloquea");
    let hijo = orden(&biblioteca, &catalogo_entero()).spawn().expect("el programa está construido");
    let esperando = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'libros'::regclass";
    let mut tic = tokio::time::interval(Duration::from_millis(20));
    let espera = async {
        while biblioteca.contar(esperando).await == 0 {
            tic.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), espera).await.expect("la importación llega a los libros");
    let pid = hijo.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill existe").success());
    let dicho = Dicho::from(hijo.wait_with_output().expect("es hijo nuestro"));
    assert_eq!(dicho.codigo, Some(1));
    assert!(dicho.lineas.len() == 1 && dicho.lineas[0].contains("interrumpida por SIGINT"), "{:?}", dicho.lineas);
    duenio.execute("ROLLBACK").await.expect("suelta");
    assert_eq!(recuento(&biblioteca).await, [0; 7]);
    assert_eq!(importar(&biblioteca, &catalogo_entero()).codigo, Some(0));
    assert_eq!(recuento(&biblioteca).await, ENTERO);
}
