//! Las campañas, lo más cortas que se dejan: que acaban, que auditan y que comprueban sus umbrales.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use serde_json::Value;

#[test]
fn un_apagon_corto_lo_promete_todo_a_tiempo_y_a_la_vuelta_lo_aplica_en_orden() {
    let var = tempfile::Builder::new().prefix("anaquel-campania-").tempdir().expect("directorio temporal");
    // La cuenta de PostgreSQL, si no es esta, tiene que poder pasar.
    fs::set_permissions(var.path(), fs::Permissions::from_mode(0o755)).expect("permisos");
    let salida = Command::new(env!("CARGO_BIN_EXE_campania"))
        .args(["apagon", "--segundos", "5", "--ritmo", "50", "--var"])
        .arg(var.path())
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .output()
        .expect("se lanza");
    let [dicho, quejas] = [&salida.stdout, &salida.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(salida.status.success(), "{dicho}\n{quejas}");
    let carpetas = fs::read_dir(var.path().join("campania")).expect("la carpeta de los informes").flatten();
    let informe = carpetas.map(|c| c.path().join("informe.json")).find(|i| i.is_file()).expect("hay un informe");
    assert!(informe.with_file_name("informe.md").is_file());
    let informe: Value = serde_json::from_slice(&fs::read(informe).expect("se lee")).expect("es JSON");
    assert!(informe["auditoria"]["pendientes"].as_u64().is_some_and(|n| n >= 200), "{informe:#}");
    assert_eq!(informe["faltas"], Value::from(Vec::<Value>::new()));
}
