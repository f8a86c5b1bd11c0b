//! Decide de quién es un error de PostgreSQL: de la operación, del punto de almacenamiento, o de la mala suerte.

pub use crate::machine::{Culpa, nada_hecho};

/// Interbloqueo, fallo de serialización, una fila que otro retiene, y lo que `guardar_lote` dice si su foto ya no vale.
const CRUCES: [&str; 4] = ["40P01", "40001", "55P03", "AN001"];
/// Los índices que hacen cumplir una regla entre dos lotes a la vez: quien choca con uno leyó una foto que ya no vale.
const REGLAS: [&str; 2] = ["prestamo_abierto_por_ejemplar", "prestamo_abierto_por_ranura"];
/// Clases de SQLSTATE que hablan del servidor y no de lo que se le pide: sintaxis o permisos, recursos, intervención de
/// un operador, sistema, configuración, error interno, objeto en uso, transacción en mal estado, credenciales y base
/// inexistente.
const DEL_PUNTO: [&str; 10] = ["42", "53", "55", "57", "58", "F0", "XX", "25", "28", "3D"];
/// El servidor cierra la conexión: se apaga, se cae, aún arranca, o la transacción estuvo parada demasiado.
const SE_VA: [&str; 5] = ["57P01", "57P02", "57P03", "57P05", "25P03"];

impl Culpa {
    /// La de `error`.
    pub fn de(error: &sqlx::Error) -> Self {
        let Some(base) = error.as_database_error() else {
            return match error {
                // Un valor que no se puede escribir o leer: no hubo fallo de la base.
                sqlx::Error::Encode(_) | sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => {
                    Self::Operacion(error.to_string())
                }
                _ => Self::Conexion(error.to_string()),
            };
        };
        let codigo = base.code().unwrap_or_default();
        let motivo = format!("{codigo}: {}", base.message());
        if CRUCES.contains(&&*codigo) || base.constraint().is_some_and(|indice| REGLAS.contains(&indice)) {
            Self::Cruce(motivo)
        } else if SE_VA.contains(&&*codigo) || codigo.starts_with("08") {
            Self::Conexion(motivo)
        } else if DEL_PUNTO.iter().any(|clase| codigo.starts_with(clase)) {
            Self::Punto(motivo)
        } else {
            Self::Operacion(motivo)
        }
    }
}
