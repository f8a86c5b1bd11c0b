//! Quién llega y quién se va de un zócalo conectado: muerto con `kill -9` se sabe en un milisegundo.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    task::{Context as TaskContext, Poll, ready},
};

use super::socket::{ErrorDeTransporte, Socket};

/// Lo que le pasó a la conexión.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conexion {
    Abierta,
    Perdida,
}

/// Los sucesos de un zócalo. Hay que leerlos siempre: uno sin leer detiene el zócalo tras unas 700 conexiones.
///
/// Se suelta después de su zócalo: en una estructura, va detrás de él.
pub struct Monitor {
    par: Socket,
}

impl Monitor {
    /// Vigila `socket`; sus sucesos llegan por el PAIR que abre `par` con el nombre que se le da.
    pub(super) fn de(
        socket: &Socket,
        par: impl FnOnce(&str) -> Result<Socket, ErrorDeTransporte>,
    ) -> Result<Self, ErrorDeTransporte> {
        static SIGUIENTE: AtomicU64 = AtomicU64::new(0);
        let nombre = format!("inproc://monitor-{}", SIGUIENTE.fetch_add(1, Ordering::Relaxed));
        let eventos = zmq::SocketEvent::HANDSHAKE_SUCCEEDED as i32 | zmq::SocketEvent::DISCONNECTED as i32;
        socket.z().monitor(&nombre, eventos)?;
        Ok(Self { par: par(&nombre)? })
    }

    /// Espera el siguiente suceso.
    pub fn poll_conexion(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<Conexion, ErrorDeTransporte>> {
        loop {
            let cuadros = ready!(self.par.poll_recv(cx))?;
            // Primer cuadro: número de evento en 16 bits y valor en 32 (zmq_socket_monitor(3)).
            let Some(&[bajo, alto, ..]) = cuadros.first().map(|c| &c[..]) else { continue };
            let evento = u16::from_ne_bytes([bajo, alto]);
            if evento == zmq::SocketEvent::HANDSHAKE_SUCCEEDED as u16 {
                return Poll::Ready(Ok(Conexion::Abierta));
            }
            if evento == zmq::SocketEvent::DISCONNECTED as u16 {
                return Poll::Ready(Ok(Conexion::Perdida));
            }
        }
    }
}
