//! Gestor → almacenamiento: lo que se pide de una operación que no ha de seguir intentándose. El almacenamiento decide: si
//! ya estaba decidida, vale lo decidido.

use serde::{Deserialize, Serialize};

use super::orden::{Instante, Orden};
use crate::dominio::Codigo;

/// Una operación y cómo se quiere terminar con ella.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cierre {
    /// La operación, entera: si se aparta, con esto se decidirá cuando una persona la recupere.
    pub orden: Orden,
    pub fin: Fin,
}

/// En qué queda si nadie la había decidido.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fin {
    /// `anulada`: no se hizo ni se hará, por esta razón.
    Anular(Codigo),
    /// `apartada`: la mirará una persona.
    Apartar(Expediente),
}

/// Lo que una persona necesita saber de una operación apartada.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expediente {
    pub motivo: MotivoDeApartar,
    pub historia: Vec<FalloAnotado>,
}

/// Por qué se aparta una operación.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MotivoDeApartar {
    /// Con la base en marcha, no se pudo escribir una y otra vez.
    FallosDefinidos,
    /// Murió, una y otra vez, quien la atendía a solas.
    Muertes,
}

impl MotivoDeApartar {
    /// Todos.
    pub const TODOS: [Self; 2] = [Self::FallosDefinidos, Self::Muertes];

    /// Como se escribe en los mensajes y en la base.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FallosDefinidos => "FALLOS_DEFINIDOS",
            Self::Muertes => "MUERTES",
        }
    }
}

/// Un fallo de una operación.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FalloAnotado {
    pub intento: u32,
    pub cuando: Instante,
    pub que: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mensajes::orden::ejemplo;

    #[test]
    fn los_bytes_de_un_cierre_son_estos() {
        let con = |fin| serde_json::to_string(&Cierre { orden: ejemplo(), fin }).expect("json");
        let historia = vec![FalloAnotado { intento: 2, cuando: Instante(7), que: "22003".into() }];
        let apartar = Fin::Apartar(Expediente { motivo: MotivoDeApartar::FallosDefinidos, historia });
        insta::assert_snapshot!(con(Fin::Anular(Codigo::SinActores)), @r#"{"orden":{"id":"01890a5d-ac96-774b-bcce-b302099a8057","huella":"0f122f47e313098b846e18f7fcf710f4","aceptada":1700000000123456,"intento":0,"comando":{"operacion":"prestamo","usuario":"U0001","ejemplar":"E000123","sede":"CENTRO"}},"fin":{"anular":"SIN_ACTORES"}}"#);
        insta::assert_snapshot!(con(apartar), @r#"{"orden":{"id":"01890a5d-ac96-774b-bcce-b302099a8057","huella":"0f122f47e313098b846e18f7fcf710f4","aceptada":1700000000123456,"intento":0,"comando":{"operacion":"prestamo","usuario":"U0001","ejemplar":"E000123","sede":"CENTRO"}},"fin":{"apartar":{"motivo":"FALLOS_DEFINIDOS","historia":[{"intento":2,"cuando":7,"que":"22003"}]}}}"#);
    }
}
