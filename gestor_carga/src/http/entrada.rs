//! Decide qué vale de lo que trae una petición HTTP: el id o el endpoint de la ruta, los parámetros y el cuerpo.

use std::str::FromStr;

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request, rejection::BytesRejection},
    http::{StatusCode, request::Parts},
};
use common::{dominio::OperacionId, transport::Endpoint};
use serde::Deserialize;
use utoipa::ToSchema;

use super::error::ErrorHttp;

/// Filas de una página si no se dice cuántas.
pub const CUANTAS: u32 = 50;
/// Y como mucho.
pub const CUANTAS_MAX: u32 = 500;
/// Lo más que puede decir quien cierra algo.
pub const NOTA_MAX: usize = 500;

/// El id que hay en la ruta.
pub struct Id(pub OperacionId);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = ErrorHttp;

    async fn from_request_parts(partes: &mut Parts, estado: &S) -> Result<Self, ErrorHttp> {
        let malo = |causa: &str| ErrorHttp::mal_escrita("ID_INVALIDO", format!("El id de la ruta {causa}"));
        let Path(texto) =
            Path::<String>::from_request_parts(partes, estado).await.map_err(|_| malo("no es un UUID"))?;
        OperacionId::parse(&texto).map(Self).map_err(|e| malo(&e.to_string()))
    }
}

/// El punto de almacenamiento que hay en la ruta.
pub struct EndpointDeRuta(pub Endpoint);

impl<S: Send + Sync> FromRequestParts<S> for EndpointDeRuta {
    type Rejection = ErrorHttp;

    async fn from_request_parts(partes: &mut Parts, estado: &S) -> Result<Self, ErrorHttp> {
        let malo = |causa: &str| ErrorHttp::mal_escrita("ENDPOINT_INVALIDO", format!("El punto de la ruta: {causa}"));
        let Path(texto) = Path::<String>::from_request_parts(partes, estado).await.map_err(|_| malo("no es texto"))?;
        texto.parse().map(Self).map_err(|e| malo(&format!("{e}")))
    }
}

/// Los parámetros de la ruta, que se toman uno a uno; el que sobra es un error, que un filtro mal escrito no filtra.
pub struct Parametros(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Parametros {
    type Rejection = ErrorHttp;

    async fn from_request_parts(partes: &mut Parts, estado: &S) -> Result<Self, ErrorHttp> {
        let leidos = Query::<Vec<(String, String)>>::from_request_parts(partes, estado).await;
        leidos.map(|Query(pares)| Self(pares)).map_err(|_| parametro("no se entienden"))
    }
}

impl Parametros {
    /// El valor de un parámetro, si está; `vale` dice qué se espera.
    pub fn tomar<T: FromStr>(&mut self, nombre: &str, vale: &str) -> Result<Option<T>, ErrorHttp> {
        let Some(lugar) = self.0.iter().position(|(n, _)| n == nombre) else { return Ok(None) };
        let (_, valor) = self.0.remove(lugar);
        valor.parse().map(Some).map_err(|_| parametro(&format!("«{nombre}» ha de ser {vale}")))
    }

    /// La página pedida.
    pub fn pagina(&mut self) -> Result<(u32, u32), ErrorHttp> {
        let desde = self.tomar("desde", "un número de filas que saltar")?.unwrap_or(0);
        let vale = format!("un número de 1 a {CUANTAS_MAX}");
        let cuantas = self.tomar("cuantas", &vale)?.unwrap_or(CUANTAS);
        if (1..=CUANTAS_MAX).contains(&cuantas) {
            Ok((desde, cuantas))
        } else {
            Err(parametro(&format!("«cuantas» ha de ser {vale}")))
        }
    }

    /// No queda ninguno por tomar.
    pub fn nada_mas(self) -> Result<(), ErrorHttp> {
        match self.0.first() {
            None => Ok(()),
            Some(_) => {
                Err(parametro("hay uno que esta ruta no conoce, o que se repite; los suyos están en /openapi.json"))
            }
        }
    }
}

fn parametro(que: &str) -> ErrorHttp {
    ErrorHttp::mal_escrita("PARAMETRO_INVALIDO", format!("Los parámetros no valen: {que}"))
}

/// Por qué se cierra algo.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Nota {
    /// La razón, en palabras de quien cierra.
    #[schema(min_length = 1, max_length = 500, example = "Se habló con la usuaria: ya devolvió el libro")]
    pub nota: String,
}

impl<S: Send + Sync> FromRequest<S> for Nota {
    type Rejection = ErrorHttp;

    async fn from_request(peticion: Request, estado: &S) -> Result<Self, ErrorHttp> {
        let cuerpo = Bytes::from_request(peticion, estado).await.map_err(|e| cuerpo_no_leido(&e))?;
        let malo = || ErrorHttp::mal_escrita("CUERPO_INVALIDO", r#"El cuerpo ha de ser JSON: {"nota": "por qué"}"#);
        let Self { nota } = serde_json::from_slice(&cuerpo).map_err(|_| malo())?;
        let nota = nota.trim();
        if nota.is_empty() || nota.chars().count() > NOTA_MAX || nota.contains(char::is_control) {
            let mensaje = format!("La nota ha de tener de 1 a {NOTA_MAX} caracteres, en una línea");
            return Err(ErrorHttp::new(StatusCode::UNPROCESSABLE_ENTITY, "NOTA_INVALIDA", mensaje));
        }
        Ok(Self { nota: nota.to_owned() })
    }
}

fn cuerpo_no_leido(error: &BytesRejection) -> ErrorHttp {
    let mensaje = "El cuerpo es demasiado largo, o se cortó";
    ErrorHttp::new(error.status(), "CUERPO_INVALIDO", mensaje)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parametros(pares: &[(&str, &str)]) -> Parametros {
        Parametros(pares.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn una_pagina_sin_decir_nada_es_la_primera() {
        let mut ninguno = parametros(&[]);
        assert_eq!(ninguno.pagina().expect("vale"), (0, CUANTAS));
        assert!(ninguno.nada_mas().is_ok());
    }

    #[test]
    fn lo_que_no_vale_o_no_se_conoce_se_dice() {
        for pares in [[("cuantas", "501")], [("cuantas", "0")], [("cuantas", "-1")], [("desde", "x")]] {
            let error = parametros(&pares).pagina().expect_err("no vale");
            assert!(error.mensaje.contains(pares[0].0), "{error:?}");
        }
        assert!(parametros(&[("estdo", "PENDIENTE")]).nada_mas().is_err());
        let mut repetido = parametros(&[("desde", "1"), ("desde", "2")]);
        repetido.pagina().expect("el primero vale");
        assert!(repetido.nada_mas().is_err(), "el segundo sobra");
    }
}
