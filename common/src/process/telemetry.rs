//! Registro y métricas de un proceso.
//!
//! El registro va a la salida de error, una línea por suceso; `RUST_LOG` lo filtra (por defecto `info`).

use std::io::IsTerminal;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

/// Arranca el registro y las métricas; el asa da el texto de `/metrics`.
///
/// # Panics
/// Si se llama dos veces en un proceso.
pub fn iniciar() -> PrometheusHandle {
    let filtro = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filtro)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    PrometheusBuilder::new()
        .set_buckets(&CUBOS_SEGUNDOS)
        .expect("la lista de cubos no está vacía")
        .install_recorder()
        .expect("las métricas se instalan una vez por proceso")
}

/// Cubos de los histogramas de tiempo, en segundos: de un cuarto de milisegundo a diez segundos.
const CUBOS_SEGUNDOS: [f64; 12] = [0.000_25, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0, 10.0];
