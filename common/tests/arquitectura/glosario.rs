//! Una palabra por cosa: lo que dice el glosario de ARCHITECTURE.md.

use std::collections::HashSet;

use crate::fuentes::{ninguna, texto};

/// Las filas de la primera tabla tras un título, sin su cabecera: sus celdas.
fn tabla(documento: &str, titulo: &str) -> Vec<Vec<String>> {
    let desde = documento.split_once(titulo).unwrap_or_else(|| panic!("falta «{titulo}»")).1;
    let filas = desde.lines().skip_while(|l| !l.starts_with('|')).take_while(|l| l.starts_with('|')).skip(2);
    let celdas = |fila: &str| fila.trim_matches('|').split(" | ").map(|c| c.trim().to_owned()).collect();
    filas.map(celdas).collect()
}

/// Las palabras de la primera celda: separadas por comas, barras o dos puntos, sin lo que va entre paréntesis.
fn palabras(celda: &str) -> impl Iterator<Item = String> + '_ {
    let sin_parentesis = |p: &str| p.split('(').next().unwrap_or("").trim().to_lowercase();
    celda.split([',', '/', ':']).map(sin_parentesis).filter(|p| !p.is_empty())
}

#[test]
fn ninguna_palabra_esta_dos_veces_en_el_glosario() {
    let filas = tabla(&texto("ARCHITECTURE.md"), "## Glosario");
    assert!(filas.len() > 30, "solo se hallaron {} filas", filas.len());
    let mut vistas = HashSet::new();
    let dobles: Vec<_> = filas.iter().flat_map(|f| palabras(&f[0])).filter(|p| !vistas.insert(p.clone())).collect();
    ninguna("palabra definida dos veces", &dobles);
    let de_una = palabras("circuit breaker: CERRADO, libro (ISBN) / uno").collect::<Vec<_>>();
    assert_eq!(de_una, ["circuit breaker", "cerrado", "libro", "uno"]);
}
