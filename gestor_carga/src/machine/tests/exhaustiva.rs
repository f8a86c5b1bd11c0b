//! Toda secuencia corta de sucesos para una operación, desde cada situación de partida.

use std::time::Duration;

use common::{
    dominio::Tipo,
    mensajes::{Desenlace, Topico},
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
    PedirOtraCosa,
    LlegaActor(&'static str),
    SeVaActor(&'static str),
    Decidida,
    NoEscrita,
    SinAlmacen,
    Incierta,
    InformeDeAntes,
    VuelveElAlmacen,
    Escribir,
    Averiar,
    Recuperar,
    HastaElPlazo,
    Pasar,
}

use Suceso::*;

const SUCESOS: [Suceso; 17] = [
    Pedir,
    PedirOtraCosa,
    LlegaActor("a"),
    LlegaActor("b"),
    SeVaActor("a"),
    SeVaActor("b"),
    Decidida,
    NoEscrita,
    SinAlmacen,
    Incierta,
    InformeDeAntes,
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
    let esta = |nombre: &str| banco.presentes.iter().any(|(_, n)| n == nombre);
    let topico = Topico::de(tipo).unwrap_or(Topico::Prestamo);
    match suceso {
        Pedir if b.contestadas.len() + b.maquina.foto().esperas >= CLIENTES_MAX as usize => return None,
        Pedir => drop(b.pedir(suya)),
        PedirOtraCosa => drop(b.pedir(orden(1, tipo, 2))),
        // Llegar otra vez sin haberse ido también es un suceso.
        LlegaActor(nombre) => b.llega_actor(topico, nombre),
        SeVaActor(nombre) if !esta(nombre) => return None,
        SeVaActor(nombre) => b.se_va_actor(topico, nombre),
        Decidida => b.aplicar(&fuera?),
        NoEscrita => b.informar(&fuera?, Desenlace::NoEscrita { motivo: "x".into() }),
        SinAlmacen => b.informar(&fuera?, Desenlace::SinAlmacenamiento),
        Incierta => b.informar(&fuera?, Desenlace::Incierta),
        InformeDeAntes => {
            let mut vieja = fuera?;
            vieja.intento = vieja.intento.checked_sub(1)?;
            b.informar(&vieja, Desenlace::SinAlmacenamiento);
        }
        VuelveElAlmacen if !b.maquina.foto().almacen_caido => return None,
        VuelveElAlmacen => b.vuelve_el_almacen(),
        Escribir if !b.hay_por_escribir() || b.averiado => return None,
        Averiar if !b.hay_por_escribir() => return None,
        Escribir => b.escribir(),
        Averiar => b.averiar(),
        Recuperar if !b.averiado => return None,
        Recuperar => b.recuperar(),
        HastaElPlazo | Pasar if b.maquina.foto().operaciones == 0 => return None,
        HastaElPlazo => b.hasta_el_plazo(),
        Pasar => b.pasar(Duration::from_millis(800)),
    }
    Some(b)
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
    recorrer_desde(&Banco::nuevo(), Tipo::Prestamo, 4);
}

#[test]
fn toda_secuencia_corta_con_una_operacion_en_vuelo_cumple_las_promesas() {
    let mut banco = Banco::nuevo();
    banco.llega_actor(Topico::Prestamo, "a");
    banco.pedir(prestamo(1, 1));
    assert_eq!(banco.fuera.len(), 1);
    recorrer_desde(&banco, Tipo::Prestamo, 4);
}

#[test]
fn toda_secuencia_corta_mientras_se_escribe_el_diario_cumple_las_promesas() {
    let mut banco = Banco::nuevo();
    banco.llega_actor(Topico::Prestamo, "a");
    banco.pedir(prestamo(1, 1));
    banco.pasar(Duration::from_millis(750));
    assert!(banco.hay_por_escribir());
    recorrer_desde(&banco, Tipo::Prestamo, 4);
}

#[test]
fn toda_secuencia_corta_con_el_diario_averiado_cumple_las_promesas() {
    let mut banco = Banco::nuevo();
    banco.pedir(prestamo(1, 1));
    banco.pasar(Duration::from_millis(250));
    banco.averiar();
    assert!(banco.averiado);
    recorrer_desde(&banco, Tipo::Prestamo, 4);
}

#[test]
fn toda_secuencia_corta_despues_de_un_rearranque_cumple_las_promesas() {
    let mut banco = Banco::nuevo();
    banco.pedir(prestamo(1, 1));
    banco.pasar(Duration::from_millis(250));
    banco.escribir();
    recorrer_desde(&banco.rearrancar(), Tipo::Prestamo, 4);
}

#[test]
fn toda_secuencia_corta_de_una_renovacion_cumple_las_promesas() {
    let mut banco = Banco::nuevo();
    banco.pedir(orden(1, Tipo::Renovacion, 1));
    recorrer_desde(&banco, Tipo::Renovacion, 4);
}
