//! Un actor: aplica en el almacenamiento lo que los gestores de carga le asignan, y les informa.
//!
//! - [`machine`]: qué se junta, qué se ignora y qué se informa (puro).
//! - [`service`]: los zócalos que llevan eso a cabo.
//! - `circuitos`: cuándo se cuenta a un gestor cómo está el almacenamiento (puro).
//! - [`ajustes`]: los ajustes de un actor y su ayuda.
//!
//! Los dos programas, `actor_prestamo` y `actor_devolucion`, solo se distinguen en su tópico.

use std::process::ExitCode;

use clap::Command;
use common::{
    mensajes::Topico,
    process::{
        config::AjusteInvalido,
        http::{self, Listo},
        orden::{self, MAL_ESCRITO},
        salud,
        shutdown::Apagado,
        telemetry, watchdog,
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
#[must_use]
pub fn ejecutar(nombre: &'static str, topico: Topico, http: &'static str) -> ExitCode {
    let que_hace = format!("Aplica las operaciones de {topico} que le asignan los gestores de carga. Sin orden, sirve");
    let orden = Command::new(nombre).about(que_hace).after_help(ajustes::ayuda(http));
    let pregunta = match orden::leer_si_salud(orden) {
        Ok(pregunta) => pregunta,
        Err(salida) => return salida,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let resultado = match runtime {
        Ok(runtime) if pregunta => runtime.block_on(preguntar(http)),
        Ok(runtime) => runtime.block_on(atender(topico, http)),
        Err(e) => Err(e.into()),
    };
    match resultado {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{nombre}: {error:#}");
            ExitCode::from(if error.is::<AjusteInvalido>() { MAL_ESCRITO } else { 1 })
        }
    }
}

async fn preguntar(http: &str) -> anyhow::Result<()> {
    Ok(salud::preguntar(Ajustado::leer(http)?.http).await?)
}

async fn atender(topico: Topico, http: &str) -> anyhow::Result<()> {
    let ajustado = Ajustado::leer(http)?;
    let metricas = telemetry::iniciar();
    let mut apagado = Apagado::nuevo()?;
    let listo = Listo::default();
    watchdog::dar_senales();
    http::servir(ajustado.http, metricas, listo.clone(), axum::Router::new()).await?;
    let contexto = Contexto::nuevo();
    let mut servicio = Servicio::conectar(&contexto, topico, &ajustado, listo)?;
    let motivo = servicio.correr(&mut apagado).await?;
    match servicio.terminar().await? {
        Termino::Completo => tracing::info!("{motivo}: todo informado, hasta luego"),
        Termino::Cortado { ordenes } => {
            tracing::warn!("{motivo}: {ordenes} órdenes quedaron sin terminar; su gestor las vuelve a publicar");
        }
    }
    Ok(())
}
