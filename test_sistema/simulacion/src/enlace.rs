//! Las conexiones que hay entre los procesos, con lo que la red recuerda de cada una, y cuánto tarda y falla lo que pasa
//! por ellas.

use std::collections::VecDeque;

use crate::{mensajes::Mensaje, reloj::Us, sucesos::Quien};

/// El lado que conecta.
pub const A: usize = 0;
/// El lado que atiende.
pub const B: usize = 1;

/// Para qué es una conexión.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clase {
    Cliente,
    /// Actor → gestor: la suscripción, que anuncia su presencia.
    Eventos,
    /// Actor → gestor: los informes.
    Informes,
    Almacen,
}

/// Una conexión.
#[derive(Debug)]
pub struct Enlace {
    /// Los dos extremos: quien conecta y quien atiende.
    pub extremos: [Quien; 2],
    pub clase: Clase,
    pub encarnacion: u32,
    /// Qué vida de quien conecta la abrió.
    pub vida: u32,
    /// Si cada extremo la tiene por abierta.
    pub visto: [bool; 2],
    pub vivo: bool,
    /// Hasta cuándo no pasa nada por ella (partición).
    pub callado: bool,
    /// Lo último que llega a cada lado: el orden se respeta.
    pub ultimo: [Us; 2],
    /// Lo que espera a que vuelva a pasar algo, hacia cada lado.
    pub retenidos: [VecDeque<Mensaje>; 2],
    pub reconectando: bool,
}

impl Enlace {
    /// Una conexión por hacer.
    pub fn new(a: Quien, b: Quien, clase: Clase) -> Self {
        Self {
            extremos: [a, b],
            clase,
            encarnacion: 0,
            vida: 0,
            visto: [false; 2],
            vivo: false,
            callado: false,
            ultimo: [0; 2],
            retenidos: [VecDeque::new(), VecDeque::new()],
            reconectando: false,
        }
    }
}

/// Con cuánto tarda y cuánto falla.
#[derive(Clone, Copy, Debug)]
pub struct Trafico {
    /// Lo que tarda un mensaje, como poco.
    pub latencia: Us,
    /// De cada cien, los que tardan mucho más.
    pub picos: usize,
    /// De cada mil, los que llegan otra vez más tarde.
    pub dobles: usize,
    /// De cada mil eventos, los que el publicador descarta.
    pub descartes: usize,
}
