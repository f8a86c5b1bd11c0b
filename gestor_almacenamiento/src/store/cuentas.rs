//! Las cuentas exactas: lo consolidado más lo que cada transacción dejó por sumar, leído en una sentencia.

use common::{
    dominio::Tipo,
    mensajes::{
        Administrada,
        administracion::{Cuenta, LibroPrestado},
    },
    process::puntos_de_muerte::{self, Punto},
};
use sqlx::{Connection, PgConnection};

use super::foto::{de_codigo, ilegible};

/// Sumandos por transacción al consolidar: corta, y un repaso tras una parada larga acaba igual.
const TROZO: i32 = 2_000;
/// Libros que se dan, como mucho.
const LIBROS_MAX: u32 = 1_000;

struct FilaCuenta {
    tipo: String,
    codigo: String,
    sede: String,
    cuantas: i64,
}

de_columnas!(FilaCuenta: tipo, codigo, sede, cuantas);

/// La sentencia de las cuentas.
pub const CUENTAS: &str = "-- cuentas::todas
    SELECT tipo, codigo, sede, sum(cuantas)::bigint AS cuantas
    FROM (
        SELECT tipo, codigo, sede, cuantas FROM cuentas
        UNION ALL
        SELECT n.tipo, n.codigo, n.sede, n.cuantas
        FROM sumandos AS s, unnest(s.tipos, s.codigos, s.sedes, s.cuantas) AS n (tipo, codigo, sede, cuantas)
    ) AS t
    GROUP BY tipo, codigo, sede HAVING sum(cuantas) <> 0 ORDER BY tipo, codigo, sede";

/// Las cuentas de lo decidido.
pub(super) async fn todas(c: &mut PgConnection) -> sqlx::Result<Administrada> {
    let filas: Vec<FilaCuenta> = sqlx::query_as(CUENTAS).fetch_all(c).await?;
    filas.iter().map(cuenta).collect::<sqlx::Result<_>>().map(Administrada::Cuentas)
}

fn cuenta(fila: &FilaCuenta) -> sqlx::Result<Cuenta> {
    let tipo = Tipo::TODOS.into_iter().find(|t| t.as_str() == fila.tipo);
    let sede = (!fila.sede.is_empty()).then(|| fila.sede.parse().map_err(ilegible)).transpose()?;
    Ok(Cuenta {
        tipo: tipo.ok_or_else(|| ilegible(format!("«{}» no es un tipo", fila.tipo)))?,
        codigo: de_codigo(&fila.codigo)?,
        sede,
        cuantas: u64::try_from(fila.cuantas).map_err(ilegible)?,
    })
}

struct FilaLibro {
    isbn: String,
    titulo: Option<String>,
    prestamos: i64,
}

de_columnas!(FilaLibro: isbn, titulo, prestamos);

/// La sentencia de los libros más prestados.
pub const MAS_PRESTADOS: &str = "-- cuentas::mas_prestados
    SELECT m.isbn, l.titulo, m.prestamos
    FROM (
        SELECT isbn, sum(prestamos)::bigint AS prestamos
        FROM (
            SELECT isbn, prestamos FROM prestamos_por_libro
            UNION ALL
            SELECT n.isbn, n.prestamos FROM sumandos AS s, unnest(s.isbns, s.prestamos) AS n (isbn, prestamos)
        ) AS t
        GROUP BY isbn ORDER BY 2 DESC, 1 LIMIT $1
    ) AS m
    LEFT JOIN libros AS l ON l.isbn = m.isbn
    ORDER BY m.prestamos DESC, m.isbn";

/// Los libros más prestados; a igualdad, por ISBN.
pub(super) async fn mas_prestados(c: &mut PgConnection, cuantos: u32) -> sqlx::Result<Administrada> {
    let sql = sqlx::query_as(MAS_PRESTADOS).bind(i64::from(cuantos.min(LIBROS_MAX)));
    let filas: Vec<FilaLibro> = sql.fetch_all(c).await?;
    let libro = |fila: FilaLibro| {
        Ok(LibroPrestado {
            isbn: fila.isbn.parse().map_err(ilegible)?,
            titulo: fila.titulo.unwrap_or_default(),
            prestamos: u64::try_from(fila.prestamos).map_err(ilegible)?,
        })
    };
    filas.into_iter().map(libro).collect::<sqlx::Result<_>>().map(Administrada::MasPrestados)
}

/// Suma lo pendiente hasta que no quede nada, o lo esté sumando otro.
pub(super) async fn consolidar(c: &mut PgConnection) -> sqlx::Result<()> {
    let sql = "-- cuentas::consolidar
        SELECT consolidar_cuentas($1)";
    loop {
        let mut tx = c.begin().await?;
        match sqlx::query_scalar::<_, i64>(sql).bind(TROZO).fetch_one(&mut *tx).await {
            Ok(tomados) => {
                puntos_de_muerte::pasar(Punto::AlmacenConsolidando);
                tx.commit().await?;
                if tomados < i64::from(TROZO) {
                    return Ok(());
                }
            }
            Err(error) => return tx.rollback().await.and(Err(error)),
        }
    }
}
