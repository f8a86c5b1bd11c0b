//! Clientes que solo están: conectados, atendidos una vez y callados.

use std::time::Duration;

use anyhow::{Context as _, bail};
use common::{
    mensajes::{Pedido, Solicitud},
    transport::{Contexto, Endpoint, Socket},
};
use tokio::time::timeout;

/// Zócalos que caben en un contexto de ZeroMQ, con holgura.
const POR_CONTEXTO: usize = 500;
/// Lo que puede tardar cada uno en ser atendido.
const PLAZO: Duration = Duration::from_secs(10);

/// Unos clientes conectados; al soltarlos se van.
pub struct Conectados {
    _zocalos: Vec<Socket>,
}

/// Conecta a `cuantos` y espera a que el gestor conteste a cada uno.
///
/// # Errors
/// Si alguno no es atendido.
pub async fn conectar(endpoint: &Endpoint, cuantos: usize) -> anyhow::Result<Conectados> {
    let mut zocalos = Vec::with_capacity(cuantos);
    let mut contexto = Contexto::new();
    for numero in 0..cuantos {
        if numero > 0 && numero % POR_CONTEXTO == 0 {
            contexto = Contexto::new();
        }
        zocalos.push(contexto.dealer_de_cliente(endpoint)?);
    }
    for (numero, zocalo) in zocalos.iter_mut().enumerate() {
        let Ok(atendido) = timeout(PLAZO, saludar(zocalo)).await else {
            bail!("el gestor no contesta al cliente {} de {cuantos}", numero + 1);
        };
        atendido.context("un cliente conectado")?;
    }
    Ok(Conectados { _zocalos: zocalos })
}

async fn saludar(zocalo: &mut Socket) -> anyhow::Result<()> {
    let salud = Solicitud { id: None, pedido: Pedido::Salud, acepta_pendiente: true };
    zocalo.send(&[&salud.escribir()]).await?;
    zocalo.recv().await?;
    Ok(())
}
