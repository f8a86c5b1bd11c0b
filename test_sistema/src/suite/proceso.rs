//! Procesos del sistema: de quién es hijo uno, cómo se le señala y cómo se le hace morir con quien lo lanzó.

use std::{fs, io, os::unix::process::CommandExt, process::Command};

/// El padre de un proceso; `None` si ya no existe o espera a que lo recojan.
pub(super) fn padre(pid: u32) -> Option<u32> {
    let texto = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // pid (nombre) estado padre …: el nombre puede llevar espacios y paréntesis.
    let mut campos = texto.rsplit_once(')')?.1.split_whitespace();
    (campos.next()? != "Z").then(|| campos.next()?.parse().ok())?
}

/// Manda una señal.
pub(super) fn senalar(pid: u32, senal: libc::c_int) {
    // SAFETY: kill no toca memoria.
    unsafe { libc::kill(pid.cast_signed(), senal) };
}

/// El hijo va en grupo propio (Ctrl-C es para quien lo lanza, que lo apaga en orden) y recibe SIGTERM si muere el hilo
/// que lo lanza.
pub(crate) fn morir_con_quien_lanza(orden: &mut Command) {
    let lanzador = std::process::id().cast_signed();
    let preparar = move || {
        // SAFETY: setpgid, prctl y getppid se pueden llamar entre fork y exec.
        unsafe {
            if libc::setpgid(0, 0) != 0 || libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) != 0 {
                return Err(io::Error::last_os_error());
            }
            if libc::getppid() == lanzador { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::ESRCH)) }
        }
    };
    // SAFETY: solo llamadas al sistema, sin memoria ni cerrojos.
    unsafe { orden.pre_exec(preparar) };
}
