//! Lo que se pregunta sin cambiar nada, y la salud de la base. Cada consulta es una sentencia: una sola foto.

use std::pin::Pin;

use chrono::{DateTime, SecondsFormat, Utc};
use common::{
    dominio::{Codigo, Consulta, EjemplarId, Estado, Isbn, UsuarioId},
    mensajes::{Fallo, Respuesta, RespuestaGuardada},
    tiempos,
};
use serde_json::{Value, json};
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

fn hallado(mensaje: String, ahora: DateTime<Utc>, datos: Value) -> RespuestaGuardada {
    Respuesta::nueva(None, Estado::Aplicada, Codigo::Ok, ahora).con_mensaje(mensaje).con_datos(datos).guardada()
}

fn desconocido(codigo: Codigo, ahora: DateTime<Utc>, datos: Value) -> RespuestaGuardada {
    Respuesta::nueva(None, Estado::Rechazada, codigo, ahora).con_datos(datos).guardada()
}

fn rfc3339(fecha: DateTime<Utc>) -> String {
    fecha.to_rfc3339_opts(SecondsFormat::Micros, true)
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
    let Some(isbn) = fila.isbn else {
        return Ok(desconocido(Codigo::EjemplarDesconocido, fila.ahora, json!({ "ejemplar": id })));
    };
    let mut datos = json!({ "ejemplar": id, "isbn": isbn, "titulo": fila.titulo, "sede": fila.sede_id });
    let mensaje = if let Some(prestamo) = fila.prestamo_id {
        datos["situacion"] = json!("prestado");
        datos["prestamo"] = json!(prestamo);
        datos["usuario"] = json!(fila.usuario_id);
        datos["vence"] = json!(fila.vence.map(rfc3339));
        datos["renovaciones"] = json!(fila.renovaciones);
        format!("{id} está prestado")
    } else {
        datos["situacion"] = json!("libre");
        format!("{id} está libre")
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
    let filas: Vec<FilaLibro> = sqlx::query_as(LIBRO).bind(isbn.as_str()).bind(FILAS_MAX).fetch_all(c).await?;
    let primera = filas.first().ok_or(sqlx::Error::RowNotFound)?;
    let ahora = primera.ahora;
    let Some(titulo) = &primera.titulo else {
        return Ok(desconocido(Codigo::LibroDesconocido, ahora, json!({ "isbn": isbn })));
    };
    let (total, libres) = (primera.total, primera.libres);
    let ejemplares =
        filas.iter().filter_map(|f| f.ejemplar_id.as_ref().map(|id| (id, f))).map(|(id, f)| match f.vence {
            Some(vence) => {
                json!({ "ejemplar": id, "sede": f.sede_id, "situacion": "prestado", "vence": rfc3339(vence) })
            }
            None => json!({ "ejemplar": id, "sede": f.sede_id, "situacion": "libre" }),
        });
    let (ejemplares, cortada) = cortar(ejemplares, usize::try_from(total).unwrap_or(usize::MAX));
    let mensaje = format!("{libres} de {total} ejemplares libres de «{titulo}»");
    let mut datos = json!({
        "isbn": isbn, "titulo": titulo, "autores": primera.autores, "total": total, "libres": libres,
        "ejemplares": ejemplares,
    });
    decir_cortada(&mut datos, cortada);
    Ok(hallado(mensaje, ahora, datos))
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
    let filas: Vec<FilaUsuario> = sqlx::query_as(USUARIO).bind(id.as_str()).bind(FILAS_MAX).fetch_all(c).await?;
    let primera = filas.first().ok_or(sqlx::Error::RowNotFound)?;
    let ahora = primera.ahora;
    let Some(categoria) = &primera.categoria else {
        return Ok(desconocido(Codigo::UsuarioDesconocido, ahora, json!({ "usuario": id })));
    };
    let total = primera.total;
    let prestamos = filas.iter().filter_map(|f| f.prestamo_id.map(|prestamo| (prestamo, f))).map(|(prestamo, f)| {
        json!({
            "prestamo": prestamo, "ejemplar": f.ejemplar_id, "isbn": f.isbn, "desde": f.desde.map(rfc3339),
            "vence": f.vence.map(rfc3339), "renovaciones": f.renovaciones,
        })
    });
    let (prestamos, cortada) = cortar(prestamos, usize::try_from(total).unwrap_or(usize::MAX));
    let mut datos = json!({
        "usuario": id, "categoria": categoria, "bloqueado": primera.bloqueado, "abiertos": total, "prestamos": prestamos,
    });
    decir_cortada(&mut datos, cortada);
    Ok(hallado(format!("{id} tiene {total} préstamos abiertos"), ahora, datos))
}

struct FilaOperacion {
    ahora: DateTime<Utc>,
    codigo: Option<String>,
    respuesta: Option<String>,
}

de_columnas!(FilaOperacion: ahora, codigo, respuesta);

/// La sentencia de la consulta de una operación.
pub const OPERACION: &str = "-- consultas::operacion
    SELECT clock_timestamp() AS ahora, o.codigo, o.respuesta
    FROM (VALUES ($1::uuid)) AS n (id) LEFT JOIN operaciones AS o USING (id)";

/// La respuesta guardada, byte a byte.
async fn operacion(c: &mut PgConnection, id: Uuid) -> sqlx::Result<RespuestaGuardada> {
    let fila: FilaOperacion = sqlx::query_as(OPERACION).bind(id).fetch_one(c).await?;
    if let (Some(codigo), Some(respuesta)) = (fila.codigo, fila.respuesta) {
        return foto::guardada(&codigo, respuesta);
    }
    Ok(Respuesta::nueva(Some(id), Estado::Rechazada, Codigo::OperacionDesconocida, fila.ahora).guardada())
}

/// Los primeros elementos que caben, y si faltan otros de los `total`.
fn cortar(elementos: impl Iterator<Item = Value>, total: usize) -> (Vec<Value>, bool) {
    let mut bytes = 0;
    let caben: Vec<Value> = elementos
        .take_while(|e| {
            bytes += e.to_string().len() + 1;
            bytes <= LISTA_BYTES_MAX
        })
        .collect();
    let cortada = caben.len() < total;
    (caben, cortada)
}

fn decir_cortada(datos: &mut Value, cortada: bool) {
    if cortada {
        datos["cortada"] = json!(true);
    }
}
