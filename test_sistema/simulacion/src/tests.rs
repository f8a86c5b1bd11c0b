//! Lo que se exige a la simulación en cada tanda de pruebas, y las semillas que un día hallaron algo.

use crate::{
    orden::{TandaEnMarcha, muchas, nucleos},
    simular,
};

#[test]
fn diez_mil_semillas_cumplen_la_promesa() {
    let tanda = muchas(0, 10_000, nucleos(), &TandaEnMarcha::default());
    if let Some(fallo) = tanda.fallo {
        let historia = simular(fallo.semilla, true).historia.join("\n");
        panic!("{historia}\nsemilla {}: {}", fallo.semilla, fallo.falta.unwrap_or_default());
    }
    assert_eq!(tanda.semillas, 10_000);
}

#[test]
fn la_misma_semilla_da_la_misma_historia() {
    for semilla in 0..40 {
        assert_eq!(simular(semilla, true), simular(semilla, true), "semilla {semilla}");
    }
}

#[test]
fn las_semillas_no_son_todas_la_misma_historia_ni_estan_vacias() {
    let pasos: std::collections::BTreeSet<_> = (0..40).map(|semilla| simular(semilla, false).pasos).collect();
    assert!(pasos.len() > 30 && pasos.first().is_some_and(|pocos| *pocos > 100), "{pasos:?}");
}
