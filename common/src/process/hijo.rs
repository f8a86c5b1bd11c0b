//! Un proceso que lanzó este: muere con él, y esperarlo no detiene a los demás.

use std::{
    io,
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus},
};

use tokio::signal::unix::{SignalKind, signal};

use super::hijos;

/// Un hijo. Al soltarlo, si vive, se mata.
pub struct Hijo(Child);

impl Hijo {
    /// Lo lanza.
    pub fn lanzar(orden: &mut Command) -> io::Result<Self> {
        orden.spawn().map(Self)
    }

    /// Su pid, que nadie más tiene hasta que se recoja.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Cómo acabó, si acabó.
    pub fn acabado(&mut self) -> io::Result<Option<ExitStatus>> {
        self.0.try_wait()
    }

    /// Espera a que acabe.
    pub async fn esperar(&mut self) -> io::Result<ExitStatus> {
        let mut sigchld = signal(SignalKind::child())?;
        loop {
            if let Some(estado) = self.acabado()? {
                return Ok(estado);
            }
            sigchld.recv().await;
        }
    }

    /// `kill -9` al proceso y a los que él lanzó: los de PostgreSQL, si están parados, no se enteran de que murió, y con
    /// ellos vivos no puede arrancar otro.
    pub fn matar(&self) {
        hijos::de(self.pid()).into_iter().chain([self.pid()]).for_each(|pid| senalar(pid, libc::SIGKILL));
    }
}

impl Drop for Hijo {
    fn drop(&mut self) {
        if matches!(self.acabado(), Ok(None)) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

/// Manda una señal. Quien llama sabe que el pid sigue siendo de quien cree: suyo, y sin recoger, o acabado de ver.
#[expect(unsafe_code, reason = "kill solo está en libc")]
pub fn senalar(pid: u32, senal: libc::c_int) {
    // SAFETY: kill no toca memoria.
    unsafe { libc::kill(pid.cast_signed(), senal) };
}

/// En el hijo, entre fork y exec: grupo propio (el Ctrl-C de la terminal es para quien lanza, que lo apaga en orden) y
/// `senal` cuando muera el hilo que lanza.
#[expect(unsafe_code, reason = "lo que se hace entre fork y exec lo ha de prometer quien lo escribe")]
pub fn morir_con_quien_lanza(orden: &mut Command, senal: libc::c_int) {
    let padre = std::process::id().cast_signed();
    let preparar = move || {
        // SAFETY: setpgid, prctl y getppid se pueden llamar entre fork y exec.
        unsafe {
            if libc::setpgid(0, 0) != 0 || libc::prctl(libc::PR_SET_PDEATHSIG, senal) != 0 {
                return Err(io::Error::last_os_error());
            }
            // Si murió antes del prctl, la señal ya no llegará.
            if libc::getppid() == padre { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::ESRCH)) }
        }
    };
    // SAFETY: solo llamadas al sistema, sin memoria ni cerrojos.
    unsafe { orden.pre_exec(preparar) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn un_hijo_se_espera_sin_parar_a_nadie_y_el_que_se_suelta_no_sobrevive() {
        let mut breve = Hijo::lanzar(&mut Command::new("true")).expect("hay true");
        assert!(breve.esperar().await.expect("acaba").success());
        let largo = Hijo::lanzar(Command::new("sleep").arg("60")).expect("hay sleep");
        let pid = largo.pid();
        assert!(hijos::estado(pid).is_some());
        drop(largo);
        assert_eq!(hijos::estado(pid), None);
    }
}
