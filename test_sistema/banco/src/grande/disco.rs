//! Decide si los datos caben en el disco, antes de empezar a cargarlos.

use std::{ffi::CString, fs, io, os::unix::ffi::OsStrExt, path::Path};

use anyhow::{Context as _, bail};

use crate::reparto::Tamano;

/// Lo que ocupa cada fila con sus índices, de sobra.
const POR_EJEMPLAR: u64 = 260;
const POR_USUARIO: u64 = 200;
/// Una operación guardada ocupa hasta media página.
const POR_OPERACION: u64 = 4_096;
/// El WAL, la suite pequeña y lo que se presta mientras se mide.
const LO_DEMAS: u64 = 8 << 30;
const MIB: u64 = 1 << 20;

/// Comprueba que en el disco de `var` hay sitio.
///
/// # Errors
/// Si no lo hay, o no se puede saber.
pub fn comprobar(var: &Path, tamano: Tamano, viejas: usize) -> anyhow::Result<()> {
    fs::create_dir_all(var).with_context(|| format!("no se puede crear {}", var.display()))?;
    let libre = libre(var).with_context(|| format!("no se sabe cuánto sitio queda en {}", var.display()))?;
    let falta = hace_falta(tamano, viejas);
    if libre < falta {
        bail!(
            "en {} quedan {} MiB y hacen falta {}. Dé en ANAQUEL_VAR un directorio con más sitio, o menos --ejemplares",
            var.display(),
            libre / MIB,
            falta / MIB
        );
    }
    Ok(())
}

fn hace_falta(tamano: Tamano, viejas: usize) -> u64 {
    let bytes = |cuantos: usize, cada: u64| u64::try_from(cuantos).unwrap_or(u64::MAX).saturating_mul(cada);
    bytes(tamano.ejemplares, POR_EJEMPLAR)
        .saturating_add(bytes(tamano.usuarios, POR_USUARIO))
        .saturating_add(bytes(viejas, POR_OPERACION))
        .saturating_add(LO_DEMAS)
}

/// Bytes libres para quien no es root.
#[expect(unsafe_code, reason = "lo libre de un disco solo está en libc")]
fn libre(dir: &Path) -> io::Result<u64> {
    let ruta = CString::new(dir.as_os_str().as_bytes()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: `statvfs` son números, y cero vale; la llamada lo llena y solo lee la ruta, que acaba en NUL.
    let datos = unsafe {
        let mut datos: libc::statvfs = std::mem::zeroed();
        if libc::statvfs(ruta.as_ptr(), &raw mut datos) != 0 {
            return Err(io::Error::last_os_error());
        }
        datos
    };
    Ok(datos.f_bavail * datos.f_frsize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn si_no_cabe_se_dice_cuanto_falta_y_que_ajuste_cambiar() {
        let enorme = Tamano { ejemplares: usize::MAX, usuarios: 1, renovables: 0 };
        let error = comprobar(Path::new("."), enorme, 0).expect_err("no cabe").to_string();
        assert!(error.contains("ANAQUEL_VAR") && error.contains("hacen falta"), "{error}");
    }

    #[test]
    fn diez_millones_de_ejemplares_piden_unos_pocos_gigas() {
        let tamano = Tamano { ejemplares: 10_000_000, usuarios: 1_000_000, renovables: 0 };
        let gib = hace_falta(tamano, 200_000) >> 30;
        assert!((8..14).contains(&gib), "{gib}");
    }
}
