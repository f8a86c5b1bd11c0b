//! Decide cómo se resumen unas medidas: media, desviación típica, percentiles e intervalo de confianza. Pura.
//!
//! El intervalo sale solo de las repeticiones. Las solicitudes de una misma ejecución no son independientes (comparten
//! colas, disco y el fallo), así que su número no estrecha ningún intervalo.

use crate::numeros::percentil;

/// La t de Student que deja un 2,5 % por encima, por grados de libertad, desde 1.
const T_975: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/// Lo que tardaron unas solicitudes, todas juntas, en milisegundos.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tiempos {
    pub cuantas: usize,
    pub media: f64,
    /// La desviación típica de la muestra (entre n − 1); cero si hay una sola.
    pub desviacion: f64,
    pub p50: f64,
    /// 95 de cada 100.
    pub p95: f64,
    /// 99 de cada 100.
    pub p99: f64,
    pub max: f64,
}

impl Tiempos {
    /// Los de una lista en microsegundos, que queda ordenada; nada si está vacía.
    pub fn de(us: &mut [u32]) -> Option<Self> {
        us.sort_unstable();
        let max = f64::from(*us.last()?) / 1_000.0;
        let (media, desviacion) = media_y_desviacion(us.iter().map(|us| f64::from(*us) / 1_000.0))?;
        let ms = |por_ciento| f64::from(percentil(us, por_ciento)) / 1_000.0;
        Some(Self {
            cuantas: us.len(),
            media,
            desviacion: desviacion.unwrap_or(0.0),
            p50: ms(50),
            p95: ms(95),
            p99: ms(99),
            max,
        })
    }
}

/// Un número que se midió una vez en cada repetición.
#[derive(Clone, Debug, PartialEq)]
pub struct Repetido {
    /// Lo de cada repetición, en su orden.
    pub valores: Vec<f64>,
    pub media: f64,
    /// Su desviación típica (entre n − 1); con una sola no la hay.
    pub desviacion: Option<f64>,
    /// La mitad del intervalo de confianza del 95 % de la media; con una sola no lo hay.
    pub ic95: Option<f64>,
}

impl Repetido {
    /// El de unos valores; nada si no hay ninguno.
    pub fn de(valores: Vec<f64>) -> Option<Self> {
        let (media, desviacion) = media_y_desviacion(valores.iter().copied())?;
        let ic95 = desviacion.map(|d| t_975(valores.len() - 1) * d / real(valores.len()).sqrt());
        Some(Self { valores, media, desviacion, ic95 })
    }

    /// El mayor.
    pub fn mayor(&self) -> f64 {
        self.valores.iter().copied().fold(f64::MIN, f64::max)
    }

    /// Hasta dónde llega por arriba lo que se dibuja de él: sus valores y su intervalo.
    pub fn tope(&self) -> f64 {
        self.mayor().max(self.media + self.ic95.unwrap_or(0.0))
    }
}

/// La media de una lista en microsegundos, en milisegundos; nada si está vacía.
pub fn media_ms(us: &[u32]) -> Option<f64> {
    media_y_desviacion(us.iter().map(|us| f64::from(*us) / 1_000.0)).map(|(media, _)| media)
}

/// Con más grados de libertad que la tabla vale el último, que es algo ancho.
fn t_975(grados: usize) -> f64 {
    T_975[grados.clamp(1, T_975.len()) - 1]
}

/// La media y, si hay más de uno, la desviación típica entre n − 1; en una pasada estable (Welford).
fn media_y_desviacion(valores: impl Iterator<Item = f64>) -> Option<(f64, Option<f64>)> {
    let (mut n, mut media, mut cuadrados) = (0.0, 0.0, 0.0);
    for valor in valores {
        n += 1.0;
        let antes = valor - media;
        media += antes / n;
        cuadrados += antes * (valor - media);
    }
    if n < 1.0 {
        return None;
    }
    Some((media, (n > 1.0).then(|| f64::sqrt(cuadrados / (n - 1.0)))))
}

/// Un número de cosas, como real: hay menos de 2³².
pub fn real(cuantas: usize) -> f64 {
    f64::from(u32::try_from(cuantas).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn casi(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-3
    }

    #[test]
    fn los_tiempos_de_una_lista_conocida_son_los_de_los_libros() {
        let mut us: Vec<u32> = (1..=100).rev().map(|n| n * 1_000).collect();
        let t = Tiempos::de(&mut us).expect("hay");
        assert!(casi(t.media, 50.5) && casi(t.desviacion, 29.011) && casi(t.max, 100.0), "{t:?}");
        assert!(casi(t.p50, 50.0) && casi(t.p95, 95.0) && casi(t.p99, 99.0), "{t:?}");
        assert_eq!(Tiempos::de(&mut []), None);
        assert!(casi(Tiempos::de(&mut [7_000]).expect("hay").desviacion, 0.0));
    }

    #[test]
    fn el_intervalo_de_tres_repeticiones_usa_la_t_de_dos_grados() {
        let r = Repetido::de(vec![9.0, 10.0, 11.0]).expect("hay");
        assert!(casi(r.media, 10.0) && casi(r.desviacion.expect("hay"), 1.0), "{r:?}");
        assert!(casi(r.ic95.expect("hay"), 4.303 / f64::sqrt(3.0)), "{r:?}");
        assert!(casi(r.tope(), 10.0 + 2.484_338), "{r:?}");
    }

    #[test]
    fn de_una_repeticion_no_hay_desviacion_ni_intervalo() {
        let r = Repetido::de(vec![5.0]).expect("hay");
        assert_eq!((r.desviacion, r.ic95), (None, None));
        assert_eq!(Repetido::de(Vec::new()), None);
    }

    #[test]
    fn con_muchas_repeticiones_vale_la_ultima_de_la_tabla() {
        assert!(casi(t_975(1), 12.706) && casi(t_975(30), 2.042) && casi(t_975(500), 2.042));
    }
}
