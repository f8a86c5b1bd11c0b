//! Clientes que piden a un ritmo: cada uno presta, renueva y devuelve sus ejemplares, por orden y con usuarios que son
//! solo suyos, de modo que si el orden se respeta todo lo que piden cabe.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use anyhow::ensure;
use common::{
    dominio::{Comando, EjemplarId, Huella, Objeto, UsuarioId},
    mensajes::Solicitud,
    transport::cliente::{Cliente, Paciencia},
};
use juicio::historia::{Historia, Muestra, Vista};
use taller::{
    base::Disponible,
    carga::{CLIENTES_MAX, ampliar_descriptores},
    escena::Escena,
};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep_until},
};
use uuid::Uuid;

/// Lo que espera un cliente antes de darse por no atendido: bastante más que el plazo del gestor.
const PACIENCIA: Duration = Duration::from_secs(8);
/// Lo que se espera a que acaben.
const ESPERA_POR_CLIENTE: u64 = 2;

/// De quién es cada ejemplar.
pub(super) struct Parejas(Vec<(EjemplarId, UsuarioId)>);

impl Parejas {
    /// Dos repartos sin nada en común, con sitio cada uno para los clientes de `ritmo` operaciones por segundo.
    pub(super) fn de(disponible: Disponible, ritmo: u64) -> anyhow::Result<[Self; 2]> {
        let Disponible { ejemplares, usuarios } = disponible;
        let parejas: Vec<_> = ejemplares.into_iter().map(|(e, _)| e).zip(usuarios).collect();
        let (unos, otros) = parejas.split_at(parejas.len() / 2);
        let hacen_falta = clientes(ritmo);
        ensure!(
            unos.len() >= hacen_falta,
            "el catálogo tiene sitio para {} clientes y hacen falta {hacen_falta}",
            unos.len()
        );
        Ok([Self(unos.to_vec()), Self(otros.to_vec())])
    }
}

/// Los que hacen falta para que ninguno espere a la respuesta anterior para cumplir su ritmo.
fn clientes(ritmo: u64) -> usize {
    usize::try_from(ritmo * ESPERA_POR_CLIENTE).unwrap_or(CLIENTES_MAX).clamp(1, CLIENTES_MAX)
}

/// Los clientes, pidiendo.
pub(super) struct Peticionarios {
    basta: Rc<Cell<bool>>,
    tareas: Vec<JoinHandle<()>>,
}

impl Peticionarios {
    /// Los pone a pedir, entre todos, `ritmo` operaciones por segundo.
    pub(super) fn empezar(
        escena: &Escena,
        reparto: &Parejas,
        ritmo: u64,
        historia: &Rc<RefCell<Historia>>,
    ) -> anyhow::Result<Self> {
        let cuantos = clientes(ritmo);
        ampliar_descriptores(cuantos);
        let basta = Rc::new(Cell::new(false));
        let entre_dos = Duration::from_secs(1) / u32::try_from(ritmo).unwrap_or(1);
        let inicio = Instant::now();
        let tareas = (0..cuantos)
            .map(|n| {
                let turno = u32::try_from(n).unwrap_or(0);
                let uno = Peticionario {
                    cliente: Cliente::conectar(escena.contexto(), escena.endpoint.as_ref())?,
                    suyos: reparto.0.iter().skip(n).step_by(cuantos).copied().collect(),
                    cadencia: entre_dos * u32::try_from(cuantos).unwrap_or(1),
                    proxima: inicio + entre_dos * turno,
                    basta: Rc::clone(&basta),
                    historia: Rc::clone(historia),
                    inicio,
                };
                Ok(tokio::task::spawn_local(uno.correr()))
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Self { basta, tareas })
    }

    /// Dejan de pedir y acaban lo que esperaban.
    pub(super) async fn acabar(self) {
        self.basta.set(true);
        for tarea in self.tareas {
            tarea.await.expect("un cliente no entra en pánico");
        }
    }
}

struct Peticionario {
    cliente: Cliente,
    suyos: Vec<(EjemplarId, UsuarioId)>,
    cadencia: Duration,
    proxima: Instant,
    basta: Rc<Cell<bool>>,
    historia: Rc<RefCell<Historia>>,
    inicio: Instant,
}

impl Peticionario {
    async fn correr(mut self) {
        for n in 0.. {
            let (ejemplar, usuario) = self.suyos[n % self.suyos.len()];
            let objeto = Objeto::Ejemplar(ejemplar);
            for comando in [
                Comando::Prestamo { usuario, objeto, sede: None },
                Comando::Renovacion { usuario, objeto, sede: None },
                Comando::Devolucion { usuario: Some(usuario), objeto, sede: None },
            ] {
                sleep_until(self.proxima).await;
                if self.basta.get() {
                    return;
                }
                self.pedir(comando).await;
                // Quien se retrasa no recupera pidiendo dos a la vez: lo que falte para el ritmo se dice.
                self.proxima = (self.proxima + self.cadencia).max(Instant::now());
            }
        }
    }

    async fn pedir(&mut self, comando: Comando) {
        let id = Uuid::now_v7();
        self.historia.borrow_mut().pedida(id, comando.tipo(), Huella::de(&comando));
        self.historia.borrow_mut().seguir(id, comando);
        let desde = Instant::now();
        let espera = Paciencia { primero: PACIENCIA, repetido: PACIENCIA, total: PACIENCIA };
        let contestacion = self.cliente.pedir(&Solicitud::new(id, comando).escribir(), espera).await;
        let mut historia = self.historia.borrow_mut();
        let vista = contestacion.as_ref().ok().and_then(|c| Vista::leer(&c.cuerpo));
        let (Ok(contestacion), Some(vista)) = (contestacion, vista) else {
            historia.error(|| format!("{id} no tuvo respuesta"));
            return;
        };
        historia.vista(&contestacion.cuerpo);
        historia.muestras.push(Muestra {
            llegada: self.inicio.elapsed(),
            latencia: desde.elapsed(),
            tipo: Some(comando.tipo()),
            exito: vista.exito,
            estado: vista.estado,
            repetida: contestacion.envios > 1,
        });
    }
}
