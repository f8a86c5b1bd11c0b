//! Decide quién atiende cada encargo que llega por HTTP: la máquina, el diario, el cliente rotatorio o el almacenamiento.
//!
//! Un solo camino: un canal acotado de [`Encargo`]s, y cada uno trae por dónde contestarle.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use common::{
    dominio::OperacionId,
    mensajes::{Administracion, Administrada, CuerpoPeticion, CuerpoResultado, EstadoBreaker},
    resilience::rotation::SinServicio,
    tiempos,
    transport::Endpoint,
};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::{Para, Servicio, estado};
pub use super::{circuitos::DeUnActor, respuestas::Respondidas};
use crate::{
    diario::{
        SinDiario,
        buzon::{CierreDeBuzon, PaginaDeBuzon},
        ilegibles::PaginaDeIlegibles,
    },
    machine::{
        Situacion,
        vistas::{Filtro, Reintento, Tarea},
    },
};

/// Encargos sin atender, como mucho.
const ENCARGOS_MAX: usize = 64;
/// Encargos que están en el almacenamiento a la vez, como mucho.
const EN_EL_ALMACEN_MAX: usize = 32;

/// Por dónde se contesta un encargo. Quien lo hizo pudo irse.
pub type Contestar<T> = oneshot::Sender<T>;
/// Por dónde se contesta lo que contesta el almacenamiento.
pub type DelAlmacen = Contestar<Result<CuerpoResultado, SinContestar>>;

/// Lo que alguien pide por HTTP.
pub enum Encargo {
    /// Lo mismo que la operación `salud`.
    Estado(Contestar<Value>),
    EstadoDelGestor(Contestar<EstadoDelGestor>),
    /// Los circuitos, los propios y los de los actores.
    Circuitos(Contestar<Circuitos>),
    /// Una página de las operaciones sin decidir.
    Tareas {
        filtro: Filtro,
        desde: u32,
        cuantas: u32,
        a: Contestar<(Vec<Tarea>, usize)>,
    },
    /// Una operación sin decidir.
    Tarea(OperacionId, Contestar<Option<Tarea>>),
    Reintentar(OperacionId, Contestar<Reintento>),
    Buzon {
        desde: u32,
        cuantas: u32,
        a: Contestar<Result<PaginaDeBuzon, SinDiario>>,
    },
    /// Una página de las filas del diario que no se entienden.
    Ilegibles {
        desde: u32,
        cuantas: u32,
        a: Contestar<Result<PaginaDeIlegibles, SinDiario>>,
    },
    CerrarBuzon(OperacionId, String, Contestar<Result<CierreDeBuzon, SinDiario>>),
    /// Restablecer el circuito de un endpoint: el estado en que estaba y el que queda; nada, si no es de los nuestros.
    Restablecer(Endpoint, Contestar<Option<(EstadoBreaker, EstadoBreaker)>>),
    Almacen(CuerpoPeticion, DelAlmacen),
}

/// Por qué un encargo no tuvo contestación.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinContestar {
    Saturado,
    /// No llegó a tiempo: no se sabe si se hizo.
    Plazo,
    SinAlmacenamiento,
    /// Ninguno entiende lo que se le pide.
    NoEntendido,
    DiarioAveriado,
}

/// Cómo está el gestor.
#[derive(Clone, Debug)]
pub struct EstadoDelGestor {
    pub foto: Situacion,
    pub consultas: usize,
    /// Lo contestado desde que arrancó.
    pub respondidas: Respondidas,
    /// Filas del diario que no se entienden.
    pub ilegibles: u64,
}

/// Los circuitos que se conocen.
#[derive(Clone, Debug)]
pub struct Circuitos {
    pub propios: Vec<(Endpoint, EstadoBreaker)>,
    pub actores: Vec<DeUnActor>,
}

/// Por donde se hacen los encargos.
#[derive(Clone, Debug)]
pub struct Encargos(mpsc::Sender<Encargo>);

/// El canal, acotado.
pub fn canal() -> (Encargos, mpsc::Receiver<Encargo>) {
    let (tx, rx) = mpsc::channel(ENCARGOS_MAX);
    (Encargos(tx), rx)
}

impl Encargos {
    /// Encarga algo que el gestor sabe, y espera.
    pub async fn hacer<T>(&self, encargo: impl FnOnce(Contestar<T>) -> Encargo) -> Result<T, SinContestar> {
        self.hacer_en(tiempos::ENCARGO, encargo).await
    }

    /// Encarga algo al diario, y espera.
    pub async fn al_diario<T>(
        &self,
        encargo: impl FnOnce(Contestar<Result<T, SinDiario>>) -> Encargo,
    ) -> Result<T, SinContestar> {
        self.hacer_en(tiempos::ENCARGO_DEL_DIARIO, encargo).await?.map_err(|SinDiario| SinContestar::DiarioAveriado)
    }

    /// Pregunta al almacenamiento, y espera.
    pub async fn preguntar(&self, cuerpo: CuerpoPeticion) -> Result<CuerpoResultado, SinContestar> {
        self.hacer_en(tiempos::ENCARGO_DEL_ALMACEN, |a| Encargo::Almacen(cuerpo, a)).await?
    }

    /// Pide al almacenamiento lo que pide una persona; `None` si contesta otra cosa.
    pub async fn administrar(&self, que: Administracion) -> Result<Option<Administrada>, SinContestar> {
        Ok(match self.preguntar(CuerpoPeticion::Administrar(que)).await? {
            CuerpoResultado::Administrada(administrada) => Some(administrada),
            _ => None,
        })
    }

    async fn hacer_en<T>(
        &self,
        plazo: Duration,
        encargo: impl FnOnce(Contestar<T>) -> Encargo,
    ) -> Result<T, SinContestar> {
        let (a, contestado) = oneshot::channel();
        self.0.try_send(encargo(a)).map_err(|_| SinContestar::Saturado)?;
        match tokio::time::timeout(plazo, contestado).await {
            Ok(Ok(contestacion)) => Ok(contestacion),
            Ok(Err(_)) | Err(_) => Err(SinContestar::Plazo),
        }
    }
}

/// Contesta cuando el disco conteste, sin que el servicio espere.
fn al_volver<T: Send + 'static>(futuro: impl Future<Output = T> + Send + 'static, a: Contestar<T>) {
    tokio::spawn(async move { drop(a.send(futuro.await)) });
}

impl Servicio {
    /// Atiende un encargo: lo que el gestor sabe se contesta ya; lo demás, cuando vuelva.
    pub(super) fn on_encargo(&mut self, now: Instant, encargo: Encargo) {
        // Un envío que falla es de alguien que ya no espera.
        match encargo {
            Encargo::Estado(a) => drop(a.send(self.estado_json())),
            Encargo::EstadoDelGestor(a) => drop(a.send(self.resumen())),
            Encargo::Circuitos(a) => {
                let actores = self.circuitos.de_los_actores();
                drop(a.send(Circuitos { propios: self.almacen.estados(), actores }));
            }
            Encargo::Tareas { filtro, desde, cuantas, a } => {
                drop(a.send(self.machine.tareas(filtro, desde as usize, cuantas as usize)));
            }
            Encargo::Tarea(id, a) => drop(a.send(self.machine.tarea(id))),
            Encargo::Reintentar(id, a) => drop(a.send(self.machine.reintentar(now, id))),
            Encargo::Buzon { desde, cuantas, a } => {
                al_volver(self.diario.buzon_pagina(desde as usize, cuantas as usize), a);
            }
            Encargo::Ilegibles { desde, cuantas, a } => {
                al_volver(self.diario.ilegibles_pagina(desde as usize, cuantas as usize), a);
            }
            Encargo::CerrarBuzon(id, nota, a) => al_volver(self.diario.cerrar_buzon(id, nota), a),
            Encargo::Restablecer(endpoint, a) => drop(a.send(self.almacen.restablecer(&endpoint))),
            Encargo::Almacen(cuerpo, a) => self.al_almacen(cuerpo, a),
        }
    }

    fn al_almacen(&mut self, cuerpo: CuerpoPeticion, a: DelAlmacen) {
        if self.en_el_almacen >= EN_EL_ALMACEN_MAX {
            return drop(a.send(Err(SinContestar::Saturado)));
        }
        self.en_el_almacen += 1;
        self.almacen.llamar(Para::Encargo(a), cuerpo);
    }

    /// Toda llamada acaba: ningún encargo se queda.
    pub(super) fn on_encargo_contestado(&mut self, a: DelAlmacen, resultado: Result<CuerpoResultado, SinServicio>) {
        self.en_el_almacen -= 1;
        drop(a.send(resultado.map_err(|porque| match porque {
            SinServicio::NoEntendida => SinContestar::NoEntendido,
            SinServicio::NadaHecho | SinServicio::EnElAire => SinContestar::SinAlmacenamiento,
        })));
    }

    fn resumen(&self) -> EstadoDelGestor {
        EstadoDelGestor {
            foto: estado::a_la_vista(self.machine.foto(), &self.almacen.estados()),
            consultas: self.consultas.cuantas(),
            respondidas: self.cuentas.respondidas(),
            ilegibles: self.diario.ilegibles(),
        }
    }
}
