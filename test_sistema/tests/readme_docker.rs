//! Las órdenes con contenedores del README, tal como se escriben, y lo que el README dice que se ve.
//!
//! Levantan contenedores con los nombres de siempre: `make docker-readme` las corre, y `make test` solo compara los dos README.
//! Donde no hay motor, o ya hay una Anaquel en contenedores, se dice y no se corre nada.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use taller::suite::programa;

const ESPANOL: &str = include_str!("../../README.md");
const INGLES: &str = include_str!("../../README.en.md");
/// Lo que puede tardar en verse lo que solo se pregunta: un actor que vuelve, una línea de un registro.
const VERSE_MAX: Duration = Duration::from_mins(1);
const MIRADA: Duration = Duration::from_millis(500);
const VOLUMENES: [&str; 2] = ["anaquel_pc1_datos", "anaquel_pc1_diario"];

/// Un bloque de órdenes y, si lo hay, lo que se ve.
#[derive(Debug, PartialEq, Eq)]
struct Practica<'a> {
    ordenes: Vec<&'a str>,
    se_ve: Vec<&'a str>,
}

/// Los bloques ```bash, cada uno con el ```text que lo siga.
fn practicas(readme: &str) -> Vec<Practica<'_>> {
    let mut todas: Vec<Practica<'_>> = Vec::new();
    for (i, trozo) in readme.split("```").enumerate() {
        // Los pares son prosa.
        if i % 2 == 0 {
            continue;
        }
        let (lenguaje, cuerpo) = trozo.split_once('\n').unwrap_or((trozo, ""));
        let lineas = || cuerpo.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
        match (lenguaje, todas.last_mut()) {
            ("bash", _) => todas.push(Practica { ordenes: lineas(), se_ve: Vec::new() }),
            ("text", Some(ultima)) => ultima.se_ve = lineas(),
            _ => {}
        }
    }
    todas
}

/// La función de shell con que vale `docker compose` donde solo hay docker-compose.
fn sin_compose_v2(readme: &str) -> &str {
    let bloque = readme.split("```shell\n").nth(1).expect("el README la da");
    bloque.split("```").next().expect("siempre hay uno")
}

/// La línea sin lo que cambia de una vez a otra: los números, los ids y el relleno.
fn sin_cifras(linea: &str) -> String {
    let palabras = linea.split_whitespace().map(|palabra| {
        let es_id = palabra.len() > 30 && palabra.chars().all(|c| c.is_ascii_hexdigit() || "-\",".contains(c));
        if es_id {
            return "#".to_owned();
        }
        let mut limpia = String::new();
        for c in palabra.chars() {
            match c {
                '0'..='9' if limpia.ends_with('#') => {}
                '0'..='9' => limpia.push('#'),
                otro => limpia.push(otro),
            }
        }
        limpia
    });
    palabras.collect::<Vec<_>>().join(" ")
}

/// Cuántas de `esperadas` se ven, en ese orden, en lo que se dijo; «…» vale por cualquier cosa.
fn vistas(esperadas: &[&str], dicho: &str) -> usize {
    let mut dichas = dicho.lines().map(sin_cifras);
    esperadas.iter().take_while(|e| **e == "…" || dichas.any(|d| d == sin_cifras(e))).count()
}

/// Lo que solo pregunta se puede repetir hasta que se vea.
fn solo_pregunta(orden: &str) -> bool {
    ["pedir consulta", "docker logs", "docker ps", "operar circuitos"].iter().any(|p| orden.contains(p))
}

fn texto(salida: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&salida.stdout), String::from_utf8_lossy(&salida.stderr))
}

fn raiz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("está dentro del espacio de trabajo").to_owned()
}

fn bash(orden: &str) -> Output {
    let mut bash = Command::new("bash");
    for ajeno in ["COMPOSE_FILE", "COMPOSE_PROJECT_NAME", "DATABASE_URL", "MAKEFLAGS", "MAKELEVEL"] {
        bash.env_remove(ajeno);
    }
    bash.envs([("PC1_HOST", "host-gateway"), ("PC2_HOST", "host-gateway")]);
    bash.args(["-o", "pipefail", "-c", orden]).current_dir(raiz()).stdin(Stdio::null()).output().expect("hay bash")
}

fn bien(orden: &str) -> bool {
    bash(orden).status.success()
}

/// Lo que queda por recoger, pase lo que pase; antes no había nada con esos nombres.
struct Recoger {
    copias: BTreeSet<PathBuf>,
}

impl Drop for Recoger {
    fn drop(&mut self) {
        let abajo = bash("make -s docker-abajo");
        assert!(abajo.status.success() || std::thread::panicking(), "{}", texto(&abajo));
        bash(&format!("docker volume rm {}", VOLUMENES.join(" ")));
        for copia in copias().difference(&self.copias) {
            let _ = fs::remove_file(copia);
        }
        // Solo si quedó vacía.
        let _ = fs::remove_dir(raiz().join("respaldos"));
    }
}

fn copias() -> BTreeSet<PathBuf> {
    fs::read_dir(raiz().join("respaldos")).into_iter().flatten().flatten().map(|e| e.path()).collect()
}

/// Por qué no se puede correr aquí.
fn no_se_corre() -> Option<String> {
    if !bien("docker version") {
        return Some("en esta máquina no hay un motor de contenedores que conteste".to_owned());
    }
    for volumen in VOLUMENES {
        if bien(&format!("docker volume inspect {volumen}")) {
            return Some(format!("este motor ya tiene datos de Anaquel (el volumen {volumen})"));
        }
    }
    let nombres = "docker ps -a --format '{{.Names}}' | grep -qxE \
                   'postgres|gestor_almacenamiento|backup_almacen|gestor_carga|actor_(prestamo|devolucion)_pc[12]|almacen_pc2'";
    bien(nombres).then(|| "este motor ya tiene contenedores con los nombres de Anaquel".to_owned())
}

#[test]
fn los_dos_readme_dan_las_mismas_ordenes_con_contenedores_y_ensenian_lo_mismo() {
    let todas = practicas(ESPANOL);
    assert_eq!(todas, practicas(INGLES));
    assert_eq!(sin_compose_v2(ESPANOL), sin_compose_v2(INGLES));
    let con = |que: &str| todas.iter().filter(|p| p.ordenes.iter().any(|o| o.contains(que))).count();
    for que in ["docker stop", "docker start", "docker kill", "network disconnect", "respaldo", "--no-deps"] {
        assert!(con(que) > 0, "el README no enseña «{que}»");
    }
    let makefile = fs::read_to_string(raiz().join("Makefile")).expect("Makefile");
    for orden in todas.iter().flat_map(|p| &p.ordenes).filter_map(|o| o.strip_prefix("make ")) {
        let objetivo = orden.trim_start_matches("-s ").split(' ').next().expect("siempre hay uno");
        assert!(makefile.contains(&format!("\n{objetivo}:")), "make {objetivo} no existe");
    }
}

#[test]
#[ignore = "levanta contenedores: la corre «make docker-readme»"]
fn cada_orden_con_contenedores_del_readme_hace_lo_que_dice() {
    if let Some(motivo) = no_se_corre() {
        println!("LAS ÓRDENES CON CONTENEDORES DEL README NO SE CORREN: {motivo}");
        return;
    }
    let binarios = programa("anaquel").expect("está construido").parent().expect("tiene carpeta").to_owned();
    let previo = if bien("docker compose version") { "" } else { sin_compose_v2(ESPANOL) };
    let _recoger = Recoger { copias: copias() };
    for practica in practicas(ESPANOL) {
        let mut falta = &practica.se_ve[..];
        let ultima = practica.ordenes.len() - 1;
        for (i, escrita) in practica.ordenes.into_iter().enumerate() {
            println!("$ {escrita}");
            // Los programas son los que prueba esta prueba, que ya están construidos.
            let orden = escrita
                .split(" #")
                .next()
                .expect("siempre hay uno")
                .replace("make construir ", "make ")
                .replace("target/release/", &format!("{}/", binarios.display()));
            let orden = format!("{previo}{orden}");
            let limite = Instant::now() + VERSE_MAX;
            let basta = if i == ultima { falta.len() } else { 1 };
            let (dicho, estado) = loop {
                let hecha = bash(&orden);
                let dicho = texto(&hecha);
                if !solo_pregunta(escrita) || vistas(falta, &dicho) >= basta || Instant::now() > limite {
                    break (dicho, hecha.status.code());
                }
                sleep(MIRADA);
            };
            // El préstamo sin actores queda pendiente, y `pedir` lo dice también con su estado de salida.
            let esperado = if escrita.contains("prestamo --usuario U0002") { 3 } else { 0 };
            assert_eq!(estado, Some(esperado), "{escrita}:\n{dicho}");
            print!("{dicho}");
            falta = &falta[vistas(falta, &dicho)..];
        }
        assert!(falta.is_empty(), "no se vio lo que el README enseña:\n{}", falta.join("\n"));
    }
}

#[test]
fn lo_que_se_ve_se_compara_sin_cifras_y_en_orden() {
    let dicho = "a 12 b\n  x  019aa-…  y\nCERRADO 0.31 s\nfin\n";
    assert_eq!(vistas(&["a 7 b", "CERRADO 9.2 s"], dicho), 2);
    assert_eq!(vistas(&["CERRADO 9.2 s", "a 7 b"], dicho), 1);
    assert_eq!(vistas(&["…", "fin"], dicho), 2);
    assert_eq!(sin_cifras("\"id\": \"01938f2e-6f0a-7000-8000-0123456789ab\","), "\"id\": #");
}
