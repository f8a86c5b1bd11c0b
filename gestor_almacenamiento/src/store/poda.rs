//! Olvida las operaciones antiguas: primero mueve el horizonte, y solo cuando está confirmado borra. Lo apartado que nadie
//! resolvió no se olvida.
//!
//! Ese orden es lo que la hace correcta. Quien reclama un id que aquí se borró lo ve nuevo, pero lee el horizonte después
//! de reclamarlo, y el horizonte ya estaba movido: lo da por caducado en vez de hacerlo otra vez.

use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use uuid::Uuid;

/// Operaciones por transacción: cada una es corta y no retiene a quien repite un id.
const TROZO: i64 = 5_000;

/// Borra las operaciones con id anterior a `antes_de`; llama a `progreso` con las borradas hasta el momento.
///
/// # Errors
/// [`sqlx::Error`]; lo ya borrado lo está, y repetirla sigue donde quedó.
pub async fn podar(
    duenio: &PgConnectOptions,
    antes_de: DateTime<Utc>,
    mut progreso: impl FnMut(u64),
) -> sqlx::Result<u64> {
    let mut c = PgConnection::connect_with(duenio).await?;
    let sql = "-- poda::mover_horizonte
        UPDATE horizonte SET desde = greatest(desde, $1)";
    sqlx::query(sql).bind(antes_de).execute(&mut c).await?;
    let sql = "-- poda::borrar
        DELETE FROM operaciones
        WHERE id = ANY (ARRAY(SELECT id FROM operaciones WHERE id < $1 AND estado <> 'apartada' ORDER BY id LIMIT $2))";
    let resueltas = "-- poda::borrar_resueltas
        DELETE FROM apartadas WHERE id < $1 AND resuelta IS NOT NULL";
    let limite = primer_id(antes_de);
    let mut borradas = 0;
    loop {
        let hecho = sqlx::query(sql).bind(limite).bind(TROZO).execute(&mut c).await?.rows_affected();
        borradas += hecho;
        progreso(borradas);
        if hecho == 0 {
            sqlx::query(resueltas).bind(limite).execute(&mut c).await?;
            c.close().await?;
            return Ok(borradas);
        }
    }
}

/// El menor id que pudo crearse en ese milisegundo.
fn primer_id(cuando: DateTime<Utc>) -> Uuid {
    let ms = u128::try_from(cuando.timestamp_millis()).unwrap_or(0);
    Uuid::from_u128((ms & 0xffff_ffff_ffff) << 80)
}
