//! Decide qué se guarda de una fila del diario que no se entiende, y qué se enseña de ella: lo bastante para que una persona
//! vuelva a pedir lo que decía.
//!
//! Los bytes quedan como estaban, también para la versión que sí los entienda; el momento va aparte.

use common::mensajes::{self, Instante, Orden};
use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction};

/// Número de llegada → la fila, tal cual.
pub(super) const ILEGIBLES: TableDefinition<u64, &[u8]> = TableDefinition::new("ilegibles");
/// Número de llegada → cuándo se apartó. Las que apartó una versión anterior no lo tienen.
const APARTADAS: TableDefinition<u64, i64> = TableDefinition::new("ilegibles_cuando");

/// Una fila que no se entiende.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ilegible {
    pub num: u64,
    /// Cuándo se apartó, si se sabe.
    pub cuando: Option<Instante>,
    /// Qué no se entiende hoy de ella; nada, si esta versión sí la entiende.
    pub motivo: Option<String>,
    pub bytes: Vec<u8>,
}

/// Una página de ellas.
#[derive(Clone, Debug)]
pub struct PaginaDeIlegibles {
    /// De la más antigua a la más reciente.
    pub filas: Vec<Ilegible>,
    pub total: u64,
}

/// Aparta una fila. Su número pudo usarse antes: cada una conserva su sitio.
pub(super) fn apartar(
    transaccion: &WriteTransaction,
    num: u64,
    bytes: &[u8],
    cuando: Instante,
) -> Result<(), redb::Error> {
    let mut filas = transaccion.open_table(ILEGIBLES)?;
    let mut libre = num;
    while filas.get(libre)?.is_some() {
        libre += 1;
    }
    filas.insert(libre, bytes)?;
    transaccion.open_table(APARTADAS)?.insert(libre, cuando.0)?;
    Ok(())
}

/// Crea las tablas la primera vez, y dice cuántas filas hay.
pub(super) fn crear(transaccion: &WriteTransaction) -> Result<u64, redb::Error> {
    transaccion.open_table(APARTADAS)?;
    Ok(transaccion.open_table(ILEGIBLES)?.len()?)
}

pub(super) fn pagina(db: &Database, desde: usize, cuantas: usize) -> Result<PaginaDeIlegibles, redb::Error> {
    let transaccion = db.begin_read()?;
    let (tabla, apartadas) = (transaccion.open_table(ILEGIBLES)?, transaccion.open_table(APARTADAS)?);
    let mut filas = Vec::new();
    for fila in tabla.iter()?.skip(desde).take(cuantas) {
        let (num, bytes) = fila?;
        let (num, bytes) = (num.value(), bytes.value().to_vec());
        let cuando = apartadas.get(num)?.map(|cuando| Instante(cuando.value()));
        let motivo = mensajes::descifrar::<Orden>(&bytes).err().map(|e| e.to_string());
        filas.push(Ilegible { num, cuando, motivo, bytes });
    }
    Ok(PaginaDeIlegibles { filas, total: tabla.len()? })
}
