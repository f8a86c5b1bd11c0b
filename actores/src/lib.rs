//! Un actor: aplica en el almacenamiento lo que los gestores de carga le asignan, y les informa.
//!
//! - [`machine`]: qué se junta, qué se ignora y qué se informa (puro).
//! - [`service`]: los zócalos que llevan eso a cabo.
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
        shutdown::Apagado,
        telemetry,
    },
    transport::Contexto,
};

pub mod ajustes;
mod contadores;
pub mod machine;
pub mod service;

use ajustes::Ajustado;
use service::{Servicio, Termino};

/// La ayuda, en español también en lo que `clap` escribe por su cuenta.
const PLANTILLA_DE_AYUDA: &str = "{about}\n\nUso: {name} [--help | --version]{after-help}\n";

/// El programa entero de un actor de `topico`; `http` es su dirección HTTP por defecto.
#[must_use]
pub fn ejecutar(nombre: &'static str, topico: Topico, http: &'static str) -> ExitCode {
    Command::new(nombre)
        .help_template(PLANTILLA_DE_AYUDA)
        .version(env!("CARGO_PKG_VERSION"))
        .about(format!("Aplica las operaciones de {topico} que le asignan los gestores de carga"))
        .after_help(ajustes::ayuda(http))
        .get_matches();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let resultado = match runtime {
        Ok(runtime) => runtime.block_on(atender(topico, http)),
        Err(e) => Err(e.into()),
    };
    match resultado {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{nombre}: {error:#}");
            ExitCode::from(if error.is::<AjusteInvalido>() { 2 } else { 1 })
        }
    }
}

async fn atender(topico: Topico, http: &str) -> anyhow::Result<()> {
    let ajustado = Ajustado::leer(http)?;
    let metricas = telemetry::iniciar();
    let mut apagado = Apagado::nuevo()?;
    let listo = Listo::default();
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
