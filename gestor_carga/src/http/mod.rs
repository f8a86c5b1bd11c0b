//! Las rutas HTTP propias del gestor: `/estado` y, bajo `/fault-tolerance`, lo que mira y ordena quien lo opera.
//!
//! Todo es JSON, también los errores, y lo describe `/openapi.json`, que se compone de las mismas rutas que se sirven.
//! Mirar es libre; ordenar pide el token.

mod entrada;
pub(crate) mod error;
mod lecturas;
pub(crate) mod ordenes;
pub(crate) mod resumen;
#[cfg(test)]
mod tests;
pub mod token;
pub(crate) mod vistas;

use axum::{
    Extension, Router,
    extract::{DefaultBodyLimit, State},
    http::header,
};
use serde_json::Value;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        OpenApi as Documento,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use self::{error::ErrorHttp, token::Token};
use crate::service::{Encargo, Encargos};

/// Lo más que ocupa un cuerpo: una nota cabe de sobra.
const CUERPO_BYTES_MAX: usize = 8 * 1024;

/// Lo que necesita una ruta para atender.
#[derive(Clone, Debug)]
struct Puerta {
    encargos: Encargos,
    token: Token,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Anaquel: operación del gestor de carga",
        description = "Lo que un gestor de carga sabe de sus operaciones, de los circuitos y de lo apartado, y lo que una \
                       persona puede ordenar. Los errores son siempre {codigo, mensaje}."
    ),
    modifiers(&ConToken),
    tags(
        (name = "mirar", description = "Libres; no cambian nada"),
        (name = "ordenar", description = "Piden «Authorization: Bearer <token>»; repetirlas es inocuo")
    )
)]
struct Descripcion;

struct ConToken;

impl Modify for ConToken {
    fn modify(&self, documento: &mut Documento) {
        let portador = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        documento.components.get_or_insert_default().add_security_scheme("token", portador);
    }
}

/// Las rutas, con quien contesta los encargos y el token de quien administra.
pub fn rutas(encargos: Encargos, token: Token) -> Router {
    let (rutas, documento) = con_documento();
    let documento = serde_json::to_vec(&documento).expect("la descripción es JSON");
    rutas
        .fallback(error::ruta_desconocida)
        .method_not_allowed_fallback(error::metodo_no_admitido)
        .layer(DefaultBodyLimit::max(CUERPO_BYTES_MAX))
        .layer(Extension(Descrito(documento.into())))
        .with_state(Puerta { encargos, token })
}

fn con_documento() -> (Router<Puerta>, Documento) {
    OpenApiRouter::with_openapi(Descripcion::openapi())
        .routes(routes!(estado))
        .routes(routes!(openapi))
        .routes(routes!(resumen::stats))
        .routes(routes!(resumen::dashboard))
        .routes(routes!(lecturas::circuitos))
        .routes(routes!(lecturas::apartadas))
        .routes(routes!(lecturas::tareas))
        .routes(routes!(lecturas::tarea))
        .routes(routes!(lecturas::buzon))
        .routes(routes!(lecturas::ilegibles))
        .routes(routes!(ordenes::reintentar))
        .routes(routes!(ordenes::recuperar))
        .routes(routes!(ordenes::cerrar_apartada))
        .routes(routes!(ordenes::cerrar_carta))
        .routes(routes!(ordenes::restablecer))
        .split_for_parts()
}

/// La descripción ya escrita.
#[derive(Clone)]
struct Descrito(std::sync::Arc<[u8]>);

/// Esta descripción
#[utoipa::path(get, path = "/openapi.json", tag = "mirar", responses((status = 200, body = Object)))]
async fn openapi(Extension(Descrito(documento)): Extension<Descrito>) -> impl axum::response::IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], documento.to_vec())
}

/// Lo mismo que contesta la operación `salud`
#[utoipa::path(get, path = "/estado", tag = "mirar",
    responses((status = 200, body = Object), (status = 503, body = ErrorHttp)))]
async fn estado(State(puerta): State<Puerta>) -> Result<axum::Json<Value>, ErrorHttp> {
    Ok(axum::Json(puerta.encargos.hacer(Encargo::Estado).await?))
}
