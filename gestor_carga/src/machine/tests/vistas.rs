//! Lo que ve un operador, y lo que puede adelantar.

use std::time::Duration;

use common::{
    dominio::{Objeto, Tipo},
    mensajes::{Desenlace, Topico},
};

use super::{
    Banco,
    banco::{id, orden, prestamo},
};
use crate::machine::vistas::{EstadoTarea, Filtro, Reintento};

fn estado(banco: &Banco, n: u64) -> EstadoTarea {
    banco.machine.tarea(id(n)).expect("sin decidir").estado
}

#[test]
fn un_operador_ve_en_que_esta_cada_una() {
    let mut banco = Banco::new();
    banco.pedir(prestamo(1, 1));
    let sin_actor = banco.machine.tarea(id(1)).expect("está");
    assert_eq!((sin_actor.estado, sin_actor.esperas), (EstadoTarea::Pendiente, 1));
    assert!(sin_actor.motivo.expect("lo dice").contains("actor"));
    banco.llega_actor(Topico::Prestamo, "a");
    let asignada = banco.machine.tarea(id(1)).expect("está");
    assert_eq!((asignada.estado, asignada.actor.as_deref()), (EstadoTarea::Asignada, Some("a")));
    banco.pedir(orden(2, Tipo::Renovacion, 2));
    assert_eq!(estado(&banco, 2), EstadoTarea::EnCurso);
    banco.informar(&prestamo(1, 1), Desenlace::NoEscrita { motivo: "22003".into() });
    let falla = banco.machine.tarea(id(1)).expect("está");
    assert_eq!((falla.estado, falla.intento, falla.historia.len()), (EstadoTarea::Reintento, 1, 1));
    assert!(falla.motivo.expect("lo dice").contains("22003") && falla.no_antes.is_some());
    assert_eq!(banco.machine.tarea(id(9)), None);
}

#[test]
fn la_lista_de_tareas_va_por_paginas_y_en_orden_de_llegada() {
    let mut banco = Banco::new();
    for n in 1..=10 {
        banco.pedir(orden(n, if n % 2 == 0 { Tipo::Devolucion } else { Tipo::Prestamo }, 1));
    }
    let (pagina, total) = banco.machine.tareas(Filtro::default(), 3, 4);
    assert_eq!((pagina.iter().map(|t| t.id).collect::<Vec<_>>(), total), ((4..=7).map(id).collect(), 10));
    let devoluciones = Filtro { tipo: Some(Tipo::Devolucion), ..Filtro::default() };
    assert_eq!(banco.machine.tareas(devoluciones, 0, 2).1, 5);
    let asignadas = Filtro { estado: Some(EstadoTarea::Asignada), ..Filtro::default() };
    assert_eq!(banco.machine.tareas(asignadas, 0, 2), (Vec::new(), 0));
    let clave = Objeto::Ejemplar("E1".parse().expect("ejemplar"));
    assert_eq!(banco.machine.pendientes(&clave), 10);
}

#[test]
fn reintentar_pone_a_cero_la_espera_y_no_toca_lo_que_esta_fuera() {
    let mut banco = Banco::new();
    banco.llega_actor(Topico::Prestamo, "a");
    banco.pedir(prestamo(1, 1));
    assert_eq!(banco.machine.reintentar(banco.now, id(1)), Reintento::EnVuelo);
    assert_eq!(banco.machine.reintentar(banco.now, id(2)), Reintento::NoExiste);
    banco.informar(&prestamo(1, 1), Desenlace::NoEscrita { motivo: "x".into() });
    assert_eq!(banco.machine.foto().en_vuelo, 0);
    assert_eq!(banco.machine.reintentar(banco.now, id(1)), Reintento::Adelantada);
    banco.pasar(Duration::ZERO);
    assert_eq!(banco.machine.foto().en_vuelo, 1);
    banco.terminar_bien();
}
