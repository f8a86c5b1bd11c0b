//! Decide qué anuncian los actores con sus suscripciones, y les publica sus listas.

use common::{
    mensajes::{self, Evento, Orden, Topico},
    transport::{ErrorDeTransporte, Frame, Socket},
};

use super::descartar;

/// Bytes del nombre de una instancia, como mucho.
const INSTANCIA_BYTES_MAX: usize = 128;

/// Un actor llega o se va.
pub struct Anuncio<'a> {
    pub topico: Topico,
    pub instancia: &'a str,
    pub presente: bool,
}

/// El zócalo por el que se publica.
pub struct Difusion {
    socket: Socket,
    gestor: String,
}

impl Difusion {
    /// La difusión, ya abierta.
    pub fn new(socket: Socket, gestor: String) -> Self {
        Self { socket, gestor }
    }

    /// Espera un mensaje. Se puede cancelar.
    pub async fn recibir(&mut self) -> Result<Vec<Frame>, ErrorDeTransporte> {
        self.socket.recv().await
    }

    /// Un mensaje, si lo hay ya.
    pub fn intentar(&mut self) -> Result<Option<Vec<Frame>>, ErrorDeTransporte> {
        self.socket.try_recv()
    }

    /// El anuncio de un actor. Los que solo miran (`prestamo`, sin instancia) no son nadie.
    pub fn leer(cuadros: &[Frame]) -> Option<Anuncio<'_>> {
        let [cuadro] = cuadros else {
            descartar("suscripcion");
            return None;
        };
        let (presente, nombre) = match &cuadro[..] {
            [1, nombre @ ..] => (true, nombre),
            [0, nombre @ ..] => (false, nombre),
            _ => {
                descartar("suscripcion");
                return None;
            }
        };
        let (topico, instancia) = std::str::from_utf8(nombre).ok().and_then(Topico::leer_instancia)?;
        (instancia.len() <= INSTANCIA_BYTES_MAX).then_some(Anuncio { topico, instancia, presente })
    }

    /// Publica la lista a una instancia. Si su cola está llena se pierde: la reentrega la vuelve a publicar.
    pub fn publicar(&mut self, topico: Topico, instancia: &str, ordenes: Vec<Orden>) {
        let evento = Evento { gestor: self.gestor.clone(), ordenes };
        let nombre = topico.de_instancia(instancia);
        if self.socket.try_send(&[nombre.as_bytes(), &mensajes::codificar(&evento)]).is_err() {
            metrics::counter!("anaquel_eventos_descartados_total").increment(1);
        }
    }
}
