//! `gestor_almacenamiento`: sirve, importa el catálogo o poda la historia.

#![forbid(unsafe_code)]

use std::{path::PathBuf, process::ExitCode};

use chrono::NaiveDate;
use clap::{Parser, Subcommand};
use common::process::{arranque, orden, salud};
use gestor_almacenamiento::{
    ordenes::{self, AjustesAlmacen},
    store::Base,
};

const NOMBRE: &str = "gestor_almacenamiento";
const AYUDA: &str = "
Ajustes (del entorno o, en minúsculas, del TOML que nombre ANAQUEL_CONFIG; el entorno manda):
  DATABASE_URL                          la base, como el rol de servicio [la que digan los DB_*]
  DATABASE_URL_CLAVE_ARCHIVO            archivo con la clave de ese rol; manda sobre la de la URL
  DATABASE_URL_MIGRACION                la misma base, como el dueño de las tablas [la de DATABASE_URL]
  DATABASE_URL_MIGRACION_CLAVE_ARCHIVO  archivo con la clave del dueño; manda sobre la de su URL
  DB_HOST                               máquina de la base, si no hay DATABASE_URL [127.0.0.1]
  DB_PORT                               su puerto [5432]
  DB_NAME                               nombre de la base [anaquel]
  DB_USER                               rol con que se entra [anaquel_servicio]
  DB_PASS                               su clave; mejor, en el archivo de DATABASE_URL_CLAVE_ARCHIVO
  ESPERA_BASE_MS                        cuánto se espera a la base al arrancar, en milisegundos [30000]
  GESTOR_ALMACENAMIENTO_BIND            dónde se atienden las peticiones [127.0.0.1:5570]
  HTTP_ADDR                             dirección de /salud, /listo y /metrics [127.0.0.1:5656]
  RUST_LOG                              detalle del registro [info]

Salida: 0 bien, 2 una orden o un ajuste mal escritos, 1 cualquier otro fallo.";

/// Decide las operaciones de la biblioteca en PostgreSQL. Sin orden, sirve
#[derive(Parser)]
#[command(name = NOMBRE, after_help = AYUDA)]
struct Argumentos {
    #[command(subcommand)]
    orden: Option<Subcomando>,
}

#[derive(Subcommand)]
enum Subcomando {
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
    #[command(about = salud::QUE_HACE)]
    Salud,
}

fn main() -> ExitCode {
    let orden = match orden::leer::<Argumentos>() {
        Ok(argumentos) => argumentos.orden,
        Err(salida) => return salida,
    };
    match orden {
        None => arranque::servicio(NOMBRE, AjustesAlmacen::leer, ordenes::servir),
        Some(Subcomando::Importar { csv }) => {
            arranque::correr(NOMBRE, Base::de_ajustes, async |base| ordenes::importar(&csv, &base).await)
        }
        Some(Subcomando::Podar { antes_de }) => {
            arranque::correr(NOMBRE, Base::de_ajustes, async |base| ordenes::podar(antes_de, &base).await)
        }
        Some(Subcomando::Salud) => arranque::salud(NOMBRE, AjustesAlmacen::leer_http),
    }
}
