//! Decide cómo se dice por HTTP que algo no se pudo: un estado con sentido y un JSON con código y frase.

use std::borrow::Cow;

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use common::dominio::Codigo;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::service::SinContestar;

/// Lo que contesta una ruta.
pub type Contestado<T> = Result<Json<T>, ErrorHttp>;

/// Lo que se contesta cuando algo no se pudo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Error)]
pub struct ErrorHttp {
    #[serde(skip)]
    estado: StatusCode,
    /// La razón, de una lista cerrada.
    #[schema(example = "OPERACION_DESCONOCIDA")]
    pub codigo: Cow<'static, str>,
    /// Una frase para una persona, con la salida.
    pub mensaje: String,
}

impl ErrorHttp {
    /// Con ese estado, ese código y esa frase.
    pub fn new(estado: StatusCode, codigo: &'static str, mensaje: impl Into<String>) -> Self {
        Self { estado, codigo: codigo.into(), mensaje: mensaje.into() }
    }

    /// La petición está mal escrita.
    pub fn mal_escrita(codigo: &'static str, mensaje: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, codigo, mensaje)
    }

    /// No hay nada con ese nombre.
    pub fn desconocida(codigo: &'static str, mensaje: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, codigo, mensaje)
    }

    /// Está, pero en un estado que no lo admite.
    pub fn conflicto(codigo: &'static str, mensaje: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, codigo, mensaje)
    }

    /// Algo de lo nuestro contestó lo que no se le preguntó.
    pub fn interno() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            Codigo::ErrorInterno.as_str(),
            "Una parte de la suite contestó otra cosa: ¿son todos los programas de la misma versión?",
        )
    }
}

impl From<SinContestar> for ErrorHttp {
    fn from(causa: SinContestar) -> Self {
        let (codigo, mensaje) = match causa {
            SinContestar::NoEntendido => return Self::interno(),
            SinContestar::Saturado => {
                (Codigo::Saturado, "El gestor atiende ya demasiadas peticiones como esta; repítala")
            }
            SinContestar::Plazo => (
                Codigo::SinRespuesta,
                "No hubo respuesta a tiempo. Lo que se pidió se puede repetir: no se hará dos veces",
            ),
            SinContestar::SinAlmacenamiento => {
                (Codigo::AlmacenamientoNoDisponible, "Ningún gestor de almacenamiento atiende; repítala cuando vuelva")
            }
            SinContestar::DiarioAveriado => (
                Codigo::AlmacenamientoNoDisponible,
                "El diario del gestor no se puede leer ni escribir; mire su registro",
            ),
        };
        Self::new(StatusCode::SERVICE_UNAVAILABLE, codigo.as_str(), mensaje)
    }
}

impl IntoResponse for ErrorHttp {
    fn into_response(self) -> Response {
        let mut respuesta = (self.estado, Json(&self)).into_response();
        if self.estado == StatusCode::UNAUTHORIZED {
            respuesta.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        respuesta
    }
}

/// A lo que no es una ruta.
pub async fn ruta_desconocida() -> ErrorHttp {
    ErrorHttp::desconocida("RUTA_DESCONOCIDA", "No hay nada en esa ruta; las que hay están en /openapi.json")
}

/// A una ruta pedida con otro método.
pub async fn metodo_no_admitido() -> ErrorHttp {
    ErrorHttp::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "METODO_NO_ADMITIDO",
        "Esa ruta no admite ese método; lo que admite está en /openapi.json",
    )
}
