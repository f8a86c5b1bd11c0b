//! Decide cómo se resume lo medido: percentiles de un tramo, y mediana y extremos de las rondas. Puro.

use serde::Serialize;

use crate::numeros::percentil;

/// Lo que se midió en un tramo: a qué ritmo y con qué esperas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Ritmo {
    pub ops_s: f64,
    /// Lo que tardó la mitad, en milisegundos.
    pub p50_ms: f64,
    /// Lo que tardaron 99 de cada 100.
    pub p99_ms: f64,
}

impl Ritmo {
    /// El de las operaciones acabadas en `segundos`, por su espera en microsegundos.
    pub fn de(mut esperas_us: Vec<u32>, segundos: f64) -> Self {
        esperas_us.sort_unstable();
        let ms = |por_ciento| f64::from(percentil(&esperas_us, por_ciento)) / 1_000.0;
        let cuantas = u32::try_from(esperas_us.len()).unwrap_or(u32::MAX);
        Self { ops_s: f64::from(cuantas) / segundos.max(f64::EPSILON), p50_ms: ms(50), p99_ms: ms(99) }
    }

    /// El de varias rondas: la mediana de cada cosa.
    pub fn mediana(rondas: &[Self]) -> Self {
        let de = |cual: fn(&Self) -> f64| Extremos::de(rondas.iter().map(cual)).mediana;
        Self { ops_s: de(|r| r.ops_s), p50_ms: de(|r| r.p50_ms), p99_ms: de(|r| r.p99_ms) }
    }
}

/// La mediana de unos números y hasta dónde se apartan.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Extremos {
    /// El de en medio; de un número par, la media de los dos de en medio.
    pub mediana: f64,
    pub min: f64,
    pub max: f64,
}

impl Extremos {
    /// Los de `valores`; todo cero si no hay ninguno.
    pub fn de(valores: impl IntoIterator<Item = f64>) -> Self {
        let mut valores: Vec<f64> = valores.into_iter().collect();
        valores.sort_unstable_by(f64::total_cmp);
        let (Some(min), Some(max)) = (valores.first(), valores.last()) else { return Self::default() };
        let mitad = valores.len() / 2;
        let mediana =
            if valores.len() % 2 == 1 { valores[mitad] } else { f64::midpoint(valores[mitad - 1], valores[mitad]) };
        Self { mediana, min: *min, max: *max }
    }

    /// Los de las razones entre dos listas, ronda a ronda.
    pub fn de_razones(arriba: &[Ritmo], abajo: &[Ritmo]) -> Self {
        Self::de(arriba.iter().zip(abajo).map(|(a, b)| a.ops_s / b.ops_s.max(f64::EPSILON)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn el_ritmo_cuenta_las_operaciones_y_ordena_sus_esperas() {
        let esperas: Vec<u32> = (1..=1000).rev().map(|n| n * 10).collect();
        let ritmo = Ritmo::de(esperas, 2.0);
        assert!((ritmo.ops_s - 500.0).abs() < 1e-9, "{ritmo:?}");
        assert!((ritmo.p50_ms - 5.0).abs() < 0.02 && (ritmo.p99_ms - 9.9).abs() < 0.02, "{ritmo:?}");
        assert_eq!(Ritmo::de(Vec::new(), 1.0), Ritmo::default(), "sin operaciones no hay espera que decir");
    }

    #[test]
    fn la_mediana_no_se_deja_llevar_por_una_ronda_mala() {
        let extremos = Extremos::de([3.0, 0.1, 3.2]);
        assert_eq!(extremos, Extremos { mediana: 3.0, min: 0.1, max: 3.2 });
        assert_eq!(Extremos::de([1.0, 2.0]), Extremos { mediana: 1.5, min: 1.0, max: 2.0 }, "de dos, la media");
        assert_eq!(Extremos::de([]), Extremos::default());
    }

    #[test]
    fn la_razon_compara_cada_ronda_con_la_suya() {
        let con = |ops_s| Ritmo { ops_s, ..Ritmo::default() };
        let razones = Extremos::de_razones(&[con(200.0), con(100.0)], &[con(100.0), con(100.0)]);
        assert_eq!(razones, Extremos { mediana: 1.5, min: 1.0, max: 2.0 });
    }
}
