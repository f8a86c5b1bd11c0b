//! Toda secuencia corta de sucesos para una operación, desde cada situación de partida.

use std::time::Duration;

use common::{
    dominio::Tipo,
    mensajes::{Desenlace, Orden, Topico},
};

use super::{
    Banco,
    banco::{orden, prestamo},
};

/// Clientes que piden lo mismo, como mucho: uno más de los que caben.
const CLIENTES_MAX: u32 = 5;

#[derive(Clone, Copy, Debug)]
enum Suceso {
    Pedir,
    PedirYa,
    PedirOtraCosa,
    LlegaActor(&'static str),
    SeVaActor(&'static str),
    Decidida,
    Rechazada,
    NoEscrita,
    NoEntendida,
    SinAlmacen,
    Incierta,
    InformeDeAntes,
    /// El almacenamiento termina con ella como se le pidió, ya estaba decidida, o no se llega a él.
    Cerrada,
    CierreTarde,
    CierreSinAlmacen,
    CierreIncierto,
    CierreNoEscrito,
    VuelveElAlmacen,
    Escribir,
    Averiar,
    Recuperar,
    HastaElPlazo,
    Pasar,
}

use Suceso::*;

const SUCESOS: [Suceso; 25] = [
    Pedir,
    PedirYa,
    PedirOtraCosa,
    LlegaActor("a"),
    LlegaActor("b"),
    SeVaActor("a"),
    SeVaActor("b"),
    Decidida,
    Rechazada,
    NoEscrita,
    NoEntendida,
    SinAlmacen,
    Incierta,
    InformeDeAntes,
    Cerrada,
    CierreTarde,
    CierreSinAlmacen,
    CierreIncierto,
    CierreNoEscrito,
    VuelveElAlmacen,
    Escribir,
    Averiar,
    Recuperar,
    HastaElPlazo,
    Pasar,
];

/// El banco después del suceso; `None` si no cambia nada que no se haya probado ya.
fn despues(banco: &Banco, suceso: Suceso, tipo: Tipo) -> Option<Banco> {
    let mut b = banco.clone();
    let suya = orden(1, tipo, 1);
    let fuera = b.fuera.get(&suya.id).copied();
    let cerrando = b.cerrando.get(&suya.id).map(|cierre| cierre.orden);
    let esta = |nombre: &str| banco.presentes.iter().any(|(_, n)| n == nombre);
    let topico = Topico::de(tipo).unwrap_or(Topico::Prestamo);
    match suceso {
        Pedir | PedirYa if b.contestadas.len() + b.machine.foto().esperas >= CLIENTES_MAX as usize => return None,
        Pedir => drop(b.pedir(suya)),
        PedirYa => drop(b.pedir_ya(suya)),
        PedirOtraCosa => drop(b.pedir(orden(1, tipo, 2))),
        // Llegar otra vez sin haberse ido también es un suceso.
        LlegaActor(nombre) => b.llega_actor(topico, nombre),
        SeVaActor(nombre) if !esta(nombre) => return None,
        SeVaActor(nombre) => b.se_va_actor(topico, nombre),
        Decidida => b.aplicar(&fuera?),
        Rechazada => b.rechazar(&fuera?),
        NoEscrita => b.informar(&fuera?, Desenlace::NoEscrita { motivo: "x".into() }),
        NoEntendida => b.informar(&fuera?, Desenlace::NoEntendida { motivo: "x".into() }),
        SinAlmacen => b.informar(&fuera?, Desenlace::SinAlmacenamiento),
        Incierta => b.informar(&fuera?, Desenlace::Incierta),
        InformeDeAntes => {
            let mut vieja = fuera.or(cerrando)?;
            vieja.intento = vieja.intento.checked_sub(1)?;
            b.informar(&vieja, Desenlace::SinAlmacenamiento);
        }
        Cerrada | CierreTarde | CierreSinAlmacen | CierreIncierto | CierreNoEscrito => {
            b.responder_al_cierre(&cerrando?, suceso);
        }
        VuelveElAlmacen if !b.machine.foto().almacen_caido => return None,
        VuelveElAlmacen => b.vuelve_el_almacen(),
        Escribir if !b.hay_por_escribir() || b.averiado => return None,
        Averiar if !b.hay_por_escribir() => return None,
        Escribir => b.escribir(),
        Averiar => b.averiar(),
        Recuperar if !b.averiado => return None,
        Recuperar => b.recuperar(),
        HastaElPlazo | Pasar if b.machine.foto().operaciones == 0 => return None,
        HastaElPlazo => b.hasta_el_plazo(),
        Pasar => b.pasar(Duration::from_millis(800)),
    }
    Some(b)
}

impl Banco {
    fn responder_al_cierre(&mut self, orden: &Orden, suceso: Suceso) {
        match suceso {
            Cerrada => self.cerrar(orden.id),
            CierreTarde => self.aplicar(orden),
            CierreSinAlmacen => self.informar(orden, Desenlace::SinAlmacenamiento),
            CierreIncierto => self.informar(orden, Desenlace::Incierta),
            _ => self.informar(orden, Desenlace::NoEscrita { motivo: "x".into() }),
        }
    }
}

/// Recorre todo hasta esa hondura y comprueba que de cada final se sale bien, también muriendo y arrancando otra vez.
fn recorrer(banco: &Banco, tipo: Tipo, hondura: u32, recorridos: &mut u64) {
    if hondura == 0 {
        *recorridos += 1;
        if recorridos.is_multiple_of(4) {
            banco.rearrancar().terminar_bien();
        } else {
            banco.clone().terminar_bien();
        }
        return;
    }
    for suceso in SUCESOS {
        if let Some(siguiente) = despues(banco, suceso, tipo) {
            recorrer(&siguiente, tipo, hondura - 1, recorridos);
        }
    }
}

fn recorrer_desde(banco: &Banco, tipo: Tipo, hondura: u32) {
    let mut recorridos = 0;
    recorrer(banco, tipo, hondura, &mut recorridos);
    assert!(recorridos > 500, "solo {recorridos}: ¿hay sucesos que ya no se prueban?");
}

#[test]
fn toda_secuencia_corta_desde_el_principio_cumple_las_promesas() {
    recorrer_desde(&Banco::new(), Tipo::Prestamo, 4);
}

#[test]
fn toda_secuencia_corta_con_una_operacion_en_vuelo_cumple_las_promesas() {
    let mut banco = Banco::new();
    banco.llega_actor(Topico::Prestamo, "a");
    banco.pedir(prestamo(1, 1));
    assert_eq!(banco.fuera.len(), 1);
    recorrer_desde(&banco, Tipo::Prestamo, 4);
}

#[test]
fn toda_secuencia_corta_mientras_se_escribe_el_diario_cumple_las_promesas() {
    let mut banco = Banco::new();
    banco.llega_actor(Topico::Prestamo, "a");
    banco.pedir(prestamo(1, 1));
    banco.pasar(Duration::from_millis(750));
    assert!(banco.hay_por_escribir());
    recorrer_desde(&banco, Tipo::Prestamo, 4);
}

#[test]
fn toda_secuencia_corta_con_el_diario_averiado_cumple_las_promesas() {
    let mut banco = Banco::new();
    banco.pedir(prestamo(1, 1));
    banco.pasar(Duration::from_millis(250));
    banco.averiar();
    assert!(banco.averiado);
    recorrer_desde(&banco, Tipo::Prestamo, 4);
}

#[test]
fn toda_secuencia_corta_despues_de_un_rearranque_cumple_las_promesas() {
    let mut banco = Banco::new();
    banco.pedir(prestamo(1, 1));
    banco.pasar(Duration::from_millis(250));
    banco.escribir();
    recorrer_desde(&banco.rearrancar(), Tipo::Prestamo, 4);
}

#[test]
fn toda_secuencia_corta_de_una_renovacion_cumple_las_promesas() {
    let mut banco = Banco::new();
    banco.pedir(orden(1, Tipo::Renovacion, 1));
    recorrer_desde(&banco, Tipo::Renovacion, 4);
}

#[test]
fn toda_secuencia_corta_de_quien_no_acepta_pendiente_cumple_las_promesas() {
    let mut banco = Banco::new();
    banco.llega_actor(Topico::Prestamo, "a");
    banco.pedir_ya(prestamo(1, 1));
    banco.pasar(Duration::from_millis(1_999));
    recorrer_desde(&banco, Tipo::Prestamo, 4);
}

#[test]
fn toda_secuencia_corta_mientras_se_anula_cumple_las_promesas() {
    let mut banco = Banco::new();
    banco.llega_actor(Topico::Prestamo, "a");
    banco.pedir_ya(prestamo(1, 1));
    banco.pasar(Duration::from_secs(2));
    assert_eq!(banco.cerrando.len(), 1);
    recorrer_desde(&banco, Tipo::Prestamo, 4);
}

#[test]
fn toda_secuencia_corta_mientras_se_aparta_lo_prometido_cumple_las_promesas() {
    let mut banco = Banco::new();
    banco.pedir(prestamo(1, 1));
    banco.pasar(Duration::from_millis(250));
    banco.escribir();
    banco.llega_actor(Topico::Prestamo, "a");
    for _ in 0..3 {
        let orden = banco.fuera[&prestamo(1, 1).id];
        banco.informar(&orden, Desenlace::NoEscrita { motivo: "x".into() });
        banco.pasar(Duration::from_secs(3));
    }
    assert_eq!(banco.cerrando.len(), 1);
    recorrer_desde(&banco, Tipo::Prestamo, 4);
}
