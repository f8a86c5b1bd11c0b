//! Lo justo de HTTP para leer `/listo` y `/metrics` de un proceso, y para operar un gestor de carga.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{net::TcpStream, time::timeout};

/// Plazo de una petición; es a esta misma máquina.
const PLAZO: Duration = Duration::from_secs(1);
/// Una página de métricas cabe de sobra.
const PAGINA_MAX: usize = 4 * 1024 * 1024;

/// Lo que se pide.
#[derive(Clone, Copy, Debug)]
pub struct Peticion<'a> {
    /// `GET`, `POST`…
    pub metodo: &'a str,
    /// La ruta, con sus parámetros.
    pub ruta: &'a str,
    /// El token de quien administra.
    pub token: Option<&'a str>,
    /// Lo que se envía.
    pub cuerpo: &'a str,
    /// Lo que se espera por la respuesta.
    pub plazo: Duration,
}

/// El código y el cuerpo de lo que hay en `ruta`.
///
/// # Errors
/// Si nadie escucha, no contesta en un segundo, o no habla HTTP.
pub async fn obtener(addr: SocketAddr, ruta: &str) -> io::Result<(u16, String)> {
    pedir(addr, Peticion { metodo: "GET", ruta, token: None, cuerpo: "", plazo: PLAZO }).await
}

/// El código y el cuerpo de la respuesta a una petición.
///
/// # Errors
/// Si nadie escucha, no contesta a tiempo, o no habla HTTP.
pub async fn pedir(addr: SocketAddr, peticion: Peticion<'_>) -> io::Result<(u16, String)> {
    let texto = timeout(peticion.plazo, conversar(addr, peticion)).await.map_err(|_| io::ErrorKind::TimedOut)??;
    let (cabecera, cuerpo) = texto.split_once("\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
    let codigo = cabecera.split(' ').nth(1).and_then(|c| c.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    Ok((codigo, cuerpo.to_owned()))
}

async fn conversar(addr: SocketAddr, peticion: Peticion<'_>) -> io::Result<String> {
    let conexion = TcpStream::connect(addr).await?;
    let Peticion { metodo, ruta, token, cuerpo, .. } = peticion;
    let autorizacion = token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
    let largo = cuerpo.len();
    // HTTP/1.0: la respuesta acaba cuando se cierra la conexión, sin trozos que recomponer.
    let texto =
        format!("{metodo} {ruta} HTTP/1.0\r\nHost: {addr}\r\n{autorizacion}Content-Length: {largo}\r\n\r\n{cuerpo}");
    escribir(&conexion, texto.as_bytes()).await?;
    let (mut todo, mut trozo) = (Vec::new(), vec![0; 64 * 1024]);
    while todo.len() < PAGINA_MAX {
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

/// La suma de las series de `nombre` cuyas etiquetas contienen todas las de `etiquetas` (`endpoint="a:1"`); `None` si no
/// hay ninguna.
#[must_use]
pub fn metrica(pagina: &str, nombre: &str, etiquetas: &[&str]) -> Option<f64> {
    let series = pagina.lines().filter_map(|linea| {
        let resto = linea.strip_prefix(nombre)?;
        let (cuales, valor) = resto.rsplit_once(' ')?;
        let suya = cuales.is_empty() || cuales.starts_with('{');
        (suya && etiquetas.iter().all(|e| cuales.contains(e))).then(|| valor.parse::<f64>().ok())?
    });
    series.fold(None, |suma, valor| Some(suma.unwrap_or(0.0) + valor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn una_metrica_se_suma_por_sus_etiquetas_y_no_se_confunde_con_otra_mas_larga() {
        let pagina = "# TYPE a counter\na{x=\"1\",y=\"2\"} 3\na{x=\"2\",y=\"2\"} 4\na_b 100\nc 5\n";
        assert_eq!(metrica(pagina, "a", &[]), Some(7.0));
        assert_eq!(metrica(pagina, "a", &["x=\"2\""]), Some(4.0));
        assert_eq!(metrica(pagina, "a", &["x=\"3\""]), None);
        assert_eq!(metrica(pagina, "c", &[]), Some(5.0));
    }
}
