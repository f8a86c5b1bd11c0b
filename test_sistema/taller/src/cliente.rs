//! Decide cuándo un cliente vuelve a enviar lo que pidió: al vencer su plazo o al volver la conexión, con el mismo id.
//!
//! Cada cliente es un DEALER con su propia conexión, así que el gestor los ve como clientes distintos; todos viven en
//! un hilo.

use std::{
    collections::VecDeque,
    future::poll_fn,
    task::{Context, Poll},
    time::Duration,
};

use common::transport::{Conexion, Contexto, Endpoint, ErrorDeTransporte, Frame, Monitor, Socket};
use tokio::time::{Instant, timeout_at};

/// Respuestas rezagadas que se guardan para quien quiera compararlas.
const REZAGADAS_MAX: usize = 64;

/// Cuánto espera un cliente.
#[derive(Clone, Copy, Debug)]
pub struct Paciencia {
    /// Tras el primer envío.
    pub primero: Duration,
    /// Tras cada envío repetido.
    pub repetido: Duration,
    /// En total.
    pub total: Duration,
}

impl Paciencia {
    /// La de una persona en el mostrador: algo más que el plazo de respuesta del gestor (2 s), y sin repetir.
    #[must_use]
    pub fn de_persona() -> Self {
        let espera = Duration::from_secs(4);
        Self { primero: espera, repetido: espera, total: espera }
    }

    /// La de un programa que no se rinde: repite cada 3 s hasta `total`.
    #[must_use]
    pub fn insistente(total: Duration) -> Self {
        let envio = Duration::from_secs(3);
        Self { primero: envio, repetido: envio, total }
    }
}

/// Lo que llegó.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contestacion {
    /// El último cuadro, byte a byte.
    pub cuerpo: Vec<u8>,
    /// Cuántas veces hubo que enviar.
    pub envios: u32,
}

/// Se acabó la paciencia, o el transporte.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SinRespuesta {
    /// No hubo a quién enviar.
    #[error(
        "no responde ninguna suite en {0}. Arránquela con «make servir» (o «anaquel servir»), o diga dónde está con \
         GESTOR_CARGA_HOST y GESTOR_CARGA_PORT"
    )]
    SinConexion(Endpoint),
    /// Salió y no volvió nada.
    #[error("{endpoint} no respondió a {envios} envíos")]
    Vencida {
        /// A quién se pidió.
        endpoint: Endpoint,
        /// Cuántas veces.
        envios: u32,
    },
    /// El zócalo no sirve.
    #[error(transparent)]
    Transporte(#[from] ErrorDeTransporte),
}

/// Un cliente del gestor de carga. Una petición fuera a la vez.
pub struct Cliente {
    endpoint: Endpoint,
    socket: Socket,
    monitor: Monitor,
    conectado: bool,
    /// Número del próximo envío: viaja en un cuadro propio y vuelve con la respuesta.
    envio: u64,
    rezagadas: VecDeque<Vec<u8>>,
}

enum Suceso {
    Mensaje(Vec<Frame>),
    Conexion(Conexion),
}

impl Cliente {
    /// Un cliente de `endpoint`; conecta cuando se pueda.
    ///
    /// # Errors
    /// [`ErrorDeTransporte`].
    pub fn conectar(contexto: &Contexto, endpoint: &Endpoint) -> Result<Self, ErrorDeTransporte> {
        let (socket, monitor) = contexto.dealer_vigilado(endpoint)?;
        Ok(Self { endpoint: endpoint.clone(), socket, monitor, conectado: false, envio: 0, rezagadas: VecDeque::new() })
    }

    /// Envía `cuerpo` y espera su respuesta, repitiéndolo tal cual cuantas veces haga falta.
    ///
    /// # Errors
    /// [`SinRespuesta`] al acabarse la paciencia.
    pub async fn pedir(&mut self, cuerpo: &[u8], paciencia: Paciencia) -> Result<Contestacion, SinRespuesta> {
        let fin = Instant::now() + paciencia.total;
        let primero = self.envio;
        let mut espera = paciencia.primero;
        let mut envios = 0;
        while Instant::now() < fin {
            let Ok(salio) = timeout_at(fin, self.enviar(cuerpo)).await else { break };
            salio?;
            envios += 1;
            let hasta = fin.min(Instant::now() + espera);
            if let Some(cuerpo) = self.esperar(primero, hasta).await? {
                return Ok(Contestacion { cuerpo, envios });
            }
            espera = paciencia.repetido;
        }
        let endpoint = self.endpoint.clone();
        Err(if envios == 0 { SinRespuesta::SinConexion(endpoint) } else { SinRespuesta::Vencida { endpoint, envios } })
    }

    /// Envía `cuerpo` y no espera: como un cliente que se va. Lo que conteste el gestor será una rezagada.
    ///
    /// # Errors
    /// [`SinRespuesta::SinConexion`] si no salió dentro de `plazo`.
    pub async fn soltar(&mut self, cuerpo: &[u8], plazo: Duration) -> Result<(), SinRespuesta> {
        match timeout_at(Instant::now() + plazo, self.enviar(cuerpo)).await {
            Ok(r) => Ok(r?),
            Err(_) => Err(SinRespuesta::SinConexion(self.endpoint.clone())),
        }
    }

    /// Respuestas que llegaron cuando ya no se esperaban.
    pub fn rezagadas(&mut self) -> impl Iterator<Item = Vec<u8>> {
        self.rezagadas.drain(..)
    }

    /// Envía cuando haya conexión. Antes de eso no: lo que acepta una conexión que está muriendo se pierde.
    async fn enviar(&mut self, cuerpo: &[u8]) -> Result<(), ErrorDeTransporte> {
        // Lo que ya pasó se lee ahora, para que una pérdida vieja no parezca de este envío.
        while let Some(suceso) = poll_fn(|cx| Poll::Ready(listo(self.poll_suceso(cx)))).await {
            self.apartar(suceso?);
        }
        while !self.conectado {
            let suceso = poll_fn(|cx| self.poll_suceso(cx)).await?;
            self.apartar(suceso);
        }
        let numero = self.envio.to_be_bytes();
        self.socket.send(&[&numero, b"", cuerpo]).await?;
        self.envio += 1;
        Ok(())
    }

    /// La respuesta a algún envío desde `primero`; `None` si hay que repetir.
    async fn esperar(&mut self, primero: u64, hasta: Instant) -> Result<Option<Vec<u8>>, SinRespuesta> {
        loop {
            let Ok(suceso) = timeout_at(hasta, poll_fn(|cx| self.poll_suceso(cx))).await else { return Ok(None) };
            match suceso? {
                Suceso::Mensaje(cuadros) if leer(&cuadros).is_some_and(|(numero, _)| numero >= primero) => {
                    return Ok(leer(&cuadros).map(|(_, cuerpo)| cuerpo.to_vec()));
                }
                // Lo enviado por la conexión perdida no tendrá respuesta: se repite en cuanto haya otra.
                perdida @ Suceso::Conexion(Conexion::Perdida) => {
                    self.apartar(perdida);
                    return Ok(None);
                }
                otro => self.apartar(otro),
            }
        }
    }

    /// Anota lo que no es la respuesta que se espera.
    fn apartar(&mut self, suceso: Suceso) {
        match suceso {
            Suceso::Conexion(conexion) => self.conectado = conexion == Conexion::Abierta,
            Suceso::Mensaje(cuadros) => {
                if let Some((_, cuerpo)) = leer(&cuadros)
                    && self.rezagadas.len() < REZAGADAS_MAX
                {
                    self.rezagadas.push_back(cuerpo.to_vec());
                }
            }
        }
    }

    fn poll_suceso(&mut self, cx: &mut Context<'_>) -> Poll<Result<Suceso, ErrorDeTransporte>> {
        if let Poll::Ready(mensaje) = self.socket.poll_recv(cx) {
            return Poll::Ready(mensaje.map(Suceso::Mensaje));
        }
        self.monitor.poll_conexion(cx).map_ok(Suceso::Conexion)
    }
}

fn listo<T>(poll: Poll<T>) -> Option<T> {
    match poll {
        Poll::Ready(valor) => Some(valor),
        Poll::Pending => None,
    }
}

/// El número de envío y el cuerpo.
fn leer(cuadros: &[Frame]) -> Option<(u64, &[u8])> {
    let [numero, .., cuerpo] = cuadros else { return None };
    let numero = <[u8; 8]>::try_from(&numero[..]).ok()?;
    Some((u64::from_be_bytes(numero), cuerpo))
}
