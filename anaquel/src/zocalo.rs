//! La ruta de un zócalo en el directorio de la suite, también cuando la del directorio no cabe en un `sockaddr_un`.

use std::{
    fs::{self, File},
    io,
    os::{
        fd::AsRawFd,
        unix::fs::{OpenOptionsExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    process,
};

/// Lo que cabe en `sockaddr_un`, sin su NUL.
const RUTA_MAX: usize = 107;

/// Una ruta que cabe, en este proceso y en sus hijos; vale mientras viva.
pub(crate) struct Ruta {
    pub(crate) ruta: PathBuf,
    /// El directorio abierto por el que pasa la ruta corta.
    _dir: Option<File>,
}

impl Ruta {
    pub(crate) fn new(var: &Path, nombre: &str) -> io::Result<Self> {
        let directa = var.join(nombre);
        if directa.as_os_str().len() <= RUTA_MAX {
            return Ok(Self { ruta: directa, _dir: None });
        }
        let dir = File::options().read(true).custom_flags(libc::O_PATH | libc::O_DIRECTORY).open(var)?;
        let corta = PathBuf::from(format!("/proc/{}/fd/{}", process::id(), dir.as_raw_fd())).join(nombre);
        Ok(Self { ruta: corta, _dir: Some(dir) })
    }
}

/// Hace sitio a un zócalo: si lo dejó quien murió, lo quita. Quien llama tiene el cerrojo del directorio.
pub(crate) fn quitar_el_viejo(ruta: &Path) -> io::Result<()> {
    fs::remove_file(ruta).or_else(|e| if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) })
}

/// Solo llega a él su dueño.
pub(crate) fn cerrar_a_los_demas(ruta: &Path) -> io::Result<()> {
    fs::set_permissions(ruta, fs::Permissions::from_mode(0o600))
}
