//! El juicio: qué se vio, si es lo que se guardó y cómo se resume. Pura: ni procesos, ni base, ni reloj.
//!
//! - [`historia`]: lo que vieron los clientes. [`auditoria`]: si es lo que hay guardado, nada perdido y nada doble.
//! - [`linealidad`]: si lo que se vio de una cosa tiene un orden posible.
//! - [`numeros`], [`pausas`] y [`estadistica`]: muchos números en pocos. [`informe`]: lo que se dice de ello.
//! - [`azar`]: el azar que da siempre lo mismo con la misma semilla.

#![forbid(unsafe_code)]

pub mod auditoria;
pub mod azar;
pub mod estadistica;
pub mod historia;
pub mod informe;
pub mod linealidad;
pub mod numeros;
pub mod pausas;
