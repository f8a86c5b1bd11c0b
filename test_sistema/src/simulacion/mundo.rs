//! Decide el paso siguiente de la simulación: saca lo que toca, se lo da a quien le pasa, y anota lo que hace.

use std::{
    collections::VecDeque,
    fmt,
    time::{Duration, Instant},
};

use common::mensajes::Instante;
use gestor_carga::machine::Num;

use super::{
    actor::Actor,
    almacen::Almacen,
    base::{Base, DeBase, Trabajo},
    cliente::Cliente,
    comprobacion::Juez,
    cronica::Cronica,
    fallos::{Averia, Reparacion},
    gestor::Gestor,
    perfil::Perfil,
    red::{Enlace, Mensaje, Trafico},
    reloj::{Agenda, MS, SEG, Us},
};
use crate::azar::Azar;

/// Más sucesos que estos en una semilla son una espera que gira sin fin.
const SUCESOS_MAX: u64 = 400_000;
/// Cuánto se espera, ya sanado todo, a que no quede nada por hacer: más que la espera más larga (1 min y su azar).
const CALMA_MAX: Us = 400 * SEG;
/// Cuánto se sigue cuando ya no queda nada: lo que se repitió o se retrasó llega antes.
const RESTO: Us = 5 * SEG;
/// El reloj de pared cuando empieza: 2026-01-01.
const EPOCA_US: i64 = 1_767_225_600_000_000;

/// Un proceso.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quien {
    /// Un gestor de carga.
    Gestor(usize),
    /// Un actor.
    Actor(usize),
    /// Un gestor de almacenamiento.
    Almacen(usize),
    /// Un cliente.
    Cliente(usize),
    /// PostgreSQL.
    Base,
    /// Quien estropea y arregla.
    Mundo,
}

impl fmt::Display for Quien {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gestor(n) => write!(f, "gestor {n}"),
            Self::Actor(n) => write!(f, "actor {n}"),
            Self::Almacen(n) => write!(f, "almacén {n}"),
            Self::Cliente(n) => write!(f, "cliente {n}"),
            Self::Base => f.write_str("PostgreSQL"),
            Self::Mundo => f.write_str("—"),
        }
    }
}

/// Lo que pasa en un momento.
#[derive(Debug)]
pub enum Suceso {
    /// Un mensaje llega al extremo de un enlace.
    Llega { enlace: usize, encarnacion: u32, hacia: usize, mensaje: Mensaje },
    /// Un extremo se entera de que su conexión se perdió.
    Pierde { enlace: usize, encarnacion: u32, lado: usize },
    /// Un extremo deja de oír al otro.
    Latido { enlace: usize, encarnacion: u32, lado: usize },
    /// Toca rehacer una conexión.
    Reconecta { enlace: usize },
    /// Un proceso mira lo que le ha llegado, o le vence un plazo.
    Turno { quien: Quien, vida: u32 },
    /// El disco de un gestor termina lo que hacía.
    Disco { gestor: usize, vida: u32 },
    /// La base recibe algo que hacer.
    EnBase { almacen: usize, vida: u32, numero: u64, generacion: Option<u32>, trabajo: Trabajo },
    /// La base contesta.
    DeBase { almacen: usize, vida: u32, numero: u64, generacion: u32, que: DeBase },
    /// Un almacén deja de esperar a la base.
    VenceBase { almacen: usize, vida: u32, numero: u64 },
    /// Un proceso arranca.
    Arranca(Quien),
    /// Toca estropear algo.
    Averia(Averia),
    /// Toca arreglarlo.
    Repara(Reparacion),
    /// Se acaba la tormenta.
    Calma,
}

/// Lo que espera a que un proceso lo mire.
#[derive(Debug)]
pub enum Entrante {
    /// Un mensaje.
    Mensaje { enlace: usize, encarnacion: u32, mensaje: Mensaje },
    /// Hay conexión, abierta por esa vida de quien conecta.
    Abierta { enlace: usize, vida: u32 },
    /// Ya no la hay.
    Perdida { enlace: usize, vida: u32 },
    /// Están en el diario.
    Escritas(Vec<Num>),
    /// No se pudieron escribir.
    Fallidas(Vec<Num>),
    /// El diario vuelve.
    DiarioRecuperado,
    /// La base contesta a esa petición.
    DeBase { numero: u64, generacion: u32, que: DeBase },
    /// La base no contestó a tiempo.
    VenceBase { numero: u64 },
}

/// Lo que hay de un proceso, sea el que sea.
#[derive(Debug, Default)]
pub struct Proceso {
    /// Cuántas veces ha arrancado.
    pub vida: u32,
    /// Si vive.
    pub vivo: bool,
    /// Si está parado (SIGSTOP).
    pub parado: bool,
    /// Desde cuándo.
    pub parado_desde: Us,
    /// Cuánto ha estado parado en total.
    pub parado_total: Us,
    entrantes: VecDeque<Entrante>,
    turno: Option<Us>,
}

/// Lo que todos comparten: el tiempo, el azar, la red, la historia y el juez.
#[derive(Debug)]
pub struct Entorno {
    /// El momento.
    pub ahora: Us,
    origen: Instant,
    agenda: Agenda<Suceso>,
    /// El azar de la semilla.
    pub azar: Azar,
    /// Todas las conexiones.
    pub enlaces: Vec<Enlace>,
    /// Cómo va la red.
    pub trafico: Trafico,
    procesos: Vec<(Quien, Proceso)>,
    /// La historia.
    pub cronica: Cronica,
    /// Quien comprueba.
    pub juez: Juez,
    /// Lo que la semilla quiere probar.
    pub perfil: Perfil,
    /// Si todavía se estropean cosas.
    pub tormenta: bool,
}

impl Entorno {
    /// El momento, como lo ven las máquinas.
    #[must_use]
    pub fn instante(&self) -> Instant {
        self.origen + Duration::from_micros(self.ahora)
    }

    /// El microsegundo en que ese plazo ya venció.
    #[must_use]
    pub fn us_de(&self, instante: Instant) -> Us {
        let nanos = instante.saturating_duration_since(self.origen).as_nanos();
        Us::try_from(nanos.div_ceil(1_000)).expect("una simulación dura minutos")
    }

    /// La hora de pared, con el desvío del reloj de quien la mira.
    #[must_use]
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

    /// El proceso.
    #[must_use]
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

    /// Si el proceso muere justo aquí, entre dos de las cosas que hace seguidas.
    pub fn muere_aqui(&mut self, quien: Quien) -> bool {
        let muere = self.tormenta && self.azar.menor_que(100_000) < self.perfil.muertes_a_medias;
        if muere {
            self.matar(quien, "a media faena");
        }
        muere || !self.proceso(quien).vivo
    }

    /// El proceso muere; volverá a arrancar.
    pub fn matar(&mut self, quien: Quien, como: &str) {
        if !self.proceso(quien).vivo {
            return;
        }
        self.anotar(quien, || format!("muere {como}"));
        self.dar_por_no_parado(quien);
        let proceso = self.proceso_mut(quien);
        proceso.vivo = false;
        proceso.entrantes.clear();
        proceso.turno = None;
        self.morir_enlaces(quien);
        let fuera = if self.azar.por_ciento(70) { self.entre(MS, 400 * MS) } else { self.entre(MS, 8 * SEG) };
        self.poner(self.ahora + fuera, Suceso::Arranca(quien));
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
    fn recoger(&mut self, quien: Quien, vida: u32) -> Option<VecDeque<Entrante>> {
        let ahora = self.ahora;
        let proceso = self.proceso_mut(quien);
        if !proceso.vivo || proceso.vida != vida || proceso.turno != Some(ahora) {
            return None;
        }
        proceso.turno = None;
        (!proceso.parado).then(|| std::mem::take(&mut proceso.entrantes))
    }
}

/// Todo lo que se simula.
#[derive(Debug)]
pub struct Mundo {
    /// Lo que comparten.
    pub entorno: Entorno,
    /// Los gestores de carga.
    pub gestores: Vec<Gestor>,
    /// Los actores.
    pub actores: Vec<Actor>,
    /// Los gestores de almacenamiento.
    pub almacenes: Vec<Almacen>,
    /// Los clientes.
    pub clientes: Vec<Cliente>,
    /// PostgreSQL.
    pub base: Base,
    /// Sucesos que han pasado.
    pub pasos: u64,
    /// Desde cuándo no queda nada por hacer.
    paz: Option<Us>,
}

impl Mundo {
    /// El mundo de una semilla, antes de que pase nada.
    #[must_use]
    pub fn nuevo(semilla: u64, con_cronica: bool) -> Self {
        let mut azar = Azar::con_semilla(semilla);
        let perfil = Perfil::al_azar(&mut azar);
        let gestores: Vec<_> = (0..perfil.gestores).map(|n| Gestor::nuevo(n, &perfil, &mut azar)).collect();
        let actores: Vec<_> = (0..2 * perfil.actores).map(|n| Actor::nuevo(n, &perfil)).collect();
        let almacenes: Vec<_> = (0..perfil.almacenes).map(Almacen::nuevo).collect();
        let clientes: Vec<_> = (0..perfil.clientes).map(|n| Cliente::nuevo(n, &perfil, &mut azar)).collect();
        let enlaces = perfil.enlaces();
        let quienes = (0..gestores.len())
            .map(Quien::Gestor)
            .chain((0..actores.len()).map(Quien::Actor))
            .chain((0..almacenes.len()).map(Quien::Almacen))
            .chain((0..clientes.len()).map(Quien::Cliente));
        let mut mundo = Self {
            base: Base::nueva(&perfil),
            entorno: Entorno {
                ahora: 0,
                origen: Instant::now(),
                agenda: Agenda::default(),
                azar,
                enlaces,
                trafico: perfil.trafico,
                procesos: quienes.map(|q| (q, Proceso::default())).collect(),
                cronica: Cronica::nueva(con_cronica),
                juez: Juez::default(),
                perfil,
                tormenta: true,
            },
            gestores,
            actores,
            almacenes,
            clientes,
            pasos: 0,
            paz: None,
        };
        mundo.empezar();
        mundo
    }

    fn empezar(&mut self) {
        let e = &mut self.entorno;
        let que = e.perfil.to_string();
        e.anotar(Quien::Mundo, || que);
        let quienes: Vec<_> = e.quienes().collect();
        for quien in quienes {
            let cuando = e.entre(0, 20 * MS);
            e.poner(cuando, Suceso::Arranca(quien));
        }
        let fin = e.perfil.tormenta;
        e.poner(fin, Suceso::Calma);
        super::fallos::programar(e);
    }

    /// Pasa todo lo que tiene que pasar; dice si algo se rompió.
    pub fn correr(&mut self) -> Result<(), String> {
        let limite = self.entorno.perfil.tormenta + CALMA_MAX;
        while let Some((cuando, suceso)) = self.entorno.agenda.sacar() {
            self.entorno.ahora = cuando;
            self.pasos += 1;
            self.suceder(suceso);
            if let Some(falta) = self.entorno.juez.falta.take() {
                return Err(falta);
            }
            if !self.entorno.tormenta && self.pasos.is_multiple_of(64) {
                match self.paz {
                    _ if !self.en_paz() => self.paz = None,
                    None => self.paz = Some(cuando),
                    // Lo que aún venía de camino ya llegó.
                    Some(desde) if cuando > desde + RESTO => break,
                    Some(_) => {}
                }
            }
            if self.pasos > SUCESOS_MAX {
                return Err(format!("{SUCESOS_MAX} sucesos y no acaba: algo gira sin fin"));
            }
            if cuando > limite {
                return Err(format!("todo está sano desde hace {} s y aún {}", CALMA_MAX / SEG, self.que_falta()));
            }
        }
        if !self.en_paz() {
            return Err(format!("no queda nada por pasar y aún {}", self.que_falta()));
        }
        super::comprobacion::concluir(self)
    }

    fn suceder(&mut self, suceso: Suceso) {
        let e = &mut self.entorno;
        match suceso {
            Suceso::Llega { enlace, encarnacion, hacia, mensaje } => e.llegar(enlace, encarnacion, hacia, mensaje),
            Suceso::Pierde { enlace, encarnacion, lado } => e.perder(enlace, encarnacion, lado),
            Suceso::Latido { enlace, encarnacion, lado } => e.latido(enlace, encarnacion, lado),
            Suceso::Reconecta { enlace } => e.reconectar(enlace),
            Suceso::Turno { quien, vida } => self.turno(quien, vida),
            Suceso::Disco { gestor, vida } => self.gestores[gestor].diario.terminar(e, vida),
            Suceso::EnBase { almacen, vida, numero, generacion, trabajo } => {
                self.base.recibir(e, almacen, vida, numero, generacion, trabajo);
            }
            Suceso::DeBase { almacen, vida, numero, generacion, que } => {
                // Lo que la base contestó y no llegó antes de caer, no llega.
                let que = if generacion == self.base.generacion { que } else { DeBase::SeCorto };
                if e.proceso(Quien::Almacen(almacen)).vida == vida {
                    e.entregar(Quien::Almacen(almacen), Entrante::DeBase { numero, generacion, que });
                }
            }
            Suceso::VenceBase { almacen, vida, numero } => {
                if e.proceso(Quien::Almacen(almacen)).vida == vida {
                    e.entregar(Quien::Almacen(almacen), Entrante::VenceBase { numero });
                }
            }
            Suceso::Arranca(quien) => self.arrancar(quien),
            Suceso::Averia(averia) => super::fallos::estropear(self, averia),
            Suceso::Repara(reparacion) => super::fallos::arreglar(self, reparacion),
            Suceso::Calma => super::fallos::calmar(self),
        }
    }

    fn arrancar(&mut self, quien: Quien) {
        let e = &mut self.entorno;
        let proceso = e.proceso_mut(quien);
        if proceso.vivo {
            return;
        }
        proceso.vivo = true;
        proceso.vida += 1;
        e.anotar(quien, || "arranca".into());
        match quien {
            Quien::Gestor(n) => self.gestores[n].arrancar(e),
            Quien::Actor(n) => self.actores[n].arrancar(e),
            Quien::Almacen(n) => self.almacenes[n].arrancar(e),
            Quien::Cliente(_) | Quien::Base | Quien::Mundo => {}
        }
        e.conectar_todo(quien);
        let ahora = e.ahora;
        e.despertar(quien, ahora);
    }

    fn turno(&mut self, quien: Quien, vida: u32) {
        let e = &mut self.entorno;
        let Some(entrantes) = e.recoger(quien, vida) else { return };
        match quien {
            Quien::Gestor(n) => self.gestores[n].turno(e, entrantes),
            Quien::Actor(n) => self.actores[n].turno(e, entrantes),
            Quien::Almacen(n) => self.almacenes[n].turno(e, entrantes),
            Quien::Cliente(n) => self.clientes[n].turno(e, entrantes),
            Quien::Base | Quien::Mundo => {}
        }
    }

    /// Nada queda por hacer: ni clientes, ni operaciones, ni filas en los diarios.
    fn en_paz(&self) -> bool {
        self.que_falta().is_empty()
    }

    fn que_falta(&self) -> String {
        let mut falta = Vec::new();
        falta.extend(self.clientes.iter().filter_map(Cliente::que_falta));
        falta.extend(self.gestores.iter().filter_map(Gestor::que_falta));
        falta.join("; ")
    }
}
