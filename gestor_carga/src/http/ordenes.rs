//! Decide qué puede ordenar una persona y cómo se le contesta. Todas las órdenes se pueden repetir sin cuidado.

use std::borrow::Cow;

use axum::{Json, extract::State, http::StatusCode};
use common::{
    dominio::{Codigo, OperacionId},
    mensajes::{Administracion, Administrada, EstadoBreaker},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{
    Puerta,
    entrada::{EndpointDeRuta, Id, Nota},
    error::{Contestado, ErrorHttp},
    lecturas,
    token::Autorizado,
    vistas::{Resuelta, fecha},
};
use crate::{diario::buzon::CierreDeBuzon, machine::vistas::Reintento, service::Encargo};

/// Lo que se hizo.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Hecho {
    /// Qué, en una palabra.
    #[schema(example = "ADELANTADA")]
    pub resultado: Cow<'static, str>,
    pub mensaje: String,
}

/// Lo decidido al recuperar una operación.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Decidida {
    /// El código de lo decidido.
    #[schema(example = "OK")]
    pub codigo: Cow<'static, str>,
    /// Su respuesta, tal como se guardó.
    #[schema(value_type = Object)]
    pub respuesta: Box<RawValue>,
}

/// El circuito, antes y después.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Restablecido {
    /// El punto.
    #[schema(example = "127.0.0.1:5570")]
    pub endpoint: String,
    /// En qué estaba.
    #[schema(example = "ABIERTO")]
    pub antes: Cow<'static, str>,
    /// En qué queda. De lo que no estaba ABIERTO no hay qué restablecer.
    #[schema(example = "MEDIO_ABIERTO")]
    pub estado: Cow<'static, str>,
}

/// Que una operación deje de esperar su siguiente intento; a la que está fuera no le pasa nada
#[utoipa::path(post, path = "/fault-tolerance/tasks/{id}/retry", tag = "ordenar", security(("token" = [])),
    params(("id" = uuid::Uuid, Path, description = "El id de la operación")),
    responses((status = 200, body = Hecho), (status = 400, body = ErrorHttp), (status = 401, body = ErrorHttp),
        (status = 403, body = ErrorHttp), (status = 404, body = ErrorHttp), (status = 409, body = ErrorHttp),
        (status = 503, body = ErrorHttp)))]
pub(super) async fn reintentar(_: Autorizado, State(puerta): State<Puerta>, Id(id): Id) -> Contestado<Hecho> {
    let (resultado, mensaje) = match puerta.encargos.hacer(|a| Encargo::Reintentar(id, a)).await? {
        Reintento::Adelantada => ("ADELANTADA", "Ya no espera más que su turno"),
        Reintento::EnVuelo => ("EN_VUELO", "Está fuera y no se toca: quien la tiene informará"),
        Reintento::NoExiste => return Err(sin_reintentar(lecturas::guardada(&puerta.encargos, id).await?.codigo)),
    };
    tracing::info!("reintento pedido para la operación {id}: {resultado}");
    Ok(Json(Hecho { resultado: resultado.into(), mensaje: mensaje.to_owned() }))
}

/// Por qué no hay qué reintentar en una que el gestor ya no tiene.
fn sin_reintentar(guardado: Codigo) -> ErrorHttp {
    match guardado {
        Codigo::EnRevision => ErrorHttp::conflicto(
            "ESTA_APARTADA",
            "Está apartada y no se reintenta sola: recupérela en /fault-tolerance/dead-letter-queue/{id}/recover",
        ),
        codigo => ErrorHttp::conflicto("YA_DECIDIDA", format!("Ya está decidida ({codigo}): no hay qué reintentar")),
    }
}

/// Decidir de nuevo, ahora, una operación apartada
#[utoipa::path(post, path = "/fault-tolerance/dead-letter-queue/{id}/recover", tag = "ordenar", security(("token" = [])),
    params(("id" = uuid::Uuid, Path, description = "El id de la operación")),
    responses((status = 200, body = Decidida), (status = 400, body = ErrorHttp), (status = 401, body = ErrorHttp),
        (status = 403, body = ErrorHttp), (status = 404, body = ErrorHttp), (status = 409, body = ErrorHttp),
        (status = 503, body = ErrorHttp)))]
pub(super) async fn recuperar(_: Autorizado, State(puerta): State<Puerta>, Id(id): Id) -> Contestado<Decidida> {
    match puerta.encargos.administrar(Administracion::Recuperar(id)).await? {
        Some(Administrada::Decidida(guardada)) => {
            tracing::info!("la operación {id} se recuperó: {}", guardada.codigo);
            Ok(Json(Decidida { codigo: guardada.codigo.as_str().into(), respuesta: guardada.cuerpo }))
        }
        otra => Err(sin_resolver(id, otra)),
    }
}

/// Dar por no hecha una operación apartada
#[utoipa::path(post, path = "/fault-tolerance/dead-letter-queue/{id}/close", tag = "ordenar", security(("token" = [])),
    params(("id" = uuid::Uuid, Path, description = "El id de la operación")), request_body = Nota,
    responses((status = 200, body = Hecho), (status = 400, body = ErrorHttp), (status = 401, body = ErrorHttp),
        (status = 403, body = ErrorHttp), (status = 404, body = ErrorHttp), (status = 409, body = ErrorHttp),
        (status = 413, body = ErrorHttp), (status = 422, body = ErrorHttp), (status = 503, body = ErrorHttp)))]
pub(super) async fn cerrar_apartada(
    _: Autorizado,
    State(puerta): State<Puerta>,
    Id(id): Id,
    Nota { nota }: Nota,
) -> Contestado<Hecho> {
    match puerta.encargos.administrar(Administracion::Cerrar { id, nota }).await? {
        Some(Administrada::Decidida(_)) => {
            tracing::info!("la operación {id}, apartada, se cerró");
            let mensaje = "No se hizo ni se hará, y así se contesta a quien pregunte por ella".to_owned();
            Ok(Json(Hecho { resultado: "CERRADA".into(), mensaje }))
        }
        otra => Err(sin_resolver(id, otra)),
    }
}

/// Por qué no se resolvió una apartada.
fn sin_resolver(id: OperacionId, contestada: Option<Administrada>) -> ErrorHttp {
    match contestada {
        Some(Administrada::NoExiste) => {
            ErrorHttp::desconocida("APARTADA_DESCONOCIDA", "No hay ninguna operación apartada con ese id")
        }
        Some(Administrada::YaResuelta(resolucion)) => {
            let Resuelta { como, codigo, nota, cuando } = resolucion.into();
            let detalle = codigo.map(Cow::into_owned).or(nota).unwrap_or_default();
            ErrorHttp::conflicto("YA_RESUELTA", format!("Alguien la resolvió antes: {como} el {cuando} ({detalle})"))
        }
        // Se sabe que no se hizo: no es una avería de la suite, y quien repite sin curar la causa tendrá lo mismo.
        Some(Administrada::NoEscrita { motivo }) => {
            tracing::warn!("la operación {id} sigue apartada: no se pudo escribir: {motivo}");
            let mensaje = format!("Sigue sin poderse escribir: {motivo}; sigue apartada");
            ErrorHttp::conflicto("SIGUE_APARTADA", mensaje)
        }
        _ => ErrorHttp::interno(),
    }
}

/// Quitar del buzón una operación que una persona ya ha visto
#[utoipa::path(post, path = "/fault-tolerance/inbox/{id}/close", tag = "ordenar", security(("token" = [])),
    params(("id" = uuid::Uuid, Path, description = "El id de la operación")), request_body = Nota,
    responses((status = 200, body = Hecho), (status = 400, body = ErrorHttp), (status = 401, body = ErrorHttp),
        (status = 403, body = ErrorHttp), (status = 404, body = ErrorHttp), (status = 409, body = ErrorHttp),
        (status = 413, body = ErrorHttp), (status = 422, body = ErrorHttp), (status = 503, body = ErrorHttp)))]
pub(super) async fn cerrar_carta(
    _: Autorizado,
    State(puerta): State<Puerta>,
    Id(id): Id,
    Nota { nota }: Nota,
) -> Contestado<Hecho> {
    let cerrada = || Json(Hecho { resultado: "CERRADA".into(), mensaje: "Ya no está en el buzón".to_owned() });
    let pedida = nota.clone();
    match puerta.encargos.al_diario(|a| Encargo::CerrarBuzon(id, pedida, a)).await? {
        CierreDeBuzon::Cerrada => {
            tracing::info!("la operación {id} se quitó del buzón");
            Ok(cerrada())
        }
        // Quien repite su cierre porque no le llegó la respuesta ha de leer la misma.
        CierreDeBuzon::YaEstaba { nota: suya, .. } if suya == nota => Ok(cerrada()),
        CierreDeBuzon::YaEstaba { nota, cuando } => {
            let mensaje = format!("Alguien la cerró antes, el {}: {nota}", fecha(cuando.fecha()));
            Err(ErrorHttp::conflicto("YA_RESUELTA", mensaje))
        }
        CierreDeBuzon::NoExiste => Err(ErrorHttp::desconocida(
            "CARTA_DESCONOCIDA",
            "No hay ninguna operación con ese id en el buzón de este gestor",
        )),
    }
}

/// Dar por bueno, antes de tiempo, un punto de almacenamiento: la siguiente llamada o pregunta de salud lo prueba
#[utoipa::path(post, path = "/fault-tolerance/circuit-breakers/{endpoint}/reset", tag = "ordenar",
    security(("token" = [])),
    params(("endpoint" = String, Path, description = "El punto, como en la lista de circuitos: 127.0.0.1:5570")),
    responses((status = 200, body = Restablecido), (status = 400, body = ErrorHttp), (status = 401, body = ErrorHttp),
        (status = 403, body = ErrorHttp), (status = 404, body = ErrorHttp), (status = 503, body = ErrorHttp)))]
pub(super) async fn restablecer(
    _: Autorizado,
    State(puerta): State<Puerta>,
    EndpointDeRuta(endpoint): EndpointDeRuta,
) -> Contestado<Restablecido> {
    let pedido = endpoint.clone();
    let Some((antes, estado)) = puerta.encargos.hacer(|a| Encargo::Restablecer(pedido, a)).await? else {
        let mensaje = "No es un punto de almacenamiento de este gestor; los suyos están en la lista de circuitos";
        return Err(ErrorHttp::new(StatusCode::NOT_FOUND, "ENDPOINT_DESCONOCIDO", mensaje));
    };
    let [antes, estado] = [antes, estado].map(|estado| Cow::from(EstadoBreaker::as_str(estado)));
    Ok(Json(Restablecido { endpoint: endpoint.to_string(), antes, estado }))
}
