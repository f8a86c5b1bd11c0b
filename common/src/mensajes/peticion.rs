//! Gestor o actor → gestor de almacenamiento: escribir una lista, consultar, o preguntar por la salud.
//!
//! Viaja de DEALER a ROUTER como `[vacío][JSON]`.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    administracion::Administracion,
    cierre::Cierre,
    descifrar,
    informe::Desenlace,
    motivo,
    orden::{Nombre, Orden},
    por_separado,
    resultado::{ResultadoEscritura, SoloNumero},
};
use crate::dominio::Consulta;

/// Una petición con el número que le pone quien la envía.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peticion {
    /// Lo repite el resultado; propio de cada conexión.
    pub peticion: u64,
    /// Cuánto espera quien la envía, en milisegundos: pasado ese tiempo desde su llegada, una petición que siga en
    /// cola se descarta sin responder, porque ya se pidió en otra parte.
    pub plazo_ms: u32,
    pub cuerpo: CuerpoPeticion,
}

/// Qué se pide al almacenamiento.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CuerpoPeticion {
    Escribir(Vec<Orden>),
    /// Decidir en contra de estas operaciones, salvo que ya estén decididas. Se contesta como a `Escribir`.
    Terminar(Vec<Cierre>),
    /// Lo que pide una persona de las apartadas y las cuentas.
    Administrar(Administracion),
    Consultar(Consulta),
    /// Decir si hay base de datos que funcione.
    Salud,
}

/// Lo que hay en unos bytes que llegan como petición.
#[derive(Debug)]
pub enum PeticionLeida {
    /// Una petición, y lo que se contesta de lo que no se entendió de su lista.
    Entendida(Peticion, Vec<ResultadoEscritura>),
    /// Nada se entiende de ella más que su número: es de otra versión, y con él se contesta que nada se hizo.
    NoEntendida {
        peticion: u64,
        motivo: String,
    },
    Basura,
}

impl Peticion {
    /// Interpreta unos bytes. Si de una lista no se entiende ninguna operación, no se entiende la petición: quien la envió la
    /// llevará a otra parte.
    pub fn leer(bytes: &[u8]) -> PeticionLeida {
        let error = match descifrar(bytes) {
            Ok(peticion) => return PeticionLeida::Entendida(peticion, Vec::new()),
            Err(error) => error,
        };
        if let Some((peticion, no_entendidas)) = Self::por_partes(bytes) {
            return PeticionLeida::Entendida(peticion, no_entendidas);
        }
        match descifrar(bytes) {
            Ok(SoloNumero { peticion }) => PeticionLeida::NoEntendida { peticion, motivo: motivo(&error) },
            Err(_) => PeticionLeida::Basura,
        }
    }

    /// Una lista de la que se entiende alguna operación.
    fn por_partes(bytes: &[u8]) -> Option<(Self, Vec<ResultadoEscritura>)> {
        #[derive(Deserialize)]
        struct Suelta<'a> {
            peticion: u64,
            plazo_ms: u32,
            #[serde(borrow)]
            cuerpo: Lista<'a>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Lista<'a> {
            #[serde(borrow)]
            Escribir(Vec<&'a RawValue>),
            #[serde(borrow)]
            Terminar(Vec<&'a RawValue>),
        }
        #[derive(Deserialize)]
        struct NombreDeCierre {
            orden: Nombre,
        }
        let Suelta { peticion, plazo_ms, cuerpo } = descifrar(bytes).ok()?;
        let mut ajenas = Vec::new();
        let mut ajena = |Nombre { id, huella, .. }, motivo| {
            ajenas.push(ResultadoEscritura { id, huella, desenlace: Desenlace::NoEntendida { motivo } });
        };
        let cuerpo = match cuerpo {
            Lista::Escribir(crudas) => CuerpoPeticion::Escribir(por_separado(&crudas, ajena)),
            Lista::Terminar(crudas) => {
                CuerpoPeticion::Terminar(por_separado(&crudas, |NombreDeCierre { orden }, motivo| ajena(orden, motivo)))
            }
        };
        let alguna = match &cuerpo {
            CuerpoPeticion::Escribir(ordenes) => !ordenes.is_empty(),
            CuerpoPeticion::Terminar(cierres) => !cierres.is_empty(),
            _ => false,
        };
        alguna.then_some((Self { peticion, plazo_ms, cuerpo }, ajenas))
    }
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

    /// Los bytes de una petición con una lista de dos, la primera de otra versión.
    fn con_una_ajena(cuerpo: CuerpoPeticion) -> PeticionLeida {
        let json = serde_json::to_string(&Peticion { peticion: 7, plazo_ms: 3000, cuerpo }).expect("json");
        Peticion::leer(json.replacen("\"prestamo\"", "\"reserva\"", 1).as_bytes())
    }

    #[test]
    fn de_una_lista_se_entiende_lo_que_se_puede_y_se_contesta_por_lo_demas() {
        let cierre = Cierre { orden: ejemplo(), fin: Fin::Anular(Codigo::SinRespuesta) };
        for cuerpo in [
            CuerpoPeticion::Escribir(vec![ejemplo(), ejemplo()]),
            CuerpoPeticion::Terminar(vec![cierre.clone(), cierre.clone()]),
        ] {
            let leida = con_una_ajena(cuerpo);
            let PeticionLeida::Entendida(peticion, ajenas) = leida else { panic!("{leida:?}") };
            let una = match &peticion.cuerpo {
                CuerpoPeticion::Escribir(ordenes) => ordenes[..] == [ejemplo()],
                otro => *otro == CuerpoPeticion::Terminar(vec![cierre.clone()]),
            };
            assert!(una && peticion.peticion == 7, "{peticion:?}");
            let [ResultadoEscritura { id, huella, desenlace: Desenlace::NoEntendida { motivo } }] = &ajenas[..] else {
                panic!("{ajenas:?}")
            };
            assert!((*id, *huella) == (ejemplo().id, ejemplo().huella) && motivo.contains("reserva"), "{ajenas:?}");
        }
    }

    #[test]
    fn de_lo_que_no_se_entiende_se_lee_el_numero_si_lo_hay() {
        for (json, parte) in [
            (r#"{"peticion":7,"plazo_ms":1,"cuerpo":"bailar"}"#, "bailar"),
            (r#"{"peticion":7,"plazo_ms":1,"cuerpo":{"consultar":{"estante":"A1"}}}"#, "estante"),
            (r#"{"peticion":7,"cuerpo":"salud"}"#, "plazo_ms"),
            (r#"{"peticion":7,"plazo_ms":1,"cuerpo":{"escribir":[{"id":"x"}]}}"#, "UUID"),
        ] {
            let leida = Peticion::leer(json.as_bytes());
            let PeticionLeida::NoEntendida { peticion: 7, motivo } = leida else { panic!("{json}: {leida:?}") };
            assert!(motivo.contains(parte), "{motivo}");
        }
        assert!(matches!(con_una_ajena(CuerpoPeticion::Escribir(vec![ejemplo()])), PeticionLeida::NoEntendida { .. }));
        for basura in ["", "{}", "7", r#"{"peticion":-1}"#, r#"{"peticion":7"#] {
            assert!(matches!(Peticion::leer(basura.as_bytes()), PeticionLeida::Basura), "{basura}");
        }
    }
}
