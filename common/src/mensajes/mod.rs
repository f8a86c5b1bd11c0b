//! Lo que viaja por los zócalos: un archivo por mensaje, y en cada uno la instantánea de sus bytes.
//!
//! Todo es JSON en UTF-8. Los campos desconocidos se ignoran y los que faltan se nombran en el error. Lo que no se entiende
//! se contesta si deja leer a qué: «no entendida, nada hecho»; y en una lista no calla a sus vecinas (`leer` de cada mensaje).

use serde::Deserialize;
use serde_json::value::RawValue;

pub mod administracion;
pub mod cierre;
pub mod circuito;
pub mod datos;
pub mod evento;
pub mod informe;
pub mod orden;
pub mod peticion;
pub mod respuesta;
pub mod resultado;
pub mod solicitud;

pub use administracion::{Administracion, Administrada, Apartada, Cuenta, LibroPrestado, Resolucion};
pub use cierre::{Cierre, Expediente, FalloAnotado, Fin, MotivoDeApartar};
pub use circuito::{Circuito, EstadoBreaker};
pub use datos::{DatosEjemplar, DatosLibro, DatosUsuario, Desconocido, EjemplarDeLibro, PrestamoDeUsuario, Situacion};
pub use evento::{Evento, OrdenNoEntendida, Topico};
pub use informe::{CIRCUITOS_MAX, Desenlace, Informe, ResultadoInforme};
pub use orden::{Instante, Orden};
pub use peticion::{CuerpoPeticion, Peticion, PeticionLeida};
pub use respuesta::{Respuesta, RespuestaGuardada};
pub use resultado::{CuerpoResultado, Fallo, Resultado, ResultadoEscritura, ResultadoLeido};
pub use solicitud::{Campos, Pedido, Solicitud, SolicitudInvalida};

/// Tamaño máximo de una solicitud de un cliente, en bytes.
pub const SOLICITUD_BYTES_MAX: usize = 64 * 1024;

/// Cuántas operaciones viajan juntas, como mucho, en un evento, una petición o un informe.
pub const LISTA_MAX: usize = 256;

/// Bytes de un mensaje entre procesos nuestros, como mucho; una lista de [`LISTA_MAX`] con las respuestas más
/// largas cabe con holgura.
pub const MENSAJE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Letras del porqué de algo que no se entiende: el error repite parte de lo que llegó.
const MOTIVO_MAX: usize = 160;

/// El mensaje como bytes JSON.
pub fn codificar<T: serde::Serialize>(mensaje: &T) -> Vec<u8> {
    serde_json::to_vec(mensaje).expect("los mensajes solo tienen claves de texto y valores finitos")
}

/// El mensaje que hay en `bytes`.
///
/// # Errors
/// Si no es JSON o no tiene la forma esperada; el texto nombra el campo.
pub fn descifrar<'a, T: serde::Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(bytes)
}

/// Por qué no se entiende algo, para contestarlo y para el registro.
fn motivo(error: &serde_json::Error) -> String {
    error.to_string().chars().take(MOTIVO_MAX).collect()
}

/// Lo que se entiende de una lista, en su orden. De cada elemento que no, `ajeno` recibe lo que nombra de sí (`N`) y el
/// porqué; el que ni eso deja leer se salta: de él no se puede contestar.
fn por_separado<'a, T, N>(crudos: &[&'a RawValue], mut ajeno: impl FnMut(N, String)) -> Vec<T>
where
    T: Deserialize<'a>,
    N: Deserialize<'a>,
{
    let entender = |crudo: &&'a RawValue| match serde_json::from_str(crudo.get()) {
        Ok(entendido) => Some(entendido),
        Err(error) => {
            if let Ok(nombre) = serde_json::from_str(crudo.get()) {
                ajeno(nombre, motivo(&error));
            }
            None
        }
    };
    crudos.iter().filter_map(entender).collect()
}
