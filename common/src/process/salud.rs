//! Si un proceso está listo, preguntándoselo a él: lo usan el lanzador y la orden `salud` de cada servicio.
//!
//! La orden es la comprobación de un contenedor, que no trae otro programa con que preguntar.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use clap::Command;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// El nombre de la orden.
pub const ORDEN: &str = "salud";
/// Lo que dice su ayuda.
pub const QUE_HACE: &str =
    "Pregunta al servicio que ya corre con estos ajustes si está listo; sale con 0 solo si lo está";
/// Cuánto se espera la contestación: menos que quien comprueba un contenedor.
const PLAZO: Duration = Duration::from_secs(2);
const BIEN: &[u8] = b"HTTP/1.1 200";

/// El servicio no está listo. Su texto es la línea que se muestra.
#[derive(Debug, thiserror::Error)]
#[error("el servicio de {addr} no está listo: {motivo}")]
pub struct NoListo {
    addr: SocketAddr,
    motivo: String,
}

/// La orden, para quien no declara las suyas con `derive`.
pub(super) fn orden() -> Command {
    Command::new(ORDEN).about(QUE_HACE)
}

/// Si el proceso que atiende HTTP en `addr` contesta 200 a `/listo`. Quien llama pone el plazo.
///
/// # Errors
/// Si nadie escucha o cuelga sin contestar.
pub async fn esta_listo(addr: SocketAddr) -> io::Result<bool> {
    let mut conexion = TcpStream::connect(addr).await?;
    conexion.write_all(format!("GET /listo HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n").as_bytes()).await?;
    let mut principio = [0; BIEN.len()];
    conexion.read_exact(&mut principio).await?;
    Ok(principio == BIEN)
}

/// Lo que hace la orden `salud` de un servicio que atiende HTTP en `http`.
///
/// # Errors
/// [`NoListo`] si no lo está, o no contesta en dos segundos.
pub async fn preguntar(http: SocketAddr) -> Result<(), NoListo> {
    preguntar_en(alcanzable(http), PLAZO).await
}

async fn preguntar_en(addr: SocketAddr, plazo: Duration) -> Result<(), NoListo> {
    let motivo = match timeout(plazo, esta_listo(addr)).await {
        Ok(Ok(true)) => return Ok(()),
        Ok(Ok(false)) => "él mismo dice que no".to_owned(),
        Ok(Err(e)) => e.to_string(),
        Err(_) => format!("no contesta en {} ms", plazo.as_millis()),
    };
    Err(NoListo { addr, motivo })
}

/// Quien escucha en todas las direcciones de la máquina contesta en la suya propia.
fn alcanzable(http: SocketAddr) -> SocketAddr {
    let ip = match http.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    (ip, http.port()).into()
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// Un oyente que contesta `que` a la primera petición, y su dirección.
    async fn quien_contesta(que: &'static str) -> SocketAddr {
        let oyente = TcpListener::bind("127.0.0.1:0").await.expect("hay puertos");
        let addr = oyente.local_addr().expect("tiene dirección");
        tokio::spawn(async move {
            let (mut conexion, _) = oyente.accept().await.expect("alguien entra");
            let mut pedido = [0; 64];
            let leidos = conexion.read(&mut pedido).await.expect("pregunta");
            assert!(pedido[..leidos].starts_with(b"GET /listo "));
            conexion.write_all(que.as_bytes()).await.expect("escucha");
        });
        addr
    }

    #[tokio::test]
    async fn solo_un_200_es_estar_listo() {
        preguntar(quien_contesta("HTTP/1.1 200 OK\r\n\r\n").await).await.expect("está listo");
        for que in ["HTTP/1.1 503 Service Unavailable\r\n\r\n", "SSH-2.0-cualquier_cosa\r\n", "corto", ""] {
            let addr = quien_contesta(que).await;
            let linea = preguntar(addr).await.expect_err("no está listo").to_string();
            assert!(linea.contains(&addr.to_string()) && !linea.contains('\n'), "{linea}");
        }
    }

    #[tokio::test]
    async fn donde_no_escucha_nadie_no_hay_nadie_listo() {
        let addr = TcpListener::bind("127.0.0.1:0").await.and_then(|libre| libre.local_addr()).expect("hay puertos");
        preguntar(addr).await.expect_err("ya no hay nadie");
    }

    #[tokio::test]
    async fn a_quien_acepta_y_calla_no_se_le_espera_mas_del_plazo() {
        let callado = TcpListener::bind("127.0.0.1:0").await.expect("hay puertos");
        let addr = callado.local_addr().expect("tiene dirección");
        let linea = preguntar_en(addr, Duration::from_millis(50)).await.expect_err("calla").to_string();
        assert!(linea.contains("no contesta en 50 ms"), "{linea}");
    }

    #[tokio::test]
    async fn a_quien_escucha_en_todas_partes_se_le_pregunta_en_casa() {
        assert_eq!(alcanzable(([0, 0, 0, 0], 80).into()), ([127, 0, 0, 1], 80).into());
        assert_eq!(alcanzable("[::]:80".parse().expect("vale")), "[::1]:80".parse().expect("vale"));
        assert_eq!(alcanzable(([10, 0, 0, 1], 80).into()), ([10, 0, 0, 1], 80).into());
    }
}
