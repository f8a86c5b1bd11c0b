//! De arrancada a anunciada: espera a que todos estén listos, carga el catálogo si falta y lo dice una vez.

use std::{
    fs,
    io::{self, Write},
    os::fd::AsFd,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use common::process::hijo::{Hijo, morir_con_quien_lanza};
use tokio::time::timeout;

use crate::{
    plano::{Plano, Urls},
    postgres::hay_catalogo,
    supervisor::{EstadoDeProceso, Mando, PedidoAlSupervisor, machine::Fase},
};

const PLAZO_DE_IMPORTAR: Duration = Duration::from_mins(10);
/// Muertes seguidas de quien nunca estuvo listo que bastan para no seguir: un ajuste suyo está mal.
const MUERTES_MAX: u32 = 4;

/// La orden que carga un catálogo. Cuenta lo que hace por la salida de error: la normal es para el anuncio.
pub(super) fn orden_de_importar(binarios: &Path, csv: &Path, urls: &Urls) -> Command {
    let mut orden = Command::new(binarios.join("gestor_almacenamiento"));
    orden.arg("importar").arg(csv).envs(urls.entorno()).stdin(Stdio::null());
    if let Ok(salida) = io::stderr().as_fd().try_clone_to_owned() {
        orden.stdout(salida);
    }
    morir_con_quien_lanza(&mut orden, libc::SIGKILL);
    orden
}

/// Una suite recién arrancada.
pub(super) struct Arrancada {
    pub(super) plano: Plano,
    pub(super) urls: Urls,
    pub(super) mando: Mando,
    /// Desde cuándo se cuenta lo que tardó.
    pub(super) desde: Instant,
    /// Lo que tienen todos para estar listos.
    pub(super) plazo: Duration,
}

impl Arrancada {
    /// Espera, carga y anuncia. Lo que lo impide apaga la suite.
    pub(super) async fn anunciar(self, importar: Option<Command>) -> anyhow::Result<()> {
        let preparada = self.preparar(importar).await;
        if preparada.is_ok() {
            let mut salida = io::stdout().lock();
            // Quien cerró la salida no quería leerlo.
            let _ = writeln!(salida, "{}", self.anuncio()).and_then(|()| salida.flush());
        } else {
            self.mando.pedir(PedidoAlSupervisor::Apagar).await;
        }
        preparada
    }

    async fn preparar(&self, importar: Option<Command>) -> anyhow::Result<()> {
        self.esperar_a_todos().await?;
        if let Some(orden) = importar
            && !hay_catalogo(&self.urls.servicio).await?
        {
            timeout(PLAZO_DE_IMPORTAR, cargar(orden)).await.context("el catálogo no se cargó a tiempo")??;
        }
        Ok(())
    }

    async fn esperar_a_todos(&self) -> anyhow::Result<()> {
        let mut fotos = self.mando.fotos.clone();
        let sin_remedio = |f: &EstadoDeProceso| f.muertes_sin_servir >= MUERTES_MAX;
        let espera = fotos.wait_for(|fotos| fotos.iter().any(sin_remedio) || fotos.iter().all(esta_listo));
        let fotos = match timeout(self.plazo, espera).await {
            Ok(fotos) => fotos.context("la suite se apagó mientras arrancaba")?.clone(),
            Err(_) => self.mando.fotos.borrow().clone(),
        };
        let Some(i) = fotos.iter().position(sin_remedio).or_else(|| fotos.iter().position(|f| !esta_listo(f))) else {
            return Ok(());
        };
        let nombre = self.mando.fichas[i].nombre;
        let registro = self.plano.registro(nombre);
        bail!("{nombre} no arranca: {}. Mire {}", ultima_linea(&registro), registro.display())
    }

    fn anuncio(&self) -> String {
        let Self { plano, urls, desde, .. } = self;
        let http = plano.servicios(urls)[0].http;
        format!(
            "Anaquel listo en {:.2} s: clientes tcp://{} · eventos tcp://{} · informes tcp://{} · almacenamiento {} · \
             HTTP http://{http} · base {} · ajustes {}",
            desde.elapsed().as_secs_f64(),
            plano.clientes(),
            plano.eventos(),
            plano.informes(),
            plano.almacenes(),
            urls.visible(),
            plano.ajustes().display(),
        )
    }
}

fn esta_listo(foto: &EstadoDeProceso) -> bool {
    matches!(foto.fase, Fase::EnMarcha { listo: true, .. })
}

fn ultima_linea(registro: &Path) -> String {
    let texto = fs::read(registro).map(|t| String::from_utf8_lossy(&t).into_owned()).unwrap_or_default();
    let ultima = texto.lines().rev().find(|l| !l.trim().is_empty());
    ultima.unwrap_or("no dijo nada").trim_end_matches('.').to_owned()
}

async fn cargar(mut orden: Command) -> anyhow::Result<()> {
    tracing::info!("se carga el catálogo");
    let mut hijo = Hijo::lanzar(&mut orden).context("no se puede lanzar gestor_almacenamiento importar")?;
    let estado = hijo.esperar().await?;
    if !estado.success() {
        bail!("el catálogo no se cargó ({estado}). Mire arriba por qué, o arranque sin él desde otro directorio");
    }
    Ok(())
}
