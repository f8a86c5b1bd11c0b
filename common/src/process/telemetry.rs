//! Registro y métricas de un proceso.
//!
//! El registro va a la salida de error, una línea por suceso; `RUST_LOG` lo filtra (por defecto `info`).

use std::io::{self, IsTerminal};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{
    Layer as _,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// Arranca el registro y las métricas; el asa da el texto de `/metrics`.
///
/// # Panics
/// Si se llama dos veces en un proceso.
pub fn iniciar() -> PrometheusHandle {
    let pedido = std::env::var("RUST_LOG").ok().and_then(|texto| texto.parse().ok());
    let filtro =
        pedido.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO).with_target("sqlx", LevelFilter::WARN));
    let lineas = fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal()).with_target(false);
    tracing_subscriber::registry().with(lineas.with_filter(filtro)).init();
    PrometheusBuilder::new()
        .set_buckets(&CUBOS_SEGUNDOS)
        .expect("la lista de cubos no está vacía")
        .install_recorder()
        .expect("las métricas se instalan una vez por proceso")
}

/// Cubos de los histogramas de tiempo, en segundos: de un cuarto de milisegundo a diez segundos.
const CUBOS_SEGUNDOS: [f64; 12] = [0.000_25, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0, 10.0];
