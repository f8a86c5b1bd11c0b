//! Escribe un lote decidido en una llamada, que es también su transacción: todo, o nada si la foto ya no vale.

use common::{
    dominio::{
        Isbn, SedeId,
        reglas::{Cambiado, Cambios, Prestamo},
    },
    mensajes::{Orden, RespuestaGuardada},
};
use sqlx::{PgConnection, Postgres, postgres::PgArguments, query::Query};

use super::foto::{Foto, columna};
use crate::sumandos::Sumandos;

/// Una operación y lo que se decidió de ella.
pub(super) struct Decidida<'a> {
    pub orden: &'a Orden,
    pub estado: &'static str,
    pub respuesta: RespuestaGuardada,
    /// Dónde se cuenta.
    pub sede: Option<SedeId>,
}

/// Los parámetros van en cuatro grupos: las operaciones y el horizonte leído, los préstamos que cambian, los nuevos, y lo que
/// se suma a las cuentas.
const GUARDAR: &str = "-- guardado::guardar
    SELECT guardar_lote($1::uuid[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8,
        $9::uuid[], $10::smallint[], $11::timestamptz[], $12::smallint[], $13::timestamptz[], $14::uuid[],
        $15::uuid[], $16::text[], $17::text[], $18::text[], $19::smallint[], $20::timestamptz[], $21::timestamptz[],
        $22::smallint[], $23::timestamptz[], $24::uuid[],
        $25::text[], $26::text[], $27::text[], $28::integer[], $29::text[], $30::integer[])";

/// Escribe lo decidido con `foto`, y lo que eso y `sumandos` suman a las cuentas. Sin transacción abierta, lo confirma.
pub(super) async fn guardar(
    c: &mut PgConnection,
    foto: &Foto,
    mut decididas: Vec<&Decidida<'_>>,
    mut sumandos: Sumandos,
) -> sqlx::Result<()> {
    let Cambios { mut nuevos, mut cambiados } = foto.filas.cambios();
    // Por orden, siempre el mismo: dos lotes a la vez casi siempre se esperan en fila. El de los nuevos es el de su usuario; dos
    // que pidan las mismas copias en otro orden aún se cruzan, y lo deshace el plazo de la espera.
    decididas.sort_unstable_by_key(|d| d.orden.id);
    cambiados.sort_unstable_by_key(|c| c.prestamo.id);
    nuevos.sort_unstable_by_key(|p| (p.usuario, p.ranura));
    for d in &decididas {
        sumandos.decidida(d.orden.comando.tipo(), d.respuesta.codigo, d.sede);
    }
    for prestamo in &nuevos {
        sumandos.prestado(prestamo.isbn);
    }
    let operaciones = sqlx::query(GUARDAR)
        .bind(columna(&decididas, |d| d.orden.id.uuid()))
        .bind(columna(&decididas, |d| d.orden.huella.as_bytes().as_slice()))
        .bind(columna(&decididas, |d| d.orden.comando.tipo().as_str()))
        .bind(columna(&decididas, |d| d.estado))
        .bind(columna(&decididas, |d| d.respuesta.codigo.as_str()))
        .bind(columna(&decididas, |d| d.respuesta.cuerpo.get()))
        .bind(columna(&decididas, |d| d.orden.aceptada.fecha()))
        .bind(foto.horizonte);
    let de = |c: &Cambiado| c.prestamo;
    let con_cambiados = operaciones
        .bind(columna(&cambiados, |c| de(c).id.uuid()))
        .bind(columna(&cambiados, |c| i16::from(c.renovaciones_leidas)))
        .bind(columna(&cambiados, |c| de(c).vence))
        .bind(columna(&cambiados, |c| i16::from(de(c).renovaciones)))
        .bind(columna(&cambiados, |c| de(c).cierre.map(|c| c.devuelto)))
        .bind(columna(&cambiados, |c| de(c).cierre.map(|c| c.devolucion.uuid())));
    let con_todo = con_cambiados
        .bind(columna(&nuevos, |p| p.id.uuid()))
        .bind(columna(&nuevos, |p| p.ejemplar.as_str()))
        .bind(columna(&nuevos, |p| p.isbn.as_str()))
        .bind(columna(&nuevos, |p| p.usuario.as_str()))
        .bind(columna(&nuevos, |p| i16::from(p.ranura)))
        .bind(columna(&nuevos, |p: &Prestamo| p.desde))
        .bind(columna(&nuevos, |p| p.vence))
        .bind(columna(&nuevos, |p| i16::from(p.renovaciones)))
        .bind(columna(&nuevos, |p| p.cierre.map(|c| c.devuelto)))
        .bind(columna(&nuevos, |p| p.cierre.map(|c| c.devolucion.uuid())));
    con_sumandos(con_todo, &sumandos).execute(c).await.map(drop)
}

fn con_sumandos<'q>(sql: Query<'q, Postgres, PgArguments>, sumandos: &'q Sumandos) -> Query<'q, Postgres, PgArguments> {
    let (claves, cuantas): (Vec<_>, Vec<i32>) = sumandos.cuentas().unzip();
    let (isbns, veces): (Vec<_>, Vec<i32>) = sumandos.prestamos().unzip();
    sql.bind(columna(&claves, |(tipo, _, _)| tipo.as_str()))
        .bind(columna(&claves, |(_, codigo, _)| codigo.as_str()))
        .bind(columna(&claves, |(_, _, sede)| sede.as_ref().map_or("", SedeId::as_str)))
        .bind(cuantas)
        .bind(columna(&isbns, Isbn::as_str))
        .bind(veces)
}
