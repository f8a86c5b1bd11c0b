//! Las rutas HTTP propias del gestor, además de `/salud`, `/listo` y `/metrics`. Las de `/fault-tolerance/*` irán aquí.

use std::time::Duration;

use axum::{Json, Router, http::StatusCode, routing::get};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::service::PreguntaDeEstado;

/// Preguntas por HTTP sin atender, como mucho.
pub const PREGUNTAS_MAX: usize = 16;
/// Lo que se espera a que el servicio conteste.
const PLAZO: Duration = Duration::from_secs(1);

/// `/estado`: lo mismo que contesta la operación `salud`.
pub fn rutas(preguntas: mpsc::Sender<PreguntaDeEstado>) -> Router {
    Router::new().route("/estado", get(async move || estado(preguntas).await))
}

async fn estado(preguntas: mpsc::Sender<PreguntaDeEstado>) -> Result<Json<Value>, StatusCode> {
    let (tx, rx) = oneshot::channel();
    preguntas.try_send(tx).map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    match tokio::time::timeout(PLAZO, rx).await {
        Ok(Ok(estado)) => Ok(Json(estado)),
        _ => Err(StatusCode::SERVICE_UNAVAILABLE),
    }
}
