//! El dominio del préstamo: tipos que no pueden estar mal formados y reglas puras, sin reloj ni E/S.

pub mod codigo;
pub mod comando;
pub mod consulta;
pub mod etiqueta;
pub mod huella;
pub mod operacion_id;
pub mod reglas;

pub use codigo::{Codigo, Estado};
pub use comando::{Clave, Comando, Objeto, Tipo};
pub use consulta::Consulta;
pub use etiqueta::{EjemplarId, EtiquetaInvalida, Isbn, SedeId, UsuarioId};
pub use huella::Huella;
pub use operacion_id::{IdInvalido, OperacionId};
