//! La biblioteca recién cargada: se importa una vez, y cada ejecución empieza con una copia de aquellos datos.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anaquel::plano::POSTGRES;
use anyhow::{Context as _, ensure};
use taller::{
    base::{Base, Existencias},
    carpeta::vaciar,
    suite::Suite,
};
use tokio::process::Command;

/// Lo menos que ha de haber.
const LIBROS_MIN: i64 = 1_000;

/// Los datos de una biblioteca recién cargada, y dónde se usan.
pub struct Biblioteca {
    var: PathBuf,
    catalogo: PathBuf,
    /// El directorio de PostgreSQL, que puede no estar dentro de `var`.
    postgres: PathBuf,
}

impl Biblioteca {
    /// Carga el catálogo en una suite de `var`, la apaga y guarda sus datos; dice qué hay en ella.
    ///
    /// # Errors
    /// Si la suite no se levanta, o no queda una biblioteca como la del experimento.
    pub async fn cargar(var: &Path, catalogo: &Path) -> anyhow::Result<(Self, Existencias)> {
        vaciar(var).with_context(|| format!("no se puede vaciar {}", var.display()))?;
        let suite = Suite::levantar(var, Some(catalogo)).await?;
        let existencias = Base::abrir(&suite.base_de_datos()?).await?.existencias().await?;
        let postgres = suite.postgres()?.dir().to_owned();
        apagar(suite).await?;
        let prestados: i64 = existencias.prestados.values().sum();
        ensure!(
            existencias.libros >= LIBROS_MIN && prestados > 0,
            "la biblioteca tiene {} libros y {prestados} préstamos, y hacen falta {LIBROS_MIN} y alguno: importe otro \
             catálogo",
            existencias.libros
        );
        let esta = Self { var: var.to_owned(), catalogo: catalogo.to_owned(), postgres };
        copiar(&esta.datos(), &esta.plantilla()).await?;
        Ok((esta, existencias))
    }

    /// Una suite con la biblioteca como recién cargada.
    ///
    /// # Errors
    /// Si no se pueden reponer los datos, o la suite no se levanta.
    pub async fn suite(&self) -> anyhow::Result<Suite> {
        vaciar(&self.datos())?;
        copiar(&self.plantilla(), &self.datos()).await?;
        for de_antes in ["gestor_carga", "log"] {
            vaciar(&self.var.join(de_antes))?;
        }
        Ok(Suite::levantar(&self.var, Some(&self.catalogo)).await?)
    }

    /// Borra todo menos los registros de la última ejecución.
    pub fn retirar(&self) {
        // Lo que no se pueda borrar solo ocupa sitio.
        for carpeta in [self.postgres.clone(), self.var.join("gestor_carga"), self.var.join("pids")] {
            let _ = fs::remove_dir_all(carpeta);
        }
        // Si los datos estaban en otro sitio, aquí había un enlace.
        let _ = fs::remove_file(self.var.join(POSTGRES));
    }

    fn datos(&self) -> PathBuf {
        self.postgres.join("data")
    }

    fn plantilla(&self) -> PathBuf {
        self.postgres.join("plantilla")
    }
}

/// Apaga la suite en orden.
///
/// # Errors
/// Si no se apagó bien.
pub async fn apagar(suite: Suite) -> anyhow::Result<()> {
    let estado = suite.apagar().await?;
    ensure!(estado.success(), "la suite se apagó con {estado}");
    Ok(())
}

/// Una copia con los mismos dueños y permisos, ya en disco: lo que quedara por escribir lo pagaría la medida.
async fn copiar(de: &Path, a: &Path) -> anyhow::Result<()> {
    let mut cp = Command::new("cp");
    cp.args(["-a", "--"]).arg(de).arg(a);
    let mut sync = Command::new("sync");
    sync.args(["-f", "--"]).arg(a);
    for mut orden in [cp, sync] {
        let salida = orden.kill_on_drop(true).output().await.and_then(|salida| {
            let motivo = || io::Error::other(String::from_utf8_lossy(&salida.stderr).trim().to_owned());
            if salida.status.success() { Ok(()) } else { Err(motivo()) }
        });
        salida.with_context(|| format!("no se pudo copiar {} a {}", de.display(), a.display()))?;
    }
    Ok(())
}
