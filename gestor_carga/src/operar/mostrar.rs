//! Decide qué lee una persona de cada respuesta del gestor.

use std::fmt::Write;

use serde_json::Value;

use super::tabla::tabla;

/// Las operaciones sin decidir.
pub fn tareas(valor: &Value) -> String {
    let cabecera = ["ID", "ESTADO", "PEDIDO", "INTENTO", "PROMETIDA", "MOTIVO"];
    let filas = filas(valor, |t| {
        let prometida = if t["prometida"] == true { "sí" } else { "no" };
        [texto(&t["id"]), texto(&t["estado"]), pedido(t), texto(&t["intento"]), prometida.into(), texto(&t["motivo"])]
    });
    pagina(cabecera, &filas, valor)
}

/// Una operación, con todo lo que se sabe de ella.
pub fn tarea(valor: &Value) -> String {
    let mut lineas = format!("{} {}\n", texto(&valor["id"]), texto(&valor["estado"]));
    for (nombre, campo) in [
        ("motivo", "motivo"),
        ("intento", "intento"),
        ("actor", "actor"),
        ("aceptada", "aceptada"),
        ("no antes de", "noAntes"),
        ("esperan", "esperas"),
    ] {
        if !valor[campo].is_null() {
            let _ = writeln!(lineas, "  {nombre}: {}", texto(&valor[campo]));
        }
    }
    if !valor["pedido"].is_null() {
        let _ = writeln!(lineas, "  pedido: {}", pedido(valor));
    }
    if let Some(respuesta) = valor["respuesta"].as_object() {
        let campo = |nombre: &str| respuesta.get(nombre).map(texto).unwrap_or_default();
        let _ = writeln!(lineas, "  respuesta: {} ({}): {}", campo("estado"), campo("codigo"), campo("mensaje"));
    }
    let expediente = if valor["expediente"].is_null() { valor } else { &valor["expediente"] };
    lineas + &historia(expediente) + &resolucion(expediente)
}

/// Las apartadas.
pub fn apartadas(valor: &Value) -> String {
    let cabecera = ["ID", "APARTADA", "PEDIDO", "MOTIVO", "ÚLTIMO FALLO", "RESOLUCIÓN"];
    let filas = filas(valor, |a| {
        let ultimo = a["historia"].as_array().and_then(|h| h.last()).map_or("-".into(), |f| texto(&f["que"]));
        let como = if a["resolucion"].is_null() { "-".into() } else { texto(&a["resolucion"]["como"]) };
        [texto(&a["id"]), texto(&a["cuando"]), pedido(a), texto(&a["motivo"]), ultimo, como]
    });
    pagina(cabecera, &filas, valor)
}

/// El buzón.
pub fn buzon(valor: &Value) -> String {
    let cabecera = ["ID", "DESDE", "PEDIDO", "CÓDIGO", "RESPUESTA"];
    let filas = filas(valor, |c| {
        [texto(&c["id"]), texto(&c["cuando"]), pedido(c), texto(&c["codigo"]), texto(&c["respuesta"]["mensaje"])]
    });
    pagina(cabecera, &filas, valor)
}

/// Las filas del diario que no se entienden, con lo que dicen.
pub fn ilegibles(valor: &Value) -> String {
    let cabecera = ["NÚMERO", "DESDE", "BYTES", "DICE", "NO SE ENTIENDE PORQUE"];
    let filas = filas(valor, |i| {
        let dice = if i["texto"].is_null() { &i["hex"] } else { &i["texto"] };
        [texto(&i["numero"]), texto(&i["cuando"]), texto(&i["bytes"]), texto(dice), texto(&i["motivo"])]
    });
    pagina(cabecera, &filas, valor)
}

/// Los circuitos, del gestor y de cada actor.
pub fn circuitos(valor: &Value) -> String {
    let fila = |quien: &str, c: &Value| [quien.to_owned(), texto(&c["endpoint"]), texto(&c["estado"])];
    let mut filas: Vec<_> = lista(&valor["gestor"]).map(|c| fila("gestor", c)).collect();
    for actor in lista(&valor["actores"]) {
        let quien = format!("{} {}", texto(&actor["topico"]), texto(&actor["instancia"]));
        if actor["cuando"].is_null() {
            filas.push([quien, "-".into(), "todavía no lo ha contado".into()]);
        } else {
            filas.extend(lista(&actor["circuitos"]).map(|c| fila(&quien, c)));
        }
    }
    tabla(["QUIÉN", "PUNTO", "CIRCUITO"], &filas)
}

/// Los números del gestor y las cuentas.
pub fn cuentas(valor: &Value) -> String {
    let pares = |valor: &Value| {
        let campos = valor.as_object().into_iter().flatten();
        campos.map(|(nombre, v)| [nombre.clone(), texto(v)]).collect::<Vec<_>>()
    };
    let mut lineas = tabla(["GESTOR", "AHORA"], &pares(&valor["gestor"])) + "\n";
    lineas += &(tabla(["RESPUESTAS", "DESDE QUE ARRANCÓ"], &pares(&valor["respuestas"])) + "\n");
    let almacen = &valor["almacen"];
    if almacen.is_null() {
        let motivo = texto(&valor["almacenError"]["mensaje"]);
        return lineas + &format!("Sin cuentas: {motivo}\n");
    }
    let _ = writeln!(lineas, "Apartadas sin resolver: {}\n", texto(&almacen["apartadasAbiertas"]));
    let cuenta = |c: &Value| [texto(&c["tipo"]), texto(&c["codigo"]), texto(&c["sede"]), texto(&c["cuantas"])];
    let filas: Vec<_> = lista(&almacen["cuentas"]).map(cuenta).collect();
    lineas += &(tabla(["TIPO", "CÓDIGO", "SEDE", "OPERACIONES"], &filas) + "\n");
    let libro = |l: &Value| [texto(&l["prestamos"]), texto(&l["isbn"]), texto(&l["titulo"])];
    let filas: Vec<_> = lista(&almacen["masPrestados"]).map(libro).collect();
    lineas + &tabla(["PRÉSTAMOS", "ISBN", "TÍTULO"], &filas)
}

/// Lo decidido al recuperar.
pub fn decidida(valor: &Value) -> String {
    let respuesta = &valor["respuesta"];
    format!(
        "decidida: {} ({}): {}\n",
        texto(&respuesta["estado"]),
        texto(&valor["codigo"]),
        texto(&respuesta["mensaje"])
    )
}

/// Lo hecho.
pub fn hecho(valor: &Value) -> String {
    format!("{}: {}\n", texto(&valor["resultado"]), texto(&valor["mensaje"]))
}

/// El circuito restablecido.
pub fn restablecido(valor: &Value) -> String {
    format!("{}: {} → {}\n", texto(&valor["endpoint"]), texto(&valor["antes"]), texto(&valor["estado"]))
}

fn lista(valor: &Value) -> impl Iterator<Item = &Value> {
    valor.as_array().into_iter().flatten()
}

fn filas<const N: usize>(valor: &Value, fila: impl Fn(&Value) -> [String; N]) -> Vec<[String; N]> {
    lista(&valor["filas"]).map(fila).collect()
}

/// Una página, y cuántas hay más allá de ella. La que cae detrás de la última lo dice: ninguna ahí no es ninguna.
fn pagina<const N: usize>(cabecera: [&str; N], filas: &[[String; N]], valor: &Value) -> String {
    let mostradas = filas.len() as u64;
    match (valor["desde"].as_u64(), valor["total"].as_u64()) {
        (Some(desde), Some(total)) if mostradas == 0 && total > 0 => {
            format!("No hay ninguna después de las {desde} primeras; en total hay {total}\n")
        }
        (Some(desde), Some(total)) if total > mostradas => {
            let (primera, ultima) = (desde + 1, desde + mostradas);
            let resto = format!("De la {primera} a la {ultima} de {total}; las demás, con --desde y --cuantas\n");
            tabla(cabecera, filas) + &resto
        }
        _ => tabla(cabecera, filas),
    }
}

/// Lo que se pedía, en pocas palabras.
fn pedido(valor: &Value) -> String {
    let pedido = &valor["pedido"];
    let campos = ["tipo", "usuario", "ejemplar", "isbn", "sede"].map(|campo| &pedido[campo]);
    campos.into_iter().filter(|v| !v.is_null()).map(texto).collect::<Vec<_>>().join(" ")
}

fn historia(valor: &Value) -> String {
    let linea = |f: &Value| {
        format!("  falló el intento {} ({}): {}\n", texto(&f["intento"]), texto(&f["cuando"]), texto(&f["que"]))
    };
    lista(&valor["historia"]).map(linea).collect()
}

fn resolucion(valor: &Value) -> String {
    let resolucion = &valor["resolucion"];
    if resolucion.is_null() {
        return String::new();
    }
    let detalle = if resolucion["nota"].is_null() { &resolucion["codigo"] } else { &resolucion["nota"] };
    format!("  resuelta: {} ({}): {}\n", texto(&resolucion["como"]), texto(&resolucion["cuando"]), texto(detalle))
}

/// Un valor suelto, sin comillas; lo que no está, un guion.
fn texto(valor: &Value) -> String {
    match valor {
        Value::Null => "-".to_owned(),
        Value::Bool(si) => if *si { "sí" } else { "no" }.to_owned(),
        Value::String(texto) => texto.clone(),
        otro => otro.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn una_pagina_dice_cuantas_quedan() {
        let fila = json!({"id": "i", "estado": "REINTENTO", "pedido": {"tipo": "prestamo", "usuario": "U1"},
            "intento": 2, "prometida": true, "motivo": "no hay actor"});
        let pagina = tareas(&json!({"filas": [fila], "total": 3, "desde": 1, "cuantas": 1}));
        assert!(pagina.contains("i   REINTENTO  prestamo U1  2        sí         no hay actor\n"), "{pagina}");
        assert!(pagina.ends_with("De la 2 a la 2 de 3; las demás, con --desde y --cuantas\n"), "{pagina}");
        assert_eq!(tareas(&json!({"filas": [], "total": 0, "desde": 0, "cuantas": 50})), "No hay ninguna\n");
    }

    #[test]
    fn una_pagina_detras_de_la_ultima_dice_solo_cuantas_hay() {
        let texto = buzon(&json!({"filas": [], "total": 4, "desde": 100, "cuantas": 50}));
        assert_eq!(texto, "No hay ninguna después de las 100 primeras; en total hay 4\n");
    }

    #[test]
    fn de_un_actor_que_todavia_no_ha_contado_nada_se_dice() {
        let valor = json!({"gestor": [{"endpoint": "a:1", "estado": "ABIERTO"}],
            "actores": [{"topico": "prestamo", "instancia": "x", "cuando": null, "circuitos": []}]});
        let texto = circuitos(&valor);
        assert!(texto.contains("gestor      a:1    ABIERTO\n") && texto.contains("todavía no"), "{texto}");
    }

    #[test]
    fn sin_almacenamiento_los_numeros_del_gestor_se_ven_igual() {
        let valor = json!({"gestor": {"operaciones": 4}, "respuestas": {"aplicada": 2}, "almacen": null,
            "almacenError": {"codigo": "X", "mensaje": "no está"}});
        let texto = cuentas(&valor);
        assert!(texto.contains("operaciones  4") && texto.contains("Sin cuentas: no está"), "{texto}");
    }
}
