//! Lanza los procesos de la suite desde el hilo que lo corre, se entera de sus muertes y hace lo que dice [`machine`].
//!
//! Los hijos mueren con ese hilo (PDEATHSIG): [`Supervisor::correr`] va en el principal. La muerte de un hijo llega por
//! SIGCHLD; que está listo lo dice su sonda, y que sigue vivo, sus señales.

pub mod machine;
mod nucleos;
mod proceso;
mod sonda;
mod watchdog;

use std::{sync::Arc, time::Instant};

use common::{
    process::{hijo::senalar, hijos, shutdown::Apagado},
    tiempos::RONDA,
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, oneshot, watch},
    time::{MissedTickBehavior, interval},
};

use self::{
    machine::{Accion, Fase, Perfil, Suite},
    proceso::Cuidado,
    sonda::NoticiaDeSonda,
    watchdog::Oido,
};
pub use self::{proceso::Ficha, sonda::Sonda};
use crate::plano::Plano;

/// Órdenes que esperan turno; la cola se llena solo si el supervisor no corre.
const ORDENES_MAX: usize = 32;

/// Lo que se le puede pedir al supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PedidoAlSupervisor {
    /// Que pare un proceso, y quede parado.
    Parar(usize),
    Iniciar(usize),
    Apagar,
}

/// Un pedido y a quién decirle que ya se atendió (no que ya se cumplió: eso se ve en las fotos).
type PedidoConAviso = (PedidoAlSupervisor, oneshot::Sender<()>);

/// Cómo está un proceso.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EstadoDeProceso {
    pub fase: Fase,
    /// Su pid, si vive.
    pub pid: Option<u32>,
    /// Veces que se rearrancó solo.
    pub reinicios: u32,
    pub desde: Instant,
    /// Muertes seguidas sin haber servido nunca.
    pub muertes_sin_servir: u32,
}

/// Lo que otros tienen para ver y mandar al supervisor.
#[derive(Clone)]
pub struct Mando {
    /// Los procesos, en el orden de las fotos.
    pub fichas: Arc<Vec<Ficha>>,
    pub fotos: watch::Receiver<Vec<EstadoDeProceso>>,
    encargos: mpsc::Sender<PedidoConAviso>,
}

impl Mando {
    /// Pide algo y espera a que se atienda. Sin supervisor ya no hay nada que atender.
    pub async fn pedir(&self, pedido: PedidoAlSupervisor) {
        let (hecho, atendido) = oneshot::channel();
        if self.encargos.send((pedido, hecho)).await.is_ok() {
            let _ = atendido.await;
        }
    }
}

/// El supervisor de una suite.
pub struct Supervisor {
    plano: Plano,
    fichas: Arc<Vec<Ficha>>,
    hijos: Vec<Option<Cuidado>>,
    suite: Suite,
    encargos: mpsc::Receiver<PedidoConAviso>,
    noticias: mpsc::Receiver<NoticiaDeSonda>,
    al_saber: mpsc::Sender<NoticiaDeSonda>,
    oido: Oido,
    fotos: watch::Sender<Vec<EstadoDeProceso>>,
    sigchld: Signal,
}

impl Supervisor {
    /// Un supervisor que aún no lanzó nada, y su mando.
    ///
    /// # Errors
    /// Si el sistema no deja escuchar SIGCHLD, o abrir dónde oír a los procesos.
    pub fn new(plano: Plano, fichas: Vec<Ficha>) -> std::io::Result<(Self, Mando)> {
        let perfiles: Vec<Perfil> = fichas.iter().map(|f| f.perfil).collect();
        let suite = Suite::new(&perfiles);
        let fichas = Arc::new(fichas);
        let (encargar, encargos) = mpsc::channel(ORDENES_MAX);
        let (al_saber, noticias) = mpsc::channel(fichas.len().max(1));
        let foto = EstadoDeProceso {
            fase: Fase::Parado,
            pid: None,
            reinicios: 0,
            desde: Instant::now(),
            muertes_sin_servir: 0,
        };
        let (fotos, vistas) = watch::channel(vec![foto; fichas.len()]);
        let mando = Mando { fichas: Arc::clone(&fichas), fotos: vistas, encargos: encargar };
        let hijos = fichas.iter().map(|_| None).collect();
        let (sigchld, oido) = (signal(SignalKind::child())?, Oido::abrir(plano.var())?);
        Ok((Self { plano, fichas, hijos, suite, encargos, noticias, al_saber, oido, fotos, sigchld }, mando))
    }

    /// Arranca la suite y la cuida hasta que se apaga del todo.
    pub async fn correr(mut self, mut apagado: Apagado) {
        self.suite.on_arrancar(Instant::now());
        let mut ronda = interval(RONDA);
        ronda.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.obedecer();
            if self.suite.apagada() {
                return;
            }
            let plazo = self.suite.poll_timeout();
            tokio::select! {
                _ = self.sigchld.recv() => self.recoger(),
                senal = apagado.pedido() => {
                    tracing::info!("{senal}: se apaga la suite");
                    self.suite.on_apagar(Instant::now());
                }
                Some((pedido, hecho)) = self.encargos.recv() => {
                    self.atender(pedido);
                    self.obedecer();
                    let _ = hecho.send(());
                }
                Some(noticia) = self.noticias.recv() => self.anotar(noticia),
                pid = self.oido.siguiente() => self.anotar(NoticiaDeSonda::Vive(pid)),
                _ = ronda.tick() => self.acabar_ronda(),
                () = dormir_hasta(plazo) => self.suite.on_timeout(Instant::now()),
            }
        }
    }

    fn atender(&mut self, pedido: PedidoAlSupervisor) {
        let now = Instant::now();
        match pedido {
            PedidoAlSupervisor::Parar(i) => self.suite.on_parar(i, now),
            PedidoAlSupervisor::Iniciar(i) => self.suite.on_iniciar(i, now),
            PedidoAlSupervisor::Apagar => self.suite.on_apagar(now),
        }
    }

    /// Quien espera al disco no calla: muerto no volvería antes, que su sucesor esperaría al mismo disco.
    fn acabar_ronda(&mut self) {
        for (i, cuidado) in self.hijos.iter().enumerate() {
            if cuidado.as_ref().is_some_and(|c| hijos::espera_al_disco(c.hijo.pid())) {
                self.suite.on_senal(i);
            }
        }
        self.suite.on_ronda(Instant::now());
    }

    /// Lo que se sabe de un pid; de uno que ya no es de nadie, nada.
    fn anotar(&mut self, noticia: NoticiaDeSonda) {
        let (NoticiaDeSonda::Listo(pid) | NoticiaDeSonda::Vive(pid)) = noticia;
        let suyo = |cuidado: &Option<Cuidado>| cuidado.as_ref().is_some_and(|c| c.hijo.pid() == pid);
        let Some(i) = self.hijos.iter().position(suyo) else { return };
        match noticia {
            NoticiaDeSonda::Vive(_) => self.suite.on_senal(i),
            NoticiaDeSonda::Listo(_) => {
                tracing::info!("{} está listo (pid {pid})", self.fichas[i].nombre);
                self.suite.on_listo(i, Instant::now());
            }
        }
    }

    /// Mira quién murió: SIGCHLD dice que alguno, no cuál ni cuántos.
    fn recoger(&mut self) {
        for i in 0..self.hijos.len() {
            let Some(Cuidado { hijo, .. }) = &mut self.hijos[i] else { continue };
            let Ok(Some(estado)) = hijo.acabado() else { continue };
            let (nombre, pid) = (self.fichas[i].nombre, hijo.pid());
            self.hijos[i] = None;
            let _ = std::fs::remove_file(self.plano.pid(nombre));
            if matches!(self.suite.fase(i), Fase::Parando { .. }) {
                tracing::info!("{nombre} paró (pid {pid}, {estado})");
            } else {
                tracing::warn!("{nombre} murió (pid {pid}, {estado})");
            }
            self.suite.on_muerto(i, Instant::now());
        }
    }

    /// Hace lo que la máquina dice, hasta que no diga más, y lo cuenta.
    fn obedecer(&mut self) {
        while let Some(accion) = self.suite.poll_accion() {
            match accion {
                Accion::Lanzar(i) => self.lanzar(i),
                Accion::Terminar(i) => self.terminar(i),
                Accion::Matar(i) => self.matar(i),
            }
        }
        self.publicar();
    }

    fn lanzar(&mut self, i: usize) {
        let ficha = &self.fichas[i];
        match Cuidado::lanzar(ficha, &self.plano, &self.oido, self.al_saber.clone()) {
            Ok(cuidado) => {
                tracing::info!("{} arranca (pid {})", ficha.nombre, cuidado.hijo.pid());
                self.hijos[i] = Some(cuidado);
            }
            Err(e) => {
                tracing::error!("{} no se pudo lanzar: {e}", ficha.nombre);
                self.suite.on_muerto(i, Instant::now());
            }
        }
    }

    fn terminar(&self, i: usize) {
        if let Some(Cuidado { hijo, .. }) = &self.hijos[i] {
            senalar(hijo.pid(), self.fichas[i].senal);
        }
    }

    fn matar(&self, i: usize) {
        let Some(Cuidado { hijo, .. }) = &self.hijos[i] else { return };
        let nombre = self.fichas[i].nombre;
        if matches!(self.suite.fase(i), Fase::Parando { .. }) {
            tracing::warn!("{nombre} no se va: se mata");
        } else {
            tracing::warn!("{nombre} no da señales de vida: se mata y se lanza otra vez");
        }
        hijo.matar();
    }

    fn publicar(&self) {
        let now = Instant::now();
        // Las señales de vida no cambian nada que se vea: nadie despierta por ellas.
        self.fotos.send_if_modified(|fotos| {
            let mut cambia = false;
            for (i, foto) in fotos.iter_mut().enumerate() {
                let fase = self.suite.fase(i);
                let nueva = EstadoDeProceso {
                    fase,
                    pid: self.hijos[i].as_ref().map(|c| c.hijo.pid()),
                    reinicios: self.suite.reinicios(i),
                    desde: if fase == foto.fase { foto.desde } else { now },
                    muertes_sin_servir: self.suite.muertes_sin_servir(i),
                };
                cambia |= nueva != *foto;
                *foto = nueva;
            }
            cambia
        });
    }
}

async fn dormir_hasta(plazo: Option<Instant>) {
    match plazo {
        Some(cuando) => tokio::time::sleep_until(cuando.into()).await,
        None => std::future::pending().await,
    }
}
