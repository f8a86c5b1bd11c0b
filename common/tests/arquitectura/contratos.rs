//! Lo que viaja y lo que se guarda: cada mensaje, con la instantánea de sus bytes; cada columna, con su comentario.

use std::fs;

use crate::fuentes::{fuentes, ninguna, raiz, recorrer};

#[test]
fn cada_mensaje_tiene_la_instantanea_de_sus_bytes() {
    let mensajes = fuentes()
        .into_iter()
        .filter(|f| f.esta_en(&["common/src/mensajes/"]) && !f.ruta.ends_with("mod.rs"))
        .collect::<Vec<_>>();
    assert!(mensajes.len() >= 6, "solo se hallaron {} mensajes", mensajes.len());
    let sin_instantanea: Vec<_> = mensajes
        .iter()
        .filter(|f| {
            f.lineas_con(&["assert_snapshot!"]).is_empty()
                || !f.lineas_con(&["assert_snapshot!(\"\")", "@\"\""]).is_empty()
        })
        .map(|f| f.ruta.clone())
        .collect();
    ninguna("mensaje sin instantánea", &sin_instantanea);
}

#[test]
fn cada_tabla_y_columna_del_esquema_tiene_su_comentario() {
    let mut rutas = Vec::new();
    recorrer(&raiz().join("migrations"), "sql", &mut rutas);
    let todo: String = rutas.iter().map(|r| fs::read_to_string(r).expect("migración")).collect();
    let mut tabla = None;
    for linea in todo.lines() {
        if let Some(resto) = linea.strip_prefix("CREATE TABLE ") {
            let nombre = resto.trim_end_matches(" (").trim().to_owned();
            assert!(todo.contains(&format!("COMMENT ON TABLE {nombre} ")), "la tabla {nombre} no tiene comentario");
            tabla = Some(nombre);
        } else if linea.starts_with(')') {
            tabla = None;
        } else if let Some(nombre) = &tabla {
            let columna = linea.split_whitespace().next().unwrap_or("");
            if columna.starts_with(|c: char| c.is_ascii_lowercase()) {
                let comentario = format!("COMMENT ON COLUMN {nombre}.{columna} ");
                assert!(todo.contains(&comentario), "la columna {nombre}.{columna} no tiene comentario");
            }
        }
    }
}
