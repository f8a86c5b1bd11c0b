//! Procesos del sistema: de quién es hijo uno, cómo se le señala y cómo se le hace morir con quien lo lanzó.

use std::{fs, io, os::unix::process::CommandExt, process::Command};

use common::process::hijos;

/// El padre de un proceso; `None` si ya no existe o espera a que lo recojan.
pub(super) fn padre(pid: u32) -> Option<u32> {
    hijos::estado(pid).filter(|(estado, _)| *estado != 'Z').map(|(_, padre)| padre)
}

/// Si es un proceso de PostgreSQL que atiende una conexión: su título nombra de dónde viene.
pub(super) fn atiende_una_conexion(pid: u32) -> bool {
    let titulo = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let titulo = String::from_utf8_lossy(&titulo);
    titulo.starts_with("postgres: ") && (titulo.contains("[local]") || titulo.contains("127.0.0.1("))
}

/// La memoria residente de un proceso, en bytes; `None` si no existe.
pub fn memoria(pid: u32) -> Option<u64> {
    let texto = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let linea = texto.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    linea.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Manda una señal.
pub fn senalar(pid: u32, senal: libc::c_int) {
    // SAFETY: kill no toca memoria.
    unsafe { libc::kill(pid.cast_signed(), senal) };
}

/// El hijo va en grupo propio (Ctrl-C es para quien lo lanza, que lo apaga en orden) y recibe SIGTERM si muere el hilo
/// que lo lanza.
pub fn morir_con_quien_lanza(orden: &mut Command) {
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
