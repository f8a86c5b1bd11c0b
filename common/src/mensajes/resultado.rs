//! Gestor de almacenamiento → quien le pidió: lo decidido, lo consultado o por qué no se pudo.

use serde::{Deserialize, Serialize};

use super::{administracion::Administrada, informe::Desenlace, respuesta::RespuestaGuardada};
use crate::dominio::{Huella, OperacionId};

/// La contestación a una petición.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Resultado {
    /// El número de la petición.
    pub peticion: u64,
    /// Lo que resultó.
    pub cuerpo: CuerpoResultado,
}

/// Lo que resultó de una petición.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CuerpoResultado {
    /// De cada operación, su desenlace ([`Desenlace::Decidida`] o [`Desenlace::NoEscrita`]).
    Escritas(Vec<ResultadoEscritura>),
    /// La respuesta a una consulta.
    Consultada(RespuestaGuardada),
    /// Lo que se contesta a una persona.
    Administrada(Administrada),
    /// La base de datos funciona.
    Sano,
    /// Este punto de almacenamiento no puede; otro quizá sí.
    Fallo(Fallo),
}

/// Un fallo del punto de almacenamiento, no de la operación.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fallo {
    /// Es seguro que nada se hizo ni se hará; si es `false`, el COMMIT quedó en el aire.
    pub nada_hecho: bool,
    /// Por qué, para el registro.
    pub motivo: String,
}

/// El desenlace de una operación de la lista.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResultadoEscritura {
    /// De qué operación.
    pub id: OperacionId,
    /// Y con qué contenido.
    pub huella: Huella,
    /// Qué pasó.
    pub desenlace: Desenlace,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mensajes::{orden, respuesta};

    #[test]
    fn los_bytes_de_un_resultado_son_estos() {
        let con = |cuerpo| serde_json::to_string(&Resultado { peticion: 7, cuerpo }).expect("json");
        let orden = orden::ejemplo();
        let escritas = vec![ResultadoEscritura {
            id: orden.id,
            huella: orden.huella,
            desenlace: Desenlace::Decidida(respuesta::guardada_de_ejemplo()),
        }];
        insta::assert_snapshot!(con(CuerpoResultado::Escritas(escritas)), @r#"{"peticion":7,"cuerpo":{"escritas":[{"id":"01890a5d-ac96-774b-bcce-b302099a8057","huella":"0f122f47e313098b846e18f7fcf710f4","desenlace":{"decidida":{"codigo":"OK","respuesta":{"id":"01890a5d-ac96-774b-bcce-b302099a8057","exito":true,"estado":"aplicada","codigo":"OK","mensaje":"Préstamo concedido","fechaOperacion":"2023-11-14T22:13:20.123456Z","datos":{"ejemplar":"E000123"}}}}}]}}"#);
        insta::assert_snapshot!(con(CuerpoResultado::Consultada(respuesta::guardada_de_ejemplo())), @r#"{"peticion":7,"cuerpo":{"consultada":{"codigo":"OK","respuesta":{"id":"01890a5d-ac96-774b-bcce-b302099a8057","exito":true,"estado":"aplicada","codigo":"OK","mensaje":"Préstamo concedido","fechaOperacion":"2023-11-14T22:13:20.123456Z","datos":{"ejemplar":"E000123"}}}}}"#);
        insta::assert_snapshot!(con(CuerpoResultado::Administrada(Administrada::NoExiste)), @r#"{"peticion":7,"cuerpo":{"administrada":"no_existe"}}"#);
        insta::assert_snapshot!(con(CuerpoResultado::Sano), @r#"{"peticion":7,"cuerpo":"sano"}"#);
        let fallo = Fallo { nada_hecho: true, motivo: "57P01".into() };
        insta::assert_snapshot!(con(CuerpoResultado::Fallo(fallo)), @r#"{"peticion":7,"cuerpo":{"fallo":{"nada_hecho":true,"motivo":"57P01"}}}"#);
    }
}
