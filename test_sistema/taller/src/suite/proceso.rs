//! Procesos del sistema: de quién es hijo uno, qué atiende y cuánto ocupa.

use std::fs;

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
