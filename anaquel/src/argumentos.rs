//! Cómo se escribe la orden `anaquel`.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

const AYUDA: &str = "
Ajustes (del entorno o, en minúsculas, del TOML que nombre ANAQUEL_CONFIG; el entorno manda):
  ANAQUEL_VAR             el directorio de la suite [var]
  ANAQUEL_PUERTO_BASE     el puerto de los clientes; los demás guardan su distancia [5555]
  ANAQUEL_ALMACENES       por dónde se llega a los dos almacenes, si hay un proxy en medio [directamente]
  DATABASE_URL            otra base, como el rol de servicio: con ella no se levanta PostgreSQL
  DATABASE_URL_MIGRACION  la misma base, como el dueño de las tablas [la de DATABASE_URL]
  ESPERA_BASE_MS          cuánto esperan los almacenes a la base al arrancar, en milisegundos [30000]
  PG_BINDIR               dónde están los programas de PostgreSQL, si no se hallan solos; solo en el entorno
  RUST_LOG                detalle del registro, también el de los servicios [info]";

/// El lanzador de una sola máquina de Anaquel
#[derive(Parser)]
#[command(
    name = "anaquel",
    arg_required_else_help = true,
    after_help = AYUDA
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
