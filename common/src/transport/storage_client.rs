//! El cliente rotatorio del almacenamiento: lleva a los zócalos lo que decide [`Rotacion`].
//!
//! Todo pasa dentro de [`StorageClient::siguiente`], en la tarea de quien lo usa: ni tareas, ni canales, ni cerrojos.

mod avisos;

use std::{
    collections::{HashMap, VecDeque},
    future::poll_fn,
    pin::Pin,
    task::{Context as TaskContext, Poll},
    time::Instant,
};

use tokio::time::Sleep;

use self::avisos::{Avisos, saturado};
use super::{
    contexto::Contexto,
    endpoint::Endpoint,
    monitor::{Conexion, Monitor},
    socket::{ErrorDeTransporte, Frame, Socket},
};
use crate::{
    mensajes::{self, CuerpoPeticion, CuerpoResultado, Peticion, Resultado, ResultadoLeido},
    resilience::{
        EstadoBreaker, Rotacion,
        rotation::{Accion, Config, SinServicio, Veredicto},
    },
};

/// El final de una llamada.
#[derive(Debug)]
pub struct Entrega {
    /// El que puso quien llamó.
    pub token: u64,
    /// Lo que contestó un punto de almacenamiento (de la clase que se pidió: nunca [`CuerpoResultado::Fallo`] ni
    /// [`CuerpoResultado::NoEntendida`]), o por qué ninguno lo hizo.
    pub resultado: Result<CuerpoResultado, SinServicio>,
}

/// El cliente. Un dueño, una tarea, que ha de esperar en [`StorageClient::siguiente`] aunque no haya llamadas: ahí se
/// atienden las conexiones y la salud de los puntos.
pub struct StorageClient {
    puntos: Vec<Punto>,
    rotacion: Rotacion,
    en_curso: HashMap<u64, EnCurso>,
    entregas: VecDeque<Entrega>,
    avisos: Avisos,
    alarma: Pin<Box<Sleep>>,
    plazo_ms: u32,
}

struct Punto {
    endpoint: Endpoint,
    socket: Socket,
    monitor: Monitor,
}

/// Una llamada sin final todavía.
struct EnCurso {
    token: u64,
    clase: Clase,
    /// La petición ya escrita, para volver a enviarla tal cual.
    bytes: Vec<u8>,
}

/// Qué contestación corresponde a una petición.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clase {
    Escritas,
    Consultada,
    Administrada,
    Sano,
}

impl Clase {
    fn pedida(cuerpo: &CuerpoPeticion) -> Self {
        match cuerpo {
            CuerpoPeticion::Escribir(_) | CuerpoPeticion::Terminar(_) => Self::Escritas,
            CuerpoPeticion::Consultar(_) => Self::Consultada,
            CuerpoPeticion::Administrar(_) => Self::Administrada,
            CuerpoPeticion::Salud => Self::Sano,
        }
    }

    fn contestada(cuerpo: &CuerpoResultado) -> Option<Self> {
        match cuerpo {
            CuerpoResultado::Escritas(_) => Some(Self::Escritas),
            CuerpoResultado::Consultada(_) => Some(Self::Consultada),
            CuerpoResultado::Administrada(_) => Some(Self::Administrada),
            CuerpoResultado::Sano => Some(Self::Sano),
            CuerpoResultado::Fallo(_) | CuerpoResultado::NoEntendida { .. } => None,
        }
    }
}

impl StorageClient {
    /// Abre un DEALER por punto, con los plazos por defecto.
    ///
    /// # Errors
    /// [`ErrorDeTransporte::Conectar`].
    ///
    /// # Panics
    /// Si no hay ningún punto, o fuera de un runtime de tokio.
    pub fn conectar(contexto: &Contexto, endpoints: &[Endpoint]) -> Result<Self, ErrorDeTransporte> {
        Self::con_config(contexto, endpoints, Config::default())
    }

    /// Abre un DEALER por punto.
    ///
    /// # Errors
    /// [`ErrorDeTransporte::Conectar`].
    ///
    /// # Panics
    /// Si no hay ningún punto, o fuera de un runtime de tokio.
    pub fn con_config(contexto: &Contexto, endpoints: &[Endpoint], config: Config) -> Result<Self, ErrorDeTransporte> {
        let puntos = endpoints
            .iter()
            .map(|endpoint| {
                let (socket, monitor) = contexto.dealer_vigilado(endpoint)?;
                Ok(Punto { endpoint: endpoint.clone(), socket, monitor })
            })
            .collect::<Result<Vec<_>, ErrorDeTransporte>>()?;
        let now = ahora();
        Ok(Self {
            rotacion: Rotacion::new(config, puntos.len(), now),
            avisos: Avisos::nuevo(endpoints),
            puntos,
            en_curso: HashMap::new(),
            entregas: VecDeque::new(),
            alarma: Box::pin(tokio::time::sleep_until(now.into())),
            plazo_ms: u32::try_from(config.plazo.as_millis()).unwrap_or(u32::MAX),
        })
    }

    /// Empieza una llamada; su final llega por [`StorageClient::siguiente`], siempre una vez.
    pub fn llamar(&mut self, token: u64, cuerpo: CuerpoPeticion) {
        let Some(numero) = self.rotacion.on_llamada(ahora()) else {
            saturado();
            return self.entregar(token, Err(SinServicio::NadaHecho));
        };
        let clase = Clase::pedida(&cuerpo);
        let bytes = mensajes::codificar(&Peticion { peticion: numero, plazo_ms: self.plazo_ms, cuerpo });
        self.en_curso.insert(numero, EnCurso { token, clase, bytes });
        self.actuar();
    }

    /// Espera el final de alguna llamada, y entretanto atiende las conexiones, los plazos y la salud de los puntos.
    /// Se puede cancelar sin perder nada.
    pub async fn siguiente(&mut self) -> Entrega {
        poll_fn(|cx| self.poll_siguiente(cx)).await
    }

    /// Si hay conexión con algún punto: sin ella, toda llamada acaba en seguida.
    #[must_use]
    pub fn hay_enlace(&self) -> bool {
        self.rotacion.hay_enlace()
    }

    /// Cada punto y el estado de su breaker.
    #[must_use]
    pub fn estados(&self) -> Vec<(Endpoint, EstadoBreaker)> {
        self.puntos.iter().map(|punto| punto.endpoint.clone()).zip(self.rotacion.estados()).collect()
    }

    /// Restablece el circuito de un punto, por orden de una persona: el estado en que estaba y en el que queda. `None`
    /// si no es uno de los nuestros.
    pub fn restablecer(&mut self, endpoint: &Endpoint) -> Option<(EstadoBreaker, EstadoBreaker)> {
        let punto = self.puntos.iter().position(|punto| punto.endpoint == *endpoint)?;
        let antes = self.rotacion.estados().nth(punto)?;
        self.rotacion.on_reset(punto, ahora());
        self.actuar();
        self.rotacion.estados().nth(punto).map(|despues| (antes, despues))
    }

    fn poll_siguiente(&mut self, cx: &mut TaskContext<'_>) -> Poll<Entrega> {
        loop {
            if let Some(entrega) = self.entregas.pop_front() {
                return Poll::Ready(entrega);
            }
            // Cada vuelta deja a todos los zócalos secos y con el despertador puesto, o da alguna entrega.
            let mut hubo = false;
            for punto in 0..self.puntos.len() {
                hubo |= self.atender_respuestas(punto, cx);
                hubo |= self.atender_conexion(punto, cx);
            }
            hubo |= self.atender_plazos(cx);
            if !hubo {
                return Poll::Pending;
            }
        }
    }

    fn atender_conexion(&mut self, punto: usize, cx: &mut TaskContext<'_>) -> bool {
        let mut hubo = false;
        while let Poll::Ready(suceso) = self.puntos[punto].monitor.poll_conexion(cx) {
            match suceso {
                Ok(Conexion::Abierta) => self.rotacion.on_conectado(punto, ahora()),
                Ok(Conexion::Perdida) => {
                    self.leer_lo_recibido(punto);
                    self.rotacion.on_desconectado(punto, ahora());
                }
                Err(error) => {
                    self.avisos.zocalo_roto(punto, &error);
                    break;
                }
            }
            hubo = true;
            self.actuar();
        }
        hubo
    }

    /// Lo que el punto contestó antes de irse vale: se lee lo que quede antes de dar nada por perdido. No siempre
    /// queda: con IMMEDIATE, libzmq tira lo que no se leyó antes de saber que la conexión cayó.
    fn leer_lo_recibido(&mut self, punto: usize) {
        while let Ok(Some(cuadros)) = self.puntos[punto].socket.try_recv() {
            self.recibir(punto, &cuadros);
        }
    }

    fn atender_respuestas(&mut self, punto: usize, cx: &mut TaskContext<'_>) -> bool {
        let mut hubo = false;
        while let Poll::Ready(recibido) = self.puntos[punto].socket.poll_recv(cx) {
            match recibido {
                Ok(cuadros) => self.recibir(punto, &cuadros),
                Err(error) => {
                    self.avisos.zocalo_roto(punto, &error);
                    break;
                }
            }
            hubo = true;
        }
        hubo
    }

    fn recibir(&mut self, punto: usize, cuadros: &[Frame]) {
        let now = ahora();
        match leer(cuadros) {
            ResultadoLeido::Entendido(Resultado { peticion, cuerpo }) => {
                self.recibir_resultado(punto, peticion, cuerpo, now);
            }
            ResultadoLeido::SoloNumero(peticion) => {
                self.avisos.basura(punto);
                let veredicto = Veredicto::Fallo { nada_hecho: false };
                let _sin_cuerpo = self.rotacion.on_respuesta(punto, peticion, veredicto, now);
            }
            ResultadoLeido::Basura => {
                self.avisos.basura(punto);
                self.rotacion.on_basura(punto, now);
            }
        }
        self.actuar();
    }

    fn recibir_resultado(&mut self, punto: usize, peticion: u64, cuerpo: CuerpoResultado, now: Instant) {
        let pedida = self.en_curso.get(&peticion).map(|en_curso| en_curso.clase);
        let veredicto = match &cuerpo {
            CuerpoResultado::Fallo(fallo) => {
                self.avisos.fallo(punto, fallo);
                Veredicto::Fallo { nada_hecho: fallo.nada_hecho }
            }
            CuerpoResultado::NoEntendida { motivo } => {
                self.avisos.no_entendida(punto, motivo);
                Veredicto::NoEntendida
            }
            // Sin llamada que espere, puede ser la respuesta a una sonda o una tardía.
            _ if pedida.is_none() || pedida == Clase::contestada(&cuerpo) => Veredicto::Servida,
            _ => {
                self.avisos.basura(punto);
                Veredicto::Fallo { nada_hecho: false }
            }
        };
        if self.rotacion.on_respuesta(punto, peticion, veredicto, now)
            && let Some(en_curso) = self.en_curso.remove(&peticion)
        {
            self.entregar(en_curso.token, Ok(cuerpo));
        }
    }

    fn atender_plazos(&mut self, cx: &mut TaskContext<'_>) -> bool {
        let Some(cuando) = self.rotacion.poll_timeout() else { return false };
        // La alarma puede sonar antes de tiempo, nunca después: los plazos cambian con cada llamada y moverla cuesta.
        if self.alarma.deadline().into_std() > cuando || self.alarma.is_elapsed() {
            self.alarma.as_mut().reset(cuando.into());
        }
        if self.alarma.as_mut().poll(cx).is_pending() {
            return false;
        }
        self.rotacion.on_plazo(ahora());
        self.actuar();
        true
    }

    /// Hace lo que la máquina haya decidido.
    fn actuar(&mut self) {
        while let Some(accion) = self.rotacion.poll_accion() {
            match accion {
                Accion::Enviar { punto, llamada } => {
                    let Some(en_curso) = self.en_curso.get(&llamada) else { continue };
                    if self.puntos[punto].socket.try_send(&[b"", &en_curso.bytes]).is_err() {
                        self.rotacion.on_no_enviado(punto, llamada, ahora());
                    }
                }
                Accion::Sondear { punto, peticion } => self.sondear(punto, peticion),
                Accion::Abandonar { llamada, porque } => {
                    if let Some(en_curso) = self.en_curso.remove(&llamada) {
                        self.entregar(en_curso.token, Err(porque));
                    }
                }
                Accion::Avisar(aviso) => self.avisos.dar(aviso),
            }
        }
    }

    fn sondear(&mut self, punto: usize, peticion: u64) {
        let salud = Peticion { peticion, plazo_ms: self.plazo_ms, cuerpo: CuerpoPeticion::Salud };
        if self.puntos[punto].socket.try_send(&[b"", &mensajes::codificar(&salud)]).is_err() {
            self.rotacion.on_no_enviado(punto, peticion, ahora());
        }
    }

    fn entregar(&mut self, token: u64, resultado: Result<CuerpoResultado, SinServicio>) {
        self.entregas.push_back(Entrega { token, resultado });
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
