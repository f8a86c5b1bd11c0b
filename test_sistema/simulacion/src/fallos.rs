//! Decide qué se estropea, cuándo y a quién; y cómo se arregla todo al acabar la tormenta.

use crate::{
    entorno::Entorno,
    mundo::Mundo,
    reloj::{MS, SEG, Us},
    sucesos::{Averia, Quien, Reparacion, Suceso},
};

/// Pone en la agenda las averías de la semilla.
pub fn programar(e: &mut Entorno) {
    if e.perfil.averias.is_empty() {
        return;
    }
    let averias = e.perfil.averias.clone();
    let (cada, fin) = (e.perfil.cada, e.perfil.tormenta);
    let mut cuando = 0;
    loop {
        cuando += e.entre(cada / 2, cada * 3 / 2);
        if cuando >= fin {
            return;
        }
        let averia = *e.azar.uno_de(&averias);
        e.poner(cuando, Suceso::Averia(averia));
    }
}

/// Estropea algo, si hay qué.
pub fn estropear(mundo: &mut Mundo, averia: Averia) {
    let e = &mut mundo.entorno;
    if !e.tormenta {
        return;
    }
    match averia {
        Averia::Muerte => {
            let quien = victima(e);
            e.matar(quien, "de un SIGKILL");
        }
        Averia::Parada => parar(e),
        Averia::Corte => {
            let n = e.azar.menor_que(e.enlaces.len());
            let [a, b] = e.enlaces[n].extremos;
            let clase = e.enlaces[n].clase;
            e.anotar(Quien::Mundo, || format!("se corta la conexión ({clase:?}) de {a} con {b}"));
            e.cortar(n);
        }
        Averia::Particion => partir(e),
        Averia::Reinicio => {
            if mundo.base.arriba {
                mundo.base.caer(e);
                let dura = e.entre(50 * MS, 3 * SEG);
                e.poner(e.ahora + dura, Suceso::Repara(Reparacion::BaseArranca));
            }
        }
        Averia::Quietud => {
            e.anotar(Quien::Base, || "se queda quieta".into());
            mundo.base.quieta = true;
            let dura = e.entre(50 * MS, 5 * SEG);
            e.poner(e.ahora + dura, Suceso::Repara(Reparacion::BaseSigue));
        }
        Averia::Disco => {
            let n = e.azar.menor_que(mundo.gestores.len());
            e.anotar(Quien::Gestor(n), || "se queda sin disco".into());
            mundo.gestores[n].diario.averiado = true;
            let dura = e.entre(200 * MS, 6 * SEG);
            e.poner(e.ahora + dura, Suceso::Repara(Reparacion::Disco(n)));
        }
    }
}

/// Cualquiera menos los clientes.
fn victima(e: &mut Entorno) -> Quien {
    let quienes: Vec<_> = e.quienes().filter(|q| !matches!(q, Quien::Cliente(_))).collect();
    *e.azar.uno_de(&quienes)
}

fn parar(e: &mut Entorno) {
    let quien = victima(e);
    if !e.proceso(quien).vivo || e.proceso(quien).parado {
        return;
    }
    let dura = cuanto_dura(e);
    e.anotar(quien, || format!("se para (SIGSTOP) {} ms", dura / MS));
    let (ahora, proceso) = (e.ahora, e.proceso_mut(quien));
    proceso.parado = true;
    proceso.parado_desde = ahora;
    let vida = proceso.vida;
    e.parar_enlaces(quien, dura);
    e.poner(e.ahora + dura, Suceso::Repara(Reparacion::Sigue { quien, vida }));
}

fn partir(e: &mut Entorno) {
    let n = e.azar.menor_que(e.enlaces.len());
    let extremos = e.enlaces[n].extremos;
    let todos: Vec<_> = e.de(extremos[0]).into_iter().filter(|m| e.enlaces[*m].extremos == extremos).collect();
    if todos.iter().any(|m| e.enlaces[*m].callado) {
        return;
    }
    let dura = cuanto_dura(e);
    e.anotar(Quien::Mundo, || format!("{} y {} dejan de oírse {} ms", extremos[0], extremos[1], dura / MS));
    for m in &todos {
        e.callar(*m, dura);
    }
    e.poner(e.ahora + dura, Suceso::Repara(Reparacion::Habla(todos)));
}

fn cuanto_dura(e: &mut Entorno) -> Us {
    if e.azar.por_ciento(60) { e.entre(50 * MS, 1_500 * MS) } else { e.entre(2 * SEG, 15 * SEG) }
}

/// Arregla algo.
pub fn arreglar(mundo: &mut Mundo, reparacion: Reparacion) {
    let e = &mut mundo.entorno;
    match reparacion {
        Reparacion::Sigue { quien, vida } => {
            if e.proceso(quien).vida == vida {
                seguir(e, quien);
            }
        }
        Reparacion::Habla(enlaces) => enlaces.into_iter().for_each(|n| hablar(e, n)),
        Reparacion::BaseArranca => {
            if !std::mem::replace(&mut mundo.base.arriba, true) {
                e.anotar(Quien::Base, || "arranca".into());
            }
        }
        Reparacion::BaseSigue => {
            if mundo.base.quieta {
                e.anotar(Quien::Base, || "vuelve a moverse".into());
                mundo.base.seguir(e);
            }
        }
        Reparacion::Disco(n) => mundo.gestores[n].diario.averiado = false,
    }
}

fn seguir(e: &mut Entorno, quien: Quien) {
    if e.proceso(quien).parado {
        e.anotar(quien, || "sigue (SIGCONT)".into());
        e.dar_por_no_parado(quien);
        let ahora = e.ahora;
        e.despertar(quien, ahora);
    }
}

fn hablar(e: &mut Entorno, n: usize) {
    if e.enlaces[n].callado {
        e.hablar(n);
    }
}

/// Se acaba la tormenta: nada más se estropea, y todo lo estropeado se arregla.
pub fn calmar(mundo: &mut Mundo) {
    mundo.entorno.tormenta = false;
    mundo.entorno.anotar(Quien::Mundo, || "todo sana".into());
    arreglar(mundo, Reparacion::BaseArranca);
    arreglar(mundo, Reparacion::BaseSigue);
    for n in 0..mundo.gestores.len() {
        arreglar(mundo, Reparacion::Disco(n));
    }
    let e = &mut mundo.entorno;
    (e.trafico.picos, e.trafico.dobles, e.trafico.descartes) = (0, 0, 0);
    let quienes: Vec<_> = e.quienes().collect();
    for quien in quienes {
        seguir(e, quien);
    }
    (0..e.enlaces.len()).for_each(|n| hablar(e, n));
}
