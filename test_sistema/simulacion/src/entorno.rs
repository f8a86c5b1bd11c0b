//! Lo que comparten los procesos: el momento, la agenda, el azar, lo que espera a cada uno, la historia y el juez.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use common::mensajes::Instante;
use juicio::azar::Azar;

use crate::{
    cronica::Cronica,
    enlace::{Enlace, Trafico},
    juez::Juez,
    perfil::Perfil,
    reloj::{Agenda, Us},
    sucesos::{Entrante, Quien, Suceso},
};

/// El reloj de pared cuando empieza: 2026-01-01.
const EPOCA_US: i64 = 1_767_225_600_000_000;

/// Lo que hay de un proceso, sea el que sea.
#[derive(Debug, Default)]
pub struct Proceso {
    pub vida: u32,
    pub vivo: bool,
    /// Si está parado (SIGSTOP).
    pub parado: bool,
    pub parado_desde: Us,
    pub parado_total: Us,
    entrantes: VecDeque<Entrante>,
    turno: Option<Us>,
}

impl Proceso {
    /// Muere: lo que le esperaba se pierde.
    pub fn morir(&mut self) {
        self.vivo = false;
        self.entrantes.clear();
        self.turno = None;
    }
}

/// Lo que todos comparten: el tiempo, el azar, la red, la historia y el juez.
#[derive(Debug)]
pub struct Entorno {
    pub ahora: Us,
    origen: Instant,
    agenda: Agenda<Suceso>,
    pub azar: Azar,
    pub enlaces: Vec<Enlace>,
    pub trafico: Trafico,
    procesos: Vec<(Quien, Proceso)>,
    pub cronica: Cronica,
    pub juez: Juez,
    pub perfil: Perfil,
    pub tormenta: bool,
}

impl Entorno {
    /// El de esos procesos, antes de que pase nada.
    pub fn new(perfil: Perfil, azar: Azar, quienes: impl Iterator<Item = Quien>, con_cronica: bool) -> Self {
        Self {
            ahora: 0,
            origen: Instant::now(),
            agenda: Agenda::default(),
            azar,
            enlaces: perfil.enlaces(),
            trafico: perfil.trafico,
            procesos: quienes.map(|q| (q, Proceso::default())).collect(),
            cronica: Cronica::new(con_cronica),
            juez: Juez::default(),
            perfil,
            tormenta: true,
        }
    }

    /// El momento, como lo ven las máquinas.
    pub fn instante(&self) -> Instant {
        self.origen + Duration::from_micros(self.ahora)
    }

    /// El microsegundo en que ese plazo ya venció.
    pub fn us_de(&self, instante: Instant) -> Us {
        let nanos = instante.saturating_duration_since(self.origen).as_nanos();
        Us::try_from(nanos.div_ceil(1_000)).expect("una simulación dura minutos")
    }

    /// La hora de pared, con el desvío del reloj de quien la mira.
    pub fn hora(&self, desvio_us: i64) -> Instante {
        Instante(EPOCA_US + i64::try_from(self.ahora).expect("minutos") + desvio_us)
    }

    /// Un número entre los dos, sin el segundo.
    pub fn entre(&mut self, desde: Us, hasta: Us) -> Us {
        desde + self.azar.siguiente() % (hasta - desde).max(1)
    }

    /// Pone un suceso en la agenda.
    pub fn poner(&mut self, cuando: Us, suceso: Suceso) {
        self.agenda.poner(cuando.max(self.ahora), suceso);
    }

    /// Lo siguiente que pasa; su momento es desde ahora el de todos.
    pub fn siguiente(&mut self) -> Option<Suceso> {
        let (cuando, suceso) = self.agenda.sacar()?;
        self.ahora = cuando;
        Some(suceso)
    }

    /// El proceso.
    pub fn proceso(&self, quien: Quien) -> &Proceso {
        &self.procesos[self.puesto(quien)].1
    }

    /// El proceso, para cambiarlo.
    pub fn proceso_mut(&mut self, quien: Quien) -> &mut Proceso {
        let puesto = self.puesto(quien);
        &mut self.procesos[puesto].1
    }

    fn puesto(&self, quien: Quien) -> usize {
        self.procesos.iter().position(|(q, _)| *q == quien).expect("todos los procesos están dados de alta")
    }

    /// Todos los procesos.
    pub fn quienes(&self) -> impl Iterator<Item = Quien> {
        self.procesos.iter().map(|(quien, _)| *quien)
    }

    /// Deja algo a la espera de que un proceso lo mire.
    pub fn entregar(&mut self, quien: Quien, entrante: Entrante) {
        if self.proceso(quien).vivo {
            self.proceso_mut(quien).entrantes.push_back(entrante);
            let cuando = self.ahora + self.entre(5, 300);
            self.despertar(quien, cuando);
        }
    }

    /// El proceso mirará lo suyo en ese momento, si no lo hace antes.
    pub fn despertar(&mut self, quien: Quien, cuando: Us) {
        let cuando = cuando.max(self.ahora);
        let proceso = self.proceso_mut(quien);
        if proceso.vivo && proceso.turno.is_none_or(|antes| cuando < antes) {
            proceso.turno = Some(cuando);
            let vida = proceso.vida;
            self.poner(cuando, Suceso::Turno { quien, vida });
        }
    }

    /// Apunta en la historia.
    pub fn anotar(&mut self, quien: Quien, que: impl FnOnce() -> String) {
        self.cronica.anotar(self.ahora, quien, que);
    }

    /// Deja de estar parado, si lo estaba.
    pub fn dar_por_no_parado(&mut self, quien: Quien) {
        let ahora = self.ahora;
        let proceso = self.proceso_mut(quien);
        if std::mem::replace(&mut proceso.parado, false) {
            proceso.parado_total += ahora - proceso.parado_desde;
        }
    }

    /// Lo que espera a un proceso que puede mirarlo ahora.
    pub fn recoger(&mut self, quien: Quien, vida: u32) -> Option<VecDeque<Entrante>> {
        let ahora = self.ahora;
        let proceso = self.proceso_mut(quien);
        if !proceso.vivo || proceso.vida != vida || proceso.turno != Some(ahora) {
            return None;
        }
        proceso.turno = None;
        (!proceso.parado).then(|| std::mem::take(&mut proceso.entrantes))
    }
}
