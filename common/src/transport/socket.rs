//! Un zócalo de ZeroMQ con un solo dueño, bajo tokio `current_thread`.
//!
//! Reglas que evitan perder despertares (libzmq señala por flanco): la última llamada antes de dormir es siempre
//! `get_events`, y todo toma `&mut self`.

use std::{
    future::poll_fn,
    os::fd::RawFd,
    task::{Context as TaskContext, Poll, ready},
};

use tokio::io::{Interest, unix::AsyncFd};
use zmq::{DONTWAIT, Error, POLLIN, POLLOUT, PollEvents, SNDMORE};

use super::endpoint::Endpoint;

/// Un cuadro recibido.
pub type Frame = zmq::Message;

/// Cuadros de un mensaje, como mucho; más es basura y se descarta entero.
pub const CUADROS_MAX: usize = 8;

/// Fallo al abrir o usar un zócalo.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ErrorDeTransporte {
    /// No se pudo escuchar en la dirección.
    #[error("no se puede escuchar en {endpoint}: {causa}")]
    Escuchar { endpoint: String, causa: String },
    /// No se pudo preparar la conexión.
    #[error("no se puede conectar con {endpoint}: {causa}")]
    Conectar { endpoint: String, causa: String },
    /// Otro fallo de libzmq.
    #[error("zócalo: {0}")]
    Zocalo(String),
}

impl From<Error> for ErrorDeTransporte {
    fn from(e: Error) -> Self {
        Self::Zocalo(e.message().to_owned())
    }
}

/// Por qué un envío no salió.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoEnviado {
    /// La cola de ese destino está llena, o (DEALER con IMMEDIATE) no hay conexión.
    Lleno,
    /// El destino ya no está (ROUTER con MANDATORY).
    Ausente,
}

/// Un zócalo con dueño. `fd` va primero: ha de salir de epoll antes de que libzmq lo cierre.
pub struct Socket {
    fd: AsyncFd<RawFd>,
    z: zmq::Socket,
    /// Lo que dijo `get_events`, si fue la última llamada y el descriptor no ha vuelto a avisar: mientras siga así no
    /// hay nada nuevo, y preguntar otra vez sería una llamada al sistema en cada vuelta.
    visto: Option<PollEvents>,
}

impl Drop for Socket {
    /// Deja de vigilarlo antes de cerrarlo. libzmq anuncia los sucesos desde su hilo con un envío que espera: si el
    /// lector del monitor se cerró antes, ese hilo se queda ahí, y con él todo el contexto.
    #[expect(unsafe_code, reason = "el crate zmq no deja soltar un monitor")]
    fn drop(&mut self) {
        // SAFETY: el zócalo está vivo y es nuestro; sin dirección, libzmq solo suelta su monitor, si lo hay.
        unsafe { zmq_sys::zmq_socket_monitor(self.z.as_mut_ptr(), std::ptr::null(), 0) };
    }
}

/// Repite mientras una señal interrumpa la llamada.
fn eintr<T>(mut llamada: impl FnMut() -> zmq::Result<T>) -> zmq::Result<T> {
    loop {
        match llamada() {
            Err(Error::EINTR) => {}
            r => return r,
        }
    }
}

impl Socket {
    #[expect(unsafe_code, reason = "quien vigila el descriptor promete soltarlo antes de que se cierre")]
    pub(super) fn new(z: zmq::Socket) -> Result<Self, ErrorDeTransporte> {
        let fd = z.get_fd()?;
        // SAFETY: `fd` vive tanto como `z` y, por el orden de los campos, se suelta antes.
        let fd = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }
            .map_err(|e| ErrorDeTransporte::Zocalo(e.to_string()))?;
        Ok(Self { fd, z, visto: None })
    }

    pub(super) fn conectar(&self, endpoint: &Endpoint) -> Result<(), ErrorDeTransporte> {
        self.z
            .connect(&endpoint.tcp())
            .map_err(|e| ErrorDeTransporte::Conectar { endpoint: endpoint.to_string(), causa: e.message().to_owned() })
    }

    pub(super) fn z(&self) -> &zmq::Socket {
        &self.z
    }

    /// Añade una suscripción (solo SUB).
    pub fn suscribir(&self, prefijo: &str) -> Result<(), ErrorDeTransporte> {
        Ok(self.z.set_subscribe(prefijo.as_bytes())?)
    }

    /// Quita una suscripción (solo SUB): el publicador lo ve como una salida.
    pub fn desuscribir(&self, prefijo: &str) -> Result<(), ErrorDeTransporte> {
        Ok(self.z.set_unsubscribe(prefijo.as_bytes())?)
    }

    /// Al cerrarse tira lo que no haya salido: al otro lado no hay nadie a quien le valga.
    pub fn sin_gracia(&self) -> Result<(), ErrorDeTransporte> {
        Ok(self.z.set_linger(0)?)
    }

    /// Espera hasta que se pueda hacer lo que se quiere: recibir o enviar.
    fn poll_listo(&mut self, cx: &mut TaskContext<'_>, quiero: PollEvents) -> Poll<Result<(), ErrorDeTransporte>> {
        loop {
            if self.visto.is_none() {
                self.visto = Some(eintr(|| self.z.get_events())?);
            }
            if self.visto.is_some_and(|visto| visto.intersects(quiero)) {
                return Poll::Ready(Ok(()));
            }
            ready!(self.fd.poll_read_ready(cx)).map_err(|_| Error::ETERM)?.clear_ready();
            self.visto = None;
        }
    }

    /// Espera un mensaje y lo devuelve entero. Apto para `poll_fn` con varios zócalos en una tarea.
    pub fn poll_recv(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<Vec<Frame>, ErrorDeTransporte>> {
        // Sin gastar cuota, un zócalo inundado no dejaría correr los plazos de su propia tarea.
        let cuota = ready!(tokio::task::coop::poll_proceed(cx));
        loop {
            let seco = self.visto.is_some_and(|visto| !visto.intersects(POLLIN));
            if !seco && let Some(mensaje) = self.try_recv()? {
                cuota.made_progress();
                return Poll::Ready(Ok(mensaje));
            }
            ready!(self.poll_listo(cx, POLLIN))?;
        }
    }

    /// Espera un mensaje. Se puede cancelar sin perder nada.
    ///
    /// # Errors
    /// [`ErrorDeTransporte::Zocalo`] si el contexto se cerró.
    pub async fn recv(&mut self) -> Result<Vec<Frame>, ErrorDeTransporte> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Un mensaje si lo hay ya. Los de más de [`CUADROS_MAX`] cuadros se consumen y se descartan.
    pub fn try_recv(&mut self) -> Result<Option<Vec<Frame>>, ErrorDeTransporte> {
        self.visto = None;
        loop {
            let primero = match eintr(|| self.z.recv_msg(DONTWAIT)) {
                Err(Error::EAGAIN) => return Ok(None),
                r => r?,
            };
            let mut cuadros = Vec::with_capacity(3);
            let mut hay_mas = primero.get_more();
            let mut sobran = false;
            cuadros.push(primero);
            while hay_mas {
                let cuadro = eintr(|| self.z.recv_msg(DONTWAIT))?;
                hay_mas = cuadro.get_more();
                if cuadros.len() < CUADROS_MAX {
                    cuadros.push(cuadro);
                } else {
                    sobran = true;
                }
            }
            if sobran {
                metrics::counter!("anaquel_mensajes_descartados_total", "motivo" => "cuadros").increment(1);
                continue;
            }
            return Ok(Some(cuadros));
        }
    }

    /// Envía si puede salir ahora; los cuadros van todos o ninguno.
    ///
    /// # Errors
    /// [`NoEnviado`]: nada salió.
    pub fn try_send(&mut self, cuadros: &[&[u8]]) -> Result<(), NoEnviado> {
        self.visto = None;
        for (i, cuadro) in cuadros.iter().enumerate() {
            let mas = if i + 1 < cuadros.len() { SNDMORE } else { 0 };
            match eintr(|| self.z.send(*cuadro, DONTWAIT | mas)) {
                Err(Error::EHOSTUNREACH) if i == 0 => return Err(NoEnviado::Ausente),
                Err(_) if i == 0 => return Err(NoEnviado::Lleno),
                // Si el destino murió entre cuadros, libzmq descarta el resto, pero hay que dárselo.
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Envía cuando se pueda. Se puede cancelar: o salió entero o no salió. No vale para ROUTER.
    ///
    /// # Errors
    /// [`ErrorDeTransporte::Zocalo`] si el contexto se cerró.
    pub async fn send(&mut self, cuadros: &[&[u8]]) -> Result<(), ErrorDeTransporte> {
        poll_fn(|cx| self.poll_send(cx, cuadros)).await
    }

    /// Como [`Socket::send`], para `poll_fn`. Mientras quede pendiente, despierta por el hueco de salida y no por lo
    /// que llegue: no se alterna con [`Socket::poll_recv`] en una misma espera.
    ///
    /// # Errors
    /// [`ErrorDeTransporte::Zocalo`] si el contexto se cerró.
    pub fn poll_send(&mut self, cx: &mut TaskContext<'_>, cuadros: &[&[u8]]) -> Poll<Result<(), ErrorDeTransporte>> {
        loop {
            if self.try_send(cuadros).is_ok() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_listo(cx, POLLOUT))?;
        }
    }
}
