//! Gestor → cliente: la respuesta, y su forma guardada, que se repite byte a byte.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::dominio::{
    Codigo, Estado,
    reglas::{Datos, Operacion, Veredicto},
};

/// Lo que recibe quien pidió algo. Quien la compone puede dar los datos con su propio tipo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Respuesta<D = serde_json::Value> {
    /// El id de la operación; nulo si la solicitud no dejó leer uno.
    pub id: Option<Uuid>,
    /// Si se hizo lo que se pedía.
    pub exito: bool,
    pub estado: Estado,
    pub codigo: Codigo,
    pub mensaje: String,
    /// El momento de la operación, RFC 3339 en UTC con microsegundos.
    #[serde(rename = "fechaOperacion", serialize_with = "rfc3339")]
    pub fecha_operacion: DateTime<Utc>,
    #[serde(default)]
    pub datos: D,
}

fn rfc3339<S: Serializer>(fecha: &DateTime<Utc>, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(&fecha.to_rfc3339_opts(SecondsFormat::Micros, true))
}

impl Respuesta {
    /// Una respuesta sin datos, con la frase de su código.
    pub fn new(id: Option<Uuid>, estado: Estado, codigo: Codigo, fecha: DateTime<Utc>) -> Self {
        Self {
            id,
            exito: estado == Estado::Aplicada && codigo == Codigo::Ok,
            estado,
            codigo,
            mensaje: codigo.mensaje().to_owned(),
            fecha_operacion: fecha,
            datos: serde_json::Value::Object(serde_json::Map::new()),
        }
    }

    /// La misma con otra frase.
    pub fn con_mensaje(mut self, mensaje: impl Into<String>) -> Self {
        self.mensaje = mensaje.into();
        self
    }

    /// La misma con datos.
    pub fn con_datos<D>(self, datos: D) -> Respuesta<D> {
        let Self { id, exito, estado, codigo, mensaje, fecha_operacion, datos: _ } = self;
        Respuesta { id, exito, estado, codigo, mensaje, fecha_operacion, datos }
    }
}

impl Respuesta<Datos> {
    /// La de una operación decidida.
    pub fn decidida(operacion: &Operacion, veredicto: Veredicto) -> Self {
        Self {
            id: Some(operacion.id.uuid()),
            exito: veredicto.estado == Estado::Aplicada,
            estado: veredicto.estado,
            codigo: veredicto.codigo,
            mensaje: veredicto.mensaje.into_owned(),
            fecha_operacion: operacion.momento,
            datos: veredicto.datos,
        }
    }
}

impl<D: Serialize> Respuesta<D> {
    /// La forma en que se guarda y viaja sin volver a interpretarla.
    pub fn guardada(&self) -> RespuestaGuardada {
        let cuerpo = serde_json::value::to_raw_value(self).expect("una respuesta siempre es JSON");
        RespuestaGuardada { codigo: self.codigo, cuerpo }
    }
}

/// Una respuesta ya escrita: los bytes que recibe el cliente, y su código para quien solo cuenta.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RespuestaGuardada {
    pub codigo: Codigo,
    /// La [`Respuesta`] como JSON; nadie entre el almacenamiento y el cliente la toca.
    #[serde(rename = "respuesta")]
    pub cuerpo: Box<RawValue>,
}

#[cfg(test)]
pub(super) fn guardada_de_ejemplo() -> RespuestaGuardada {
    ejemplo().guardada()
}

#[cfg(test)]
fn ejemplo() -> Respuesta {
    let id = Uuid::try_parse("01890a5d-ac96-774b-bcce-b302099a8057").expect("uuid");
    let fecha = DateTime::from_timestamp_micros(1_700_000_000_123_456).expect("fecha");
    Respuesta::new(Some(id), Estado::Aplicada, Codigo::Ok, fecha)
        .con_mensaje("Préstamo concedido")
        .con_datos(serde_json::json!({"ejemplar": "E000123"}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn los_bytes_de_una_respuesta_son_estos() {
        insta::assert_snapshot!(serde_json::to_string(&ejemplo()).expect("json"), @r#"{"id":"01890a5d-ac96-774b-bcce-b302099a8057","exito":true,"estado":"aplicada","codigo":"OK","mensaje":"Préstamo concedido","fechaOperacion":"2023-11-14T22:13:20.123456Z","datos":{"ejemplar":"E000123"}}"#);
    }

    #[test]
    fn una_respuesta_guardada_conserva_sus_bytes() {
        let json = serde_json::to_string(&ejemplo().guardada()).expect("json");
        let vuelta: RespuestaGuardada = serde_json::from_str(&json).expect("vuelve");
        assert_eq!(vuelta.cuerpo.get(), serde_json::to_string(&ejemplo()).expect("json"));
    }
}
