//! Bajo qué cuenta corre PostgreSQL: la propia, o una sin privilegios si somos root (que él no admite).

use std::{
    ffi::CStr,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::Path,
    process::{Command, Stdio},
};

use super::Error;

/// Un usuario y su grupo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CuentaUnix {
    pub uid: u32,
    pub gid: u32,
}

/// La cuenta a la que hay que bajar; `None` si ya somos una cualquiera.
pub(super) fn sin_privilegios() -> Result<Option<CuentaUnix>, Error> {
    if propia() != 0 {
        return Ok(None);
    }
    [c"postgres", c"nobody"].into_iter().find_map(por_nombre).map(Some).ok_or(Error::SinCuenta)
}

/// El uid con que corre este proceso.
#[expect(unsafe_code, reason = "geteuid solo está en libc")]
pub(super) fn propia() -> u32 {
    // SAFETY: geteuid no falla ni toca memoria.
    unsafe { libc::geteuid() }
}

/// La dueña de unos datos que ya existen: quien los hizo es quien puede servirlos.
pub(super) fn duena_de(datos: &Path) -> Option<CuentaUnix> {
    let m = datos.metadata().ok()?;
    (m.uid() != 0).then(|| CuentaUnix { uid: m.uid(), gid: m.gid() })
}

#[expect(unsafe_code, reason = "las cuentas del sistema solo están en libc")]
fn por_nombre(nombre: &CStr) -> Option<CuentaUnix> {
    // SAFETY: el nombre acaba en NUL; lo apuntado vale hasta la siguiente llamada y se copia aquí mismo.
    let entrada = unsafe { libc::getpwnam(nombre.as_ptr()).as_ref() }?;
    (entrada.pw_uid != 0).then_some(CuentaUnix { uid: entrada.pw_uid, gid: entrada.pw_gid })
}

/// Una orden de PostgreSQL: sin nuestro entorno, con la cuenta dada.
pub(super) fn orden(programa: &Path, cuenta: Option<CuentaUnix>) -> Command {
    let mut orden = Command::new(programa);
    orden.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C.UTF-8").env("TZ", "UTC").current_dir("/");
    orden.stdin(Stdio::null());
    if let Some(c) = cuenta {
        orden.uid(c.uid).gid(c.gid);
    }
    orden
}

/// Si la cuenta puede entrar en el directorio: se prueba de verdad, que los permisos de un camino no lo dicen todo.
pub(super) fn alcanza(cuenta: CuentaUnix, binarios: &Path, dir: &Path) -> bool {
    orden(&binarios.join("initdb"), Some(cuenta))
        .arg("--version")
        .current_dir(dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}
