//! Decide cuánto duró el silencio que causó una muerte. Puro.
//!
//! El hueco al morir el almacén es el mayor tiempo entre dos respuestas buenas seguidas, las dé quien las dé y las pida
//! quien las pida, de los que acaban después de la muerte y empiezan antes de que pasen [`VENTANA_US`] desde ella. Si
//! después de la muerte no hubo ninguna respuesta buena, no hay hueco que medir: no se volvió.

/// Cuánto después de la muerte puede empezar el hueco, en microsegundos.
pub const VENTANA_US: u32 = 5_000_000;

/// Un silencio entre dos respuestas, en microsegundos desde el principio de la ventana.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hueco {
    pub desde_us: u32,
    pub hasta_us: u32,
}

impl Hueco {
    /// Lo que duró, en milisegundos.
    pub fn ms(self) -> f64 {
        f64::from(self.hasta_us - self.desde_us) / 1_000.0
    }
}

/// El mayor de los que causó una muerte, con los instantes de las respuestas buenas en orden.
pub fn de_la_muerte(instantes_us: impl Iterator<Item = u32>, muerte_us: u32) -> Option<Hueco> {
    let fin = muerte_us.saturating_add(VENTANA_US);
    huecos(instantes_us).filter(|h| h.hasta_us > muerte_us && h.desde_us < fin).max_by_key(|h| h.hasta_us - h.desde_us)
}

/// El mayor de toda la ejecución.
pub fn mayor(instantes_us: impl Iterator<Item = u32>) -> Option<Hueco> {
    huecos(instantes_us).max_by_key(|h| h.hasta_us - h.desde_us)
}

fn huecos(instantes_us: impl Iterator<Item = u32>) -> impl Iterator<Item = Hueco> {
    let mut anterior = None;
    instantes_us.filter_map(move |hasta_us| {
        let desde_us = anterior.replace(hasta_us)?;
        Some(Hueco { desde_us, hasta_us })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn al_morir(instantes_ms: &[u32], muerte_ms: u32) -> Option<f64> {
        de_la_muerte(instantes_ms.iter().map(|ms| ms * 1_000), muerte_ms * 1_000).map(Hueco::ms)
    }

    #[test]
    fn es_el_que_contiene_la_muerte_o_el_mayor_de_los_que_la_siguen() {
        assert_eq!(al_morir(&[0, 100, 450, 500], 200), Some(350.0), "la contiene");
        assert_eq!(al_morir(&[0, 100, 150, 900, 950], 120), Some(750.0), "la sigue: alguna respuesta salió aún");
    }

    #[test]
    fn lo_de_antes_y_lo_de_mucho_despues_no_son_de_la_muerte() {
        assert_eq!(al_morir(&[0, 9_000, 9_010, 9_050, 14_040, 30_000], 9_020), Some(4_990.0));
        assert_eq!(al_morir(&[0, 9_000, 9_010, 9_050, 14_020, 14_025, 30_000], 9_020), Some(4_970.0));
    }

    #[test]
    fn si_nadie_contesto_despues_no_hay_hueco_que_medir() {
        assert_eq!(al_morir(&[0, 100], 200), None);
        assert_eq!(al_morir(&[], 200), None);
    }

    #[test]
    fn el_mayor_de_la_ejecucion_no_mira_la_muerte() {
        let h = mayor([0, 10, 5_000, 5_001].into_iter()).expect("hay");
        assert_eq!(h, Hueco { desde_us: 10, hasta_us: 5_000 });
    }
}
