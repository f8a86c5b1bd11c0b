//! Lo que se nota, pidiendo sin parar, que se olviden operaciones viejas.

use std::{
    fs::File,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anaquel::postgres::{BASE, Rol};
use anyhow::{Context as _, bail};
use common::process::hijo::{Hijo, morir_con_quien_lanza};
use taller::suite::programa;
use tokio::time::Instant;

use super::{Lado, VIEJAS, informe::Poda};

/// Hace cuántos días se pidieron las operaciones que se podan.
pub const DIAS: u64 = 10;
/// Lo que se mide: bastante más de lo que la poda tarda; si tardara más, se mide su principio.
const DURA: Duration = Duration::from_secs(12);

/// Poda bajo carga.
///
/// # Errors
/// Si la poda acaba mal.
pub async fn medir(lado: &mut Lado, clientes: usize, semilla: u64, dir: &Path) -> anyhow::Result<Poda> {
    let mut orden = orden(lado, dir)?;
    morir_con_quien_lanza(&mut orden, libc::SIGTERM);
    let podar = async {
        // La carga calienta antes de que empiece la poda: es parte del tramo que no se mide.
        tokio::time::sleep(DURA / 4).await;
        let reloj = Instant::now();
        let bien = Hijo::lanzar(&mut orden)?.esperar().await?.success();
        anyhow::Ok((bien, reloj.elapsed()))
    };
    let (salida, podada) = tokio::join!(lado.correr(clientes, DURA, semilla), podar);
    let (salida, (bien, tardo)) = (salida?, podada?);
    if !bien {
        bail!("la poda acabó mal. Mire {}", dir.join("poda.log").display());
    }
    Ok(Poda::de(VIEJAS, tardo, &salida))
}

fn orden(lado: &Lado, dir: &Path) -> anyhow::Result<Command> {
    let postgres = lado.suite.postgres()?;
    let registro = dir.join("poda.log");
    let registro = File::create(&registro).with_context(|| registro.display().to_string())?;
    let mut orden = Command::new(programa("gestor_almacenamiento")?);
    orden.args(["podar", "--antes-de", &chrono::Utc::now().date_naive().to_string()]);
    orden.env("DATABASE_URL", postgres.url(Rol::Servicio, BASE));
    orden.env("DATABASE_URL_MIGRACION", postgres.url(Rol::Migracion, BASE));
    orden.stdin(Stdio::null()).stdout(Stdio::null()).stderr(registro);
    Ok(orden)
}
