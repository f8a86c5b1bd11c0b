//! El taller: con qué se levanta una suite propia, se carga, se ensucia, se le corta el cable y se mira lo que guardó.
//!
//! - [`suite`]: sus procesos, y cómo pararlos. [`base`]: su PostgreSQL, leído sin pasar por ella. [`escena`]: todo junto.
//! - [`carga`]: muchos clientes que piden sin parar. [`funcional`]: una comprobación por línea.
//! - [`proxy`] y [`basura`]: el cable que se corta, y lo que no se entiende.
//! - [`maquina`], [`metricas`] y [`carpeta`]: en qué máquina se midió, qué dicen sus procesos, y dónde se deja.

#![forbid(unsafe_code)]

pub mod base;
pub mod basura;
pub mod carga;
pub mod carpeta;
pub mod escena;
pub mod funcional;
pub mod maquina;
pub mod metricas;
pub mod proxy;
pub mod suite;
