//! Una muerte bajo carga: matar, esperar a que se vuelva a trabajar y a que todo vuelva, y decir entre cuándo y cuándo.

use std::time::Duration;

use juicio::historia::Muestra;
use tokio::time::sleep;

use super::Carga;
use crate::suite::{Error, Suite};

/// Lo que se mira después de cada muerte, por lo menos.
const VENTANA: Duration = Duration::from_secs(2);
/// Lo que puede tardar todo en volver.
const VUELTA_MAX: Duration = Duration::from_secs(15);
/// Éxitos que demuestran que se volvió a trabajar.
const EXITOS: usize = 200;

/// Entre cuándo y cuándo, desde el principio de la carga, se mide una muerte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ventana {
    pub desde: Duration,
    pub hasta: Duration,
    pub volvio: bool,
}

/// `kill -9` a `procesos`; espera a que vuelvan los éxitos de los que `cuenta` acepta, y los procesos.
///
/// # Errors
/// [`Error`] si alguno no estaba en marcha, o la suite no volvió a la calma.
pub async fn bajo_carga(
    suite: &Suite,
    carga: &Carga,
    procesos: &[&'static str],
    cuenta: impl Fn(&Muestra) -> bool,
) -> Result<Ventana, Error> {
    let desde = carga.transcurrido();
    let pids = procesos.iter().map(|p| Ok((*p, suite.matar(p)?))).collect::<Result<Vec<_>, Error>>()?;
    let volvio = carga.esperar_exitos(EXITOS, VUELTA_MAX, cuenta).await;
    for (proceso, pid) in pids {
        suite.esperar_vuelta(proceso, pid, VUELTA_MAX).await?;
    }
    sleep(VENTANA.saturating_sub(carga.transcurrido().saturating_sub(desde))).await;
    Ok(Ventana { desde, hasta: carga.transcurrido(), volvio })
}
