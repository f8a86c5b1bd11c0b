//! Decide si unas operaciones que se solapan tienen un orden que lo explique todo: uno que respete cuál acabó antes de que
//! otra empezara, y en el que cada una contestó lo que tocaba. Pura.
//!
//! Es la búsqueda de Wing y Gong («Testing and Verifying Concurrent Objects», 1993) con la memoria de Lowe («Testing for
//! Linearizability», 2017): un mismo conjunto de colocadas que lleva a un mismo estado no se explora dos veces. Exacta, con
//! un tope de pasos para que una historia enrevesada no la cuelgue.

use std::{collections::HashSet, hash::Hash};

/// Pasos de una búsqueda, como mucho, y lugares que se recuerdan: lo primero acota el tiempo (segundos) y lo segundo la
/// memoria (unos cientos de bytes cada uno).
const PASOS_MAX: usize = 50_000_000;
const VISTAS_MAX: usize = 500_000;

/// Cuándo pudo tener lugar una operación, con el reloj que sea.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intervalo {
    pub desde: u64,
    /// Cuándo se supo; `None` si nadie lo supo: pudo ser en cualquier momento desde que se pidió.
    pub hasta: Option<u64>,
}

/// Un objeto con su estado secuencial.
pub trait Modelo {
    /// Una operación sobre él.
    type Paso;
    /// Cómo está.
    type Estado: Clone + Eq + Hash;

    /// Cuándo pudo tener lugar.
    fn intervalo(&self, paso: &Self::Paso) -> Intervalo;

    /// El estado que queda si la operación, hecha ahora, contestaría lo que contestó.
    fn dar(&self, estado: &Self::Estado, paso: &Self::Paso) -> Option<Self::Estado>;

    /// Si así pudo quedar al final.
    fn puede_acabar(&self, _estado: &Self::Estado) -> bool {
        true
    }
}

/// Por qué una historia no vale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoLineal {
    SinOrden {
        /// Lo más lejos que se llegó: cuántas cupieron.
        colocadas: usize,
        /// La que tenía que estar ya y no podía; ninguna, si lo que no cuadra es cómo quedó todo.
        culpable: Option<usize>,
    },
    /// La búsqueda llegó a su tope sin saberlo.
    Inabarcable,
}

/// Busca un orden de `pasos` desde `inicio`. Entre los que pueden ir a la vez se prueba antes el que está antes en la lista.
pub fn buscar_orden<M: Modelo>(modelo: &M, inicio: M::Estado, pasos: &[&M::Paso]) -> Result<(), NoLineal> {
    Busqueda::new(modelo, inicio, pasos).correr()
}

/// Los principios y finales de las operaciones, en orden, como lista enlazada: colocar una operación es quitar los suyos.
struct Busqueda<'a, M: Modelo> {
    modelo: &'a M,
    pasos: &'a [&'a M::Paso],
    /// De cada suceso, de qué operación es y si es su final. El 0 es el centinela.
    sucesos: Vec<(usize, bool)>,
    siguiente: Vec<usize>,
    anterior: Vec<usize>,
    /// De cada operación, dónde está su final.
    final_de: Vec<usize>,
    colocadas: Vec<u64>,
    vistas: HashSet<(Vec<u64>, M::Estado)>,
    pila: Vec<(usize, M::Estado)>,
    estado: M::Estado,
}

impl<'a, M: Modelo> Busqueda<'a, M> {
    fn new(modelo: &'a M, estado: M::Estado, pasos: &'a [&'a M::Paso]) -> Self {
        let mut orden: Vec<(u64, bool, usize)> = Vec::with_capacity(2 * pasos.len());
        for (i, paso) in pasos.iter().enumerate() {
            let Intervalo { desde, hasta } = modelo.intervalo(paso);
            // En el mismo instante no se sabe quién fue antes: los principios van delante y se solapan.
            orden.push((desde, false, i));
            orden.push((hasta.unwrap_or(u64::MAX).max(desde), true, i));
        }
        orden.sort_unstable();
        let mut final_de = vec![0; pasos.len()];
        let mut sucesos = vec![(0, false)];
        for (_, es_final, i) in orden {
            if es_final {
                final_de[i] = sucesos.len();
            }
            sucesos.push((i, es_final));
        }
        let largo = sucesos.len();
        Self {
            modelo,
            pasos,
            sucesos,
            siguiente: (1..=largo).map(|n| n % largo).collect(),
            anterior: (0..largo).map(|n| (n + largo - 1) % largo).collect(),
            final_de,
            colocadas: vec![0; pasos.len().div_ceil(64)],
            vistas: HashSet::new(),
            pila: Vec::new(),
            estado,
        }
    }

    fn correr(mut self) -> Result<(), NoLineal> {
        let (mut lejos, mut culpable) = (0, None);
        let mut donde = self.siguiente[0];
        for _ in 0..PASOS_MAX {
            if self.vistas.len() > VISTAS_MAX {
                break;
            }
            let (cual, es_final) = self.sucesos[donde];
            if donde == 0 {
                if self.modelo.puede_acabar(&self.estado) {
                    return Ok(());
                }
                (lejos, culpable) = (self.pila.len(), None);
            } else if !es_final {
                donde = if self.colocar(donde, cual) { self.siguiente[0] } else { self.siguiente[donde] };
                continue;
            } else if self.pila.len() >= lejos {
                // Acabó sin haber tenido lugar: por aquí no era.
                (lejos, culpable) = (self.pila.len(), Some(cual));
            }
            let Some(atras) = self.retirar() else { return Err(NoLineal::SinOrden { colocadas: lejos, culpable }) };
            donde = self.siguiente[atras];
        }
        Err(NoLineal::Inabarcable)
    }

    /// Da lugar a una operación ahora, si puede ser y no se probó ya.
    fn colocar(&mut self, donde: usize, cual: usize) -> bool {
        let Some(estado) = self.modelo.dar(&self.estado, self.pasos[cual]) else { return false };
        let mut colocadas = self.colocadas.clone();
        colocadas[cual / 64] |= 1 << (cual % 64);
        if !self.vistas.insert((colocadas.clone(), estado.clone())) {
            return false;
        }
        self.pila.push((donde, std::mem::replace(&mut self.estado, estado)));
        self.colocadas = colocadas;
        self.quitar(donde);
        self.quitar(self.final_de[cual]);
        true
    }

    /// Deshace la última colocada; devuelve dónde empezaba.
    fn retirar(&mut self) -> Option<usize> {
        let (donde, estado) = self.pila.pop()?;
        let cual = self.sucesos[donde].0;
        self.colocadas[cual / 64] &= !(1 << (cual % 64));
        self.estado = estado;
        self.poner(self.final_de[cual]);
        self.poner(donde);
        Some(donde)
    }

    fn quitar(&mut self, n: usize) {
        let (antes, despues) = (self.anterior[n], self.siguiente[n]);
        self.siguiente[antes] = despues;
        self.anterior[despues] = antes;
    }

    /// Deshace el último `quitar` que no se haya deshecho, que ha de ser el de `n`.
    fn poner(&mut self, n: usize) {
        let (antes, despues) = (self.anterior[n], self.siguiente[n]);
        self.siguiente[antes] = n;
        self.anterior[despues] = n;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Un registro: se escribe un valor o se lee, y al final vale `queda`, si importa.
    struct Registro {
        queda: Option<u8>,
    }

    enum Que {
        Escribe(u8),
        Lee(u8),
    }

    impl Modelo for Registro {
        type Paso = (u64, Option<u64>, Que);
        type Estado = u8;

        fn intervalo(&self, (desde, hasta, _): &Self::Paso) -> Intervalo {
            Intervalo { desde: *desde, hasta: *hasta }
        }

        fn dar(&self, valor: &u8, (_, _, que): &Self::Paso) -> Option<u8> {
            match que {
                Que::Escribe(nuevo) => Some(*nuevo),
                Que::Lee(leido) => (valor == leido).then_some(*valor),
            }
        }

        fn puede_acabar(&self, valor: &u8) -> bool {
            self.queda.is_none_or(|queda| queda == *valor)
        }
    }

    fn buscar(queda: Option<u8>, pasos: &[(u64, Option<u64>, Que)]) -> Result<(), NoLineal> {
        buscar_orden(&Registro { queda }, 0, &pasos.iter().collect::<Vec<_>>())
    }

    #[test]
    fn lo_que_se_solapa_va_en_el_orden_que_haga_falta_y_lo_que_no_en_el_suyo() {
        let historia = |fin| [(0, Some(fin), Que::Escribe(1)), (10, Some(20), Que::Lee(0))];
        assert_eq!(buscar(None, &historia(15)), Ok(()));
        assert_eq!(buscar(None, &historia(5)), Err(NoLineal::SinOrden { colocadas: 1, culpable: Some(1) }));
        assert_eq!(buscar(None, &[]), Ok(()));
    }

    #[test]
    fn la_que_nadie_supo_ocupa_el_lugar_que_haga_falta_pero_no_antes_de_pedirse() {
        let historia = |pedida| [(pedida, None, Que::Escribe(1)), (20, Some(25), Que::Lee(1))];
        assert_eq!(buscar(None, &historia(6)), Ok(()));
        assert!(buscar(None, &historia(30)).is_err());
    }

    #[test]
    fn entre_los_ordenes_posibles_se_busca_el_que_acaba_como_acabo() {
        let historia = || [(0, Some(9), Que::Escribe(1)), (0, Some(9), Que::Escribe(2))];
        assert_eq!(buscar(Some(1), &historia()), Ok(()));
        assert_eq!(buscar(Some(2), &historia()), Ok(()));
        assert_eq!(buscar(Some(3), &historia()), Err(NoLineal::SinOrden { colocadas: 2, culpable: None }));
        assert_eq!(buscar(Some(3), &[]), Err(NoLineal::SinOrden { colocadas: 0, culpable: None }));
    }
}
