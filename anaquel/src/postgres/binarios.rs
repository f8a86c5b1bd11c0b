//! Dónde están los binarios del servidor: `PG_BINDIR`, `PATH`, `pg_config --bindir`, o donde los pone Debian.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::Error;

/// El ajuste que nombra el directorio de los binarios.
const PG_BINDIR: &str = "PG_BINDIR";
const PAQUETE: &str = "Instale el paquete postgresql, 15 o posterior (Debian: apt-get install postgresql), nombre en PG_BINDIR el \
                       directorio que tiene initdb y postgres, o dé DATABASE_URL";

/// El primer directorio que tiene `initdb` y `postgres`.
pub(super) fn buscar() -> Result<PathBuf, Error> {
    if let Some(dado) = env::var_os(PG_BINDIR).filter(|d| !d.is_empty()).map(PathBuf::from) {
        return real(&dado).ok_or_else(|| {
            Error::SinBinarios(format!("ajuste {PG_BINDIR}: {} no tiene initdb y postgres. {PAQUETE}", dado.display()))
        });
    }
    candidatos()
        .iter()
        .find_map(|dir| real(dir))
        .ok_or_else(|| Error::SinBinarios(format!("no hay servidor PostgreSQL en esta máquina. {PAQUETE}")))
}

fn candidatos() -> Vec<PathBuf> {
    let mut dirs: Vec<PathBuf> = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
    if let Ok(salida) = Command::new("pg_config").arg("--bindir").stdin(Stdio::null()).output() {
        dirs.push(PathBuf::from(String::from_utf8_lossy(&salida.stdout).trim()));
    }
    let mut de_debian: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|e| Some((e.file_name().to_str()?.parse().ok()?, e.path().join("bin"))))
        .collect();
    de_debian.sort();
    dirs.extend(de_debian.into_iter().rev().map(|(_, dir)| dir));
    dirs
}

/// El directorio sin enlaces: initdb busca lo suyo junto al archivo de verdad.
fn real(dir: &Path) -> Option<PathBuf> {
    let initdb = fs::canonicalize(dir.join("initdb")).ok()?;
    let dir = initdb.parent()?;
    (dir.join("postgres").is_file() && initdb.is_file()).then(|| dir.to_owned())
}
