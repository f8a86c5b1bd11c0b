//! Decide a qué actor va cada intento de una operación.
//!
//! Orden rendezvous (Thaler y Ravishankar, «Using name-based mappings to increase hit rates», 1998): cada actor tiene
//! para cada clave un peso que no depende de los demás; manda el mayor. Al irse uno, solo lo suyo cambia de manos.

use super::backoff::splitmix64;
use crate::dominio::{Clave, Objeto};

/// El actor al que va el intento `intento` (desde 0) de una operación con esa clave: el enésimo en su orden, y
/// vuelta a empezar. `None` si no hay ninguno.
///
/// No reserva memoria. El orden de `elegibles` no importa, pero no ha de haber repetidos.
pub fn actor_de<'a, A: AsRef<str>>(clave: &Clave, elegibles: &'a [A], intento: u32) -> Option<&'a A> {
    let cuantos = u32::try_from(elegibles.len()).ok().filter(|n| *n > 0)?;
    let semilla = de_clave(clave);
    let peso = |actor: &'a A| (mezclar(semilla, actor.as_ref().as_bytes()), actor.as_ref());
    let mayor_bajo = |techo: Option<(u64, &str)>| {
        elegibles
            .iter()
            .map(|actor| (peso(actor), actor))
            .filter(|(peso, _)| techo.is_none_or(|techo| *peso < techo))
            .max_by_key(|(peso, _)| *peso)
    };
    let mut elegido = mayor_bajo(None)?;
    for _ in 0..intento % cuantos {
        elegido = mayor_bajo(Some(elegido.0))?;
    }
    Some(elegido.1)
}

fn de_clave(clave: &Clave) -> u64 {
    match clave {
        Objeto::Ejemplar(ejemplar) => mezclar(1, ejemplar.as_str().as_bytes()),
        Objeto::Libro(isbn) => mezclar(2, isbn.as_str().as_bytes()),
    }
}

/// Resumen de 64 bits de `bytes`, de ocho en ocho. No resiste a quien busque colisiones: solo reparte trabajo.
fn mezclar(semilla: u64, bytes: &[u8]) -> u64 {
    let (octetos, resto) = bytes.as_chunks::<8>();
    let mut ultimo = [0; 8];
    ultimo[..resto.len()].copy_from_slice(resto);
    let estado = octetos.iter().fold(semilla, |h, octeto| splitmix64(h ^ u64::from_le_bytes(*octeto)));
    // La longitud distingue «a» de «a\0».
    splitmix64(splitmix64(estado ^ u64::from_le_bytes(ultimo)) ^ bytes.len() as u64)
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    fn claves(cuantas: usize) -> impl Iterator<Item = Clave> {
        (0..cuantas).map(|i| Objeto::Ejemplar(format!("E{i:06}").parse().expect("ejemplar")))
    }

    fn actores(cuantos: usize) -> Vec<String> {
        (0..cuantos).map(|i| format!("actor-{i}-01890a5d-ac96-774b-bcce-b302099a8057")).collect()
    }

    #[test]
    fn sin_actores_no_hay_a_quien() {
        let clave = claves(1).next().expect("una");
        assert_eq!(actor_de::<String>(&clave, &[], 3), None);
    }

    #[test]
    fn al_irse_otro_actor_el_mio_sigue_siendo_el_mismo() {
        let todos = actores(5);
        for clave in claves(1_000) {
            let antes = actor_de(&clave, &todos, 0).expect("hay");
            for ido in todos.iter().filter(|a| *a != antes) {
                let quedan: Vec<_> = todos.iter().filter(|a| *a != ido).cloned().collect();
                assert_eq!(actor_de(&clave, &quedan, 0), Some(antes));
            }
        }
    }

    #[test]
    fn el_orden_de_la_lista_no_cambia_la_eleccion() {
        let todos = actores(4);
        let mut al_reves = todos.clone();
        al_reves.reverse();
        for clave in claves(200) {
            for intento in 0..4 {
                assert_eq!(actor_de(&clave, &todos, intento), actor_de(&clave, &al_reves, intento));
            }
        }
    }

    #[test]
    fn los_intentos_recorren_a_todos_y_vuelven_al_primero() {
        for cuantos in 1..=6_u32 {
            let todos = actores(cuantos as usize);
            for clave in claves(100) {
                let vistos: HashSet<_> = (0..cuantos).map(|n| actor_de(&clave, &todos, n)).collect();
                assert_eq!(vistos.len(), todos.len());
                assert_eq!(actor_de(&clave, &todos, 0), actor_de(&clave, &todos, cuantos));
            }
        }
    }

    #[test]
    fn si_se_va_el_primero_le_sigue_el_que_iba_segundo() {
        let todos = actores(4);
        for clave in claves(200) {
            let primero = actor_de(&clave, &todos, 0).expect("hay");
            let quedan: Vec<_> = todos.iter().filter(|a| *a != primero).cloned().collect();
            assert_eq!(actor_de(&clave, &quedan, 0), actor_de(&clave, &todos, 1));
        }
    }

    #[test]
    fn el_reparto_es_parejo_en_cada_intento() {
        for intento in 0..3 {
            let todos = actores(3);
            let mut cuenta: HashMap<&String, u32> = HashMap::new();
            for clave in claves(30_000) {
                *cuenta.entry(actor_de(&clave, &todos, intento).expect("hay")).or_default() += 1;
            }
            assert!(cuenta.len() == 3 && cuenta.values().all(|n| (9_500..10_500).contains(n)), "{cuenta:?}");
        }
    }
}
