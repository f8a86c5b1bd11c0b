//! Decide qué token piden las órdenes por HTTP de una suite: uno al azar, en un archivo que solo lee su dueño.

use std::{
    fmt::Write as _,
    fs::File,
    io::{self, Read, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::Context;

/// 256 bits: no se adivina.
const BYTES: usize = 32;

/// Lo crea si no está; el que hay se conserva, que alguien pudo apuntarlo.
pub(super) fn asegurar(ruta: &Path) -> anyhow::Result<()> {
    match crear(ruta) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        otro => otro.with_context(|| format!("no se puede escribir el token en {}", ruta.display())),
    }
}

fn crear(ruta: &Path) -> io::Result<()> {
    if ruta.exists() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    // A medio escribir no se ve: aparece entero o no aparece.
    let nuevo = ruta.with_extension("nuevo");
    let _ = std::fs::remove_file(&nuevo);
    let mut archivo = File::options().write(true).create_new(true).mode(0o600).open(&nuevo)?;
    archivo.write_all(al_azar()?.as_bytes())?;
    std::fs::rename(nuevo, ruta)
}

fn al_azar() -> io::Result<String> {
    let mut bytes = [0; BYTES];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().fold(String::with_capacity(2 * BYTES + 1), |mut texto, byte| {
        let _ = write!(texto, "{byte:02x}");
        texto
    }) + "\n")
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn se_crea_solo_para_su_duenio_y_el_que_hay_se_conserva() {
        let carpeta = tempfile::tempdir().expect("carpeta");
        let (uno, otro) = (carpeta.path().join("uno"), carpeta.path().join("otro"));
        asegurar(&uno).expect("se crea");
        asegurar(&otro).expect("se crea");
        let leer = |ruta| fs::read_to_string(ruta).expect("se lee");
        let primero = leer(&uno);
        assert_eq!(primero.trim().len(), 2 * BYTES);
        assert_ne!(primero, leer(&otro), "al azar");
        assert_eq!(fs::metadata(&uno).expect("está").permissions().mode() & 0o777, 0o600);
        asegurar(&uno).expect("ya está");
        assert_eq!(leer(&uno), primero);
    }
}
