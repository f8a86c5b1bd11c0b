//! El shell del gestor: lleva a los zócalos y al disco lo que decide la máquina.
//!
//! Una tarea, un dueño por zócalo. El `select!` solo nombra el suceso; después se lee lo que se haya juntado, la
//! máquina decide, y se ejecutan sus acciones.

pub mod administracion;
mod circuitos;
mod clientes;
mod despedida;
mod difusion;
mod estado;
mod puerta;
mod respuestas;

use std::time::Instant;

use chrono::Utc;
use common::{
    dominio::{Consulta, Estado, OperacionId},
    mensajes::{CuerpoPeticion, Desenlace, Informe, Instante, MotivoDeApartar, RespuestaGuardada, ResultadoInforme},
    process::{
        http::Listo,
        puntos_de_muerte::{Punto, pasar},
        shutdown::Apagado,
    },
    transport::{Entrega, ErrorDeTransporte, Frame, Socket, StorageClient},
};
use serde_json::Value;
use tokio::{
    sync::mpsc,
    time::{Interval, MissedTickBehavior},
};
use uuid::Uuid;

pub use self::administracion::{Encargo, Encargos, SinContestar};
use self::{
    administracion::DelAlmacen,
    circuitos::DeLosActores,
    clientes::{Puerta, Remite},
    difusion::Difusion,
    respuestas::Cuentas,
};
use crate::{
    diario::{Diario, Filas, buzon::Carta},
    machine::{
        Accion, Aviso, Contestacion, Fin, Limites, LlamadaDirecta, Machine,
        consultas::Consultas,
        limites::{CONSULTAS_MAX, TIC},
    },
};

/// Mensajes de cada zócalo que se leen antes de decidir: cuanto más se junta, más largas las listas; con tope, para
/// que un zócalo inundado no calle a los otros.
const TANDA_MAX: usize = 512;

/// Los zócalos abiertos.
pub struct Zocalos {
    pub clientes: Socket,
    pub eventos: Socket,
    pub informes: Socket,
    pub almacen: StorageClient<Para>,
}

/// Para quién es el final de una llamada al almacenamiento.
pub enum Para {
    Operaciones(LlamadaDirecta),
    /// La consulta con ese número.
    Consulta(u64),
    Encargo(DelAlmacen),
}

/// El servicio en marcha.
pub struct Servicio {
    machine: Machine<Remite>,
    consultas: Consultas<Pregunta>,
    siguiente_consulta: u64,
    puerta: Puerta,
    difusion: Difusion,
    informes: Socket,
    almacen: StorageClient<Para>,
    diario: Diario,
    encargos: mpsc::Receiver<Encargo>,
    en_el_almacen: usize,
    circuitos: DeLosActores,
    listo: Listo,
    cuentas: Cuentas,
    no_entendido_dicho: bool,
    tic: Interval,
}

/// Alguien espera la respuesta a una consulta; `id`, si puso uno.
struct Pregunta {
    remite: Remite,
    id: Option<Uuid>,
    consulta: Consulta,
}

/// Lo que despierta al servicio.
enum Suceso {
    Cliente(Vec<Frame>),
    Suscripcion(Vec<Frame>),
    Informe(Vec<Frame>),
    Entrega(Entrega<Para>),
    Diario(Option<Aviso>),
    Encargo(Encargo),
    Tic,
    Plazo,
    Apagar(&'static str),
}

/// Por qué el servicio no puede seguir.
#[derive(Debug, thiserror::Error)]
pub enum ErrorDeServicio {
    /// Un zócalo dejó de servir.
    #[error(transparent)]
    Transporte(#[from] ErrorDeTransporte),
    /// El hilo del diario terminó.
    #[error("el hilo del diario terminó sin que nadie se lo pidiera")]
    SinDiario,
}

impl Servicio {
    /// El servicio con sus zócalos abiertos y lo que quedó prometido.
    pub fn new(
        limites: Limites,
        zocalos: Zocalos,
        (diario, filas): (Diario, Filas),
        encargos: mpsc::Receiver<Encargo>,
        listo: Listo,
    ) -> Self {
        if !filas.is_empty() {
            tracing::info!(operaciones = filas.len(), "el diario trae operaciones prometidas; se publican otra vez");
        }
        let mut tic = tokio::time::interval(TIC);
        tic.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            machine: Machine::new(Instant::now(), limites, filas),
            consultas: Consultas::new(limites.plazo, CONSULTAS_MAX),
            siguiente_consulta: 0,
            puerta: Puerta::new(zocalos.clientes),
            difusion: Difusion::new(zocalos.eventos, Uuid::now_v7().to_string()),
            informes: zocalos.informes,
            almacen: zocalos.almacen,
            diario,
            encargos,
            en_el_almacen: 0,
            circuitos: DeLosActores::default(),
            listo,
            cuentas: Cuentas::default(),
            no_entendido_dicho: false,
            tic,
        }
    }

    /// Atiende hasta que se pide el apagado; entonces termina lo que está en vuelo, acotado.
    pub async fn correr(mut self, apagado: &mut Apagado) -> Result<(), ErrorDeServicio> {
        self.listo.fijar(true);
        self.girar();
        loop {
            match self.siguiente(apagado).await? {
                Suceso::Apagar(orden) => {
                    tracing::info!("{orden}: se termina lo que está en vuelo");
                    return self.despedirse().await;
                }
                suceso => self.atender(suceso)?,
            }
            let queda = self.leer_lo_juntado()?;
            self.girar();
            if queda {
                // Quien pide sin leer no ha de dejar sin turno al HTTP ni a las señales de vida.
                tokio::task::yield_now().await;
            }
        }
    }

    async fn siguiente(&mut self, apagado: &mut Apagado) -> Result<Suceso, ErrorDeServicio> {
        let plazo = self.proximo_plazo();
        Ok(tokio::select! {
            cuadros = self.puerta.recibir() => Suceso::Cliente(cuadros?),
            suceso = internos(&mut self.difusion, &mut self.informes, &mut self.almacen, &mut self.diario) => suceso?,
            () = hasta(plazo) => Suceso::Plazo,
            _ = self.tic.tick() => Suceso::Tic,
            Some(encargo) = self.encargos.recv() => Suceso::Encargo(encargo),
            orden = apagado.pedido() => Suceso::Apagar(orden),
        })
    }

    fn proximo_plazo(&mut self) -> Option<Instant> {
        self.machine.poll_timeout().into_iter().chain(self.consultas.poll_timeout()).min()
    }

    fn atender(&mut self, suceso: Suceso) -> Result<(), ErrorDeServicio> {
        let now = Instant::now();
        match suceso {
            Suceso::Cliente(cuadros) => self.on_solicitud(now, cuadros),
            Suceso::Suscripcion(cuadros) => self.on_suscripcion(now, &cuadros),
            Suceso::Informe(cuadros) => self.on_informe(now, &cuadros),
            Suceso::Entrega(entrega) => self.on_entrega(now, entrega),
            Suceso::Diario(aviso) => self.on_diario(aviso.ok_or(ErrorDeServicio::SinDiario)?),
            Suceso::Encargo(encargo) => self.on_encargo(now, encargo),
            Suceso::Tic => self.on_revision(now),
            Suceso::Plazo | Suceso::Apagar(_) => {}
        }
        Ok(())
    }

    /// Lee lo que haya en los zócalos, con tope: así las listas se forman solas, sin temporizadores. `true` si puede quedar
    /// más de los clientes.
    fn leer_lo_juntado(&mut self) -> Result<bool, ErrorDeTransporte> {
        self.leer_lo_interno()?;
        let now = Instant::now();
        for _ in 0..TANDA_MAX {
            let Some(cuadros) = self.puerta.intentar()? else { return Ok(false) };
            self.on_solicitud(now, cuadros);
        }
        Ok(true)
    }

    fn leer_lo_interno(&mut self) -> Result<(), ErrorDeTransporte> {
        let now = Instant::now();
        for _ in 0..TANDA_MAX {
            let Some(cuadros) = self.difusion.intentar()? else { break };
            self.on_suscripcion(now, &cuadros);
        }
        for _ in 0..TANDA_MAX {
            let Some(cuadros) = self.informes.try_recv()? else { break };
            self.on_informe(now, &cuadros);
        }
        Ok(())
    }

    /// Vencen los plazos, se dan los turnos y se ejecuta lo que la máquina decidió.
    fn girar(&mut self) {
        let now = Instant::now();
        self.machine.girar(now);
        while let Some(pregunta) = self.consultas.vencida(now) {
            self.responder_consulta_fallida(pregunta, common::dominio::Codigo::SinRespuesta);
        }
        while let Some((numero, pregunta)) = self.consultas.por_repetir(now) {
            self.almacen.llamar(Para::Consulta(numero), CuerpoPeticion::Consultar(pregunta.consulta));
        }
        while let Some(accion) = self.machine.poll_accion() {
            self.ejecutar(accion);
        }
    }

    fn ejecutar(&mut self, accion: Accion<Remite>) {
        match accion {
            Accion::Publicar { topico, instancia, ordenes } => {
                self.difusion.publicar(topico, &instancia, ordenes);
                pasar(Punto::GestorPublicada);
            }
            Accion::Llamar { ordenes } => self.llamar(LlamadaDirecta::escribir(ordenes)),
            Accion::Terminar { cierres } => {
                self.llamar(LlamadaDirecta::terminar(cierres, Instant::now(), Utc::now().into()));
            }
            Accion::Responder { a, id, contestacion } => self.responder(&a, id, &contestacion),
            Accion::Anotar { num, orden } => {
                if !self.diario.escribir(num, orden) {
                    self.machine.on_diario(Aviso::Fallidas(vec![num]));
                }
            }
            Accion::Borrar { num } => self.diario.borrar(num),
            Accion::AlBuzon { num, orden, fin } => {
                let carta = Carta { orden, fin, cuando: Instante::from(Utc::now()) };
                self.diario.al_buzon(num, carta);
            }
            Accion::Renunciada { id, fin } => renunciada(id, fin),
            Accion::Reasignada { id, motivo } => tracing::info!("operación {id} reasignada: {motivo}"),
        }
    }

    fn responder(&mut self, remite: &Remite, id: OperacionId, contestacion: &Contestacion) {
        match contestacion {
            Contestacion::Decidida(guardada) => {
                pasar(Punto::GestorDecididaSinContestar);
                self.entregar_guardada(remite, guardada);
            }
            Contestacion::Propia(estado, codigo) => {
                let bytes = respuestas::propia(Some(id.uuid()), *estado, *codigo);
                self.puerta.responder(remite, &bytes);
                self.cuentas.contar(remite.operacion, *estado, *codigo, remite.desde);
            }
        }
    }

    fn entregar_guardada(&mut self, remite: &Remite, guardada: &RespuestaGuardada) {
        self.puerta.responder(remite, guardada.cuerpo.get().as_bytes());
        let estado: Estado = respuestas::estado_de(guardada.codigo);
        self.cuentas.contar(remite.operacion, estado, guardada.codigo, remite.desde);
    }

    fn llamar(&mut self, (llamada, cuerpo): (LlamadaDirecta, CuerpoPeticion)) {
        self.almacen.llamar(Para::Operaciones(llamada), cuerpo);
    }

    fn on_suscripcion(&mut self, now: Instant, cuadros: &[Frame]) {
        let Some(anuncio) = Difusion::leer(cuadros) else { return };
        let difusion::Anuncio { topico, instancia, presente } = anuncio;
        if !presente {
            self.circuitos.on_ausente(topico, instancia);
            if self.machine.on_actor_ausente(now, topico, instancia) {
                tracing::warn!("actor perdido: {topico}|{instancia}");
            }
        } else if self.machine.on_actor_presente(now, topico, instancia) {
            self.circuitos.on_presente(topico, instancia);
            tracing::info!("actor presente: {topico}|{instancia}");
        } else {
            descartar("actores_de_mas");
        }
    }

    fn on_informe(&mut self, now: Instant, cuadros: &[Frame]) {
        let leido = match cuadros {
            // Identidad, vacío, cuerpo.
            [_, vacio, cuerpo] if vacio.is_empty() => Informe::leer(cuerpo).ok(),
            _ => None,
        };
        let Some((informe, no_entendidos)) = leido else { return descartar("informe") };
        if no_entendidos > 0 {
            self.anotar_no_entendidos(&informe.actor, no_entendidos);
        }
        self.circuitos.on_informe(now, &informe.actor, informe.circuitos);
        for resultado in informe.resultados {
            self.on_desenlace(now, resultado);
        }
    }

    /// Se cuenta siempre y se dice una vez: mientras el actor sea de otra versión, será lo mismo.
    fn anotar_no_entendidos(&mut self, actor: &str, cuantos: usize) {
        metrics::counter!("anaquel_mensajes_descartados_total", "motivo" => "desenlace").increment(cuantos as u64);
        if !std::mem::replace(&mut self.no_entendido_dicho, true) {
            tracing::warn!("el actor {actor} informa de lo que aquí no se entiende, ¿es de otra versión?");
        }
    }

    fn on_desenlace(&mut self, now: Instant, resultado: ResultadoInforme) {
        match &resultado.desenlace {
            Desenlace::NoEscrita { motivo } => {
                tracing::warn!("la operación {} no se pudo escribir: {motivo}", resultado.id);
            }
            Desenlace::NoEntendida { motivo } => {
                tracing::warn!("la operación {} no se entendió, ¿hay otra versión?: {motivo}", resultado.id);
            }
            Desenlace::Decidida(_) | Desenlace::SinAlmacenamiento | Desenlace::Incierta => {}
        }
        self.machine.on_desenlace(now, resultado);
    }

    fn on_entrega(&mut self, now: Instant, Entrega { tag, resultado }: Entrega<Para>) {
        match tag {
            Para::Operaciones(llamada) => {
                llamada.acabar(resultado).for_each(|resultado| self.on_desenlace(now, resultado));
            }
            Para::Consulta(numero) => self.on_consulta_contestada(now, numero, resultado),
            Para::Encargo(a) => self.on_encargo_contestado(a, resultado),
        }
    }

    fn on_diario(&mut self, aviso: Aviso) {
        if let Aviso::Escritas(nums) = &aviso {
            for _ in nums {
                pasar(Punto::GestorAnotada);
            }
        }
        self.machine.on_diario(aviso);
    }

    fn on_revision(&mut self, now: Instant) {
        let estados = self.almacen.estados();
        estado::medir(&estado::a_la_vista(self.machine.foto(), &estados), self.consultas.cuantas());
        self.machine.on_circuitos(now, estados.into_iter().map(|(_, breaker)| breaker));
    }

    fn estado_json(&self) -> Value {
        estado::como_json(&self.machine.foto(), self.consultas.cuantas(), &self.almacen.estados())
    }
}

/// Lo que llega de los nuestros.
async fn internos(
    difusion: &mut Difusion,
    informes: &mut Socket,
    almacen: &mut StorageClient<Para>,
    diario: &mut Diario,
) -> Result<Suceso, ErrorDeServicio> {
    Ok(tokio::select! {
        cuadros = informes.recv() => Suceso::Informe(cuadros?),
        cuadros = difusion.recibir() => Suceso::Suscripcion(cuadros?),
        entrega = almacen.siguiente() => Suceso::Entrega(entrega),
        aviso = diario.aviso() => Suceso::Diario(aviso),
    })
}

async fn hasta(plazo: Option<Instant>) {
    match plazo {
        Some(plazo) => tokio::time::sleep_until(plazo.into()).await,
        None => std::future::pending().await,
    }
}

/// Una operación que se deja de intentar: lo que una persona busca en el registro.
fn renunciada(id: OperacionId, fin: Fin) {
    let (como, motivo) = match fin {
        Fin::Anular(codigo) => {
            tracing::info!("operación {id}: se pide anularla ({codigo})");
            ("anular", codigo.as_str())
        }
        Fin::Apartar(motivo) => {
            tracing::warn!("operación {id}: se pide apartarla ({motivo:?})");
            ("apartar", if motivo == MotivoDeApartar::Muertes { "MUERTES" } else { "FALLOS_DEFINIDOS" })
        }
    };
    metrics::counter!("anaquel_renunciadas_total", "como" => como, "motivo" => motivo).increment(1);
}

/// Cuenta un mensaje que no vale y que no tiene a quién contestarle.
fn descartar(motivo: &'static str) {
    metrics::counter!("anaquel_mensajes_descartados_total", "motivo" => motivo).increment(1);
}
