//! Decide si lo que se supo de un ejemplar es linealizable: si hay un orden, que respete quién acabó antes de que otro
//! empezara, en el que cada decisión era la que tocaba. Pura.
//!
//! Es la búsqueda de Wing y Gong con la memoria de Lowe («Testing for linearizability», 2017): exacta, con un tope de
//! pasos para que una historia enrevesada no la cuelgue. Como en qué quedó cada operación se sabe por la base, también
//! ocupan su lugar las que el cliente nunca vio acabar: empezaron cuando empezaron, y acabaron cuando fuera.

use std::collections::HashSet;

use uuid::Uuid;

/// Pasos de la búsqueda de un ejemplar, como mucho, y lugares que se recuerdan: lo primero acota el tiempo (segundos) y lo
/// segundo la memoria (unos cientos de bytes cada uno).
const PASOS_MAX: usize = 50_000_000;
const VISTAS_MAX: usize = 500_000;

/// Lo que una operación le hizo al ejemplar, o lo que vio en él.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hecho {
    /// Abrió este préstamo: el ejemplar estaba libre.
    Presta(Uuid),
    /// Alargó este préstamo, que estaba abierto.
    Alarga(Uuid),
    /// Lo cerró.
    Cierra(Uuid),
    /// Se rechazó porque estaba prestado.
    VePrestado,
    /// Se rechazó porque no lo estaba.
    VeLibre,
}

/// Una operación sobre un ejemplar. Los tiempos son de un mismo reloj, en milisegundos.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paso {
    /// De qué operación.
    pub id: Uuid,
    /// Desde cuándo pudo tener lugar.
    pub desde_ms: u64,
    /// Cuándo se supo; `None` si nadie lo supo a tiempo de anotarlo.
    pub hasta_ms: Option<u64>,
    /// Qué hizo.
    pub hecho: Hecho,
}

/// Por qué una historia no vale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoLineal {
    /// No hay ningún orden; lo más lejos que se llegó fue a colocar tantas, y esta ya no cupo.
    SinOrden {
        /// Cuántas cupieron.
        colocadas: usize,
        /// La que tenía que estar ya y no podía.
        culpable: Uuid,
    },
    /// La búsqueda llegó a su tope sin saberlo.
    Inabarcable,
}

/// Comprueba la historia de un ejemplar que empieza libre.
///
/// # Errors
/// [`NoLineal`].
pub fn comprobar(pasos: &[Paso]) -> Result<(), NoLineal> {
    Busqueda::nueva(pasos).correr()
}

/// El préstamo abierto.
type Abierto = Option<Uuid>;

fn tras(abierto: Abierto, hecho: Hecho) -> Option<Abierto> {
    match hecho {
        Hecho::Presta(prestamo) => abierto.is_none().then_some(Some(prestamo)),
        Hecho::Alarga(prestamo) => (abierto == Some(prestamo)).then_some(abierto),
        Hecho::Cierra(prestamo) => (abierto == Some(prestamo)).then_some(None),
        Hecho::VePrestado => abierto.is_some().then_some(abierto),
        Hecho::VeLibre => abierto.is_none().then_some(abierto),
    }
}

/// Los principios y finales de las operaciones, en orden, como lista enlazada: colocar una operación es quitar los suyos.
struct Busqueda<'a> {
    pasos: &'a [Paso],
    /// De cada suceso, de qué operación es y si es su final. El 0 es el centinela.
    sucesos: Vec<(usize, bool)>,
    siguiente: Vec<usize>,
    anterior: Vec<usize>,
    /// De cada operación, dónde está su final.
    final_de: Vec<usize>,
    colocadas: Vec<u64>,
    vistas: HashSet<(Vec<u64>, Abierto)>,
    pila: Vec<(usize, Abierto)>,
    abierto: Abierto,
}

impl<'a> Busqueda<'a> {
    fn nueva(pasos: &'a [Paso]) -> Self {
        let mut orden: Vec<(u64, bool, usize)> = Vec::with_capacity(2 * pasos.len());
        for (i, paso) in pasos.iter().enumerate() {
            // En el mismo milisegundo no se sabe quién fue antes: los principios van delante y se solapan.
            orden.push((paso.desde_ms, false, i));
            orden.push((paso.hasta_ms.unwrap_or(u64::MAX).max(paso.desde_ms), true, i));
        }
        orden.sort_unstable_by_key(|(ms, es_final, i)| (*ms, *es_final, pasos[*i].id));
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
            pasos,
            sucesos,
            siguiente: (1..=largo).map(|n| n % largo).collect(),
            anterior: (0..largo).map(|n| (n + largo - 1) % largo).collect(),
            final_de,
            colocadas: vec![0; pasos.len().div_ceil(64)],
            vistas: HashSet::new(),
            pila: Vec::new(),
            abierto: None,
        }
    }

    fn correr(mut self) -> Result<(), NoLineal> {
        let (mut lejos, mut culpable) = (0, Uuid::nil());
        let mut donde = self.siguiente[0];
        for _ in 0..PASOS_MAX {
            if donde == 0 {
                return Ok(());
            }
            if self.vistas.len() > VISTAS_MAX {
                break;
            }
            let (cual, es_final) = self.sucesos[donde];
            if !es_final {
                donde = if self.colocar(donde, cual) { self.siguiente[0] } else { self.siguiente[donde] };
                continue;
            }
            // Acabó sin haber tenido lugar: por aquí no era.
            if self.pila.len() >= lejos {
                (lejos, culpable) = (self.pila.len(), self.pasos[cual].id);
            }
            let Some(atras) = self.retirar() else { return Err(NoLineal::SinOrden { colocadas: lejos, culpable }) };
            donde = self.siguiente[atras];
        }
        Err(NoLineal::Inabarcable)
    }

    /// Da lugar a una operación ahora, si puede ser y no se probó ya.
    fn colocar(&mut self, donde: usize, cual: usize) -> bool {
        let Some(abierto) = tras(self.abierto, self.pasos[cual].hecho) else { return false };
        let mut colocadas = self.colocadas.clone();
        colocadas[cual / 64] |= 1 << (cual % 64);
        if !self.vistas.insert((colocadas.clone(), abierto)) {
            return false;
        }
        self.pila.push((donde, self.abierto));
        (self.colocadas, self.abierto) = (colocadas, abierto);
        self.quitar(donde);
        self.quitar(self.final_de[cual]);
        true
    }

    /// Deshace la última colocada; devuelve dónde empezaba.
    fn retirar(&mut self) -> Option<usize> {
        let (donde, abierto) = self.pila.pop()?;
        let cual = self.sucesos[donde].0;
        self.colocadas[cual / 64] &= !(1 << (cual % 64));
        self.abierto = abierto;
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

    const fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    fn paso(n: u128, desde_ms: u64, hasta_ms: Option<u64>, hecho: Hecho) -> Paso {
        Paso { id: id(n), desde_ms, hasta_ms, hecho }
    }

    #[test]
    fn un_prestamo_su_renovacion_y_su_devolucion_en_orden_valen() {
        let historia = [
            paso(1, 0, Some(5), Hecho::Presta(id(1))),
            paso(2, 6, Some(9), Hecho::Alarga(id(1))),
            paso(3, 6, Some(9), Hecho::VePrestado),
            paso(4, 10, Some(12), Hecho::Cierra(id(1))),
            paso(5, 13, Some(14), Hecho::VeLibre),
            paso(6, 15, Some(16), Hecho::Presta(id(6))),
        ];
        assert_eq!(comprobar(&historia), Ok(()));
        assert_eq!(comprobar(&[]), Ok(()));
    }

    #[test]
    fn dos_prestamos_seguidos_sin_devolucion_entre_medias_no_tienen_orden() {
        let historia = [paso(1, 0, Some(5), Hecho::Presta(id(1))), paso(2, 6, Some(9), Hecho::Presta(id(2)))];
        assert_eq!(comprobar(&historia), Err(NoLineal::SinOrden { colocadas: 1, culpable: id(2) }));
    }

    #[test]
    fn quien_ve_prestado_lo_que_ya_se_sabia_devuelto_no_tiene_orden() {
        let con = |hasta| {
            [
                paso(1, 0, Some(5), Hecho::Presta(id(1))),
                paso(2, 6, Some(hasta), Hecho::Cierra(id(1))),
                paso(3, 20, Some(25), Hecho::VePrestado),
            ]
        };
        assert!(comprobar(&con(10)).is_err());
        assert_eq!(comprobar(&con(22)), Ok(()), "si se solapan, pudo verlo antes");
    }

    #[test]
    fn la_operacion_que_nadie_vio_acabar_ocupa_el_lugar_que_haga_falta_pero_no_antes_de_pedirse() {
        let historia = |pedida| {
            [
                paso(1, 0, Some(5), Hecho::Presta(id(1))),
                paso(2, pedida, None, Hecho::Cierra(id(1))),
                paso(3, 20, Some(25), Hecho::Presta(id(3))),
            ]
        };
        assert_eq!(comprobar(&historia(6)), Ok(()));
        assert!(comprobar(&historia(30)).is_err(), "no pudo cerrarlo antes de pedirse");
    }

    #[test]
    fn el_orden_bueno_se_halla_aunque_el_primero_que_se_prueba_no_lo_sea() {
        // El 2 tiene el id menor de los que se solapan, pero va después.
        let historia = [
            paso(2, 0, Some(50), Hecho::Presta(id(2))),
            paso(9, 0, Some(50), Hecho::Presta(id(9))),
            paso(10, 0, Some(20), Hecho::Cierra(id(9))),
            paso(11, 60, Some(70), Hecho::VePrestado),
        ];
        assert_eq!(comprobar(&historia), Ok(()));
    }

    #[test]
    fn miles_de_operaciones_de_un_ejemplar_disputado_se_comprueban_en_seguida() {
        let mut historia = Vec::new();
        for n in 0..3_000u64 {
            let (prestamo, t) = (id(u128::from(n) * 10), n * 10);
            historia.push(paso(u128::from(n) * 10, t, Some(t + 8), Hecho::Presta(prestamo)));
            historia.push(paso(u128::from(n) * 10 + 1, t + 5, Some(t + 16), Hecho::VePrestado));
            historia.push(paso(u128::from(n) * 10 + 2, t + 7, Some(t + 12), Hecho::Cierra(prestamo)));
        }
        assert_eq!(comprobar(&historia), Ok(()));
    }
}
