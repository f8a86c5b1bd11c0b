//! Arranca el gestor de carga: ajustes → telemetría → diario y zócalos → servir → irse a tiempo.

use std::process::ExitCode;

use common::{
    process::{
        config::Ajustes,
        descriptores,
        http::Listo,
        orden::{self, MAL_ESCRITO},
        shutdown::Apagado,
        telemetry,
    },
    transport::Contexto,
};
use gestor_carga::{
    ajustes::{AYUDA, AjustesGestor},
    http,
    journal::Journal,
    service::Servicio,
};
use tokio::sync::mpsc;

/// Conexiones de clientes que caben, si el sistema deja.
const CONEXIONES: u64 = 16 * 1024;

/// Recibe solicitudes, las da a los actores y contesta
#[derive(clap::Parser)]
#[command(name = "gestor_carga", after_help = AYUDA)]
struct Argumentos {}

fn main() -> ExitCode {
    if let Err(salida) = orden::leer::<Argumentos>() {
        return salida;
    }
    let ajustes = match Ajustes::leer().and_then(|ajustes| AjustesGestor::leer(&ajustes)) {
        Ok(ajustes) => ajustes,
        Err(e) => {
            eprintln!("gestor_carga: {e}");
            return ExitCode::from(MAL_ESCRITO);
        }
    };
    match servir(&ajustes) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("gestor_carga: {e:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn servir(ajustes: &AjustesGestor) -> anyhow::Result<()> {
    let metricas = telemetry::iniciar();
    descriptores::ampliar(CONEXIONES);
    let mut apagado = Apagado::nuevo()?;
    let diario = Journal::abrir(&ajustes.diario)?;
    let contexto = Contexto::nuevo();
    let zocalos = ajustes.abrir(&contexto)?;
    let listo = Listo::default();
    let (preguntas, estado) = mpsc::channel(http::PREGUNTAS_MAX);
    common::process::http::servir(ajustes.http, metricas, listo.clone(), http::rutas(preguntas)).await?;
    tracing::info!("gestor de carga en marcha");
    Servicio::nuevo(ajustes.limites, zocalos, diario, estado, listo).correr(&mut apagado).await?;
    Ok(())
}
