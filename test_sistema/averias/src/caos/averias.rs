//! Rompe lo que dice el plan y lo arregla: señales a procesos, modos a los proxies, el disco y la basura.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use anaquel::plano::POSTGRES;
use common::{
    process::hijo::senalar,
    transport::{Contexto, Endpoint},
};
use juicio::azar::Azar;
use taller::{
    basura,
    proxy::{Modo, Proxy},
    suite::{Error, Suite},
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use super::{
    disco::Disco,
    plan::{Conducto, FalloDelPlan, Suceso},
};

/// Lo que se espera a que vuelva lo que se mató; después es cosa de la calma del final.
const VOLVER_MAX: Duration = Duration::from_secs(15);

/// Lo que se rompió.
#[derive(Clone, Debug)]
pub struct Averia {
    pub clase: String,
    /// Entre cuándo y cuándo, desde el principio de la carga.
    pub desde: Duration,
    /// Cuando se arregló, o volvió quien murió.
    pub hasta: Duration,
    /// Por qué no se pudo romper, si no se pudo.
    pub omitida: Option<String>,
}

/// Todo lo que se puede romper.
pub struct Averias {
    suite: Rc<Suite>,
    /// En el orden de [`Conducto::TODOS`].
    enlaces: [Proxy; 3],
    disco: Option<Rc<Disco>>,
    inicio: Instant,
    detenidos: RefCell<BTreeSet<u32>>,
    rotas: RefCell<BTreeMap<usize, String>>,
    hechas: RefCell<Vec<Averia>>,
}

impl Averias {
    /// Listo para romper; los tiempos se cuentan desde `inicio`.
    pub fn new(suite: Rc<Suite>, enlaces: [Proxy; 3], disco: Option<Rc<Disco>>, inicio: Instant) -> Self {
        Self {
            suite,
            enlaces,
            disco,
            inicio,
            detenidos: RefCell::default(),
            rotas: RefCell::default(),
            hechas: RefCell::default(),
        }
    }

    /// Lo que está roto ahora, para una persona.
    pub fn rotas(&self) -> String {
        let rotas: Vec<String> = self.rotas.borrow().values().cloned().collect();
        if rotas.is_empty() { "nada roto".into() } else { rotas.join(" · ") }
    }

    /// Lo que se rompió hasta ahora.
    pub fn hechas(&self) -> Vec<Averia> {
        self.hechas.borrow().clone()
    }

    /// Hace el plan entero. Si se deja a medias, hay que [`Averias::sanar`].
    pub async fn hacer(self: &Rc<Self>, plan: Vec<Suceso>) {
        let mut tareas = JoinSet::new();
        for (i, suceso) in plan.into_iter().enumerate() {
            let averias = Rc::clone(self);
            tareas.spawn_local(async move {
                sleep_until(averias.inicio + suceso.en).await;
                averias.una(i, &suceso).await;
            });
        }
        while tareas.join_next().await.is_some() {}
    }

    /// Arregla todo lo que tiene arreglo; lo que se mató lo levanta quien lo vigila.
    pub fn sanar(&self) {
        for pid in std::mem::take(&mut *self.detenidos.borrow_mut()) {
            senalar(pid, libc::SIGCONT);
        }
        self.enlaces.iter().for_each(|proxy| proxy.poner(Modo::Abierto));
        self.disco.iter().for_each(|disco| disco.vaciar());
        self.rotas.borrow_mut().clear();
    }

    async fn una(&self, i: usize, suceso: &Suceso) {
        let clase = suceso.fallo.clase();
        self.rotas.borrow_mut().insert(i, clase.clone());
        let desde = self.inicio.elapsed();
        let omitida = self.romper(suceso).await.err().map(|e| e.to_string());
        self.rotas.borrow_mut().remove(&i);
        self.hechas.borrow_mut().push(Averia { clase, desde, hasta: self.inicio.elapsed(), omitida });
    }

    async fn romper(&self, suceso: &Suceso) -> Result<(), Error> {
        let dura = suceso.dura;
        match suceso.fallo {
            FalloDelPlan::Matar(proceso) => {
                let pid = self.suite.matar(proceso)?;
                self.esperar_vuelta(proceso, pid).await;
            }
            FalloDelPlan::Detener(proceso) => self.detener(proceso, dura).await?,
            FalloDelPlan::ParadaInmediata => {
                let pids = self.suite.senalar(POSTGRES, libc::SIGQUIT, false)?;
                self.esperar_vuelta(POSTGRES, pids[0]).await;
            }
            FalloDelPlan::MatarBackend => {
                let cual = usize::try_from(suceso.suerte % 1_000).unwrap_or(0);
                self.suite.senalar_backend(cual, libc::SIGKILL)?;
                // El postmaster sigue: tira a los demás y se recupera con el mismo pid.
                self.esperar_vuelta(POSTGRES, 0).await;
            }
            FalloDelPlan::Cortar(enlace) => self.con_modo(&[enlace], Modo::Cortado, dura).await,
            FalloDelPlan::Retrasar(enlace, cuanto) => self.con_modo(&[enlace], Modo::Retrasado(cuanto), dura).await,
            FalloDelPlan::Callar(enlace) => self.con_modo(&[enlace], Modo::Callado, dura).await,
            FalloDelPlan::DiarioLleno => self.sin_disco(dura).await?,
            FalloDelPlan::Basura => self.ensuciar(dura, suceso.suerte).await,
        }
        Ok(())
    }

    async fn esperar_vuelta(&self, proceso: &str, pid: u32) {
        // Si algo más se rompió entretanto puede no volver a tiempo: lo dirá la calma del final.
        let _ = self.suite.esperar_listo(proceso, pid, VOLVER_MAX).await;
    }

    async fn detener(&self, proceso: &str, dura: Duration) -> Result<(), Error> {
        let pids = self.suite.senalar(proceso, libc::SIGSTOP, proceso == POSTGRES)?;
        self.detenidos.borrow_mut().extend(&pids);
        sleep(dura).await;
        for pid in pids {
            self.detenidos.borrow_mut().remove(&pid);
            senalar(pid, libc::SIGCONT);
        }
        // A quien no tiene relevo el lanzador pudo darlo por muerto: es otro el que vuelve.
        self.esperar_vuelta(proceso, 0).await;
        Ok(())
    }

    async fn con_modo(&self, enlaces: &[Conducto], modo: Modo, dura: Duration) {
        let poner = |modo| enlaces.iter().for_each(|e| self.enlaces[*e as usize].poner(modo));
        poner(modo);
        sleep(dura).await;
        poner(Modo::Abierto);
    }

    /// Sin almacén hay que prometer, y sin disco no se puede.
    async fn sin_disco(&self, dura: Duration) -> Result<(), Error> {
        let Some(disco) = &self.disco else { return Ok(()) };
        let lleno = disco.llenar().map_err(|causa| Error::Sistema { que: "llenar el disco del diario".into(), causa });
        if lleno.is_ok() {
            self.con_modo(&[Conducto::Almacen, Conducto::Reserva], Modo::Callado, dura).await;
        }
        disco.vaciar();
        lleno
    }

    /// En un hilo aparte: la basura no le quita el turno a la carga.
    async fn ensuciar(&self, dura: Duration, semilla: u64) {
        let basta = Arc::new(AtomicBool::new(false));
        let servicios = self.suite.servicios();
        let puertos: Vec<SocketAddr> = servicios.into_iter().flat_map(|s| s.zocalos).collect();
        let suyo = Arc::clone(&basta);
        thread::spawn(move || torrente(&puertos, semilla, &suyo));
        sleep(dura).await;
        basta.store(true, Ordering::Relaxed);
    }
}

/// Basura a todos los puertos, hasta que se le diga que basta.
fn torrente(puertos: &[SocketAddr], semilla: u64, basta: &AtomicBool) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    // Un zócalo se abre dentro del runtime que lo va a esperar.
    let _dentro = runtime.enter();
    let mut azar = Azar::con_semilla(semilla);
    while !basta.load(Ordering::Relaxed) {
        for direccion in puertos {
            // Un puerto de quien está muerto o parado no la recibe.
            let _ = basura::tcp_crudo(*direccion, &mut azar);
            let Ok(endpoint) = direccion.to_string().parse::<Endpoint>() else { continue };
            let mensajes = basura::mensajes(&mut azar);
            let Ok(dealer) = Contexto::new().dealer(&endpoint) else { continue };
            if basta.load(Ordering::Relaxed) {
                return;
            }
            let mensaje: &Vec<Vec<u8>> = azar.uno_de(&mensajes);
            runtime.block_on(basura::soltar(dealer, mensaje));
        }
    }
}
