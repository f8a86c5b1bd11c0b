//! La prueba del sistema entero, desde fuera: pide como un cliente, mata procesos y compara lo que se reconoció con lo
//! que hay en PostgreSQL.
//!
//! - [`cliente`]: un cliente que repite con el mismo id hasta que le responden.
//! - [`funcional`], [`pedir`], [`operar`], [`carga`], [`demo`], [`docker`], [`caos`], [`campania`], [`banco`]: una suborden cada uno.
//! - [`historia`] y [`auditoria`]: lo que se vio y si es lo que se guardó; puras, salvo `auditoria::base`.
//! - [`simulacion`]: las máquinas reales bajo un planificador con semilla.
//! - [`mutantes`]: errores puestos a propósito, y quién los caza.
//! - [`suite`]: una suite propia, con sus procesos y cómo matarlos.

pub mod auditoria;
pub mod azar;
pub mod banco;
pub mod basura;
pub mod campania;
pub mod caos;
pub mod carga;
pub mod cliente;
pub mod demo;
pub mod docker;
pub mod escena;
pub mod experimento;
pub mod funcional;
pub mod historia;
pub mod http;
pub mod informe;
pub mod interrupcion;
pub mod linealidad;
pub mod maquina;
pub mod mutantes;
pub mod numeros;
pub mod operar;
pub mod pausas;
pub mod pedir;
pub mod progreso;
pub mod proxy;
pub mod simulacion;
pub mod solicitud;
pub mod suite;
