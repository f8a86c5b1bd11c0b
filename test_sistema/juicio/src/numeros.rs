//! Decide cómo se resumen muchos números en pocos: una sola definición para todos los informes. Puro.

use std::time::Duration;

/// El menor valor que no supera menos de `por_ciento` de la lista, que viene ordenada (el rango más cercano); el nulo si
/// está vacía.
pub fn percentil<T: Copy + Default>(ordenados: &[T], por_ciento: usize) -> T {
    let rango = (ordenados.len() * por_ciento).div_ceil(100);
    ordenados.get(rango.saturating_sub(1)).copied().unwrap_or_default()
}

/// En milisegundos.
pub fn milisegundos(cuanto: Duration) -> u64 {
    u64::try_from(cuanto.as_millis()).unwrap_or(u64::MAX)
}

/// A centésimas, para escribirlo.
pub fn centesimas(valor: f64) -> f64 {
    (valor * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn de_doscientos_el_p99_deja_fuera_los_dos_peores_y_de_ninguno_no_hay_nada_que_decir() {
        let lista: Vec<u32> = (1..=200).collect();
        assert_eq!([50, 99, 100].map(|p| percentil(&lista, p)), [100, 198, 200]);
        assert_eq!(percentil(&[5, 7, 90], 99), 90, "con menos de cien, el peor");
        assert_eq!(percentil::<u32>(&[], 50), 0);
    }
}
