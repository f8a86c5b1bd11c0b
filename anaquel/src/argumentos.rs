//! Cómo se escribe la orden `anaquel`; la ayuda sale de aquí.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// El lanzador de una sola máquina de Anaquel.
///
/// ANAQUEL_VAR (por defecto «var») es el directorio de la suite y ANAQUEL_PUERTO_BASE (5555) el puerto de los clientes:
/// con otros, dos suites corren a la vez. Con DATABASE_URL no se levanta PostgreSQL; PG_BINDIR dice dónde está.
#[derive(Parser)]
#[command(name = "anaquel", version, disable_help_subcommand = true)]
pub struct Argumentos {
    #[command(subcommand)]
    /// Qué hacer.
    pub orden: Subordenes,
}

/// Lo que sabe hacer.
#[derive(Subcommand)]
pub enum Subordenes {
    /// Levanta la suite en primer plano; Ctrl-C la apaga entera y en orden
    Servir {
        /// El catálogo que se carga si no hay ninguno [por defecto: datos/libros_10k.csv, si está]
        #[arg(long, value_name = "CSV")]
        catalogo: Option<PathBuf>,
    },
    /// Muestra cómo está cada proceso de la suite en marcha
    Estado,
    /// Para un proceso, y queda parado
    Parar {
        /// Su nombre, como lo dice «anaquel estado»
        nombre: String,
    },
    /// Pone en marcha un proceso parado, y espera a que esté listo
    Iniciar {
        /// Su nombre, como lo dice «anaquel estado»
        nombre: String,
    },
}
