//! El gestor de almacenamiento: decide las operaciones en PostgreSQL, por lotes.
//!
//! - [`lote`]: qué peticiones van juntas (puro).
//! - [`machine`]: qué se hace con un lote, de la primera foto a lo que se contesta (puro).
//! - [`sumandos`]: qué suma cada transacción a las cuentas (puro).
//! - [`service`]: el zócalo, los lotes en vuelo, las consultas y el apagado.
//! - [`store`]: todo el SQL.
//! - [`importar`]: el catálogo.
//! - [`ordenes`]: lo que se le puede mandar al programa.

#![forbid(unsafe_code)]

pub mod importar;
pub mod lote;
pub mod machine;
pub mod ordenes;
pub mod service;
pub mod store;
pub mod sumandos;
