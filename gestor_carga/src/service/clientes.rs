//! Decide qué mensajes de clientes se atienden y cómo se les contesta: una respuesta por solicitud.
//!
//! Una regla para REQ, DEALER y lo que sea: la identidad es el primer cuadro, el cuerpo el último, y lo de en medio
//! vuelve tal como vino.

use std::time::Instant;

use common::transport::{ErrorDeTransporte, Frame, Socket, socket::NoEnviado};

use super::descartar;

/// A quién se contesta, y lo que se cuenta de su solicitud. Se consume al contestar.
pub struct Remite {
    sobre: Vec<Frame>,
    pub desde: Instant,
    pub operacion: &'static str,
}

/// El zócalo de los clientes.
pub struct Puerta(Socket);

impl Puerta {
    /// La puerta, ya abierta.
    pub fn new(socket: Socket) -> Self {
        Self(socket)
    }

    /// Espera un mensaje. Se puede cancelar.
    pub async fn recibir(&mut self) -> Result<Vec<Frame>, ErrorDeTransporte> {
        self.0.recv().await
    }

    /// Un mensaje, si lo hay ya.
    pub fn intentar(&mut self) -> Result<Option<Vec<Frame>>, ErrorDeTransporte> {
        self.0.try_recv()
    }

    /// Quién lo envía y qué dice; `None` si no hay a quién o qué contestar.
    pub fn abrir(mut cuadros: Vec<Frame>, now: Instant) -> Option<(Remite, Frame)> {
        let cuerpo = cuadros.pop().filter(|cuerpo| !cuerpo.is_empty());
        let Some(cuerpo) = cuerpo.filter(|_| !cuadros.is_empty()) else {
            descartar("solicitud_vacia");
            return None;
        };
        Some((Remite { sobre: cuadros, desde: now, operacion: "ninguna" }, cuerpo))
    }

    /// Contesta. Un cliente que ya no está, o que no lee, pierde su respuesta: repetirá con el mismo id.
    pub fn responder(&mut self, remite: &Remite, cuerpo: &[u8]) {
        let mut cuadros: Vec<&[u8]> = remite.sobre.iter().map(|cuadro| &cuadro[..]).collect();
        cuadros.push(cuerpo);
        if let Err(motivo) = self.0.try_send(&cuadros) {
            let motivo = match motivo {
                NoEnviado::Lleno => "cola_llena",
                NoEnviado::Ausente => "cliente_ausente",
            };
            metrics::counter!("anaquel_respuestas_descartadas_total", "motivo" => motivo).increment(1);
        }
    }
}
