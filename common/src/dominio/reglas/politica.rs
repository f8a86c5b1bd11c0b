//! Decide cuánto dura un préstamo y cuántos caben: las condiciones de cada caso, según el reglamento.
//!
//! Hoy solo cuenta la categoría del usuario. Una matriz por sede, categoría y tipo de ejemplar, un calendario o una
//! multa son más datos de [`Reglamento`], y quien aplica las reglas ni se entera.

use std::{fmt, str::FromStr};

use chrono::TimeDelta;

use crate::dominio::SedeId;

/// Qué clase de usuario es.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Categoria {
    Estudiante,
    Docente,
    Investigador,
}

/// Un texto que no es una categoría.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("«{0}» no es una categoría de usuario")]
pub struct CategoriaDesconocida(String);

impl Categoria {
    /// Todas.
    pub const TODAS: [Self; 3] = [Self::Estudiante, Self::Docente, Self::Investigador];

    /// Como se escribe en la base.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Estudiante => "ESTUDIANTE",
            Self::Docente => "DOCENTE",
            Self::Investigador => "INVESTIGADOR",
        }
    }
}

impl fmt::Display for Categoria {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Categoria {
    type Err = CategoriaDesconocida;

    fn from_str(texto: &str) -> Result<Self, CategoriaDesconocida> {
        Self::TODAS.into_iter().find(|c| c.as_str() == texto).ok_or_else(|| CategoriaDesconocida(texto.to_owned()))
    }
}

/// Lo que la biblioteca permite en un caso.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condiciones {
    pub plazo: TimeDelta,
    /// Cuánto añade cada renovación, contado desde el vencimiento.
    pub plazo_de_renovacion: TimeDelta,
    /// Cuántas veces se puede renovar un préstamo.
    pub renovaciones_max: u8,
    /// Cuántos préstamos abiertos puede tener el usuario a la vez.
    pub prestamos_max: u32,
}

/// Lo que la biblioteca permite en todos los casos.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reglamento {
    pub plazo: TimeDelta,
    /// Cuánto añade cada renovación, contado desde el vencimiento.
    pub plazo_de_renovacion: TimeDelta,
    /// Cuántas veces se puede renovar un préstamo.
    pub renovaciones_max: u8,
    /// Cuántos préstamos abiertos puede tener un usuario, por categoría en el orden de [`Categoria::TODAS`].
    pub prestamos_max: [u32; 3],
}

impl Reglamento {
    /// El de hoy.
    pub const VIGENTE: Self = Self {
        plazo: TimeDelta::days(14),
        plazo_de_renovacion: TimeDelta::days(7),
        renovaciones_max: 2,
        prestamos_max: [5, 10, 15],
    };

    /// Lo que vale para un usuario de `categoria` y un ejemplar que vive en `sede`.
    pub fn condiciones(&self, _sede: SedeId, categoria: Categoria) -> Condiciones {
        Condiciones {
            plazo: self.plazo,
            plazo_de_renovacion: self.plazo_de_renovacion,
            renovaciones_max: self.renovaciones_max,
            prestamos_max: self.prestamos_max[categoria as usize],
        }
    }
}
