//! Lo que se pregunta sin cambiar nada, y la salud de la base. Cada consulta es una sentencia: una sola foto.

use std::pin::Pin;

use chrono::{DateTime, Utc};
use common::{
    dominio::{Codigo, Consulta, EjemplarId, Estado, Isbn, UsuarioId},
    mensajes::{
        DatosEjemplar, DatosLibro, DatosUsuario, Desconocido, EjemplarDeLibro, Fallo, PrestamoDeUsuario, Respuesta,
        RespuestaGuardada, Situacion, codificar,
    },
    tiempos,
};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Conexiones,
    fallo::{Culpa, nada_hecho},
    foto,
};

/// Filas que se leen de una lista, como mucho; ya no caben más en [`LISTA_BYTES_MAX`].
const FILAS_MAX: i64 = 1_000;
/// Bytes de una lista en una respuesta: quien la recibe admite 64 KiB en total.
const LISTA_BYTES_MAX: usize = 48 * 1024;

/// Contesta una consulta.
///
/// # Errors
/// [`Fallo`] si la base no contesta.
pub async fn consultar(conexiones: &Conexiones, consulta: Consulta) -> Result<RespuestaGuardada, Fallo> {
    let pregunta = con_otra_oportunidad(conexiones, |c| match consulta {
        Consulta::Ejemplar(id) => Box::pin(ejemplar(c, id)),
        Consulta::Libro(isbn) => Box::pin(libro(c, isbn)),
        Consulta::Usuario(id) => Box::pin(usuario(c, id)),
        Consulta::Operacion(id) => Box::pin(operacion(c, id)),
    });
    tokio::time::timeout(tiempos::PETICION, pregunta)
        .await
        .unwrap_or_else(|_| Err(nada_hecho("la base no contesta a tiempo")))
}

/// Comprueba que hay base y que se puede escribir en ella.
///
/// # Errors
/// [`Fallo`] con lo que pasa.
pub async fn salud(conexiones: &Conexiones) -> Result<(), Fallo> {
    let pregunta = con_otra_oportunidad(conexiones, |c| {
        let sql = "-- consultas::salud
            SELECT pg_is_in_recovery()";
        Box::pin(sqlx::query_scalar::<_, bool>(sql).fetch_one(c))
    });
    match tokio::time::timeout(tiempos::SALUD_DE_LA_BASE, pregunta).await {
        Ok(Ok(false)) => Ok(()),
        Ok(Ok(true)) => Err(nada_hecho("la base solo admite lecturas")),
        Ok(Err(fallo)) => Err(fallo),
        Err(_) => Err(nada_hecho("la base no contesta a tiempo")),
    }
}

type Respondiendo<'c, T> = Pin<Box<dyn Future<Output = sqlx::Result<T>> + Send + 'c>>;

/// Pregunta por una conexión libre y, si resulta que estaba muerta, por una nueva: preguntar dos veces no hace nada.
async fn con_otra_oportunidad<T>(
    conexiones: &Conexiones,
    pregunta: impl for<'c> Fn(&'c mut PgConnection) -> Respondiendo<'c, T>,
) -> Result<T, Fallo> {
    loop {
        let mut prestada = conexiones.tomar().await.map_err(|e| nada_hecho(Culpa::de(&e).motivo()))?;
        match pregunta(&mut prestada.conexion).await {
            Ok(valor) => {
                conexiones.devolver(prestada);
                return Ok(valor);
            }
            Err(error) => match Culpa::de(&error) {
                Culpa::Conexion(motivo) => {
                    conexiones.olvidar();
                    if !prestada.usada {
                        return Err(nada_hecho(motivo));
                    }
                }
                otra => {
                    conexiones.devolver(prestada);
                    return Err(nada_hecho(otra.motivo()));
                }
            },
        }
    }
}

fn hallado(mensaje: String, ahora: DateTime<Utc>, datos: impl Serialize) -> RespuestaGuardada {
    Respuesta::new(None, Estado::Aplicada, Codigo::Ok, ahora).con_mensaje(mensaje).con_datos(datos).guardada()
}

fn desconocido(codigo: Codigo, ahora: DateTime<Utc>, datos: impl Serialize) -> RespuestaGuardada {
    Respuesta::new(None, Estado::Rechazada, codigo, ahora).con_datos(datos).guardada()
}

struct FilaEjemplar {
    ahora: DateTime<Utc>,
    isbn: Option<String>,
    titulo: Option<String>,
    sede_id: Option<String>,
    prestamo_id: Option<Uuid>,
    usuario_id: Option<String>,
    vence: Option<DateTime<Utc>>,
    renovaciones: Option<i16>,
}

de_columnas!(FilaEjemplar: ahora, isbn, titulo, sede_id, prestamo_id, usuario_id, vence, renovaciones);

/// La sentencia de la consulta de un ejemplar.
pub const EJEMPLAR: &str = "-- consultas::ejemplar
    SELECT clock_timestamp() AS ahora, e.isbn, l.titulo, e.sede_id, p.prestamo_id, p.usuario_id, p.vence,
        p.renovaciones
    FROM (VALUES ($1::text)) AS n (ejemplar_id)
    LEFT JOIN ejemplares AS e USING (ejemplar_id)
    LEFT JOIN libros AS l ON l.isbn = e.isbn
    LEFT JOIN prestamos AS p ON p.ejemplar_id = e.ejemplar_id AND p.devuelto IS NULL";

async fn ejemplar(c: &mut PgConnection, id: EjemplarId) -> sqlx::Result<RespuestaGuardada> {
    let fila: FilaEjemplar = sqlx::query_as(EJEMPLAR).bind(id.as_str()).fetch_one(c).await?;
    if fila.isbn.is_none() {
        return Ok(desconocido(Codigo::EjemplarDesconocido, fila.ahora, DatosEjemplar::de(id)));
    }
    let (situacion, mensaje) = match fila.prestamo_id {
        Some(_) => (Situacion::Prestado, format!("{id} está prestado")),
        None => (Situacion::Libre, format!("{id} está libre")),
    };
    let datos = DatosEjemplar {
        ejemplar: id,
        isbn: fila.isbn,
        pendientes: None,
        prestamo: fila.prestamo_id,
        renovaciones: fila.renovaciones,
        sede: fila.sede_id,
        situacion: Some(situacion),
        titulo: fila.titulo,
        usuario: fila.usuario_id,
        vence: fila.vence,
    };
    Ok(hallado(mensaje, fila.ahora, datos))
}

struct FilaLibro {
    ahora: DateTime<Utc>,
    titulo: Option<String>,
    autores: Option<String>,
    ejemplar_id: Option<String>,
    sede_id: Option<String>,
    vence: Option<DateTime<Utc>>,
    total: i64,
    libres: i64,
}

de_columnas!(FilaLibro: ahora, titulo, autores, ejemplar_id, sede_id, vence, total, libres);

/// La sentencia de la consulta de un título.
pub const LIBRO: &str = "-- consultas::libro
    SELECT clock_timestamp() AS ahora, l.titulo, l.autores, e.ejemplar_id, e.sede_id, p.vence,
        count(e.ejemplar_id) OVER () AS total,
        count(e.ejemplar_id) FILTER (WHERE p.prestamo_id IS NULL) OVER () AS libres
    FROM (VALUES ($1::text)) AS n (isbn)
    LEFT JOIN libros AS l USING (isbn)
    LEFT JOIN ejemplares AS e ON e.isbn = l.isbn
    LEFT JOIN prestamos AS p ON p.ejemplar_id = e.ejemplar_id AND p.devuelto IS NULL
    ORDER BY e.ejemplar_id LIMIT $2";

async fn libro(c: &mut PgConnection, isbn: Isbn) -> sqlx::Result<RespuestaGuardada> {
    let mut filas: Vec<FilaLibro> = sqlx::query_as(LIBRO).bind(isbn.as_str()).bind(FILAS_MAX).fetch_all(c).await?;
    let primera = filas.first_mut().ok_or(sqlx::Error::RowNotFound)?;
    let (ahora, total, libres, autores) = (primera.ahora, primera.total, primera.libres, primera.autores.take());
    let Some(titulo) = primera.titulo.take() else {
        return Ok(desconocido(Codigo::LibroDesconocido, ahora, Desconocido::Isbn(isbn)));
    };
    let ejemplares = filas.into_iter().filter_map(|fila| {
        let situacion = if fila.vence.is_some() { Situacion::Prestado } else { Situacion::Libre };
        Some(EjemplarDeLibro { ejemplar: fila.ejemplar_id?, sede: fila.sede_id, situacion, vence: fila.vence })
    });
    let (ejemplares, cortada) = cortar(ejemplares, usize::try_from(total).unwrap_or(usize::MAX));
    let mensaje = format!("{libres} de {total} ejemplares libres de «{titulo}»");
    Ok(hallado(mensaje, ahora, DatosLibro { autores, cortada, ejemplares, isbn, libres, titulo, total }))
}

struct FilaUsuario {
    ahora: DateTime<Utc>,
    categoria: Option<String>,
    bloqueado: Option<bool>,
    prestamo_id: Option<Uuid>,
    ejemplar_id: Option<String>,
    isbn: Option<String>,
    desde: Option<DateTime<Utc>>,
    vence: Option<DateTime<Utc>>,
    renovaciones: Option<i16>,
    total: i64,
}

de_columnas!(FilaUsuario: ahora, categoria, bloqueado, prestamo_id, ejemplar_id, isbn, desde, vence, renovaciones, total);

/// La sentencia de la consulta de un usuario.
pub const USUARIO: &str = "-- consultas::usuario
    SELECT clock_timestamp() AS ahora, u.categoria, u.bloqueado, p.prestamo_id, p.ejemplar_id, p.isbn, p.desde,
        p.vence, p.renovaciones, count(p.prestamo_id) OVER () AS total
    FROM (VALUES ($1::text)) AS n (usuario_id)
    LEFT JOIN usuarios AS u USING (usuario_id)
    LEFT JOIN prestamos AS p ON p.usuario_id = u.usuario_id AND p.devuelto IS NULL
    ORDER BY p.vence, p.prestamo_id LIMIT $2";

async fn usuario(c: &mut PgConnection, id: UsuarioId) -> sqlx::Result<RespuestaGuardada> {
    let mut filas: Vec<FilaUsuario> = sqlx::query_as(USUARIO).bind(id.as_str()).bind(FILAS_MAX).fetch_all(c).await?;
    let primera = filas.first_mut().ok_or(sqlx::Error::RowNotFound)?;
    let (ahora, abiertos, bloqueado) = (primera.ahora, primera.total, primera.bloqueado);
    let Some(categoria) = primera.categoria.take() else {
        return Ok(desconocido(Codigo::UsuarioDesconocido, ahora, Desconocido::Usuario(id)));
    };
    let prestamos = filas.into_iter().filter_map(|fila| {
        let FilaUsuario { ejemplar_id: ejemplar, isbn, desde, vence, renovaciones, .. } = fila;
        Some(PrestamoDeUsuario { desde, ejemplar, isbn, prestamo: fila.prestamo_id?, renovaciones, vence })
    });
    let (prestamos, cortada) = cortar(prestamos, usize::try_from(abiertos).unwrap_or(usize::MAX));
    let mensaje = format!("{id} tiene {abiertos} préstamos abiertos");
    Ok(hallado(mensaje, ahora, DatosUsuario { abiertos, bloqueado, categoria, cortada, prestamos, usuario: id }))
}

struct OperacionHallada {
    ahora: DateTime<Utc>,
    codigo: Option<String>,
    respuesta: Option<String>,
}

de_columnas!(OperacionHallada: ahora, codigo, respuesta);

/// La sentencia de la consulta de una operación.
pub const OPERACION: &str = "-- consultas::operacion
    SELECT clock_timestamp() AS ahora, o.codigo, o.respuesta
    FROM (VALUES ($1::uuid)) AS n (id) LEFT JOIN operaciones AS o USING (id)";

/// La respuesta guardada, byte a byte.
async fn operacion(c: &mut PgConnection, id: Uuid) -> sqlx::Result<RespuestaGuardada> {
    let fila: OperacionHallada = sqlx::query_as(OPERACION).bind(id).fetch_one(c).await?;
    if let (Some(codigo), Some(respuesta)) = (fila.codigo, fila.respuesta) {
        return foto::guardada(&codigo, respuesta);
    }
    Ok(Respuesta::new(Some(id), Estado::Rechazada, Codigo::OperacionDesconocida, fila.ahora).guardada())
}

/// Los primeros elementos que caben, y si faltan otros de los `total`.
fn cortar<T: Serialize>(elementos: impl Iterator<Item = T>, total: usize) -> (Vec<T>, bool) {
    let mut bytes = 0;
    let caben: Vec<T> = elementos
        .take_while(|e| {
            bytes += codificar(e).len() + 1;
            bytes <= LISTA_BYTES_MAX
        })
        .collect();
    let cortada = caben.len() < total;
    (caben, cortada)
}
