//! La ruta del zócalo de control, también cuando la del directorio no cabe en un `sockaddr_un`.

use std::{
    fs::File,
    io,
    os::{fd::AsRawFd, unix::fs::OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::ZOCALO;

/// Lo que cabe en `sockaddr_un`, sin su NUL.
const RUTA_MAX: usize = 107;

/// Una ruta que cabe; vale mientras viva.
pub(super) struct Ruta {
    pub(super) ruta: PathBuf,
    /// El directorio abierto por el que pasa la ruta corta.
    _dir: Option<File>,
}

impl Ruta {
    pub(super) fn nueva(var: &Path) -> io::Result<Self> {
        let directa = var.join(ZOCALO);
        if directa.as_os_str().len() <= RUTA_MAX {
            return Ok(Self { ruta: directa, _dir: None });
        }
        let dir = File::options().read(true).custom_flags(libc::O_PATH | libc::O_DIRECTORY).open(var)?;
        let corta = PathBuf::from(format!("/proc/self/fd/{}", dir.as_raw_fd())).join(ZOCALO);
        Ok(Self { ruta: corta, _dir: Some(dir) })
    }
}
