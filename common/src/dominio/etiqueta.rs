//! Decide qué texto vale como identificador de biblioteca (usuario, ejemplar, ISBN, sede).
//!
//! Son valores `Copy` de 32 bytes sin memoria dinámica: viajan por mapas y colas a cada paso.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longitud máxima de un identificador, en bytes.
pub const LONGITUD_MAX: usize = 31;

/// Por qué un texto no vale como identificador.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EtiquetaInvalida {
    /// El texto está vacío.
    #[error("está vacío")]
    Vacia,
    /// El texto supera [`LONGITUD_MAX`] bytes.
    #[error("tiene más de {LONGITUD_MAX} caracteres")]
    Larga,
    /// El texto tiene un carácter que no es letra ASCII, cifra, `-`, `_` ni `.`.
    #[error("solo admite letras sin acento, cifras, «-», «_» y «.»")]
    Caracter,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Etiqueta {
    bytes: [u8; LONGITUD_MAX],
    longitud: u8,
}

impl Etiqueta {
    fn parse(texto: &str) -> Result<Self, EtiquetaInvalida> {
        if texto.is_empty() {
            return Err(EtiquetaInvalida::Vacia);
        }
        if texto.len() > LONGITUD_MAX {
            return Err(EtiquetaInvalida::Larga);
        }
        if !texto.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
            return Err(EtiquetaInvalida::Caracter);
        }
        let mut bytes = [0; LONGITUD_MAX];
        bytes[..texto.len()].copy_from_slice(texto.as_bytes());
        let longitud = u8::try_from(texto.len()).expect("LONGITUD_MAX cabe en un u8");
        Ok(Self { bytes, longitud })
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.longitud)]).expect("solo ASCII")
    }
}

macro_rules! identificador {
    ($(#[$doc:meta])* $nombre:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $nombre(Etiqueta);

        impl $nombre {
            /// El identificador como texto.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl FromStr for $nombre {
            type Err = EtiquetaInvalida;

            fn from_str(texto: &str) -> Result<Self, EtiquetaInvalida> {
                Self::parse(texto)
            }
        }

        impl fmt::Display for $nombre {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl fmt::Debug for $nombre {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($nombre), self.as_str())
            }
        }

        impl Serialize for $nombre {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $nombre {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                struct Visitante;
                impl serde::de::Visitor<'_> for Visitante {
                    type Value = $nombre;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("un identificador de 1 a 31 caracteres")
                    }
                    fn visit_str<E: serde::de::Error>(self, texto: &str) -> Result<$nombre, E> {
                        texto.parse().map_err(E::custom)
                    }
                }
                d.deserialize_str(Visitante)
            }
        }
    };
}

identificador! {
    /// Una persona con carné: `U0001`.
    UsuarioId
}
identificador! {
    /// Un ejemplar físico: `E000123`.
    EjemplarId
}
identificador! {
    /// Un título, por su ISBN sin guiones: `9780439023481`.
    Isbn
}
identificador! {
    /// Una sede de la biblioteca: `CENTRO`.
    SedeId
}

macro_rules! parse_tal_cual {
    ($($nombre:ident)*) => {
        $(impl $nombre {
            fn parse(texto: &str) -> Result<Self, EtiquetaInvalida> {
                Etiqueta::parse(texto).map(Self)
            }
        })*
    };
}
parse_tal_cual!(UsuarioId EjemplarId SedeId);

impl Isbn {
    /// Los guiones y espacios de un ISBN son adorno (ISO 2108): se quitan.
    fn parse(texto: &str) -> Result<Self, EtiquetaInvalida> {
        if !texto.contains(['-', ' ']) {
            return Etiqueta::parse(texto).map(Self);
        }
        if texto.len() > 2 * LONGITUD_MAX {
            return Err(EtiquetaInvalida::Larga);
        }
        let limpio: String = texto.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
        Etiqueta::parse(&limpio).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn un_identificador_vacio_largo_o_con_caracteres_raros_no_existe() {
        assert_eq!("".parse::<UsuarioId>(), Err(EtiquetaInvalida::Vacia));
        assert_eq!("x".repeat(32).parse::<UsuarioId>(), Err(EtiquetaInvalida::Larga));
        for raro in ["a b", "ñ", "a\0", "a;b", "a|b", "\u{202e}"] {
            assert_eq!(raro.parse::<EjemplarId>(), Err(EtiquetaInvalida::Caracter), "{raro:?}");
        }
    }

    #[test]
    fn un_identificador_vuelve_a_ser_el_mismo_texto() {
        let largo = "x".repeat(31);
        for texto in ["U0001", "E000123", "CENTRO", "a-b_c.d", &largo] {
            let id: UsuarioId = texto.parse().expect("válido");
            assert_eq!(id.as_str(), texto);
            let json = serde_json::to_string(&id).expect("serializa");
            assert_eq!(serde_json::from_str::<UsuarioId>(&json).expect("vuelve"), id);
        }
    }

    #[test]
    fn un_isbn_se_lee_igual_con_guiones_y_sin_ellos() {
        let con: Isbn = "978-0-439-02348-1".parse().expect("válido");
        let sin: Isbn = "9780439023481".parse().expect("válido");
        assert_eq!(con, sin);
    }
}
