//! Cómo se escribe la orden `anaquel`: de aquí salen la ayuda y la queja de lo mal escrito.

use std::path::PathBuf;

use clap::{
    ArgAction, Parser, Subcommand,
    error::{ContextKind, ContextValue},
};

const PLANTILLA: &str = "{about-with-newline}\nUso: {usage}\n\n{all-args}{after-help}\n";

/// El lanzador de una sola máquina de Anaquel
#[derive(Parser)]
#[command(
    name = "anaquel",
    help_template = PLANTILLA,
    subcommand_help_heading = "Órdenes",
    subcommand_value_name = "ORDEN",
    disable_help_subcommand = true,
    disable_help_flag = true,
    arg_required_else_help = true,
    after_help = "\nAjustes del entorno:\n  \
        ANAQUEL_VAR          El directorio de la suite [por defecto: var]\n  \
        ANAQUEL_PUERTO_BASE  El puerto de los clientes; los demás guardan su distancia [por defecto: 5555]\n  \
        DATABASE_URL         Otra base: con ella no se levanta PostgreSQL\n  \
        PG_BINDIR            Dónde están los programas de PostgreSQL, si no se hallan solos"
)]
pub struct Argumentos {
    /// Qué hacer.
    #[command(subcommand)]
    pub orden: Subordenes,
    /// Muestra esta ayuda
    #[arg(short = 'h', long = "help", alias = "ayuda", action = ArgAction::Help, global = true, help_heading = "Opciones")]
    ayuda: Option<bool>,
}

/// Lo que sabe hacer.
#[derive(Subcommand)]
pub enum Subordenes {
    /// Levanta la suite en primer plano; Ctrl-C la apaga entera y en orden
    #[command(help_template = PLANTILLA, override_usage = "anaquel servir [--catalogo CSV]")]
    Servir {
        /// El catálogo que se carga si no hay ninguno [por defecto: datos/libros_10k.csv, si está]
        #[arg(long, value_name = "CSV", help_heading = "Opciones")]
        catalogo: Option<PathBuf>,
    },
    /// Muestra cómo está cada proceso de la suite en marcha
    #[command(help_template = PLANTILLA)]
    Estado,
    /// Para un proceso, y queda parado
    #[command(help_template = PLANTILLA)]
    Parar {
        /// Su nombre, como lo dice «anaquel estado»
        #[arg(help_heading = "Qué hay que decir")]
        nombre: String,
    },
    /// Pone en marcha un proceso parado, y espera a que esté listo
    #[command(help_template = PLANTILLA)]
    Iniciar {
        /// Su nombre, como lo dice «anaquel estado»
        #[arg(help_heading = "Qué hay que decir")]
        nombre: String,
    },
}

/// La queja de una orden mal escrita, en una línea.
pub fn queja(error: &clap::Error) -> String {
    let dicho = [ContextKind::InvalidSubcommand, ContextKind::InvalidArg, ContextKind::InvalidValue]
        .into_iter()
        .find_map(|clase| match error.get(clase)? {
            ContextValue::String(texto) => Some(texto.clone()),
            ContextValue::Strings(textos) => Some(textos.join(" ")),
            _ => None,
        });
    let dicho = dicho.map_or_else(String::new, |d| format!(" ({d})"));
    format!("la orden no se entiende{dicho}. «anaquel --help» dice cómo se escribe")
}
