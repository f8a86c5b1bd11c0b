//! Un PostgreSQL privado: los binarios instalados, corridos como hijo propio sobre un zócalo Unix.
//!
//! - [`Instalacion`]: dónde están los datos y cómo se arranca el servidor; la usa el lanzador.
//! - [`Cluster`]: un servidor desechable para pruebas, con una base por prueba hecha de una plantilla.
//!
//! ```no_run
//! # async fn ejemplo() -> Result<(), Box<dyn std::error::Error>> {
//! let cluster = anaquel::postgres::Cluster::compartido()?;
//! let base = cluster.base_migrada(async |url_migracion: String| {
//!     // Aquí se corren las migraciones, una sola vez por proceso.
//!     # let _ = url_migracion;
//!     Ok::<(), std::io::Error>(())
//! }).await?;
//! println!("{} {}", base.url_migracion, base.url_servicio);
//! # Ok(()) }
//! ```

mod binarios;
mod catalogo;
mod cuenta;
mod desechable;
mod instalacion;
mod lugar;

use std::{io, path::PathBuf};

pub use catalogo::hay_catalogo;
pub use desechable::{Base, Cluster};
pub use instalacion::{AJUSTES_COMUNES, AJUSTES_DURADEROS, BASE, Instalacion, Modo, ORDENES_DE_ARRANQUE, Rol};

/// Por qué no hay PostgreSQL. Su texto es una línea que nombra el ajuste y la salida.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No hay servidor instalado, o `PG_BINDIR` no lo tiene.
    #[error("{0}")]
    SinBinarios(String),
    /// Somos root y no hay otra cuenta bajo la que correr.
    #[error(
        "PostgreSQL no corre como root y no existe la cuenta postgres ni nobody. \
         Corra anaquel con otra cuenta, o dé DATABASE_URL"
    )]
    SinCuenta,
    /// El directorio de datos no sirve.
    #[error("no se puede usar {} para los datos de PostgreSQL: {causa}. Dé en ANAQUEL_VAR un directorio que se pueda escribir", ruta.display())]
    Directorio { ruta: PathBuf, causa: io::Error },
    /// Un programa de PostgreSQL no se pudo lanzar o acabó mal.
    #[error("{programa} falló: {motivo}. Mire {}, o dé DATABASE_URL para usar otro servidor", registro.display())]
    Programa {
        /// `initdb` o `postgres`.
        programa: &'static str,
        /// La última línea que escribió, o el error del sistema.
        motivo: String,
        registro: PathBuf,
    },
    /// No aceptó conexiones a tiempo.
    #[error("PostgreSQL no estuvo listo en {segundos} s. Mire {}", registro.display())]
    Lento { segundos: u64, registro: PathBuf },
    /// Una orden a un servidor en marcha falló.
    #[error("PostgreSQL: {0}")]
    Orden(#[from] sqlx::Error),
    /// Quien migra la plantilla no pudo.
    #[error("no se pudo migrar la plantilla: {0}")]
    Plantilla(String),
}
