//! Decide cuánto se espera antes de repetir: base × factor^n con tope, y ±20 % según una semilla.

use std::time::Duration;

/// Una espera que crece.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// La espera antes de la primera repetición.
    pub base: Duration,
    /// Por cuánto se multiplica de una a la siguiente.
    pub factor: f64,
    /// Lo que no se pasa, antes del azar.
    pub tope: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { base: Duration::from_secs(1), factor: 2.0, tope: Duration::from_mins(1) }
    }
}

impl Backoff {
    /// La espera antes de la repetición `n` (desde 0). La `semilla` reparte: con la misma, la misma espera.
    pub fn espera(&self, n: u32, semilla: u64) -> Duration {
        let crecida = self.base.as_secs_f64() * self.factor.powi(i32::try_from(n).unwrap_or(i32::MAX));
        let espera = Duration::try_from_secs_f64(crecida).unwrap_or(self.tope).min(self.tope);
        // De 800 a 1200 milésimas, los dos incluidos.
        let milesimas = 800 + u32::try_from(splitmix64(semilla ^ u64::from(n)) % 401).expect("menor que 401");
        espera * milesimas / 1_000
    }
}

/// Mezcla de 64 bits (Steele, Lea y Flood, «Fast Splittable Pseudorandom Number Generators», 2014).
pub(super) fn splitmix64(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn crece_hasta_el_tope_con_un_quinto_de_azar_a_cada_lado() {
        let backoff = Backoff::default();
        for (n, segundos) in [(0, 1), (1, 2), (2, 4), (5, 32), (6, 60), (31, 60), (32, 60), (u32::MAX, 60)] {
            let centro = Duration::from_secs(segundos);
            let esperas: Vec<_> = (0..2_000).map(|semilla| backoff.espera(n, semilla)).collect();
            let (menor, mayor) = (esperas.iter().min().expect("hay"), esperas.iter().max().expect("hay"));
            assert!((centro * 8 / 10..centro * 82 / 100).contains(menor), "n={n}: {menor:?}");
            assert!((centro * 118 / 100..=centro * 12 / 10).contains(mayor), "n={n}: {mayor:?}");
        }
    }

    #[test]
    fn con_la_misma_semilla_da_la_misma_espera() {
        let backoff = Backoff { base: Duration::from_millis(10), tope: Duration::from_secs(1), ..Backoff::default() };
        assert_eq!(backoff.espera(3, 7), backoff.espera(3, 7));
        assert_ne!(backoff.espera(3, 7), backoff.espera(3, 8));
    }

    proptest! {
        #[test]
        fn nunca_desborda_ni_pasa_del_tope_y_su_quinto(
            n: u32,
            semilla: u64,
            base_ms in 1_u64..100_000,
            factor in 1.0_f64..100.0,
            tope_ms in 1_u64..10_000_000,
        ) {
            let (base, tope) = (Duration::from_millis(base_ms), Duration::from_millis(tope_ms));
            let backoff = Backoff { base, factor, tope };
            prop_assert!(backoff.espera(n, semilla) <= backoff.tope * 12 / 10);
        }
    }
}
