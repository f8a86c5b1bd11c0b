//! Gestor o actor → gestor de almacenamiento: escribir una lista, consultar, o preguntar por la salud.
//!
//! Viaja de DEALER a ROUTER como `[vacío][JSON]`.

use serde::{Deserialize, Serialize};

use super::{administracion::Administracion, cierre::Cierre, orden::Orden};
use crate::dominio::Consulta;

/// Una petición con el número que le pone quien la envía.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peticion {
    /// Lo repite el resultado; propio de cada conexión.
    pub peticion: u64,
    /// Cuánto espera quien la envía, en milisegundos: pasado ese tiempo desde su llegada, una petición que siga en
    /// cola se descarta sin responder, porque ya se pidió en otra parte.
    pub plazo_ms: u32,
    /// Qué se pide.
    pub cuerpo: CuerpoPeticion,
}

/// Qué se pide al almacenamiento.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CuerpoPeticion {
    /// Decidir estas operaciones, en este orden.
    Escribir(Vec<Orden>),
    /// Decidir en contra de estas operaciones, salvo que ya estén decididas. Se contesta como a `Escribir`.
    Terminar(Vec<Cierre>),
    /// Lo que pide una persona de las apartadas y las cuentas.
    Administrar(Administracion),
    /// Responder una pregunta.
    Consultar(Consulta),
    /// Decir si hay base de datos que funcione.
    Salud,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dominio::Codigo,
        mensajes::{Fin, orden::ejemplo},
    };

    #[test]
    fn los_bytes_de_una_peticion_son_estos() {
        let con = |cuerpo| serde_json::to_string(&Peticion { peticion: 7, plazo_ms: 3000, cuerpo }).expect("json");
        let ejemplar = "E000123".parse().expect("ejemplar");
        insta::assert_snapshot!(con(CuerpoPeticion::Escribir(vec![ejemplo()])), @r#"{"peticion":7,"plazo_ms":3000,"cuerpo":{"escribir":[{"id":"01890a5d-ac96-774b-bcce-b302099a8057","huella":"0f122f47e313098b846e18f7fcf710f4","aceptada":1700000000123456,"intento":0,"comando":{"operacion":"prestamo","usuario":"U0001","ejemplar":"E000123","sede":"CENTRO"}}]}}"#);
        insta::assert_snapshot!(con(CuerpoPeticion::Consultar(Consulta::Ejemplar(ejemplar))), @r#"{"peticion":7,"plazo_ms":3000,"cuerpo":{"consultar":{"ejemplar":"E000123"}}}"#);
        let anular = Cierre { orden: ejemplo(), fin: Fin::Anular(Codigo::SinRespuesta) };
        insta::assert_snapshot!(con(CuerpoPeticion::Terminar(vec![anular])), @r#"{"peticion":7,"plazo_ms":3000,"cuerpo":{"terminar":[{"orden":{"id":"01890a5d-ac96-774b-bcce-b302099a8057","huella":"0f122f47e313098b846e18f7fcf710f4","aceptada":1700000000123456,"intento":0,"comando":{"operacion":"prestamo","usuario":"U0001","ejemplar":"E000123","sede":"CENTRO"}},"fin":{"anular":"SIN_RESPUESTA"}}]}}"#);
        insta::assert_snapshot!(con(CuerpoPeticion::Administrar(Administracion::Cuentas)), @r#"{"peticion":7,"plazo_ms":3000,"cuerpo":{"administrar":"cuentas"}}"#);
        insta::assert_snapshot!(con(CuerpoPeticion::Salud), @r#"{"peticion":7,"plazo_ms":3000,"cuerpo":"salud"}"#);
    }
}
