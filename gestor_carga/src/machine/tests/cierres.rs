//! Cuándo se deja de intentar una operación, y lo que se dice entretanto.

use std::time::Duration;

use common::{
    dominio::{Codigo, Estado, Tipo},
    mensajes::{Desenlace, MotivoDeApartar, Topico},
};

use super::{
    Banco,
    banco::{id, orden, prestamo},
};
use crate::machine::{
    Fin,
    vistas::{EstadoTarea, Reintento},
};

const PLAZO: Duration = Duration::from_secs(2);

fn con_actor() -> Banco {
    let mut banco = Banco::new();
    banco.llega_actor(Topico::Prestamo, "a");
    banco
}

/// Informa de lo que está fuera y espera a que vuelva a salir, o a que se termine con ella.
fn fallar(banco: &mut Banco, desenlace: &Desenlace) {
    let orden = banco.fuera[&id(1)];
    banco.informar(&orden, desenlace.clone());
    while !banco.fuera.contains_key(&id(1)) || banco.machine.foto().en_vuelo == 0 {
        banco.hasta_el_plazo();
        if !banco.cerrando.is_empty() {
            break;
        }
    }
}

fn no_escrita() -> Desenlace {
    Desenlace::NoEscrita { motivo: "22003".into() }
}

/// La operación 1, prometida, que agotó sus fallos definidos.
fn con_una_prometida_que_falla_del_todo() -> Banco {
    let mut banco = con_actor();
    banco.pedir(prestamo(1, 1));
    banco.pasar(Duration::from_millis(750));
    banco.escribir();
    for _ in 0..3 {
        fallar(&mut banco, &no_escrita());
    }
    banco
}

/// Otra que se decide: el almacenamiento da señales de vida.
fn senal_de_vida(banco: &mut Banco, n: u64) {
    let otra = prestamo(n, 99);
    banco.pedir(otra);
    banco.aplicar(&otra);
}

#[test]
fn al_tercer_fallo_definido_se_aparta_con_su_historia() {
    let mut banco = con_una_prometida_que_falla_del_todo();
    let cierre = &banco.cerrando[&id(1)];
    assert_eq!(cierre.fin, Fin::Apartar(MotivoDeApartar::FallosDefinidos));
    assert_eq!(cierre.historia.iter().map(|fallo| fallo.intento).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(cierre.historia[0].que.contains("22003"));
    assert_eq!(banco.machine.tarea(id(1)).expect("sigue").estado, EstadoTarea::EnCurso);
    banco.cerrar(id(1));
    banco.escribir();
    // Se prometió: queda en el buzón.
    assert_eq!(banco.buzon[&id(1)], Codigo::EnRevision);
    banco.terminar_bien();
}

#[test]
fn la_que_nadie_entiende_va_sola_a_otro_y_a_la_tercera_se_aparta_sin_dar_al_almacenamiento_por_vivo() {
    let mut banco = con_actor();
    banco.llega_actor(Topico::Prestamo, "b");
    banco.pedir(prestamo(1, 1));
    banco.informar(&banco.fuera[&id(1)].clone(), Desenlace::SinAlmacenamiento);
    banco.pasar(Duration::from_millis(100));
    for _ in 0..3 {
        fallar(&mut banco, &Desenlace::NoEntendida { motivo: "«reserva»".into() });
        assert!(banco.machine.foto().almacen_caido, "lo dijo el actor: del almacenamiento no se sabe nada");
        assert!(banco.fuera.get(&id(1)).is_none_or(|orden| orden.sola), "sola, para que otro la entienda entera");
    }
    let cierre = &banco.cerrando[&id(1)];
    assert_eq!(cierre.fin, Fin::Apartar(MotivoDeApartar::FallosDefinidos));
    assert!(cierre.historia[0].que.contains("reserva"), "{:?}", cierre.historia);
    banco.cerrar(id(1));
    banco.terminar_bien();
}

#[test]
fn de_la_que_nadie_entendio_se_puede_decir_que_no_se_hizo_nada() {
    let mut banco = con_actor();
    let quien = banco.pedir_ya(prestamo(1, 1));
    banco.informar(&banco.fuera[&id(1)].clone(), Desenlace::NoEntendida { motivo: "x".into() });
    banco.se_va_actor(Topico::Prestamo, "a");
    banco.pasar(Duration::from_secs(2));
    assert_eq!(banco.contestadas[&quien].0, Estado::Error, "sin preguntar al almacenamiento");
    assert!(banco.cerrando.is_empty());
}

#[test]
fn un_fallo_definido_espera_un_segundo_y_el_siguiente_dos() {
    let mut banco = con_actor();
    banco.pedir(prestamo(1, 1));
    for (menos, mas) in [(799, 1_201), (1_599, 2_401)] {
        let orden = banco.fuera[&id(1)];
        banco.informar(&orden, no_escrita());
        banco.pasar(Duration::from_millis(menos));
        assert_eq!(banco.machine.foto().en_vuelo, 0);
        banco.pasar(Duration::from_millis(mas - menos));
        assert_eq!(banco.machine.foto().en_vuelo, 1);
    }
}

#[test]
fn la_que_mata_a_cinco_a_solas_se_aparta() {
    let mut banco = con_actor();
    banco.pedir(prestamo(1, 1));
    for _ in 0..6 {
        assert!(banco.cerrando.is_empty() && banco.machine.foto().en_vuelo == 1, "sale al momento");
        banco.se_va_actor(Topico::Prestamo, "a");
        banco.llega_actor(Topico::Prestamo, "a");
    }
    assert_eq!(banco.cerrando[&id(1)].fin, Fin::Apartar(MotivoDeApartar::Muertes));
    banco.cerrar(id(1));
    banco.terminar_bien();
}

#[test]
fn cinco_veces_incierta_a_solas_mientras_otras_se_deciden_la_aparta() {
    let mut banco = con_actor();
    banco.llega_actor(Topico::Prestamo, "b");
    banco.pedir(prestamo(1, 1));
    for n in 0..6 {
        assert!(banco.cerrando.is_empty());
        senal_de_vida(&mut banco, 100 + n);
        fallar(&mut banco, &Desenlace::Incierta);
    }
    assert_eq!(banco.cerrando[&id(1)].fin, Fin::Apartar(MotivoDeApartar::Muertes));
}

#[test]
fn una_caida_de_horas_no_aparta_nada_y_al_volver_se_sale_en_seguida() {
    let mut banco = con_actor();
    banco.pedir(prestamo(1, 1));
    for vez in 0..300 {
        let que = [Desenlace::SinAlmacenamiento, Desenlace::Incierta][vez % 2].clone();
        fallar(&mut banco, &que);
        if vez % 10 == 0 {
            banco.se_va_actor(Topico::Prestamo, "a");
            banco.llega_actor(Topico::Prestamo, "a");
        }
        // Nadie informa.
        banco.pasar(Duration::from_secs(80));
        banco.escribir();
    }
    assert!(banco.cerrando.is_empty());
    let orden = banco.fuera[&id(1)];
    banco.informar(&orden, Desenlace::Incierta);
    assert_eq!(banco.machine.foto().en_vuelo, 0);
    banco.vuelve_el_almacen();
    assert_eq!(banco.machine.foto().en_vuelo, 1);
    banco.terminar_bien();
}

#[test]
fn a_quien_no_acepta_pendiente_y_nada_salio_le_basta_un_error_y_la_operacion_se_olvida() {
    for tipo in [Tipo::Prestamo, Tipo::Renovacion] {
        let mut banco = Banco::new();
        banco.pedir_ya(orden(1, tipo, 1));
        for _ in 0..100 {
            if let Some(orden) = banco.fuera.get(&id(1)).copied() {
                banco.informar(&orden, Desenlace::SinAlmacenamiento);
            }
            banco.hasta_el_plazo();
            assert!(!banco.hay_por_escribir(), "no se promete a quien no lo acepta");
        }
        assert_eq!(banco.contestadas[&0].0, Estado::Error);
        assert_eq!(banco.machine.foto().operaciones, 0);
    }
}

#[test]
fn si_algo_salio_solo_el_almacenamiento_la_anula() {
    let mut banco = con_actor();
    banco.pedir_ya(prestamo(1, 1));
    banco.pedir(prestamo(2, 1));
    banco.pasar(PLAZO);
    assert_eq!(banco.cerrando[&id(1)].fin, Fin::Anular(Codigo::SinRespuesta));
    assert!(!banco.contestadas.contains_key(&0));
    banco.cerrar(id(1));
    assert_eq!(banco.contestadas[&0], (Estado::Error, Codigo::SinRespuesta));
    // Y pasa la siguiente de su clave.
    assert!(banco.fuera.contains_key(&id(2)));
}

#[test]
fn un_informe_tardio_vale_igual_mientras_se_anula() {
    let mut banco = con_actor();
    banco.pedir_ya(prestamo(1, 1));
    let primera = banco.fuera[&id(1)];
    banco.pasar(PLAZO);
    banco.informar(&primera, Desenlace::SinAlmacenamiento);
    assert_eq!(banco.machine.reintentar(banco.now, id(1)), Reintento::EnVuelo, "el informe viejo no cuenta");
    banco.aplicar(&primera);
    assert_eq!(banco.contestadas[&0], (Estado::Aplicada, Codigo::Ok));
    assert_eq!(banco.machine.foto().operaciones, 0);
}

#[test]
fn sin_almacenamiento_con_que_anular_se_dice_incierta_y_se_insiste() {
    let mut banco = con_actor();
    banco.pedir_ya(prestamo(1, 1));
    banco.pasar(PLAZO);
    let cierre = banco.cerrando[&id(1)].orden;
    banco.informar(&cierre, Desenlace::SinAlmacenamiento);
    assert_eq!(banco.contestadas[&0].0, Estado::Incierta);
    banco.pasar(Duration::from_secs(1));
    assert!(banco.cerrando[&id(1)].orden.intento > cierre.intento, "se llama otra vez");
    banco.cerrar(id(1));
    assert_eq!(banco.machine.foto().operaciones, 0);
}

#[test]
fn si_el_almacenamiento_calla_al_anular_nadie_espera_mas_de_dos_plazos() {
    let mut banco = con_actor();
    banco.pedir_ya(prestamo(1, 1));
    banco.pasar(Duration::from_millis(3_999));
    assert!(banco.contestadas.is_empty());
    banco.pasar(Duration::from_millis(1));
    assert_eq!(banco.contestadas[&0], (Estado::Incierta, Codigo::SinRespuesta));
}

#[test]
fn si_otro_acepta_pendiente_manda_la_promesa_y_a_quien_no_se_le_dice_incierta() {
    let mut banco = con_actor();
    let no = banco.pedir_ya(prestamo(1, 1));
    let si = banco.pedir(prestamo(1, 1));
    banco.pasar(Duration::from_millis(750));
    banco.escribir();
    assert_eq!(banco.contestadas[&si].0, Estado::Pendiente);
    assert!(!banco.contestadas.contains_key(&no), "todavía puede decidirse a tiempo");
    banco.pasar(PLAZO);
    assert_eq!(banco.contestadas[&no].0, Estado::Incierta);
    assert!(banco.cerrando.is_empty());
    banco.terminar_bien();
}

#[test]
fn quien_no_acepta_pendiente_y_repite_una_prometida_espera_la_decision() {
    let mut banco = Banco::new();
    banco.pedir(prestamo(1, 1));
    banco.pasar(Duration::from_millis(250));
    banco.escribir();
    let quien = banco.pedir_ya(prestamo(1, 1));
    banco.llega_actor(Topico::Prestamo, "a");
    banco.aplicar(&prestamo(1, 1));
    assert_eq!(banco.contestadas[&quien].0, Estado::Aplicada);
    banco.terminar_bien();
    assert!(banco.buzon.is_empty(), "lo aplicado no va al buzón");
}

#[test]
fn al_buzon_solo_va_lo_que_se_contesto_pendiente_y_no_se_aplico() {
    let mut banco = con_actor();
    // Decidida mientras el diario se escribe: el cliente recibe la decisión, y nadie quedó prometido.
    banco.pedir(prestamo(1, 1));
    banco.pasar(Duration::from_millis(750));
    banco.rechazar(&prestamo(1, 1));
    banco.escribir();
    assert_eq!(banco.contestadas[&0].0, Estado::Rechazada);
    assert!(banco.buzon.is_empty());
    banco.pedir(prestamo(2, 2));
    banco.pasar(Duration::from_millis(750));
    banco.escribir();
    banco.rechazar(&prestamo(2, 2));
    banco.escribir();
    assert_eq!(banco.buzon.into_iter().collect::<Vec<_>>(), [(id(2), Codigo::EjemplarPrestado)]);
}

#[test]
fn lo_que_estaba_en_el_diario_al_arrancar_cuenta_como_prometido_y_vuelve_a_intentarse() {
    let banco = con_una_prometida_que_falla_del_todo();
    assert_eq!(banco.cerrando.len(), 1);
    let mut otro = banco.rearrancar();
    otro.llega_actor(Topico::Prestamo, "a");
    assert!(otro.cerrando.is_empty());
    otro.rechazar(&prestamo(1, 1));
    otro.escribir();
    assert_eq!(otro.buzon[&id(1)], Codigo::EjemplarPrestado);
}

#[test]
fn al_irse_el_gestor_quien_no_acepta_pendiente_sabe_lo_que_se_puede_saber() {
    let mut banco = con_actor();
    banco.pedir_ya(prestamo(1, 1));
    banco.despedir();
    assert_eq!(banco.contestadas[&0].0, Estado::Incierta);
}
