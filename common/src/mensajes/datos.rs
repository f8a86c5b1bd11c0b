//! Gestor de almacenamiento → cliente, por el gestor: lo que se contesta a una consulta, en los `datos` de su respuesta.
//!
//! Los campos van por orden alfabético, que es como se han escrito siempre. De lo que no existe solo se repite por qué se
//! preguntó.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use crate::dominio::{EjemplarId, Isbn, UsuarioId};

/// Si un ejemplar se puede llevar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Situacion {
    Libre,
    Prestado,
}

/// Cómo está un ejemplar y quién lo tiene hasta cuándo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatosEjemplar {
    pub ejemplar: EjemplarId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isbn: Option<String>,
    /// Operaciones suyas que el gestor tiene sin decidir: las pone él.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pendientes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prestamo: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renovaciones: Option<i16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sede: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub situacion: Option<Situacion>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub titulo: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usuario: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "rfc3339", default)]
    pub vence: Option<DateTime<Utc>>,
}

impl DatosEjemplar {
    /// Los de uno que no existe.
    pub fn de(ejemplar: EjemplarId) -> Self {
        Self {
            ejemplar,
            isbn: None,
            pendientes: None,
            prestamo: None,
            renovaciones: None,
            sede: None,
            situacion: None,
            titulo: None,
            usuario: None,
            vence: None,
        }
    }
}

/// Qué ejemplares hay de un título y cuáles están libres.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatosLibro {
    pub autores: Option<String>,
    /// Hay más de los que caben en la respuesta.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cortada: bool,
    pub ejemplares: Vec<EjemplarDeLibro>,
    pub isbn: Isbn,
    pub libres: i64,
    pub titulo: String,
    pub total: i64,
}

/// Un ejemplar de un título.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EjemplarDeLibro {
    pub ejemplar: String,
    pub sede: Option<String>,
    pub situacion: Situacion,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "rfc3339", default)]
    pub vence: Option<DateTime<Utc>>,
}

/// Qué préstamos tiene abiertos un usuario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatosUsuario {
    pub abiertos: i64,
    /// Si no puede llevarse nada.
    pub bloqueado: Option<bool>,
    pub categoria: String,
    /// Hay más de los que caben en la respuesta.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cortada: bool,
    /// Los que caben, del que vence antes al que vence después.
    pub prestamos: Vec<PrestamoDeUsuario>,
    pub usuario: UsuarioId,
}

/// Un préstamo abierto.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrestamoDeUsuario {
    #[serde(serialize_with = "rfc3339")]
    pub desde: Option<DateTime<Utc>>,
    pub ejemplar: Option<String>,
    pub isbn: Option<String>,
    pub prestamo: Uuid,
    pub renovaciones: Option<i16>,
    #[serde(serialize_with = "rfc3339")]
    pub vence: Option<DateTime<Utc>>,
}

/// Los datos de lo que no existe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Desconocido {
    Isbn(Isbn),
    Usuario(UsuarioId),
}

/// Como las demás fechas de una respuesta.
#[allow(clippy::ref_option)]
fn rfc3339<S: Serializer>(fecha: &Option<DateTime<Utc>>, s: S) -> Result<S::Ok, S::Error> {
    fecha.map(|fecha| fecha.to_rfc3339_opts(SecondsFormat::Micros, true)).serialize(s)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fecha() -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(1_700_000_000_123_456)
    }

    fn id() -> Uuid {
        Uuid::try_parse("01890a5d-ac96-774b-bcce-b302099a8057").expect("uuid")
    }

    /// Los bytes, comprobando que se leen como se escriben.
    fn bytes<T: Serialize + for<'a> Deserialize<'a> + PartialEq + std::fmt::Debug>(datos: &T) -> String {
        let json = serde_json::to_string(datos).expect("json");
        assert_eq!(serde_json::from_str::<T>(&json).expect("vuelve"), *datos);
        json
    }

    #[test]
    fn los_bytes_de_los_datos_de_un_ejemplar_son_estos() {
        let ejemplar = "E000123".parse().expect("ejemplar");
        let libre = DatosEjemplar {
            isbn: Some("978".into()),
            sede: Some("CENTRO".into()),
            situacion: Some(Situacion::Libre),
            titulo: Some("Título".into()),
            ..DatosEjemplar::de(ejemplar)
        };
        let prestado = DatosEjemplar {
            pendientes: Some(2),
            prestamo: Some(id()),
            renovaciones: Some(1),
            situacion: Some(Situacion::Prestado),
            usuario: Some("U0001".into()),
            vence: fecha(),
            ..libre.clone()
        };
        insta::assert_snapshot!(bytes(&DatosEjemplar::de(ejemplar)), @r#"{"ejemplar":"E000123"}"#);
        insta::assert_snapshot!(bytes(&libre), @r#"{"ejemplar":"E000123","isbn":"978","sede":"CENTRO","situacion":"libre","titulo":"Título"}"#);
        insta::assert_snapshot!(bytes(&prestado), @r#"{"ejemplar":"E000123","isbn":"978","pendientes":2,"prestamo":"01890a5d-ac96-774b-bcce-b302099a8057","renovaciones":1,"sede":"CENTRO","situacion":"prestado","titulo":"Título","usuario":"U0001","vence":"2023-11-14T22:13:20.123456Z"}"#);
    }

    #[test]
    fn los_bytes_de_los_datos_de_un_libro_son_estos() {
        let ejemplar =
            |situacion, vence| EjemplarDeLibro { ejemplar: "E1".into(), sede: Some("CENTRO".into()), situacion, vence };
        let libro = DatosLibro {
            autores: Some("Autora".into()),
            cortada: false,
            ejemplares: vec![ejemplar(Situacion::Libre, None), ejemplar(Situacion::Prestado, fecha())],
            isbn: "978".parse().expect("isbn"),
            libres: 1,
            titulo: "Título".into(),
            total: 2,
        };
        let cortada = DatosLibro { cortada: true, autores: None, ejemplares: vec![], ..libro.clone() };
        insta::assert_snapshot!(bytes(&libro), @r#"{"autores":"Autora","ejemplares":[{"ejemplar":"E1","sede":"CENTRO","situacion":"libre"},{"ejemplar":"E1","sede":"CENTRO","situacion":"prestado","vence":"2023-11-14T22:13:20.123456Z"}],"isbn":"978","libres":1,"titulo":"Título","total":2}"#);
        insta::assert_snapshot!(bytes(&cortada), @r#"{"autores":null,"cortada":true,"ejemplares":[],"isbn":"978","libres":1,"titulo":"Título","total":2}"#);
        let desconocido = Desconocido::Isbn(libro.isbn);
        insta::assert_snapshot!(serde_json::to_string(&desconocido).expect("json"), @r#"{"isbn":"978"}"#);
    }

    #[test]
    fn los_bytes_de_los_datos_de_un_usuario_son_estos() {
        let prestamo = PrestamoDeUsuario {
            desde: fecha(),
            ejemplar: Some("E1".into()),
            isbn: Some("978".into()),
            prestamo: id(),
            renovaciones: Some(0),
            vence: fecha(),
        };
        let usuario = DatosUsuario {
            abiertos: 1,
            bloqueado: Some(false),
            categoria: "DOCENTE".into(),
            cortada: false,
            prestamos: vec![prestamo],
            usuario: "U0001".parse().expect("usuario"),
        };
        insta::assert_snapshot!(bytes(&usuario), @r#"{"abiertos":1,"bloqueado":false,"categoria":"DOCENTE","prestamos":[{"desde":"2023-11-14T22:13:20.123456Z","ejemplar":"E1","isbn":"978","prestamo":"01890a5d-ac96-774b-bcce-b302099a8057","renovaciones":0,"vence":"2023-11-14T22:13:20.123456Z"}],"usuario":"U0001"}"#);
        let desconocido = Desconocido::Usuario(usuario.usuario);
        insta::assert_snapshot!(serde_json::to_string(&desconocido).expect("json"), @r#"{"usuario":"U0001"}"#);
    }
}
