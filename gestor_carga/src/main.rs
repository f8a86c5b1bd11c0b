//! Arranca el gestor de carga: ajustes → telemetría → diario y zócalos → servir → irse a tiempo.

use std::process::ExitCode;

use common::{
    process::{
        config::Ajustes,
        descriptores,
        http::Listo,
        orden::{self, MAL_ESCRITO},
        salud,
        shutdown::Apagado,
        telemetry,
    },
    transport::Contexto,
};
use gestor_carga::{
    ajustes::{AYUDA, AjustesGestor},
    http::{self, token::Token},
    journal::Journal,
    service::{Servicio, administracion},
};

/// Conexiones de clientes que caben, si el sistema deja.
const CONEXIONES: u64 = 16 * 1024;

/// Recibe solicitudes, las da a los actores y contesta. Sin orden, sirve
#[derive(clap::Parser)]
#[command(name = "gestor_carga", after_help = AYUDA)]
struct Argumentos {
    #[command(subcommand)]
    orden: Option<Orden>,
}

#[derive(clap::Subcommand)]
enum Orden {
    #[command(about = salud::QUE_HACE)]
    Salud,
}

fn main() -> ExitCode {
    let orden = match orden::leer::<Argumentos>() {
        Ok(argumentos) => argumentos.orden,
        Err(salida) => return salida,
    };
    let ajustes = match Ajustes::leer().and_then(|ajustes| AjustesGestor::leer(&ajustes)) {
        Ok(ajustes) => ajustes,
        Err(e) => {
            eprintln!("gestor_carga: {e}");
            return ExitCode::from(MAL_ESCRITO);
        }
    };
    let hecho = match orden {
        None => servir(&ajustes),
        Some(Orden::Salud) => preguntar(&ajustes),
    };
    match hecho {
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
    let token = Token::leer(ajustes.token.as_deref())?;
    let mut apagado = Apagado::nuevo()?;
    let diario = Journal::abrir(&ajustes.diario)?;
    let contexto = Contexto::nuevo();
    let zocalos = ajustes.abrir(&contexto)?;
    let listo = Listo::default();
    let (encargos, por_atender) = administracion::canal();
    common::process::http::servir(ajustes.http, metricas, listo.clone(), http::rutas(encargos, token)).await?;
    tracing::info!("gestor de carga en marcha");
    Servicio::nuevo(ajustes.limites, zocalos, diario, por_atender, listo).correr(&mut apagado).await?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn preguntar(ajustes: &AjustesGestor) -> anyhow::Result<()> {
    Ok(salud::preguntar(ajustes.http).await?)
}
