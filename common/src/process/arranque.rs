//! Cómo arranca todo proceso: lee sus ajustes, hace lo suyo en este hilo y sale con un estado que dice cómo fue.
//!
//! Un servicio, además y por este orden: registro y métricas, sitio para sus conexiones, señales de apagado, señales de vida;
//! y con su [`Marcha`], HTTP cuando tiene qué contar. Un ajuste mal escrito sale con [`MAL_ESCRITO`]; cualquier otro fallo,
//! con 1; los dos, en una línea que empieza por el nombre del programa.

use std::{
    fmt::Display,
    io,
    net::SocketAddr,
    process::{ExitCode, Termination},
};

use axum::Router;
use clap::{CommandFactory, FromArgMatches};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{runtime, task::LocalSet};

use super::{
    config::{AjusteInvalido, Ajustes},
    descriptores,
    http::{self, Listo},
    orden::{self, MAL_ESCRITO},
    salud,
    shutdown::Apagado,
    telemetry, watchdog,
};

/// Conexiones que caben en un servicio, si el sistema deja.
const CONEXIONES: u64 = 16 * 1024;

/// Lo que un servicio tiene desde que arranca.
pub struct Marcha {
    pub listo: Listo,
    /// La orden de irse: desde que la hay, SIGTERM ya no mata.
    pub apagado: Apagado,
    metricas: PrometheusHandle,
}

impl Marcha {
    fn empezar() -> io::Result<Self> {
        let metricas = telemetry::iniciar();
        descriptores::ampliar(CONEXIONES);
        let apagado = Apagado::new()?;
        watchdog::dar_senales();
        Ok(Self { listo: Listo::default(), apagado, metricas })
    }

    /// Atiende HTTP en una tarea aparte, con las rutas comunes y las de `propias`.
    ///
    /// # Errors
    /// [`AjusteInvalido`] que nombra `HTTP_ADDR` si el puerto no se puede abrir.
    pub async fn atender_http(&self, addr: SocketAddr, propias: Router) -> Result<(), AjusteInvalido> {
        http::servir(addr, self.metricas.clone(), self.listo.clone(), propias).await
    }
}

/// El programa entero de quien lee unos ajustes y hace algo con ellos, una vez o hasta que lo apaguen. Los procesos que lance
/// pueden morir con este hilo.
pub fn correr<A, T: Termination, E: Display>(
    nombre: &str,
    leer: impl FnOnce(&Ajustes) -> Result<A, AjusteInvalido>,
    hacer: impl AsyncFnOnce(A) -> Result<T, E>,
) -> ExitCode {
    let ajustes = match Ajustes::leer().and_then(|ajustes| leer(&ajustes)) {
        Ok(ajustes) => ajustes,
        Err(e) => return quejarse(nombre, e, MAL_ESCRITO),
    };
    en_este_hilo(nombre, hacer(ajustes))
}

/// El programa entero de una herramienta: lee su línea de órdenes y hace lo que dice, con sitio para tareas de este hilo.
pub fn herramienta<P, E>(hacer: impl AsyncFnOnce(P) -> Result<u8, E>) -> ExitCode
where
    P: CommandFactory + FromArgMatches,
    E: Display,
{
    let pedido = match orden::leer::<P>() {
        Ok(pedido) => pedido,
        Err(salida) => return salida,
    };
    let hecho = async { hacer(pedido).await.map(ExitCode::from) };
    en_este_hilo(P::command().get_name(), LocalSet::new().run_until(hecho))
}

fn en_este_hilo<T: Termination, E: Display>(nombre: &str, que: impl Future<Output = Result<T, E>>) -> ExitCode {
    let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => return quejarse(nombre, e, 1),
    };
    match runtime.block_on(que) {
        Ok(hecho) => hecho.report(),
        Err(e) => quejarse(nombre, e, 1),
    }
}

/// El programa entero de un servicio.
pub fn servicio<A, E: Display + From<io::Error>>(
    nombre: &str,
    leer: impl FnOnce(&Ajustes) -> Result<A, AjusteInvalido>,
    servir: impl AsyncFnOnce(A, Marcha) -> Result<(), E>,
) -> ExitCode {
    correr(nombre, leer, async |ajustes| servir(ajustes, Marcha::empezar()?).await)
}

/// El programa entero de la orden `salud` de un servicio, que atiende HTTP donde diga `leer_http`.
pub fn salud(nombre: &str, leer_http: impl FnOnce(&Ajustes) -> Result<SocketAddr, AjusteInvalido>) -> ExitCode {
    correr(nombre, leer_http, salud::preguntar)
}

fn quejarse(nombre: &str, queja: impl Display, estado: u8) -> ExitCode {
    eprintln!("{nombre}: {queja:#}");
    estado.into()
}
