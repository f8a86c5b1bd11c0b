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
    banco.llega_actor(Topico::Prestamo, "a");
    let mut primeras = salidas(&banco);
    primeras.sort_unstable();
    assert_eq!(primeras, [1, 2, 3, 4, 5]);
    assert!(banco.salidas.iter().all(|salida| salida.ordenes.len() <= 2));
    banco.aplicar(&prestamo(3, 3));
    assert_eq!(salidas(&banco).last(), Some(&6));
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
    assert_eq!(primeras.len(), 1_024);
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
    // Vuelve: se decide una, y las demás llenan la ventana en seguida.
    banco.pasar(Duration::from_millis(250));
    let orden = *banco.fuera.values().next().expect("hay una sonda fuera");
    banco.aplicar(&orden);
    assert_eq!(banco.maquina.foto().en_vuelo, 1_024);
}

#[test]
fn una_nueva_si_sale_con_el_almacenamiento_caido() {
    let mut banco = Banco::nuevo();
    banco.llega_actor(Topico::Prestamo, "a");
    banco.pedir(prestamo(1, 1));
    banco.informar(&prestamo(1, 1), Desenlace::SinAlmacenamiento);
    banco.pedir(prestamo(2, 2));
    assert!(banco.fuera.contains_key(&id(2)));
}
