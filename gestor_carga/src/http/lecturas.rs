//! Decide qué se muestra de las operaciones, de lo apartado, del buzón y de los circuitos.

use axum::{Json, extract::State};
use common::{
    dominio::{Codigo, Consulta, EjemplarId, Isbn, Objeto, OperacionId, Tipo},
    mensajes::{Administracion, Administrada, CuerpoPeticion, CuerpoResultado, RespuestaGuardada},
};

use super::{
    Puerta,
    entrada::{Id, Parametros},
    error::{Contestado, ErrorHttp},
    vistas::{self, Apartada, Carta, Circuitos, Ilegible, Pagina, Reloj, Tarea},
};
use crate::{
    machine::vistas::{EstadoTarea, Filtro},
    service::{Encargo, Encargos},
};

/// El circuito de cada punto de almacenamiento, como lo ven el gestor y cada actor presente
#[utoipa::path(get, path = "/fault-tolerance/circuit-breakers", tag = "mirar",
    responses((status = 200, body = Circuitos), (status = 503, body = ErrorHttp)))]
pub(super) async fn circuitos(State(puerta): State<Puerta>) -> Contestado<Circuitos> {
    Ok(Json(Circuitos::de(puerta.encargos.hacer(Encargo::Circuitos).await?, &Reloj::ahora())))
}

/// Las operaciones sin decidir de este gestor, por orden de llegada
#[utoipa::path(get, path = "/fault-tolerance/tasks", tag = "mirar",
    params(
        ("estado" = Option<String>, Query, description = "Solo las que están así: PENDIENTE, ASIGNADA, EN_CURSO o REINTENTO"),
        ("tipo" = Option<String>, Query, description = "Solo las de este tipo: prestamo, devolucion o renovacion"),
        ("ejemplar" = Option<String>, Query, description = "Solo las que nombran esta copia"),
        ("isbn" = Option<String>, Query, description = "Solo las que nombran este título; no se da con «ejemplar»"),
        ("desde" = Option<u32>, Query, description = "Cuántas se saltan [0]"),
        ("cuantas" = Option<u32>, Query, description = "Cuántas caben, hasta 500 [50]")),
    responses((status = 200, body = Pagina<Tarea>), (status = 400, body = ErrorHttp), (status = 503, body = ErrorHttp)))]
pub(super) async fn tareas(State(puerta): State<Puerta>, mut parametros: Parametros) -> Contestado<Pagina<Tarea>> {
    let filtro = filtro(&mut parametros)?;
    let pagina = parametros.pagina()?;
    parametros.nada_mas()?;
    Ok(Json(pagina_de_tareas(&puerta.encargos, filtro, pagina).await?))
}

/// Una página de las operaciones sin decidir.
pub(super) async fn pagina_de_tareas(
    encargos: &Encargos,
    filtro: Filtro,
    (desde, cuantas): (u32, u32),
) -> Result<Pagina<Tarea>, ErrorHttp> {
    let (tareas, total) = encargos.hacer(|a| Encargo::Tareas { filtro, desde, cuantas, a }).await?;
    let reloj = Reloj::ahora();
    let filas = tareas.into_iter().map(|tarea| Tarea::sin_decidir(tarea, &reloj)).collect();
    Ok(Pagina { filas, total: total as u64, desde, cuantas })
}

fn filtro(parametros: &mut Parametros) -> Result<Filtro, ErrorHttp> {
    let estado: Option<String> = parametros.tomar("estado", "texto")?;
    let tipo: Option<String> = parametros.tomar("tipo", "texto")?;
    let ejemplar: Option<EjemplarId> = parametros.tomar("ejemplar", "una copia, como E000123")?;
    let isbn: Option<Isbn> = parametros.tomar("isbn", "un ISBN")?;
    let malo = |que: &str| ErrorHttp::mal_escrita("PARAMETRO_INVALIDO", format!("Los parámetros no valen: {que}"));
    let estado = match estado.as_deref() {
        None => None,
        Some("PENDIENTE") => Some(EstadoTarea::Pendiente),
        Some("ASIGNADA") => Some(EstadoTarea::Asignada),
        Some("EN_CURSO") => Some(EstadoTarea::EnCurso),
        Some("REINTENTO") => Some(EstadoTarea::Reintento),
        Some(_) => return Err(malo("«estado» ha de ser PENDIENTE, ASIGNADA, EN_CURSO o REINTENTO")),
    };
    let tipo = match tipo {
        None => None,
        Some(dicho) => {
            let hallado = Tipo::TODOS.into_iter().find(|tipo| tipo.as_str() == dicho);
            Some(hallado.ok_or_else(|| malo("«tipo» ha de ser prestamo, devolucion o renovacion"))?)
        }
    };
    let clave = match (ejemplar, isbn) {
        (None, None) => None,
        (Some(ejemplar), None) => Some(Objeto::Ejemplar(ejemplar)),
        (None, Some(isbn)) => Some(Objeto::Libro(isbn)),
        (Some(_), Some(_)) => return Err(malo("«ejemplar» e «isbn» no se dan juntos")),
    };
    Ok(Filtro { estado, tipo, clave })
}

/// Una operación: sin decidir, COMPLETADA con su respuesta o APARTADA con su expediente
#[utoipa::path(get, path = "/fault-tolerance/tasks/{id}", tag = "mirar",
    params(("id" = uuid::Uuid, Path, description = "El id de la operación")),
    responses((status = 200, body = Tarea), (status = 400, body = ErrorHttp), (status = 404, body = ErrorHttp),
        (status = 503, body = ErrorHttp)))]
pub(super) async fn tarea(State(puerta): State<Puerta>, Id(id): Id) -> Contestado<Tarea> {
    if let Some(tarea) = puerta.encargos.hacer(|a| Encargo::Tarea(id, a)).await? {
        return Ok(Json(Tarea::sin_decidir(tarea, &Reloj::ahora())));
    }
    tarea_guardada(&puerta.encargos, id).await.map(Json)
}

/// Lo que el almacenamiento sabe de una operación que el gestor ya no tiene.
async fn tarea_guardada(encargos: &Encargos, id: OperacionId) -> Result<Tarea, ErrorHttp> {
    let RespuestaGuardada { codigo, cuerpo } = guardada(encargos, id).await?;
    let id_texto = id.to_string();
    match codigo {
        Codigo::EnRevision => {
            let expediente = apartada(encargos, id).await?;
            let (pedido, aceptada) = (expediente.pedido.clone(), expediente.aceptada.clone());
            Ok(Tarea {
                id: id_texto,
                estado: "APARTADA".into(),
                pedido: Some(pedido),
                motivo: Some(expediente.motivo.clone().into_owned()),
                aceptada: Some(aceptada),
                expediente: Some(expediente),
                ..Tarea::default()
            })
        }
        _ => Ok(Tarea { id: id_texto, estado: "COMPLETADA".into(), respuesta: Some(cuerpo), ..Tarea::default() }),
    }
}

/// Lo guardado de una operación que el almacenamiento conoce.
pub(super) async fn guardada(encargos: &Encargos, id: OperacionId) -> Result<RespuestaGuardada, ErrorHttp> {
    let pregunta = CuerpoPeticion::Consultar(Consulta::Operacion(id.uuid()));
    let CuerpoResultado::Consultada(guardada) = encargos.preguntar(pregunta).await? else {
        return Err(ErrorHttp::interno());
    };
    match guardada.codigo {
        Codigo::OperacionDesconocida => Err(desconocida()),
        codigo @ Codigo::OperacionCaducada => Err(ErrorHttp::desconocida(codigo.as_str(), codigo.mensaje())),
        _ => Ok(guardada),
    }
}

/// Nadie conoce ese id.
fn desconocida() -> ErrorHttp {
    let codigo = Codigo::OperacionDesconocida;
    ErrorHttp::desconocida(codigo.as_str(), "Ni este gestor ni el almacenamiento conocen una operación con ese id")
}

/// El expediente de una apartada.
async fn apartada(encargos: &Encargos, id: OperacionId) -> Result<Apartada, ErrorHttp> {
    match encargos.administrar(Administracion::Apartada(id)).await? {
        Some(Administrada::Apartada(apartada)) => Ok((*apartada).into()),
        Some(Administrada::NoExiste) => Err(desconocida()),
        _ => Err(ErrorHttp::interno()),
    }
}

/// Las operaciones apartadas, de la más reciente a la más antigua
#[utoipa::path(get, path = "/fault-tolerance/dead-letter-queue", tag = "mirar",
    params(
        ("todas" = Option<bool>, Query, description = "También las que alguien ya resolvió [false]"),
        ("desde" = Option<u32>, Query, description = "Cuántas se saltan [0]"),
        ("cuantas" = Option<u32>, Query, description = "Cuántas caben, hasta 500 [50]")),
    responses((status = 200, body = Pagina<Apartada>), (status = 400, body = ErrorHttp),
        (status = 503, body = ErrorHttp)))]
pub(super) async fn apartadas(
    State(puerta): State<Puerta>,
    mut parametros: Parametros,
) -> Contestado<Pagina<Apartada>> {
    let todas = parametros.tomar("todas", "true o false")?.unwrap_or(false);
    let pagina = parametros.pagina()?;
    parametros.nada_mas()?;
    Ok(Json(pagina_de_apartadas(&puerta.encargos, !todas, pagina).await?))
}

/// Una página de las apartadas.
pub(super) async fn pagina_de_apartadas(
    encargos: &Encargos,
    solo_abiertas: bool,
    (desde, cuantas): (u32, u32),
) -> Result<Pagina<Apartada>, ErrorHttp> {
    match encargos.administrar(Administracion::Apartadas { solo_abiertas, desde, cuantas }).await? {
        Some(Administrada::Apartadas { filas, total }) => {
            Ok(Pagina { filas: filas.into_iter().map(Apartada::from).collect(), total, desde, cuantas })
        }
        _ => Err(ErrorHttp::interno()),
    }
}

/// Lo que este gestor prometió y no se aplicó, de lo más reciente a lo más antiguo, hasta que una persona lo cierra
#[utoipa::path(get, path = "/fault-tolerance/inbox", tag = "mirar",
    params(
        ("desde" = Option<u32>, Query, description = "Cuántas se saltan [0]"),
        ("cuantas" = Option<u32>, Query, description = "Cuántas caben, hasta 500 [50]")),
    responses((status = 200, body = Pagina<Carta>), (status = 400, body = ErrorHttp), (status = 503, body = ErrorHttp)))]
pub(super) async fn buzon(State(puerta): State<Puerta>, mut parametros: Parametros) -> Contestado<Pagina<Carta>> {
    let pagina = parametros.pagina()?;
    parametros.nada_mas()?;
    Ok(Json(pagina_del_buzon(&puerta.encargos, pagina).await?))
}

/// Una página del buzón.
pub(super) async fn pagina_del_buzon(
    encargos: &Encargos,
    (desde, cuantas): (u32, u32),
) -> Result<Pagina<Carta>, ErrorHttp> {
    let pagina = encargos.al_diario(|a| Encargo::Buzon { desde, cuantas, a }).await?;
    let filas = pagina.cartas.into_iter().map(vistas::Carta::from).collect();
    Ok(Pagina { filas, total: pagina.total, desde, cuantas })
}

/// Las filas del diario de este gestor que no se entienden: se prometieron, y nadie las decidirá sin una persona
#[utoipa::path(get, path = "/fault-tolerance/unreadable", tag = "mirar",
    params(
        ("desde" = Option<u32>, Query, description = "Cuántas se saltan [0]"),
        ("cuantas" = Option<u32>, Query, description = "Cuántas caben, hasta 500 [50]")),
    responses((status = 200, body = Pagina<Ilegible>), (status = 400, body = ErrorHttp),
        (status = 503, body = ErrorHttp)))]
pub(super) async fn ilegibles(
    State(puerta): State<Puerta>,
    mut parametros: Parametros,
) -> Contestado<Pagina<Ilegible>> {
    let (desde, cuantas) = parametros.pagina()?;
    parametros.nada_mas()?;
    let pagina = puerta.encargos.al_diario(|a| Encargo::Ilegibles { desde, cuantas, a }).await?;
    let filas = pagina.filas.into_iter().map(Ilegible::from).collect();
    Ok(Json(Pagina { filas, total: pagina.total, desde, cuantas }))
}
