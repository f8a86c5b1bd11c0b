//! Decide qué prueba una semilla: cuántos procesos, qué catálogo, qué se estropea y cuánto.
//!
//! Cada semilla estropea solo algunas clases de cosas: mezclarlas todas siempre tapa lo que una sola enseñaría (Groce y
//! otros, «Swarm Testing», 2012).

use std::fmt;

use common::mensajes::Topico;
use juicio::azar::Azar;

use crate::{
    enlace::{Clase, Enlace, Trafico},
    reloj::{MS, SEG, Us},
    sucesos::{Averia, Quien},
};

/// Lo que prueba una semilla.
#[derive(Clone, Debug)]
pub struct Perfil {
    pub gestores: usize,
    pub actores: usize,
    pub almacenes: usize,
    pub clientes: usize,
    pub operaciones: usize,
    pub usuarios: usize,
    pub copias: Vec<usize>,
    pub tormenta: Us,
    pub cada: Us,
    pub averias: Vec<Averia>,
    pub trafico: Trafico,
    /// De cada cien mil acciones, las que un proceso no llega a terminar.
    pub muertes_a_medias: usize,
    /// De cada cien operaciones, las que la base no sabe escribir.
    pub venenosas: usize,
    /// De cada cien operaciones, las que matan a quien las atiende.
    pub asesinas: usize,
    pub justo: bool,
    pub fsync: Us,
    pub desvio: i64,
}

impl Perfil {
    /// El de una semilla.
    pub fn al_azar(azar: &mut Azar) -> Self {
        let averias: Vec<_> = Averia::TODAS.into_iter().filter(|_| azar.por_ciento(40)).collect();
        let titulos = 1 + azar.menor_que(3);
        let a_veces = |azar: &mut Azar, tanto: usize, cuanto: usize| if azar.por_ciento(tanto) { cuanto } else { 0 };
        Self {
            gestores: if azar.por_ciento(30) { 2 } else { 1 },
            actores: 1 + azar.menor_que(3),
            almacenes: 1 + azar.menor_que(3),
            clientes: 2 + azar.menor_que(4),
            operaciones: 3 + azar.menor_que(6),
            usuarios: 2 + azar.menor_que(3),
            copias: (0..titulos).map(|_| 1 + azar.menor_que(3)).collect(),
            tormenta: SEG * (2 + azar.siguiente() % 20),
            cada: *azar.uno_de(&[100 * MS, 500 * MS, 2 * SEG, 5 * SEG]),
            averias,
            trafico: Trafico {
                latencia: *azar.uno_de(&[50, 200, 2 * MS, 20 * MS]),
                picos: a_veces(azar, 40, 5),
                dobles: a_veces(azar, 40, 50),
                descartes: a_veces(azar, 30, 50),
            },
            muertes_a_medias: a_veces(azar, 40, 400),
            venenosas: a_veces(azar, 25, 8),
            asesinas: a_veces(azar, 15, 6),
            justo: azar.por_ciento(25),
            fsync: *azar.uno_de(&[200, 2 * MS, 20 * MS, 400 * MS]),
            desvio: *azar.uno_de(&[0, 5_000, 2_000_000, 50_000_000]),
        }
    }

    /// Las conexiones que hay entre todos.
    pub fn enlaces(&self) -> Vec<Enlace> {
        let mut enlaces = Vec::new();
        for g in (0..self.gestores).map(Quien::Gestor) {
            enlaces.extend((0..self.clientes).map(|c| Enlace::new(Quien::Cliente(c), g, Clase::Cliente)));
            for a in (0..2 * self.actores).map(Quien::Actor) {
                enlaces.push(Enlace::new(a, g, Clase::Informes));
                enlaces.push(Enlace::new(a, g, Clase::Eventos));
            }
        }
        let llaman = (0..self.gestores).map(Quien::Gestor).chain((0..2 * self.actores).map(Quien::Actor));
        for quien in llaman {
            let a = |k| Enlace::new(quien, Quien::Almacen(k), Clase::Almacen);
            enlaces.extend((0..self.almacenes).map(a));
        }
        enlaces
    }
}

impl fmt::Display for Perfil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} gestores, {} actores por tópico, {} almacenes, {} clientes, títulos de {:?} copias, {} usuarios; {} s de {:?}",
            self.gestores,
            self.actores,
            self.almacenes,
            self.clientes,
            self.copias,
            self.usuarios,
            self.tormenta / SEG,
            self.averias
        )
    }
}

/// El tópico de un actor: los pares prestan y los impares devuelven.
pub fn topico(n: usize) -> Topico {
    Topico::TODOS[n % 2]
}
