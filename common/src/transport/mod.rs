//! ZeroMQ bajo tokio. Es el único lugar que conoce el crate `zmq`.
//!
//! - [`contexto`]: cómo se abre cada clase de zócalo.
//! - [`socket`]: un zócalo con dueño, cuyas esperas se pueden cancelar.
//! - [`monitor`]: conexiones y desconexiones de un zócalo.
//! - [`endpoint`]: direcciones tal como las escribe una persona.
//! - [`puertos`]: puertos libres, sin carreras.
//! - [`cliente`]: el cliente de los gestores de carga.
//! - [`storage_client`]: el cliente rotatorio del almacenamiento, con un breaker por endpoint.

pub mod cliente;
pub mod contexto;
pub mod endpoint;
pub mod monitor;
pub mod puertos;
pub mod socket;
pub mod storage_client;

pub use cliente::{Cliente, SinRespuesta};
pub use contexto::Contexto;
pub use endpoint::{Endpoint, EndpointInvalido, ListaInvalida};
pub use monitor::{Conexion, Monitor};
pub use socket::{ErrorDeTransporte, Frame, Socket};
pub use storage_client::{Entrega, StorageClient};

#[cfg(test)]
mod tests;
