//! Lleva a los zócalos lo que decide [`crate::machine`]: recibe eventos, llama al almacenamiento e informa.
//!
//! Una sola tarea es dueña de todos los zócalos. Lo que llega mientras las llamadas están fuera se junta y va en la
//! siguiente: no hay temporizadores que esperen compañía.

use std::{
    future::poll_fn,
    task::{Context, Poll},
    time::Duration,
};

use common::{
    mensajes::{
        Circuito, CuerpoPeticion, Evento, Informe, LISTA_MAX, OrdenNoEntendida, ResultadoInforme, Topico, codificar,
    },
    process::{
        http::Listo,
        puntos_de_muerte::{self, Punto},
        shutdown::Apagado,
    },
    resilience::EstadoBreaker,
    tiempos,
    transport::{Conexion, Contexto, Entrega, ErrorDeTransporte, Frame, Monitor, Socket, StorageClient},
};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use uuid::Uuid;

use crate::{
    ajustes::{Ajustado, DireccionGestor},
    circuitos::{self, Contado},
    contadores::{Contadores, descartar},
    machine::{Final, Limites, Machine},
};

/// Cuánto cabe en un actor. La ventana de un gestor son 1024 órdenes en vuelo: caben las de varios.
pub const LIMITES: Limites = Limites { cola: 8_192, llamadas: 2, lista: LISTA_MAX, informes: 4_096 };
/// Mensajes que se leen de un zócalo antes de atender a lo demás.
const MENSAJES_POR_VUELTA: usize = 64;
/// Cuánto espera el anuncio a que haya conexión con el almacenamiento: lo que un gestor tenga guardado llega en cuanto
/// nos ve, y sin conexión habría que devolvérselo.
const ANUNCIO_MAX: Duration = Duration::from_millis(500);
/// Cada cuánto se mira, mientras tanto.
const ANUNCIO_REVISION: Duration = Duration::from_millis(5);
/// Cada cuánto se ponen al día `/listo` y las métricas de nivel.
const REVISION: Duration = Duration::from_millis(100);

/// Cómo acabó el apagado.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Termino {
    Completo,
    Cortado { ordenes: usize },
}

/// Un gestor de carga: de dónde llegan sus eventos y a dónde van sus informes.
struct Gestor {
    direccion: DireccionGestor,
    eventos: Socket,
    monitor: Monitor,
    conectado: bool,
    informes: Socket,
    /// Un informe ya escrito que aún no ha podido salir.
    por_salir: Option<Vec<u8>>,
    contado: Contado,
}

/// Lo que le pasa a un gestor.
enum Suceso {
    Mensaje(Vec<Frame>),
    Conexion(Conexion),
    InformeEnviado,
    /// Algo llegó por el zócalo de informes, por donde no llega nada.
    Ajeno,
}

/// El actor en marcha.
pub struct Servicio {
    instancia: String,
    /// `<topico>|<instancia>`: el primer cuadro de lo que es para este actor.
    tema: String,
    topico: Topico,
    machine: Machine,
    gestores: Vec<Gestor>,
    almacenamiento: StorageClient,
    listo: Listo,
    contadores: Contadores,
}

impl Servicio {
    /// Conecta con todos, con una instancia nueva.
    pub fn conectar(
        contexto: &Contexto,
        topico: Topico,
        ajustado: &Ajustado,
        listo: Listo,
    ) -> Result<Self, ErrorDeTransporte> {
        let instancia = Uuid::now_v7().simple().to_string();
        let tema = topico.de_instancia(&instancia);
        let gestores: Vec<Gestor> =
            ajustado.gestores.iter().map(|d| Gestor::conectar(contexto, d)).collect::<Result<_, _>>()?;
        Ok(Self {
            machine: Machine::new(gestores.len(), LIMITES),
            almacenamiento: StorageClient::conectar(contexto, &ajustado.almacenamiento)?,
            contadores: Contadores::new(topico),
            instancia,
            tema,
            topico,
            gestores,
            listo,
        })
    }

    /// Trabaja hasta que llegue una señal; devuelve cuál.
    ///
    /// # Errors
    /// [`ErrorDeTransporte`] si un zócalo deja de servir.
    pub async fn correr(&mut self, apagado: &mut Apagado) -> Result<&'static str, ErrorDeTransporte> {
        tokio::select! {
            anunciado = self.anunciarse() => anunciado?,
            motivo = apagado.pedido() => return Ok(motivo),
        }
        let mut revision = interval(REVISION);
        revision.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.recoger()?;
            self.despachar();
            tokio::select! {
                entrega = self.almacenamiento.siguiente() => self.acabar(entrega),
                suceso = siguiente_suceso(&mut self.gestores) => self.atender(suceso?),
                _ = revision.tick() => self.revisar(),
                motivo = apagado.pedido() => return Ok(motivo),
            }
        }
    }

    /// Se suscribe en todos los gestores, en cuanto haya almacenamiento o pase un plazo corto.
    async fn anunciarse(&mut self) -> Result<(), ErrorDeTransporte> {
        let plazo = Instant::now() + ANUNCIO_MAX;
        let mut revision = interval(ANUNCIO_REVISION);
        while !self.almacenamiento.hay_enlace() && Instant::now() < plazo {
            tokio::select! {
                entrega = self.almacenamiento.siguiente() => self.acabar(entrega),
                _ = revision.tick() => {}
            }
        }
        for gestor in &self.gestores {
            gestor.eventos.suscribir(&self.tema)?;
        }
        tracing::info!("actor {} anunciado a {} gestores de carga", self.tema, self.gestores.len());
        Ok(())
    }

    /// Se despide de los gestores y termina lo que tiene en la mano, con plazo.
    pub async fn terminar(&mut self) -> Result<Termino, ErrorDeTransporte> {
        self.listo.fijar(false);
        for gestor in &self.gestores {
            gestor.eventos.desuscribir(&self.tema)?;
        }
        let plazo = Instant::now() + tiempos::TERMINAR_UN_ACTOR;
        let termino = loop {
            self.despachar();
            if self.machine.ociosa() && !self.queda_por_informar() {
                break Termino::Completo;
            }
            tokio::select! {
                entrega = self.almacenamiento.siguiente() => self.acabar(entrega),
                // Lo que aún llegue ya es de otro: el gestor lo publica de nuevo al ver la despedida.
                suceso = siguiente_suceso(&mut self.gestores) => self.atender_despedido(suceso?),
                () = sleep_until(plazo) => break Termino::Cortado { ordenes: self.machine.en_mano() },
            }
        };
        // A un gestor que no está, la despedida no le llega, y retendría el zócalo su segundo de gracia.
        for ausente in self.gestores.iter().filter(|gestor| !gestor.conectado) {
            ausente.eventos.sin_gracia()?;
            ausente.informes.sin_gracia()?;
        }
        Ok(termino)
    }

    /// Si algún gestor con conexión espera un informe; a los demás no hay cómo.
    fn queda_por_informar(&self) -> bool {
        self.gestores
            .iter()
            .enumerate()
            .any(|(i, g)| g.conectado && (g.por_salir.is_some() || self.machine.debe_informe(i)))
    }

    /// Lee todo lo que ya está en los zócalos de eventos.
    fn recoger(&mut self) -> Result<(), ErrorDeTransporte> {
        for i in 0..self.gestores.len() {
            for _ in 0..MENSAJES_POR_VUELTA {
                let Some(cuadros) = self.gestores[i].eventos.try_recv()? else { break };
                self.recibir(i, &cuadros);
            }
        }
        Ok(())
    }

    /// Hace lo que la máquina diga: llamadas e informes.
    fn despachar(&mut self) {
        while let Some(llamada) = self.machine.poll_llamada() {
            self.almacenamiento.llamar(llamada.tag, CuerpoPeticion::Escribir(llamada.ordenes));
        }
        for (i, gestor) in self.gestores.iter_mut().enumerate() {
            let Gestor { informes, por_salir, .. } = gestor;
            self.machine.informar_a(i, por_salir, |resultados| {
                self.contadores.contar(&resultados);
                enviar(informes, &self.instancia, resultados, Vec::new())
            });
        }
    }

    /// A quien tiene un informe por salir se le cuenta después: lo que importa va antes.
    fn contar_circuitos(&mut self, circuitos: &[Circuito]) {
        let now = Instant::now();
        for gestor in self.gestores.iter_mut().filter(|g| g.conectado && g.por_salir.is_none()) {
            if let Some(circuitos) = gestor.contado.por_contar(now, circuitos) {
                gestor.por_salir = enviar(&mut gestor.informes, &self.instancia, Vec::new(), circuitos);
            }
        }
    }

    fn acabar(&mut self, entrega: Entrega) {
        let fin = Final::de(entrega.resultado);
        if matches!(fin, Final::Escritas(_)) {
            puntos_de_muerte::pasar(Punto::ActorDecididaSinInformar);
        }
        self.machine.on_final(entrega.tag, fin);
    }

    fn atender(&mut self, (i, suceso): (usize, Suceso)) {
        match suceso {
            Suceso::Mensaje(cuadros) => self.recibir(i, &cuadros),
            otro => self.atender_despedido((i, otro)),
        }
    }

    fn atender_despedido(&mut self, (i, suceso): (usize, Suceso)) {
        let gestor = &mut self.gestores[i];
        match suceso {
            Suceso::Conexion(Conexion::Abierta) => {
                gestor.conectado = true;
                gestor.contado.olvidar();
                tracing::info!("conexión con el gestor de carga {}", gestor.direccion.eventos);
            }
            Suceso::Conexion(Conexion::Perdida) => {
                gestor.conectado = false;
                tracing::warn!("sin conexión con el gestor de carga {}", gestor.direccion.eventos);
            }
            Suceso::InformeEnviado => gestor.por_salir = None,
            Suceso::Ajeno => descartar("ajeno", 1),
            Suceso::Mensaje(_) => {}
        }
    }

    /// Un mensaje del publicador `i`: o es un evento para este actor, o se cuenta y se olvida.
    fn recibir(&mut self, i: usize, cuadros: &[Frame]) {
        let [tema, cuerpo] = cuadros else { return descartar("cuadros", 1) };
        if **tema != *self.tema.as_bytes() {
            return descartar("topico", 1);
        }
        let Ok((mut evento, no_entendidas)) = Evento::leer(cuerpo) else { return descartar("json", 1) };
        if evento.ordenes.len() + no_entendidas.len() > LISTA_MAX {
            return descartar("lista", 1);
        }
        let topico = self.topico;
        let ajenas = evento.ordenes.extract_if(.., |o| Topico::de(o.comando.tipo()) != Some(topico)).map(|o| {
            let motivo = format!("un actor de {topico} no hace {}", o.comando.tipo());
            OrdenNoEntendida { id: o.id, huella: o.huella, intento: o.intento, motivo }
        });
        for ajena in no_entendidas.into_iter().chain(ajenas) {
            self.machine.on_no_entendida(i, ajena);
        }
        let acogida = self.machine.on_evento(i, evento.ordenes);
        if acogida.repetidas > 0 {
            self.contadores.repetidas.increment(u64::try_from(acogida.repetidas).unwrap_or(u64::MAX));
        }
        if acogida.descartadas > 0 {
            descartar("cola_llena", acogida.descartadas);
        }
        puntos_de_muerte::pasar(Punto::ActorRecibida);
    }

    fn revisar(&mut self) {
        let hay_gestor = self.gestores.iter().any(|g| g.conectado);
        let estados = self.almacenamiento.estados();
        let hay_almacenamiento =
            self.almacenamiento.hay_enlace() && estados.iter().any(|(_, estado)| *estado != EstadoBreaker::Abierto);
        self.listo.fijar(hay_gestor && hay_almacenamiento);
        self.contar_circuitos(&circuitos::como_viajan(estados));
        self.contadores.cola.set(nivel(self.machine.en_cola()));
        self.contadores.en_vuelo.set(nivel(self.machine.en_vuelo()));
        self.contadores.informes_descartados.increment(self.machine.quitar_descartados());
    }
}

/// Un tamaño como nivel de una métrica.
fn nivel(tamanio: usize) -> f64 {
    f64::from(u32::try_from(tamanio).unwrap_or(u32::MAX))
}

impl Gestor {
    fn conectar(contexto: &Contexto, direccion: &DireccionGestor) -> Result<Self, ErrorDeTransporte> {
        let (eventos, monitor) = contexto.sub_vigilado(&direccion.eventos)?;
        let informes = contexto.dealer(&direccion.informes)?;
        Ok(Self {
            direccion: direccion.clone(),
            eventos,
            monitor,
            conectado: false,
            informes,
            por_salir: None,
            contado: Contado::default(),
        })
    }

    fn poll_suceso(&mut self, cx: &mut Context<'_>) -> Poll<Result<Suceso, ErrorDeTransporte>> {
        if let Poll::Ready(conexion) = self.monitor.poll_conexion(cx) {
            return Poll::Ready(conexion.map(Suceso::Conexion));
        }
        // Por el zócalo de informes se espera una cosa cada vez: el hueco, si algo espera; si no, lo que llegue.
        if let Some(informe) = &self.por_salir {
            if let Poll::Ready(enviado) = self.informes.poll_send(cx, &[b"", informe]) {
                return Poll::Ready(enviado.map(|()| Suceso::InformeEnviado));
            }
        } else if let Poll::Ready(ajeno) = self.informes.poll_recv(cx) {
            return Poll::Ready(ajeno.map(|_| Suceso::Ajeno));
        }
        self.eventos.poll_recv(cx).map(|mensaje| mensaje.map(Suceso::Mensaje))
    }
}

/// Envía un informe; lo devuelve si ahora no sale.
fn enviar(
    informes: &mut Socket,
    actor: &str,
    resultados: Vec<ResultadoInforme>,
    circuitos: Vec<Circuito>,
) -> Option<Vec<u8>> {
    let informe = codificar(&Informe { actor: actor.to_owned(), resultados, circuitos });
    informes.try_send(&[b"", &informe]).is_err().then_some(informe)
}

/// Espera lo siguiente que le pase a algún gestor.
async fn siguiente_suceso(gestores: &mut [Gestor]) -> Result<(usize, Suceso), ErrorDeTransporte> {
    poll_fn(|cx| {
        for (i, gestor) in gestores.iter_mut().enumerate() {
            if let Poll::Ready(suceso) = gestor.poll_suceso(cx) {
                return Poll::Ready(suceso.map(|s| (i, s)));
            }
        }
        Poll::Pending
    })
    .await
}
