//! La orden `caos`, entera y corta: rompe, sana, audita y deja su informe.

use std::{path::Path, process::Command};

use serde_json::Value;

use crate::banco::en_carpeta;

#[test]
fn diez_segundos_de_caos_no_pierden_ni_doblan_ni_atascan_nada_y_el_informe_lo_dice() {
    en_carpeta(|var| {
        let informe = correr(var, &["caos", "--segundos", "10", "--semilla", "1"], &var.join("caos"));
        let auditoria = &informe["auditoria"];
        assert!(auditoria["operaciones"].as_u64().is_some_and(|n| n > 100), "{informe:#}");
        assert_eq!((&auditoria["perdidas"], &auditoria["duplicadas"]), (&Value::from(0), &Value::from(0)));
        assert!(informe["fallos"].as_u64().is_some_and(|n| n >= 2), "{informe:#}");
        assert!(informe["ejemplares_comprobados"].as_u64().is_some_and(|n| n > 0), "{informe:#}");
    });
}

/// Corre la orden, que ha de salir bien, y lee el informe que dejó en una carpeta de `donde`.
fn correr(var: &Path, orden: &[&str], donde: &Path) -> Value {
    let raiz = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut programa = Command::new(env!("CARGO_BIN_EXE_test_sistema"));
    let salida = programa.args(orden).arg("--var").arg(var).current_dir(raiz).output().expect("se lanza");
    let texto = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(salida.status.success(), "{}\n{}", texto(&salida.stdout), texto(&salida.stderr));
    let carpetas = std::fs::read_dir(donde).expect("la carpeta de los informes").flatten().map(|e| e.path());
    let informe = carpetas.map(|c| c.join("informe.json")).find(|i| i.is_file()).expect("hay un informe");
    assert!(informe.with_file_name("informe.md").is_file());
    serde_json::from_slice(&std::fs::read(informe).expect("se lee")).expect("es JSON")
}
