//! Decide cuánto puede ocupar un desconocido del HTTP de un proceso: cuántas conexiones hay a la vez, lo que se espera por
//! unas cabeceras y lo que vive cada conexión.
//!
//! Sin ello, unas decenas de conexiones que no acaban nunca de pedir (slowloris) dejan sin descriptores al proceso.

use std::{pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};

/// Lo que se espera antes de aceptar otra vez, si el sistema no deja (sin descriptores, casi siempre).
const TRAS_UN_FALLO: Duration = Duration::from_millis(200);

/// Lo que se deja.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limites {
    /// Conexiones a la vez; las demás esperan en la cola del sistema.
    pub conexiones: usize,
    /// Lo que puede tardar en llegar la cabecera de una petición, también la segunda de una conexión que se guarda.
    pub cabecera: Duration,
    /// Lo que vive una conexión; lo que tenga a medias entonces puede tardar otro tanto como una cabecera.
    pub vida: Duration,
}

/// Atiende para siempre.
pub(super) async fn atender(oyente: TcpListener, rutas: Router, limites: Limites) {
    let sitio = Arc::new(Semaphore::new(limites.conexiones));
    loop {
        let Ok(plaza) = Arc::clone(&sitio).acquire_owned().await else { return };
        match oyente.accept().await {
            Ok((flujo, _)) => {
                let rutas = rutas.clone();
                tokio::spawn(async move {
                    una(flujo, rutas, limites).await;
                    drop(plaza);
                });
            }
            Err(e) => {
                tracing::warn!("HTTP no puede aceptar una conexión: {e}");
                sleep(TRAS_UN_FALLO).await;
            }
        }
    }
}

/// Una conexión, hasta que se cierre o se le acabe el tiempo. Sus fallos son de quien la abrió: no hay a quien contarlos.
async fn una(flujo: TcpStream, rutas: Router, limites: Limites) {
    drop(flujo.set_nodelay(true));
    let mut conexion = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limites.cabecera)
            .serve_connection(TokioIo::new(flujo), TowerToHyperService::new(rutas))
    );
    if timeout(limites.vida, conexion.as_mut()).await.is_err() {
        conexion.as_mut().graceful_shutdown();
        drop(timeout(limites.cabecera, conexion).await);
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::Instant,
    };

    use super::*;

    const CORTOS: Limites =
        Limites { conexiones: 2, cabecera: Duration::from_millis(300), vida: Duration::from_millis(900) };

    async fn servir(ruta: Router) -> std::net::SocketAddr {
        let oyente = TcpListener::bind("127.0.0.1:0").await.expect("hay puertos");
        let addr = oyente.local_addr().expect("tiene dirección");
        tokio::spawn(atender(oyente, ruta, CORTOS));
        addr
    }

    fn hola() -> Router {
        Router::new().route("/", get(async || "hola"))
    }

    async fn leer_todo(mut flujo: TcpStream) -> String {
        let mut texto = Vec::new();
        drop(timeout(Duration::from_secs(5), flujo.read_to_end(&mut texto)).await.expect("se cierra"));
        String::from_utf8_lossy(&texto).into_owned()
    }

    #[tokio::test]
    async fn quienes_no_acaban_de_pedir_pierden_su_sitio_y_otro_lo_tiene() {
        let addr = servir(hola()).await;
        let mut lentos = Vec::new();
        for _ in 0..3 * CORTOS.conexiones {
            let mut lento = TcpStream::connect(addr).await.expect("conecta");
            lento.write_all(b"GET / HTTP/1.1\r\nHost: ").await.expect("escribe");
            lentos.push(lento);
        }
        let mut honrado = TcpStream::connect(addr).await.expect("conecta");
        honrado.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.expect("escribe");
        assert!(leer_todo(honrado).await.ends_with("hola"));
        for lento in lentos {
            assert!(!leer_todo(lento).await.contains("200"));
        }
    }

    #[tokio::test]
    async fn una_conexion_que_se_guarda_no_vive_mas_de_lo_suyo() {
        let addr = servir(hola()).await;
        let empieza = Instant::now();
        let mut flujo = TcpStream::connect(addr).await.expect("conecta");
        let mut bufer = [0; 512];
        while flujo.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.is_ok() {
            if flujo.read(&mut bufer).await.is_ok_and(|n| n > 0) && empieza.elapsed() < 4 * CORTOS.vida {
                continue;
            }
            break;
        }
        assert!(empieza.elapsed() < 4 * CORTOS.vida, "sigue abierta");
    }

    #[tokio::test]
    async fn lo_que_nunca_se_contesta_tambien_acaba() {
        let addr = servir(Router::new().route("/", get(std::future::pending::<&str>))).await;
        let mut flujo = TcpStream::connect(addr).await.expect("conecta");
        flujo.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("escribe");
        assert_eq!(leer_todo(flujo).await, "");
    }
}
