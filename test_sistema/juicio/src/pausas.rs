//! Decide cómo se resumen las pausas de muchos fallos de una misma clase. Puro.

use std::time::Duration;

use serde::Serialize;

use crate::numeros::{milisegundos, percentil};

/// Las pausas de una clase de fallo.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pausas {
    pub clase: String,
    pub veces: usize,
    /// La mitad duró esto o menos, en milisegundos.
    pub p50_ms: u64,
    /// De cada 100, 99 duraron esto o menos.
    pub p99_ms: u64,
    pub max_ms: u64,
}

impl Pausas {
    /// Las de `clase`.
    pub fn de(clase: impl Into<String>, pausas: impl IntoIterator<Item = Duration>) -> Self {
        let mut ms: Vec<u64> = pausas.into_iter().map(milisegundos).collect();
        ms.sort_unstable();
        Self {
            clase: clase.into(),
            veces: ms.len(),
            p50_ms: percentil(&ms, 50),
            p99_ms: percentil(&ms, 99),
            max_ms: percentil(&ms, 100),
        }
    }
}

/// Unas pausas por filas, en Markdown que también se lee en una terminal; nada, si no hay ninguna.
pub fn tabla(pausas: &[Pausas], de_que: &str) -> String {
    if pausas.is_empty() {
        return String::new();
    }
    let fila =
        |p: &Pausas| format!("| {} | {} | {} ms | {} ms | {} ms |\n", p.clase, p.veces, p.p50_ms, p.p99_ms, p.max_ms);
    let filas: String = pausas.iter().map(fila).collect();
    format!("| {de_que} | veces | p50 | p99 | máx. |\n|---|---:|---:|---:|---:|\n{filas}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn de_doscientas_pausas_el_p99_deja_fuera_las_dos_peores() {
        let pausas = Pausas::de("x", (1..=200).rev().map(Duration::from_millis));
        assert_eq!((pausas.veces, pausas.p50_ms, pausas.p99_ms, pausas.max_ms), (200, 100, 198, 200));
    }

    #[test]
    fn con_menos_de_cien_el_p99_es_la_peor_y_sin_ninguna_no_hay_nada_que_decir() {
        let pausas = Pausas::de("x", [5, 90, 7].map(Duration::from_millis));
        assert_eq!((pausas.p50_ms, pausas.p99_ms), (7, 90));
        assert_eq!(Pausas::de("x", []), Pausas { clase: "x".into(), ..Pausas::default() });
    }
}
