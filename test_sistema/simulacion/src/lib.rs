//! La simulación: las máquinas reales y las reglas reales en un solo hilo, con un reloj, una red y un disco que obedecen
//! a una semilla; la misma semilla da la misma historia.
//!
//! De abajo arriba: cada grupo solo conoce a los suyos y a los que van antes, y dentro de un grupo no hay círculos.
//!
//! - [`reloj`]: el tiempo. [`mensajes`], [`sucesos`], [`enlace`] y [`catalogo`]: las palabras con que se cuenta lo demás.
//! - [`perfil`]: qué prueba una semilla. [`cronica`]: la historia, para leerla. [`juez`]: si cada respuesta y cada COMMIT
//!   cumplen la promesa.
//! - [`entorno`]: lo que comparten los procesos. [`red`]: qué llega, cuándo y a quién. [`muerte`]: cómo se muere.
//! - [`gestor`] (y su [`diario`]), [`actor`], [`almacen`], [`llamadas`]: los procesos; lo que decide es lo real.
//!   [`base`]: PostgreSQL, modelado. [`cliente`]: quien pide.
//! - [`mundo`]: todos ellos. [`fallos`]: qué se estropea y cómo sana. [`comprobacion`] y [`linealidad`]: si al final se
//!   cumplió la promesa.
//! - [`planificador`]: saca los sucesos de la agenda y los reparte. [`orden`]: la suborden `simular`.

#![forbid(unsafe_code)]

mod actor;
mod almacen;
mod base;
mod catalogo;
mod cliente;
mod comprobacion;
mod cronica;
mod diario;
mod enlace;
mod entorno;
mod fallos;
mod gestor;
mod juez;
mod linealidad;
mod llamadas;
mod mensajes;
mod muerte;
mod mundo;
pub mod orden;
mod perfil;
mod planificador;
mod red;
mod reloj;
#[cfg(test)]
mod reproducciones;
mod sucesos;
#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};

use mundo::Mundo;
use reloj::Us;

/// Lo que fue de una semilla.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulada {
    pub semilla: u64,
    /// Qué se rompió, si se rompió algo.
    pub falta: Option<String>,
    pub pasos: u64,
    pub duro: Us,
    /// La historia, si se pidió.
    pub historia: Vec<String>,
}

/// Simula una semilla; con `contar`, escribe su historia.
pub fn simular(semilla: u64, contar: bool) -> Simulada {
    let mut mundo = Mundo::new(semilla, contar);
    let corrida = catch_unwind(AssertUnwindSafe(|| planificador::correr(&mut mundo)));
    let falta = match corrida {
        Ok(Ok(())) => None,
        Ok(Err(falta)) => Some(falta),
        Err(panico) => Some(format!("pánico: {}", texto(panico.as_ref()))),
    };
    let (pasos, duro) = (mundo.pasos, mundo.entorno.ahora);
    Simulada { semilla, falta, pasos, duro, historia: mundo.entorno.cronica.lineas() }
}

fn texto(panico: &(dyn std::any::Any + Send)) -> String {
    let quiza = panico.downcast_ref::<String>().cloned();
    quiza.or_else(|| panico.downcast_ref::<&str>().map(|t| (*t).to_owned())).unwrap_or_else(|| "sin texto".into())
}
