//! La máquina de un lote: qué se lee, qué se decide, qué se guarda, qué se repite y qué se contesta. Pura: la mueve el store
//! real contra PostgreSQL, y la simulación contra uno suyo.
//!
//! - [`vuelta`]: un lote, de la primera foto a lo que fue de cada operación.
//! - [`pliegue`]: decidir las operaciones de un trozo sobre su foto, y lo que hay que guardar.
//! - [`intentos`]: de quién es un tropiezo y si se intenta otra vez.

pub mod intentos;
pub mod pliegue;
#[cfg(test)]
mod tests;
pub mod vuelta;

pub use intentos::{Culpa, Intentos, Otra, nada_hecho};
pub use pliegue::{Decidida, Foto, LoteDecidido, Nombrado, Resuelta};
pub use vuelta::{Decidido, PasoDeVuelta, Vuelta};
