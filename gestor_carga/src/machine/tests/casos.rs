//! Una frase por prueba: lo que se promete a quien pide, y lo que se hace con quien falla.

use std::time::Duration;

use common::{
    dominio::{Codigo, Estado},
    mensajes::{Desenlace, Topico},
};

use super::{
    Banco,
    banco::{id, prestamo},
};
use crate::machine::{Limites, Machine, Noticia, Num};

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Con un actor y una operación en vuelo.
fn en_vuelo() -> Banco {
    let mut banco = Banco::new();
    banco.llega_actor(Topico::Prestamo, "a");
    banco.pedir(prestamo(1, 1));
    banco
}

fn fuera(banco: &Banco) -> common::mensajes::Orden {
    banco.fuera[&id(1)]
}

#[test]
fn sin_actores_se_escribe_a_los_250_ms_y_no_antes() {
    let mut banco = Banco::new();
    banco.pedir(prestamo(1, 1));
    banco.pasar(ms(249));
    assert!(!banco.hay_por_escribir());
    banco.pasar(ms(1));
    assert!(banco.hay_por_escribir());
    assert!(banco.contestadas.is_empty(), "antes de que esté en el disco no se promete nada");
    banco.escribir();
    assert_eq!(banco.contestadas[&0], (Estado::Pendiente, Codigo::SinActores));
}

#[test]
fn un_actor_que_vuelve_antes_de_250_ms_ahorra_el_disco() {
    let mut banco = Banco::new();
    banco.pedir(prestamo(1, 1));
    banco.pasar(ms(200));
    banco.llega_actor(Topico::Prestamo, "a");
    banco.pasar(ms(100));
    banco.aplicar(&fuera(&banco));
    assert!(!banco.hay_por_escribir());
    assert_eq!(banco.contestadas[&0], (Estado::Aplicada, Codigo::Ok));
}

#[test]
fn con_un_actor_callado_se_escribe_a_los_750_ms() {
    let mut banco = en_vuelo();
    banco.pasar(ms(749));
    assert!(!banco.hay_por_escribir());
    banco.pasar(ms(1));
    banco.escribir();
    assert_eq!(banco.contestadas[&0], (Estado::Pendiente, Codigo::SinRespuesta));
}

#[test]
fn sin_almacenamiento_se_escribe_a_los_250_ms_o_en_cuanto_se_sabe() {
    let mut banco = en_vuelo();
    banco.informar(&fuera(&banco), Desenlace::SinAlmacenamiento);
    while banco.now < banco.now + ms(1) && !banco.hay_por_escribir() {
        banco.hasta_el_plazo();
        if let Some(orden) = banco.fuera.get(&id(1)).copied() {
            banco.informar(&orden, Desenlace::SinAlmacenamiento);
        }
    }
    banco.escribir();
    assert_eq!(banco.contestadas[&0], (Estado::Pendiente, Codigo::AlmacenamientoNoDisponible));

    let mut tarde = en_vuelo();
    tarde.pasar(ms(400));
    tarde.informar(&fuera(&tarde), Desenlace::SinAlmacenamiento);
    assert!(tarde.hay_por_escribir());
}

#[test]
fn quien_repite_una_prometida_recibe_pendiente_al_momento() {
    let mut banco = Banco::new();
    banco.pedir(prestamo(1, 1));
    banco.pasar(ms(250));
    banco.escribir();
    let quien = banco.pedir(prestamo(1, 1));
    assert_eq!(banco.contestadas[&quien].0, Estado::Pendiente);
    assert_eq!(banco.machine.noticia(id(1)), Some(Noticia::Prometida(Codigo::SinActores)));
}

#[test]
fn el_quinto_que_espera_por_lo_mismo_recibe_incierta_y_los_demas_la_respuesta() {
    let mut banco = en_vuelo();
    for _ in 0..4 {
        banco.pedir(prestamo(1, 1));
    }
    assert_eq!(banco.contestadas[&4], (Estado::Incierta, Codigo::Saturado));
    assert_eq!(banco.contestadas.len(), 1);
    banco.aplicar(&fuera(&banco));
    assert!((0..4).all(|quien| banco.contestadas[&quien].0 == Estado::Aplicada));
}

#[test]
fn el_mismo_id_con_otro_contenido_es_un_conflicto_y_no_estorba() {
    let mut banco = en_vuelo();
    let quien = banco.pedir(prestamo(1, 2));
    assert_eq!(banco.contestadas[&quien], (Estado::Error, Codigo::ConflictoDeId));
    let otra = common::mensajes::Orden { huella: prestamo(1, 2).huella, ..fuera(&banco) };
    // Un informe con el id y otra huella no es de esta operación.
    banco.machine.on_desenlace(
        banco.now,
        common::mensajes::ResultadoInforme {
            id: otra.id,
            huella: otra.huella,
            intento: 0,
            desenlace: Desenlace::Decidida(super::banco::decidida(otra.id)),
        },
    );
    assert_eq!(banco.machine.foto().operaciones, 1);
}

#[test]
fn con_la_tabla_llena_la_puerta_se_cierra_pero_las_conocidas_entran() {
    let mut banco = Banco::con(Limites { operaciones: 2, ..Limites::default() }, Vec::new());
    banco.pedir(prestamo(1, 1));
    banco.pedir(prestamo(2, 2));
    let quien = banco.pedir(prestamo(3, 3));
    assert_eq!(banco.contestadas[&quien], (Estado::Error, Codigo::Saturado));
    banco.pedir(prestamo(1, 1));
    assert_eq!(banco.machine.foto().esperas, 3);
}

#[test]
fn con_el_diario_averiado_los_vencidos_reciben_incierta_y_la_puerta_se_cierra_hasta_que_vuelve() {
    let mut banco = Banco::new();
    banco.pedir(prestamo(1, 1));
    banco.pasar(ms(250));
    banco.averiar();
    assert!(banco.contestadas.is_empty(), "todavía puede llegar un actor");
    let cerrada = banco.pedir(prestamo(2, 2));
    assert_eq!(banco.contestadas[&cerrada], (Estado::Error, Codigo::Saturado));
    banco.pasar(ms(1_750));
    assert_eq!(banco.contestadas[&0], (Estado::Incierta, Codigo::SinActores));
    banco.recuperar();
    banco.pedir(prestamo(2, 2));
    assert_eq!(banco.machine.foto().operaciones, 2);
}

#[test]
fn un_diario_que_vuelve_a_tiempo_cumple_con_quien_todavia_espera() {
    let mut banco = Banco::new();
    banco.pedir(prestamo(1, 1));
    banco.pasar(ms(250));
    banco.averiar();
    banco.pasar(ms(1_000));
    banco.recuperar();
    banco.escribir();
    assert_eq!(banco.contestadas[&0].0, Estado::Pendiente);
}

#[test]
fn un_disco_atascado_no_deja_a_nadie_sin_respuesta() {
    let mut banco = Banco::new();
    banco.pedir(prestamo(1, 1));
    banco.pasar(ms(3_999));
    assert!(banco.contestadas.is_empty());
    banco.pasar(ms(1));
    assert_eq!(banco.contestadas[&0].0, Estado::Incierta);
    banco.escribir();
    banco.terminar_bien();
}

#[test]
fn lo_de_un_actor_perdido_sale_al_momento_hacia_otro_y_cada_operacion_sola() {
    let mut banco = Banco::new();
    for i in 1..=3 {
        banco.pedir(prestamo(i, u32::try_from(i).expect("cabe")));
    }
    banco.llega_actor(Topico::Prestamo, "a");
    assert_eq!(banco.salidas.len(), 1, "van juntas");
    banco.llega_actor(Topico::Prestamo, "b");
    // El otro ya tiene lo suyo: no por eso esperan.
    banco.pedir(prestamo(4, 4));
    assert_eq!(banco.salidas[1].actor.as_deref(), Some("b"));
    banco.salidas.clear();
    banco.se_va_actor(Topico::Prestamo, "a");
    assert_eq!(banco.salidas.len(), 3);
    assert!(banco.salidas.iter().all(|s| s.actor.as_deref() == Some("b") && s.ordenes[0].sola));
}

#[test]
fn un_actor_que_llega_otra_vez_recibe_de_nuevo_lo_que_tenia_y_no_cuenta_como_muerto() {
    let mut banco = en_vuelo();
    banco.salidas.clear();
    banco.llega_actor(Topico::Prestamo, "a");
    assert_eq!(banco.salidas.len(), 1);
    assert_eq!((fuera(&banco).sola, fuera(&banco).intento), (false, 0));
}

#[test]
fn cada_intento_va_a_un_actor_distinto() {
    let mut banco = en_vuelo();
    banco.llega_actor(Topico::Prestamo, "b");
    for _ in 0..4 {
        let orden = fuera(&banco);
        banco.informar(&orden, Desenlace::SinAlmacenamiento);
        banco.pasar(Duration::from_secs(1));
    }
    let actores: Vec<_> = banco.salidas.iter().map(|s| s.actor.clone().expect("a un actor")).collect();
    assert!(actores.windows(2).filter(|par| par[0] == par[1]).count() <= 1, "{actores:?}");
}

#[test]
fn lo_que_nadie_informa_se_publica_otra_vez_cuando_toca() {
    let mut banco = en_vuelo();
    banco.salidas.clear();
    banco.pasar(common::tiempos::REENTREGA);
    assert!(banco.salidas.is_empty());
    banco.pasar(ms(121));
    assert_eq!((banco.salidas.len(), fuera(&banco).intento), (1, 1));
}

#[test]
fn un_informe_de_un_intento_viejo_solo_cuenta_si_trae_la_decision() {
    let mut banco = en_vuelo();
    let primera = fuera(&banco);
    banco.informar(&primera, Desenlace::SinAlmacenamiento);
    banco.pasar(ms(100));
    assert_eq!(fuera(&banco).intento, 1);
    banco.informar(&primera, Desenlace::Incierta);
    assert_eq!(banco.machine.foto().en_vuelo, 1);
    banco.aplicar(&primera);
    assert_eq!(banco.contestadas[&0].0, Estado::Aplicada);
}

#[test]
fn al_volver_el_almacenamiento_no_se_espera_el_backoff() {
    let mut banco = en_vuelo();
    for _ in 0..8 {
        if let Some(orden) = banco.fuera.get(&id(1)).copied() {
            banco.informar(&orden, Desenlace::SinAlmacenamiento);
        }
        banco.pasar(ms(150));
    }
    banco.pasar(ms(1_000));
    let orden = fuera(&banco);
    banco.informar(&orden, Desenlace::SinAlmacenamiento);
    assert_eq!(banco.machine.foto().en_vuelo, 0);
    banco.pasar(ms(110));
    banco.vuelve_el_almacen();
    assert_eq!(banco.machine.foto().en_vuelo, 1);
}

#[test]
fn una_incierta_vuelve_pronto_y_sola() {
    let mut banco = en_vuelo();
    banco.informar(&fuera(&banco), Desenlace::Incierta);
    banco.pasar(ms(121));
    assert_eq!((fuera(&banco).sola, fuera(&banco).intento), (true, 1));
}

#[test]
fn al_arrancar_las_filas_del_diario_van_en_orden_y_una_repetida_se_borra() {
    let filas = vec![(Num(5), prestamo(1, 1)), (Num(7), prestamo(2, 1)), (Num(9), prestamo(1, 1))];
    let mut banco = Banco::con(Limites::default(), filas);
    assert!(banco.hay_por_escribir());
    banco.escribir();
    banco.pedir(prestamo(3, 1));
    banco.llega_actor(Topico::Prestamo, "a");
    for n in 1..=3 {
        assert_eq!(banco.fuera.keys().copied().collect::<Vec<_>>(), [id(n)]);
        banco.aplicar(&prestamo(n, 1));
    }
    banco.terminar_bien();
}

#[test]
fn al_irse_se_promete_todo_lo_que_quede() {
    let mut banco = en_vuelo();
    banco.despedir();
    assert!(banco.machine.hay_promesas_por_hacer());
    banco.escribir();
    assert_eq!(banco.contestadas[&0].0, Estado::Pendiente);
    assert!(!banco.machine.hay_promesas_por_hacer());
}

#[test]
fn nadie_que_no_este_en_la_tabla_tiene_noticias() {
    let machine = Machine::<u32>::new(std::time::Instant::now(), Limites::default(), []);
    assert_eq!(machine.noticia(id(1)), None);
}

#[test]
fn al_recuperarse_el_diario_no_queda_en_el_la_fila_de_una_escritura_que_fallo() {
    let mut banco = en_vuelo();
    banco.pasar(ms(750));
    banco.averiar_dejando_las_filas();
    banco.pasar(ms(2_000));
    banco.recuperar();
    banco.aplicar(&fuera(&banco));
    banco.escribir();
    assert!(banco.disco.is_empty(), "una fila que nadie borra se publicaría otra vez en cada arranque");
}
