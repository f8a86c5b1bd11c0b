//! Dónde viven los datos y el zócalo: lo pedido, o un sitio que la cuenta sin privilegios alcance y cuya ruta quepa.

use std::{
    env, fs, io,
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown, symlink},
    },
    path::{Path, PathBuf},
};

use super::{
    Error,
    cuenta::{self, CuentaUnix},
};

/// Lo que cabe en `sockaddr_un`, con su NUL.
const RUTA_DE_ZOCALO_MAX: usize = 107;
/// El nombre que PostgreSQL da a su zócalo.
const NOMBRE_DE_ZOCALO: &str = "/.s.PGSQL.5432.lock";
/// Donde van los datos cuando la cuenta no alcanza los pedidos: persiste entre arranques de la máquina.
const ALCANZABLE: &str = "/var/tmp";

/// El directorio de PostgreSQL, ya creado, cerrado (0700) y de su cuenta.
pub(super) fn preparar(pedido: &Path, binarios: &Path, cuenta: Option<CuentaUnix>) -> Result<PathBuf, Error> {
    let fallo = |causa| Error::Directorio { ruta: pedido.to_owned(), causa };
    if pedido.is_symlink() && !pedido.exists() {
        tracing::warn!("{} apunta a un sitio que ya no existe: se empieza sin datos", pedido.display());
        fs::remove_file(pedido).map_err(fallo)?;
    }
    let directo = cerrado(pedido, cuenta).and_then(|()| pedido.canonicalize());
    let Some(c) = cuenta else { return directo.map_err(fallo) };
    match directo {
        Ok(dir) if cuenta::alcanza(c, binarios, &dir) => Ok(dir),
        // Ya era un enlace, o tiene datos: moverlos no es cosa nuestra.
        Ok(dir) if pedido.is_symlink() || dir.read_dir().is_ok_and(|mut d| d.next().is_some()) => {
            Err(fallo(io::Error::other("la cuenta de PostgreSQL no puede entrar en él")))
        }
        _ => desviar(pedido, c).map_err(fallo),
    }
}

/// Pone los datos en un directorio alcanzable y deja un enlace donde se pidieron.
fn desviar(pedido: &Path, cuenta: CuentaUnix) -> io::Result<PathBuf> {
    let padre = pedido.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(padre)?;
    let absoluto = padre.canonicalize()?.join(pedido.file_name().unwrap_or_default());
    let destino = Path::new(ALCANZABLE).join(format!("anaquel-{}", huella(&absoluto)));
    if destino.exists() {
        // Alguien borró el enlace, es decir, sus datos: se apartan (una generación) en lugar de resucitarlos.
        let viejo = destino.with_extension("anterior");
        fs::remove_dir_all(&viejo).or_else(no_estaba)?;
        fs::rename(&destino, &viejo)?;
        tracing::warn!("había datos de una suite borrada en {}: quedan en {}", destino.display(), viejo.display());
    }
    cerrado(&destino, Some(cuenta))?;
    fs::remove_dir(pedido).or_else(no_estaba)?;
    symlink(&destino, pedido)?;
    tracing::info!(
        "la cuenta de PostgreSQL no alcanza {}: los datos están en {} y aquel es un enlace",
        absoluto.display(),
        destino.display()
    );
    Ok(destino)
}

/// El directorio del zócalo, ya creado.
pub(super) fn zocalo(dir: &Path, cuenta: Option<CuentaUnix>) -> Result<PathBuf, Error> {
    let zocalo = ruta_de_zocalo(dir);
    if zocalo != dir {
        cerrado(&zocalo, cuenta).map_err(|causa| Error::Directorio { ruta: zocalo.clone(), causa })?;
    }
    Ok(zocalo)
}

/// El directorio del zócalo: el de los datos, o uno corto bajo el temporal si su ruta no cabe.
pub(super) fn ruta_de_zocalo(dir: &Path) -> PathBuf {
    let cabe = |dir: &Path| dir.as_os_str().len() + NOMBRE_DE_ZOCALO.len() < RUTA_DE_ZOCALO_MAX;
    if cabe(dir) {
        return dir.to_owned();
    }
    let nombre = format!("anaquel-{}", huella(dir));
    let del_entorno = env::temp_dir().join(&nombre);
    if cabe(&del_entorno) { del_entorno } else { Path::new("/tmp").join(nombre) }
}

/// Crea el directorio, si falta, y lo deja en 0700 y de su cuenta. Uno que es de un tercero no se toma.
pub(super) fn cerrado(dir: &Path, cuenta: Option<CuentaUnix>) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o755).create(dir.parent().unwrap_or(dir))?;
    if let Err(e) = fs::DirBuilder::new().mode(0o700).create(dir)
        && e.kind() != io::ErrorKind::AlreadyExists
    {
        return Err(e);
    }
    let (propio, duenio) = (cuenta::propia(), dir.metadata()?.uid());
    if duenio != propio && cuenta.is_none_or(|c| c.uid != duenio) {
        return Err(io::Error::other(format!("es de otra cuenta (uid {duenio})")));
    }
    if let Some(c) = cuenta {
        chown(dir, Some(c.uid), Some(c.gid))?;
    }
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
}

/// Un nombre corto y estable para una ruta (FNV-1a de 64 bits).
fn huella(ruta: &Path) -> String {
    let suma = ruta
        .as_os_str()
        .as_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    format!("{suma:016x}")
}

/// Borrar lo que no está es haberlo borrado.
fn no_estaba(e: io::Error) -> io::Result<()> {
    if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) }
}
