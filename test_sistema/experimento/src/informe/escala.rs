//! Decide dónde cae un valor en un eje y en qué valores se pone una marca. Pura.

/// Un eje entre dos valores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Escala {
    /// Lo que dista es lo que se suma.
    Lineal { desde: f64, hasta: f64 },
    /// Lo que dista es por cuánto se multiplica.
    Logaritmica {
        /// El primer valor, mayor que cero.
        desde: f64,
        hasta: f64,
    },
}

use juicio::estadistica::muestras::real;

impl Escala {
    /// De cero a algo redondo que no sea menos que `tope`.
    pub fn desde_cero(tope: f64) -> Self {
        let tope = if tope.is_finite() && tope > 0.0 { tope } else { 1.0 };
        let paso = paso(tope, 5.0);
        Self::Lineal { desde: 0.0, hasta: (tope / paso).ceil() * paso }
    }

    /// Las décadas que abarcan de `menor` a `mayor`: desde 1, 2 o 5 por una potencia de diez, hasta otro.
    pub fn decadas(menor: f64, mayor: f64) -> Self {
        let menor = if menor.is_finite() { menor.max(1e-3) } else { 1.0 };
        let mayor = if mayor.is_finite() { mayor.max(menor * 10.0) } else { 10.0 };
        let desde = marcas_de_decadas(menor / 10.0, menor * 1.000_001).last().copied().unwrap_or(menor);
        let hasta = marcas_de_decadas(mayor * 0.999_999, mayor * 10.0).first().copied().unwrap_or(mayor);
        Self::Logaritmica { desde, hasta }
    }

    /// En qué parte del eje cae un valor: 0 al principio, 1 al final; lo que se sale queda en el borde.
    pub fn parte(self, valor: f64) -> f64 {
        let parte = match self {
            Self::Lineal { desde, hasta } => (valor - desde) / (hasta - desde),
            Self::Logaritmica { desde, hasta } => (valor.max(1e-9) / desde).ln() / (hasta / desde).ln(),
        };
        parte.clamp(0.0, 1.0)
    }

    /// El valor que cae en una parte del eje.
    pub fn valor(self, parte: f64) -> f64 {
        match self {
            Self::Lineal { desde, hasta } => desde + parte * (hasta - desde),
            Self::Logaritmica { desde, hasta } => desde * (hasta / desde).powf(parte),
        }
    }

    /// Los valores redondos en que se pone una marca, unos `cuantos` o menos.
    pub fn marcas(self, cuantas: usize) -> Vec<f64> {
        match self {
            Self::Lineal { desde, hasta } => marcas_lineales(desde, hasta, cuantas),
            Self::Logaritmica { desde, hasta } => {
                let todas = marcas_de_decadas(desde * 0.999_999, hasta * 1.000_001);
                if todas.len() <= cuantas { todas } else { todas.into_iter().filter(|v| es_decada(*v)).collect() }
            }
        }
    }
}

/// El paso redondo (1, 2 o 5 por una potencia de diez) que divide un tramo en `partes` o menos.
fn paso(tramo: f64, partes: f64) -> f64 {
    let justo = tramo / partes;
    let potencia = 10f64.powf(justo.log10().floor());
    let redondo = [1.0, 2.0, 5.0, 10.0].into_iter().find(|r| r * potencia >= justo * 0.999_999).unwrap_or(10.0);
    redondo * potencia
}

fn marcas_lineales(desde: f64, hasta: f64, cuantas: usize) -> Vec<f64> {
    let paso = paso(hasta - desde, real(cuantas.max(1)));
    let mut marcas = Vec::new();
    let mut n = (desde / paso - 1e-6).ceil();
    while n * paso <= hasta + paso * 1e-6 {
        marcas.push(n * paso);
        n += 1.0;
    }
    marcas
}

fn marcas_de_decadas(desde: f64, hasta: f64) -> Vec<f64> {
    let mut marcas = Vec::new();
    let mut potencia = 10f64.powf(desde.log10().floor());
    while potencia <= hasta {
        marcas.extend([1.0, 2.0, 5.0].map(|r| r * potencia).into_iter().filter(|v| *v >= desde && *v <= hasta));
        potencia *= 10.0;
    }
    marcas
}

fn es_decada(valor: f64) -> bool {
    let logaritmo = valor.log10();
    (logaritmo - logaritmo.round()).abs() < 1e-6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn casi(a: &[f64], b: &[f64]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9 * b.abs().max(1.0))
    }

    #[test]
    fn un_eje_desde_cero_acaba_en_algo_redondo_que_no_corta_nada() {
        assert_eq!(Escala::desde_cero(8.3), Escala::Lineal { desde: 0.0, hasta: 10.0 });
        assert_eq!(Escala::desde_cero(0.0), Escala::desde_cero(1.0), "sin datos también hay eje");
        assert!(casi(&Escala::desde_cero(8.3).marcas(5), &[0.0, 2.0, 4.0, 6.0, 8.0, 10.0]));
    }

    #[test]
    fn un_eje_logaritmico_va_de_un_valor_redondo_a_otro() {
        let escala = Escala::decadas(1.7, 430.0);
        let Escala::Logaritmica { desde, hasta } = escala else { panic!("{escala:?}") };
        assert!(casi(&[desde, hasta], &[1.0, 500.0]), "{escala:?}");
        assert!(casi(&escala.marcas(9), &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0]));
        assert!(casi(&escala.marcas(5), &[1.0, 10.0, 100.0]));
    }

    #[test]
    fn situar_y_leer_son_lo_mismo_del_derecho_y_del_reves() {
        for escala in [Escala::desde_cero(50.0), Escala::decadas(0.2, 900.0)] {
            for parte in [0.0, 0.25, 0.5, 1.0] {
                assert!((escala.parte(escala.valor(parte)) - parte).abs() < 1e-9, "{escala:?}");
            }
            assert!(casi(&[escala.parte(-1.0), escala.parte(1e9)], &[0.0, 1.0]), "lo que se sale queda en el borde");
        }
    }
}
