//! Lo que decide cómo se sobrevive a los fallos, sin reloj, azar ni E/S: todo entra como argumento.
//!
//! - [`breaker`]: si un endpoint admite una llamada.
//! - [`rotation`]: a qué endpoint va cada intento, y cuándo una llamada se da por perdida.
//! - [`storage_calls`]: qué sale hacia cada uno, y cómo acaba cada llamada.
//! - [`backoff`]: cuánto se espera antes de repetir.
//! - [`delivery`]: a qué actor va cada operación.
//! - [`retry`]: a qué gestor de carga va cada envío de un cliente, y cuándo se repite.

pub mod backoff;
pub mod breaker;
pub mod delivery;
pub mod retry;
pub mod rotation;
pub mod storage_calls;

pub use backoff::Backoff;
pub use breaker::{Breaker, EstadoBreaker};
pub use delivery::actor_de;
pub use retry::{Paciencia, Retry};
pub use rotation::Rotacion;
pub use storage_calls::{Entrega, StorageCalls};
