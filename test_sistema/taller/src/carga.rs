//! Muchos clientes en bucle cerrado: cada uno pide, espera su respuesta y pide otra vez. Guarda lo que vieron.

pub mod cierre;
pub mod muerte;
mod solicitante;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use common::{
    dominio::{Comando, EjemplarId, Huella, Isbn, UsuarioId},
    process::descriptores,
    transport::{Cliente, Contexto, Endpoint, ErrorDeTransporte},
};
use juicio::{
    azar::Azar,
    historia::{Historia, Muestra},
};
use tokio::{
    sync::Notify,
    task::JoinHandle,
    time::{Instant, timeout_at},
};
use uuid::Uuid;

use self::solicitante::Solicitante;
use crate::base::Disponible;

/// De cada cien ejemplares, los que se disputan todos.
const CALIENTES_POR_CIENTO: usize = 1;
/// Descriptores que gasta un cliente: su conexión, y las señales de su zócalo y de su monitor.
const DESCRIPTORES_POR_CLIENTE: u64 = 6;
/// Cuántos clientes caben en un proceso.
pub const CLIENTES_MAX: usize = 256;

/// Cómo se reparte la carga.
#[derive(Clone, Debug)]
pub struct Plan {
    pub clientes: usize,
    /// Qué se puede prestar y a quién.
    pub disponible: Disponible,
    /// Solo los ejemplares que se disputan: nada frío.
    pub solo_calientes: bool,
    /// Lo que descansa cada cliente entre dos pedidos; cero, nada.
    pub reposo: Duration,
    /// Se van a romper cosas sin relevo: que algo no se pueda atender se cuenta, y no es un error.
    pub tolerante: bool,
    pub semilla: u64,
}

/// Lo que comparten los clientes de una carga.
pub struct Comun {
    inicio: Instant,
    parar: Cell<bool>,
    sin_relevo: Cell<bool>,
    reposo: Duration,
    tolerante: bool,
    historia: RefCell<Historia>,
    hay_muestra: Notify,
    calientes: Vec<(EjemplarId, Isbn)>,
    frios: Vec<(EjemplarId, Isbn)>,
}

impl Comun {
    /// Anota que se va a pedir.
    fn pedida(&self, id: Uuid, comando: Comando) {
        let mut historia = self.historia.borrow_mut();
        historia.pedida(id, comando.tipo(), Huella::de(&comando));
        historia.seguir(id, comando);
    }
}

/// Una carga en marcha. Necesita un `LocalSet`.
pub struct Carga {
    comun: Rc<Comun>,
    clientes: Vec<JoinHandle<()>>,
}

impl Carga {
    /// Pone a trabajar a los clientes.
    pub fn empezar(contexto: &Contexto, gestores: &[Endpoint], plan: Plan) -> Result<Self, ErrorDeTransporte> {
        ampliar_descriptores(plan.clientes);
        let Disponible { mut ejemplares, usuarios } = plan.disponible;
        let cuantos = (ejemplares.len() * CALIENTES_POR_CIENTO / 100).clamp(1, ejemplares.len().max(1));
        let frios = ejemplares.split_off(cuantos.min(ejemplares.len()));
        let frios = if plan.solo_calientes || frios.is_empty() { ejemplares.clone() } else { frios };
        let comun = Rc::new(Comun {
            inicio: Instant::now(),
            parar: Cell::new(false),
            sin_relevo: Cell::new(false),
            reposo: plan.reposo,
            tolerante: plan.tolerante,
            historia: RefCell::default(),
            hay_muestra: Notify::new(),
            calientes: ejemplares,
            frios,
        });
        let mut azar = Azar::con_semilla(plan.semilla);
        let clientes = (0..plan.clientes)
            .map(|n| {
                let cliente = Cliente::conectar(contexto, gestores)?;
                let suyos: Vec<UsuarioId> = usuarios.iter().skip(n).step_by(plan.clientes).copied().collect();
                let suyo = Azar::con_semilla(azar.siguiente());
                let solicitante = Solicitante::new(cliente, Rc::clone(&comun), suyos, suyo);
                Ok(tokio::task::spawn_local(solicitante.correr()))
            })
            .collect::<Result<_, ErrorDeTransporte>>()?;
        Ok(Self { comun, clientes })
    }

    /// Cuánto hace que empezó.
    pub fn transcurrido(&self) -> Duration {
        self.comun.inicio.elapsed()
    }

    /// Respuestas recibidas hasta ahora.
    pub fn respuestas(&self) -> usize {
        self.comun.historia.borrow().muestras.len()
    }

    /// Lo decidido hasta ahora a la vista de los clientes.
    pub fn decididas(&self) -> Historia {
        self.comun.historia.borrow().decididas()
    }

    /// Dice si lo que se va a parar no tiene relevo: mientras, un «almacenamiento no disponible» a una consulta es la
    /// respuesta correcta y no un error.
    pub fn sin_relevo(&self, es_asi: bool) {
        self.comun.sin_relevo.set(es_asi);
    }

    /// Espera hasta que, después de ahora, haya `cuantos` éxitos de los que `cuenta` acepta; `false` si vence el plazo.
    pub async fn esperar_exitos(&self, cuantos: usize, plazo: Duration, cuenta: impl Fn(&Muestra) -> bool) -> bool {
        let (mut mirado, mut nuevos) = (self.respuestas(), 0);
        let fin = Instant::now() + plazo;
        loop {
            let otra = self.comun.hay_muestra.notified();
            nuevos += self.comun.historia.borrow().muestras[mirado..].iter().filter(|m| m.exito && cuenta(m)).count();
            mirado = self.respuestas();
            if nuevos >= cuantos {
                return true;
            }
            if timeout_at(fin, otra).await.is_err() {
                return false;
            }
        }
    }

    /// Pide a los clientes que acaben lo suyo y devuelvan lo que tienen; devuelve lo que vieron.
    ///
    /// # Panics
    /// Si un cliente entró en pánico.
    pub async fn terminar(self) -> Historia {
        self.comun.parar.set(true);
        for cliente in self.clientes {
            cliente.await.expect("un cliente de la carga no entra en pánico");
        }
        let comun = Rc::into_inner(self.comun).expect("los clientes ya acabaron");
        comun.historia.into_inner()
    }
}

/// Que quepan esos clientes.
pub fn ampliar_descriptores(clientes: usize) {
    descriptores::ampliar(u64::try_from(clientes).unwrap_or(0) * DESCRIPTORES_POR_CLIENTE + 256);
}
