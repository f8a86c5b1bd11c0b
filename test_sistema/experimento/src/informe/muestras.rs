//! Decide qué se guarda de cada fila para resumirla y dibujarla: unos bytes por solicitud, por ejecución. Pura.

use std::collections::BTreeMap;

use common::dominio::Tipo;
use test_sistema::solicitante::medida::Quedo;

use crate::resultados::{Diseno, FalloInducido, Fila};

/// Lo que distingue una configuración de otra. Su orden es el de los informes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Configuracion {
    pub diseno: Diseno,
    /// Cuántos procesos solicitantes hubo en cada sede.
    pub solicitantes: u16,
    /// Si se mató al almacén en uso.
    pub fallo: FalloInducido,
}

/// Una solicitud que se contestó. Los microsegundos caben: una ventana no llega a 71 minutos.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Respuesta {
    /// Cuándo llegó la respuesta, desde el principio de la ventana.
    pub cuando_us: u32,
    pub tardo_us: u32,
    pub quedo: Quedo,
}

impl Respuesta {
    /// Si quien pidió sabe a qué atenerse: está hecha, no se hará o queda prometida.
    pub fn buena(&self) -> bool {
        buena(self.quedo)
    }
}

const fn buena(quedo: Quedo) -> bool {
    matches!(quedo, Quedo::Aplicada | Quedo::Rechazada | Quedo::Pendiente)
}

/// Una ejecución.
#[derive(Clone, Debug)]
pub struct Tanda {
    pub configuracion: Configuracion,
    pub repeticion: u32,
    /// Cuándo se mató al almacén en uso, si se mató.
    pub muerte_us: Option<u32>,
    /// Lo que tardó cada préstamo con respuesta buena.
    pub prestamos_us: Vec<u32>,
    /// Todo lo contestado; en el orden en que se contestó después de [`Muestras::cerrar`].
    pub respuestas: Vec<Respuesta>,
    pub cuentas: BTreeMap<Quedo, u64>,
}

impl Tanda {
    fn de(fila: &Fila) -> Self {
        let Fila { diseno, solicitantes, fallo, repeticion, .. } = *fila;
        Self {
            configuracion: Configuracion { diseno, solicitantes, fallo },
            repeticion,
            muerte_us: None,
            prestamos_us: Vec::new(),
            respuestas: Vec::new(),
            cuentas: BTreeMap::new(),
        }
    }

    fn anotar(&mut self, fila: &Fila) {
        *self.cuentas.entry(fila.estado).or_default() += 1;
        self.muerte_us = self.muerte_us.or(fila.muerte_us.map(corto));
        let Some(tardo) = fila.latencia_us() else { return };
        if fila.operacion == Tipo::Prestamo && buena(fila.estado) {
            self.prestamos_us.push(corto(tardo));
        }
        let cuando_us = corto(fila.inicio_us.saturating_add(tardo));
        self.respuestas.push(Respuesta { cuando_us, tardo_us: corto(tardo), quedo: fila.estado });
    }

    /// Cuántas quedaron en algo.
    pub fn cuantas(&self, quedo: Quedo) -> u64 {
        self.cuentas.get(&quedo).copied().unwrap_or(0)
    }

    /// Cuándo llegó cada respuesta buena, en orden.
    pub fn buenas_us(&self) -> impl Iterator<Item = u32> {
        self.respuestas.iter().filter(|r| r.buena()).map(|r| r.cuando_us)
    }
}

/// Las ejecuciones de un experimento, por su número.
#[derive(Clone, Debug, Default)]
pub struct Muestras {
    pub tandas: BTreeMap<u32, Tanda>,
}

impl Muestras {
    /// Cuenta una fila más.
    pub fn anotar(&mut self, fila: &Fila) {
        self.tandas.entry(fila.tanda).or_insert_with(|| Tanda::de(fila)).anotar(fila);
    }

    /// Ya están todas: las respuestas de cada ejecución quedan en el orden en que llegaron.
    pub fn cerrar(mut self) -> Self {
        self.tandas.values_mut().for_each(|t| t.respuestas.sort_unstable());
        self
    }

    /// Las ejecuciones de cada configuración, en el orden de los informes.
    pub fn por_configuracion(&self) -> BTreeMap<Configuracion, Vec<&Tanda>> {
        let mut grupos: BTreeMap<Configuracion, Vec<&Tanda>> = BTreeMap::new();
        for tanda in self.tandas.values() {
            grupos.entry(tanda.configuracion).or_default().push(tanda);
        }
        grupos
    }
}

fn corto(us: u64) -> u32 {
    u32::try_from(us).unwrap_or(u32::MAX)
}
