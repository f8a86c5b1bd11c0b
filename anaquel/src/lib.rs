//! El lanzador de una sola máquina: PostgreSQL embebido y un proceso por servicio.
//!
//! - [`postgres`]: un PostgreSQL privado, hijo de quien lo arranca; duradero para la suite, desechable para pruebas.

pub mod postgres;
