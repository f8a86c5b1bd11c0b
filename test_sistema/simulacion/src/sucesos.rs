//! Lo que puede pasar y a quién: los procesos, las averías, y los sucesos que el planificador reparte.

use std::fmt;

use gestor_carga::machine::Aviso;

use crate::mensajes::{DeBase, Mensaje, Trabajo};

/// Un proceso.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quien {
    Gestor(usize),
    Actor(usize),
    Almacen(usize),
    Cliente(usize),
    Base,
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

/// Algo que se va a estropear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Averia {
    Muerte,
    /// Un proceso se para y sigue donde estaba.
    Parada,
    Corte,
    Particion,
    Reinicio,
    Quietud,
    /// El disco de un gestor no se puede escribir.
    Disco,
}

impl Averia {
    /// Todas.
    pub const TODAS: [Self; 7] =
        [Self::Muerte, Self::Parada, Self::Corte, Self::Particion, Self::Reinicio, Self::Quietud, Self::Disco];
}

/// Algo que se arregla.
#[derive(Clone, Debug)]
pub enum Reparacion {
    Sigue { quien: Quien, vida: u32 },
    Habla(Vec<usize>),
    BaseArranca,
    BaseSigue,
    Disco(usize),
}

/// Lo que pasa en un momento.
#[derive(Debug)]
pub enum Suceso {
    /// Un mensaje llega al extremo de un enlace.
    Llega {
        enlace: usize,
        encarnacion: u32,
        hacia: usize,
        mensaje: Mensaje,
    },
    /// Un extremo se entera de que su conexión se perdió.
    Pierde {
        enlace: usize,
        encarnacion: u32,
        lado: usize,
    },
    /// Un extremo deja de oír al otro.
    Latido {
        enlace: usize,
        encarnacion: u32,
        lado: usize,
    },
    Reconecta {
        enlace: usize,
    },
    /// Un proceso mira lo que le ha llegado, o le vence un plazo.
    Turno {
        quien: Quien,
        vida: u32,
    },
    /// El disco de un gestor termina lo que hacía.
    Disco {
        gestor: usize,
        vida: u32,
    },
    EnBase {
        almacen: usize,
        vida: u32,
        numero: u64,
        generacion: Option<u32>,
        trabajo: Trabajo,
    },
    DeBase {
        almacen: usize,
        vida: u32,
        numero: u64,
        generacion: u32,
        que: DeBase,
    },
    /// Un almacén deja de esperar a la base.
    VenceBase {
        almacen: usize,
        vida: u32,
        numero: u64,
    },
    Arranca(Quien),
    Averia(Averia),
    Repara(Reparacion),
    Calma,
}

/// Lo que espera a que un proceso lo mire.
#[derive(Debug)]
pub enum Entrante {
    Mensaje {
        enlace: usize,
        encarnacion: u32,
        mensaje: Mensaje,
    },
    /// Hay conexión, abierta por esa vida de quien conecta.
    Abierta {
        enlace: usize,
        vida: u32,
    },
    Perdida {
        enlace: usize,
        vida: u32,
    },
    Diario(Aviso),
    DeBase {
        numero: u64,
        generacion: u32,
        que: DeBase,
    },
    VenceBase {
        numero: u64,
    },
}
