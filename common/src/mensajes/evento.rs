//! Gestor → actor: la lista de operaciones que se asigna a un actor, bajo un tópico que lo nombra.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::orden::Orden;
use crate::dominio::Tipo;

/// Los dos tópicos que se publican; la renovación va por llamada directa.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topico {
    /// `prestamo`.
    Prestamo,
    /// `devolucion`.
    Devolucion,
}

impl Topico {
    /// Los dos.
    pub const TODOS: [Self; 2] = [Self::Prestamo, Self::Devolucion];

    /// El tópico de las operaciones de `tipo`; `None` para la ruta directa.
    #[must_use]
    pub fn de(tipo: Tipo) -> Option<Self> {
        match tipo {
            Tipo::Prestamo => Some(Self::Prestamo),
            Tipo::Devolucion => Some(Self::Devolucion),
            Tipo::Renovacion => None,
        }
    }

    /// Como se escribe en el tópico.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prestamo => "prestamo",
            Self::Devolucion => "devolucion",
        }
    }

    /// El tópico de una instancia: `prestamo|<instancia>`. Suscribirse a él es anunciarse.
    #[must_use]
    pub fn de_instancia(self, instancia: &str) -> String {
        format!("{self}|{instancia}")
    }

    /// El tópico y la instancia que nombra un texto como `prestamo|<instancia>`.
    #[must_use]
    pub fn leer_instancia(texto: &str) -> Option<(Self, &str)> {
        let (topico, instancia) = texto.split_once('|')?;
        let topico = Self::TODOS.into_iter().find(|t| t.as_str() == topico)?;
        (!instancia.is_empty()).then_some((topico, instancia))
    }
}

impl fmt::Display for Topico {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// El segundo cuadro de un evento; el primero es `<topico>|<instancia>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evento {
    /// La instancia del gestor que lo publica, nueva en cada arranque.
    pub gestor: String,
    /// Lo que el actor ha de aplicar, en orden.
    pub ordenes: Vec<Orden>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mensajes::orden::ejemplo;

    #[test]
    fn los_bytes_de_un_evento_son_estos() {
        let evento = Evento { gestor: "g1".into(), ordenes: vec![ejemplo()] };
        insta::assert_snapshot!(serde_json::to_string(&evento).expect("json"), @r#"{"gestor":"g1","ordenes":[{"id":"01890a5d-ac96-774b-bcce-b302099a8057","huella":"0f122f47e313098b846e18f7fcf710f4","aceptada":1700000000123456,"intento":0,"comando":{"operacion":"prestamo","usuario":"U0001","ejemplar":"E000123","sede":"CENTRO"}}]}"#);
    }

    #[test]
    fn un_topico_de_instancia_se_lee_como_se_escribe() {
        let texto = Topico::Prestamo.de_instancia("a1");
        assert_eq!(texto, "prestamo|a1");
        assert_eq!(Topico::leer_instancia(&texto), Some((Topico::Prestamo, "a1")));
        for ajeno in ["prestamo", "prestamo|", "renovacion|a1", "", "|a1"] {
            assert_eq!(Topico::leer_instancia(ajeno), None, "{ajeno:?}");
        }
    }
}
