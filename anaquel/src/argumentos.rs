//! Cómo se escribe la orden `anaquel`.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// El lanzador de una sola máquina de Anaquel
#[derive(Parser)]
#[command(
    name = "anaquel",
    arg_required_else_help = true,
    after_help = "\nAjustes del entorno:\n  \
        ANAQUEL_VAR          El directorio de la suite [por defecto: var]\n  \
        ANAQUEL_PUERTO_BASE  El puerto de los clientes; los demás guardan su distancia [por defecto: 5555]\n  \
        ANAQUEL_ALMACENES    Por dónde se llega a los dos almacenes, si hay un proxy en medio [por defecto: directamente]\n  \
        DATABASE_URL         Otra base: con ella no se levanta PostgreSQL\n  \
        PG_BINDIR            Dónde están los programas de PostgreSQL, si no se hallan solos"
)]
pub struct Argumentos {
    /// Qué hacer.
    #[command(subcommand)]
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
