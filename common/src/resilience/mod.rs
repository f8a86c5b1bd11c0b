//! Lo que decide cómo se sobrevive a los fallos, sin reloj, azar ni E/S: todo entra como argumento.
//!
//! - [`breaker`]: si un punto de almacenamiento admite una llamada.
//! - [`rotation`]: a qué punto va cada intento, y cuándo una llamada se da por perdida.
//! - [`backoff`]: cuánto se espera antes de repetir.
//! - [`delivery`]: a qué actor va cada operación.

pub mod backoff;
pub mod breaker;
pub mod delivery;
pub mod rotation;

pub use backoff::Backoff;
pub use breaker::{Breaker, EstadoBreaker};
pub use delivery::actor_de;
pub use rotation::Rotacion;
