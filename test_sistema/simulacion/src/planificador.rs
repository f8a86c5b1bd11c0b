//! Decide el paso siguiente de la simulación: saca lo que toca, se lo da a quien le pasa, y ve cuándo no queda nada.

use crate::{
    comprobacion,
    entorno::Entorno,
    fallos,
    mensajes::DeBase,
    mundo::Mundo,
    reloj::{MS, SEG, Us},
    sucesos::{Entrante, Quien, Suceso},
};

/// Más sucesos que estos en una semilla son una espera que gira sin fin.
const SUCESOS_MAX: u64 = 400_000;
/// Cuánto se espera, ya sanado todo, a que no quede nada por hacer: más que la espera más larga (1 min y su azar).
const CALMA_MAX: Us = 400 * SEG;
/// Cuánto se sigue cuando ya no queda nada: lo que se repitió o se retrasó llega antes.
const RESTO: Us = 5 * SEG;

/// Pasa todo lo que tiene que pasar; dice si algo se rompió.
///
/// # Errors
/// Lo que se rompió, o lo que no acaba.
pub fn correr(mundo: &mut Mundo) -> Result<(), String> {
    empezar(&mut mundo.entorno);
    let mut paz: Option<Us> = None;
    let limite = mundo.entorno.perfil.tormenta + CALMA_MAX;
    while let Some(suceso) = mundo.entorno.siguiente() {
        let cuando = mundo.entorno.ahora;
        mundo.pasos += 1;
        suceder(mundo, suceso);
        if let Some(falta) = mundo.entorno.juez.falta.take() {
            return Err(falta);
        }
        if !mundo.entorno.tormenta && mundo.pasos.is_multiple_of(64) {
            match paz {
                _ if !mundo.en_paz() => paz = None,
                None => paz = Some(cuando),
                // Lo que aún venía de camino ya llegó.
                Some(desde) if cuando > desde + RESTO => break,
                Some(_) => {}
            }
        }
        if mundo.pasos > SUCESOS_MAX {
            return Err(format!("{SUCESOS_MAX} sucesos y no acaba: algo gira sin fin"));
        }
        if cuando > limite {
            return Err(format!("todo está sano desde hace {} s y aún {}", CALMA_MAX / SEG, mundo.que_falta()));
        }
    }
    if !mundo.en_paz() {
        return Err(format!("no queda nada por pasar y aún {}", mundo.que_falta()));
    }
    comprobacion::concluir(mundo)
}

/// Todos arrancan, y la tormenta tiene su fin y sus averías.
fn empezar(e: &mut Entorno) {
    let que = e.perfil.to_string();
    e.anotar(Quien::Mundo, || que);
    let quienes: Vec<_> = e.quienes().collect();
    for quien in quienes {
        let cuando = e.entre(0, 20 * MS);
        e.poner(cuando, Suceso::Arranca(quien));
    }
    let fin = e.perfil.tormenta;
    e.poner(fin, Suceso::Calma);
    fallos::programar(e);
}

/// Pasa un suceso.
pub fn suceder(mundo: &mut Mundo, suceso: Suceso) {
    let e = &mut mundo.entorno;
    match suceso {
        Suceso::Llega { enlace, encarnacion, hacia, mensaje } => e.llegar(enlace, encarnacion, hacia, mensaje),
        Suceso::Pierde { enlace, encarnacion, lado } => e.perder(enlace, encarnacion, lado),
        Suceso::Latido { enlace, encarnacion, lado } => e.latido(enlace, encarnacion, lado),
        Suceso::Reconecta { enlace } => e.reconectar(enlace),
        Suceso::Turno { quien, vida } => mundo.turno(quien, vida),
        Suceso::Disco { gestor, vida } => mundo.gestores[gestor].diario.terminar(e, vida),
        Suceso::EnBase { almacen, vida, numero, generacion, trabajo } => {
            mundo.base.recibir(e, almacen, vida, numero, generacion, trabajo);
        }
        Suceso::DeBase { almacen, vida, numero, generacion, que } => {
            // Lo que la base contestó y no llegó antes de caer, no llega.
            let que = if generacion == mundo.base.generacion { que } else { DeBase::se_corto() };
            if e.proceso(Quien::Almacen(almacen)).vida == vida {
                e.entregar(Quien::Almacen(almacen), Entrante::DeBase { numero, generacion, que });
            }
        }
        Suceso::VenceBase { almacen, vida, numero } => {
            if e.proceso(Quien::Almacen(almacen)).vida == vida {
                e.entregar(Quien::Almacen(almacen), Entrante::VenceBase { numero });
            }
        }
        Suceso::Arranca(quien) => mundo.arrancar(quien),
        Suceso::Averia(averia) => fallos::estropear(mundo, averia),
        Suceso::Repara(reparacion) => fallos::arreglar(mundo, reparacion),
        Suceso::Calma => fallos::calmar(mundo),
    }
}
