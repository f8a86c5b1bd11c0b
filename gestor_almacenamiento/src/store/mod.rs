//! Todo el SQL. Aquí no hay reglas: se leen filas, se pliegan con [`common::dominio::reglas`] y se escribe lo que cambió.
//!
//! - [`base`]: a qué base se entra, con qué rol y con qué plazos; migraciones y espera al arrancar.
//! - [`conexiones`]: las conexiones abiertas que no usa nadie.
//! - [`escritura`]: un lote, entero y de una vez; repetirlo y partirlo.
//! - [`foto`] y [`guardado`]: sus dos viajes, lo que se lee para decidir y lo decidido.
//! - [`cierre`]: decidir en contra de lo que nadie decidió.
//! - [`administracion`]: lo que pide una persona; [`apartadas`], lo que resuelve; [`cuentas`], lo que se cuenta.
//! - [`consultas`]: lo que se pregunta sin cambiar nada, y la salud.
//! - [`poda`]: olvidar las operaciones antiguas.
//! - [`fallo`]: qué error es de la operación y cuál del punto de almacenamiento.
//! - [`catalogo`]: la importación.

pub mod administracion;
pub mod apartadas;
pub mod base;
pub mod catalogo;
mod cierre;
pub mod conexiones;
pub mod consultas;
pub mod cuentas;
pub mod escritura;
pub mod fallo;
pub mod foto;
mod guardado;
pub mod poda;

pub use base::Base;
pub use conexiones::Conexiones;
