//! Lo que se comprueba antes de arrancar nada; cada tropiezo es una línea que nombra el ajuste y la salida.

use std::{
    fs::{self, File, TryLockError},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

use crate::plano::{Plano, Servicio};

/// El catálogo que se carga sin nombrarlo, si está.
const CATALOGO: &str = "datos/libros_10k.csv";
/// Lo que se espera a que se vaya quien murió con el lanzador anterior.
const RELEVO: Duration = Duration::from_millis(500);
const ENTRE_INTENTOS: Duration = Duration::from_millis(10);
const LIBERE: &str = "Dé en ANAQUEL_VAR un directorio que se pueda escribir";

/// Crea el directorio de la suite y toma su cerrojo, que dura lo que el archivo devuelto.
pub(super) fn tomar_directorio(plano: &Plano) -> anyhow::Result<File> {
    let var = plano.var();
    let malo = || format!("no se puede escribir en {}. {LIBERE}", var.display());
    for dir in [plano.pid(""), plano.registro(""), plano.diario()] {
        fs::create_dir_all(dir.parent().unwrap_or(var)).with_context(malo)?;
    }
    let cerrojo = File::create(plano.cerrojo()).with_context(malo)?;
    let desde = Instant::now();
    loop {
        match cerrojo.try_lock() {
            Ok(()) => return Ok(cerrojo),
            Err(TryLockError::Error(e)) => return Err(e).with_context(malo),
            Err(TryLockError::WouldBlock) if desde.elapsed() < RELEVO => std::thread::sleep(ENTRE_INTENTOS),
            Err(TryLockError::WouldBlock) => bail!(
                "ya hay una suite en marcha en {}. Apáguela (Ctrl-C en su terminal), o dé otro ANAQUEL_VAR y otro \
                 ANAQUEL_PUERTO_BASE",
                var.display()
            ),
        }
    }
}

/// El directorio de los programas, que es el de este.
pub(super) fn binarios() -> anyhow::Result<PathBuf> {
    let este = std::env::current_exe().context("no se sabe dónde está este programa")?;
    let dir = este.parent().unwrap_or(Path::new(".")).to_owned();
    let faltan: Vec<&str> = ["gestor_carga", "gestor_almacenamiento", "actor_prestamo", "actor_devolucion"]
        .into_iter()
        .filter(|p| !dir.join(p).is_file())
        .collect();
    if !faltan.is_empty() {
        bail!("faltan en {}: {}. Compílelos con «make construir»", dir.display(), faltan.join(", "));
    }
    Ok(dir)
}

/// El catálogo nombrado, que tiene que estar, o el de muestra si está.
pub(super) fn catalogo(nombrado: Option<PathBuf>) -> anyhow::Result<Option<PathBuf>> {
    match nombrado {
        Some(csv) if csv.is_file() => Ok(Some(csv)),
        Some(csv) => bail!("--catalogo: no existe {}. Nombre un archivo CSV", csv.display()),
        None => Ok(Some(PathBuf::from(CATALOGO)).filter(|csv| csv.is_file())),
    }
}

/// Que nadie más escuche donde escucharán los servicios.
pub(super) fn comprobar_puertos(servicios: &[Servicio]) -> anyhow::Result<()> {
    let desde = Instant::now();
    for servicio in servicios {
        for addr in servicio.zocalos.iter().chain([&servicio.http]) {
            while let Err(e) = TcpListener::bind(addr) {
                if desde.elapsed() > RELEVO {
                    bail!(ocupado(addr, servicio.nombre, &e));
                }
                std::thread::sleep(ENTRE_INTENTOS);
            }
        }
    }
    Ok(())
}

fn ocupado(addr: &SocketAddr, nombre: &str, e: &std::io::Error) -> String {
    format!(
        "no se puede escuchar en {addr} ({nombre}): {e}. Libere el puerto, o dé otro ANAQUEL_PUERTO_BASE (y otro \
         ANAQUEL_VAR si ya corre otra suite)"
    )
}
