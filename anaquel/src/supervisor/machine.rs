//! Decide cuándo se lanza, se rearranca y se para cada proceso de la suite, y en qué orden se apagan. Puro.
//!
//! Como `restart: unless-stopped`: lo que muere vuelve, lo parado a mano queda parado. La primera muerte se repara en el
//! acto; si vuelve a morir pronto, cada vez se espera el doble, y quien vive [`SANO`] empieza de nuevo. Quien estuvo listo
//! y deja de dar señales de vida se mata: parado o colgado, es como muerto, y muerto vuelve.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// La primera espera entre rearranques que no es cero.
pub const BACKOFF_BASE: Duration = Duration::from_millis(100);
/// La mayor.
pub const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// Lo que hay que vivir para que se olviden las muertes.
pub const SANO: Duration = Duration::from_secs(10);
/// Cada cuánto insiste quien puede encontrar el cerrojo de su antecesor.
pub const INSISTENCIA: Duration = Duration::from_millis(20);
/// Cuánto insiste.
pub const INSISTENCIA_MAX: Duration = Duration::from_secs(10);

/// Lo que distingue a un proceso de otro.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Perfil {
    /// Al apagar se para a todos los de una etapa antes de seguir con la siguiente.
    pub etapa: u8,
    /// Al arrancar la suite espera a que este otro esté listo.
    pub tras: Option<usize>,
    /// Cuánto tiene para irse por las buenas.
    pub plazo_de_parada: Duration,
    /// Si puede encontrar por un momento el cerrojo de su antecesor, y entonces se insiste sin contarlo como muerte.
    pub insiste: bool,
    /// Las rondas seguidas sin señales de vida que se le aguantan una vez listo.
    pub rondas_de_silencio: u32,
}

/// En qué está un proceso.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fase {
    /// Aguarda a otro, al arrancar la suite.
    EnEspera,
    /// Parado a mano, o la suite se apaga.
    Parado,
    /// Se lanzará en `cuando`.
    Pendiente {
        cuando: Instant,
    },
    EnMarcha {
        desde: Instant,
        listo: bool,
    },
    Parando {
        /// Cuándo se le mata; `None` si ya se hizo.
        matar: Option<Instant>,
        /// Si hay que lanzarlo otra vez cuando acabe.
        relanzar: bool,
    },
}

/// Lo que hay que hacer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accion {
    Lanzar(usize),
    Terminar(usize),
    /// Matarlo: no se va, o no da señales de vida.
    Matar(usize),
}

#[derive(Clone, Debug)]
struct Proceso {
    perfil: Perfil,
    fase: Fase,
    /// Muertes seguidas sin llegar a [`SANO`].
    seguidas: u32,
    reinicios: u32,
    sirvio: bool,
    /// Desde cuándo falta: al arrancar, o al morir estando listo.
    falta_desde: Option<Instant>,
    /// Rondas seguidas sin una señal suya.
    silencio: u32,
    /// Veces que se mató por callar sin que en medio llegara a [`SANO`].
    calladas: u32,
}

/// La suite entera.
#[derive(Clone, Debug)]
pub struct Suite {
    procesos: Vec<Proceso>,
    acciones: VecDeque<Accion>,
    apagando: bool,
}

/// Cuánto se espera tras `seguidas` muertes seguidas: nada, y luego el doble cada vez.
pub fn backoff(seguidas: u32) -> Duration {
    match seguidas {
        0 | 1 => Duration::ZERO,
        n => BACKOFF_BASE.saturating_mul(1 << (n - 2).min(16)).min(BACKOFF_MAX),
    }
}

/// Las rondas de silencio que se aguantan a quien ya se mató por callar `calladas` veces, cada una recién lanzado: desde la
/// segunda, el doble cada vez. Si calla porque la máquina no da para más, matarlo sin fin no la alivia.
pub fn aguante(rondas: u32, calladas: u32) -> u32 {
    rondas.saturating_mul(1 << calladas.saturating_sub(1).min(8))
}

impl Suite {
    /// Una suite de procesos parados.
    pub fn new(perfiles: &[Perfil]) -> Self {
        let nuevo = |&perfil| Proceso {
            perfil,
            fase: Fase::Parado,
            seguidas: 0,
            reinicios: 0,
            sirvio: false,
            falta_desde: None,
            silencio: 0,
            calladas: 0,
        };
        Self { procesos: perfiles.iter().map(nuevo).collect(), acciones: VecDeque::new(), apagando: false }
    }

    /// Arranca la suite: todos a la vez, menos quien espera a otro.
    pub fn on_arrancar(&mut self, now: Instant) {
        for i in 0..self.procesos.len() {
            self.procesos[i].falta_desde = Some(now);
            if self.procesos[i].perfil.tras.is_some() {
                self.procesos[i].fase = Fase::EnEspera;
            } else {
                self.lanzar(i, now);
            }
        }
    }

    /// Un proceso contestó que está listo.
    pub fn on_listo(&mut self, i: usize, now: Instant) {
        let Fase::EnMarcha { listo, .. } = &mut self.procesos[i].fase else { return };
        *listo = true;
        self.procesos[i].silencio = 0;
        self.procesos[i].sirvio = true;
        self.procesos[i].falta_desde = None;
        for j in 0..self.procesos.len() {
            if self.procesos[j].fase == Fase::EnEspera && self.procesos[j].perfil.tras == Some(i) {
                self.lanzar(j, now);
            }
        }
    }

    /// Un proceso dio señales de vida.
    pub fn on_senal(&mut self, i: usize) {
        self.procesos[i].silencio = 0;
    }

    /// Acabó una ronda. Se cuentan rondas y no tiempo: si fue el lanzador quien estuvo parado, al volver solo hay una en la
    /// que no oyó a nadie.
    pub fn on_ronda(&mut self, now: Instant) {
        for (i, p) in self.procesos.iter_mut().enumerate() {
            let Fase::EnMarcha { desde, listo: true } = p.fase else { continue };
            p.silencio = p.silencio.saturating_add(1);
            if now.saturating_duration_since(desde) >= SANO {
                p.calladas = 0;
            }
            if p.silencio >= aguante(p.perfil.rondas_de_silencio, p.calladas) {
                p.silencio = 0;
                p.calladas = p.calladas.saturating_add(1);
                self.acciones.push_back(Accion::Matar(i));
            }
        }
    }

    /// Un proceso acabó, o no se pudo lanzar.
    pub fn on_muerto(&mut self, i: usize, now: Instant) {
        match self.procesos[i].fase {
            Fase::EnMarcha { .. } if self.apagando => self.procesos[i].fase = Fase::Parado,
            Fase::EnMarcha { desde, listo } => self.caer(i, desde, listo, now),
            Fase::Parando { relanzar: true, .. } => self.lanzar(i, now),
            Fase::Parando { relanzar: false, .. } => self.procesos[i].fase = Fase::Parado,
            Fase::EnEspera | Fase::Parado | Fase::Pendiente { .. } => unreachable!("solo acaba quien se lanzó"),
        }
        self.seguir_apagando(now);
    }

    fn caer(&mut self, i: usize, desde: Instant, listo: bool, now: Instant) {
        let p = &mut self.procesos[i];
        if listo {
            p.falta_desde = Some(now);
        }
        let falta = p.falta_desde.map_or(Duration::MAX, |f| now.saturating_duration_since(f));
        let espera = if p.perfil.insiste && !listo && falta < INSISTENCIA_MAX {
            INSISTENCIA
        } else {
            p.seguidas = if now.saturating_duration_since(desde) >= SANO { 1 } else { p.seguidas.saturating_add(1) };
            p.reinicios = p.reinicios.saturating_add(1);
            backoff(p.seguidas)
        };
        p.fase = Fase::Pendiente { cuando: now + espera };
        self.on_timeout(now);
    }

    /// Alguien pide que un proceso pare, y quede parado.
    pub fn on_parar(&mut self, i: usize, now: Instant) {
        let p = &mut self.procesos[i];
        match &mut p.fase {
            Fase::EnEspera | Fase::Pendiente { .. } => p.fase = Fase::Parado,
            Fase::EnMarcha { .. } => {
                p.fase = Fase::Parando { matar: Some(now + p.perfil.plazo_de_parada), relanzar: false };
                self.acciones.push_back(Accion::Terminar(i));
            }
            Fase::Parando { relanzar, .. } => *relanzar = false,
            Fase::Parado => {}
        }
    }

    /// Alguien pide que un proceso esté en marcha. Si la suite se apaga, ya no.
    pub fn on_iniciar(&mut self, i: usize, now: Instant) {
        if self.apagando {
            return;
        }
        match &mut self.procesos[i].fase {
            Fase::EnEspera | Fase::Parado | Fase::Pendiente { .. } => {
                self.procesos[i].seguidas = 0;
                self.procesos[i].falta_desde = Some(now);
                self.lanzar(i, now);
            }
            Fase::Parando { relanzar, .. } => *relanzar = true,
            Fase::EnMarcha { .. } => {}
        }
    }

    /// Se apaga la suite, por etapas. Pedirlo otra vez es tener prisa: se mata a todos.
    pub fn on_apagar(&mut self, now: Instant) {
        if self.apagando {
            for i in 0..self.procesos.len() {
                self.on_parar(i, now);
                if let Fase::Parando { matar, .. } = &mut self.procesos[i].fase {
                    *matar = Some(now);
                }
            }
            self.on_timeout(now);
        }
        self.apagando = true;
        self.seguir_apagando(now);
    }

    /// Para la primera etapa en la que alguien sigue en pie; lo que esperaba su turno ya no lo tiene.
    fn seguir_apagando(&mut self, now: Instant) {
        if !self.apagando {
            return;
        }
        for p in &mut self.procesos {
            match &mut p.fase {
                Fase::EnEspera | Fase::Pendiente { .. } => p.fase = Fase::Parado,
                Fase::Parando { relanzar, .. } => *relanzar = false,
                Fase::Parado | Fase::EnMarcha { .. } => {}
            }
        }
        let en_pie = self.procesos.iter().filter(|p| p.fase != Fase::Parado);
        let Some(etapa) = en_pie.map(|p| p.perfil.etapa).min() else { return };
        for i in 0..self.procesos.len() {
            if self.procesos[i].perfil.etapa == etapa {
                self.on_parar(i, now);
            }
        }
    }

    /// Pasó el tiempo: lanza y mata lo que toque.
    pub fn on_timeout(&mut self, now: Instant) {
        for i in 0..self.procesos.len() {
            match &mut self.procesos[i].fase {
                Fase::Pendiente { cuando } if *cuando <= now => self.lanzar(i, now),
                Fase::Parando { matar, .. } if matar.is_some_and(|m| m <= now) => {
                    *matar = None;
                    self.acciones.push_back(Accion::Matar(i));
                }
                _ => {}
            }
        }
    }

    fn lanzar(&mut self, i: usize, now: Instant) {
        self.procesos[i].fase = Fase::EnMarcha { desde: now, listo: false };
        self.acciones.push_back(Accion::Lanzar(i));
    }

    /// La siguiente acción.
    pub fn poll_accion(&mut self) -> Option<Accion> {
        self.acciones.pop_front()
    }

    /// Cuándo hay que llamar a [`Self::on_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.procesos
            .iter()
            .filter_map(|p| match p.fase {
                Fase::Pendiente { cuando } => Some(cuando),
                Fase::Parando { matar, .. } => matar,
                _ => None,
            })
            .min()
    }

    /// En qué está un proceso.
    pub fn fase(&self, i: usize) -> Fase {
        self.procesos[i].fase
    }

    /// Cuántas veces se ha rearrancado solo.
    pub fn reinicios(&self, i: usize) -> u32 {
        self.procesos[i].reinicios
    }

    /// Muertes seguidas de quien no ha estado listo nunca.
    pub fn muertes_sin_servir(&self, i: usize) -> u32 {
        if self.procesos[i].sirvio { 0 } else { self.procesos[i].seguidas }
    }

    /// Si todos los que deben estarlo están listos.
    pub fn lista(&self) -> bool {
        self.procesos.iter().all(|p| matches!(p.fase, Fase::Parado | Fase::EnMarcha { listo: true, .. }))
    }

    /// Si ya se apagó del todo.
    pub fn apagada(&self) -> bool {
        self.apagando && self.procesos.iter().all(|p| p.fase == Fase::Parado)
    }
}

#[cfg(test)]
mod tests;
