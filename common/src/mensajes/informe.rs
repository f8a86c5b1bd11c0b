//! Actor → gestor: qué fue de cada operación que se le asignó y, de vez en cuando, cómo ve el almacenamiento.

use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::{circuito::Circuito, descifrar, orden::Nombre, por_separado, respuesta::RespuestaGuardada};
use crate::dominio::{Huella, OperacionId};

/// Los desenlaces de una lista de operaciones, que puede ir vacía si lo que hay que contar es otra cosa.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Informe {
    pub actor: String,
    pub resultados: Vec<ResultadoInforme>,
    /// Sus circuitos, cuando cambian y de vez en cuando; vacío, si este informe no habla de ellos.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub circuitos: Vec<Circuito>,
}

/// Puntos de almacenamiento de los que un informe cuenta su circuito, como mucho.
pub const CIRCUITOS_MAX: usize = 16;

/// El desenlace de una operación.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResultadoInforme {
    pub id: OperacionId,
    /// Y con qué contenido.
    pub huella: Huella,
    /// Del intento que se asignó al actor.
    pub intento: u32,
    pub desenlace: Desenlace,
}

/// Qué pasó con una operación en manos de un actor.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Desenlace {
    /// Está decidida; esta es su respuesta, tal como se guardó.
    Decidida(RespuestaGuardada),
    /// El almacenamiento funciona pero esta operación no se pudo escribir: un fallo definido, suyo.
    NoEscrita { motivo: String },
    /// No había a dónde enviarla: nada se hizo.
    SinAlmacenamiento,
    /// Quien la recibió no la entiende: es de otra versión. Nada se hizo.
    NoEntendida { motivo: String },
    /// Salió hacia el almacenamiento y no volvió respuesta: no se sabe.
    Incierta,
}

impl Informe {
    /// Lo que se entiende de un informe, y cuántos de sus desenlaces no: de quien se contestó algo que no se entiende no se
    /// sabe qué fue, y es [`Desenlace::Incierta`].
    ///
    /// # Errors
    /// Si ni siquiera es un informe.
    pub fn leer(bytes: &[u8]) -> Result<(Self, usize), serde_json::Error> {
        descifrar(bytes).map(|informe| (informe, 0)).or_else(|_| Self::por_partes(bytes))
    }

    fn por_partes(bytes: &[u8]) -> Result<(Self, usize), serde_json::Error> {
        #[derive(Deserialize)]
        struct InformeSuelto<'a> {
            actor: String,
            #[serde(borrow)]
            resultados: Vec<&'a RawValue>,
            #[serde(borrow, default)]
            circuitos: Vec<&'a RawValue>,
        }
        let InformeSuelto { actor, resultados: crudos, circuitos } = descifrar(bytes)?;
        let mut inciertas = Vec::new();
        let incierta = |Nombre { id, huella, intento }, _| {
            inciertas.push(ResultadoInforme { id, huella, intento, desenlace: Desenlace::Incierta });
        };
        let mut resultados: Vec<ResultadoInforme> = por_separado(&crudos, incierta);
        let no_entendidos = crudos.len() - resultados.len();
        resultados.append(&mut inciertas);
        let circuitos = por_separado(&circuitos, |_: IgnoredAny, _| {});
        Ok((Self { actor, resultados, circuitos }, no_entendidos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mensajes::{EstadoBreaker, orden, respuesta};

    #[test]
    fn los_bytes_de_un_informe_son_estos() {
        let orden = orden::ejemplo();
        let resultado = |desenlace| ResultadoInforme { id: orden.id, huella: orden.huella, intento: 1, desenlace };
        let informe = Informe {
            actor: "a1".into(),
            resultados: vec![
                resultado(Desenlace::Decidida(respuesta::guardada_de_ejemplo())),
                resultado(Desenlace::NoEscrita { motivo: "22003".into() }),
                resultado(Desenlace::SinAlmacenamiento),
                resultado(Desenlace::Incierta),
                resultado(Desenlace::NoEntendida { motivo: "otra versión".into() }),
            ],
            circuitos: Vec::new(),
        };
        let json = serde_json::to_string(&informe).expect("json");
        insta::assert_snapshot!(json, @r#"{"actor":"a1","resultados":[{"id":"01890a5d-ac96-774b-bcce-b302099a8057","huella":"0f122f47e313098b846e18f7fcf710f4","intento":1,"desenlace":{"decidida":{"codigo":"OK","respuesta":{"id":"01890a5d-ac96-774b-bcce-b302099a8057","exito":true,"estado":"aplicada","codigo":"OK","mensaje":"Préstamo concedido","fechaOperacion":"2023-11-14T22:13:20.123456Z","datos":{"ejemplar":"E000123"}}}}},{"id":"01890a5d-ac96-774b-bcce-b302099a8057","huella":"0f122f47e313098b846e18f7fcf710f4","intento":1,"desenlace":{"no_escrita":{"motivo":"22003"}}},{"id":"01890a5d-ac96-774b-bcce-b302099a8057","huella":"0f122f47e313098b846e18f7fcf710f4","intento":1,"desenlace":"sin_almacenamiento"},{"id":"01890a5d-ac96-774b-bcce-b302099a8057","huella":"0f122f47e313098b846e18f7fcf710f4","intento":1,"desenlace":"incierta"},{"id":"01890a5d-ac96-774b-bcce-b302099a8057","huella":"0f122f47e313098b846e18f7fcf710f4","intento":1,"desenlace":{"no_entendida":{"motivo":"otra versión"}}}]}"#);
        let vuelta: Informe = serde_json::from_str(&json).expect("vuelve");
        assert_eq!(serde_json::to_string(&vuelta).expect("json"), json);
    }

    #[test]
    fn un_desenlace_que_no_se_entiende_deja_en_duda_a_su_operacion_y_a_ninguna_mas() {
        let orden = orden::ejemplo();
        let resultado = |desenlace| ResultadoInforme { id: orden.id, huella: orden.huella, intento: 4, desenlace };
        let resultados = vec![resultado(Desenlace::SinAlmacenamiento), resultado(Desenlace::Incierta)];
        let json = serde_json::to_string(&Informe { actor: "a1".into(), resultados, circuitos: Vec::new() });
        let raro = json.expect("json").replace("\"sin_almacenamiento\"", r#"{"aplazada":7}"#);
        let (informe, no_entendidos) = Informe::leer(raro.as_bytes()).expect("es un informe");
        let desenlaces: Vec<_> = informe.resultados.iter().map(|r| (r.intento, &r.desenlace)).collect();
        assert!(matches!(desenlaces[..], [(4, Desenlace::Incierta), (4, Desenlace::Incierta)]), "{desenlaces:?}");
        assert_eq!(no_entendidos, 1);
        let de_otro = r#"{"actor":"a1","resultados":[{"x":1}],"circuitos":[{"endpoint":"e","estado":"FUNDIDO"}]}"#;
        let (informe, no_entendidos) = Informe::leer(de_otro.as_bytes()).expect("es un informe");
        assert!(informe.resultados.is_empty() && informe.circuitos.is_empty() && no_entendidos == 1);
        assert!(Informe::leer(br#"{"actor":"a1"}"#).is_err());
    }

    #[test]
    fn un_informe_puede_llevar_los_circuitos_y_el_que_no_los_nombra_se_lee_igual() {
        let circuitos = vec![Circuito { endpoint: "127.0.0.1:5570".into(), estado: EstadoBreaker::Abierto }];
        let informe = Informe { actor: "a1".into(), resultados: Vec::new(), circuitos };
        insta::assert_snapshot!(serde_json::to_string(&informe).expect("json"), @r#"{"actor":"a1","resultados":[],"circuitos":[{"endpoint":"127.0.0.1:5570","estado":"ABIERTO"}]}"#);
        let viejo: Informe = serde_json::from_str(r#"{"actor":"a1","resultados":[]}"#).expect("se lee");
        assert!(viejo.circuitos.is_empty());
    }
}
