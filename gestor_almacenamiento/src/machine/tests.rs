//! La máquina de un lote, con todas las secuencias cortas de lo que le puede pasar.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use chrono::DateTime;
use common::{
    dominio::reglas::{Filas, Reglamento},
    mensajes::{Desenlace, Fallo},
    tiempos::{CRUCES_MAX, RESPIRO, VUELTAS},
};

use super::*;
use crate::lote::{Encargo, tests::orden};

/// Lo que puede pasar en un viaje: que salga bien, o de quién es la culpa.
type Suceso = Option<fn(String) -> Culpa>;

const SUCESOS: [Suceso; 5] =
    [None, Some(Culpa::Cruce), Some(Culpa::Operacion), Some(Culpa::Punto), Some(Culpa::Conexion)];

fn foto() -> Foto {
    let (ahora, horizonte) = (DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH);
    Foto { decididas: HashMap::new(), filas: Filas::default(), reglamento: Reglamento::VIGENTE, ahora, horizonte }
}

fn encargos(cuantos: u128) -> Vec<Encargo> {
    (1..=cuantos).map(|n| orden(n, "E1")).collect()
}

/// Un viaje, que sale bien o no; si era el de guardar.
fn viaje(vuelta: &mut Vuelta, ahora: Instant, tropiezo: Option<Culpa>, usada: bool) -> bool {
    let guardando = matches!(vuelta.paso(), PasoDeVuelta::Guardar(_));
    match tropiezo {
        None if guardando => vuelta.on_guardado(),
        None => vuelta.on_foto(foto()),
        Some(culpa) => vuelta.on_tropiezo(ahora, culpa, usada),
    }
    guardando
}

/// Lo que fue de dos operaciones si les pasa eso, y después todo va bien; y si algo quedó en el aire.
fn vivir(sucesos: &[Suceso], usada: bool) -> (Decidido, bool) {
    let (ahora, mut sucesos, mut en_el_aire) = (Instant::now(), sucesos.iter(), false);
    let mut vuelta = Vuelta::new(ahora, encargos(2));
    for _ in 0..100 {
        match vuelta.paso() {
            PasoDeVuelta::Acabar => return (vuelta.decidido(), en_el_aire),
            PasoDeVuelta::Esperar(_) => vuelta.on_espera(),
            PasoDeVuelta::Leer(_) | PasoDeVuelta::Guardar(_) => {
                let tropiezo = sucesos.next().copied().flatten().map(|culpa| culpa("x".into()));
                let guardando = viaje(&mut vuelta, ahora, tropiezo.clone(), usada);
                match tropiezo {
                    Some(Culpa::Conexion(_)) if guardando => en_el_aire = true,
                    // Otro trozo.
                    Some(Culpa::Operacion(_)) => en_el_aire = false,
                    None if guardando => en_el_aire = false,
                    _ => {}
                }
            }
        }
    }
    panic!("no acaba")
}

#[test]
fn toda_secuencia_corta_acaba_y_de_lo_que_quedo_en_el_aire_no_se_dice_que_no_se_hizo() {
    for n in 0..SUCESOS.len().pow(6) * 2 {
        let (usada, n) = (n % 2 == 0, n / 2);
        let sucesos: Vec<_> = (0..6).map(|i| SUCESOS[n / SUCESOS.len().pow(i) % SUCESOS.len()]).collect();
        let (lote, en_el_aire) = vivir(&sucesos, usada);
        let decidida = |e: &Encargo| lote.desenlaces.contains_key(&(e.orden.id, e.orden.huella));
        assert_eq!(lote.fallo.is_none(), encargos(2).iter().all(decidida), "{n}: {lote:?}");
        if let Some(Fallo { nada_hecho, .. }) = lote.fallo {
            assert_eq!(nada_hecho, !en_el_aire, "{n}");
        }
    }
}

#[test]
fn lo_que_no_se_puede_escribir_acaba_solo_y_lo_demas_se_guarda() {
    let (ahora, mala) = (Instant::now(), orden(3, "E1"));
    let mut vuelta = Vuelta::new(ahora, encargos(5));
    loop {
        let tropiezo = match vuelta.paso() {
            PasoDeVuelta::Acabar => break,
            PasoDeVuelta::Guardar(lote) if lote.decididas.iter().any(|d| d.orden.id == mala.orden.id) => {
                Some(Culpa::Operacion("23514".into()))
            }
            _ => None,
        };
        viaje(&mut vuelta, ahora, tropiezo, true);
    }
    let decidido = vuelta.decidido();
    assert!(decidido.fallo.is_none());
    for Encargo { orden, .. } in encargos(5) {
        let desenlace = &decidido.desenlaces[&(orden.id, orden.huella)];
        assert_eq!(matches!(desenlace, Desenlace::NoEscrita { .. }), orden.id == mala.orden.id, "{desenlace:?}");
    }
}

#[test]
fn cada_cruce_espera_mas_que_el_anterior_y_despues_de_diez_o_de_dos_segundos_se_deja() {
    let ahora = Instant::now();
    let cruce = || Some(Culpa::Cruce("AN001".into()));
    let mut vuelta = Vuelta::new(ahora, encargos(1));
    for n in 0..CRUCES_MAX {
        viaje(&mut vuelta, ahora, cruce(), true);
        assert!(matches!(vuelta.paso(), PasoDeVuelta::Esperar(cuanto) if cuanto == RESPIRO * n));
        vuelta.on_espera();
    }
    viaje(&mut vuelta, ahora, cruce(), true);
    assert!(matches!(vuelta.decidido().fallo, Some(Fallo { nada_hecho: true, .. })));

    let mut tarde = Vuelta::new(ahora, encargos(1));
    viaje(&mut tarde, ahora + VUELTAS.saturating_sub(Duration::from_millis(1)), cruce(), true);
    tarde.on_espera();
    viaje(&mut tarde, ahora + VUELTAS, cruce(), true);
    assert!(matches!(tarde.paso(), PasoDeVuelta::Acabar));
}

#[test]
fn de_una_conexion_recien_abierta_que_se_corta_leyendo_no_se_espera_mas() {
    let ahora = Instant::now();
    for (usada, sigue) in [(true, true), (false, false)] {
        let mut vuelta = Vuelta::new(ahora, encargos(1));
        viaje(&mut vuelta, ahora, Some(Culpa::Conexion("57P01".into())), usada);
        assert_eq!(matches!(vuelta.paso(), PasoDeVuelta::Leer(_)), sigue);
    }
}
