//! Decide qué se pide al almacenamiento en una llamada directa, y qué significa su final para cada operación que llevaba.

use std::time::Instant;

use common::{
    dominio::{Huella, OperacionId},
    mensajes::{CuerpoPeticion, CuerpoResultado, Desenlace, Instante, Orden, ResultadoEscritura, ResultadoInforme},
    resilience::rotation::SinServicio,
};

use super::PorTerminar;

/// Las operaciones de una llamada directa: lo que hace falta para saber qué fue de cada una cuando acabe.
#[derive(Debug)]
pub struct LlamadaDirecta(Vec<Llevada>);

/// Una operación dentro de una llamada.
#[derive(Debug)]
struct Llevada {
    id: OperacionId,
    huella: Huella,
    intento: u32,
}

impl LlamadaDirecta {
    /// La que pide que se decidan.
    pub fn escribir(ordenes: Vec<Orden>) -> (Self, CuerpoPeticion) {
        (Self::de(&ordenes, |orden| orden), CuerpoPeticion::Escribir(ordenes))
    }

    /// La que pide que se decida en contra. Los fallos se vieron con el reloj de la máquina: `fecha` es la hora de la pared
    /// en `now`.
    pub fn terminar(cierres: Vec<PorTerminar>, now: Instant, fecha: Instante) -> (Self, CuerpoPeticion) {
        let llamada = Self::de(&cierres, |cierre| &cierre.orden);
        let hora = |cuando: Instant| {
            let hace = now.saturating_duration_since(cuando).as_micros();
            Instante(fecha.0.saturating_sub(i64::try_from(hace).unwrap_or(i64::MAX)))
        };
        (llamada, CuerpoPeticion::Terminar(cierres.into_iter().map(|cierre| cierre.cierre(hora)).collect()))
    }

    fn de<T>(lista: &[T], orden: impl Fn(&T) -> &Orden) -> Self {
        let llevada = |orden: &Orden| Llevada { id: orden.id, huella: orden.huella, intento: orden.intento };
        Self(lista.iter().map(|cosa| llevada(orden(cosa))).collect())
    }

    /// Terminó: el desenlace de cada operación. Lo que no venga en la contestación no se sabe.
    pub fn acabar(self, resultado: Result<CuerpoResultado, SinServicio>) -> impl Iterator<Item = ResultadoInforme> {
        let (mut escritas, falta) = match resultado {
            Ok(CuerpoResultado::Escritas(escritas)) => (escritas, Desenlace::Incierta),
            Err(SinServicio::NadaHecho) => (Vec::new(), Desenlace::SinAlmacenamiento),
            Err(SinServicio::NoEntendida) => {
                let motivo = "ningún gestor de almacenamiento la entiende".to_owned();
                (Vec::new(), Desenlace::NoEntendida { motivo })
            }
            Ok(_) | Err(SinServicio::EnElAire) => (Vec::new(), Desenlace::Incierta),
        };
        self.0.into_iter().map(move |Llevada { id, huella, intento }| {
            let suya = |r: &ResultadoEscritura| r.id == id && r.huella == huella;
            let desenlace = match escritas.iter().position(suya) {
                Some(lugar) => escritas.swap_remove(lugar).desenlace,
                None => falta.clone(),
            };
            ResultadoInforme { id, huella, intento, desenlace }
        })
    }
}
