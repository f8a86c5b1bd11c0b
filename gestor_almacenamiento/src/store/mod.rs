//! Todo el SQL. Aquí no se decide nada: se leen filas y se escribe lo que la máquina decidió.
//!
//! - [`base`]: a qué base se entra, con qué rol y con qué plazos; migraciones y espera al arrancar.
//! - [`migraciones`]: las que van dentro del programa.
//! - [`conexiones`]: las conexiones abiertas que no usa nadie.
//! - [`escritura`]: mueve la máquina de un lote ([`crate::machine`]) contra la base.
//! - [`foto`] y [`guardado`]: sus dos viajes, lo que se lee para decidir y lo decidido.
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
