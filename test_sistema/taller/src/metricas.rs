//! Decide qué número hay en una página de métricas de Prometheus.

/// La suma de las series de `nombre` cuyas etiquetas contienen todas las de `etiquetas` (`endpoint="a:1"`); `None` si no
/// hay ninguna.
pub fn metrica(pagina: &str, nombre: &str, etiquetas: &[&str]) -> Option<f64> {
    let series = pagina.lines().filter_map(|linea| {
        let resto = linea.strip_prefix(nombre)?;
        let (cuales, valor) = resto.rsplit_once(' ')?;
        let suya = cuales.is_empty() || cuales.starts_with('{');
        (suya && etiquetas.iter().all(|e| cuales.contains(e))).then(|| valor.parse::<f64>().ok())?
    });
    series.fold(None, |suma, valor| Some(suma.unwrap_or(0.0) + valor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn una_metrica_se_suma_por_sus_etiquetas_y_no_se_confunde_con_otra_mas_larga() {
        let pagina = "# TYPE a counter\na{x=\"1\",y=\"2\"} 3\na{x=\"2\",y=\"2\"} 4\na_b 100\nc 5\n";
        assert_eq!(metrica(pagina, "a", &[]), Some(7.0));
        assert_eq!(metrica(pagina, "a", &["x=\"2\""]), Some(4.0));
        assert_eq!(metrica(pagina, "a", &["x=\"3\""]), None);
        assert_eq!(metrica(pagina, "c", &[]), Some(5.0));
    }
}
