//! Donde el lanzador oye las señales de vida de sus servicios: un zócalo sin nombre en el disco, que no deja restos.

use std::{
    io,
    os::{linux::net::SocketAddrExt, unix::net},
    time::Duration,
};

use common::process::watchdog::{NOTIFY_SOCKET, SENAL_MAX, WATCHDOG_USEC, leer};
use tokio::{net::UnixDatagram, time::sleep};

/// Lo que dura una ronda: cada una, quien vive da una señal.
pub const RONDA: Duration = Duration::from_millis(200);

/// El oído del lanzador.
pub(super) struct Oido {
    zocalo: UnixDatagram,
    nombre: String,
}

impl Oido {
    /// Abre el zócalo; su nombre es de este proceso y de los puertos de su suite, que no tiene ninguna otra.
    pub(super) fn abrir(puerto_base: u16) -> io::Result<Self> {
        let nombre = format!("anaquel-{puerto_base}-{}", std::process::id());
        let zocalo = net::UnixDatagram::bind_addr(&net::SocketAddr::from_abstract_name(&nombre)?)?;
        zocalo.set_nonblocking(true)?;
        Ok(Self { zocalo: UnixDatagram::from_std(zocalo)?, nombre })
    }

    /// Con qué ajustes da señales un hijo al que se le aguanta ese silencio.
    pub(super) fn ajustes(&self, paciencia: Duration) -> [(&'static str, String); 2] {
        [(NOTIFY_SOCKET, format!("@{}", self.nombre)), (WATCHDOG_USEC, paciencia.as_micros().to_string())]
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
