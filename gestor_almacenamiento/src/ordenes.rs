//! Lo que se le puede mandar al programa: servir, importar el catálogo y podar la historia; y con qué ajustes.

use std::{net::SocketAddr, path::Path};

use chrono::{NaiveDate, NaiveTime};
use common::{
    process::{
        arranque::Marcha,
        config::{AjusteInvalido, Ajustes, invalido},
        telemetry,
    },
    transport::{Contexto, Endpoint, ErrorDeTransporte},
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
    /// Un ajuste está bien escrito, pero lo que nombra no sirve.
    #[error(transparent)]
    NoSirve(#[from] AjusteInvalido),
    /// El sistema no deja atender las señales.
    #[error("no se pueden atender las señales: {0}")]
    Senales(#[from] std::io::Error),
    /// El zócalo dejó de servir.
    #[error(transparent)]
    Transporte(#[from] ErrorDeTransporte),
    /// El archivo del catálogo.
    #[error(transparent)]
    Archivo(#[from] ArchivoInvalido),
    #[error(transparent)]
    Importacion(#[from] ErrorDeImportacion),
    /// La base no admitió la orden.
    #[error("ajuste DATABASE_URL_MIGRACION: la base no admitió la orden: {0}. Dé la URL del dueño de las tablas")]
    Base(#[from] ErrorDeCatalogo),
}

/// Los ajustes de quien sirve, ya leídos.
pub struct AjustesAlmacen {
    base: Base,
    bind: Endpoint,
    http: SocketAddr,
}

impl AjustesAlmacen {
    /// Los lee.
    pub fn leer(ajustes: &Ajustes) -> Result<Self, AjusteInvalido> {
        let bind = ajustes.endpoint(BIND, "127.0.0.1:5570")?;
        Ok(Self { base: Base::de_ajustes(ajustes)?, bind, http: Self::leer_http(ajustes)? })
    }

    /// Solo dónde atiende HTTP: es lo que hace falta para preguntarle cómo está.
    pub fn leer_http(ajustes: &Ajustes) -> Result<SocketAddr, AjusteInvalido> {
        ajustes.http("127.0.0.1:5656")
    }
}

/// Carga el catálogo de un CSV.
pub async fn importar(csv: &Path, base: &Base) -> Result<(), Error> {
    let _sin_http = telemetry::iniciar();
    let archivo = Archivo::abrir(csv)?;
    base.preparar().await?;
    let catalogo = Catalogo::abrir(&base.migracion).await?;
    println!("{}", importar::importar(catalogo, archivo).await?);
    Ok(())
}

/// Olvida las operaciones pedidas antes de un día.
pub async fn podar(antes_de: NaiveDate, base: &Base) -> Result<(), Error> {
    let _sin_http = telemetry::iniciar();
    base.preparar().await?;
    let decir = |n| tracing::info!("{n} operaciones olvidadas hasta ahora");
    let borradas = poda::podar(&base.migracion, antes_de.and_time(NaiveTime::MIN).and_utc(), decir).await?;
    println!("{borradas} operaciones olvidadas, las anteriores al {antes_de}");
    Ok(())
}

/// Sirve hasta que lo apaguen.
pub async fn servir(AjustesAlmacen { base, bind, http }: AjustesAlmacen, mut marcha: Marcha) -> Result<(), Error> {
    marcha.atender_http(http, axum::Router::new()).await?;
    tokio::select! {
        preparada = base.preparar() => preparada?,
        senal = marcha.apagado.pedido() => {
            tracing::info!("{senal} antes de tener base de datos: fin");
            return Ok(());
        }
    }
    let ocupado = |e| invalido(BIND, e, "Dé otra dirección host:puerto de esta máquina, libre");
    let socket = Contexto::new().router(&bind).map_err(ocupado)?;
    tracing::info!("gestor_almacenamiento listo en {bind}");
    let fin = async {
        let senal = marcha.apagado.pedido().await;
        tracing::info!("{senal}: se acaba lo que está en vuelo");
    };
    Servicio::new(socket, &base, marcha.listo).atender(fin).await?;
    tracing::info!("gestor_almacenamiento apagado");
    Ok(())
}
