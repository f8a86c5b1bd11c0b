//! El SQL de la importación: todo en una transacción, y repetirla no cambia nada.
//!
//! Lo que ya existe solo se toca si cambió: una importación repetida no bloquea ninguna fila a quien está prestando.

use std::collections::HashSet;

use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use uuid::Uuid;

use crate::importar::{
    fila::Libro,
    muestra::{Ejemplar, PrestamoDePartida, SEDES, Usuario},
};

/// La importación en curso. Soltarla sin [`Catalogo::confirmar`] la deshace.
pub struct Catalogo {
    conexion: PgConnection,
}

/// Por qué la base no admitió la importación.
pub type ErrorDeCatalogo = sqlx::Error;

/// Qué fue de un lote de libros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recuento {
    pub nuevas: u64,
    /// Estaban, con otros datos.
    pub cambiadas: u64,
}

impl Catalogo {
    /// Abre la transacción. Dos importaciones a la vez van una tras otra.
    pub async fn abrir(opciones: &PgConnectOptions) -> sqlx::Result<Self> {
        let mut conexion = PgConnection::connect_with(opciones).await?;
        let sql = "-- catalogo::abrir
            BEGIN";
        sqlx::raw_sql(sql).execute(&mut conexion).await?;
        let sql = "-- catalogo::uno_a_la_vez
            SELECT pg_advisory_xact_lock(hashtext('anaquel.importar'))";
        sqlx::query(sql).execute(&mut conexion).await?;
        Ok(Self { conexion })
    }

    /// Si no hay ningún ejemplar: es la primera importación.
    pub async fn vacio(&mut self) -> sqlx::Result<bool> {
        let sql = "-- catalogo::vacio
            SELECT NOT EXISTS (SELECT FROM ejemplares)";
        sqlx::query_scalar(sql).fetch_one(&mut self.conexion).await
    }

    /// El número del último ejemplar; 0 si no hay ninguno.
    pub async fn ultimo_ejemplar(&mut self) -> sqlx::Result<u32> {
        let sql = "-- catalogo::ultimo_ejemplar
            SELECT coalesce(max(substr(ejemplar_id, 2)::integer), 0) FROM ejemplares WHERE ejemplar_id ~ '^E[0-9]{6,9}$'";
        let ultimo: i32 = sqlx::query_scalar(sql).fetch_one(&mut self.conexion).await?;
        Ok(u32::try_from(ultimo).expect("el patrón no admite el signo"))
    }

    /// Las sedes que falten.
    pub async fn sedes(&mut self) -> sqlx::Result<u64> {
        let sql = "-- catalogo::sedes
            INSERT INTO sedes (sede_id, nombre) SELECT * FROM unnest($1::text[], $2::text[])
            ON CONFLICT (sede_id) DO NOTHING";
        let (ids, nombres): (Vec<&str>, Vec<&str>) = SEDES.into_iter().unzip();
        let hecho = sqlx::query(sql).bind(ids).bind(nombres).execute(&mut self.conexion).await?;
        Ok(hecho.rows_affected())
    }

    /// Los usuarios que falten; a los que están no se les toca.
    pub async fn usuarios(&mut self, usuarios: &[Usuario]) -> sqlx::Result<u64> {
        let sql = "-- catalogo::usuarios
            INSERT INTO usuarios (usuario_id, nombre, categoria, bloqueado)
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[])
            ON CONFLICT (usuario_id) DO NOTHING";
        let hecho = sqlx::query(sql)
            .bind(columna(usuarios, |u| u.id.as_str()))
            .bind(columna(usuarios, |u| u.nombre.as_str()))
            .bind(columna(usuarios, |u| u.categoria.as_str()))
            .bind(columna(usuarios, |u| u.bloqueado))
            .execute(&mut self.conexion)
            .await?;
        Ok(hecho.rows_affected())
    }

    /// Un lote de libros sin ISBN repetidos: mete los nuevos y corrige los que cambiaron.
    pub async fn libros(&mut self, libros: &[Libro]) -> sqlx::Result<Recuento> {
        let nuevas = self.ejecutar_con_libros(INSERTAR_LIBROS, libros).await?;
        let todas = u64::try_from(libros.len()).expect("un lote");
        let cambiadas = if nuevas == todas { 0 } else { self.ejecutar_con_libros(CORREGIR_LIBROS, libros).await? };
        Ok(Recuento { nuevas, cambiadas })
    }

    async fn ejecutar_con_libros(&mut self, sql: &'static str, libros: &[Libro]) -> sqlx::Result<u64> {
        let hecho = sqlx::query(sql)
            .bind(columna(libros, |l| l.isbn.as_str()))
            .bind(columna(libros, |l| l.titulo.as_str()))
            .bind(columna(libros, |l| l.autores.as_str()))
            .bind(columna(libros, |l| l.anio))
            .bind(columna(libros, |l| l.idioma.as_deref()))
            .bind(columna(libros, |l| l.popularidad))
            .execute(&mut self.conexion)
            .await?;
        Ok(hecho.rows_affected())
    }

    /// De `libros`, los ISBN que ya tienen ejemplares.
    pub async fn con_ejemplares(&mut self, libros: &[Libro]) -> sqlx::Result<HashSet<String>> {
        let sql = "-- catalogo::con_ejemplares
            SELECT DISTINCT isbn FROM ejemplares WHERE isbn = ANY($1)";
        let isbns = columna(libros, |l| l.isbn.as_str());
        Ok(sqlx::query_scalar(sql).bind(isbns).fetch_all(&mut self.conexion).await?.into_iter().collect())
    }

    /// Ejemplares nuevos.
    pub async fn ejemplares(&mut self, ejemplares: &[Ejemplar]) -> sqlx::Result<u64> {
        let sql = "-- catalogo::ejemplares
            INSERT INTO ejemplares (ejemplar_id, isbn, sede_id) SELECT * FROM unnest($1::text[], $2::text[], $3::text[])";
        let hecho = sqlx::query(sql)
            .bind(columna(ejemplares, |e| e.id.as_str()))
            .bind(columna(ejemplares, |e| e.isbn.as_str()))
            .bind(columna(ejemplares, |e| SEDES[e.sede].0))
            .execute(&mut self.conexion)
            .await?;
        Ok(hecho.rows_affected())
    }

    /// Los préstamos de partida, cada uno con la operación que lo decidió.
    pub async fn prestamos(&mut self, prestamos: &[PrestamoDePartida]) -> sqlx::Result<u64> {
        let ids = columna(prestamos, |p| p.prestamo.id.uuid());
        let desde = columna(prestamos, |p| p.prestamo.desde);
        let sql = "-- catalogo::operaciones
            INSERT INTO operaciones (id, huella, tipo, estado, codigo, respuesta, aceptada)
            SELECT id, huella, 'prestamo', 'aplicada', 'OK', respuesta, aceptada
            FROM unnest($1::uuid[], $2::bytea[], $3::text[], $4::timestamptz[]) AS n (id, huella, respuesta, aceptada)";
        sqlx::query(sql)
            .bind(&ids)
            .bind(columna(prestamos, |p| p.huella.as_bytes().as_slice()))
            .bind(columna(prestamos, |p| p.respuesta.cuerpo.get()))
            .bind(&desde)
            .execute(&mut self.conexion)
            .await?;
        let sql = "-- catalogo::prestamos
            INSERT INTO prestamos (prestamo_id, ejemplar_id, isbn, usuario_id, desde, vence)
            SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[])";
        let hecho = sqlx::query(sql)
            .bind(&ids)
            .bind(columna(prestamos, |p| p.prestamo.ejemplar.as_str()))
            .bind(columna(prestamos, |p| p.prestamo.isbn.as_str()))
            .bind(columna(prestamos, |p| p.prestamo.usuario.as_str()))
            .bind(&desde)
            .bind(columna(prestamos, |p| p.prestamo.vence))
            .execute(&mut self.conexion)
            .await?;
        self.contar(&ids).await?;
        Ok(hecho.rows_affected())
    }

    /// Los préstamos de partida también se cuentan.
    async fn contar(&mut self, ids: &[Uuid]) -> sqlx::Result<()> {
        let sql = "-- catalogo::contar
            INSERT INTO sumandos (tipos, codigos, sedes, cuantas, isbns, prestamos)
            SELECT array_agg('prestamo'::text), array_agg('OK'::text), array_agg(e.sede_id), array_agg(1), array_agg(p.isbn),
                array_agg(1)
            FROM prestamos AS p JOIN ejemplares AS e USING (ejemplar_id) WHERE p.prestamo_id = ANY($1)
            HAVING count(*) > 0";
        sqlx::query(sql).bind(ids).execute(&mut self.conexion).await.map(drop)
    }

    /// Hace firme la importación y, si hubo novedades, pone al día las estadísticas del planificador: sin ellas
    /// elegiría malos planes hasta que autovacuum pasara.
    pub async fn confirmar(mut self, hay_novedades: bool) -> sqlx::Result<()> {
        let sql = "-- catalogo::confirmar
            COMMIT";
        sqlx::raw_sql(sql).execute(&mut self.conexion).await?;
        if hay_novedades {
            let sql = "-- catalogo::analizar
                ANALYZE libros, ejemplares, usuarios, prestamos, operaciones";
            sqlx::raw_sql(sql).execute(&mut self.conexion).await?;
        }
        self.conexion.close().await
    }
}

const INSERTAR_LIBROS: &str = "-- catalogo::insertar_libros
    INSERT INTO libros (isbn, titulo, autores, anio, idioma, popularidad)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::smallint[], $5::text[], $6::integer[])
    ON CONFLICT (isbn) DO NOTHING";

const CORREGIR_LIBROS: &str = "-- catalogo::corregir_libros
    UPDATE libros AS l
    SET titulo = n.titulo, autores = n.autores, anio = n.anio, idioma = n.idioma, popularidad = n.popularidad
    FROM unnest($1::text[], $2::text[], $3::text[], $4::smallint[], $5::text[], $6::integer[])
        AS n (isbn, titulo, autores, anio, idioma, popularidad)
    WHERE l.isbn = n.isbn
        AND (l.titulo, l.autores, l.anio, l.idioma, l.popularidad)
            IS DISTINCT FROM (n.titulo, n.autores, n.anio, n.idioma, n.popularidad)";

/// Una columna de un lote.
fn columna<'a, F, T>(filas: &'a [F], campo: impl Fn(&'a F) -> T) -> Vec<T> {
    filas.iter().map(campo).collect()
}
