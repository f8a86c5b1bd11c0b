//! Si la base ya tiene el catálogo.

use std::time::Duration;

use sqlx::{Connection, PgConnection};

use super::Error;

/// Cuánto se espera a una base que ya se sabe lista.
const PLAZO: Duration = Duration::from_secs(10);
const TABLA_DESCONOCIDA: &str = "42P01";

/// Si hay libros y los préstamos del principio, que se cargan los últimos: uno a medias no cuenta.
///
/// # Errors
/// Si la base no contesta.
pub async fn hay_catalogo(url: &str) -> Result<bool, Error> {
    let pregunta = async {
        let mut conexion = PgConnection::connect(url).await?;
        let hay = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM libros) AND EXISTS (SELECT 1 FROM prestamos)")
            .fetch_one(&mut conexion)
            .await;
        conexion.close().await?;
        hay
    };
    match tokio::time::timeout(PLAZO, pregunta).await.unwrap_or(Err(sqlx::Error::PoolTimedOut)) {
        Err(sqlx::Error::Database(e)) if e.code().as_deref() == Some(TABLA_DESCONOCIDA) => Ok(false),
        hay => Ok(hay?),
    }
}
