//! Quién sale antes: nuevas y viejas, la ventana, las listas y las sondas.

use std::time::Duration;

use common::mensajes::{Desenlace, Topico};

use super::{
    Banco,
    banco::{id, prestamo},
};
use crate::machine::{Limites, Num};

/// Un rezago de `n` operaciones prometidas, cada una de su clave, numeradas desde 1.
fn rezago(limites: Limites, n: u64) -> Banco {
    let filas = (1..=n).map(|i| (Num(i), prestamo(i, u32::try_from(i).expect("cabe")))).collect();
    Banco::con(limites, filas)
}

fn salidas(banco: &Banco) -> Vec<u64> {
    let ordenes = banco.salidas.iter().flat_map(|salida| &salida.ordenes);
    ordenes.map(|orden| u64::try_from(orden.id.uuid().as_u128() & 0xffff_ffff).expect("cabe")).collect()
}

#[test]
fn un_rezago_sale_por_la_ventana_en_listas_y_en_orden() {
    let mut banco = rezago(Limites { ventana: 5, lista: 2, ..Limites::default() }, 20);
    for actor in ["a", "b", "c"] {
        banco.llega_actor(Topico::Prestamo, actor);
    }
    assert_eq!(salidas(&banco), [1, 2, 3, 4, 5]);
    assert_eq!(banco.salidas.iter().map(|salida| salida.ordenes.len()).collect::<Vec<_>>(), [2, 2, 1]);
    banco.aplicar(&prestamo(5, 5));
    assert_eq!(salidas(&banco).last(), Some(&6));
}

#[test]
fn un_actor_no_recibe_otra_lista_hasta_que_informa_de_la_que_tiene_y_entretanto_se_junta() {
    let mut banco = Banco::new();
    banco.llega_actor(Topico::Prestamo, "a");
    for i in 1..=4 {
        banco.pedir(prestamo(i, u32::try_from(i).expect("cabe")));
    }
    assert_eq!(salidas(&banco), [1]);
    banco.aplicar(&prestamo(1, 1));
    assert_eq!((salidas(&banco), banco.salidas.len()), (vec![1, 2, 3, 4], 2));
    // Hasta que informa de todas.
    banco.pedir(prestamo(5, 5));
    banco.aplicar(&prestamo(2, 2));
    banco.aplicar(&prestamo(3, 3));
    assert_eq!(banco.salidas.len(), 2);
    banco.aplicar(&prestamo(4, 4));
    assert_eq!(banco.salidas.len(), 3);
}

#[test]
fn un_actor_que_se_atasca_solo_retiene_lo_que_llevaba() {
    let mut banco = Banco::new();
    banco.llega_actor(Topico::Prestamo, "atascado");
    banco.pedir(prestamo(1, 1));
    banco.llega_actor(Topico::Prestamo, "b");
    for i in 2..=50 {
        banco.pedir(prestamo(i, u32::try_from(i).expect("cabe")));
        banco.aplicar(&prestamo(i, u32::try_from(i).expect("cabe")));
    }
    assert_eq!(banco.fuera.keys().copied().collect::<Vec<_>>(), [id(1)]);
}

#[test]
fn una_nueva_sale_antes_que_las_viejas() {
    let mut banco = rezago(Limites { ventana: 1, ..Limites::default() }, 20);
    banco.llega_actor(Topico::Prestamo, "a");
    banco.pedir(prestamo(100, 100));
    banco.aplicar(&prestamo(1, 1));
    assert_eq!(salidas(&banco), [1, 100]);
}

#[test]
fn una_vieja_con_una_nueva_detras_de_su_clave_sube() {
    let mut banco = rezago(Limites { ventana: 1, ..Limites::default() }, 20);
    banco.llega_actor(Topico::Prestamo, "a");
    banco.pedir(prestamo(100, 15));
    banco.aplicar(&prestamo(1, 1));
    banco.aplicar(&prestamo(15, 15));
    assert_eq!(salidas(&banco), [1, 15, 100]);
}

#[test]
fn las_viejas_no_pasan_hambre_aunque_no_paren_de_llegar_nuevas() {
    let mut banco = rezago(Limites { ventana: 1, ..Limites::default() }, 3);
    banco.llega_actor(Topico::Prestamo, "a");
    for i in 100..140 {
        banco.pedir(prestamo(i, u32::try_from(i).expect("cabe")));
    }
    for _ in 0..30 {
        let orden = *banco.fuera.values().next().expect("siempre hay una fuera");
        banco.aplicar(&orden);
    }
    assert!(salidas(&banco).contains(&3), "{:?}", salidas(&banco));
}

#[test]
fn las_que_ya_se_prometieron_dejan_de_ser_nuevas() {
    let mut banco = Banco::con(Limites { ventana: 1, ..Limites::default() }, Vec::new());
    for i in 1..10 {
        banco.pedir(prestamo(i, u32::try_from(i).expect("cabe")));
    }
    banco.pasar(Duration::from_millis(300));
    banco.escribir();
    banco.pedir(prestamo(100, 100));
    banco.llega_actor(Topico::Prestamo, "a");
    assert_eq!(salidas(&banco), [100]);
}

#[test]
fn un_topico_sin_actores_no_detiene_a_los_demas() {
    let mut banco = rezago(Limites { ventana: 2, ..Limites::default() }, 10);
    banco.llega_actor(Topico::Devolucion, "d");
    banco.pedir(super::banco::orden(100, common::dominio::Tipo::Devolucion, 100));
    banco.pedir(super::banco::orden(101, common::dominio::Tipo::Renovacion, 101));
    assert_eq!(salidas(&banco), [100, 101]);
}

#[test]
fn con_el_almacenamiento_caido_solo_unas_pocas_viejas_prueban_si_vuelve() {
    let mut banco = rezago(Limites::default(), 3_000);
    banco.llega_actor(Topico::Prestamo, "a");
    let primeras: Vec<_> = banco.fuera.values().copied().collect();
    assert_eq!(primeras.len(), 256);
    for orden in primeras {
        banco.informar(&orden, Desenlace::SinAlmacenamiento);
    }
    banco.salidas.clear();
    for _ in 0..40 {
        banco.pasar(Duration::from_millis(25));
        for orden in banco.fuera.clone().into_values() {
            banco.informar(&orden, Desenlace::SinAlmacenamiento);
        }
    }
    let probadas = salidas(&banco).len();
    assert!((32..=96).contains(&probadas), "en un segundo probaron {probadas}");
    // Vuelve: se decide una, y en cuanto informa de todas sale una lista llena.
    banco.salidas.clear();
    banco.pasar(Duration::from_millis(250));
    let sonda: Vec<_> = banco.salidas.iter().flat_map(|salida| salida.ordenes.clone()).collect();
    assert!((1..=16).contains(&sonda.len()), "la sonda que está fuera: {}", sonda.len());
    for orden in &sonda {
        banco.aplicar(orden);
    }
    assert_eq!(banco.machine.foto().en_vuelo, 256);
}

#[test]
fn una_nueva_si_sale_con_el_almacenamiento_caido() {
    let mut banco = Banco::new();
    banco.llega_actor(Topico::Prestamo, "a");
    banco.pedir(prestamo(1, 1));
    banco.informar(&prestamo(1, 1), Desenlace::SinAlmacenamiento);
    banco.pedir(prestamo(2, 2));
    assert!(banco.fuera.contains_key(&id(2)));
}
