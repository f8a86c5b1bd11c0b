//! Un cliente de los gestores de carga: lleva a los zócalos lo que decide [`Retry`].
//!
//! Tiene un DEALER por gestor, con su propia conexión, y una petición fuera a la vez. Lo mismo, con el mismo id, puede
//! haber salido hacia varios: vale la primera respuesta, venga de quien venga.

use std::{
    collections::VecDeque,
    future::poll_fn,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use tokio::time::{Instant, timeout_at};

use super::{
    contexto::Contexto,
    endpoint::Endpoint,
    monitor::{Conexion, Monitor},
    socket::{ErrorDeTransporte, Frame, Socket},
};
pub use crate::resilience::Paciencia;
use crate::resilience::retry::{Paso, Retry, Rumbo};

/// El ajuste con la lista de gestores.
pub const GESTOR_CARGA_ENDPOINTS: &str = "GESTOR_CARGA_ENDPOINTS";
/// Respuestas rezagadas que se guardan para quien quiera compararlas.
const REZAGADAS_MAX: usize = 64;

/// Lo que llegó.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contestacion {
    pub cuerpo: Vec<u8>,
    /// Cuántas veces hubo que enviar. Un `error` habla de un solo envío: tras más de uno, otro pudo hacerse.
    pub envios: u32,
}

/// Se acabó la paciencia, o el transporte.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SinRespuesta {
    /// No hubo a quién enviar.
    #[error(
        "no responde ninguna suite en {}. Arránquela con «make servir» (o «anaquel servir»), o diga dónde está con {}",
        nombres(.0), ajuste(.0)
    )]
    SinConexion(Vec<Endpoint>),
    /// Salió y no volvió nada.
    #[error("{}", callaron(.gestores, *.envios))]
    Vencida { gestores: Vec<Endpoint>, envios: u32 },
    /// El zócalo no sirve.
    #[error(transparent)]
    Transporte(#[from] ErrorDeTransporte),
}

/// Las direcciones, para nombrarlas en una frase.
pub fn nombres(gestores: &[Endpoint]) -> String {
    gestores.iter().map(Endpoint::to_string).collect::<Vec<_>>().join(", ")
}

fn callaron(gestores: &[Endpoint], envios: u32) -> String {
    let nombres = nombres(gestores);
    if gestores.len() > 1 {
        format!("nadie respondió a {envios} envíos en {nombres} (ajuste {GESTOR_CARGA_ENDPOINTS})")
    } else {
        format!("{nombres} no respondió a {envios} envíos")
    }
}

fn ajuste(gestores: &[Endpoint]) -> &'static str {
    if gestores.len() > 1 { GESTOR_CARGA_ENDPOINTS } else { "GESTOR_CARGA_HOST y GESTOR_CARGA_PORT" }
}

/// El cliente.
pub struct Cliente {
    gestores: Vec<Gestor>,
    rumbo: Rumbo,
    /// Número del próximo envío: viaja en un cuadro propio y vuelve con la respuesta.
    envio: u64,
    rezagadas: VecDeque<Vec<u8>>,
}

struct Gestor {
    endpoint: Endpoint,
    socket: Socket,
    monitor: Monitor,
}

enum Suceso {
    Mensaje(Vec<Frame>),
    Conexion(usize, Conexion),
}

impl Cliente {
    /// Un cliente de `gestores`; conecta cuando se pueda.
    ///
    /// # Panics
    /// Si no hay ninguno.
    pub fn conectar(contexto: &Contexto, gestores: &[Endpoint]) -> Result<Self, ErrorDeTransporte> {
        assert!(!gestores.is_empty(), "hace falta un gestor de carga");
        let gestor = |endpoint: &Endpoint| {
            let (socket, monitor) = contexto.dealer_vigilado(endpoint)?;
            Ok(Gestor { endpoint: endpoint.clone(), socket, monitor })
        };
        let abiertos = gestores.iter().map(gestor).collect::<Result<_, ErrorDeTransporte>>()?;
        Ok(Self { gestores: abiertos, rumbo: Rumbo::new(gestores.len()), envio: 0, rezagadas: VecDeque::new() })
    }

    /// Envía `cuerpo` y espera su respuesta, repitiéndolo tal cual cuantas veces haga falta.
    ///
    /// # Errors
    /// [`SinRespuesta`] al acabarse la paciencia.
    pub async fn pedir(&mut self, cuerpo: &[u8], paciencia: Paciencia) -> Result<Contestacion, SinRespuesta> {
        let primero = self.envio;
        let mut retry = Retry::new(paciencia, ahora());
        loop {
            match retry.paso(&self.rumbo, ahora()) {
                Paso::Enviar(gestor) => self.enviar(gestor, cuerpo, &mut retry).await?,
                Paso::Esperar(hasta) => {
                    if let Some(cuerpo) = self.esperar(primero, hasta.into()).await? {
                        return Ok(Contestacion { cuerpo, envios: retry.envios() });
                    }
                }
                Paso::Rendirse => return Err(self.vencida(retry.envios())),
            }
        }
    }

    /// Envía `cuerpo` y no espera: como un cliente que se va. Lo que conteste el gestor será una rezagada.
    ///
    /// # Errors
    /// [`SinRespuesta::SinConexion`] si no salió dentro de `plazo`.
    pub async fn soltar(&mut self, cuerpo: &[u8], plazo: Duration) -> Result<(), SinRespuesta> {
        let paciencia = Paciencia { primero: plazo, repetido: plazo, total: plazo };
        let mut retry = Retry::new(paciencia, ahora());
        while retry.envios() == 0 {
            match retry.paso(&self.rumbo, ahora()) {
                Paso::Enviar(gestor) => self.enviar(gestor, cuerpo, &mut retry).await?,
                Paso::Esperar(hasta) => drop(self.esperar(u64::MAX, hasta.into()).await?),
                Paso::Rendirse => return Err(self.vencida(0)),
            }
        }
        Ok(())
    }

    /// Respuestas que llegaron cuando ya no se esperaban.
    pub fn rezagadas(&mut self) -> impl Iterator<Item = Vec<u8>> {
        self.rezagadas.drain(..)
    }

    fn vencida(&self, envios: u32) -> SinRespuesta {
        let gestores = self.gestores.iter().map(|gestor| gestor.endpoint.clone()).collect();
        if envios == 0 { SinRespuesta::SinConexion(gestores) } else { SinRespuesta::Vencida { gestores, envios } }
    }

    /// Envía, salvo que antes cambie alguna conexión: entonces hay que decidir otra vez.
    async fn enviar(&mut self, gestor: usize, cuerpo: &[u8], retry: &mut Retry) -> Result<(), ErrorDeTransporte> {
        let numero = self.envio.to_be_bytes();
        let salida = poll_fn(|cx| {
            // Lo que ya pasó se lee antes, para que una pérdida vieja no parezca de este envío.
            if let Poll::Ready(suceso) = self.poll_conexion(cx) {
                return Poll::Ready(suceso.map(Some));
            }
            let cuadros: [&[u8]; 3] = [&numero, b"", cuerpo];
            self.gestores[gestor].socket.poll_send(cx, &cuadros).map_ok(|()| None)
        });
        match timeout_at(retry.fin().into(), salida).await {
            Ok(Ok(None)) => {
                self.envio += 1;
                retry.on_enviado(&mut self.rumbo, gestor, ahora());
            }
            Ok(Ok(Some(conexion))) => self.apartar(conexion),
            Ok(Err(e)) => return Err(e),
            Err(_) => {}
        }
        Ok(())
    }

    /// La respuesta a algún envío desde `primero`; `None` si antes pasó otra cosa.
    async fn esperar(&mut self, primero: u64, hasta: Instant) -> Result<Option<Vec<u8>>, ErrorDeTransporte> {
        let Ok(suceso) = timeout_at(hasta, poll_fn(|cx| self.poll_suceso(cx))).await else { return Ok(None) };
        match suceso? {
            Suceso::Mensaje(cuadros) if leer(&cuadros).is_some_and(|(numero, _)| numero >= primero) => {
                Ok(leer(&cuadros).map(|(_, cuerpo)| cuerpo.to_vec()))
            }
            otro => {
                self.apartar(otro);
                Ok(None)
            }
        }
    }

    /// Anota lo que no es la respuesta que se espera.
    fn apartar(&mut self, suceso: Suceso) {
        match suceso {
            Suceso::Conexion(gestor, Conexion::Abierta) => self.rumbo.on_abierta(gestor),
            Suceso::Conexion(gestor, Conexion::Perdida) => self.rumbo.on_perdida(gestor),
            Suceso::Mensaje(cuadros) => {
                if let Some((_, cuerpo)) = leer(&cuadros)
                    && self.rezagadas.len() < REZAGADAS_MAX
                {
                    self.rezagadas.push_back(cuerpo.to_vec());
                }
            }
        }
    }

    fn poll_suceso(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<Suceso, ErrorDeTransporte>> {
        for gestor in &mut self.gestores {
            if let Poll::Ready(mensaje) = gestor.socket.poll_recv(cx) {
                return Poll::Ready(mensaje.map(Suceso::Mensaje));
            }
        }
        self.poll_conexion(cx)
    }

    fn poll_conexion(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<Suceso, ErrorDeTransporte>> {
        for (numero, gestor) in self.gestores.iter_mut().enumerate() {
            if let Poll::Ready(conexion) = gestor.monitor.poll_conexion(cx) {
                return Poll::Ready(conexion.map(|conexion| Suceso::Conexion(numero, conexion)));
            }
        }
        Poll::Pending
    }
}

/// El número de envío y el cuerpo.
fn leer(cuadros: &[Frame]) -> Option<(u64, &[u8])> {
    let [numero, .., cuerpo] = cuadros else { return None };
    let numero = <[u8; 8]>::try_from(&numero[..]).ok()?;
    Some((u64::from_be_bytes(numero), cuerpo))
}

/// El reloj de tokio, que las pruebas pueden parar.
fn ahora() -> std::time::Instant {
    Instant::now().into_std()
}
