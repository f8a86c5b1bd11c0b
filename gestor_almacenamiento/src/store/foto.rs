//! La foto: lo que hace falta para decidir un lote, leído en una sentencia y por tanto en un mismo momento.
//!
//! No bloquea nada. Una negativa es cierta en ese momento; lo que se escribe lo comprueba [`super::guardado`].

use std::{collections::HashMap, str::FromStr};

use chrono::{DateTime, Utc};
use common::{
    dominio::{
        Codigo, Comando, EjemplarId, Huella, Isbn, Objeto, OperacionId, UsuarioId,
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

/// Lo que nombran las órdenes de un lote, ordenado y sin repetir.
#[derive(Default)]
struct Nombrado {
    ejemplares: Vec<EjemplarId>,
    libros: Vec<Isbn>,
    usuarios: Vec<UsuarioId>,
}

impl Nombrado {
    fn por<'a>(comandos: impl Iterator<Item = &'a Comando>) -> Self {
        let mut esto = Self::default();
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

/// Cada fila dice en su primera columna de qué clase es. Los ejemplares de un título nombrado van todos.
pub const FOTO: &str = "-- foto::leer
    SELECT 'r'::\"char\", NULL::uuid, NULL::text, NULL::text, NULL::text, NULL::text, clock_timestamp(), h.desde,
        NULL::bigint, NULL::bigint, NULL::bytea
    FROM horizonte AS h
    UNION ALL
    SELECT 'o', id, codigo, respuesta, NULL, NULL, NULL, NULL, NULL, NULL, huella
    FROM operaciones WHERE id = ANY($1)
    UNION ALL
    SELECT 'e', p.prestamo_id, e.ejemplar_id, e.isbn, e.sede_id, p.usuario_id, p.desde, p.vence, p.renovaciones, p.ranura,
        NULL
    FROM ejemplares AS e LEFT JOIN prestamos AS p ON p.ejemplar_id = e.ejemplar_id AND p.devuelto IS NULL
    WHERE e.ejemplar_id = ANY($2)
    UNION ALL
    SELECT 'e', p.prestamo_id, e.ejemplar_id, e.isbn, e.sede_id, p.usuario_id, p.desde, p.vence, p.renovaciones, p.ranura,
        NULL
    FROM ejemplares AS e LEFT JOIN prestamos AS p ON p.ejemplar_id = e.ejemplar_id AND p.devuelto IS NULL
    WHERE e.isbn = ANY($3)
    UNION ALL
    SELECT 'l', NULL, isbn, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM libros WHERE isbn = ANY($3)
    UNION ALL
    SELECT 'u', NULL, usuario_id, categoria, NULL, NULL, NULL, NULL, bloqueado::integer,
        (SELECT bit_or(1::bigint << p.ranura) FROM prestamos AS p
         WHERE p.usuario_id = u.usuario_id AND p.devuelto IS NULL),
        NULL
    FROM usuarios AS u WHERE usuario_id = ANY($4)";

/// Lee lo que nombran `ordenes`.
pub(super) async fn leer(c: &mut PgConnection, ordenes: &[Orden]) -> sqlx::Result<Foto> {
    let nombrado = Nombrado::por(ordenes.iter().map(|o| &o.comando));
    let leidas = sqlx::query(FOTO)
        .bind(columna(ordenes, |o| o.id.uuid()))
        .bind(columna(&nombrado.ejemplares, EjemplarId::as_str))
        .bind(columna(&nombrado.libros, Isbn::as_str))
        .bind(columna(&nombrado.usuarios, UsuarioId::as_str))
        .fetch_all(c)
        .await?;
    let (mut decididas, mut filas, mut reloj) = (HashMap::new(), Filas::default(), None);
    for fila in leidas {
        let fila = Leida(fila);
        match fila.0.try_get::<i8, _>(0)?.cast_unsigned() {
            b'r' => reloj = Some((fila.fecha(6)?, fila.fecha(7)?)),
            b'o' => {
                let (id, decidida) = fila.decidida()?;
                decididas.insert(id, decidida);
            }
            b'e' => fila.ejemplar(&mut filas)?,
            b'l' => filas.con_libro(fila.etiqueta(2)?),
            _ => filas.con_usuario(fila.usuario()?),
        }
    }
    let (ahora, horizonte) = reloj.ok_or_else(|| ilegible("la tabla horizonte está vacía"))?;
    Ok(Foto { decididas, filas, ahora, horizonte })
}

/// Una fila de [`FOTO`], por el puesto de sus columnas.
struct Leida(PgRow);

impl Leida {
    fn decidida(&self) -> sqlx::Result<(OperacionId, (Huella, RespuestaGuardada))> {
        let id = self.id(1)?;
        let huella = Huella::from_bytes(self.0.try_get(10)?).ok_or_else(|| ilegible("una huella no mide 16 bytes"))?;
        Ok((id, (huella, guardada(self.0.try_get(2)?, self.0.try_get(3)?)?)))
    }

    /// El ejemplar y, si está prestado, su préstamo.
    fn ejemplar(&self, filas: &mut Filas) -> sqlx::Result<()> {
        let (id, isbn) = (self.etiqueta(2)?, self.etiqueta(3)?);
        filas.con_ejemplar(Ejemplar { id, isbn, sede: self.etiqueta(4)? });
        if self.0.try_get::<Option<Uuid>, _>(1)?.is_none() {
            return Ok(());
        }
        filas.con_prestamo(Prestamo {
            id: self.id(1)?,
            ejemplar: id,
            isbn,
            usuario: self.etiqueta(5)?,
            desde: self.fecha(6)?,
            vence: self.fecha(7)?,
            renovaciones: self.pequeno(8)?,
            ranura: self.pequeno(9)?,
            cierre: None,
        });
        Ok(())
    }

    fn usuario(&self) -> sqlx::Result<Usuario> {
        let ocupadas: Option<i64> = self.0.try_get(9)?;
        Ok(Usuario {
            id: self.etiqueta(2)?,
            categoria: self.0.try_get::<&str, _>(3)?.parse().map_err(ilegible)?,
            bloqueado: self.0.try_get::<i64, _>(8)? != 0,
            ranuras: Ranuras::de_bits(ocupadas.unwrap_or_default().cast_unsigned()),
        })
    }

    fn id(&self, puesto: usize) -> sqlx::Result<OperacionId> {
        OperacionId::try_new(self.0.try_get(puesto)?).map_err(ilegible)
    }

    fn fecha(&self, puesto: usize) -> sqlx::Result<DateTime<Utc>> {
        self.0.try_get(puesto)
    }

    fn pequeno(&self, puesto: usize) -> sqlx::Result<u8> {
        u8::try_from(self.0.try_get::<i64, _>(puesto)?).map_err(ilegible)
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
    let conocido = Codigo::TODOS.iter().find(|c| c.as_str() == codigo).copied();
    let codigo = conocido.ok_or_else(|| ilegible(format!("«{codigo}» no es un código")))?;
    Ok(RespuestaGuardada { codigo, cuerpo: RawValue::from_string(respuesta).map_err(ilegible)? })
}

/// Una columna de una lista.
pub(super) fn columna<'a, F, T>(filas: &'a [F], campo: impl Fn(&'a F) -> T) -> Vec<T> {
    filas.iter().map(campo).collect()
}

/// Lo guardado no se entiende.
fn ilegible(motivo: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Decode(motivo.into())
}
