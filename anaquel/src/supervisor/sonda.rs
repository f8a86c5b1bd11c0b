//! Si un proceso está listo (`/listo` contesta 200, o PostgreSQL acepta conexiones), y si PostgreSQL sigue vivo: los demás
//! lo dicen ellos.

use std::{net::SocketAddr, time::Duration};

use common::{
    process::salud::esta_listo,
    tiempos::{RONDA, SENAL_DE_LA_BASE},
};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use crate::postgres::Instalacion;

/// Cada cuánto se pregunta a quien acaba de arrancar.
const MIRADA: Duration = Duration::from_millis(5);
/// Cuántas veces; a quien para entonces no está listo le falta otro, y se le pregunta con más calma.
const MIRADAS: u32 = 400;
const MIRADA_CALMADA: Duration = Duration::from_millis(50);
/// Cuánto se espera cada contestación.
const PLAZO: Duration = Duration::from_millis(500);

/// Lo que de un proceso, por su pid, averigua su sonda.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoticiaDeSonda {
    Listo(u32),
    Vive(u32),
}

/// Cómo se sabe si un proceso está listo.
#[derive(Clone, Debug)]
pub enum Sonda {
    /// Pregunta `/listo`.
    Http(SocketAddr),
    /// Lee lo que PostgreSQL dice de sí.
    Postgres(Box<Instalacion>),
}

impl Sonda {
    /// Si está listo ahora. Tarda medio segundo como mucho.
    pub async fn mirar(&self, pid: u32) -> bool {
        match self {
            Self::Http(addr) => timeout(PLAZO, esta_listo(*addr)).await.is_ok_and(|r| r.is_ok_and(|bien| bien)),
            Self::Postgres(instalacion) => instalacion.listo(pid),
        }
    }

    /// Dice por `noticias` que el proceso está listo, y después cada señal de que vive. No vuelve.
    pub(super) async fn preguntar(self, pid: u32, noticias: mpsc::Sender<NoticiaDeSonda>) {
        self.hasta_listo(pid).await;
        // Sin supervisor que la oiga, la noticia no es de nadie.
        let _ = noticias.send(NoticiaDeSonda::Listo(pid)).await;
        self.vigilar(pid, noticias).await;
    }

    async fn hasta_listo(&self, pid: u32) {
        let mut miradas = 0_u32;
        while !self.mirar(pid).await {
            miradas = miradas.saturating_add(1);
            sleep(if miradas < MIRADAS { MIRADA } else { MIRADA_CALMADA }).await;
        }
    }

    /// De quien da las señales él mismo, ninguna.
    async fn vigilar(&self, pid: u32, noticias: mpsc::Sender<NoticiaDeSonda>) {
        let Self::Postgres(instalacion) = self else { return std::future::pending().await };
        // Cada ronda se le llama aunque aún no haya contestado a la anterior: contestar tarde no es callar.
        let mut ronda = interval(RONDA);
        ronda.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut llamadas = JoinSet::new();
        loop {
            tokio::select! {
                _ = ronda.tick() => {
                    let instalacion = instalacion.clone();
                    llamadas.spawn(async move { timeout(SENAL_DE_LA_BASE, instalacion.da_senales(pid)).await });
                }
                Some(contesta) = llamadas.join_next() => {
                    if matches!(contesta, Ok(Ok(true))) {
                        let _ = noticias.send(NoticiaDeSonda::Vive(pid)).await;
                    }
                }
            }
        }
    }
}
