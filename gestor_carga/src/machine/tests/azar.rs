//! Secuencias largas de varias operaciones sobre pocas claves, con poca ventana y listas cortas.

use std::time::Duration;

use common::{
    dominio::Tipo,
    mensajes::{Desenlace, Topico},
};
use proptest::prelude::*;

use super::{
    Banco,
    banco::{id, orden},
};
use crate::machine::Limites;

#[derive(Clone, Debug)]
enum Suceso {
    Pedir {
        n: u64,
        acepta: bool,
    },
    LlegaActor(usize, u8),
    SeVaActor(usize, u8),
    Informar {
        cual: prop::sample::Index,
        que: u8,
    },
    Cerrar {
        cual: prop::sample::Index,
        que: u8,
    },
    Reintentar {
        n: u64,
    },
    DecidirCualquiera {
        n: u64,
    },
    VuelveElAlmacen,
    Escribir,
    Averiar,
    Recuperar,
    HastaElPlazo,
    Pasar(u64),
    Rearrancar,
    /// El gestor se va con orden y arranca otro.
    Despedir,
}

fn sucesos() -> impl Strategy<Value = Suceso> {
    prop_oneof![
        8 => (0..12_u64, prop::bool::weighted(0.7)).prop_map(|(n, acepta)| Suceso::Pedir { n, acepta }),
        3 => (0..2_usize, 0..3_u8).prop_map(|(t, a)| Suceso::LlegaActor(t, a)),
        2 => (0..2_usize, 0..3_u8).prop_map(|(t, a)| Suceso::SeVaActor(t, a)),
        10 => (any::<prop::sample::Index>(), 0..8_u8).prop_map(|(cual, que)| Suceso::Informar { cual, que }),
        4 => (any::<prop::sample::Index>(), 0..6_u8).prop_map(|(cual, que)| Suceso::Cerrar { cual, que }),
        1 => (0..12_u64).prop_map(|n| Suceso::Reintentar { n }),
        1 => (0..12_u64).prop_map(|n| Suceso::DecidirCualquiera { n }),
        1 => Just(Suceso::VuelveElAlmacen),
        4 => Just(Suceso::Escribir),
        1 => Just(Suceso::Averiar),
        1 => Just(Suceso::Recuperar),
        3 => Just(Suceso::HastaElPlazo),
        3 => (1..15_000_u64).prop_map(Suceso::Pasar),
        1 => Just(Suceso::Rearrancar),
        1 => Just(Suceso::Despedir),
    ]
}

/// Cada id tiene siempre el mismo contenido: tres claves, los tres tipos.
fn contenido(n: u64) -> common::mensajes::Orden {
    let tipo = Tipo::TODOS[usize::try_from(n / 3 % 3).expect("cabe")];
    orden(n, tipo, u32::try_from(n % 3).expect("cabe"))
}

fn hacer(b: &mut Banco, suceso: &Suceso) {
    let nombre = |a: u8| format!("actor-{a}");
    match *suceso {
        Suceso::Pedir { n, acepta: true } => drop(b.pedir(contenido(n))),
        Suceso::Pedir { n, .. } => drop(b.pedir_ya(contenido(n))),
        Suceso::LlegaActor(t, a) => b.llega_actor(Topico::TODOS[t], &nombre(a)),
        Suceso::SeVaActor(t, a) => b.se_va_actor(Topico::TODOS[t], &nombre(a)),
        Suceso::Informar { cual, que } => {
            if b.fuera.is_empty() {
                return;
            }
            let fuera: Vec<_> = b.fuera.values().copied().collect();
            let orden = cual.get(&fuera);
            match que {
                0 => b.informar(orden, Desenlace::SinAlmacenamiento),
                1 => b.informar(orden, Desenlace::Incierta),
                2 => b.informar(orden, Desenlace::NoEscrita { motivo: "x".into() }),
                3 => b.informar(orden, Desenlace::NoEntendida { motivo: "x".into() }),
                4 => b.rechazar(orden),
                _ => b.aplicar(orden),
            }
        }
        Suceso::Cerrar { cual, que } => {
            if b.cerrando.is_empty() {
                return;
            }
            let cerrando: Vec<_> = b.cerrando.values().map(|cierre| cierre.orden).collect();
            let orden = cual.get(&cerrando);
            match que {
                0 => b.informar(orden, Desenlace::SinAlmacenamiento),
                1 => b.informar(orden, Desenlace::Incierta),
                2 => b.informar(orden, Desenlace::NoEntendida { motivo: "x".into() }),
                3 => b.aplicar(orden),
                _ => b.cerrar(orden.id),
            }
        }
        Suceso::Reintentar { n } => drop(b.machine.reintentar(b.now, id(n))),
        // Un informe de antes del último rearranque puede decidir una que ni es la primera ni ha salido.
        Suceso::DecidirCualquiera { n } => b.aplicar(&contenido(n)),
        Suceso::VuelveElAlmacen => b.vuelve_el_almacen(),
        Suceso::Escribir if !b.averiado => b.escribir(),
        Suceso::Averiar => b.averiar(),
        Suceso::Recuperar if b.averiado => b.recuperar(),
        Suceso::Escribir | Suceso::Recuperar => {}
        Suceso::HastaElPlazo => b.hasta_el_plazo(),
        Suceso::Pasar(ms) => b.pasar(Duration::from_millis(ms)),
        Suceso::Rearrancar => *b = b.rearrancar(),
        Suceso::Despedir => {
            b.despedir();
            if !b.averiado {
                b.escribir();
            }
            *b = b.rearrancar();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ninguna_historia_rompe_una_promesa(historia in prop::collection::vec(sucesos(), 1..80)) {
        let limites = Limites { ventana: 3, lista: 2, operaciones: 9, ..Limites::default() };
        let mut banco = Banco::con(limites, Vec::new());
        for suceso in historia {
            hacer(&mut banco, &suceso);
        }
        banco.terminar_bien();
    }
}

/// La halló el azar: el diario falló con solo borrados que hacer, y la máquina, sin saberlo, mandó escribir.
#[test]
fn un_borrado_que_no_se_pudo_hacer_no_se_lleva_lo_que_se_escribe_despues() {
    let limites = Limites { ventana: 3, lista: 2, operaciones: 9, ..Limites::default() };
    let mut banco = Banco::con(limites, Vec::new());
    for suceso in [
        Suceso::Pedir { n: 0, acepta: true },
        Suceso::Pedir { n: 2, acepta: true },
        Suceso::HastaElPlazo,
        Suceso::Averiar,
        Suceso::HastaElPlazo,
        Suceso::Recuperar,
        Suceso::Averiar,
        Suceso::Pedir { n: 2, acepta: true },
        Suceso::HastaElPlazo,
    ] {
        hacer(&mut banco, &suceso);
    }
    banco.terminar_bien();
}
