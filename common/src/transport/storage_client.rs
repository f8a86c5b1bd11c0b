//! El cliente rotatorio del almacenamiento: pone un zócalo por endpoint debajo de lo que decide [`StorageCalls`].
//!
//! Todo pasa dentro de [`StorageClient::siguiente`], en la tarea de quien lo usa: ni tareas, ni canales, ni cerrojos.

mod avisos;

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context as TaskContext, Poll},
    time::Instant,
};

use tokio::time::Sleep;

use self::avisos::Avisos;
use super::{
    contexto::Contexto,
    endpoint::Endpoint,
    monitor::{Conexion, Monitor},
    socket::{ErrorDeTransporte, Frame, Socket},
};
pub use crate::resilience::Entrega;
use crate::{
    mensajes::{self, CuerpoPeticion, Peticion, Resultado, ResultadoLeido},
    resilience::{
        EstadoBreaker, StorageCalls,
        rotation::Config,
        storage_calls::{Endpoints, Noticia},
    },
};

/// El cliente. Un dueño, una tarea, que ha de esperar en [`StorageClient::siguiente`] aunque no haya llamadas: ahí se
/// atienden las conexiones y la salud de los endpoints. `T` es lo que vuelve con el final de cada llamada.
pub struct StorageClient<T = u64> {
    calls: StorageCalls<T, Vec<u8>>,
    zocalos: Zocalos,
    alarma: Pin<Box<Sleep>>,
}

/// Un zócalo por endpoint, y lo que se cuenta de ellos.
struct Zocalos {
    canales: Vec<Canal>,
    avisos: Avisos,
}

struct Canal {
    endpoint: Endpoint,
    socket: Socket,
    monitor: Monitor,
}

impl Endpoints for Zocalos {
    type Escrita = Vec<u8>;

    fn escribir(&self, peticion: Peticion) -> Vec<u8> {
        mensajes::codificar(&peticion)
    }

    fn enviar(&mut self, endpoint: usize, escrita: &Vec<u8>) -> bool {
        self.canales[endpoint].socket.try_send(&[b"", escrita]).is_ok()
    }

    fn contar(&mut self, noticia: Noticia<'_>) {
        self.avisos.contar(noticia);
    }
}

impl<T> StorageClient<T> {
    /// Abre un DEALER por endpoint, con los plazos por defecto.
    ///
    /// # Panics
    /// Si no hay ningún endpoint, o fuera de un runtime de tokio.
    pub fn conectar(contexto: &Contexto, endpoints: &[Endpoint]) -> Result<Self, ErrorDeTransporte> {
        Self::con_config(contexto, endpoints, Config::default())
    }

    /// Abre un DEALER por endpoint.
    ///
    /// # Panics
    /// Si no hay ningún endpoint, o fuera de un runtime de tokio.
    pub fn con_config(contexto: &Contexto, endpoints: &[Endpoint], config: Config) -> Result<Self, ErrorDeTransporte> {
        let canales = endpoints
            .iter()
            .map(|endpoint| {
                let (socket, monitor) = contexto.dealer_vigilado(endpoint)?;
                Ok(Canal { endpoint: endpoint.clone(), socket, monitor })
            })
            .collect::<Result<Vec<_>, ErrorDeTransporte>>()?;
        let now = ahora();
        Ok(Self {
            calls: StorageCalls::new(config, canales.len(), now),
            zocalos: Zocalos { canales, avisos: Avisos::new(endpoints) },
            alarma: Box::pin(tokio::time::sleep_until(now.into())),
        })
    }

    /// Empieza una llamada; su final llega por [`StorageClient::siguiente`], siempre una vez.
    pub fn llamar(&mut self, tag: T, cuerpo: CuerpoPeticion) {
        self.calls.llamar(ahora(), tag, cuerpo, &mut self.zocalos);
    }

    /// Espera el final de alguna llamada, y entretanto atiende las conexiones, los plazos y la salud de los endpoints.
    /// Se puede cancelar sin perder nada.
    pub async fn siguiente(&mut self) -> Entrega<T> {
        poll_fn(|cx| self.poll_siguiente(cx)).await
    }

    /// Si hay conexión con algún endpoint: sin ella, toda llamada acaba en seguida.
    pub fn hay_enlace(&self) -> bool {
        self.calls.hay_enlace()
    }

    /// Cada endpoint y el estado de su breaker.
    pub fn estados(&self) -> Vec<(Endpoint, EstadoBreaker)> {
        self.zocalos.canales.iter().map(|canal| canal.endpoint.clone()).zip(self.calls.estados()).collect()
    }

    /// Restablece el circuito de un endpoint, por orden de una persona: el estado en que estaba y en el que queda. `None`
    /// si no es uno de los nuestros.
    pub fn restablecer(&mut self, endpoint: &Endpoint) -> Option<(EstadoBreaker, EstadoBreaker)> {
        let endpoint = self.zocalos.canales.iter().position(|canal| canal.endpoint == *endpoint)?;
        self.calls.on_reset(ahora(), endpoint, &mut self.zocalos)
    }

    fn poll_siguiente(&mut self, cx: &mut TaskContext<'_>) -> Poll<Entrega<T>> {
        loop {
            if let Some(entrega) = self.calls.poll_entrega() {
                return Poll::Ready(entrega);
            }
            // Cada vuelta deja a todos los zócalos secos y con el despertador puesto, o da alguna entrega.
            let mut hubo = false;
            for endpoint in 0..self.zocalos.canales.len() {
                hubo |= self.atender_respuestas(endpoint, cx);
                hubo |= self.atender_conexion(endpoint, cx);
            }
            hubo |= self.atender_plazos(cx);
            if !hubo {
                return Poll::Pending;
            }
        }
    }

    fn atender_conexion(&mut self, endpoint: usize, cx: &mut TaskContext<'_>) -> bool {
        let mut hubo = false;
        while let Poll::Ready(suceso) = self.zocalos.canales[endpoint].monitor.poll_conexion(cx) {
            match suceso {
                Ok(Conexion::Abierta) => self.calls.on_conectado(ahora(), endpoint, &mut self.zocalos),
                Ok(Conexion::Perdida) => {
                    self.leer_lo_recibido(endpoint);
                    self.calls.on_perdido(ahora(), endpoint, &mut self.zocalos);
                }
                Err(error) => {
                    self.zocalos.avisos.zocalo_roto(endpoint, &error);
                    break;
                }
            }
            hubo = true;
        }
        hubo
    }

    /// Se lee lo que quede antes de dar nada por perdido. No siempre queda: con IMMEDIATE, libzmq tira lo que no se leyó
    /// antes de saber que la conexión cayó.
    fn leer_lo_recibido(&mut self, endpoint: usize) {
        while let Ok(Some(cuadros)) = self.zocalos.canales[endpoint].socket.try_recv() {
            self.recibir(endpoint, &cuadros);
        }
    }

    fn atender_respuestas(&mut self, endpoint: usize, cx: &mut TaskContext<'_>) -> bool {
        let mut hubo = false;
        while let Poll::Ready(recibido) = self.zocalos.canales[endpoint].socket.poll_recv(cx) {
            match recibido {
                Ok(cuadros) => self.recibir(endpoint, &cuadros),
                Err(error) => {
                    self.zocalos.avisos.zocalo_roto(endpoint, &error);
                    break;
                }
            }
            hubo = true;
        }
        hubo
    }

    fn recibir(&mut self, endpoint: usize, cuadros: &[Frame]) {
        self.calls.on_recibido(ahora(), endpoint, leer(cuadros), &mut self.zocalos);
    }

    fn atender_plazos(&mut self, cx: &mut TaskContext<'_>) -> bool {
        let Some(cuando) = self.calls.poll_timeout() else { return false };
        // La alarma puede sonar antes de tiempo, nunca después: los plazos cambian con cada llamada y moverla cuesta.
        if self.alarma.deadline().into_std() > cuando || self.alarma.is_elapsed() {
            self.alarma.as_mut().reset(cuando.into());
        }
        if self.alarma.as_mut().poll(cx).is_pending() {
            return false;
        }
        self.calls.on_timeout(ahora(), &mut self.zocalos);
        true
    }
}

fn leer(cuadros: &[Frame]) -> ResultadoLeido {
    match cuadros {
        [vacio, cuerpo] if vacio.is_empty() => Resultado::leer(cuerpo),
        _ => ResultadoLeido::Basura,
    }
}

/// El reloj de tokio, que las pruebas pueden parar.
fn ahora() -> Instant {
    tokio::time::Instant::now().into_std()
}
