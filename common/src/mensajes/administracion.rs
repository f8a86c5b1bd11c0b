//! Gestor → almacenamiento: lo que una persona pide de las operaciones apartadas y de las cuentas, y lo que se le contesta.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    cierre::{FalloAnotado, MotivoDeApartar},
    respuesta::RespuestaGuardada,
};
use crate::dominio::{Codigo, Comando, Isbn, OperacionId, SedeId, Tipo};

/// Lo que se pide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Administracion {
    /// Una página de las apartadas, de la más reciente a la más antigua.
    Apartadas {
        /// Solo las que nadie ha resuelto.
        solo_abiertas: bool,
        /// Cuántas se saltan.
        desde: u32,
        /// Cuántas caben.
        cuantas: u32,
    },
    /// Una apartada.
    Apartada(OperacionId),
    /// Decidirla de nuevo, ahora.
    Recuperar(OperacionId),
    /// Dar por bueno que no se hará.
    Cerrar {
        /// Cuál.
        id: OperacionId,
        /// Por qué, en palabras de quien la cierra.
        nota: String,
    },
    /// Las cuentas de lo decidido.
    Cuentas,
    /// Los libros más prestados.
    MasPrestados {
        /// Cuántos.
        cuantos: u32,
    },
}

/// Lo que se contesta.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Administrada {
    /// La página y cuántas hay en total.
    Apartadas {
        /// La página.
        filas: Vec<Apartada>,
        /// Cuántas cumplen lo pedido.
        total: u64,
    },
    /// Una.
    Apartada(Box<Apartada>),
    /// La operación está decidida; esta es su respuesta.
    Decidida(RespuestaGuardada),
    /// No hay apartada con ese id.
    NoExiste,
    /// Otra persona la resolvió antes.
    YaResuelta(Resolucion),
    /// Las cuentas.
    Cuentas(Vec<Cuenta>),
    /// Los libros, del más prestado al menos.
    MasPrestados(Vec<LibroPrestado>),
}

/// Una operación apartada.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Apartada {
    /// Su id.
    pub id: OperacionId,
    /// Lo que se pedía.
    pub comando: Comando,
    /// Por qué se apartó.
    pub motivo: MotivoDeApartar,
    /// Sus fallos.
    pub historia: Vec<FalloAnotado>,
    /// Cuándo la aceptó un gestor.
    pub aceptada: DateTime<Utc>,
    /// Cuándo se apartó.
    pub apartada: DateTime<Utc>,
    /// En qué quedó, si alguien la resolvió.
    pub resolucion: Option<Resolucion>,
}

/// Cómo resolvió una persona una operación apartada.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolucion {
    /// Se decidió de nuevo, con este código.
    Recuperada {
        /// El código de lo decidido.
        codigo: Codigo,
        /// Cuándo.
        cuando: DateTime<Utc>,
    },
    /// Se dio por no hecha.
    Cerrada {
        /// Por qué.
        nota: String,
        /// Cuándo.
        cuando: DateTime<Utc>,
    },
}

/// Cuántas operaciones de un tipo acabaron en un código, en una sede.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cuenta {
    /// El tipo.
    pub tipo: Tipo,
    /// El código.
    pub codigo: Codigo,
    /// La sede del ejemplar o, si no se llegó a él, la de la solicitud; nula si no se sabe.
    pub sede: Option<SedeId>,
    /// Cuántas.
    pub cuantas: u64,
}

/// Un libro y cuántas veces se ha prestado.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LibroPrestado {
    /// Cuál.
    pub isbn: Isbn,
    /// Su título.
    pub titulo: String,
    /// Cuántas veces.
    pub prestamos: u64,
}
