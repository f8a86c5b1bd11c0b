//! Lo que hay en PostgreSQL, leído sin pasar por la suite que se audita.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use common::dominio::{EjemplarId, Huella, Isbn, Tipo, UsuarioId};
use juicio::{
    auditoria::{Auditor, Destino, Efecto, FilaOperacion, FilaPrestamo, Sembrados, Veredicto},
    historia::{Historia, ResumenDeBytes},
};
use serde::{Deserialize, Serialize};
use sqlx::{
    PgConnection, Row,
    postgres::{PgPool, PgPoolOptions, PgRow},
};
use tokio::time::Instant;
use uuid::Uuid;

/// Plazo para conectar.
const CONECTAR: Duration = Duration::from_secs(10);
/// Filas que se leen de una vez.
const PAGINA: i64 = 20_000;
/// Cada cuánto se vuelve a mirar lo que está por decidir.
const MIRADA: Duration = Duration::from_millis(20);

/// Por qué no se pudo auditar.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// La base no contesta o no tiene lo que se espera.
    #[error("PostgreSQL: {0}")]
    Sql(#[from] sqlx::Error),
    /// Una fila que el sistema no puede haber escrito.
    #[error("la fila {0} no tiene la forma esperada: {1}")]
    Fila(Uuid, &'static str),
}

/// Con qué se puede cargar la suite: lo que está libre ahora.
#[derive(Clone, Debug, Default)]
pub struct Disponible {
    /// Ejemplares sin préstamo, por su identificador.
    pub ejemplares: Vec<(EjemplarId, Isbn)>,
    /// Usuarios sin bloqueo ni préstamos.
    pub usuarios: Vec<UsuarioId>,
}

/// Lo que hay en la base, en números.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Existencias {
    pub libros: i64,
    pub prestados: BTreeMap<String, i64>,
    pub operaciones: i64,
    pub postgresql: String,
}

/// Una base abierta para leer.
pub struct Base(PgPool);

impl Base {
    /// Abre la base de `url`.
    ///
    /// # Errors
    /// [`Error::Sql`] si no contesta en diez segundos.
    pub async fn abrir(url: &str) -> Result<Self, Error> {
        let opciones = PgPoolOptions::new().max_connections(2).acquire_timeout(CONECTAR);
        Ok(Self(opciones.connect(url).await?))
    }

    /// Qué se puede prestar, y a quién.
    pub async fn disponible(&self) -> Result<Disponible, Error> {
        let ejemplares = sqlx::query(
            "-- auditoria::ejemplares_libres
             SELECT ejemplar_id, isbn FROM ejemplares e
             WHERE NOT EXISTS (SELECT FROM prestamos p WHERE p.ejemplar_id = e.ejemplar_id AND p.devuelto IS NULL)
             ORDER BY ejemplar_id",
        );
        let usuarios = sqlx::query(
            "-- auditoria::usuarios_libres
             SELECT usuario_id FROM usuarios u
             WHERE NOT bloqueado
               AND NOT EXISTS (SELECT FROM prestamos p WHERE p.usuario_id = u.usuario_id AND p.devuelto IS NULL)
             ORDER BY usuario_id",
        );
        Ok(Disponible {
            ejemplares: ejemplares
                .fetch_all(&self.0)
                .await?
                .iter()
                .map(|fila| Ok((leer(fila, "ejemplar_id")?, leer(fila, "isbn")?)))
                .collect::<Result<_, Error>>()?,
            usuarios: usuarios
                .fetch_all(&self.0)
                .await?
                .iter()
                .map(|fila| leer(fila, "usuario_id"))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Los préstamos cuyas operaciones ya no se guardan.
    pub async fn sembrados(&self) -> Result<Sembrados, Error> {
        let filas = sqlx::query_scalar(
            "-- auditoria::sembrados
             SELECT prestamo_id FROM prestamos p
             WHERE NOT EXISTS (SELECT FROM operaciones o WHERE o.id = p.prestamo_id)
                OR devolucion_id IS NOT NULL AND NOT EXISTS (SELECT FROM operaciones o WHERE o.id = p.devolucion_id)",
        );
        Ok(filas.fetch_all(&self.0).await?.into_iter().collect())
    }

    /// Cuánto hay de cada cosa.
    pub async fn existencias(&self) -> Result<Existencias, Error> {
        let prestados = sqlx::query_as(
            "-- auditoria::prestados_por_sede
             SELECT sede_id, count(*) FROM prestamos JOIN ejemplares USING (ejemplar_id)
             WHERE devuelto IS NULL GROUP BY sede_id",
        );
        let (libros, operaciones, postgresql) = sqlx::query_as(
            "-- auditoria::existencias
             SELECT (SELECT count(*) FROM libros), (SELECT count(*) FROM operaciones), current_setting('server_version')",
        )
        .fetch_one(&self.0)
        .await?;
        let prestados: Vec<(String, i64)> = prestados.fetch_all(&self.0).await?;
        Ok(Existencias { libros, prestados: prestados.into_iter().collect(), operaciones, postgresql })
    }

    /// De los préstamos de `ids`, los que siguen abiertos.
    pub async fn abiertos(&self, ids: &[Uuid]) -> Result<Vec<(Uuid, EjemplarId)>, Error> {
        let filas = sqlx::query(
            "-- auditoria::abiertos
             SELECT prestamo_id, ejemplar_id FROM prestamos WHERE devuelto IS NULL AND prestamo_id = ANY($1)",
        );
        let filas = filas.bind(ids).fetch_all(&self.0).await?;
        filas.iter().map(|fila| Ok((fila.try_get("prestamo_id")?, leer(fila, "ejemplar_id")?))).collect()
    }

    /// Cuántos ejemplares tienen más de un préstamo abierto.
    pub async fn dobles(&self) -> Result<i64, Error> {
        let cuenta = sqlx::query_scalar(
            "-- auditoria::dobles
             SELECT count(*) FROM (SELECT FROM prestamos WHERE devuelto IS NULL GROUP BY ejemplar_id HAVING count(*) > 1) d",
        );
        Ok(cuenta.fetch_one(&self.0).await?)
    }

    /// Espera hasta que todas las operaciones de `ids` estén decididas, o venza el plazo; devuelve las que no lo están.
    pub async fn esperar_decisiones(&self, ids: &[Uuid], plazo: Duration) -> Result<Vec<Uuid>, Error> {
        let fin = Instant::now() + plazo;
        loop {
            let decididas: HashSet<Uuid> = sqlx::query_scalar(
                "-- auditoria::decididas
                 SELECT id FROM operaciones WHERE id = ANY($1)",
            )
            .bind(ids)
            .fetch_all(&self.0)
            .await?
            .into_iter()
            .collect();
            let faltan: Vec<Uuid> = ids.iter().filter(|id| !decididas.contains(id)).copied().collect();
            if faltan.is_empty() || Instant::now() >= fin {
                return Ok(faltan);
            }
            tokio::time::sleep(MIRADA).await;
        }
    }

    /// De las operaciones de `ids`, las que están decididas y no aplicadas.
    pub async fn no_aplicadas(&self, ids: &[Uuid]) -> Result<Vec<Uuid>, Error> {
        let filas = sqlx::query_scalar(
            "-- auditoria::no_aplicadas
             SELECT id FROM operaciones WHERE id = ANY($1) AND estado <> 'aplicada'",
        );
        Ok(filas.bind(ids).fetch_all(&self.0).await?)
    }

    /// Quién guarda lotes: de cada dirección, cuántos guardados distintos se le vieron empezar mientras dura la mirada.
    pub async fn guardan(&self, dura: Duration) -> Result<BTreeMap<String, usize>, Error> {
        let fin = Instant::now() + dura;
        let mut vistos = HashSet::new();
        while Instant::now() < fin {
            let filas = sqlx::query(
                "-- auditoria::guardan
                 SELECT coalesce(host(client_addr), '') AS de, pid, query_start::text AS desde FROM pg_stat_activity
                 WHERE datname = current_database() AND query LIKE '-- guardado::guardar%'",
            );
            for fila in filas.fetch_all(&self.0).await? {
                let (de, pid): (String, i32) = (fila.try_get("de")?, fila.try_get("pid")?);
                vistos.insert((de, pid, fila.try_get::<Option<String>, _>("desde")?));
            }
            tokio::time::sleep(MIRADA).await;
        }
        let mut cuentas = BTreeMap::new();
        for (de, ..) in vistos {
            *cuentas.entry(de).or_default() += 1;
        }
        Ok(cuentas)
    }

    /// Compara `historia` con todo lo guardado, en una sola instantánea.
    pub async fn auditar(&self, historia: &Historia, sembrados: &Sembrados) -> Result<Veredicto, Error> {
        let mut tx = self.0.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let mut auditor = Auditor::new(historia, sembrados);
        let mut desde = Uuid::nil();
        while let Some(ultima) = pagina(&mut tx, OPERACIONES, desde, |fila| {
            auditor.operacion(&operacion(fila)?);
            Ok(())
        })
        .await?
        {
            desde = ultima;
        }
        desde = Uuid::nil();
        while let Some(ultima) = pagina(&mut tx, PRESTAMOS, desde, |fila| {
            auditor.prestamo(&prestamo(fila)?);
            Ok(())
        })
        .await?
        {
            desde = ultima;
        }
        tx.rollback().await?;
        Ok(auditor.concluir())
    }
}

const OPERACIONES: &str = "-- auditoria::operaciones
    SELECT id, tipo, huella, estado, respuesta::text AS respuesta,
        floor(extract(epoch FROM aceptada) * 1000)::bigint AS aceptada_ms FROM operaciones WHERE id > $1 ORDER BY id LIMIT $2";
const PRESTAMOS: &str = "-- auditoria::prestamos
    SELECT prestamo_id AS id, ejemplar_id, usuario_id, renovaciones, devolucion_id FROM prestamos
    WHERE prestamo_id > $1 ORDER BY prestamo_id LIMIT $2";

/// Da a `cada` las filas de una página; devuelve el último id, o `None` si no había ninguna.
async fn pagina(
    conexion: &mut PgConnection,
    orden: &'static str,
    desde: Uuid,
    mut cada: impl FnMut(&PgRow) -> Result<(), Error>,
) -> Result<Option<Uuid>, Error> {
    let filas = sqlx::query(orden).bind(desde).bind(PAGINA).fetch_all(conexion).await?;
    filas.iter().try_for_each(&mut cada)?;
    Ok(filas.last().map(|fila| fila.try_get("id")).transpose()?)
}

/// Lo que interesa de una respuesta guardada.
#[derive(Deserialize)]
struct Guardada {
    #[serde(default)]
    datos: Efecto,
}

fn operacion(fila: &PgRow) -> Result<FilaOperacion, Error> {
    let id = fila.try_get("id")?;
    let tipo: &str = fila.try_get("tipo")?;
    let respuesta: Option<&str> = fila.try_get("respuesta")?;
    let estado: Option<&str> = fila.try_get("estado")?;
    let destino = Destino::TODOS.into_iter().find(|d| Some(d.as_str()) == estado);
    let aceptada_ms: i64 = fila.try_get("aceptada_ms")?;
    let con_efecto = respuesta.filter(|_| destino == Some(Destino::Aplicada));
    let efecto = match con_efecto.map(serde_json::from_str::<Guardada>) {
        Some(Ok(guardada)) => guardada.datos,
        Some(Err(_)) => return Err(Error::Fila(id, "respuesta")),
        None => Efecto::default(),
    };
    Ok(FilaOperacion {
        id,
        tipo: Tipo::TODOS.into_iter().find(|t| t.as_str() == tipo).ok_or(Error::Fila(id, "tipo"))?,
        huella: Huella::from_bytes(fila.try_get("huella")?).ok_or(Error::Fila(id, "huella"))?,
        destino,
        aceptada_ms: u64::try_from(aceptada_ms).unwrap_or(0),
        respuesta: respuesta.map(|texto| ResumenDeBytes::de(texto.as_bytes())),
        efecto,
    })
}

fn prestamo(fila: &PgRow) -> Result<FilaPrestamo, Error> {
    let id = fila.try_get("id")?;
    let renovaciones: i16 = fila.try_get("renovaciones")?;
    Ok(FilaPrestamo {
        id,
        ejemplar: leer(fila, "ejemplar_id")?,
        usuario: leer(fila, "usuario_id")?,
        renovaciones: u32::try_from(renovaciones).map_err(|_| Error::Fila(id, "renovaciones"))?,
        devolucion: fila.try_get("devolucion_id")?,
    })
}

/// Un identificador guardado.
fn leer<T: std::str::FromStr>(fila: &PgRow, columna: &'static str) -> Result<T, Error> {
    let texto: &str = fila.try_get(columna)?;
    texto.parse().map_err(|_| Error::Fila(Uuid::nil(), columna))
}
