//! Decide a quién le toca salir: las nuevas (alguien espera por su clave) antes que las viejas, sin olvidarlas.
//!
//! Las filas son perezosas: una operación que cambió de fila o ya salió deja su entrada, y quien la saca comprueba.

use std::collections::VecDeque;

use super::{
    limites::NUEVAS_SEGUIDAS_MAX,
    operacion::{Num, RUTAS, Ruta},
};

/// Las filas de quienes pueden salir, por ruta.
#[derive(Clone, Debug, Default)]
pub(super) struct Turnos {
    nuevas: [VecDeque<Num>; RUTAS],
    viejas: [VecDeque<Num>; RUTAS],
    /// Ruta por la que se empieza a mirar: rota, para que una muy cargada no tape a las otras.
    desde: usize,
    nuevas_seguidas: u32,
}

/// La que estaba primera en una fila: su ruta y si era la de las nuevas.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sacada {
    pub(super) num: Num,
    pub(super) ruta: Ruta,
    pub(super) nueva: bool,
}

/// Qué rutas tienen a dónde ir.
pub(super) type Abiertas = [bool; RUTAS];

impl Turnos {
    pub(super) fn poner(&mut self, ruta: Ruta, num: Num, nueva: bool) {
        let filas = if nueva { &mut self.nuevas } else { &mut self.viejas };
        filas[ruta.indice()].push_back(num);
    }

    /// La siguiente de una ruta abierta; `viejas`, si se admiten.
    pub(super) fn sacar(&mut self, abiertas: Abiertas, viejas: bool) -> Option<Sacada> {
        let toca_vieja = viejas && self.nuevas_seguidas >= NUEVAS_SEGUIDAS_MAX;
        if toca_vieja {
            self.de_las_viejas(abiertas).or_else(|| self.de_las_nuevas(abiertas))
        } else {
            self.de_las_nuevas(abiertas).or_else(|| if viejas { self.de_las_viejas(abiertas) } else { None })
        }
    }

    /// La que se sacó salió de verdad.
    pub(super) fn contar(&mut self, nueva: bool) {
        self.nuevas_seguidas = if nueva { self.nuevas_seguidas + 1 } else { 0 };
    }

    pub(super) fn hay_viejas(&self, abiertas: Abiertas) -> bool {
        self.viejas.iter().zip(abiertas).any(|(fila, abierta)| abierta && !fila.is_empty())
    }

    fn de_las_nuevas(&mut self, abiertas: Abiertas) -> Option<Sacada> {
        self.desde = (self.desde + 1) % RUTAS;
        de_la_primera(&mut self.nuevas, self.desde, abiertas).map(|(num, ruta)| Sacada { num, ruta, nueva: true })
    }

    fn de_las_viejas(&mut self, abiertas: Abiertas) -> Option<Sacada> {
        de_la_primera(&mut self.viejas, self.desde, abiertas).map(|(num, ruta)| Sacada { num, ruta, nueva: false })
    }
}

fn de_la_primera(filas: &mut [VecDeque<Num>; RUTAS], desde: usize, abiertas: Abiertas) -> Option<(Num, Ruta)> {
    let mut rutas = (0..RUTAS).map(|i| (desde + i) % RUTAS).filter(|i| abiertas[*i]);
    rutas.find_map(|i| filas[i].pop_front().map(|num| (num, Ruta::TODAS[i])))
}
