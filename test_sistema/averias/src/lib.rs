//! Lo que rompe el sistema, de verdad y a propósito, y mira qué aguanta.
//!
//! - [`demo`], [`caos`] y [`campania`]: una suite propia bajo carga, cuyos procesos mueren o se paran.
//! - [`docker`]: lo mismo con las dos máquinas en contenedores.
//! - [`mutantes`]: errores puestos a propósito en el código, y quién los caza.

pub mod campania;
pub mod caos;
pub mod demo;
pub mod docker;
pub mod mutantes;
