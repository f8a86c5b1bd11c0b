//! Cómo se resume lo medido: en [`rondas`], con su mediana y sus extremos; en [`muestras`], con su media y su intervalo.

pub mod muestras;
pub mod rondas;
