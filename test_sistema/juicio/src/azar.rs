//! Un generador de números al azar pequeño y reproducible: basta para repartir la carga.

/// SplitMix64 (Steele, Lea y Flood, 2014): un estado de 64 bits, sin ciclos cortos.
#[derive(Clone, Debug)]
pub struct Azar(u64);

impl Azar {
    /// La sucesión que empieza en `semilla`.
    pub fn con_semilla(semilla: u64) -> Self {
        Self(semilla)
    }

    /// El siguiente número.
    pub fn siguiente(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Un número menor que `n`, que no puede ser cero.
    pub fn menor_que(&mut self, n: usize) -> usize {
        let n = u64::try_from(n).expect("usize cabe en 64 bits");
        usize::try_from(self.siguiente() % n).expect("es menor que n")
    }

    /// Cierto `tanto` veces de cada cien.
    pub fn por_ciento(&mut self, tanto: usize) -> bool {
        self.menor_que(100) < tanto
    }

    /// Uno de `lista`, que no puede estar vacía.
    pub fn uno_de<'a, T>(&mut self, lista: &'a [T]) -> &'a T {
        &lista[self.menor_que(lista.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn la_misma_semilla_da_la_misma_sucesion_y_no_se_sale() {
        let (mut a, mut b) = (Azar::con_semilla(7), Azar::con_semilla(7));
        let mut vistos = [false; 10];
        for _ in 0..1000 {
            let n = a.menor_que(10);
            assert_eq!(n, b.menor_que(10));
            vistos[n] = true;
        }
        assert_eq!(vistos, [true; 10]);
    }
}
