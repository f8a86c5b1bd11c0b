//! Un actor: aplica en el almacenamiento lo que los gestores de carga le asignan, y les informa.
//!
//! - [`machine`]: qué se junta, qué se ignora y qué se informa (puro).
//! - [`service`]: los zócalos que llevan eso a cabo.
//! - `circuitos`: cuándo se cuenta a un gestor cómo está el almacenamiento (puro).
//! - [`ajustes`]: los ajustes de un actor y su ayuda.
//!
//! Los dos programas, `actor_prestamo` y `actor_devolucion`, solo se distinguen en su tópico.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Command;
use common::{
    mensajes::Topico,
    process::{
        arranque::{self, Marcha},
        orden,
    },
    transport::Contexto,
};

pub mod ajustes;
mod circuitos;
mod contadores;
pub mod machine;
pub mod service;

use ajustes::Ajustado;
use service::{Servicio, Termino};

/// El programa entero de un actor de `topico`; `http` es su dirección HTTP por defecto.
pub fn ejecutar(nombre: &'static str, topico: Topico, http: &'static str) -> ExitCode {
    let que_hace = format!("Aplica las operaciones de {topico} que le asignan los gestores de carga. Sin orden, sirve");
    let leer = |ajustes: &_| Ajustado::leer(ajustes, http);
    match orden::leer_si_salud(Command::new(nombre).about(que_hace).after_help(ajustes::ayuda(http))) {
        Ok(true) => arranque::salud(nombre, |ajustes| Ok(leer(ajustes)?.http)),
        Ok(false) => {
            arranque::servicio(nombre, leer, async |ajustado, marcha| atender(topico, &ajustado, marcha).await)
        }
        Err(salida) => salida,
    }
}

async fn atender(topico: Topico, ajustado: &Ajustado, mut marcha: Marcha) -> anyhow::Result<()> {
    marcha.atender_http(ajustado.http, axum::Router::new()).await?;
    let mut servicio = Servicio::conectar(&Contexto::new(), topico, ajustado, marcha.listo)?;
    let motivo = servicio.correr(&mut marcha.apagado).await?;
    match servicio.terminar().await? {
        Termino::Completo => tracing::info!("{motivo}: todo informado, hasta luego"),
        Termino::Cortado { ordenes } => {
            tracing::warn!("{motivo}: {ordenes} órdenes quedaron sin terminar; su gestor las vuelve a publicar");
        }
    }
    Ok(())
}
