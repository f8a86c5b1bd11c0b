//! Decide los números de cada configuración, a partir de sus ejecuciones. Puro.

use juicio::estadistica::muestras::{Repetido, Tiempos, media_ms, real};
use test_sistema::solicitante::medida::Quedo;

use super::{
    hueco::{self, Hueco},
    muestras::{Configuracion, Muestras, Tanda},
};
use crate::resultados::{Diseno, FalloInducido};

/// Lo que se dice de una configuración.
#[derive(Clone, Debug)]
pub struct Resumen {
    pub configuracion: Configuracion,
    pub repeticiones: usize,
    /// Lo que tardaron los préstamos con respuesta buena, los de todas las repeticiones juntos.
    pub prestamos: Option<Tiempos>,
    /// La media de los préstamos de cada repetición, en milisegundos.
    pub medias_ms: Option<Repetido>,
    /// Las respuestas buenas de cada repetición, de cualquier operación.
    pub contestadas: Repetido,
    /// El hueco que causó la muerte en cada repetición en que se volvió, en milisegundos.
    pub huecos_ms: Option<Repetido>,
    /// Las repeticiones en que, después de la muerte, no se contestó nada bueno.
    pub sin_volver: usize,
    /// El mayor silencio de cualquier momento de cualquier repetición, en milisegundos.
    pub mayor_silencio_ms: Option<f64>,
    /// Todas las solicitudes, las de todas las repeticiones.
    pub solicitudes: u64,
    /// De ellas, hechas o rechazadas por una regla.
    pub decididas: u64,
    pub pendientes: u64,
    /// De ellas, las que acabaron en error o inciertas.
    pub fallidas: u64,
    /// De ellas, las que seguían sin respuesta al cerrarse la ventana.
    pub sin_respuesta: u64,
}

impl Resumen {
    fn de(configuracion: Configuracion, tandas: &[&Tanda]) -> Self {
        let mut todos: Vec<u32> = tandas.iter().flat_map(|t| t.prestamos_us.iter().copied()).collect();
        let medias = tandas.iter().filter_map(|t| media_ms(&t.prestamos_us)).collect();
        let contestadas: Vec<f64> = tandas.iter().map(|t| real(t.buenas_us().count())).collect();
        let huecos: Vec<Option<Hueco>> = tandas.iter().filter(|t| t.muerte_us.is_some()).map(|t| hueco_de(t)).collect();
        let cuantas = |estados: &[Quedo]| estados.iter().flat_map(|q| tandas.iter().map(|t| t.cuantas(*q))).sum();
        let decididas = cuantas(&[Quedo::Aplicada, Quedo::Rechazada]);
        let pendientes = cuantas(&[Quedo::Pendiente]);
        let fallidas = cuantas(&[Quedo::Error, Quedo::Incierta]);
        let sin_respuesta = cuantas(&[Quedo::SinRespuesta]);
        Self {
            configuracion,
            repeticiones: tandas.len(),
            prestamos: Tiempos::de(&mut todos),
            medias_ms: Repetido::de(medias),
            contestadas: Repetido::de(contestadas).expect("una configuración tiene al menos una ejecución"),
            sin_volver: huecos.iter().filter(|h| h.is_none()).count(),
            huecos_ms: Repetido::de(huecos.iter().flatten().map(|h| h.ms()).collect()),
            mayor_silencio_ms: tandas
                .iter()
                .filter_map(|t| hueco::mayor(t.buenas_us()))
                .map(Hueco::ms)
                .max_by(f64::total_cmp),
            solicitudes: decididas + pendientes + fallidas + sin_respuesta,
            decididas,
            pendientes,
            fallidas,
            sin_respuesta,
        }
    }
}

/// El hueco que causó la muerte en una ejecución.
pub fn hueco_de(tanda: &Tanda) -> Option<Hueco> {
    hueco::de_la_muerte(tanda.buenas_us(), tanda.muerte_us?)
}

/// Los de todas las configuraciones, en el orden de los informes.
#[derive(Clone, Debug, Default)]
pub struct Resumenes(pub Vec<Resumen>);

impl Resumenes {
    /// Los de unas ejecuciones.
    pub fn de(muestras: &Muestras) -> Self {
        Self(muestras.por_configuracion().iter().map(|(c, tandas)| Resumen::de(*c, tandas)).collect())
    }

    /// El de una configuración.
    pub fn cual(&self, diseno: Diseno, solicitantes: u16, fallo: FalloInducido) -> Option<&Resumen> {
        let buscada = Configuracion { diseno, solicitantes, fallo };
        self.0.iter().find(|r| r.configuracion == buscada)
    }

    /// Los de un diseño, con o sin fallo.
    pub fn de_un_diseno(&self, diseno: Diseno, fallo: FalloInducido) -> impl Iterator<Item = &Resumen> {
        self.0.iter().filter(move |r| r.configuracion.diseno == diseno && r.configuracion.fallo == fallo)
    }

    /// Los diseños que se midieron, el principal primero.
    pub fn disenos(&self) -> Vec<Diseno> {
        let mut hay: Vec<Diseno> = self.0.iter().map(|r| r.configuracion.diseno).collect();
        hay.dedup();
        hay
    }

    /// Cuántos solicitantes hubo, de menos a más, en un diseño.
    pub fn solicitantes(&self, diseno: Diseno) -> Vec<u16> {
        let mut hay: Vec<u16> =
            self.0.iter().filter(|r| r.configuracion.diseno == diseno).map(|r| r.configuracion.solicitantes).collect();
        hay.dedup();
        hay
    }

    /// El mayor número de solicitantes con que se midieron todos los diseños: con él se comparan.
    pub fn comunes(&self) -> Option<u16> {
        let disenos = self.disenos();
        let (primero, otros) = disenos.split_first()?;
        let en_todos = |n: &u16| otros.iter().all(|d| self.solicitantes(*d).contains(n));
        self.solicitantes(*primero).into_iter().filter(en_todos).max()
    }
}
