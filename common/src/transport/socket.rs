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

use super::{endpoint::Endpoint, monitor::Monitor};
use crate::mensajes::MENSAJE_BYTES_MAX;

/// Un cuadro recibido.
pub type Frame = zmq::Message;

/// Mensajes en cola por conexión antes de descartar o frenar; el almacén tiene la verdad, no el zócalo.
const HWM: i32 = 100_000;
/// Cada cuánto late una conexión interna y cuándo se da por muerta, en milisegundos.
const LATIDO_MS: (i32, i32) = (500, 1_500);
/// Espera entre reconexiones, primera y máxima, en milisegundos.
const RECONEXION_MS: (i32, i32) = (20, 200);
/// Tiempo que un mensaje ya entregado al zócalo tiene para salir al cerrar, en milisegundos.
const LINGER_MS: i32 = 1_000;
/// Plazo del saludo de una conexión, en milisegundos; corta a quien abre y calla.
const SALUDO_MS: i32 = 1_000;
/// Tiempo sin confirmación de TCP tras el que se corta, en milisegundos (`ZMQ_TCP_MAXRT`): los latidos no se
/// disparan mientras un mensaje grande está atascado en el núcleo.
const TCP_MAXRT_MS: i32 = 2_000;
/// Opción sin envoltura segura en el crate.
const ZMQ_TCP_MAXRT: i32 = 80;
/// Cuadros de un mensaje, como mucho; más es basura y se descarta entero.
pub const CUADROS_MAX: usize = 8;

/// Fallo al abrir o usar un zócalo.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ErrorDeTransporte {
    /// No se pudo escuchar en la dirección.
    #[error("no se puede escuchar en {endpoint}: {causa}")]
    Escuchar {
        /// La dirección pedida.
        endpoint: String,
        /// El motivo del sistema.
        causa: String,
    },
    /// No se pudo preparar la conexión.
    #[error("no se puede conectar con {endpoint}: {causa}")]
    Conectar {
        /// La dirección pedida.
        endpoint: String,
        /// El motivo del sistema.
        causa: String,
    },
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

/// El contexto de ZeroMQ del proceso.
#[derive(Clone, Default)]
pub struct Contexto(zmq::Context);

impl Contexto {
    /// Un contexto nuevo.
    #[must_use]
    pub fn nuevo() -> Self {
        Self::default()
    }

    /// ROUTER que atiende a clientes de fuera.
    ///
    /// # Errors
    /// [`ErrorDeTransporte::Escuchar`] si la dirección está ocupada o no es nuestra.
    pub fn router_publico(&self, bind: &Endpoint) -> Result<Socket, ErrorDeTransporte> {
        let z = self.nuevo_zocalo(zmq::ROUTER)?;
        z.set_router_mandatory(true)?;
        // Más que una solicitud válida, para poder decir «es demasiado grande» en vez de cortar sin palabra.
        z.set_maxmsgsize(1024 * 1024)?;
        z.set_heartbeat_ivl(5_000)?;
        z.set_heartbeat_timeout(15_000)?;
        escuchar(z, bind)
    }

    /// ROUTER que atiende a procesos nuestros.
    ///
    /// # Errors
    /// [`ErrorDeTransporte::Escuchar`].
    pub fn router(&self, bind: &Endpoint) -> Result<Socket, ErrorDeTransporte> {
        let z = self.nuevo_zocalo(zmq::ROUTER)?;
        z.set_router_mandatory(true)?;
        escuchar(latir(z)?, bind)
    }

    /// XPUB que anuncia cada suscripción, también las repetidas.
    ///
    /// # Errors
    /// [`ErrorDeTransporte::Escuchar`].
    pub fn xpub(&self, bind: &Endpoint) -> Result<Socket, ErrorDeTransporte> {
        let z = self.nuevo_zocalo(zmq::XPUB)?;
        // VERBOSE: un SUB que vuelve mientras su conexión vieja aún vive no se anunciaría de otro modo.
        z.set_xpub_verbose(true)?;
        escuchar(latir(z)?, bind)
    }

    /// SUB conectado a `endpoint`; las suscripciones se hacen después.
    ///
    /// # Errors
    /// [`ErrorDeTransporte::Conectar`].
    pub fn sub(&self, endpoint: &Endpoint) -> Result<Socket, ErrorDeTransporte> {
        let z = self.nuevo_zocalo(zmq::SUB)?;
        conectar(latir(z)?, endpoint)
    }

    /// DEALER conectado a `endpoint`, sin cola mientras no haya conexión.
    ///
    /// # Errors
    /// [`ErrorDeTransporte::Conectar`].
    pub fn dealer(&self, endpoint: &Endpoint) -> Result<Socket, ErrorDeTransporte> {
        let z = self.nuevo_zocalo(zmq::DEALER)?;
        // IMMEDIATE: lo aceptado durante una caída se ejecutaría al volver, mucho después de pedirse en otra parte.
        z.set_immediate(true)?;
        conectar(latir(z)?, endpoint)
    }

    /// Como [`Contexto::dealer`], con el monitor abierto antes de conectar para que no se pierda ningún suceso.
    ///
    /// # Errors
    /// [`ErrorDeTransporte::Conectar`].
    pub fn dealer_vigilado(&self, endpoint: &Endpoint) -> Result<(Socket, Monitor), ErrorDeTransporte> {
        let z = self.nuevo_zocalo(zmq::DEALER)?;
        z.set_immediate(true)?;
        self.vigilado(z, endpoint)
    }

    /// Como [`Contexto::sub`], con el monitor abierto antes de conectar.
    ///
    /// # Errors
    /// [`ErrorDeTransporte::Conectar`].
    pub fn sub_vigilado(&self, endpoint: &Endpoint) -> Result<(Socket, Monitor), ErrorDeTransporte> {
        self.vigilado(self.nuevo_zocalo(zmq::SUB)?, endpoint)
    }

    fn vigilado(&self, z: zmq::Socket, endpoint: &Endpoint) -> Result<(Socket, Monitor), ErrorDeTransporte> {
        z.set_ipv6(endpoint.es_ipv6())?;
        let socket = Socket::nuevo(latir(z)?)?;
        let monitor = Monitor::de(self, &socket)?;
        socket.conectar(endpoint)?;
        Ok((socket, monitor))
    }

    fn nuevo_zocalo(&self, tipo: zmq::SocketType) -> Result<zmq::Socket, ErrorDeTransporte> {
        let z = self.0.socket(tipo)?;
        z.set_linger(LINGER_MS)?;
        z.set_sndhwm(HWM)?;
        z.set_rcvhwm(HWM)?;
        z.set_maxmsgsize(i64::try_from(MENSAJE_BYTES_MAX).expect("cabe"))?;
        z.set_handshake_ivl(SALUDO_MS)?;
        z.set_reconnect_ivl(RECONEXION_MS.0)?;
        z.set_reconnect_ivl_max(RECONEXION_MS.1)?;
        Ok(z)
    }

    pub(super) fn pair_interno(&self, endpoint: &str) -> Result<Socket, ErrorDeTransporte> {
        let z = self.0.socket(zmq::PAIR)?;
        z.connect(endpoint)?;
        Socket::nuevo(z)
    }
}

/// Lo que llevan las conexiones internas: latidos, y un límite a lo que TCP insiste.
fn latir(z: zmq::Socket) -> Result<zmq::Socket, ErrorDeTransporte> {
    z.set_heartbeat_ivl(LATIDO_MS.0)?;
    z.set_heartbeat_timeout(LATIDO_MS.1)?;
    fijar_tcp_maxrt(z)
}

fn fijar_tcp_maxrt(mut z: zmq::Socket) -> Result<zmq::Socket, ErrorDeTransporte> {
    let valor = TCP_MAXRT_MS;
    // SAFETY: el puntero es el del zócalo vivo que tenemos en exclusiva; libzmq copia `valor` antes de volver.
    // (`into_raw` y `from_raw` no valen: el zócalo dejaría de sostener su contexto, y soltar este esperaría por él.)
    let r =
        unsafe { zmq_sys::zmq_setsockopt(z.as_mut_ptr(), ZMQ_TCP_MAXRT, (&raw const valor).cast(), size_of::<i32>()) };
    if r == 0 { Ok(z) } else { Err(ErrorDeTransporte::Zocalo("ZMQ_TCP_MAXRT no se admite".into())) }
}

fn escuchar(z: zmq::Socket, bind: &Endpoint) -> Result<Socket, ErrorDeTransporte> {
    z.set_ipv6(bind.es_ipv6())?;
    z.bind(&bind.tcp()).map_err(|e| ErrorDeTransporte::Escuchar {
        endpoint: bind.to_string(),
        causa: match e {
            Error::EADDRINUSE => "el puerto ya está ocupado".into(),
            Error::EADDRNOTAVAIL | Error::ENODEV => "la dirección no es de esta máquina".into(),
            otro => otro.message().to_owned(),
        },
    })?;
    Socket::nuevo(z)
}

fn conectar(z: zmq::Socket, endpoint: &Endpoint) -> Result<Socket, ErrorDeTransporte> {
    z.set_ipv6(endpoint.es_ipv6())?;
    let socket = Socket::nuevo(z)?;
    socket.conectar(endpoint)?;
    Ok(socket)
}

/// Un zócalo con dueño. `fd` va primero: ha de salir de epoll antes de que libzmq lo cierre.
pub struct Socket {
    fd: AsyncFd<RawFd>,
    z: zmq::Socket,
    /// Lo que dijo `get_events`, si fue la última llamada y el descriptor no ha vuelto a avisar: mientras siga así no
    /// hay nada nuevo, y preguntar otra vez sería una llamada al sistema en cada vuelta.
    visto: Option<PollEvents>,
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
    fn nuevo(z: zmq::Socket) -> Result<Self, ErrorDeTransporte> {
        let fd = z.get_fd()?;
        // SAFETY: `fd` vive tanto como `z` y, por el orden de los campos, se suelta antes.
        let fd = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }
            .map_err(|e| ErrorDeTransporte::Zocalo(e.to_string()))?;
        Ok(Self { fd, z, visto: None })
    }

    fn conectar(&self, endpoint: &Endpoint) -> Result<(), ErrorDeTransporte> {
        self.z
            .connect(&endpoint.tcp())
            .map_err(|e| ErrorDeTransporte::Conectar { endpoint: endpoint.to_string(), causa: e.message().to_owned() })
    }

    pub(super) fn z(&self) -> &zmq::Socket {
        &self.z
    }

    /// Añade una suscripción (solo SUB).
    ///
    /// # Errors
    /// [`ErrorDeTransporte::Zocalo`].
    pub fn suscribir(&self, prefijo: &str) -> Result<(), ErrorDeTransporte> {
        Ok(self.z.set_subscribe(prefijo.as_bytes())?)
    }

    /// Quita una suscripción (solo SUB): el publicador lo ve como una salida.
    ///
    /// # Errors
    /// [`ErrorDeTransporte::Zocalo`].
    pub fn desuscribir(&self, prefijo: &str) -> Result<(), ErrorDeTransporte> {
        Ok(self.z.set_unsubscribe(prefijo.as_bytes())?)
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
    ///
    /// # Errors
    /// [`ErrorDeTransporte::Zocalo`].
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
