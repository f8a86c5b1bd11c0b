//! Gestor → almacenamiento: lo que una persona pide de las operaciones apartadas y de las cuentas, y lo que se le contesta.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    cierre::{FalloAnotado, MotivoDeApartar},
    respuesta::RespuestaGuardada,
};
use crate::dominio::{Codigo, Comando, Isbn, OperacionId, SedeId, Tipo};

/// Lo que se pide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Administracion {
    /// Una página de las apartadas, de la más reciente a la más antigua.
    Apartadas {
        solo_abiertas: bool,
        desde: u32,
        cuantas: u32,
    },
    Apartada(OperacionId),
    Recuperar(OperacionId),
    /// Dar por bueno que no se hará.
    Cerrar {
        id: OperacionId,
        /// Por qué, en palabras de quien la cierra.
        nota: String,
    },
    Cuentas,
    MasPrestados {
        cuantos: u32,
    },
}

/// Lo que se contesta.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Administrada {
    /// La página y cuántas hay en total.
    Apartadas {
        filas: Vec<Apartada>,
        total: u64,
    },
    Apartada(Box<Apartada>),
    /// La operación está decidida; esta es su respuesta.
    Decidida(RespuestaGuardada),
    /// No hay apartada con ese id.
    NoExiste,
    /// Se intentó recuperar y, con la base en marcha, sigue sin poderse escribir: continúa apartada.
    NoEscrita {
        motivo: String,
    },
    YaResuelta(Resolucion),
    Cuentas(Vec<Cuenta>),
    /// Los libros, del más prestado al menos.
    MasPrestados(Vec<LibroPrestado>),
}

/// Una operación apartada.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Apartada {
    pub id: OperacionId,
    pub comando: Comando,
    pub motivo: MotivoDeApartar,
    pub historia: Vec<FalloAnotado>,
    pub aceptada: DateTime<Utc>,
    pub apartada: DateTime<Utc>,
    /// En qué quedó, si alguien la resolvió.
    pub resolucion: Option<Resolucion>,
}

/// Cómo resolvió una persona una operación apartada.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolucion {
    /// Se decidió de nuevo, con este código.
    Recuperada {
        codigo: Codigo,
        cuando: DateTime<Utc>,
    },
    Cerrada {
        nota: String,
        cuando: DateTime<Utc>,
    },
}

/// Cuántas operaciones de un tipo acabaron en un código, en una sede.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cuenta {
    pub tipo: Tipo,
    pub codigo: Codigo,
    /// La sede del ejemplar o, si no se llegó a él, la de la solicitud; nula si no se sabe.
    pub sede: Option<SedeId>,
    pub cuantas: u64,
}

/// Un libro y cuántas veces se ha prestado.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LibroPrestado {
    pub isbn: Isbn,
    pub titulo: String,
    pub prestamos: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mensajes::{orden, respuesta};

    #[test]
    fn los_bytes_de_lo_que_pide_una_persona_son_estos() {
        let con = |que: Administracion| serde_json::to_string(&que).expect("json");
        let id = orden::ejemplo().id;
        insta::assert_snapshot!(con(Administracion::Apartadas { solo_abiertas: true, desde: 20, cuantas: 10 }), @r#"{"apartadas":{"solo_abiertas":true,"desde":20,"cuantas":10}}"#);
        insta::assert_snapshot!(con(Administracion::Apartada(id)), @r#"{"apartada":"01890a5d-ac96-774b-bcce-b302099a8057"}"#);
        insta::assert_snapshot!(con(Administracion::Recuperar(id)), @r#"{"recuperar":"01890a5d-ac96-774b-bcce-b302099a8057"}"#);
        insta::assert_snapshot!(con(Administracion::Cerrar { id, nota: "duplicada".into() }), @r#"{"cerrar":{"id":"01890a5d-ac96-774b-bcce-b302099a8057","nota":"duplicada"}}"#);
        insta::assert_snapshot!(con(Administracion::Cuentas), @r#""cuentas""#);
        insta::assert_snapshot!(con(Administracion::MasPrestados { cuantos: 5 }), @r#"{"mas_prestados":{"cuantos":5}}"#);
    }

    fn apartada() -> Apartada {
        let orden = orden::ejemplo();
        Apartada {
            id: orden.id,
            comando: orden.comando,
            motivo: MotivoDeApartar::Muertes,
            historia: vec![FalloAnotado { intento: 2, cuando: orden.aceptada, que: "murió a1".into() }],
            aceptada: orden.aceptada.fecha(),
            apartada: orden.aceptada.fecha(),
            resolucion: Some(Resolucion::Recuperada { codigo: Codigo::Ok, cuando: orden.aceptada.fecha() }),
        }
    }

    #[test]
    fn los_bytes_de_una_apartada_y_de_su_resolucion_son_estos() {
        let con = |que: Administrada| serde_json::to_string(&que).expect("json");
        let cuando = orden::ejemplo().aceptada.fecha();
        insta::assert_snapshot!(con(Administrada::Apartada(Box::new(apartada()))), @r#"{"apartada":{"id":"01890a5d-ac96-774b-bcce-b302099a8057","comando":{"operacion":"prestamo","usuario":"U0001","ejemplar":"E000123","sede":"CENTRO"},"motivo":"MUERTES","historia":[{"intento":2,"cuando":1700000000123456,"que":"murió a1"}],"aceptada":"2023-11-14T22:13:20.123456Z","apartada":"2023-11-14T22:13:20.123456Z","resolucion":{"recuperada":{"codigo":"OK","cuando":"2023-11-14T22:13:20.123456Z"}}}}"#);
        insta::assert_snapshot!(con(Administrada::Apartadas { filas: vec![], total: 3 }), @r#"{"apartadas":{"filas":[],"total":3}}"#);
        insta::assert_snapshot!(con(Administrada::YaResuelta(Resolucion::Cerrada { nota: "n".into(), cuando })), @r#"{"ya_resuelta":{"cerrada":{"nota":"n","cuando":"2023-11-14T22:13:20.123456Z"}}}"#);
        insta::assert_snapshot!(con(Administrada::NoExiste), @r#""no_existe""#);
        insta::assert_snapshot!(con(Administrada::NoEscrita { motivo: "22003".into() }), @r#"{"no_escrita":{"motivo":"22003"}}"#);
        let json = con(Administrada::Decidida(respuesta::guardada_de_ejemplo()));
        assert!(json.starts_with(r#"{"decidida":{"codigo":"OK","respuesta":{"#), "{json}");
        let vuelta: Administrada = serde_json::from_str(&json).expect("vuelve");
        assert_eq!(con(vuelta), json, "la respuesta guardada no cambia por el camino");
    }

    #[test]
    fn los_bytes_de_las_cuentas_son_estos() {
        let con = |que: Administrada| serde_json::to_string(&que).expect("json");
        let cuenta = |sede| Cuenta { tipo: Tipo::Prestamo, codigo: Codigo::Ok, sede, cuantas: 4 };
        let cuentas = vec![cuenta(Some("CENTRO".parse().expect("sede"))), cuenta(None)];
        insta::assert_snapshot!(con(Administrada::Cuentas(cuentas)), @r#"{"cuentas":[{"tipo":"prestamo","codigo":"OK","sede":"CENTRO","cuantas":4},{"tipo":"prestamo","codigo":"OK","sede":null,"cuantas":4}]}"#);
        let libro = LibroPrestado { isbn: "978".parse().expect("isbn"), titulo: "Título".into(), prestamos: 9 };
        insta::assert_snapshot!(con(Administrada::MasPrestados(vec![libro])), @r#"{"mas_prestados":[{"isbn":"978","titulo":"Título","prestamos":9}]}"#);
    }
}
