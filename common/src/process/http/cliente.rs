//! Lo justo de HTTP para preguntar a un proceso nuestro: su `/listo`, sus `/metrics`, y operar un gestor de carga.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{net::TcpStream, time::timeout};

/// Plazo de una petición; es a esta misma máquina.
const PLAZO: Duration = Duration::from_secs(1);
/// Una página de métricas cabe de sobra.
const PAGINA_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Lo que se pide.
#[derive(Clone, Copy, Debug)]
pub struct PeticionHttp<'a> {
    /// `GET`, `POST`…
    pub metodo: &'a str,
    /// La ruta, con sus parámetros.
    pub ruta: &'a str,
    pub token: Option<&'a str>,
    pub cuerpo: &'a str,
    /// Lo que se espera por la respuesta.
    pub plazo: Duration,
}

/// El código y el cuerpo de lo que hay en `ruta`.
///
/// # Errors
/// Si nadie escucha, no contesta en un segundo, o no habla HTTP.
pub async fn obtener(addr: SocketAddr, ruta: &str) -> io::Result<(u16, String)> {
    pedir(addr, PeticionHttp { metodo: "GET", ruta, token: None, cuerpo: "", plazo: PLAZO }).await
}

/// El código y el cuerpo de la respuesta a una petición.
///
/// # Errors
/// Si nadie escucha, no contesta a tiempo, o no habla HTTP.
pub async fn pedir(addr: SocketAddr, peticion: PeticionHttp<'_>) -> io::Result<(u16, String)> {
    let texto = timeout(peticion.plazo, conversar(addr, peticion)).await.map_err(|_| io::ErrorKind::TimedOut)??;
    let (cabecera, cuerpo) = texto.split_once("\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
    let codigo = cabecera.split(' ').nth(1).and_then(|c| c.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    Ok((codigo, cuerpo.to_owned()))
}

async fn conversar(addr: SocketAddr, peticion: PeticionHttp<'_>) -> io::Result<String> {
    let conexion = TcpStream::connect(addr).await?;
    let PeticionHttp { metodo, ruta, token, cuerpo, .. } = peticion;
    let autorizacion = token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
    let largo = cuerpo.len();
    // HTTP/1.0: la respuesta acaba cuando se cierra la conexión, sin trozos que recomponer.
    let texto =
        format!("{metodo} {ruta} HTTP/1.0\r\nHost: {addr}\r\n{autorizacion}Content-Length: {largo}\r\n\r\n{cuerpo}");
    escribir(&conexion, texto.as_bytes()).await?;
    let (mut todo, mut trozo) = (Vec::new(), vec![0; 64 * 1024]);
    while todo.len() < PAGINA_BYTES_MAX {
        conexion.readable().await?;
        match conexion.try_read(&mut trozo) {
            Ok(0) => break,
            Ok(n) => todo.extend_from_slice(&trozo[..n]),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
    }
    String::from_utf8(todo).map_err(|_| io::ErrorKind::InvalidData.into())
}

async fn escribir(conexion: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        conexion.writable().await?;
        match conexion.try_write(bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
