//! Lo que comparten los procesos de Anaquel.
//!
//! - [`dominio`]: las reglas del préstamo, puras.
//! - [`mensajes`]: lo que viaja por los zócalos, un archivo por mensaje.
//! - [`resilience`]: circuit breaker, rotación, backoff y entrega, puros.
//! - [`transport`]: ZeroMQ bajo tokio; el único lugar con el crate `zmq`.
//! - [`process`]: configuración, telemetría, HTTP y apagado de cada proceso.

pub mod dominio;
pub mod mensajes;
pub mod process;
pub mod resilience;
pub mod transport;
