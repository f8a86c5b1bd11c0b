//! Decide qué objetivos se alcanzaron. Puro.

use std::{collections::BTreeMap, time::Duration};

use juicio::{estadistica::rondas::Ritmo, numeros::centesimas};
use serde::Serialize;

use crate::{medida::Fila, reparto::Caso};

/// Con cuántos clientes, y cuántas veces la referencia, ronda a ronda.
const RAZONES: [(usize, f64); 4] = [(1, 0.5), (8, 1.0), (32, 2.0), (64, 3.2)];
/// Con cuántos clientes, y cuántas veces lo mejor de la referencia con cualquier número de ellos.
const CON_MUCHOS: (usize, f64) = (256, 4.0);
/// Qué parte de los anteriores hay que alcanzar en los calientes.
const EN_CALIENTE: f64 = 0.5;
/// Con 64 clientes, el p99 de la cadena respecto al de la referencia.
const P99: (usize, f64) = (64, 0.25);
const MEMORIA_MIB: f64 = 25.0;
const ARRANQUE_MS: f64 = 2_000.0;

/// Algo que se quería alcanzar.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Objetivo {
    pub que: String,
    pub valor: f64,
    pub meta: f64,
    pub cumple: bool,
}

impl Objetivo {
    /// Uno que vale si llega a la meta.
    pub fn al_menos(que: String, valor: f64, meta: f64) -> Self {
        Self { que, valor: centesimas(valor), meta, cumple: valor >= meta }
    }

    /// Uno que vale si no pasa de ella.
    pub fn como_mucho(que: String, valor: f64, meta: f64) -> Self {
        Self { que, valor: centesimas(valor), meta, cumple: valor <= meta }
    }

    /// En una línea.
    pub fn texto(&self) -> String {
        let Self { que, valor, meta, cumple } = self;
        format!("  {} {que:<66}{valor:>9.2}   (meta {meta})\n", if *cumple { '✔' } else { '✘' })
    }
}

/// Los que se pueden juzgar con lo que se midió.
pub fn juzgar(
    filas: &[Fila],
    memoria_mib: &BTreeMap<String, f64>,
    arranque_con_datos: Option<Duration>,
) -> Vec<Objetivo> {
    let mut objetivos = de_razon(filas, Caso::Separados, 1.0);
    objetivos.extend(de_p99(filas));
    objetivos.extend(de_razon(filas, Caso::Calientes, EN_CALIENTE));
    if let Some((nombre, mib)) = memoria_mib.iter().max_by(|a, b| a.1.total_cmp(b.1)) {
        let que = format!("memoria residente del servicio que más tiene ({nombre}), MiB");
        objetivos.push(Objetivo::como_mucho(que, *mib, MEMORIA_MIB));
    }
    if let Some(tardo) = arranque_con_datos {
        let que = "primer préstamo tras un arranque en frío con datos, ms".to_owned();
        objetivos.push(Objetivo::como_mucho(que, tardo.as_secs_f64() * 1_000.0, ARRANQUE_MS));
    }
    objetivos
}

fn hallar(filas: &[Fila], caso: Caso, clientes: usize) -> Option<&Fila> {
    filas.iter().find(|f| f.prueba.caso == caso && f.prueba.clientes == clientes)
}

fn de_razon(filas: &[Fila], caso: Caso, parte: f64) -> Vec<Objetivo> {
    let mut objetivos: Vec<Objetivo> = RAZONES
        .into_iter()
        .filter_map(|(clientes, meta)| {
            let que = format!("{}: {clientes} clientes, veces la referencia", caso.as_str());
            Some(Objetivo::al_menos(que, hallar(filas, caso, clientes)?.razon().mediana, meta * parte))
        })
        .collect();
    let (clientes, meta) = CON_MUCHOS;
    let suyas = filas.iter().filter(|f| f.prueba.caso == caso);
    let mejor = suyas.map(|f| Ritmo::mediana(&f.referencia).ops_s).fold(0.0, f64::max);
    if let Some(fila) = hallar(filas, caso, clientes)
        && mejor > 0.0
    {
        let que = format!("{}: {clientes} clientes, veces lo mejor de la referencia", caso.as_str());
        objetivos.push(Objetivo::al_menos(que, Ritmo::mediana(&fila.cadena).ops_s / mejor, meta * parte));
    }
    objetivos
}

fn de_p99(filas: &[Fila]) -> Option<Objetivo> {
    let (clientes, meta) = P99;
    let fila = hallar(filas, Caso::Separados, clientes)?;
    let (cadena, referencia) = (Ritmo::mediana(&fila.cadena).p99_ms, Ritmo::mediana(&fila.referencia).p99_ms);
    let que = format!("separados: {clientes} clientes, p99 respecto al de la referencia");
    (referencia > 0.0).then(|| Objetivo::como_mucho(que, cadena / referencia, meta))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::medida::{Cpu, Prueba};

    fn fila(caso: Caso, clientes: usize, cadena: f64, referencia: f64) -> Fila {
        let ritmo = |ops_s, p99_ms| vec![Ritmo { ops_s, p50_ms: 1.0, p99_ms }; 3];
        Fila {
            prueba: Prueba { caso, clientes, dura: Duration::from_secs(1) },
            cadena: ritmo(cadena, 5.0),
            referencia: ritmo(referencia, 25.0),
            lote: 1.0,
            cpu_cadena: Cpu::new(),
            cpu_referencia: Cpu::new(),
            rechazadas: 0,
        }
    }

    #[test]
    fn con_muchos_clientes_se_compara_con_lo_mejor_de_la_referencia_y_no_con_lo_suyo() {
        let filas = [fila(Caso::Separados, 32, 100.0, 100.0), fila(Caso::Separados, 256, 390.0, 10.0)];
        let objetivos = juzgar(&filas, &BTreeMap::new(), None);
        let valores: Vec<_> = objetivos.iter().map(|o| (o.valor, o.cumple)).collect();
        assert_eq!(valores, [(1.0, false), (3.9, false)]);
    }

    #[test]
    fn en_caliente_basta_la_mitad() {
        let objetivos = juzgar(&[fila(Caso::Calientes, 64, 160.0, 100.0)], &BTreeMap::new(), None);
        assert_eq!(objetivos.iter().map(|o| (o.meta, o.cumple)).collect::<Vec<_>>(), [(1.6, true)]);
    }

    #[test]
    fn el_p99_la_memoria_y_el_arranque_son_topes() {
        let memoria = BTreeMap::from([("a".to_owned(), 12.0), ("b".to_owned(), 26.0)]);
        let filas = [fila(Caso::Separados, 64, 320.0, 100.0)];
        let objetivos = juzgar(&filas, &memoria, Some(Duration::from_millis(1_900)));
        assert_eq!(objetivos.iter().map(|o| o.cumple).collect::<Vec<_>>(), [true, true, false, true]);
        assert!(objetivos[2].que.contains("(b)"), "{}", objetivos[2].que);
    }
}
