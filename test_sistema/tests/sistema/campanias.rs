//! Las campañas, lo más cortas que se dejan: que acaban, que auditan y que comprueban sus umbrales.

use serde_json::Value;

use crate::{banco::en_carpeta, caos::correr};

#[test]
fn un_apagon_corto_lo_promete_todo_a_tiempo_y_a_la_vuelta_lo_aplica_en_orden() {
    en_carpeta(|var| {
        let orden = ["campania", "apagon", "--segundos", "5", "--ritmo", "50"];
        let informe = correr(var, &orden, &var.join("campania"));
        assert!(informe["auditoria"]["pendientes"].as_u64().is_some_and(|n| n >= 200), "{informe:#}");
        assert_eq!(informe["faltas"], Value::from(Vec::<Value>::new()));
    });
}
