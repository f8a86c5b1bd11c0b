//! La prueba del sistema entero, desde fuera: pide como un cliente y compara lo que se reconoció con lo que hay en
//! PostgreSQL. Lo que la orden `test_sistema` no toma del [`taller`] ni de las [`averias`].
//!
//! - [`pedir`], [`carga`]: una suborden cada uno.
//! - [`generar`] y [`solicitante`]: los archivos de peticiones, y quien pide lo que dicen.

pub mod carga;
pub mod generar;
pub mod pedir;
pub mod solicitante;
