//! El estado de la suite como tabla, para una terminal.

use std::fmt::Write;

use super::Fila;

/// Una línea por proceso, con su cabecera.
pub fn tabla(filas: &[Fila]) -> String {
    let mut texto =
        format!("{:<22}{:<24}{:>8}{:>11}{:>12}  DIRECCIONES\n", "NOMBRE", "ESTADO", "PID", "REINICIOS", "DESDE HACE");
    for f in filas {
        let pid = f.pid.map_or_else(|| "-".to_owned(), |p| p.to_string());
        let desde = f.desde_s.map_or_else(|| "-".to_owned(), duracion);
        let _ = writeln!(
            texto,
            "{:<22}{:<24}{pid:>8}{:>11}{desde:>12}  {}",
            f.nombre, f.estado, f.reinicios, f.direcciones
        );
    }
    texto
}

fn duracion(segundos: u64) -> String {
    match segundos {
        0..60 => format!("{segundos} s"),
        60..3600 => format!("{} min {} s", segundos / 60, segundos % 60),
        _ => format!("{} h {} min", segundos / 3600, segundos / 60 % 60),
    }
}
