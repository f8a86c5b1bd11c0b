//! Quien habla con el motor de contenedores: `docker` y su compose, como órdenes de una persona, cada una con su plazo.

use std::{ffi::OsStr, io, process::Stdio, time::Duration};

use tokio::{process::Command, time::timeout};

use super::queja;

/// Lo que tarda una orden corriente, como mucho.
pub const CORTA: Duration = Duration::from_secs(20);
/// Lo que tarda una que levanta o para varios contenedores.
pub const LARGA: Duration = Duration::from_mins(2);
/// Ajustes del entorno que cambiarían los proyectos de la demostración.
const AJENOS: [&str; 3] = ["COMPOSE_FILE", "COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES"];
/// Lo mismo, de los que pudieran estar en un `.env`: las dos máquinas son esta, y sus redes no son las de nadie.
const PROPIOS: [(&str, &str); 4] =
    [("PC1_HOST", "host-gateway"), ("PC2_HOST", "host-gateway"), ("RED_PC1", "10.83.101"), ("RED_PC2", "10.83.102")];

/// Por qué no se hizo una orden.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No está el programa.
    #[error("no está el programa docker. Instale Docker Engine (https://docs.docker.com/engine/install) y repita")]
    SinDocker,
    /// El motor es de otra máquina.
    #[error(
        "DOCKER_HOST dice que el motor está en {0}, y los clientes y la auditoría entran por esta máquina. Repita allí la orden"
    )]
    Lejos(String),
    /// No hay con qué levantar un archivo de compose.
    #[error("docker no tiene compose. Instale el complemento (docker-compose-plugin) o docker-compose 1.29, y repita")]
    SinCompose,
    #[error("{orden}: {motivo}")]
    Orden {
        orden: String,
        /// Lo que hay que saber, en una línea.
        motivo: String,
        /// Con qué estado salió; ninguno, si la mataron.
        estado: Option<i32>,
    },
    /// No acabó a tiempo.
    #[error("{orden}: no acabó en {segundos} s")]
    Plazo { orden: String, segundos: u64 },
    /// El sistema no dejó lanzarla.
    #[error("{orden}: {causa}")]
    Sistema { orden: String, causa: io::Error },
}

/// Una orden que acabó bien.
#[derive(Clone, Debug)]
pub struct Dicho {
    pub salida: String,
    /// Lo que escribió por la de errores.
    pub aparte: String,
}

/// Un motor que contesta, con su compose.
#[derive(Clone, Debug)]
pub struct Motor {
    compose: &'static [&'static str],
    /// Su versión y la de su compose.
    pub versiones: String,
}

impl Motor {
    /// El de esta máquina.
    ///
    /// # Errors
    /// [`Error`] si no hay programa, motor o compose, o el motor está en otra máquina.
    pub async fn hallar() -> Result<Self, Error> {
        if let Some(host) = std::env::var("DOCKER_HOST").ok().filter(|host| !host.starts_with("unix://")) {
            return Err(Error::Lejos(host));
        }
        let version = docker(&["version", "--format", "{{.Server.Version}}"], CORTA).await?;
        for compose in [&["docker", "compose"][..], &["docker-compose"]] {
            let mut orden = orden(compose[0]);
            orden.args(&compose[1..]).args(["version", "--short"]);
            match correr(orden, CORTA).await {
                Ok(suya) => {
                    let versiones =
                        format!("Docker {}, {} {}", version.salida.trim(), compose.join(" "), suya.salida.trim());
                    return Ok(Self { compose, versiones });
                }
                Err(Error::SinDocker | Error::Orden { .. }) => {}
                Err(otro) => return Err(otro),
            }
        }
        Err(Error::SinCompose)
    }

    /// Una orden de compose sobre un proyecto.
    pub async fn compose(
        &self,
        proyecto: &str,
        archivos: [&str; 2],
        args: &[&str],
        plazo: Duration,
    ) -> Result<Dicho, Error> {
        let mut orden = orden(self.compose[0]);
        orden.args(&self.compose[1..]).args(["-p", proyecto]);
        for archivo in archivos {
            orden.args(["-f", archivo]);
        }
        orden.args(args);
        correr(orden, plazo).await
    }
}

/// Una orden de `docker`.
pub async fn docker(args: &[&str], plazo: Duration) -> Result<Dicho, Error> {
    let mut orden = orden("docker");
    orden.args(args);
    correr(orden, plazo).await
}

/// Un guion de esta carpeta.
pub async fn guion(ruta: &str, args: &[&str], plazo: Duration) -> Result<Dicho, Error> {
    let mut orden = orden(ruta);
    orden.args(args);
    correr(orden, plazo).await
}

fn orden(programa: impl AsRef<OsStr>) -> Command {
    let mut orden = Command::new(programa);
    for ajeno in AJENOS {
        orden.env_remove(ajeno);
    }
    orden.envs(PROPIOS);
    // En su propio grupo: Ctrl-C es para quien la lanza, que la corta y recoge lo que dejó.
    orden.process_group(0).kill_on_drop(true);
    orden
}

/// La escribe como la escribiría una persona.
fn escrita(orden: &Command) -> String {
    let orden = orden.as_std();
    let palabras = std::iter::once(orden.get_program()).chain(orden.get_args());
    palabras.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

async fn correr(mut orden: Command, plazo: Duration) -> Result<Dicho, Error> {
    let texto = escrita(&orden);
    let sistema = |causa: io::Error| match causa.kind() {
        io::ErrorKind::NotFound => Error::SinDocker,
        _ => Error::Sistema { orden: texto.clone(), causa },
    };
    orden.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let hijo = orden.spawn().map_err(sistema)?;
    let Ok(salida) = timeout(plazo, hijo.wait_with_output()).await else {
        return Err(Error::Plazo { orden: texto, segundos: plazo.as_secs() });
    };
    let salida = salida.map_err(sistema)?;
    let texto_de = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let dicho = Dicho { salida: texto_de(&salida.stdout), aparte: texto_de(&salida.stderr) };
    if salida.status.success() {
        Ok(dicho)
    } else {
        Err(Error::Orden { orden: texto, motivo: queja::de(&dicho.aparte), estado: salida.status.code() })
    }
}
