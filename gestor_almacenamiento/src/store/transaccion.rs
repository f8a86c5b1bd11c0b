//! Las sentencias de la transacción que decide un lote, en su orden.
//!
//! El orden es lo que la hace correcta: reclamar los ids (espera a un gemelo sin confirmar), bloquear las filas, y solo
//! en la sentencia siguiente leer lo que depende de ellas: una sentencia que esperó por una fila relee esa fila, no lo
//! demás que ya había visto.

use std::{collections::HashMap, str::FromStr};

use chrono::{DateTime, Utc};
use common::{
    dominio::{
        Codigo, Comando, EjemplarId, Huella, Isbn, Objeto, OperacionId, UsuarioId,
        reglas::{Cambios, Ejemplar, Filas, Prestamo, Usuario},
    },
    mensajes::{Orden, RespuestaGuardada},
};
use serde_json::value::RawValue;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

/// Lo que había bajo un id al reclamarlo.
pub(super) enum Reclamo {
    /// Nada: hay que decidirla.
    Nuevo,
    /// La misma, decidida.
    Repetida(RespuestaGuardada),
    /// Otra, con el mismo id.
    Ajena,
}

#[derive(FromRow)]
struct FilaReclamada {
    id: Uuid,
    nueva: bool,
    huella: Vec<u8>,
    codigo: Option<String>,
    respuesta: Option<String>,
}

/// Abre la transacción.
pub(super) async fn empezar(c: &mut PgConnection) -> sqlx::Result<()> {
    let sql = "-- transaccion::empezar
        BEGIN";
    sqlx::raw_sql(sql).execute(c).await.map(drop)
}

/// La hace firme.
pub(super) async fn confirmar(c: &mut PgConnection) -> sqlx::Result<()> {
    let sql = "-- transaccion::confirmar
        COMMIT";
    sqlx::raw_sql(sql).execute(c).await.map(drop)
}

/// La deshace.
pub(super) async fn deshacer(c: &mut PgConnection) -> sqlx::Result<()> {
    let sql = "-- transaccion::deshacer
        ROLLBACK";
    sqlx::raw_sql(sql).execute(c).await.map(drop)
}

/// Reclama los ids de `ordenes`, que vienen sin repetir y en orden de id.
pub(super) async fn reclamar(c: &mut PgConnection, ordenes: &[Orden]) -> sqlx::Result<HashMap<OperacionId, Reclamo>> {
    // Lo que una repetición no necesita no se lee: casi todas son nuevas.
    let sql = "-- transaccion::reclamar
        INSERT INTO operaciones AS o (id, huella, tipo, aceptada)
        SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::text[], $4::timestamptz[])
        ON CONFLICT (id) DO UPDATE SET intentos = o.intentos + 1
        RETURNING id, intentos = 1 AS nueva, huella, codigo, respuesta::text";
    let filas: Vec<FilaReclamada> = sqlx::query_as(sql)
        .bind(columna(ordenes, |o| o.id.uuid()))
        .bind(columna(ordenes, |o| o.huella.as_bytes().as_slice()))
        .bind(columna(ordenes, |o| o.comando.tipo().as_str()))
        .bind(columna(ordenes, |o| o.aceptada.fecha()))
        .fetch_all(c)
        .await?;
    let pedidas: HashMap<OperacionId, Huella> = ordenes.iter().map(|o| (o.id, o.huella)).collect();
    filas
        .into_iter()
        .map(|fila| {
            let id = OperacionId::try_new(fila.id).map_err(ilegible)?;
            Ok((id, fila.reclamo(pedidas.get(&id))?))
        })
        .collect()
}

impl FilaReclamada {
    fn reclamo(self, pedida: Option<&Huella>) -> sqlx::Result<Reclamo> {
        if self.nueva {
            return Ok(Reclamo::Nuevo);
        }
        if Huella::from_bytes(&self.huella).as_ref() != pedida {
            return Ok(Reclamo::Ajena);
        }
        match (self.codigo, self.respuesta) {
            (Some(codigo), Some(respuesta)) => Ok(Reclamo::Repetida(guardada(&codigo, respuesta)?)),
            _ => Err(ilegible(format!("la operación {} está sin respuesta", self.id))),
        }
    }
}

/// La respuesta que hay en una fila de `operaciones`.
pub(super) fn guardada(codigo: &str, respuesta: String) -> sqlx::Result<RespuestaGuardada> {
    let codigo = codigo_de(codigo)?;
    Ok(RespuestaGuardada { codigo, cuerpo: RawValue::from_string(respuesta).map_err(ilegible)? })
}

fn codigo_de(texto: &str) -> sqlx::Result<Codigo> {
    Codigo::TODOS
        .iter()
        .find(|c| c.as_str() == texto)
        .copied()
        .ok_or_else(|| ilegible(format!("«{texto}» no es un código")))
}

/// Lo que nombran las órdenes de un lote, ordenado y sin repetir.
struct Nombrado {
    ejemplares: Vec<EjemplarId>,
    libros: Vec<Isbn>,
    usuarios: Vec<UsuarioId>,
}

impl Nombrado {
    fn por<'a>(comandos: impl Iterator<Item = &'a Comando>) -> Self {
        let mut esto = Self { ejemplares: Vec::new(), libros: Vec::new(), usuarios: Vec::new() };
        for comando in comandos {
            match comando.objeto() {
                Objeto::Ejemplar(ejemplar) => esto.ejemplares.push(ejemplar),
                Objeto::Libro(isbn) => esto.libros.push(isbn),
            }
            esto.usuarios.extend(comando.usuario());
        }
        sin_repetir(&mut esto.ejemplares);
        sin_repetir(&mut esto.libros);
        sin_repetir(&mut esto.usuarios);
        esto
    }
}

fn sin_repetir<T: Ord>(lista: &mut Vec<T>) {
    lista.sort_unstable();
    lista.dedup();
}

/// Lo que se lee de la base para decidir.
pub(super) struct Cargado {
    pub filas: Filas,
    /// La hora de la base.
    pub ahora: DateTime<Utc>,
    /// Desde cuándo se recuerdan las operaciones.
    pub horizonte: DateTime<Utc>,
}

/// Bloquea lo que nombran los comandos y lo lee.
pub(super) async fn cargar<'a>(
    c: &mut PgConnection,
    comandos: impl Iterator<Item = &'a Comando>,
) -> sqlx::Result<Cargado> {
    let nombrado = Nombrado::por(comandos);
    let mut filas = Filas::default();
    let ejemplares = bloquear(c, &nombrado, &mut filas).await?;
    if !nombrado.libros.is_empty() {
        libros(c, &nombrado, &mut filas).await?;
    }
    leer(c, &ejemplares, &nombrado.usuarios, filas).await
}

#[derive(FromRow)]
struct FilaBloqueada {
    id: String,
    /// De un ejemplar, su ISBN; de un usuario, su categoría.
    isbn_o_categoria: String,
    sede: Option<String>,
    /// Solo lo tienen los usuarios.
    bloqueado: Option<bool>,
}

/// Primero los ejemplares por id y después los usuarios por id: el mismo orden en todas partes, y nadie se cruza. De un
/// título nombrado por su ISBN se bloquean todas las copias: quien elige una excluye a quien nombra cualquiera de ellas.
async fn bloquear(c: &mut PgConnection, nombrado: &Nombrado, filas: &mut Filas) -> sqlx::Result<Vec<String>> {
    let sql = "-- transaccion::bloquear
        SELECT * FROM (
            SELECT ejemplar_id AS id, isbn AS isbn_o_categoria, sede_id AS sede, NULL::boolean AS bloqueado
            FROM ejemplares WHERE ejemplar_id = ANY($1) OR isbn = ANY($2)
            ORDER BY ejemplar_id FOR NO KEY UPDATE
        ) AS e UNION ALL SELECT * FROM (
            SELECT usuario_id, categoria, NULL, bloqueado
            FROM usuarios WHERE usuario_id = ANY($3)
            ORDER BY usuario_id FOR NO KEY UPDATE
        ) AS u";
    let leidas: Vec<FilaBloqueada> = sqlx::query_as(sql)
        .bind(columna(&nombrado.ejemplares, EjemplarId::as_str))
        .bind(columna(&nombrado.libros, Isbn::as_str))
        .bind(columna(&nombrado.usuarios, UsuarioId::as_str))
        .fetch_all(c)
        .await?;
    let mut ejemplares = Vec::with_capacity(leidas.len());
    for fila in leidas {
        if let Some(bloqueado) = fila.bloqueado {
            filas.con_usuario(Usuario {
                id: etiqueta(&fila.id)?,
                categoria: fila.isbn_o_categoria.parse().map_err(ilegible)?,
                bloqueado,
                abiertos: 0,
            });
            continue;
        }
        filas.con_ejemplar(Ejemplar {
            id: etiqueta(&fila.id)?,
            isbn: etiqueta(&fila.isbn_o_categoria)?,
            sede: etiqueta(fila.sede.as_deref().unwrap_or_default())?,
        });
        ejemplares.push(fila.id);
    }
    Ok(ejemplares)
}

/// Los títulos que existen, tengan o no ejemplares.
async fn libros(c: &mut PgConnection, nombrado: &Nombrado, filas: &mut Filas) -> sqlx::Result<()> {
    let sql = "-- transaccion::libros
        SELECT isbn FROM libros WHERE isbn = ANY($1)";
    let hay: Vec<String> = sqlx::query_scalar(sql).bind(columna(&nombrado.libros, Isbn::as_str)).fetch_all(c).await?;
    for isbn in hay {
        filas.con_libro(etiqueta(&isbn)?);
    }
    Ok(())
}

/// Tres clases de fila: el reloj y el horizonte; cuántos préstamos abiertos tiene un usuario; un préstamo abierto.
#[derive(FromRow)]
struct FilaLeida {
    prestamo_id: Option<Uuid>,
    ejemplar_id: Option<String>,
    isbn: Option<String>,
    usuario_id: Option<String>,
    desde: Option<DateTime<Utc>>,
    vence: Option<DateTime<Utc>>,
    /// Renovaciones de un préstamo, o préstamos abiertos de un usuario.
    cuenta: Option<i64>,
}

/// Lo que depende de las filas ya bloqueadas, y el horizonte, que se lee después de reclamar: quien poda lo mueve antes
/// de borrar, así que un id nuevo porque se borró siempre se ve caducado.
async fn leer(
    c: &mut PgConnection,
    ejemplares: &[String],
    usuarios: &[UsuarioId],
    mut filas: Filas,
) -> sqlx::Result<Cargado> {
    let sql = "-- transaccion::leer
        SELECT NULL::uuid AS prestamo_id, NULL AS ejemplar_id, NULL AS isbn, NULL AS usuario_id,
            clock_timestamp() AS desde, h.desde AS vence, NULL::bigint AS cuenta
        FROM horizonte AS h
        UNION ALL
        SELECT NULL, NULL, NULL, usuario_id, NULL, NULL, count(*)
        FROM prestamos WHERE usuario_id = ANY($2) AND devuelto IS NULL GROUP BY usuario_id
        UNION ALL
        SELECT prestamo_id, ejemplar_id, isbn, usuario_id, desde, vence, renovaciones::bigint
        FROM prestamos WHERE ejemplar_id = ANY($1) AND devuelto IS NULL";
    let leidas: Vec<FilaLeida> =
        sqlx::query_as(sql).bind(ejemplares).bind(columna(usuarios, UsuarioId::as_str)).fetch_all(c).await?;
    let mut reloj = None;
    for fila in leidas {
        match (fila.prestamo_id, &fila.usuario_id) {
            (Some(id), _) => filas.con_prestamo(fila.prestamo(id)?),
            (None, Some(usuario)) => {
                let abiertos = u32::try_from(fila.cuenta.unwrap_or_default()).map_err(ilegible)?;
                filas.con_abiertos(etiqueta(usuario)?, abiertos);
            }
            (None, None) => reloj = fila.desde.zip(fila.vence),
        }
    }
    let (ahora, horizonte) = reloj.ok_or_else(|| ilegible("la tabla horizonte está vacía"))?;
    Ok(Cargado { filas, ahora, horizonte })
}

impl FilaLeida {
    fn prestamo(&self, id: Uuid) -> sqlx::Result<Prestamo> {
        Ok(Prestamo {
            id: OperacionId::try_new(id).map_err(ilegible)?,
            ejemplar: etiqueta(presente(self.ejemplar_id.as_deref())?)?,
            isbn: etiqueta(presente(self.isbn.as_deref())?)?,
            usuario: etiqueta(presente(self.usuario_id.as_deref())?)?,
            desde: presente(self.desde)?,
            vence: presente(self.vence)?,
            renovaciones: u8::try_from(presente(self.cuenta)?).map_err(ilegible)?,
            cierre: None,
        })
    }
}

/// Una respuesta que hay que guardar con su operación.
pub(super) struct Decidida {
    pub id: OperacionId,
    pub estado: &'static str,
    pub respuesta: RespuestaGuardada,
}

/// Escribe lo que cambió y cada respuesta.
pub(super) async fn escribir(c: &mut PgConnection, cambios: &Cambios, decididas: &[Decidida]) -> sqlx::Result<()> {
    // Lo que se cierra va antes que lo que se abre: el índice de préstamos abiertos lo exige.
    if !cambios.cambiados.is_empty() {
        cambiar(c, &cambios.cambiados).await?;
    }
    if !cambios.nuevos.is_empty() {
        abrir(c, &cambios.nuevos).await?;
    }
    responder(c, decididas).await
}

async fn cambiar(c: &mut PgConnection, cambiados: &[Prestamo]) -> sqlx::Result<()> {
    let sql = "-- transaccion::cambiar
        UPDATE prestamos AS p SET vence = n.vence, renovaciones = n.renovaciones, devuelto = n.devuelto,
            devolucion_id = n.devolucion_id
        FROM unnest($1::uuid[], $2::timestamptz[], $3::smallint[], $4::timestamptz[], $5::uuid[])
            AS n (prestamo_id, vence, renovaciones, devuelto, devolucion_id)
        WHERE p.prestamo_id = n.prestamo_id AND p.devuelto IS NULL";
    let hecho = sqlx::query(sql)
        .bind(columna(cambiados, |p| p.id.uuid()))
        .bind(columna(cambiados, |p| p.vence))
        .bind(columna(cambiados, |p| i16::from(p.renovaciones)))
        .bind(columna(cambiados, |p| p.cierre.map(|c| c.devuelto)))
        .bind(columna(cambiados, |p| p.cierre.map(|c| c.devolucion.uuid())))
        .execute(c)
        .await?;
    if hecho.rows_affected() == cambiados.len() as u64 {
        return Ok(());
    }
    Err(ilegible("un préstamo abierto se cerró con su ejemplar bloqueado"))
}

async fn abrir(c: &mut PgConnection, nuevos: &[Prestamo]) -> sqlx::Result<()> {
    let sql = "-- transaccion::abrir
        INSERT INTO prestamos (prestamo_id, ejemplar_id, isbn, usuario_id, desde, vence, renovaciones, devuelto,
            devolucion_id)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
            $7::smallint[], $8::timestamptz[], $9::uuid[])";
    sqlx::query(sql)
        .bind(columna(nuevos, |p| p.id.uuid()))
        .bind(columna(nuevos, |p| p.ejemplar.as_str()))
        .bind(columna(nuevos, |p| p.isbn.as_str()))
        .bind(columna(nuevos, |p| p.usuario.as_str()))
        .bind(columna(nuevos, |p| p.desde))
        .bind(columna(nuevos, |p| p.vence))
        .bind(columna(nuevos, |p| i16::from(p.renovaciones)))
        .bind(columna(nuevos, |p| p.cierre.map(|c| c.devuelto)))
        .bind(columna(nuevos, |p| p.cierre.map(|c| c.devolucion.uuid())))
        .execute(c)
        .await
        .map(drop)
}

async fn responder(c: &mut PgConnection, decididas: &[Decidida]) -> sqlx::Result<()> {
    let sql = "-- transaccion::responder
        UPDATE operaciones AS o SET estado = n.estado, codigo = n.codigo, respuesta = n.respuesta::json
        FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS n (id, estado, codigo, respuesta)
        WHERE o.id = n.id";
    sqlx::query(sql)
        .bind(columna(decididas, |d| d.id.uuid()))
        .bind(columna(decididas, |d| d.estado))
        .bind(columna(decididas, |d| d.respuesta.codigo.as_str()))
        .bind(columna(decididas, |d| d.respuesta.cuerpo.get()))
        .execute(c)
        .await
        .map(drop)
}

/// Una columna de una lista.
fn columna<'a, F, T>(filas: &'a [F], campo: impl Fn(&'a F) -> T) -> Vec<T> {
    filas.iter().map(campo).collect()
}

/// Un identificador guardado.
pub(super) fn etiqueta<T: FromStr>(texto: &str) -> sqlx::Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    texto.parse().map_err(ilegible)
}

fn presente<T>(valor: Option<T>) -> sqlx::Result<T> {
    valor.ok_or_else(|| ilegible("falta un valor que nunca es nulo"))
}

/// Lo guardado no se entiende, o contradice a lo demás.
fn ilegible(motivo: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Decode(motivo.into())
}
