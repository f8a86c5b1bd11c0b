//! Gestor → actor: la lista de operaciones que se asigna a un actor, bajo un tópico que lo nombra.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    descifrar,
    orden::{Nombre, Orden},
    por_separado,
};
use crate::dominio::{Huella, OperacionId, Tipo};

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
    pub fn de(tipo: Tipo) -> Option<Self> {
        match tipo {
            Tipo::Prestamo => Some(Self::Prestamo),
            Tipo::Devolucion => Some(Self::Devolucion),
            Tipo::Renovacion => None,
        }
    }

    /// Como se escribe en el tópico.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prestamo => "prestamo",
            Self::Devolucion => "devolucion",
        }
    }

    /// El tópico de una instancia: `prestamo|<instancia>`. Suscribirse a él es anunciarse.
    pub fn de_instancia(self, instancia: &str) -> String {
        format!("{self}|{instancia}")
    }

    /// El tópico y la instancia que nombra un texto como `prestamo|<instancia>`.
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

/// Una orden de la que el actor no entiende qué pide, pero sí por cuál ha de contestar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrdenNoEntendida {
    pub id: OperacionId,
    /// Y con qué contenido.
    pub huella: Huella,
    pub intento: u32,
    pub motivo: String,
}

impl Evento {
    /// Lo que se entiende de un evento, y las órdenes que no.
    ///
    /// # Errors
    /// Si ni siquiera es un evento.
    pub fn leer(bytes: &[u8]) -> Result<(Self, Vec<OrdenNoEntendida>), serde_json::Error> {
        descifrar(bytes).map(|evento| (evento, Vec::new())).or_else(|_| Self::por_partes(bytes))
    }

    fn por_partes(bytes: &[u8]) -> Result<(Self, Vec<OrdenNoEntendida>), serde_json::Error> {
        #[derive(Deserialize)]
        struct EventoSuelto<'a> {
            gestor: String,
            #[serde(borrow)]
            ordenes: Vec<&'a RawValue>,
        }
        let EventoSuelto { gestor, ordenes } = descifrar(bytes)?;
        let mut ajenas = Vec::new();
        let ajena =
            |Nombre { id, huella, intento }, motivo| ajenas.push(OrdenNoEntendida { id, huella, intento, motivo });
        let ordenes = por_separado(&ordenes, ajena);
        Ok((Self { gestor, ordenes }, ajenas))
    }
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
    fn una_orden_que_no_se_entiende_se_nombra_y_no_calla_a_sus_vecinas() {
        let evento = Evento { gestor: "g1".into(), ordenes: vec![Orden { intento: 2, ..ejemplo() }, ejemplo()] };
        let json = serde_json::to_string(&evento).expect("json").replacen("\"prestamo\"", "\"reserva\"", 1);
        let (leido, ajenas) = Evento::leer(json.as_bytes()).expect("es un evento");
        assert_eq!(leido.ordenes, [ejemplo()]);
        let [OrdenNoEntendida { id, huella, intento: 2, motivo }] = &ajenas[..] else { panic!("{ajenas:?}") };
        assert_eq!((*id, *huella), (ejemplo().id, ejemplo().huella));
        assert!(motivo.contains("reserva"), "{motivo}");
        let (leido, ajenas) = Evento::leer(br#"{"gestor":"g1","ordenes":[{"id":7}]}"#).expect("es un evento");
        assert!(leido.ordenes.is_empty() && ajenas.is_empty(), "de esa no se puede contestar");
        assert!(Evento::leer(br#"{"gestor":"g1"}"#).is_err());
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
