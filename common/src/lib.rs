//! Lo que comparten los procesos de Anaquel.
//!
//! - [`dominio`]: las reglas del préstamo.
//! - [`mensajes`]: lo que viaja por los zócalos, un archivo por mensaje.
//! - [`resilience`]: circuit breaker, rotación, backoff y entrega.
//! - [`tiempos`]: los tiempos que dependen unos de otros, y su orden.
//! - `transport`: ZeroMQ bajo tokio; el único lugar con el crate `zmq`. Con la característica `transport`.
//! - `process`: configuración, telemetría, HTTP y apagado de cada proceso. Con la característica `process`.
//!
//! Sin características solo hay lo puro, y el compilador lo prueba: ni tokio, ni zócalos, ni HTTP están a su alcance.

pub mod dominio;
pub mod mensajes;
#[cfg(feature = "process")]
pub mod process;
pub mod resilience;
pub mod tiempos;
#[cfg(feature = "transport")]
pub mod transport;
