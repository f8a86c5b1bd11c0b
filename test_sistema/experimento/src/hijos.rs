//! Los procesos solicitantes de una ejecución: se lanzan, dicen que están listos, empiezan a la vez y acaban solos.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use chrono::{DateTime, Utc};
use common::{dominio::SedeId, process::hijo::morir_con_quien_lanza};
use taller::suite::programa;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStdin, Command},
    time::timeout,
};

use crate::ficha::Condiciones;

/// Lo que puede tardar un solicitante en conectar.
const LISTO_MAX: Duration = Duration::from_secs(15);
/// Lo que puede tardar en irse cuando su ventana acabó.
const IRSE_MAX: Duration = Duration::from_secs(15);

/// Uno.
pub struct SolicitanteEnMarcha {
    pub sede: SedeId,
    /// Cuál de los de su sede, desde 1.
    pub cual: u16,
    pub medidas: PathBuf,
    proceso: Child,
    entrada: ChildStdin,
}

/// Con qué se lanza uno.
pub struct Lanzamiento<'a> {
    pub sede: SedeId,
    /// Cuál de los de su sede, desde 1.
    pub cual: u16,
    pub clientes: SocketAddr,
    pub archivo: PathBuf,
    pub carpeta: &'a Path,
    pub corrida: DateTime<Utc>,
    pub condiciones: &'a Condiciones,
    /// De dónde sale el azar de sus pausas.
    pub semilla: u64,
}

impl SolicitanteEnMarcha {
    /// Lo lanza; muere con este hilo.
    pub fn lanzar(encargo: &Lanzamiento<'_>) -> anyhow::Result<Self> {
        let Lanzamiento { sede, cual, clientes, archivo, carpeta, corrida, condiciones, semilla } = encargo;
        let medidas = carpeta.join(format!("{sede}-{cual}.csv"));
        let mut orden = Command::new(programa("test_sistema")?);
        orden.args(["--gestores", &clientes.to_string(), "solicitante"]);
        orden.arg("--archivo").arg(archivo).arg("--medidas").arg(&medidas);
        orden.args(["--nombre", &format!("{sede}-{cual}"), "--corrida", &corrida.to_rfc3339()]);
        for (opcion, valor) in
            [("--segundos", condiciones.segundos), ("--pausa-ms", condiciones.pausa_ms), ("--semilla", *semilla)]
        {
            orden.args([opcion, &valor.to_string()]);
        }
        orden
            .arg("--a-la-senal")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        morir_con_quien_lanza(orden.as_std_mut(), libc::SIGTERM);
        let mut proceso = orden.spawn().context("no se pudo lanzar un solicitante")?;
        let entrada = proceso.stdin.take().context("un solicitante sin entrada")?;
        Ok(Self { sede: *sede, cual: *cual, medidas, proceso, entrada })
    }

    /// Espera a que haya conectado.
    ///
    /// # Errors
    /// Si no lo dice a tiempo.
    pub async fn listo(&mut self) -> anyhow::Result<()> {
        let salida = self.proceso.stdout.as_mut().context("un solicitante sin salida")?;
        let mut linea = String::new();
        let leida = timeout(LISTO_MAX, BufReader::new(salida).read_line(&mut linea)).await;
        let lista = leida.is_ok_and(|r| r.is_ok()) && linea.trim() == "listo";
        if lista { Ok(()) } else { Err(self.queja("no llegó a estar listo").await) }
    }

    /// Le dice en qué instante empieza.
    ///
    /// # Errors
    /// Si ya no está.
    pub async fn empezar(&mut self, inicio_us: u64) -> anyhow::Result<()> {
        Ok(self.entrada.write_all(format!("{inicio_us}\n").as_bytes()).await?)
    }

    /// Espera a que acabe; sus medidas ya están escritas.
    ///
    /// # Errors
    /// Si no acaba a tiempo, o acaba mal.
    pub async fn acabar(&mut self) -> anyhow::Result<()> {
        let Ok(estado) = timeout(IRSE_MAX, self.proceso.wait()).await else {
            anyhow::bail!("el solicitante {}-{} no acabó con su ventana", self.sede, self.cual);
        };
        if estado?.success() { Ok(()) } else { Err(self.queja("acabó mal").await) }
    }

    async fn queja(&mut self, que: &str) -> anyhow::Error {
        let _ = self.proceso.start_kill();
        let mut texto = Vec::new();
        if let Some(errores) = self.proceso.stderr.as_mut() {
            let _ = timeout(IRSE_MAX, errores.read_to_end(&mut texto)).await;
        }
        let texto = String::from_utf8_lossy(&texto).trim().to_owned();
        anyhow::anyhow!("el solicitante {}-{} {que}: {texto}", self.sede, self.cual)
    }
}

/// Lanza a todos y espera a que estén listos.
///
/// # Errors
/// Si alguno no lo está.
pub async fn lanzar(encargos: impl IntoIterator<Item = Lanzamiento<'_>>) -> anyhow::Result<Vec<SolicitanteEnMarcha>> {
    let mut hijos =
        encargos.into_iter().map(|e| SolicitanteEnMarcha::lanzar(&e)).collect::<anyhow::Result<Vec<_>>>()?;
    ensure!(!hijos.is_empty(), "una ejecución sin solicitantes");
    for hijo in &mut hijos {
        hijo.listo().await?;
    }
    Ok(hijos)
}
