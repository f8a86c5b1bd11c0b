//! Una solicitud como la escribe un cliente, con los campos que quiera poner.

use common::dominio::{EjemplarId, Isbn, SedeId, UsuarioId};
use serde::Serialize;
use uuid::{NoContext, Timestamp, Uuid};

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

/// Un id como si se hubiera creado `desfase` segundos después de ahora; antes, si es negativo.
#[must_use]
pub fn id_desfasado(desfase: i64) -> Uuid {
    let (segundos, nanos) = Uuid::now_v7().get_timestamp().map_or((0, 0), |t| t.to_unix());
    Uuid::new_v7(Timestamp::from_unix(NoContext, segundos.saturating_add_signed(desfase), nanos))
}
