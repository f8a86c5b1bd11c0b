//! Si un proceso está listo: `/listo` contesta 200, o PostgreSQL acepta conexiones.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::postgres::Instalacion;

/// Cada cuánto se pregunta a quien acaba de arrancar.
const MIRADA: Duration = Duration::from_millis(5);
/// Cuántas veces; a quien para entonces no está listo le falta otro, y se le pregunta con más calma.
const MIRADAS: u32 = 400;
const MIRADA_CALMADA: Duration = Duration::from_millis(50);
/// Cuánto se espera cada contestación.
const PLAZO: Duration = Duration::from_millis(500);
const BIEN: &[u8] = b"HTTP/1.1 200";

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
            Self::Http(addr) => timeout(PLAZO, contesta_bien(*addr)).await.is_ok_and(|r| r.is_ok_and(|bien| bien)),
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
}

async fn contesta_bien(addr: SocketAddr) -> std::io::Result<bool> {
    let mut conexion = TcpStream::connect(addr).await?;
    conexion.write_all(format!("GET /listo HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n").as_bytes()).await?;
    let mut principio = [0; BIEN.len()];
    conexion.read_exact(&mut principio).await?;
    Ok(principio == BIEN)
}
