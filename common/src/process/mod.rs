//! Lo que todo proceso de Anaquel hace igual: leer sus ajustes, contar lo que pasa, atender HTTP y apagarse.
//!
//! - [`arranque`]: de la línea de órdenes al trabajo, y de ahí al estado de salida.
//! - [`orden`]: la línea de órdenes, en español.
//! - [`config`]: ajustes del entorno y de un TOML, con errores que nombran el ajuste y la salida.
//! - [`telemetry`]: registro (a la salida de error) y métricas.
//! - [`http`]: `/salud`, `/listo`, `/metrics`.
//! - [`salud`]: si un proceso está listo, y la orden que lo pregunta.
//! - [`shutdown`]: SIGTERM y SIGINT.
//! - [`interrupcion`] y [`progreso`]: Ctrl-C y la barra, de lo que tarda.
//! - [`descriptores`]: cuántas conexiones caben.
//! - [`hijo`] y [`hijos`]: un proceso que se lanza, y los que lanzó otro.
//! - [`watchdog`]: las señales de vida a quien lo lanzó.
//! - [`puntos_de_muerte`]: dónde puede morir a propósito en una construcción de prueba.

pub mod arranque;
pub mod config;
pub mod descriptores;
pub mod hijo;
pub mod hijos;
pub mod http;
pub mod interrupcion;
pub mod orden;
pub mod progreso;
pub mod puntos_de_muerte;
pub mod salud;
pub mod shutdown;
pub mod telemetry;
pub mod watchdog;
