//! Arranca el gestor de carga: ajustes → telemetría → diario y zócalos → servir → irse a tiempo.

use std::process::ExitCode;

use clap::Command;
use common::{
    process::{
        config::Ajustes,
        descriptores,
        http::Listo,
        orden::{self, MAL_ESCRITO},
        salud,
        shutdown::Apagado,
        telemetry, watchdog,
    },
    transport::Contexto,
};
use gestor_carga::{
    ajustes::{AYUDA, AjustesGestor},
    http::{self, token::Token},
    journal::Journal,
    service::{Servicio, administracion},
};

const QUE_HACE: &str = "Recibe solicitudes, las da a los actores y contesta. Sin orden, sirve";
/// Conexiones de clientes que caben, si el sistema deja.
const CONEXIONES: u64 = 16 * 1024;

fn main() -> ExitCode {
    let orden = Command::new("gestor_carga").about(QUE_HACE).after_help(AYUDA);
    let pregunta = match orden::leer_si_salud(orden) {
        Ok(pregunta) => pregunta,
        Err(salida) => return salida,
    };
    let ajustes = match Ajustes::leer().and_then(|ajustes| AjustesGestor::leer(&ajustes)) {
        Ok(ajustes) => ajustes,
        Err(e) => {
            eprintln!("gestor_carga: {e}");
            return ExitCode::from(MAL_ESCRITO);
        }
    };
    match correr(pregunta, &ajustes) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("gestor_carga: {e:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn correr(pregunta: bool, ajustes: &AjustesGestor) -> anyhow::Result<()> {
    if pregunta { Ok(salud::preguntar(ajustes.http).await?) } else { servir(ajustes).await }
}

async fn servir(ajustes: &AjustesGestor) -> anyhow::Result<()> {
    let metricas = telemetry::iniciar();
    descriptores::ampliar(CONEXIONES);
    let token = Token::leer(ajustes.token.as_deref())?;
    let mut apagado = Apagado::nuevo()?;
    let diario = Journal::abrir(&ajustes.diario)?;
    let contexto = Contexto::nuevo();
    let zocalos = ajustes.abrir(&contexto)?;
    let listo = Listo::default();
    watchdog::dar_senales();
    let (encargos, por_atender) = administracion::canal();
    common::process::http::servir(ajustes.http, metricas, listo.clone(), http::rutas(encargos, token)).await?;
    tracing::info!("gestor de carga en marcha");
    Servicio::nuevo(ajustes.limites, zocalos, diario, por_atender, listo).correr(&mut apagado).await?;
    Ok(())
}
