//! La base de la referencia: en el mismo clúster, con el mismo esquema y las mismas reglas en funciones guardadas.

use anaquel::postgres::{Instalacion, Rol};
use gestor_almacenamiento::store::migraciones;
use sqlx::{Connection, PgConnection};

/// Su base, al lado de la de la suite.
pub const BASE: &str = "referencia";

const FUNCIONES: &str = include_str!("referencia.sql");

/// La hace, con su esquema, sus sedes y sus funciones.
pub async fn hacer(instalacion: &Instalacion) -> sqlx::Result<()> {
    let mut administrador = PgConnection::connect(&instalacion.url(Rol::Administrador, "postgres")).await?;
    let sql = "-- referencia::hacer
        CREATE DATABASE referencia OWNER anaquel_migracion";
    sqlx::raw_sql(sql).execute(&mut administrador).await?;
    // Como entran los gestores de almacenamiento: los planes se hacen una vez por conexión, y por índice.
    let sql = "-- referencia::ajustar
        ALTER DATABASE referencia SET plan_cache_mode = force_generic_plan;
        ALTER DATABASE referencia SET enable_seqscan = off";
    sqlx::raw_sql(sql).execute(&mut administrador).await?;
    administrador.close().await?;
    let mut duenio = PgConnection::connect(&instalacion.url(Rol::Migracion, BASE)).await?;
    migraciones::todas().run(&mut duenio).await.map_err(|e| sqlx::Error::Configuration(e.into()))?;
    sqlx::raw_sql(FUNCIONES).execute(&mut duenio).await?;
    duenio.close().await
}

/// Los ajustes del servidor de los que depende lo medido, con su valor.
pub async fn ajustes(instalacion: &Instalacion) -> sqlx::Result<Vec<(String, String)>> {
    let mut conexion = PgConnection::connect(&instalacion.url(Rol::Migracion, BASE)).await?;
    let sql = "-- referencia::ajustes
        SELECT name, current_setting(name) FROM pg_settings
        WHERE name IN ('server_version', 'fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers',
            'max_connections', 'max_wal_size', 'wal_sync_method')
        ORDER BY name <> 'server_version', name";
    let filas = sqlx::query_as(sql).fetch_all(&mut conexion).await?;
    conexion.close().await?;
    Ok(filas)
}
