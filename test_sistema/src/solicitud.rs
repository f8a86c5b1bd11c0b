//! Una solicitud como la escribe un cliente, con los campos que quiera poner.

use common::dominio::{EjemplarId, Isbn, SedeId, UsuarioId};
use serde::Serialize;
use uuid::Uuid;

/// Los campos de una solicitud; los ausentes no se escriben.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Campos<'a> {
    /// El id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// Qué se pide.
    pub operacion: &'a str,
    /// Para quién.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usuario: Option<UsuarioId>,
    /// De qué copia.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ejemplar: Option<EjemplarId>,
    /// O de qué título.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isbn: Option<Isbn>,
    /// En qué sede.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sede: Option<SedeId>,
}

impl<'a> Campos<'a> {
    /// Una solicitud de `operacion` con un id nuevo.
    #[must_use]
    pub fn de(operacion: &'a str) -> Self {
        Self { id: Some(Uuid::now_v7()), operacion, ..Self::default() }
    }

    /// La misma para un usuario.
    #[must_use]
    pub fn usuario(self, usuario: UsuarioId) -> Self {
        Self { usuario: Some(usuario), ..self }
    }

    /// La misma de un ejemplar.
    #[must_use]
    pub fn ejemplar(self, ejemplar: EjemplarId) -> Self {
        Self { ejemplar: Some(ejemplar), ..self }
    }

    /// La misma de un título.
    #[must_use]
    pub fn isbn(self, isbn: Isbn) -> Self {
        Self { isbn: Some(isbn), ..self }
    }

    /// La misma en una sede.
    #[must_use]
    pub fn sede(self, sede: SedeId) -> Self {
        Self { sede: Some(sede), ..self }
    }

    /// La misma con otro id.
    #[must_use]
    pub fn id(self, id: Uuid) -> Self {
        Self { id: Some(id), ..self }
    }
}
