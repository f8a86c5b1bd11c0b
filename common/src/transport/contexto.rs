//! Decide cómo se abre cada clase de zócalo: sus límites, sus latidos y sus reconexiones.

use std::time::Duration;

use zmq::Error;

use super::{
    endpoint::Endpoint,
    monitor::Monitor,
    socket::{ErrorDeTransporte, Socket},
};
use crate::{mensajes::MENSAJE_BYTES_MAX, tiempos};

/// Mensajes en cola por conexión antes de descartar o frenar; el almacén tiene la verdad, no el zócalo.
const HWM: i32 = 100_000;
/// Plazo del saludo de una conexión, en milisegundos; corta a quien abre y calla.
const SALUDO_MS: i32 = 1_000;
/// Opción sin envoltura segura en el crate.
const ZMQ_TCP_MAXRT: i32 = 80;

/// El contexto de ZeroMQ del proceso.
#[derive(Clone, Default)]
pub struct Contexto(zmq::Context);

impl Contexto {
    /// Un contexto nuevo.
    pub fn new() -> Self {
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
    pub fn router(&self, bind: &Endpoint) -> Result<Socket, ErrorDeTransporte> {
        let z = self.nuevo_zocalo(zmq::ROUTER)?;
        z.set_router_mandatory(true)?;
        escuchar(latir(z)?, bind)
    }

    /// XPUB que anuncia cada suscripción, también las repetidas.
    pub fn xpub(&self, bind: &Endpoint) -> Result<Socket, ErrorDeTransporte> {
        let z = self.nuevo_zocalo(zmq::XPUB)?;
        // VERBOSE: un SUB que vuelve mientras su conexión vieja aún vive no se anunciaría de otro modo.
        z.set_xpub_verbose(true)?;
        escuchar(latir(z)?, bind)
    }

    /// SUB conectado a `endpoint`; las suscripciones se hacen después.
    pub fn sub(&self, endpoint: &Endpoint) -> Result<Socket, ErrorDeTransporte> {
        let z = self.nuevo_zocalo(zmq::SUB)?;
        conectar(latir(z)?, endpoint)
    }

    /// DEALER conectado a `endpoint`, sin cola mientras no haya conexión.
    pub fn dealer(&self, endpoint: &Endpoint) -> Result<Socket, ErrorDeTransporte> {
        let z = self.nuevo_zocalo(zmq::DEALER)?;
        // IMMEDIATE: lo aceptado durante una caída se ejecutaría al volver, mucho después de pedirse en otra parte.
        z.set_immediate(true)?;
        conectar(latir(z)?, endpoint)
    }

    /// DEALER de un cliente cualquiera: como [`Contexto::dealer`], sin latidos. Los que el gestor manda de tarde en tarde
    /// le bastan, y mil clientes callados no cuestan dos mil latidos por segundo.
    pub fn dealer_de_cliente(&self, endpoint: &Endpoint) -> Result<Socket, ErrorDeTransporte> {
        let z = self.nuevo_zocalo(zmq::DEALER)?;
        z.set_immediate(true)?;
        conectar(z, endpoint)
    }

    /// Como [`Contexto::dealer`], con el monitor abierto antes de conectar para que no se pierda ningún suceso.
    pub fn dealer_vigilado(&self, endpoint: &Endpoint) -> Result<(Socket, Monitor), ErrorDeTransporte> {
        let z = self.nuevo_zocalo(zmq::DEALER)?;
        z.set_immediate(true)?;
        self.vigilado(z, endpoint)
    }

    /// Como [`Contexto::sub`], con el monitor abierto antes de conectar.
    pub fn sub_vigilado(&self, endpoint: &Endpoint) -> Result<(Socket, Monitor), ErrorDeTransporte> {
        self.vigilado(self.nuevo_zocalo(zmq::SUB)?, endpoint)
    }

    fn vigilado(&self, z: zmq::Socket, endpoint: &Endpoint) -> Result<(Socket, Monitor), ErrorDeTransporte> {
        z.set_ipv6(endpoint.es_ipv6())?;
        let socket = Socket::new(latir(z)?)?;
        let monitor = Monitor::de(&socket, |nombre| self.par(nombre))?;
        socket.conectar(endpoint)?;
        Ok((socket, monitor))
    }

    fn nuevo_zocalo(&self, tipo: zmq::SocketType) -> Result<zmq::Socket, ErrorDeTransporte> {
        let z = self.0.socket(tipo)?;
        z.set_linger(ms(tiempos::LINGER))?;
        z.set_sndhwm(HWM)?;
        z.set_rcvhwm(HWM)?;
        z.set_maxmsgsize(i64::try_from(MENSAJE_BYTES_MAX).expect("cabe"))?;
        z.set_handshake_ivl(SALUDO_MS)?;
        z.set_reconnect_ivl(ms(tiempos::RECONEXION))?;
        z.set_reconnect_ivl_max(ms(tiempos::RECONEXION_MAX))?;
        Ok(z)
    }

    fn par(&self, nombre: &str) -> Result<Socket, ErrorDeTransporte> {
        let z = self.0.socket(zmq::PAIR)?;
        z.connect(nombre)?;
        Socket::new(z)
    }
}

/// Como lo quiere ZeroMQ.
fn ms(tiempo: Duration) -> i32 {
    i32::try_from(tiempo.as_millis()).expect("ninguno de los nuestros pasa de un minuto")
}

/// Lo que llevan las conexiones internas: latidos, y un límite a lo que TCP insiste.
fn latir(z: zmq::Socket) -> Result<zmq::Socket, ErrorDeTransporte> {
    z.set_heartbeat_ivl(ms(tiempos::LATIDO))?;
    z.set_heartbeat_timeout(ms(tiempos::SIN_LATIDO))?;
    fijar_tcp_maxrt(z)
}

#[expect(unsafe_code, reason = "el crate zmq no envuelve esta opción")]
fn fijar_tcp_maxrt(mut z: zmq::Socket) -> Result<zmq::Socket, ErrorDeTransporte> {
    let valor = ms(tiempos::TCP_MAXRT);
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
    Socket::new(z)
}

fn conectar(z: zmq::Socket, endpoint: &Endpoint) -> Result<Socket, ErrorDeTransporte> {
    z.set_ipv6(endpoint.es_ipv6())?;
    let socket = Socket::new(z)?;
    socket.conectar(endpoint)?;
    Ok(socket)
}
