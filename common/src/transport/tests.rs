//! Zócalos de verdad, en puertos libres de la propia máquina. Nada espera un tiempo: se espera un suceso, con plazo.

mod cliente;
mod socket;
mod storage_client;

use std::{future::Future, time::Duration};

use super::{Endpoint, puertos::puerto_libre};

/// Lo que se espera por un suceso que ha de llegar; de sobra en una máquina cargada.
const PLAZO_DE_PRUEBA: Duration = Duration::from_secs(20);

async fn a_tiempo<T>(suceso: impl Future<Output = T>) -> T {
    tokio::time::timeout(PLAZO_DE_PRUEBA, suceso).await.expect("el suceso llega a tiempo")
}

/// Una dirección en la que nadie escucha.
fn direccion_libre() -> Endpoint {
    format!("127.0.0.1:{}", puerto_libre()).parse().expect("es una dirección")
}
