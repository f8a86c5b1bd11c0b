//! El gestor de carga: recibe solicitudes, las da a los actores y contesta.
//!
//! - [`machine`]: qué se hace con cada operación (puro).
//! - [`service`]: el shell: zócalos, y lo que la máquina manda.
//! - [`diario`]: lo prometido, en disco.
//! - [`http`]: cómo está el gestor, para quien mira.
//! - [`operar`]: una persona, desde una terminal, ante un gestor en marcha.
//! - [`ajustes`]: con qué se configura.

#![forbid(unsafe_code)]

pub mod ajustes;
pub mod diario;
pub mod http;
pub mod machine;
pub mod operar;
pub mod service;
