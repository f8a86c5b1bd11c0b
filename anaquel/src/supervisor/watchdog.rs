//! Donde el lanzador oye las señales de vida de sus servicios: un zócalo al que solo llega su dueño. Quien no lo es ni las
//! finge ni las estorba.

use std::{io, path::Path, time::Duration};

use common::{
    process::watchdog::{NOTIFY_SOCKET, SENAL_MAX, WATCHDOG_USEC, leer},
    tiempos::RONDA,
};
use tokio::{net::UnixDatagram, time::sleep};

use crate::zocalo::{self, Ruta};

/// Su nombre en el directorio de la suite.
const ZOCALO: &str = "senales.sock";

/// El oído del lanzador.
pub(super) struct Oido {
    zocalo: UnixDatagram,
    ruta: Ruta,
}

impl Oido {
    /// Abre el zócalo en el directorio de la suite. Quien llama tiene su cerrojo: uno viejo se quita.
    pub(super) fn abrir(var: &Path) -> io::Result<Self> {
        let ruta = Ruta::new(var, ZOCALO)?;
        zocalo::quitar_el_viejo(&ruta.ruta)?;
        let zocalo = UnixDatagram::bind(&ruta.ruta)?;
        zocalo::cerrar_a_los_demas(&ruta.ruta)?;
        Ok(Self { zocalo, ruta })
    }

    /// Con qué ajustes da señales un hijo al que se le aguanta ese silencio.
    pub(super) fn ajustes(&self, paciencia: Duration) -> [(&'static str, String); 2] {
        [(NOTIFY_SOCKET, self.ruta.ruta.display().to_string()), (WATCHDOG_USEC, paciencia.as_micros().to_string())]
    }

    /// El pid de quien da la siguiente señal de vida; lo que no lo es se tira. Se puede cancelar.
    pub(super) async fn siguiente(&self) -> u32 {
        let mut senal = [0; SENAL_MAX];
        loop {
            match self.zocalo.recv(&mut senal).await.map(|leidos| leer(&senal[..leidos])) {
                Ok(Some(pid)) => return pid,
                Ok(None) => {}
                // No oír no es que nadie hable, pero nada mejor se puede hacer que volver a escuchar.
                Err(_) => sleep(RONDA).await,
            }
        }
    }
}
