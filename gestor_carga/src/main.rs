//! Arranca el gestor de carga.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use common::{
    process::{
        arranque::{self, Marcha},
        orden, salud,
    },
    transport::Contexto,
};
use gestor_carga::{
    ajustes::{AYUDA, AjustesGestor},
    diario::Diario,
    http::{self, token::Token},
    operar,
    service::{Servicio, administracion},
};

const NOMBRE: &str = "gestor_carga";

/// Recibe solicitudes, las da a los actores y contesta. Sin orden, sirve
#[derive(Parser)]
#[command(name = NOMBRE, after_help = AYUDA)]
struct Argumentos {
    #[command(subcommand)]
    orden: Option<Subcomando>,
}

#[derive(Subcommand)]
enum Subcomando {
    #[command(about = salud::QUE_HACE)]
    Salud,
    /// Mira y ordena lo que un gestor de carga en marcha tiene entre manos: tareas, apartadas, buzón, circuitos y cuentas
    Operar(operar::Argumentos),
}

fn main() -> ExitCode {
    match orden::leer().map(|argumentos: Argumentos| argumentos.orden) {
        Ok(None) => arranque::servicio(NOMBRE, AjustesGestor::leer, servir),
        Ok(Some(Subcomando::Salud)) => arranque::salud(NOMBRE, |ajustes| Ok(AjustesGestor::leer(ajustes)?.http)),
        Ok(Some(Subcomando::Operar(pedido))) => operar(&pedido),
        Err(salida) => salida,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn operar(pedido: &operar::Argumentos) -> ExitCode {
    operar::correr(pedido).await.into()
}

async fn servir(ajustes: AjustesGestor, mut marcha: Marcha) -> anyhow::Result<()> {
    let token = Token::leer(ajustes.token.as_deref())?;
    let diario = Diario::abrir(&ajustes.diario)?;
    let zocalos = ajustes.abrir(&Contexto::new())?;
    let (encargos, por_atender) = administracion::canal();
    marcha.atender_http(ajustes.http, http::rutas(encargos, token)).await?;
    tracing::info!("gestor de carga en marcha");
    let servicio = Servicio::new(ajustes.limites, zocalos, diario, por_atender, marcha.listo);
    Ok(servicio.correr(&mut marcha.apagado).await?)
}
