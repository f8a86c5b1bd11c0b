//! Todo el SQL. Aquí no hay reglas: se leen filas, se pliegan con [`common::dominio::reglas`] y se escribe lo que cambió.
//!
//! - [`base`]: a qué base se entra, con qué rol y con qué plazos; migraciones y espera al arrancar.
//! - [`migraciones`]: las que van dentro del programa.
//! - [`conexiones`]: las conexiones abiertas que no usa nadie.
//! - [`escritura`]: un lote, entero y de una vez; repetirlo y partirlo.
//! - [`foto`] y [`guardado`]: sus dos viajes, lo que se lee para decidir y lo decidido.
//! - [`cierre`]: decidir en contra de lo que nadie decidió.
//! - [`administracion`]: lo que pide una persona; [`apartadas`], lo que resuelve; [`cuentas`], lo que se cuenta.
//! - [`consultas`]: lo que se pregunta sin cambiar nada, y la salud.
//! - [`poda`]: olvidar las operaciones antiguas.
//! - [`fallo`]: qué error es de la operación y cuál del punto de almacenamiento.
//! - [`catalogo`]: la importación.

/// Dice de qué columnas, por su nombre, se lee una fila. Lo mismo hace el derive de sqlx, que trae a la construcción un
/// centenar de unidades.
macro_rules! de_columnas {
    ($fila:ident: $($columna:ident),+) => {
        impl sqlx::FromRow<'_, sqlx::postgres::PgRow> for $fila {
            fn from_row(fila: &sqlx::postgres::PgRow) -> sqlx::Result<Self> {
                use sqlx::Row as _;
                Ok(Self { $($columna: fila.try_get(stringify!($columna))?),+ })
            }
        }
    };
}

pub mod administracion;
pub mod apartadas;
pub mod base;
pub mod catalogo;
mod cierre;
pub mod conexiones;
pub mod consultas;
pub mod cuentas;
pub mod escritura;
pub mod fallo;
pub mod foto;
mod guardado;
pub mod migraciones;
pub mod poda;

pub use base::Base;
pub use conexiones::Conexiones;
