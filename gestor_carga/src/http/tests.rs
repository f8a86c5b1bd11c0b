//! La descripción y las rutas son la misma cosa, y la descripción se sostiene.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;

fn documento() -> Value {
    serde_json::to_value(con_documento().1).expect("es JSON")
}

/// Todo lo que hay en el documento, con su camino.
fn recorrer<'a>(valor: &'a Value, camino: &str, mirar: &mut impl FnMut(&str, &'a Value)) {
    mirar(camino, valor);
    match valor {
        Value::Object(campos) => {
            campos.iter().for_each(|(nombre, hijo)| recorrer(hijo, &format!("{camino}/{nombre}"), mirar));
        }
        Value::Array(hijos) => {
            hijos.iter().enumerate().for_each(|(i, hijo)| recorrer(hijo, &format!("{camino}/{i}"), mirar));
        }
        _ => {}
    }
}

/// Cada operación: su método, su ruta y lo que dice.
fn operaciones(documento: &Value) -> Vec<(&str, &str, &Value)> {
    let rutas = documento["paths"].as_object().expect("hay rutas");
    rutas
        .iter()
        .flat_map(|(ruta, metodos)| {
            metodos.as_object().expect("métodos").iter().map(move |(metodo, op)| (metodo.as_str(), ruta.as_str(), op))
        })
        .collect()
}

#[test]
fn la_descripcion_nombra_cada_ruta_prometida_y_ninguna_otra() {
    let documento = documento();
    let descritas: BTreeSet<_> =
        operaciones(&documento).into_iter().map(|(metodo, ruta, _)| format!("{metodo} {ruta}")).collect();
    let prometidas = [
        "get /estado",
        "get /openapi.json",
        "get /fault-tolerance/stats",
        "get /fault-tolerance/circuit-breakers",
        "get /fault-tolerance/dead-letter-queue",
        "get /fault-tolerance/tasks",
        "get /fault-tolerance/tasks/{id}",
        "get /fault-tolerance/dashboard",
        "get /fault-tolerance/inbox",
        "get /fault-tolerance/unreadable",
        "post /fault-tolerance/tasks/{id}/retry",
        "post /fault-tolerance/dead-letter-queue/{id}/recover",
        "post /fault-tolerance/dead-letter-queue/{id}/close",
        "post /fault-tolerance/inbox/{id}/close",
        "post /fault-tolerance/circuit-breakers/{endpoint}/reset",
    ];
    assert_eq!(descritas, prometidas.map(str::to_owned).into());
}

#[test]
fn cada_referencia_de_la_descripcion_existe() {
    let documento = documento();
    let mut cuantas = 0;
    recorrer(&documento, "", &mut |camino, valor| {
        let Some(referencia) = valor.as_object().and_then(|campos| campos.get("$ref")) else { return };
        let destino = referencia.as_str().and_then(|r| r.strip_prefix('#')).expect("una referencia de este documento");
        assert!(documento.pointer(destino).is_some(), "{camino}: {destino} no existe");
        cuantas += 1;
    });
    assert!(cuantas > 40, "solo se hallaron {cuantas} referencias");
}

#[test]
fn cada_operacion_se_explica_y_toda_orden_pide_el_token() {
    let documento = documento();
    assert!(documento["openapi"].as_str().is_some_and(|v| v.starts_with("3.")), "{}", documento["openapi"]);
    assert_eq!(documento["components"]["securitySchemes"]["token"], json!({"type": "http", "scheme": "bearer"}));
    let mut ids = BTreeSet::new();
    for (metodo, ruta, operacion) in operaciones(&documento) {
        assert!(operacion["summary"].is_string(), "{ruta}: falta qué hace");
        assert!(ids.insert(operacion["operationId"].as_str().expect("tiene id")), "{ruta}: id repetido");
        let respuestas = operacion["responses"].as_object().expect("respuestas");
        assert!(respuestas.contains_key("200"), "{ruta}");
        let ordena = metodo == "post";
        assert_eq!(operacion["security"] == json!([{"token": []}]), ordena, "{ruta}");
        assert_eq!(respuestas.contains_key("401") && respuestas.contains_key("403"), ordena, "{ruta}");
        for nombre in ruta.split(['{', '}']).skip(1).step_by(2) {
            let parametros = operacion["parameters"].as_array().expect("parámetros");
            let suyo = |p: &&Value| p["name"] == nombre && p["in"] == "path" && p["required"] == true;
            assert!(parametros.iter().any(|p| suyo(&p)), "{ruta}: falta {nombre}");
        }
    }
}

/// Lo que falta de la página va nulo: quien se fíe de la descripción no ha de encontrarse un nulo a deshora.
#[test]
fn las_partes_de_la_pagina_que_pueden_faltar_admiten_un_nulo() {
    let documento = documento();
    let nula = json!({"type": "null"});
    for parte in ["apartadas", "buzon"] {
        let referida = &documento["components"]["schemas"]["Tablero"]["properties"][parte]["$ref"];
        let destino = referida.as_str().and_then(|r| r.strip_prefix('#')).expect("una referencia de este documento");
        let datos = &documento.pointer(destino).expect("existe")["properties"]["datos"];
        let formas = datos["oneOf"].as_array().unwrap_or_else(|| panic!("{parte}: {datos}"));
        let llena = |forma: &Value| forma["properties"]["filas"].is_object();
        assert!(formas.len() == 2 && formas.contains(&nula) && formas.iter().any(llena), "{parte}: {datos}");
    }
}
