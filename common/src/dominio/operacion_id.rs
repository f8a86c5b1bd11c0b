//! Decide qué vale como id de una operación que escribe: un UUIDv7 (RFC 9562).

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use uuid::Uuid;

/// Cuánto puede adelantarse el reloj de quien creó un id. Más allá se rechaza en la puerta: el orden entre un
/// préstamo y su devolución se lee en los ids.
pub const ADELANTO_MAX: Duration = Duration::from_mins(2);

/// El id de una operación que escribe. Su tiempo es el de su creación, en milisegundos.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperacionId(Uuid);

/// Por qué un texto no vale como id de operación.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdInvalido {
    /// No es un UUID.
    #[error("no es un UUID")]
    NoEsUuid,
    /// Es un UUID de otra versión.
    #[error("no es un UUID de la versión 7")]
    OtraVersion,
    /// Lleva una fecha que todavía no ha llegado.
    #[error("lleva una fecha más de dos minutos en el futuro; revise el reloj de quien lo creó")]
    DelFuturo,
}

impl OperacionId {
    /// El id que hay en `uuid`.
    ///
    /// # Errors
    /// [`IdInvalido::OtraVersion`] si no es un UUIDv7.
    pub fn try_new(uuid: Uuid) -> Result<Self, IdInvalido> {
        if uuid.get_version_num() == 7 && uuid.get_variant() == uuid::Variant::RFC4122 {
            Ok(Self(uuid))
        } else {
            Err(IdInvalido::OtraVersion)
        }
    }

    /// El id escrito en `texto`.
    ///
    /// # Errors
    /// [`IdInvalido`] si no es un UUIDv7.
    pub fn parse(texto: &str) -> Result<Self, IdInvalido> {
        Uuid::try_parse(texto).map_err(|_| IdInvalido::NoEsUuid).and_then(Self::try_new)
    }

    /// Comprueba que el id no se adelanta más de [`ADELANTO_MAX`] a `ahora_ms` (milisegundos Unix).
    pub fn comprobar_reloj(self, ahora_ms: u64) -> Result<(), IdInvalido> {
        let limite = ahora_ms.saturating_add(u64::try_from(ADELANTO_MAX.as_millis()).expect("dos minutos"));
        if self.milisegundos() > limite { Err(IdInvalido::DelFuturo) } else { Ok(()) }
    }

    /// Cuándo se creó, en milisegundos desde 1970.
    pub fn milisegundos(self) -> u64 {
        // Los 48 bits altos de un UUIDv7 son el tiempo (RFC 9562, 5.7).
        u64::try_from(self.0.as_u128() >> 80).expect("48 bits")
    }

    /// El UUID.
    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for OperacionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for OperacionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OperacionId({})", self.0)
    }
}

impl Serialize for OperacionId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(s)
    }
}

impl<'de> Deserialize<'de> for OperacionId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Uuid::deserialize(d).and_then(|uuid| Self::try_new(uuid).map_err(D::Error::custom))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V7: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    #[test]
    fn solo_un_uuid_de_version_7_es_un_id_de_operacion() {
        assert!(OperacionId::parse(V7).is_ok());
        assert_eq!(OperacionId::parse("hola"), Err(IdInvalido::NoEsUuid));
        let v4 = "9b2d7a52-5e9f-4c54-9b8e-3c0a54f1d0aa";
        assert_eq!(OperacionId::parse(v4), Err(IdInvalido::OtraVersion));
    }

    #[test]
    fn un_id_de_dentro_de_mas_de_dos_minutos_se_rechaza() {
        let id = OperacionId::parse(V7).expect("v7");
        let suyo = id.milisegundos();
        assert_eq!(id.comprobar_reloj(suyo), Ok(()));
        assert_eq!(id.comprobar_reloj(suyo - 120_000), Ok(()));
        assert_eq!(id.comprobar_reloj(suyo - 120_001), Err(IdInvalido::DelFuturo));
    }
}
