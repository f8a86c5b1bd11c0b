//! La foto: lo que hace falta para decidir un lote, leído en una sentencia y por tanto en un mismo momento.
//!
//! No bloquea nada. Una negativa es cierta en ese momento; lo que se escribe lo comprueba [`super::guardado`].

use std::{collections::HashMap, str::FromStr};

use chrono::{DateTime, Utc};
use common::{
    dominio::{
        Codigo, Huella, Objeto, OperacionId, UsuarioId,
        reglas::{Ejemplar, Filas, Prestamo, Ranuras, Usuario},
    },
    mensajes::{Orden, RespuestaGuardada},
};
use serde_json::value::RawValue;
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

/// Lo leído.
pub(super) struct Foto {
    /// Las operaciones que ya estaban decididas.
    pub decididas: HashMap<OperacionId, (Huella, RespuestaGuardada)>,
    /// Lo que nombran las órdenes.
    pub filas: Filas,
    /// La hora de la base.
    pub ahora: DateTime<Utc>,
    /// Desde cuándo se recuerdan las operaciones.
    pub horizonte: DateTime<Utc>,
}

/// Una fila por orden, con todo lo que nombra; y otra por cada ejemplar de cada título nombrado por su ISBN (o una sin
/// ejemplar, si no tiene ninguno).
pub const FOTO: &str = "-- foto::leer
    SELECT clock_timestamp(), (SELECT desde FROM horizonte), o.id, o.huella, o.codigo, o.respuesta,
        e.isbn, e.ejemplar_id, e.sede_id, p.prestamo_id, p.usuario_id, p.desde, p.vence, p.renovaciones, p.ranura,
        u.usuario_id, u.categoria, u.bloqueado,
        (SELECT bit_or(1::bigint << a.ranura) FROM prestamos AS a WHERE a.usuario_id = u.usuario_id AND a.devuelto IS NULL)
    FROM (SELECT unnest($1::uuid[]) AS id, unnest($2::text[]) AS ejemplar_id, unnest($3::text[]) AS usuario_id) AS n
    LEFT JOIN operaciones AS o ON o.id = n.id
    LEFT JOIN ejemplares AS e ON e.ejemplar_id = n.ejemplar_id
    LEFT JOIN prestamos AS p ON p.ejemplar_id = n.ejemplar_id AND p.devuelto IS NULL
    LEFT JOIN usuarios AS u ON u.usuario_id = n.usuario_id
    UNION ALL
    SELECT NULL, NULL, NULL, NULL, NULL, NULL,
        l.isbn, e.ejemplar_id, e.sede_id, p.prestamo_id, p.usuario_id, p.desde, p.vence, p.renovaciones, p.ranura,
        NULL, NULL, NULL, NULL
    FROM libros AS l
    LEFT JOIN ejemplares AS e ON e.isbn = l.isbn
    LEFT JOIN prestamos AS p ON p.ejemplar_id = e.ejemplar_id AND p.devuelto IS NULL
    WHERE l.isbn = ANY($4)";

/// Lee lo que nombran `ordenes`, que son una por lo menos.
pub(super) async fn leer(c: &mut PgConnection, ordenes: &[Orden]) -> sqlx::Result<Foto> {
    let objetos = columna(ordenes, |o| o.comando.objeto());
    let usuarios = columna(ordenes, |o| o.comando.usuario());
    let foto = sqlx::query(FOTO)
        .bind(columna(ordenes, |o| o.id.uuid()))
        .bind(columna(&objetos, ejemplar))
        .bind(columna(&usuarios, |u| u.as_ref().map(UsuarioId::as_str)))
        .bind(objetos.iter().filter_map(isbn).collect::<Vec<_>>());
    componer(foto.fetch_all(c).await?)
}

/// Lee solo qué se decidió de esos ids, que son uno por lo menos: lo que nombran sus operaciones puede no dejarse leer.
pub(super) async fn leer_ids(c: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<Foto> {
    let nada = vec![None::<&str>; ids.len()];
    let foto = sqlx::query(FOTO).bind(ids).bind(&nada).bind(&nada).bind(Vec::<&str>::new());
    componer(foto.fetch_all(c).await?)
}

fn componer(leidas: Vec<PgRow>) -> sqlx::Result<Foto> {
    let primera = leidas.first().ok_or(sqlx::Error::RowNotFound)?;
    let (ahora, horizonte) = (primera.try_get(AHORA)?, primera.try_get(HORIZONTE)?);
    let (mut decididas, mut filas) = (HashMap::new(), Filas::default());
    for fila in leidas {
        let fila = Leida(fila);
        decididas.extend(fila.decidida()?);
        fila.titulo(&mut filas)?;
        if let Some(usuario) = fila.usuario()? {
            filas.con_usuario(usuario);
        }
    }
    Ok(Foto { decididas, filas, ahora, horizonte })
}

fn ejemplar(objeto: &Objeto) -> Option<&str> {
    match objeto {
        Objeto::Ejemplar(id) => Some(id.as_str()),
        Objeto::Libro(_) => None,
    }
}

fn isbn(objeto: &Objeto) -> Option<&str> {
    match objeto {
        Objeto::Libro(isbn) => Some(isbn.as_str()),
        Objeto::Ejemplar(_) => None,
    }
}

// Los puestos de las columnas de [`FOTO`].
const AHORA: usize = 0;
const HORIZONTE: usize = 1;
const ID: usize = 2;
const HUELLA: usize = 3;
const CODIGO: usize = 4;
const RESPUESTA: usize = 5;
const ISBN: usize = 6;
const EJEMPLAR: usize = 7;
const SEDE: usize = 8;
const PRESTAMO: usize = 9;
const PRESTADO_A: usize = 10;
const DESDE: usize = 11;
const VENCE: usize = 12;
const RENOVACIONES: usize = 13;
const RANURA: usize = 14;
const USUARIO: usize = 15;
const CATEGORIA: usize = 16;
const BLOQUEADO: usize = 17;
const RANURAS: usize = 18;

/// Una fila de [`FOTO`].
struct Leida(PgRow);

impl Leida {
    fn decidida(&self) -> sqlx::Result<Option<(OperacionId, (Huella, RespuestaGuardada))>> {
        let Some(id) = self.quiza_id(ID)? else { return Ok(None) };
        let huella = Huella::from_bytes(self.0.try_get(HUELLA)?);
        let huella = huella.ok_or_else(|| ilegible("una huella no mide 16 bytes"))?;
        Ok(Some((id, (huella, guardada(self.0.try_get(CODIGO)?, self.0.try_get(RESPUESTA)?)?))))
    }

    /// El título, el ejemplar y, si está prestado, su préstamo.
    fn titulo(&self, filas: &mut Filas) -> sqlx::Result<()> {
        let Some(isbn) = self.quiza(ISBN)? else { return Ok(()) };
        filas.con_libro(isbn);
        let Some(id) = self.quiza(EJEMPLAR)? else { return Ok(()) };
        filas.con_ejemplar(Ejemplar { id, isbn, sede: self.etiqueta(SEDE)? });
        let Some(prestamo) = self.quiza_id(PRESTAMO)? else { return Ok(()) };
        filas.con_prestamo(Prestamo {
            id: prestamo,
            ejemplar: id,
            isbn,
            usuario: self.etiqueta(PRESTADO_A)?,
            desde: self.0.try_get(DESDE)?,
            vence: self.0.try_get(VENCE)?,
            renovaciones: self.pequeno(RENOVACIONES)?,
            ranura: self.pequeno(RANURA)?,
            cierre: None,
        });
        Ok(())
    }

    fn usuario(&self) -> sqlx::Result<Option<Usuario>> {
        let Some(id) = self.quiza(USUARIO)? else { return Ok(None) };
        let ocupadas: Option<i64> = self.0.try_get(RANURAS)?;
        Ok(Some(Usuario {
            id,
            categoria: self.0.try_get::<&str, _>(CATEGORIA)?.parse().map_err(ilegible)?,
            bloqueado: self.0.try_get(BLOQUEADO)?,
            ranuras: Ranuras::de_bits(ocupadas.unwrap_or_default().cast_unsigned()),
        }))
    }

    fn quiza_id(&self, puesto: usize) -> sqlx::Result<Option<OperacionId>> {
        self.0.try_get::<Option<Uuid>, _>(puesto)?.map(OperacionId::try_new).transpose().map_err(ilegible)
    }

    fn pequeno(&self, puesto: usize) -> sqlx::Result<u8> {
        u8::try_from(self.0.try_get::<i16, _>(puesto)?).map_err(ilegible)
    }

    fn quiza<T: FromStr>(&self, puesto: usize) -> sqlx::Result<Option<T>>
    where
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        self.0.try_get::<Option<&str>, _>(puesto)?.map(str::parse).transpose().map_err(ilegible)
    }

    fn etiqueta<T: FromStr>(&self, puesto: usize) -> sqlx::Result<T>
    where
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        self.0.try_get::<&str, _>(puesto)?.parse().map_err(ilegible)
    }
}

/// La respuesta que hay en una fila de `operaciones`.
pub(super) fn guardada(codigo: &str, respuesta: String) -> sqlx::Result<RespuestaGuardada> {
    Ok(RespuestaGuardada { codigo: de_codigo(codigo)?, cuerpo: RawValue::from_string(respuesta).map_err(ilegible)? })
}

/// Un código guardado.
pub(super) fn de_codigo(codigo: &str) -> sqlx::Result<Codigo> {
    let conocido = Codigo::TODOS.iter().find(|c| c.as_str() == codigo).copied();
    conocido.ok_or_else(|| ilegible(format!("«{codigo}» no es un código")))
}

/// Una columna de una lista.
pub(super) fn columna<'a, F, T>(filas: &'a [F], campo: impl Fn(&'a F) -> T) -> Vec<T> {
    filas.iter().map(campo).collect()
}

/// Lo guardado no se entiende.
pub(super) fn ilegible(motivo: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Decode(motivo.into())
}
