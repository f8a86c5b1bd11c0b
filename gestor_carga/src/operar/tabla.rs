//! Decide cómo se ve una tabla en una terminal: cada columna tan ancha como lo más ancho que lleva.

/// La tabla, con su cabecera; sin filas, dice que no hay ninguna.
pub fn tabla<const N: usize>(cabecera: [&str; N], filas: &[[String; N]]) -> String {
    if filas.is_empty() {
        return "No hay ninguna\n".to_owned();
    }
    let ancho = |i: usize| {
        let letras = |texto: &str| texto.chars().count();
        filas.iter().map(|fila| letras(&fila[i])).chain([letras(cabecera[i])]).max().unwrap_or(0)
    };
    let anchos: Vec<usize> = (0..N).map(ancho).collect();
    let linea = |celdas: [&str; N]| {
        let juntas = celdas
            .iter()
            .zip(&anchos)
            .fold(String::new(), |texto, (celda, ancho)| texto + &format!("{celda:<ancho$}  "));
        juntas.trim_end().to_owned() + "\n"
    };
    filas.iter().fold(linea(cabecera), |texto, fila| texto + &linea(fila.each_ref().map(String::as_str)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cada_columna_es_tan_ancha_como_lo_mas_ancho_que_lleva() {
        let filas = [["á".to_owned(), "x".to_owned()], ["larguísimo".to_owned(), "y".to_owned()]];
        assert_eq!(tabla(["A", "B"], &filas), "A           B\ná           x\nlarguísimo  y\n");
        assert_eq!(tabla(["A"], &[]), "No hay ninguna\n");
    }
}
