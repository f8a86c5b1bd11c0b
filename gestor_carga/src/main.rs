//! Arranca el gestor de carga.

use std::process::ExitCode;

use clap::Command;
use common::{
    process::{
        arranque::{self, Marcha},
        orden,
    },
    transport::Contexto,
};
use gestor_carga::{
    ajustes::{AYUDA, AjustesGestor},
    http::{self, token::Token},
    journal::Journal,
    service::{Servicio, administracion},
};

const NOMBRE: &str = "gestor_carga";
const QUE_HACE: &str = "Recibe solicitudes, las da a los actores y contesta. Sin orden, sirve";

fn main() -> ExitCode {
    match orden::leer_si_salud(Command::new(NOMBRE).about(QUE_HACE).after_help(AYUDA)) {
        Ok(true) => arranque::salud(NOMBRE, |ajustes| Ok(AjustesGestor::leer(ajustes)?.http)),
        Ok(false) => arranque::servicio(NOMBRE, AjustesGestor::leer, servir),
        Err(salida) => salida,
    }
}

async fn servir(ajustes: AjustesGestor, mut marcha: Marcha) -> anyhow::Result<()> {
    let token = Token::leer(ajustes.token.as_deref())?;
    let diario = Journal::abrir(&ajustes.diario)?;
    let zocalos = ajustes.abrir(&Contexto::nuevo())?;
    let (encargos, por_atender) = administracion::canal();
    marcha.atender_http(ajustes.http, http::rutas(encargos, token)).await?;
    tracing::info!("gestor de carga en marcha");
    let servicio = Servicio::nuevo(ajustes.limites, zocalos, diario, por_atender, marcha.listo);
    Ok(servicio.correr(&mut marcha.apagado).await?)
}
