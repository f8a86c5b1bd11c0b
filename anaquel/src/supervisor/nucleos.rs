//! Decide en qué núcleo corre cada servicio.
//!
//! Una operación pasa por seis procesos, y despertar a uno que duerme en otro núcleo cuesta más que lo que va a hacer. Con
//! dos núcleos se reparten a mano: el gestor y los actores, que se hablan sin parar, en uno; los almacenes, en el otro, y
//! PostgreSQL donde quiera. Con más no se ha medido, y decide el planificador del sistema.

#![expect(unsafe_code, reason = "en qué núcleos se puede correr y en cuál se corre solo está en libc")]

use std::{mem::MaybeUninit, os::unix::process::CommandExt, process::Command};

use crate::plano::Etapa;

/// El núcleo de un servicio de esa etapa, si hay que fijarlo.
fn elegir(permitidos: &[usize], etapa: Etapa) -> Option<usize> {
    let &[uno, otro] = permitidos else { return None };
    match etapa {
        Etapa::Gestor | Etapa::Actores => Some(uno),
        Etapa::Almacenes => Some(otro),
        Etapa::Base => None,
    }
}

/// Hace que la orden, cuando se lance, corra en el núcleo de su etapa. Si el sistema no deja, corre donde pueda.
pub(super) fn fijar(orden: &mut Command, etapa: Etapa) {
    let Some(nucleo) = elegir(&permitidos(), etapa) else { return };
    let mut solo = vacio();
    // SAFETY: `nucleo` salió de un conjunto como este, así que cabe en él.
    unsafe { libc::CPU_SET(nucleo, &mut solo) };
    let fijar = move || {
        // SAFETY: entre fork y exec solo se hace una llamada al sistema, con memoria que es de la propia clausura.
        unsafe { libc::sched_setaffinity(0, size_of_val(&solo), &raw const solo) };
        Ok(())
    };
    // SAFETY: la clausura no reserva memoria ni toma cerrojos.
    unsafe { orden.pre_exec(fijar) };
}

/// Los núcleos en los que este proceso puede correr.
fn permitidos() -> Vec<usize> {
    let mut conjunto = vacio();
    // SAFETY: el conjunto es nuestro y mide lo que se dice.
    let leido = unsafe { libc::sched_getaffinity(0, size_of_val(&conjunto), &raw mut conjunto) } == 0;
    let caben = usize::try_from(libc::CPU_SETSIZE).unwrap_or(0);
    // SAFETY: cada número es menor que lo que cabe en el conjunto.
    (0..caben).filter(|n| leido && unsafe { libc::CPU_ISSET(*n, &conjunto) }).collect()
}

fn vacio() -> libc::cpu_set_t {
    // SAFETY: un conjunto de núcleos es una tira de bits; toda a cero es el vacío.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn con_dos_nucleos_los_almacenes_van_aparte_y_con_mas_o_menos_no_se_fija_nada() {
        assert_eq!([Etapa::Gestor, Etapa::Actores, Etapa::Almacenes].map(|e| elegir(&[4, 7], e)), [4, 4, 7].map(Some));
        assert_eq!(elegir(&[4, 7], Etapa::Base), None);
        for otros in [&[][..], &[0], &[0, 1, 2]] {
            assert_eq!(elegir(otros, Etapa::Gestor), None);
        }
    }

    #[test]
    fn una_orden_fijada_corre_solo_en_su_nucleo() {
        let mut orden = Command::new("nproc");
        fijar(&mut orden, Etapa::Almacenes);
        let salida = orden.output().expect("hay nproc");
        let esperados = if permitidos().len() == 2 { 1 } else { permitidos().len() };
        assert_eq!(String::from_utf8_lossy(&salida.stdout).trim(), esperados.to_string());
    }
}
