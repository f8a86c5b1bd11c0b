//! Decide qué peticiones de escritura van juntas en una transacción, y cuáles ya no tienen a quién contestar.

use std::{
    collections::{HashSet, VecDeque},
    time::{Duration, Instant},
};

use common::{
    dominio::{Huella, OperacionId},
    mensajes::{LISTA_MAX, Orden},
};

/// Operaciones en espera, como mucho; la petición que no cabe se rechaza en el acto.
pub const COLA_MAX: usize = 8 * 1024;

/// Una petición en espera. `R` es el remite: a quién y cómo se le contesta.
#[derive(Debug)]
pub struct EnEspera<R> {
    /// A quién se le contesta.
    pub remite: R,
    /// Lo que hay que decidir.
    pub ordenes: Vec<Orden>,
    /// Cuándo deja de esperar quien la envió.
    pub hasta: Instant,
}

/// Las peticiones que se juntan mientras corre la transacción anterior.
#[derive(Debug)]
pub struct Cola<R> {
    peticiones: VecDeque<EnEspera<R>>,
    operaciones: usize,
}

/// Por qué una petición no entra.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoCabe {
    /// Lleva demasiadas operaciones.
    #[error("la lista lleva más de {LISTA_MAX} operaciones")]
    ListaLarga,
    /// No hay sitio.
    #[error("saturado: ya esperan {COLA_MAX} operaciones")]
    Saturado,
}

/// Lo que sale de la cola.
#[derive(Debug)]
pub struct Lote<R> {
    /// Las peticiones que van juntas, en orden de llegada.
    pub peticiones: Vec<EnEspera<R>>,
    /// Cuántas se descartaron por el camino: quien las envió ya las pidió en otra parte.
    pub vencidas: usize,
}

impl<R> Default for Cola<R> {
    fn default() -> Self {
        Self { peticiones: VecDeque::new(), operaciones: 0 }
    }
}

impl<R> Cola<R> {
    /// Pone una petición a la espera.
    ///
    /// # Errors
    /// La petición y por qué no cabe.
    pub fn entrar(
        &mut self,
        remite: R,
        ordenes: Vec<Orden>,
        llegada: Instant,
        plazo: Duration,
    ) -> Result<(), (R, NoCabe)> {
        if ordenes.len() > LISTA_MAX {
            return Err((remite, NoCabe::ListaLarga));
        }
        if self.operaciones + ordenes.len() > COLA_MAX {
            return Err((remite, NoCabe::Saturado));
        }
        self.operaciones += ordenes.len();
        self.peticiones.push_back(EnEspera { remite, ordenes, hasta: llegada + plazo });
        Ok(())
    }

    /// Lo que va en la siguiente transacción: todo lo que quepa en [`LISTA_MAX`] operaciones. Una petición con alguna
    /// operación `sola` no lleva compañía.
    pub fn siguiente(&mut self, ahora: Instant) -> Lote<R> {
        let mut lote = Lote { peticiones: Vec::new(), vencidas: 0 };
        let mut operaciones = 0;
        while let Some(primera) = self.peticiones.front() {
            let (cuantas, sola) = (primera.ordenes.len(), primera.ordenes.iter().any(|o| o.sola));
            let vencida = primera.hasta <= ahora;
            if !vencida && !lote.peticiones.is_empty() && (sola || operaciones + cuantas > LISTA_MAX) {
                break;
            }
            let peticion = self.peticiones.pop_front().expect("acabamos de verla");
            self.operaciones -= cuantas;
            if vencida {
                lote.vencidas += 1;
                continue;
            }
            operaciones += cuantas;
            lote.peticiones.push(peticion);
            if sola {
                break;
            }
        }
        lote
    }

    /// Todo lo que espera, para despedirlo.
    pub fn vaciar(&mut self) -> impl Iterator<Item = EnEspera<R>> {
        self.operaciones = 0;
        self.peticiones.drain(..)
    }

    /// Si no espera nadie.
    #[must_use]
    pub fn esta_vacia(&self) -> bool {
        self.peticiones.is_empty()
    }
}

/// Parte un lote en las listas que se deciden una tras otra: casi siempre una. Lo repetido va una vez; el mismo id con
/// otro contenido, en una transacción posterior; y si alguna va `sola`, cada una en la suya.
#[must_use]
pub fn tandas(ordenes: &[Orden]) -> Vec<Vec<Orden>> {
    let mut vistas: HashSet<(OperacionId, Huella)> = HashSet::with_capacity(ordenes.len());
    let distintas = ordenes.iter().filter(|o| vistas.insert((o.id, o.huella)));
    if ordenes.iter().any(|o| o.sola) {
        return distintas.map(|o| vec![*o]).collect();
    }
    let mut tandas: Vec<(HashSet<OperacionId>, Vec<Orden>)> = Vec::new();
    for orden in distintas {
        match tandas.iter_mut().find(|(ids, _)| !ids.contains(&orden.id)) {
            Some((ids, tanda)) => {
                ids.insert(orden.id);
                tanda.push(*orden);
            }
            None => tandas.push((HashSet::from([orden.id]), vec![*orden])),
        }
    }
    tandas.into_iter().map(|(_, tanda)| tanda).collect()
}
