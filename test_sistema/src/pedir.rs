//! La suborden `pedir`: pide una cosa, muestra la respuesta y sale con un estado que dice en qué quedó.

use common::{
    dominio::{EjemplarId, Estado, Isbn, SedeId, UsuarioId},
    mensajes::{Campos, Respuesta, descifrar},
    transport::{
        Contexto, Endpoint,
        cliente::{Cliente, Paciencia, SinRespuesta, nombres},
    },
};
use serde_json::Value;
use uuid::Uuid;

/// Hecha.
const HECHA: u8 = 0;
/// Rechazada, error, o no hay suite.
const NEGADA: u8 = 1;
/// Pendiente o incierta: todavía puede hacerse.
const ABIERTA: u8 = 3;

/// Qué se pide.
#[derive(Clone, Debug, clap::Args)]
pub struct Argumentos {
    /// Qué se pide
    #[arg(value_parser = ["prestamo", "devolucion", "renovacion", "consulta_ejemplar", "consulta_libro",
                          "consulta_usuario", "consulta_operacion", "salud"])]
    operacion: String,
    /// El carné: U0001
    #[arg(long)]
    usuario: Option<UsuarioId>,
    /// La copia: E000123
    #[arg(long)]
    ejemplar: Option<EjemplarId>,
    /// El título, en lugar de la copia
    #[arg(long)]
    isbn: Option<Isbn>,
    /// La sede: CENTRO
    #[arg(long)]
    sede: Option<SedeId>,
    /// El id de la operación (UUIDv7); con el de otra se repite aquella. Sin él, uno nuevo
    #[arg(long)]
    id: Option<Uuid>,
    /// Muestra la respuesta tal como llegó
    #[arg(long)]
    json: bool,
}

/// Pide y muestra; devuelve el estado de salida.
///
/// # Errors
/// [`SinRespuesta::SinConexion`] si no hay suite, o el transporte.
pub async fn correr(gestores: &[Endpoint], pedido: &Argumentos) -> Result<u8, SinRespuesta> {
    let mut cliente = Cliente::conectar(&Contexto::new(), gestores)?;
    let campos = Campos {
        // consulta_operacion pregunta por un id dado: inventar uno no tendría sentido.
        id: pedido.id.or_else(|| (pedido.operacion != "consulta_operacion").then(Uuid::now_v7)),
        operacion: &pedido.operacion,
        usuario: pedido.usuario,
        ejemplar: pedido.ejemplar,
        isbn: pedido.isbn,
        sede: pedido.sede,
        acepta_pendiente: None,
    };
    let cuerpo = match cliente.pedir(&campos.escribir(), Paciencia::de_persona()).await {
        Ok(contestacion) => contestacion.cuerpo,
        Err(SinRespuesta::Vencida { gestores, .. }) => {
            let id = campos.id.map_or_else(String::new, |id| format!(" --id {id}"));
            eprintln!("{} no respondió: no se sabe si se hizo. Repita la misma orden con{id}", nombres(&gestores));
            return Ok(ABIERTA);
        }
        Err(otro) => return Err(otro),
    };
    if pedido.json {
        println!("{}", String::from_utf8_lossy(&cuerpo));
    }
    match descifrar::<Respuesta>(&cuerpo) {
        Ok(respuesta) => {
            if !pedido.json {
                print!("{}", para_una_persona(&respuesta));
            }
            Ok(salida(&respuesta))
        }
        Err(e) => {
            eprintln!("{} contestó algo que no es una respuesta: {e}", nombres(gestores));
            Ok(NEGADA)
        }
    }
}

fn salida(respuesta: &Respuesta) -> u8 {
    match respuesta.estado {
        _ if respuesta.exito => HECHA,
        Estado::Pendiente | Estado::Incierta => ABIERTA,
        Estado::Aplicada | Estado::Rechazada | Estado::Error => NEGADA,
    }
}

fn para_una_persona(respuesta: &Respuesta) -> String {
    let marca = match salida(respuesta) {
        HECHA => '✔',
        ABIERTA => '…',
        _ => '✘',
    };
    let mut texto = format!("{marca} {} ({}): {}\n", respuesta.estado, respuesta.codigo, respuesta.mensaje);
    let id = respuesta.id.map(|id| ("id".to_owned(), Value::String(id.to_string())));
    let fecha = ("fecha".to_owned(), Value::String(respuesta.fecha_operacion.to_rfc3339()));
    let datos = respuesta.datos.as_object().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone()));
    for (nombre, valor) in id.into_iter().chain([fecha]).chain(datos) {
        escribir(&mut texto, &nombre, &valor, 1);
    }
    texto
}

/// Un dato por línea; lo que va dentro, más adentro.
fn escribir(texto: &mut String, nombre: &str, valor: &Value, nivel: usize) {
    let sangria = "  ".repeat(nivel);
    let mut linea = |resto: &str| {
        texto.push_str(&sangria);
        texto.push_str(nombre);
        texto.push_str(resto);
        texto.push('\n');
    };
    match valor {
        Value::Object(campos) => {
            linea(":");
            for (nombre, valor) in campos {
                escribir(texto, nombre, valor, nivel + 1);
            }
        }
        Value::Array(valores) => {
            linea(&format!(": {}", valores.len()));
            for valor in valores {
                escribir(texto, "-", valor, nivel + 1);
            }
        }
        Value::String(suelto) => linea(&format!(": {suelto}")),
        otro => linea(&format!(": {otro}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn respuesta(estado: &str, codigo: &str) -> Respuesta {
        let exito = codigo == "OK";
        let json = format!(
            r#"{{"id":null,"exito":{exito},"estado":"{estado}","codigo":"{codigo}","mensaje":"Bien",
                "fechaOperacion":"2025-11-21T00:00:00Z","datos":{{"ejemplar":"E1","prestamos":[{{"isbn":"9"}}]}}}}"#
        );
        descifrar(json.as_bytes()).expect("respuesta")
    }

    #[test]
    fn el_estado_de_salida_dice_en_que_quedo() {
        assert_eq!(salida(&respuesta("aplicada", "OK")), 0);
        assert_eq!(salida(&respuesta("rechazada", "EJEMPLAR_PRESTADO")), 1);
        assert_eq!(salida(&respuesta("error", "SOLICITUD_INVALIDA")), 1);
        assert_eq!(salida(&respuesta("pendiente", "SIN_ACTORES")), 3);
        assert_eq!(salida(&respuesta("incierta", "SIN_RESPUESTA")), 3);
    }

    #[test]
    fn una_persona_lee_la_frase_y_los_datos() {
        let texto = para_una_persona(&respuesta("aplicada", "OK"));
        assert!(texto.starts_with("✔ aplicada (OK): Bien\n"), "{texto}");
        assert!(texto.contains("  ejemplar: E1\n  prestamos: 1\n    -:\n      isbn: 9\n"), "{texto}");
    }
}
