//! Las claves que hace `make secretos`.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

use crate::raiz;

const NOMBRES: [&str; 4] = ["clave_migracion", "clave_postgres", "clave_servicio", "token_gestor"];

/// Corre el programa de un repositorio que está en `carpeta`.
fn hacer(carpeta: &Path) -> Output {
    Command::new("bash").arg(carpeta.join("herramientas/secretos")).output().expect("corre")
}

/// Los secretos de un repositorio, por su nombre.
fn hechos(carpeta: &Path) -> BTreeMap<String, String> {
    let entradas = fs::read_dir(carpeta.join("secretos")).expect("está la carpeta");
    entradas
        .map(|entrada| {
            let ruta = entrada.expect("se lista").path();
            let nombre = ruta.file_name().expect("tiene nombre").to_string_lossy().into_owned();
            (nombre, fs::read_to_string(ruta).expect("se lee"))
        })
        .collect()
}

fn modo(ruta: &Path) -> u32 {
    fs::metadata(ruta).expect("está").permissions().mode() & 0o777
}

#[test]
fn se_hacen_los_que_faltan_y_los_que_estan_no_se_tocan() {
    let carpeta = tempfile::tempdir().expect("carpeta");
    let carpeta = carpeta.path();
    fs::create_dir(carpeta.join("herramientas")).expect("se crea");
    fs::copy(raiz().join("herramientas/secretos"), carpeta.join("herramientas/secretos")).expect("se copia");

    assert!(hacer(carpeta).status.success());
    let primeros = hechos(carpeta);
    assert_eq!(primeros.keys().collect::<Vec<_>>(), NOMBRES);
    assert_eq!(modo(&carpeta.join("secretos")), 0o700, "la carpeta solo la abre su dueño");
    for (nombre, secreto) in &primeros {
        assert!(secreto.len() == 64 && secreto.bytes().all(|b| b.is_ascii_hexdigit()), "{nombre}");
        assert_eq!(modo(&carpeta.join("secretos").join(nombre)), 0o444, "{nombre}: lo lee la cuenta del contenedor");
        assert_eq!(primeros.values().filter(|otro| *otro == secreto).count(), 1, "{nombre} no se repite");
    }

    assert!(hacer(carpeta).status.success());
    assert_eq!(hechos(carpeta), primeros);

    // Lo que deja Docker si se levanta algo antes de hacerlos: una carpeta vacía donde iba el archivo.
    let perdido = carpeta.join("secretos/token_gestor");
    fs::remove_file(&perdido).expect("se borra");
    fs::create_dir(&perdido).expect("se crea");
    let salida = hacer(carpeta);
    assert!(salida.status.success(), "{salida:?}");
    let segundos = hechos(carpeta);
    assert_ne!(segundos["token_gestor"], primeros["token_gestor"]);
    assert!(NOMBRES[..3].iter().all(|nombre| segundos[*nombre] == primeros[*nombre]));
}
