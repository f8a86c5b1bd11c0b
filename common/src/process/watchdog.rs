//! Las señales de vida que un proceso da a quien lo lanzó, si las pide: quien deja de darlas está colgado o parado.
//!
//! El protocolo es el de `sd_notify(3)` y `sd_watchdog_enabled(3)`: `NOTIFY_SOCKET` dice dónde y `WATCHDOG_USEC`, cuánto
//! silencio se aguanta.

use std::{env, io, os::unix::net::UnixDatagram, path::Path, process, time::Duration};

use tokio::time::{MissedTickBehavior, interval};

/// Dónde se esperan las señales: la ruta de un zócalo de datagramas.
pub const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";
/// El silencio que se aguanta, en microsegundos.
pub const WATCHDOG_USEC: &str = "WATCHDOG_USEC";
/// Señales por cada silencio que se aguanta: perder una, o darla tarde, no es haber muerto.
pub const SENALES_POR_PACIENCIA: u32 = 4;
/// Lo que ocupa la mayor señal que vale la pena leer.
pub const SENAL_MAX: usize = 128;

/// Quien escucha las señales de este proceso.
pub struct Vigilante {
    zocalo: UnixDatagram,
    senal: String,
    cada: Duration,
}

impl Vigilante {
    /// El del entorno; `None` si nadie vigila a este proceso.
    ///
    /// # Errors
    /// Si lo hay y no se llega a él, o lo que pide no se entiende.
    pub fn del_entorno() -> io::Result<Option<Self>> {
        let (Ok(donde), Ok(paciencia)) = (env::var(NOTIFY_SOCKET), env::var(WATCHDOG_USEC)) else { return Ok(None) };
        let malo = || io::Error::new(io::ErrorKind::InvalidInput, format!("{WATCHDOG_USEC}: «{paciencia}» no vale"));
        let paciencia = paciencia.parse().ok().filter(|us| *us > 0).map(Duration::from_micros).ok_or_else(malo)?;
        Self::en(Path::new(&donde), process::id(), paciencia).map(Some)
    }

    fn en(donde: &Path, este: u32, paciencia: Duration) -> io::Result<Self> {
        let zocalo = UnixDatagram::unbound()?;
        // Un vigilante parado no ha de parar a quien vigila.
        zocalo.set_nonblocking(true)?;
        zocalo.connect(donde)?;
        Ok(Self { zocalo, senal: escribir(este), cada: paciencia / SENALES_POR_PACIENCIA })
    }

    /// Da una señal. Si no cabe, o ya nadie escucha, se pierde: la siguiente dirá lo mismo.
    pub fn dar_senal(&self) {
        let _ = self.zocalo.send(self.senal.as_bytes());
    }

    /// Cada cuánto hay que darlas.
    pub fn cada(&self) -> Duration {
        self.cada
    }
}

fn escribir(pid: u32) -> String {
    format!("WATCHDOG=1\nMAINPID={pid}")
}

/// De qué proceso es una señal de vida; `None` si no lo es.
pub fn leer(senal: &[u8]) -> Option<u32> {
    let lineas = || std::str::from_utf8(senal).ok().into_iter().flat_map(str::lines);
    lineas().find(|l| *l == "WATCHDOG=1")?;
    lineas().find_map(|l| l.strip_prefix("MAINPID=")?.parse().ok())
}

/// Da señales mientras el runtime dé turno a sus tareas, que es lo que dicen. Sin vigilante, no hace nada.
pub fn dar_senales() {
    let vigilante = match Vigilante::del_entorno() {
        Ok(Some(vigilante)) => vigilante,
        Ok(None) => return,
        Err(e) => return tracing::warn!("nadie oirá las señales de vida de este proceso: {e}"),
    };
    tokio::spawn(async move {
        let mut tic = interval(vigilante.cada());
        tic.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tic.tick().await;
            vigilante.dar_senal();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACIENCIA: Duration = Duration::from_millis(800);

    #[test]
    fn una_senal_llega_con_el_pid_de_quien_la_da() {
        let dir = tempfile::tempdir().expect("hay un temporal");
        let ruta = dir.path().join("zocalo");
        let oyente = UnixDatagram::bind(&ruta).expect("está libre");
        oyente.set_read_timeout(Some(Duration::from_secs(5))).expect("vale");
        let vigilante = Vigilante::en(&ruta, 42, PACIENCIA).expect("escucha");
        vigilante.dar_senal();
        let mut senal = [0; SENAL_MAX];
        let leidos = oyente.recv(&mut senal).expect("llega");
        assert_eq!(leer(&senal[..leidos]), Some(42));
        assert_eq!(vigilante.cada(), PACIENCIA / SENALES_POR_PACIENCIA);
    }

    #[test]
    fn un_vigilante_que_no_lee_no_para_a_quien_vigila() {
        let dir = tempfile::tempdir().expect("hay un temporal");
        let ruta = dir.path().join("zocalo");
        let sordo = UnixDatagram::bind(&ruta).expect("está libre");
        let vigilante = Vigilante::en(&ruta, 42, PACIENCIA).expect("escucha");
        (0..10_000).for_each(|_| vigilante.dar_senal());
        drop(sordo);
        vigilante.dar_senal();
    }

    #[test]
    fn lo_que_no_es_una_senal_de_vida_no_es_de_nadie() {
        for nada in [
            "",
            "READY=1\nMAINPID=7",
            "WATCHDOG=1",
            "WATCHDOG=1\nMAINPID=",
            "WATCHDOG=1\nMAINPID=-3",
            "WATCHDOG=10\nMAINPID=7",
        ] {
            assert_eq!(leer(nada.as_bytes()), None, "{nada}");
        }
        assert_eq!(leer(b"WATCHDOG=1\nMAINPID=7\xff"), None);
        assert_eq!(leer(b"MAINPID=7\nWATCHDOG=1\n"), Some(7));
    }
}
