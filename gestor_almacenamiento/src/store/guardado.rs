//! Escribe un lote decidido en una llamada, que es también su transacción: todo, o nada si la foto ya no vale.
//!
//! Cada efecto es un parámetro con nombre: una lista de filas de un tipo compuesto de la base, o nulo si el lote no lo tiene. Uno
//! nuevo es otro tipo, otro parámetro y otra [`Fila`].

use common::{
    dominio::{
        Isbn, SedeId,
        reglas::{Cambiado, Prestamo},
    },
    mensajes::{Expediente, Orden},
};
use sqlx::{
    Encode, PgConnection, Postgres, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, types::PgRecordEncoder},
};

use crate::{
    machine::{Decidida, LoteDecidido, Resuelta},
    sumandos::Sumandos,
};

const GUARDAR: &str = "-- guardado::guardar
    SELECT guardar_lote(leido => $1, sumado => $2, decididas => $3, cambiados => $4, nuevos => $5, expedientes => $6,
        resueltas => $7)";

/// Escribe lo decidido. Sin transacción abierta, lo confirma.
pub(super) async fn guardar(c: &mut PgConnection, lote: &LoteDecidido) -> sqlx::Result<()> {
    // Por orden, siempre el mismo: dos lotes a la vez casi siempre se esperan en fila. El de los nuevos es el de su usuario; dos
    // que pidan las mismas copias en otro orden aún se cruzan, y lo deshace el plazo de la espera.
    let mut decididas: Vec<_> = (0..).zip(&lote.decididas).collect();
    decididas.sort_unstable_by_key(|(_, d)| d.orden.id);
    let mut cambiados: Vec<_> = lote.cambios.cambiados.iter().collect();
    cambiados.sort_unstable_by_key(|c| c.prestamo.id);
    let mut nuevos: Vec<_> = lote.cambios.nuevos.iter().collect();
    nuevos.sort_unstable_by_key(|p| (p.usuario, p.ranura));
    let expedientes = lote.decididas.iter().filter_map(|d| Some((&d.orden, d.expediente.as_ref()?)));
    sqlx::query(GUARDAR)
        .bind(lote.horizonte)
        .bind(De(&lote.sumandos))
        .bind(si_hay(decididas))
        .bind(si_hay(cambiados))
        .bind(si_hay(nuevos))
        .bind(si_hay(expedientes))
        .bind(si_hay(&lote.resuelta))
        .execute(c)
        .await
        .map(drop)
}

fn si_hay<F: Fila>(filas: impl IntoIterator<Item = F>) -> Option<Vec<De<F>>> {
    let filas: Vec<_> = filas.into_iter().map(De).collect();
    (!filas.is_empty()).then_some(filas)
}

/// Lo que va a la base como un valor de un tipo compuesto suyo.
trait Fila {
    const TIPO: &'static str;

    /// Sus campos, en el orden del tipo.
    fn campos(&self, registro: &mut PgRecordEncoder<'_>) -> Result<(), BoxDynError>;
}

/// Una fila, para sqlx.
struct De<F>(F);

impl<F: Fila> Type<Postgres> for De<F> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name(F::TIPO)
    }
}

impl<F: Fila> PgHasArrayType for De<F> {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::array_of(F::TIPO)
    }
}

impl<F: Fila> Encode<'_, Postgres> for De<F> {
    fn encode_by_ref(&self, bytes: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let mut registro = PgRecordEncoder::new(bytes);
        self.0.campos(&mut registro)?;
        registro.finish();
        Ok(IsNull::No)
    }
}

/// Con su puesto en el lote.
impl Fila for (i16, &Decidida) {
    const TIPO: &'static str = "operacion_decidida";

    fn campos(&self, registro: &mut PgRecordEncoder<'_>) -> Result<(), BoxDynError> {
        let (puesto, Decidida { orden, estado, respuesta, .. }) = self;
        registro
            .encode(orden.id.uuid())?
            .encode(orden.huella.as_bytes().as_slice())?
            .encode(orden.comando.tipo().as_str())?
            .encode(*estado)?
            .encode(respuesta.codigo.as_str())?
            .encode(respuesta.cuerpo.get())?
            .encode(orden.aceptada.fecha())?
            .encode(*puesto)
            .map(drop)
    }
}

impl Fila for &Cambiado {
    const TIPO: &'static str = "prestamo_cambiado";

    fn campos(&self, registro: &mut PgRecordEncoder<'_>) -> Result<(), BoxDynError> {
        let Cambiado { prestamo, renovaciones_leidas } = self;
        registro
            .encode(prestamo.id.uuid())?
            .encode(i16::from(*renovaciones_leidas))?
            .encode(prestamo.vence)?
            .encode(i16::from(prestamo.renovaciones))?
            .encode(prestamo.cierre.map(|c| c.devuelto))?
            .encode(prestamo.cierre.map(|c| c.devolucion.uuid()))
            .map(drop)
    }
}

impl Fila for &Prestamo {
    const TIPO: &'static str = "prestamo_nuevo";

    fn campos(&self, registro: &mut PgRecordEncoder<'_>) -> Result<(), BoxDynError> {
        registro
            .encode(self.id.uuid())?
            .encode(self.ejemplar.as_str())?
            .encode(self.isbn.as_str())?
            .encode(self.usuario.as_str())?
            .encode(i16::from(self.ranura))?
            .encode(self.desde)?
            .encode(self.vence)?
            .encode(i16::from(self.renovaciones))?
            .encode(self.cierre.map(|c| c.devuelto))?
            .encode(self.cierre.map(|c| c.devolucion.uuid()))
            .map(drop)
    }
}

impl Fila for &Sumandos {
    const TIPO: &'static str = "lote_sumado";

    fn campos(&self, registro: &mut PgRecordEncoder<'_>) -> Result<(), BoxDynError> {
        let (claves, cuantas): (Vec<_>, Vec<i32>) = self.cuentas().unzip();
        let (isbns, veces): (Vec<_>, Vec<i32>) = self.prestamos().unzip();

        registro
            .encode(claves.iter().map(|(tipo, _, _)| tipo.as_str()).collect::<Vec<_>>())?
            .encode(claves.iter().map(|(_, codigo, _)| codigo.as_str()).collect::<Vec<_>>())?
            .encode(claves.iter().map(|(_, _, sede)| sede.as_ref().map_or("", SedeId::as_str)).collect::<Vec<_>>())?
            .encode(cuantas)?
            .encode(isbns.iter().map(Isbn::as_str).collect::<Vec<_>>())?
            .encode(veces)
            .map(drop)
    }
}

impl Fila for (&Orden, &Expediente) {
    const TIPO: &'static str = "apartada_nueva";

    fn campos(&self, registro: &mut PgRecordEncoder<'_>) -> Result<(), BoxDynError> {
        let (orden, expediente) = self;
        registro
            .encode(orden.id.uuid())?
            .encode(orden.huella.as_bytes().as_slice())?
            .encode(json(&orden.comando))?
            .encode(expediente.motivo.as_str())?
            .encode(json(&expediente.historia))?
            .encode(orden.aceptada.fecha())
            .map(drop)
    }
}

impl Fila for &Resuelta {
    const TIPO: &'static str = "apartada_resuelta";

    fn campos(&self, registro: &mut PgRecordEncoder<'_>) -> Result<(), BoxDynError> {
        registro
            .encode(self.id.uuid())?
            .encode(self.como)?
            .encode(self.estado)?
            .encode(self.respuesta.codigo.as_str())?
            .encode(self.respuesta.cuerpo.get())?
            .encode(self.nota.as_deref())
            .map(drop)
    }
}

fn json(valor: &impl serde::Serialize) -> String {
    serde_json::to_string(valor).expect("un mensaje siempre es JSON")
}
