//! Decide qué se guarda de lo que se prometió y no se aplicó: una carta por operación, a la vista hasta que una persona la
//! cierra con una nota.
//!
//! Las cerradas quedan aparte, las últimas [`CERRADAS_MAX`]: repetir un cierre dice quién lo hizo antes y no cambia nada.
//! Que una apartada se recupere después no toca su carta.

use common::{
    dominio::OperacionId,
    mensajes::{self, Instante, Orden, RespuestaGuardada},
};
use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

/// Cartas cerradas que se conservan, las de id más reciente.
pub const CERRADAS_MAX: u64 = 10_000;

/// Id de la operación → [`Carta`] en JSON.
const BUZON: TableDefinition<u128, &[u8]> = TableDefinition::new("buzon");
/// Id de la operación → [`Cerrada`] en JSON.
const CERRADAS: TableDefinition<u128, &[u8]> = TableDefinition::new("buzon_cerrado");

/// Una operación a la que se contestó `pendiente` y que no se aplicó.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Carta {
    pub orden: Orden,
    /// En qué quedó, con su código.
    pub fin: RespuestaGuardada,
    pub cuando: Instante,
}

/// Una carta que una persona cerró.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Cerrada {
    carta: Carta,
    nota: String,
    cuando: Instante,
}

/// Una página del buzón.
#[derive(Clone, Debug)]
pub struct PaginaDeBuzon {
    /// De la más reciente a la más antigua.
    pub cartas: Vec<Carta>,
    /// Cuántas hay en total sin cerrar.
    pub total: u64,
}

/// Qué pasó al cerrar una carta.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CierreDeBuzon {
    Cerrada,
    /// Lo estaba ya, con esa nota y desde entonces.
    YaEstaba {
        nota: String,
        cuando: Instante,
    },
    NoExiste,
}

/// Crea las tablas la primera vez.
pub(super) fn crear(transaccion: &WriteTransaction) -> Result<(), redb::Error> {
    transaccion.open_table(BUZON)?;
    transaccion.open_table(CERRADAS)?;
    Ok(())
}

/// Deja una carta. Si la operación ya tenía una, vale la última.
pub(super) fn echar(transaccion: &WriteTransaction, carta: &Carta) -> Result<(), redb::Error> {
    let mut tabla = transaccion.open_table(BUZON)?;
    tabla.insert(clave(carta.orden.id), mensajes::codificar(carta).as_slice())?;
    Ok(())
}

pub(super) fn cerrar(
    transaccion: &WriteTransaction,
    id: OperacionId,
    nota: &str,
    cuando: Instante,
) -> Result<CierreDeBuzon, redb::Error> {
    let mut abiertas = transaccion.open_table(BUZON)?;
    let mut cerradas = transaccion.open_table(CERRADAS)?;
    let carta = abiertas.get(clave(id))?.and_then(|fila| leer::<Carta>(fila.value()));
    let Some(carta) = carta else {
        let antes = cerradas.get(clave(id))?.and_then(|fila| leer::<Cerrada>(fila.value()));
        return Ok(antes.map_or(CierreDeBuzon::NoExiste, |antes| CierreDeBuzon::YaEstaba {
            nota: antes.nota,
            cuando: antes.cuando,
        }));
    };
    let cerrada = Cerrada { carta, nota: nota.to_owned(), cuando };
    cerradas.insert(clave(id), mensajes::codificar(&cerrada).as_slice())?;
    abiertas.remove(clave(id))?;
    if cerradas.len()? > CERRADAS_MAX {
        cerradas.pop_first()?;
    }
    Ok(CierreDeBuzon::Cerrada)
}

pub(super) fn pagina(db: &Database, desde: usize, cuantas: usize) -> Result<PaginaDeBuzon, redb::Error> {
    let transaccion = db.begin_read()?;
    let tabla = transaccion.open_table(BUZON)?;
    let mut cartas = Vec::new();
    for fila in tabla.iter()?.rev().skip(desde).take(cuantas) {
        cartas.extend(leer(fila?.1.value()));
    }
    Ok(PaginaDeBuzon { cartas, total: tabla.len()? })
}

fn clave(id: OperacionId) -> u128 {
    id.uuid().as_u128()
}

/// Lo que no se entiende se dice y se salta: una carta rota no esconde a las demás.
fn leer<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Option<T> {
    mensajes::descifrar(bytes).inspect_err(|e| tracing::error!("una carta del buzón no se entiende: {e}")).ok()
}
