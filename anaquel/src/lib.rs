//! El lanzador de una sola máquina: PostgreSQL embebido y un proceso por servicio.
//!
//! - [`plano`]: nombres, puertos, entorno y archivos de una suite; puro.
//! - [`postgres`]: un PostgreSQL privado, hijo de quien lo arranca; duradero para la suite, desechable para pruebas.
//! - [`supervisor`]: lanza los procesos, rearranca lo que muere y obedece a [`control`].
//! - [`control`]: cómo se pregunta y se ordena a una suite en marcha.
//! - [`servir`]: la suite en primer plano, de las comprobaciones de la puerta al apagado.

pub mod control;
pub mod plano;
pub mod postgres;
pub mod servir;
pub mod supervisor;
mod zocalo;
