//! Gestor de almacenamiento → quien le pidió: lo decidido, lo consultado o por qué no se pudo.

use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::{administracion::Administrada, descifrar, informe::Desenlace, por_separado, respuesta::RespuestaGuardada};
use crate::dominio::{Huella, OperacionId};

/// La contestación a una petición.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Resultado {
    pub peticion: u64,
    pub cuerpo: CuerpoResultado,
}

/// Lo que resultó de una petición.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CuerpoResultado {
    /// De cada operación, su desenlace ([`Desenlace::Decidida`] o [`Desenlace::NoEscrita`]).
    Escritas(Vec<ResultadoEscritura>),
    Consultada(RespuestaGuardada),
    /// Lo que se contesta a una persona.
    Administrada(Administrada),
    Sano,
    /// Este endpoint no puede; otro quizá sí.
    Fallo(Fallo),
    /// Este endpoint no entiende la petición, que es de otra versión, y nada hizo; otro quizá la entienda.
    NoEntendida {
        motivo: String,
    },
}

/// Un fallo del punto de almacenamiento, no de la operación.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fallo {
    /// Es seguro que nada se hizo ni se hará; si es `false`, el COMMIT quedó en el aire.
    pub nada_hecho: bool,
    pub motivo: String,
}

/// El desenlace de una operación de la lista.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResultadoEscritura {
    pub id: OperacionId,
    /// Y con qué contenido.
    pub huella: Huella,
    pub desenlace: Desenlace,
}

/// Lo que hay en unos bytes que llegan como resultado.
#[derive(Debug)]
pub enum ResultadoLeido {
    /// Un resultado. De una lista falta lo que no se entendió: no se sabe qué fue de ello.
    Entendido(Resultado),
    /// Dice de qué petición es, y nada más se entiende.
    SoloNumero(u64),
    /// No se puede emparejar con ninguna petición.
    Basura,
}

/// Lo único que se lee de un mensaje de otra versión.
#[derive(Deserialize)]
pub(super) struct SoloNumero {
    pub(super) peticion: u64,
}

impl Resultado {
    /// Interpreta unos bytes.
    pub fn leer(bytes: &[u8]) -> ResultadoLeido {
        if let Some(resultado) = descifrar(bytes).ok().or_else(|| Self::por_partes(bytes)) {
            return ResultadoLeido::Entendido(resultado);
        }
        descifrar(bytes).map_or(ResultadoLeido::Basura, |SoloNumero { peticion }| ResultadoLeido::SoloNumero(peticion))
    }

    fn por_partes(bytes: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Suelto<'a> {
            peticion: u64,
            #[serde(borrow)]
            cuerpo: Lista<'a>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Lista<'a> {
            #[serde(borrow)]
            Escritas(Vec<&'a RawValue>),
        }
        let Suelto { peticion, cuerpo: Lista::Escritas(crudas) } = descifrar(bytes).ok()?;
        let escritas = por_separado(&crudas, |_: IgnoredAny, _| {});
        Some(Self { peticion, cuerpo: CuerpoResultado::Escritas(escritas) })
    }
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
        let motivo = "«bailar»".to_owned();
        insta::assert_snapshot!(con(CuerpoResultado::NoEntendida { motivo }), @r#"{"peticion":7,"cuerpo":{"no_entendida":{"motivo":"«bailar»"}}}"#);
    }

    #[test]
    fn un_desenlace_que_no_se_entiende_no_calla_a_los_demas() {
        let orden = orden::ejemplo();
        let escrita = |desenlace| ResultadoEscritura { id: orden.id, huella: orden.huella, desenlace };
        let escritas = vec![escrita(Desenlace::Incierta), escrita(Desenlace::SinAlmacenamiento)];
        let cuerpo = CuerpoResultado::Escritas(escritas);
        let json = serde_json::to_string(&Resultado { peticion: 7, cuerpo }).expect("json");
        let leido = Resultado::leer(json.replace("\"incierta\"", r#"{"aplazada":1}"#).as_bytes());
        let ResultadoLeido::Entendido(Resultado { peticion: 7, cuerpo: CuerpoResultado::Escritas(escritas) }) = leido
        else {
            panic!("{leido:?}")
        };
        assert!(matches!(escritas[..], [ResultadoEscritura { desenlace: Desenlace::SinAlmacenamiento, .. }]));
        let otra = br#"{"peticion":7,"cuerpo":{"bailada":[]}}"#;
        assert!(matches!(Resultado::leer(otra), ResultadoLeido::SoloNumero(7)));
        assert!(matches!(Resultado::leer(br#"{"cuerpo":"sano"}"#), ResultadoLeido::Basura));
    }
}
