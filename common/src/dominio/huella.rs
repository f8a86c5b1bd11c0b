//! Decide cuándo dos operaciones son la misma: la huella de lo que se pidió.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest, Sha256};

use super::comando::{Comando, Objeto};

/// Versión de la forma canónica: si cambia qué campos cuentan, cambia la etiqueta.
const ETIQUETA_DE_VERSION: &[u8] = b"anaquel.comando.v1";

/// Los primeros 128 bits del SHA-256 (FIPS 180-4) de la forma canónica de un [`Comando`].
///
/// Se calcula sobre la orden ya interpretada, nunca sobre los bytes recibidos: el orden de los campos y los
/// espacios del JSON no la cambian.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Huella([u8; 16]);

impl Huella {
    /// La huella de `comando`.
    pub fn de(comando: &Comando) -> Self {
        let mut hash = Sha256::new();
        let mut campo = |nombre: u8, valor: &[u8]| {
            // Etiqueta y longitud delante de cada campo: dos comandos distintos nunca dan los mismos bytes.
            let longitud = u8::try_from(valor.len()).expect("los identificadores caben en un u8");
            hash.update([nombre, longitud]);
            hash.update(valor);
        };
        campo(b'v', ETIQUETA_DE_VERSION);
        campo(b'o', comando.tipo().as_str().as_bytes());
        if let Some(usuario) = comando.usuario() {
            campo(b'u', usuario.as_str().as_bytes());
        }
        match comando.objeto() {
            Objeto::Ejemplar(ejemplar) => campo(b'e', ejemplar.as_str().as_bytes()),
            Objeto::Libro(isbn) => campo(b'i', isbn.as_str().as_bytes()),
        }
        if let Some(sede) = comando.sede() {
            campo(b's', sede.as_str().as_bytes());
        }
        let resumen = hash.finalize();
        Self(resumen[..16].try_into().expect("SHA-256 da 32 bytes"))
    }

    /// Los 16 bytes, como se guardan.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// La huella guardada; `None` si no tiene 16 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    fn parse(texto: &str) -> Option<Self> {
        let numero = (texto.len() == 32).then(|| u128::from_str_radix(texto, 16).ok())??;
        Some(Self(numero.to_be_bytes()))
    }
}

impl fmt::Display for Huella {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Huella {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Huella({self})")
    }
}

impl Serialize for Huella {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Huella {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let texto = <std::borrow::Cow<'_, str>>::deserialize(d)?;
        Self::parse(&texto).ok_or_else(|| D::Error::custom("la huella son 32 cifras hexadecimales"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dominio::Tipo;

    fn comando(tipo: Tipo, usuario: &str, objeto: Objeto, sede: Option<&str>) -> Comando {
        Comando::new(tipo, Some(usuario.parse().expect("usuario")), objeto, sede.map(|s| s.parse().expect("sede")))
            .expect("comando válido")
    }

    #[test]
    fn cada_campo_cambia_la_huella() {
        let ejemplar = Objeto::Ejemplar("X1".parse().expect("ejemplar"));
        let libro = Objeto::Libro("X1".parse().expect("isbn"));
        let huellas: std::collections::HashSet<_> = [
            comando(Tipo::Prestamo, "U1", ejemplar, None),
            comando(Tipo::Devolucion, "U1", ejemplar, None),
            comando(Tipo::Renovacion, "U1", ejemplar, None),
            comando(Tipo::Prestamo, "U2", ejemplar, None),
            comando(Tipo::Prestamo, "U1", libro, None),
            comando(Tipo::Prestamo, "U1", ejemplar, Some("CENTRO")),
        ]
        .iter()
        .map(Huella::de)
        .collect();
        assert_eq!(huellas.len(), 6);
    }

    #[test]
    fn la_huella_de_la_version_1_no_cambia() {
        let ejemplar = Objeto::Ejemplar("E000123".parse().expect("ejemplar"));
        let huella = Huella::de(&comando(Tipo::Prestamo, "U0001", ejemplar, Some("CENTRO")));
        insta::assert_snapshot!(huella, @"0f122f47e313098b846e18f7fcf710f4");
    }

    #[test]
    fn la_huella_viaja_en_hexadecimal_y_vuelve() {
        let ejemplar = Objeto::Ejemplar("E1".parse().expect("ejemplar"));
        let huella = Huella::de(&comando(Tipo::Prestamo, "U1", ejemplar, None));
        let json = serde_json::to_string(&huella).expect("serializa");
        assert_eq!(serde_json::from_str::<Huella>(&json).expect("vuelve"), huella);
        assert!(serde_json::from_str::<Huella>("\"zz\"").is_err());
    }
}
