//! Decide qué lee una persona de cada respuesta del gestor. Cada una se lee con el tipo con que el gestor la escribe.

use std::fmt::{Display, Write};

use common::mensajes::{Respuesta, descifrar};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::tabla::tabla;
use crate::http::{
    ordenes::{Decidida, Hecho, Restablecido},
    resumen::Estadisticas,
    vistas::{Apartada, Carta, Circuito, Circuitos, Fallo, Ilegible, Pagina, Pedido, Resuelta, Tarea},
};

/// Lo que `mostrar` hace con la respuesta que hay en `texto`.
pub fn leida<T: DeserializeOwned>(texto: &str, mostrar: impl FnOnce(&T) -> String) -> serde_json::Result<String> {
    Ok(mostrar(&serde_json::from_str(texto)?))
}

/// Las operaciones sin decidir.
pub fn tareas(pagina: &Pagina<Tarea>) -> String {
    en_pagina(["ID", "ESTADO", "PEDIDO", "INTENTO", "PROMETIDA", "MOTIVO"], pagina, |t| {
        let prometida = if t.prometida == Some(true) { "sí" } else { "no" };
        let pedido = t.pedido.as_ref().map_or_else(String::new, en_palabras);
        [texto(&t.id), texto(&t.estado), pedido, o_guion(t.intento), prometida.into(), o_guion(t.motivo.as_ref())]
    })
}

/// Una operación, con todo lo que se sabe de ella.
pub fn tarea(tarea: &Tarea) -> String {
    let mut lineas = format!("{} {}\n", tarea.id, tarea.estado);
    for (nombre, dato) in [
        ("motivo", tarea.motivo.clone()),
        ("intento", tarea.intento.map(texto)),
        ("actor", tarea.actor.clone()),
        ("aceptada", tarea.aceptada.clone()),
        ("no antes de", tarea.no_antes.clone()),
        ("esperan", tarea.esperas.map(texto)),
        ("pedido", tarea.pedido.as_ref().map(en_palabras)),
    ] {
        if let Some(dato) = dato {
            let _ = writeln!(lineas, "  {nombre}: {dato}");
        }
    }
    if let Some(guardada) = &tarea.respuesta {
        let _ = writeln!(lineas, "  respuesta: {}", respuesta(guardada));
    }
    let (historia, resolucion) = match &tarea.expediente {
        Some(expediente) => (&expediente.historia, expediente.resolucion.as_ref()),
        None => (&tarea.historia, None),
    };
    historia.iter().map(fallo).for_each(|linea| lineas.push_str(&linea));
    lineas + &resolucion.map_or_else(String::new, resuelta)
}

/// Las apartadas.
pub fn apartadas(pagina: &Pagina<Apartada>) -> String {
    en_pagina(["ID", "APARTADA", "PEDIDO", "MOTIVO", "ÚLTIMO FALLO", "RESOLUCIÓN"], pagina, |a| {
        let ultimo = o_guion(a.historia.last().map(|fallo| &fallo.que));
        let como = o_guion(a.resolucion.as_ref().map(|resolucion| &resolucion.como));
        [texto(&a.id), texto(&a.cuando), en_palabras(&a.pedido), texto(&a.motivo), ultimo, como]
    })
}

/// El buzón.
pub fn buzon(pagina: &Pagina<Carta>) -> String {
    en_pagina(["ID", "DESDE", "PEDIDO", "CÓDIGO", "RESPUESTA"], pagina, |c| {
        let mensaje = descifrar::<Respuesta>(c.respuesta.get().as_bytes()).ok().map(|r| r.mensaje);
        [texto(&c.id), texto(&c.cuando), en_palabras(&c.pedido), texto(&c.codigo), o_guion(mensaje)]
    })
}

/// Las filas del diario que no se entienden, con lo que dicen.
pub fn ilegibles(pagina: &Pagina<Ilegible>) -> String {
    en_pagina(["NÚMERO", "DESDE", "BYTES", "DICE", "NO SE ENTIENDE PORQUE"], pagina, |i| {
        let dice = o_guion(i.texto.as_ref().or(i.hex.as_ref()));
        [texto(i.numero), o_guion(i.cuando.as_ref()), texto(i.bytes), dice, o_guion(i.motivo.as_ref())]
    })
}

/// Los circuitos, del gestor y de cada actor.
pub fn circuitos(circuitos: &Circuitos) -> String {
    let fila = |quien: &str, c: &Circuito| [quien.to_owned(), c.endpoint.clone(), texto(&c.estado)];
    let mut filas: Vec<_> = circuitos.gestor.iter().map(|c| fila("gestor", c)).collect();
    for actor in &circuitos.actores {
        let quien = format!("{} {}", actor.topico, actor.instancia);
        if actor.cuando.is_none() {
            filas.push([quien, "-".into(), "todavía no lo ha contado".into()]);
        } else {
            filas.extend(actor.circuitos.iter().map(|c| fila(&quien, c)));
        }
    }
    tabla(["QUIÉN", "PUNTO", "CIRCUITO"], &filas)
}

/// Los números del gestor y las cuentas.
pub fn cuentas(todo: &Estadisticas) -> String {
    let mut lineas = tabla(["GESTOR", "AHORA"], &por_nombre(&todo.gestor)) + "\n";
    lineas += &(tabla(["RESPUESTAS", "DESDE QUE ARRANCÓ"], &por_nombre(&todo.respuestas)) + "\n");
    let Some(almacen) = &todo.almacen else {
        let motivo = o_guion(todo.almacen_error.as_ref().map(|error| &error.mensaje));
        return lineas + &format!("Sin cuentas: {motivo}\n");
    };
    let _ = writeln!(lineas, "Apartadas sin resolver: {}\n", almacen.apartadas_abiertas);
    let cuentas = almacen.cuentas.iter();
    let filas: Vec<_> =
        cuentas.map(|c| [texto(&c.tipo), texto(&c.codigo), o_guion(c.sede.as_ref()), texto(c.cuantas)]).collect();
    lineas += &(tabla(["TIPO", "CÓDIGO", "SEDE", "OPERACIONES"], &filas) + "\n");
    let libros = almacen.mas_prestados.iter();
    let filas: Vec<_> = libros.map(|l| [texto(l.prestamos), l.isbn.clone(), l.titulo.clone()]).collect();
    lineas + &tabla(["PRÉSTAMOS", "ISBN", "TÍTULO"], &filas)
}

/// Lo decidido al recuperar.
pub fn decidida(decidida: &Decidida) -> String {
    format!("decidida: {}\n", respuesta(&decidida.respuesta))
}

/// Lo hecho.
pub fn hecho(hecho: &Hecho) -> String {
    format!("{}: {}\n", hecho.resultado, hecho.mensaje)
}

/// El circuito restablecido.
pub fn restablecido(circuito: &Restablecido) -> String {
    format!("{}: {} → {}\n", circuito.endpoint, circuito.antes, circuito.estado)
}

/// Una página, y cuántas hay más allá de ella. La que cae detrás de la última lo dice: ninguna ahí no es ninguna.
fn en_pagina<T, const N: usize>(cabecera: [&str; N], pagina: &Pagina<T>, fila: impl Fn(&T) -> [String; N]) -> String {
    let filas: Vec<_> = pagina.filas.iter().map(fila).collect();
    let (desde, total, mostradas) = (u64::from(pagina.desde), pagina.total, filas.len() as u64);
    if mostradas == 0 && total > 0 {
        return format!("No hay ninguna después de las {desde} primeras; en total hay {total}\n");
    }
    let resto = if total > mostradas {
        let (primera, ultima) = (desde + 1, desde + mostradas);
        format!("De la {primera} a la {ultima} de {total}; las demás, con --desde y --cuantas\n")
    } else {
        String::new()
    };
    tabla(cabecera, &filas) + &resto
}

/// Lo que se pedía, en pocas palabras.
fn en_palabras(pedido: &Pedido) -> String {
    let Pedido { tipo, usuario, ejemplar, isbn, sede } = pedido;
    let datos = [usuario, ejemplar, isbn, sede].into_iter().flatten();
    datos.fold(tipo.to_string(), |texto, dato| texto + " " + dato)
}

/// Una respuesta guardada, en una línea; si no se entiende, tal como se guardó.
fn respuesta(guardada: &RawValue) -> String {
    descifrar::<Respuesta>(guardada.get().as_bytes())
        .map_or_else(|_| texto(guardada), |r| format!("{} ({}): {}", r.estado, r.codigo, r.mensaje))
}

fn fallo(fallo: &Fallo) -> String {
    format!("  falló el intento {} ({}): {}\n", fallo.intento, fallo.cuando, fallo.que)
}

fn resuelta(resuelta: &Resuelta) -> String {
    let detalle = o_guion(resuelta.nota.as_deref().or(resuelta.codigo.as_deref()));
    format!("  resuelta: {} ({}): {detalle}\n", resuelta.como, resuelta.cuando)
}

/// Los números de una parte, con sus nombres en el JSON, en orden alfabético.
fn por_nombre(parte: &impl Serialize) -> Vec<[String; 2]> {
    let valor = serde_json::to_value(parte).unwrap_or_default();
    let campos = valor.as_object().into_iter().flatten();
    campos
        .map(|(nombre, valor)| {
            let dicho = valor.as_bool().map(|si| if si { "sí" } else { "no" });
            [nombre.clone(), dicho.map_or_else(|| valor.to_string(), str::to_owned)]
        })
        .collect()
}

fn texto(valor: impl Display) -> String {
    valor.to_string()
}

/// Lo que no está, un guion.
fn o_guion(valor: Option<impl Display>) -> String {
    valor.map_or_else(|| "-".to_owned(), texto)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn visto<T: DeserializeOwned>(valor: &Value, mostrar: impl FnOnce(&T) -> String) -> String {
        leida(&valor.to_string(), mostrar).expect("es lo que el gestor escribe")
    }

    #[test]
    fn una_pagina_dice_cuantas_quedan() {
        let fila = json!({"id": "i", "estado": "REINTENTO", "pedido": {"tipo": "prestamo", "usuario": "U1"},
            "intento": 2, "prometida": true, "motivo": "no hay actor"});
        let pagina = visto(&json!({"filas": [fila], "total": 3, "desde": 1, "cuantas": 1}), tareas);
        assert!(pagina.contains("i   REINTENTO  prestamo U1  2        sí         no hay actor\n"), "{pagina}");
        assert!(pagina.ends_with("De la 2 a la 2 de 3; las demás, con --desde y --cuantas\n"), "{pagina}");
        let vacia = visto(&json!({"filas": [], "total": 0, "desde": 0, "cuantas": 50}), tareas);
        assert_eq!(vacia, "No hay ninguna\n");
    }

    #[test]
    fn una_pagina_detras_de_la_ultima_dice_solo_cuantas_hay() {
        let texto = visto(&json!({"filas": [], "total": 4, "desde": 100, "cuantas": 50}), buzon);
        assert_eq!(texto, "No hay ninguna después de las 100 primeras; en total hay 4\n");
    }

    #[test]
    fn de_un_actor_que_todavia_no_ha_contado_nada_se_dice() {
        let valor = json!({"gestor": [{"endpoint": "a:1", "estado": "ABIERTO"}],
            "actores": [{"topico": "prestamo", "instancia": "x", "cuando": null, "circuitos": []}]});
        let texto = visto(&valor, circuitos);
        assert!(texto.contains("gestor      a:1    ABIERTO\n") && texto.contains("todavía no"), "{texto}");
    }

    #[test]
    fn sin_almacenamiento_los_numeros_del_gestor_se_ven_igual() {
        let gestor = json!({"operaciones": 4, "enCola": 4, "enVuelo": 0, "esperan": 1, "consultas": 0, "diarioBien": true,
            "almacenamientoBien": false, "actoresPrestamo": 2, "actoresDevolucion": 2});
        let respuestas = json!({"aplicada": 2, "rechazada": 0, "pendiente": 4, "error": 0, "incierta": 0});
        let valor = json!({"generado": "2026-11-21T18:23:00Z", "gestor": gestor, "respuestas": respuestas, "almacen": null,
            "almacenError": {"codigo": "X", "mensaje": "no está"}});
        let texto = visto(&valor, cuentas);
        assert!(texto.contains("operaciones         4\n") && texto.contains("Sin cuentas: no está"), "{texto}");
    }
}
