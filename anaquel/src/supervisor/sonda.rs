//! Si un proceso está listo (`/listo` contesta 200, o PostgreSQL acepta conexiones), y si PostgreSQL sigue vivo: los demás
//! lo dicen ellos.

use std::{net::SocketAddr, time::Duration};

use common::process::salud::esta_listo;
use tokio::time::{sleep, timeout};

use super::watchdog::RONDA;
use crate::postgres::Instalacion;

/// Cada cuánto se pregunta a quien acaba de arrancar.
const MIRADA: Duration = Duration::from_millis(5);
/// Cuántas veces; a quien para entonces no está listo le falta otro, y se le pregunta con más calma.
const MIRADAS: u32 = 400;
const MIRADA_CALMADA: Duration = Duration::from_millis(50);
/// Cuánto se espera cada contestación.
const PLAZO: Duration = Duration::from_millis(500);

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

    /// Vuelve cuando está listo; quien llama pone el límite.
    pub(super) async fn hasta_listo(&self, pid: u32) {
        let mut miradas = 0_u32;
        while !self.mirar(pid).await {
            miradas = miradas.saturating_add(1);
            sleep(if miradas < MIRADAS { MIRADA } else { MIRADA_CALMADA }).await;
        }
    }

    /// Vuelve cada vez que se sabe que el proceso vive; de quien lo dice él mismo, nunca.
    pub(super) async fn senal_de_vida(&self) {
        let Self::Postgres(instalacion) = self else { return std::future::pending().await };
        loop {
            sleep(RONDA).await;
            if matches!(timeout(PLAZO, instalacion.contesta()).await, Ok(Ok(()))) {
                return;
            }
        }
    }
}
