//! Una operación en camino: lo que el gestor publica, el actor reenvía y el almacenamiento decide.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::dominio::{Comando, Huella, OperacionId};

/// Un momento del reloj de pared, en microsegundos desde 1970 (los que guarda PostgreSQL).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instante(pub i64);

impl Instante {
    /// El momento como fecha.
    pub fn fecha(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or(DateTime::UNIX_EPOCH)
    }
}

impl From<DateTime<Utc>> for Instante {
    fn from(fecha: DateTime<Utc>) -> Self {
        Self(fecha.timestamp_micros())
    }
}

/// Una operación aceptada por un gestor, con todo lo que hace falta para decidirla.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orden {
    pub id: OperacionId,
    /// La huella de `comando`: todo se empareja por id y huella.
    pub huella: Huella,
    /// Cuándo la aceptó el gestor: el tiempo del negocio.
    pub aceptada: Instante,
    /// El número de este intento, desde 0.
    pub intento: u32,
    /// Va sola, sin vecinas en su lista ni en su transacción: pudo matar a quien la atendía.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sola: bool,
    pub comando: Comando,
}

/// Lo que nombra a una orden de otra versión, de la que no se entiende lo demás.
#[derive(Deserialize)]
pub(super) struct Nombre {
    pub(super) id: OperacionId,
    pub(super) huella: Huella,
    #[serde(default)]
    pub(super) intento: u32,
}

#[cfg(test)]
pub(super) fn ejemplo() -> Orden {
    let comando: Comando =
        serde_json::from_str(r#"{"operacion":"prestamo","usuario":"U0001","ejemplar":"E000123","sede":"CENTRO"}"#)
            .expect("comando");
    Orden {
        id: OperacionId::parse("01890a5d-ac96-774b-bcce-b302099a8057").expect("v7"),
        huella: Huella::de(&comando),
        aceptada: Instante(1_700_000_000_123_456),
        intento: 0,
        sola: false,
        comando,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn los_bytes_de_una_orden_son_estos() {
        insta::assert_snapshot!(serde_json::to_string(&ejemplo()).expect("json"), @r#"{"id":"01890a5d-ac96-774b-bcce-b302099a8057","huella":"0f122f47e313098b846e18f7fcf710f4","aceptada":1700000000123456,"intento":0,"comando":{"operacion":"prestamo","usuario":"U0001","ejemplar":"E000123","sede":"CENTRO"}}"#);
        insta::assert_snapshot!(serde_json::to_string(&Orden { sola: true, intento: 3, ..ejemplo() }).expect("json"), @r#"{"id":"01890a5d-ac96-774b-bcce-b302099a8057","huella":"0f122f47e313098b846e18f7fcf710f4","aceptada":1700000000123456,"intento":3,"sola":true,"comando":{"operacion":"prestamo","usuario":"U0001","ejemplar":"E000123","sede":"CENTRO"}}"#);
    }
}
