//! Decide qué números resumen un gestor, y qué lleva el documento con que se pinta una página entera.
//!
//! Lo que cuenta el gestor está siempre; lo del almacenamiento y del diario, si contestan. Lo que falta se dice con su
//! error, en lugar de dejar sin nada a quien mira precisamente porque algo falla.

use axum::{Json, extract::State};
use chrono::Utc;
use common::{
    dominio::Estado,
    mensajes::{Administracion, Administrada},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Puerta,
    error::ErrorHttp,
    lecturas,
    vistas::{Apartada, Carta, Circuitos, Cuenta, LibroPrestado, Pagina, Reloj, Tarea, fecha},
};
use crate::{
    machine::vistas::Filtro,
    service::{Encargo, Encargos, administracion},
};

/// Filas de cada lista en el documento de la página.
const FILAS: u32 = 20;
/// Libros de la lista de los más prestados.
const LIBROS: u32 = 10;

/// Los números de un gestor y las cuentas de lo decidido.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Estadisticas {
    /// Cuándo se tomaron.
    #[schema(format = DateTime)]
    pub generado: String,
    pub gestor: DelGestor,
    /// Lo que contestó a sus clientes desde que arrancó.
    pub respuestas: Respuestas,
    /// Lo guardado por todos los gestores; nulo, si el almacenamiento no contesta.
    pub almacen: Option<DelAlmacen>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub almacen_error: Option<ErrorHttp>,
}

/// Un gestor, en números.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DelGestor {
    /// Operaciones sin decidir.
    pub operaciones: usize,
    /// De ellas, las que esperan turno o reintento.
    pub en_cola: usize,
    pub en_vuelo: usize,
    pub esperan: usize,
    /// Consultas sin contestar.
    pub consultas: usize,
    pub diario_bien: bool,
    /// Filas del diario que no se entienden: prometidas que nadie decidirá si una persona no las mira.
    // Un gestor de la versión anterior no lo dice, y se le opera igual.
    #[serde(default)]
    #[schema(required = true)]
    pub filas_ilegibles: u64,
    /// Lo último que se supo del almacenamiento es que lo hay, y algún circuito no está ABIERTO.
    pub almacenamiento_bien: bool,
    pub actores_prestamo: usize,
    pub actores_devolucion: usize,
}

/// Respuestas dadas a clientes, por su estado.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Respuestas {
    pub aplicada: u64,
    pub rechazada: u64,
    pub pendiente: u64,
    /// No se hizo nada.
    pub error: u64,
    pub incierta: u64,
}

/// Lo que se guarda de lo decidido.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DelAlmacen {
    pub apartadas_abiertas: u64,
    /// Operaciones decididas, por tipo, código y sede.
    pub cuentas: Vec<Cuenta>,
    /// Los libros más prestados, del que más al que menos.
    pub mas_prestados: Vec<LibroPrestado>,
}

/// Una parte de la página, o por qué falta.
#[derive(Debug, Serialize, ToSchema)]
struct Parte<T> {
    /// La parte; nula, si no se pudo saber.
    // Sin «inline», la descripción de un parámetro de tipo no dice que admite el nulo.
    #[schema(inline)]
    datos: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorHttp>,
}

/// Todo lo que una página necesita.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tablero {
    estadisticas: Estadisticas,
    circuitos: Circuitos,
    /// Las primeras operaciones sin decidir.
    tareas: Pagina<Tarea>,
    /// Las últimas apartadas que nadie ha resuelto.
    apartadas: Parte<Pagina<Apartada>>,
    buzon: Parte<Pagina<Carta>>,
}

/// Los números de este gestor y las cuentas exactas de lo decidido
#[utoipa::path(get, path = "/fault-tolerance/stats", tag = "mirar",
    responses((status = 200, body = Estadisticas), (status = 503, body = ErrorHttp)))]
pub(super) async fn stats(State(puerta): State<Puerta>) -> Result<Json<Estadisticas>, ErrorHttp> {
    Ok(Json(estadisticas(&puerta.encargos).await?))
}

/// Todo lo que una página necesita, en un documento
#[utoipa::path(get, path = "/fault-tolerance/dashboard", tag = "mirar",
    responses((status = 200, body = Tablero), (status = 503, body = ErrorHttp)))]
pub(super) async fn dashboard(State(puerta): State<Puerta>) -> Result<Json<Tablero>, ErrorHttp> {
    let encargos = &puerta.encargos;
    let (estadisticas, circuitos, tareas, apartadas, buzon) = tokio::join!(
        estadisticas(encargos),
        encargos.hacer(Encargo::Circuitos),
        lecturas::pagina_de_tareas(encargos, Filtro::default(), (0, FILAS)),
        lecturas::pagina_de_apartadas(encargos, true, (0, FILAS)),
        lecturas::pagina_del_buzon(encargos, (0, FILAS)),
    );
    Ok(Json(Tablero {
        estadisticas: estadisticas?,
        circuitos: Circuitos::de(circuitos?, &Reloj::ahora()),
        tareas: tareas?,
        apartadas: apartadas.into(),
        buzon: buzon.into(),
    }))
}

async fn estadisticas(encargos: &Encargos) -> Result<Estadisticas, ErrorHttp> {
    let (resumen, almacen) = tokio::join!(encargos.hacer(Encargo::EstadoDelGestor), del_almacen(encargos));
    let resumen = resumen?;
    let respondidas = |estado| resumen.respondidas.en(estado);
    let Parte { datos: almacen, error: almacen_error } = almacen.into();
    Ok(Estadisticas {
        generado: fecha(Utc::now()),
        gestor: DelGestor::de(&resumen),
        respuestas: Respuestas {
            aplicada: respondidas(Estado::Aplicada),
            rechazada: respondidas(Estado::Rechazada),
            pendiente: respondidas(Estado::Pendiente),
            error: respondidas(Estado::Error),
            incierta: respondidas(Estado::Incierta),
        },
        almacen,
        almacen_error,
    })
}

async fn del_almacen(encargos: &Encargos) -> Result<DelAlmacen, ErrorHttp> {
    let (apartadas, cuentas, libros) = tokio::join!(
        encargos.administrar(Administracion::Apartadas { solo_abiertas: true, desde: 0, cuantas: 1 }),
        encargos.administrar(Administracion::Cuentas),
        encargos.administrar(Administracion::MasPrestados { cuantos: LIBROS }),
    );
    match (apartadas?, cuentas?, libros?) {
        (
            Some(Administrada::Apartadas { total, .. }),
            Some(Administrada::Cuentas(cuentas)),
            Some(Administrada::MasPrestados(libros)),
        ) => Ok(DelAlmacen {
            apartadas_abiertas: total,
            cuentas: cuentas.into_iter().map(Cuenta::from).collect(),
            mas_prestados: libros.into_iter().map(LibroPrestado::from).collect(),
        }),
        _ => Err(ErrorHttp::interno()),
    }
}

impl DelGestor {
    fn de(resumen: &administracion::EstadoDelGestor) -> Self {
        let foto = &resumen.foto;
        Self {
            operaciones: foto.operaciones,
            en_cola: foto.operaciones - foto.en_vuelo,
            en_vuelo: foto.en_vuelo,
            esperan: foto.esperas,
            consultas: resumen.consultas,
            diario_bien: !foto.diario_averiado,
            filas_ilegibles: resumen.ilegibles,
            almacenamiento_bien: !foto.almacen_caido,
            actores_prestamo: foto.actores[0],
            actores_devolucion: foto.actores[1],
        }
    }
}

impl<T> From<Result<T, ErrorHttp>> for Parte<T> {
    fn from(resultado: Result<T, ErrorHttp>) -> Self {
        match resultado {
            Ok(datos) => Self { datos: Some(datos), error: None },
            Err(error) => Self { datos: None, error: Some(error) },
        }
    }
}
