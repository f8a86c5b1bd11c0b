//! Basura: lo que un puerto recibe de quien no habla su lengua, o la habla para no decir nada.

use std::{
    io::{self, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use common::{mensajes::MENSAJE_BYTES_MAX, transport::Socket};
use juicio::azar::Azar;
use tokio::time::timeout;

/// Lo que se espera a que un envío de basura salga: a quien ya cortó no hay que esperarlo.
const SALIR_MAX: Duration = Duration::from_millis(300);

/// Conexiones que no hablan ZeroMQ ni HTTP: mudas, a medias, con ruido, que se van.
///
/// # Errors
/// Si nadie escucha.
pub fn tcp_crudo(direccion: SocketAddr, azar: &mut Azar) -> io::Result<()> {
    for largo in [0, 1, 10, 64, 4096] {
        let mut conexion = TcpStream::connect_timeout(&direccion, SALIR_MAX)?;
        conexion.set_write_timeout(Some(SALIR_MAX))?;
        let ruido: Vec<u8> = (0..largo).map(|_| azar.siguiente().to_le_bytes()[0]).collect();
        // Que corte a mitad es su derecho.
        let _ = conexion.write_all(&ruido);
        let _ = conexion.write_all(b"GET / HTTP/9.9\r\n\r\n\xff\xfe");
    }
    Ok(())
}

/// Mensajes que se entregan enteros y no significan nada.
pub fn mensajes(azar: &mut Azar) -> Vec<Vec<Vec<u8>>> {
    let ruido: Vec<u8> = (0..2_000).map(|_| azar.siguiente().to_le_bytes()[0]).collect();
    let vacio = Vec::new();
    let peticion = |cuerpo: &str| format!(r#"{{"peticion":1,"plazo_ms":3000,"cuerpo":{cuerpo}}}"#).into_bytes();
    vec![
        vec![vacio.clone()],
        vec![vacio.clone(), vacio.clone()],
        vec![ruido.clone()],
        vec![vacio.clone(), ruido.clone()],
        vec![ruido.clone(); 7],
        vec![b"x".to_vec(); 40],
        vec![vacio.clone(), b"{".to_vec()],
        vec![vacio.clone(), b"[]".to_vec()],
        vec![vacio.clone(), b"null".to_vec()],
        vec![vacio.clone(), br#"{"operacion":{"a":[1]},"id":7}"#.to_vec()],
        vec![vacio.clone(), peticion(r#"{"escribir":[{"id":"x"}]}"#)],
        vec![vacio.clone(), peticion(r#"{"escribir":[]}"#)],
        vec![vacio.clone(), br#"{"actor":"nadie","resultados":[]}"#.to_vec()],
        vec![vacio.clone(), vec![b'['; 60_000]],
        vec![vacio.clone(), vec![b' '; MENSAJE_BYTES_MAX + 1]],
        // Para el XPUB: suscripciones sin sentido.
        vec![b"\x01prestamo|".to_vec()],
        vec![b"\x01\xff\xfe|\x00".to_vec()],
        vec![b"\x00nadie".to_vec()],
    ]
}

/// Envía si se puede, y se va sin esperar respuesta.
pub async fn soltar(mut dealer: Socket, cuadros: &[Vec<u8>]) {
    let cuadros: Vec<&[u8]> = cuadros.iter().map(Vec::as_slice).collect();
    // A un puerto que no habla ZeroMQ no sale nunca.
    let _ = timeout(SALIR_MAX, dealer.send(&cuadros)).await;
}
