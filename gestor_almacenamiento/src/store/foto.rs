//! La foto: lo que hace falta para decidir un lote, leído en una sentencia y por tanto en un mismo momento.
//!
//! No bloquea nada. Una negativa es cierta en ese momento; lo que se escribe lo comprueba [`super::guardado`].

use std::{collections::HashMap, str::FromStr};

use common::{
    dominio::{
        Codigo, Huella, Objeto, OperacionId, UsuarioId,
        reglas::{Ejemplar, Filas, Prestamo, Ranuras, Reglamento, Usuario},
    },
    mensajes::RespuestaGuardada,
};
use serde_json::value::RawValue;
use sqlx::{Column, PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use crate::machine::{Foto, Nombrado};

/// Una fila por orden, con todo lo que nombra; y otra por cada ejemplar de cada título nombrado por su ISBN (o una sin
/// ejemplar, si no tiene ninguno).
pub const FOTO: &str = "-- foto::leer
    SELECT clock_timestamp() AS ahora, (SELECT desde FROM horizonte) AS horizonte, o.id AS operacion, o.huella, o.codigo,
        o.respuesta, e.isbn, e.ejemplar_id AS ejemplar, e.sede_id AS sede, p.prestamo_id AS prestamo,
        p.usuario_id AS prestado_a, p.desde, p.vence, p.renovaciones, p.ranura, u.usuario_id AS usuario, u.categoria,
        u.bloqueado, (
            SELECT bit_or(1::bigint << a.ranura) FROM prestamos AS a WHERE a.usuario_id = u.usuario_id AND a.devuelto IS NULL
        ) AS ranuras
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

/// Lee lo que se nombra, que es una operación por lo menos.
pub(super) async fn leer(c: &mut PgConnection, nombrado: &[Nombrado]) -> sqlx::Result<Foto> {
    let objetos = columna(nombrado, |n| n.comando.map(|c| c.objeto()));
    let usuarios = columna(nombrado, |n| n.comando.and_then(|c| c.usuario()));
    let leidas = sqlx::query(FOTO)
        .bind(columna(nombrado, |n| n.id.uuid()))
        .bind(columna(&objetos, |o| o.as_ref().and_then(ejemplar)))
        .bind(columna(&usuarios, |u| u.as_ref().map(UsuarioId::as_str)))
        .bind(objetos.iter().flatten().filter_map(isbn).collect::<Vec<_>>())
        .fetch_all(c)
        .await?;
    let primera = leidas.first().ok_or(sqlx::Error::RowNotFound)?;
    let en = Columnas::de(primera)?;
    let (ahora, horizonte) = (primera.try_get(en.ahora)?, primera.try_get(en.horizonte)?);
    let (mut decididas, mut filas) = (HashMap::new(), Filas::default());
    for fila in &leidas {
        let fila = Leida { fila, en: &en };
        decididas.extend(fila.decidida()?);
        fila.titulo(&mut filas)?;
        if let Some(usuario) = fila.usuario()? {
            filas.con_usuario(usuario);
        }
    }
    Ok(Foto { decididas, filas, reglamento: Reglamento::VIGENTE, ahora, horizonte })
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

/// En qué puesto viene cada columna de [`FOTO`]: se busca su nombre una vez por foto, y no una por fila.
macro_rules! columnas {
    ($($nombre:ident),*) => {
        struct Columnas { $($nombre: usize),* }

        impl Columnas {
            fn de(fila: &PgRow) -> sqlx::Result<Self> {
                Ok(Self { $($nombre: fila.try_column(stringify!($nombre))?.ordinal()),* })
            }
        }
    };
}

columnas! {
    ahora, horizonte, operacion, huella, codigo, respuesta, isbn, ejemplar, sede, prestamo, prestado_a, desde, vence,
    renovaciones, ranura, usuario, categoria, bloqueado, ranuras
}

/// Una fila de [`FOTO`].
struct Leida<'a> {
    fila: &'a PgRow,
    en: &'a Columnas,
}

impl Leida<'_> {
    fn decidida(&self) -> sqlx::Result<Option<(OperacionId, (Huella, RespuestaGuardada))>> {
        let Some(id) = self.quiza_id(self.en.operacion)? else { return Ok(None) };
        let huella = Huella::from_bytes(self.fila.try_get(self.en.huella)?);
        let huella = huella.ok_or_else(|| ilegible("una huella no mide 16 bytes"))?;
        Ok(Some((id, (huella, guardada(self.fila.try_get(self.en.codigo)?, self.fila.try_get(self.en.respuesta)?)?))))
    }

    /// El título, el ejemplar y, si está prestado, su préstamo.
    fn titulo(&self, filas: &mut Filas) -> sqlx::Result<()> {
        let Some(isbn) = self.quiza(self.en.isbn)? else { return Ok(()) };
        filas.con_libro(isbn);
        let Some(id) = self.quiza(self.en.ejemplar)? else { return Ok(()) };
        filas.con_ejemplar(Ejemplar { id, isbn, sede: self.etiqueta(self.en.sede)? });
        let Some(prestamo) = self.quiza_id(self.en.prestamo)? else { return Ok(()) };
        filas.con_prestamo(Prestamo {
            id: prestamo,
            ejemplar: id,
            isbn,
            usuario: self.etiqueta(self.en.prestado_a)?,
            desde: self.fila.try_get(self.en.desde)?,
            vence: self.fila.try_get(self.en.vence)?,
            renovaciones: self.pequeno(self.en.renovaciones)?,
            ranura: self.pequeno(self.en.ranura)?,
            cierre: None,
        });
        Ok(())
    }

    fn usuario(&self) -> sqlx::Result<Option<Usuario>> {
        let Some(id) = self.quiza(self.en.usuario)? else { return Ok(None) };
        let ocupadas: Option<i64> = self.fila.try_get(self.en.ranuras)?;
        Ok(Some(Usuario {
            id,
            categoria: self.fila.try_get::<&str, _>(self.en.categoria)?.parse().map_err(ilegible)?,
            bloqueado: self.fila.try_get(self.en.bloqueado)?,
            ranuras: Ranuras::de_bits(ocupadas.unwrap_or_default().cast_unsigned()),
        }))
    }

    fn quiza_id(&self, puesto: usize) -> sqlx::Result<Option<OperacionId>> {
        self.fila.try_get::<Option<Uuid>, _>(puesto)?.map(OperacionId::try_new).transpose().map_err(ilegible)
    }

    fn pequeno(&self, puesto: usize) -> sqlx::Result<u8> {
        u8::try_from(self.fila.try_get::<i16, _>(puesto)?).map_err(ilegible)
    }

    fn quiza<T: FromStr>(&self, puesto: usize) -> sqlx::Result<Option<T>>
    where
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        self.fila.try_get::<Option<&str>, _>(puesto)?.map(str::parse).transpose().map_err(ilegible)
    }

    fn etiqueta<T: FromStr>(&self, puesto: usize) -> sqlx::Result<T>
    where
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        self.fila.try_get::<&str, _>(puesto)?.parse().map_err(ilegible)
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
