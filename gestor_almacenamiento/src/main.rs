//! `gestor_almacenamiento`: sirve, importa el catálogo o poda la historia.

use std::{path::PathBuf, process::ExitCode};

use chrono::NaiveDate;
use clap::{Parser, Subcommand};
use common::process::config::Ajustes;
use gestor_almacenamiento::ordenes::{self, Error};

/// Decide las operaciones de la biblioteca en PostgreSQL. Sin orden, sirve.
#[derive(Parser)]
#[command(version)]
struct Argumentos {
    #[command(subcommand)]
    orden: Option<Orden>,
}

#[derive(Subcommand)]
enum Orden {
    /// Carga el catálogo de un CSV; repetirlo no dobla nada
    Importar {
        /// El archivo, con la cabecera isbn13,titulo,autores,anio,idioma,popularidad
        csv: PathBuf,
    },
    /// Olvida las operaciones pedidas antes de un día: repetir una de ellas dará OPERACION_CADUCADA
    Podar {
        /// El día, como 2026-01-31 (UTC)
        #[arg(long)]
        antes_de: NaiveDate,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match correr(Argumentos::parse().orden).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gestor_almacenamiento: {error}");
            ExitCode::from(if matches!(error, Error::Ajuste(_)) { 2 } else { 1 })
        }
    }
}

async fn correr(orden: Option<Orden>) -> Result<(), Error> {
    let ajustes = Ajustes::leer()?;
    match orden {
        None => ordenes::servir(&ajustes).await,
        Some(Orden::Importar { csv }) => ordenes::importar(&csv, &ajustes).await,
        Some(Orden::Podar { antes_de }) => ordenes::podar(antes_de, &ajustes).await,
    }
}
