//! Lo que cada proceso cuenta de sí por HTTP: `/salud` (vive), `/listo` (sirve) y `/metrics` (Prometheus).

pub mod cliente;
mod conexiones;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, http::StatusCode, routing::get};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

use self::conexiones::Limites;
use super::config::{AjusteInvalido, HTTP_ADDR, invalido};

/// Cada cuánto se ponen al día las métricas que nadie pide (vacía los histogramas).
const MANTENIMIENTO: Duration = Duration::from_secs(5);

/// De sobra para quien mira (Prometheus, un operador, una página) y para la orden más lenta, que espera unos segundos.
const LIMITES: Limites = Limites { conexiones: 64, cabecera: Duration::from_secs(5), vida: Duration::from_mins(1) };

/// Si el proceso es útil ahora. Lo cambia el servicio, lo lee `/listo`.
#[derive(Clone, Default)]
pub struct Listo(Arc<AtomicBool>);

impl Listo {
    /// Dice si el proceso es útil.
    pub fn fijar(&self, listo: bool) {
        self.0.store(listo, Ordering::Relaxed);
    }

    /// Si lo es.
    pub fn leer(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Abre el puerto y atiende en una tarea aparte, con las rutas comunes y las de `propias`.
///
/// # Errors
/// [`AjusteInvalido`] que nombra `HTTP_ADDR` si el puerto no se puede abrir.
pub async fn servir(
    addr: SocketAddr,
    metricas: PrometheusHandle,
    listo: Listo,
    propias: Router,
) -> Result<(), AjusteInvalido> {
    let oyente = TcpListener::bind(addr).await.map_err(|e| {
        invalido(
            HTTP_ADDR,
            format!("no se puede escuchar en {addr}: {e}"),
            "Dé otra dirección IP:puerto que esté libre",
        )
    })?;
    let mantenimiento = metricas.clone();
    tokio::spawn(async move {
        let mut tic = tokio::time::interval(MANTENIMIENTO);
        loop {
            tic.tick().await;
            mantenimiento.run_upkeep();
        }
    });
    let rutas = propias
        .route("/salud", get(async || "vivo\n"))
        .route(
            "/listo",
            get(async move || {
                if listo.leer() {
                    (StatusCode::OK, "listo\n")
                } else {
                    (StatusCode::SERVICE_UNAVAILABLE, "no está listo\n")
                }
            }),
        )
        .route("/metrics", get(async move || metricas.render()));
    tokio::spawn(conexiones::atender(oyente, rutas, LIMITES));
    Ok(())
}
