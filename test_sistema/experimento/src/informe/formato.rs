//! Decide cómo se escriben los números y los nombres para una persona: coma decimal, punto de los miles. Puro.

use crate::resultados::{Diseno, FalloInducido};

/// Lo que se escribe donde no hay número.
pub const NADA: &str = "–";

/// Un entero con sus miles: «12.345».
pub fn entero(valor: f64) -> String {
    let cifras = format!("{:.0}", valor.abs());
    let mut texto = String::new();
    for (i, cifra) in cifras.chars().enumerate() {
        if i > 0 && (cifras.len() - i).is_multiple_of(3) {
            texto.push('.');
        }
        texto.push(cifra);
    }
    if valor <= -0.5 { format!("−{texto}") } else { texto }
}

/// Un número con `decimales` cifras tras la coma: «1.234,50».
pub fn numero(valor: f64, decimales: usize) -> String {
    let texto = format!("{:.decimales$}", valor.abs());
    let (entera, resto) = texto.split_once('.').unwrap_or((&texto, ""));
    let entera = entero(entera.parse().unwrap_or(0.0));
    let signo = if valor < 0.0 { "−" } else { "" };
    if resto.is_empty() { format!("{signo}{entera}") } else { format!("{signo}{entera},{resto}") }
}

/// Unos milisegundos con las cifras que se leen de un vistazo: tres significativas, más o menos.
pub fn ms(valor: f64) -> String {
    let decimales = match valor.abs() {
        v if v < 10.0 => 2,
        v if v < 100.0 => 1,
        _ => 0,
    };
    numero(valor, decimales)
}

/// Las marcas de un eje: con los decimales que le hacen falta a cada una o, si han de ser iguales, a la que más.
pub fn marcas(valores: &[f64], iguales: bool) -> Vec<String> {
    let de = |valor: &f64| (0..3).find(|d| (valor * 10f64.powi(*d)).fract().abs() < 1e-6).unwrap_or(3);
    let de = |valor: &f64| usize::try_from(de(valor)).unwrap_or(3);
    let comun = valores.iter().map(de).max().unwrap_or(0);
    valores.iter().map(|v| numero(*v, if iguales { comun } else { de(v) })).collect()
}

/// Unos milisegundos con su unidad, en segundos si son muchos.
pub fn duracion(ms_: f64) -> String {
    if ms_ < 1_000.0 { format!("{}\u{a0}ms", ms(ms_)) } else { format!("{}\u{a0}s", numero(ms_ / 1_000.0, 2)) }
}

/// La mitad de un intervalo: «± 1,20».
pub fn mas_menos(mitad: Option<f64>, escribir: fn(f64) -> String) -> String {
    mitad.map_or_else(|| NADA.to_owned(), |m| format!("±\u{a0}{}", escribir(m)))
}

/// Una parte de un todo: «12,3 %».
pub fn por_ciento(parte: f64, todo: f64) -> String {
    if todo > 0.0 { format!("{}\u{a0}%", numero(100.0 * parte / todo, 1)) } else { NADA.to_owned() }
}

/// Un diseño, para una persona.
pub const fn diseno(diseno: Diseno) -> &'static str {
    match diseno {
        Diseno::DosAlmacenes => "dos almacenes",
        Diseno::UnAlmacen => "un almacén",
        Diseno::SinActores => "sin actores",
    }
}

/// Si hubo fallo, para una persona.
pub const fn fallo(fallo: FalloInducido) -> &'static str {
    match fallo {
        FalloInducido::No => "sin fallo",
        FalloInducido::Si => "con fallo",
    }
}

/// «4, 6 y 10».
pub fn lista(numeros: &[u16]) -> String {
    let textos: Vec<String> = numeros.iter().map(ToString::to_string).collect();
    match textos.split_last() {
        Some((ultimo, [])) => ultimo.clone(),
        Some((ultimo, otros)) => format!("{} y {ultimo}", otros.join(", ")),
        None => NADA.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn los_miles_llevan_punto_y_los_decimales_coma() {
        assert_eq!([0.0, 999.0, 1_000.0, 1_234_567.4].map(entero), ["0", "999", "1.000", "1.234.567"]);
        assert_eq!(numero(-1_234.5, 2), "−1.234,50");
        assert_eq!([1.234, 12.34, 123.4].map(ms), ["1,23", "12,3", "123"]);
        assert_eq!(marcas(&[0.0, 0.5, 1_000.0], true), ["0,0", "0,5", "1.000,0"]);
        assert_eq!(marcas(&[0.2, 1.0], false), ["0,2", "1"]);
        assert_eq!(duracion(1_512.0), "1,51\u{a0}s");
    }

    #[test]
    fn lo_que_no_hay_es_una_raya() {
        assert_eq!(mas_menos(None, ms), NADA);
        assert_eq!(por_ciento(1.0, 0.0), NADA);
        assert_eq!((lista(&[]), lista(&[4]), lista(&[4, 6, 10])), (NADA.into(), "4".into(), "4, 6 y 10".into()));
    }
}
