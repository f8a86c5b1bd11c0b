//! Lo que se le puede mandar al programa: servir, importar el catálogo y podar la historia.

use std::{net::SocketAddr, path::Path};

use chrono::{NaiveDate, NaiveTime};
use common::{
    process::{
        config::{AjusteInvalido, Ajustes, invalido},
        http::{self, HTTP_ADDR, Listo},
        salud::{self, NoListo},
        shutdown::Apagado,
        telemetry, watchdog,
    },
    transport::{Contexto, ErrorDeTransporte},
};

use crate::{
    importar::{self, Archivo, ArchivoInvalido, ErrorDeImportacion},
    service::Servicio,
    store::{
        Base,
        catalogo::{Catalogo, ErrorDeCatalogo},
        poda,
    },
};

const BIND: &str = "GESTOR_ALMACENAMIENTO_BIND";

/// Por qué el programa no hizo lo que se le mandó. Su texto es la línea que se muestra.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Un ajuste está mal escrito.
    #[error(transparent)]
    Ajuste(#[from] AjusteInvalido),
    /// Un ajuste está bien escrito, pero lo que nombra no sirve.
    #[error("{0}")]
    NoSirve(AjusteInvalido),
    /// El sistema no deja atender las señales.
    #[error("no se pueden atender las señales: {0}")]
    Senales(std::io::Error),
    /// El zócalo dejó de servir.
    #[error(transparent)]
    Transporte(#[from] ErrorDeTransporte),
    /// El archivo del catálogo.
    #[error(transparent)]
    Archivo(#[from] ArchivoInvalido),
    /// La importación.
    #[error(transparent)]
    Importacion(#[from] ErrorDeImportacion),
    /// El servicio por el que se pregunta.
    #[error(transparent)]
    NoListo(#[from] NoListo),
    /// La base no admitió la orden.
    #[error("ajuste DATABASE_URL_MIGRACION: la base no admitió la orden: {0}. Dé la URL del dueño de las tablas")]
    Base(#[from] ErrorDeCatalogo),
}

/// Carga el catálogo de un CSV.
///
/// # Errors
/// [`Error`].
pub async fn importar(csv: &Path, ajustes: &Ajustes) -> Result<(), Error> {
    let _sin_http = telemetry::iniciar();
    let base = Base::de_ajustes(ajustes)?;
    let archivo = Archivo::abrir(csv)?;
    base.preparar().await.map_err(Error::NoSirve)?;
    let catalogo = Catalogo::abrir(&base.migracion).await?;
    println!("{}", importar::importar(catalogo, archivo).await?);
    Ok(())
}

/// Olvida las operaciones pedidas antes de un día.
///
/// # Errors
/// [`Error`].
pub async fn podar(antes_de: NaiveDate, ajustes: &Ajustes) -> Result<(), Error> {
    let _sin_http = telemetry::iniciar();
    let base = Base::de_ajustes(ajustes)?;
    base.preparar().await.map_err(Error::NoSirve)?;
    let decir = |n| tracing::info!("{n} operaciones olvidadas hasta ahora");
    let borradas = poda::podar(&base.migracion, antes_de.and_time(NaiveTime::MIN).and_utc(), decir).await?;
    println!("{borradas} operaciones olvidadas, las anteriores al {antes_de}");
    Ok(())
}

/// Pregunta al servicio que corre con estos ajustes si está listo.
///
/// # Errors
/// [`Error`].
pub async fn salud(ajustes: &Ajustes) -> Result<(), Error> {
    Ok(salud::preguntar(leer_http(ajustes)?).await?)
}

/// Sirve hasta que lo apaguen.
///
/// # Errors
/// [`Error`].
pub async fn servir(ajustes: &Ajustes) -> Result<(), Error> {
    let base = Base::de_ajustes(ajustes)?;
    let bind = ajustes.endpoint(BIND, "127.0.0.1:5570")?;
    let http = leer_http(ajustes)?;
    let mut apagado = Apagado::nuevo().map_err(Error::Senales)?;
    let listo = Listo::default();
    let metricas = telemetry::iniciar();
    watchdog::dar_senales();
    http::servir(http, metricas, listo.clone(), axum::Router::new()).await.map_err(Error::NoSirve)?;
    tokio::select! {
        preparada = base.preparar() => preparada.map_err(Error::NoSirve)?,
        senal = apagado.pedido() => {
            tracing::info!("{senal} antes de tener base de datos: fin");
            return Ok(());
        }
    }
    let ocupado = |e| Error::NoSirve(invalido(BIND, e, "Dé otra dirección host:puerto de esta máquina, libre"));
    let socket = Contexto::nuevo().router(&bind).map_err(ocupado)?;
    tracing::info!("gestor_almacenamiento listo en {bind}");
    let fin = async {
        let senal = apagado.pedido().await;
        tracing::info!("{senal}: se acaba lo que está en vuelo");
    };
    Servicio::nuevo(socket, &base, listo).atender(fin).await?;
    tracing::info!("gestor_almacenamiento apagado");
    Ok(())
}

fn leer_http(ajustes: &Ajustes) -> Result<SocketAddr, AjusteInvalido> {
    ajustes.valor(HTTP_ADDR, "127.0.0.1:5656", "Escriba IP:puerto, por ejemplo 127.0.0.1:5656")
}
