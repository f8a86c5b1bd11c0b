//! La copia del árbol en la que se ponen los errores, y lo que se corre contra ella.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use tokio::process::Command;

use super::ficha::{Cazador, FichaDeMutante};

/// Lo que puede durar una prueba o una tanda de semillas: un mutante que gira sin fin también está cazado.
const CORRER_MAX: Duration = Duration::from_mins(5);
/// Lo que no se copia.
const SIN_COPIAR: [&str; 3] = ["target", ".git", "var"];

/// Quién cazó a un mutante, cómo, y lo que costó.
#[derive(Debug)]
pub struct Caza {
    /// Nadie, si sigue vivo.
    pub quien: Option<&'static str>,
    pub como: String,
    pub duro: Duration,
}

/// El taller.
#[derive(Debug)]
pub struct Taller {
    raiz: PathBuf,
    arbol: PathBuf,
    construido: PathBuf,
    semillas: u64,
}

impl Taller {
    /// Copia el árbol de `raiz`.
    ///
    /// # Errors
    /// Si no se puede copiar.
    pub fn new(raiz: &Path, donde: &Path, semillas: u64) -> anyhow::Result<Self> {
        std::fs::create_dir_all(donde).with_context(|| format!("no se puede crear {}", donde.display()))?;
        let (raiz, donde) = (raiz.canonicalize()?, donde.canonicalize()?);
        let arbol = donde.join("arbol");
        copiar(&raiz, &arbol)?;
        Ok(Self { raiz, arbol, construido: donde.join("target"), semillas })
    }

    /// Sin ningún error puesto, nadie caza nada: si no, lo que se cazase después no diría nada.
    ///
    /// # Errors
    /// Si la simulación falla o el árbol no compila.
    pub async fn comprobar_el_arbol_sano(&self) -> anyhow::Result<()> {
        println!("se compila la copia y se comprueba que está sana…");
        match self.simular().await? {
            None => Ok(()),
            Some(como) => bail!("el árbol sin mutantes ya falla: {como}"),
        }
    }

    /// Pone el error, mira si su cazador lo nota, y lo quita.
    ///
    /// # Errors
    /// Si no aplica o no compila.
    pub async fn probar(&self, ficha: &FichaDeMutante) -> anyhow::Result<Caza> {
        let inicio = Instant::now();
        let puesto = self.poner(ficha);
        let cazado = match (&puesto, &ficha.cazador) {
            (Err(_), _) => Ok(None),
            (Ok(()), Cazador::Simulacion) => self.simular().await.map(|c| c.map(|como| ("simulación", como))),
            (Ok(()), Cazador::Prueba(argumentos)) => {
                self.prueba(argumentos).await.map(|c| c.map(|como| ("prueba", como)))
            }
        };
        self.quitar(ficha)?;
        puesto?;
        let cazado = cazado.with_context(|| format!("mutante {}", ficha.nombre))?;
        let (quien, como) = cazado.map_or((None, "sigue vivo".into()), |(quien, como)| (Some(quien), como));
        Ok(Caza { quien, como, duro: inicio.elapsed() })
    }

    fn poner(&self, ficha: &FichaDeMutante) -> anyhow::Result<()> {
        for cambio in &ficha.cambios {
            let ruta = self.arbol.join(&cambio.archivo);
            let original = std::fs::read_to_string(&ruta).with_context(|| format!("no se lee {}", cambio.archivo))?;
            std::fs::write(&ruta, ficha.aplicar(cambio, &original)?)?;
        }
        Ok(())
    }

    fn quitar(&self, ficha: &FichaDeMutante) -> anyhow::Result<()> {
        for cambio in &ficha.cambios {
            let texto = std::fs::read(self.raiz.join(&cambio.archivo))?;
            std::fs::write(self.arbol.join(&cambio.archivo), texto)?;
        }
        Ok(())
    }

    /// Qué se rompió en alguna semilla, si algo.
    async fn simular(&self) -> anyhow::Result<Option<String>> {
        self.cargo(&["build", "--quiet", "-p", "simulacion", "--bin", "simular"]).await?;
        let mut orden = Command::new(self.construido.join("debug/simular"));
        orden.args(["--semillas", &self.semillas.to_string()]).stdout(Stdio::piped()).stderr(Stdio::null());
        let Some(salida) = con_plazo(&mut orden).await? else { return Ok(Some("gira sin fin".into())) };
        if salida.status.success() {
            return Ok(None);
        }
        let texto = String::from_utf8_lossy(&salida.stdout);
        let rota = texto.lines().find(|linea| linea.contains("ROTA"));
        Ok(Some(rota.context("la simulación falló sin decir qué")?.to_owned()))
    }

    /// Qué prueba falló, si alguna.
    async fn prueba(&self, argumentos: &[String]) -> anyhow::Result<Option<String>> {
        let mut compila = vec!["test", "--quiet", "--no-run"];
        let de_cargo = argumentos.iter().map(String::as_str).take_while(|a| *a != "--");
        compila.extend(de_cargo);
        self.cargo(&compila).await?;
        let mut orden = self.orden_de_cargo();
        orden.arg("test").args(argumentos).stdout(Stdio::piped()).stderr(Stdio::null());
        let Some(salida) = con_plazo(&mut orden).await? else { return Ok(Some("no acaba".into())) };
        let texto = String::from_utf8_lossy(&salida.stdout);
        if salida.status.success() {
            let alguna = texto.lines().any(|l| l.contains("test result: ok.") && !l.contains(" 0 passed"));
            ensure!(alguna, "ninguna prueba se llama así: {}", argumentos.join(" "));
            return Ok(None);
        }
        let fallo = texto.lines().find(|l| l.ends_with("FAILED")).unwrap_or("una prueba falló");
        Ok(Some(fallo.to_owned()))
    }

    async fn cargo(&self, argumentos: &[&str]) -> anyhow::Result<()> {
        let salida = self.orden_de_cargo().args(argumentos).output().await.context("no se puede ejecutar cargo")?;
        ensure!(salida.status.success(), "no compila:\n{}", String::from_utf8_lossy(&salida.stderr));
        Ok(())
    }

    fn orden_de_cargo(&self) -> Command {
        let mut orden = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        orden.current_dir(&self.arbol).env("CARGO_TARGET_DIR", &self.construido).kill_on_drop(true);
        orden
    }
}

/// Lo que dijo, o nada si no acabó a tiempo.
async fn con_plazo(orden: &mut Command) -> anyhow::Result<Option<std::process::Output>> {
    let hijo = orden.kill_on_drop(true).spawn()?;
    match tokio::time::timeout(CORRER_MAX, hijo.wait_with_output()).await {
        Ok(salida) => Ok(Some(salida?)),
        Err(_) => Ok(None),
    }
}

/// Copia lo que cambió, para que lo ya compilado siga valiendo.
fn copiar(de: &Path, a: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(a)?;
    for entrada in std::fs::read_dir(de)? {
        let entrada = entrada?;
        let (nombre, ruta) = (entrada.file_name(), entrada.path());
        let destino = a.join(&nombre);
        if entrada.file_type()?.is_dir() {
            if !SIN_COPIAR.iter().any(|s| nombre == *s) {
                copiar(&ruta, &destino)?;
            }
        } else {
            let texto = std::fs::read(&ruta)?;
            if std::fs::read(&destino).ok().as_ref() != Some(&texto) {
                std::fs::write(&destino, texto)?;
            }
        }
    }
    Ok(())
}
