//! Convierte un SVG en PNG, al doble de su tamaño, con una letra que va dentro del programa: da lo mismo en cualquier
//! máquina, tenga o no tipografías.

use std::sync::Arc;

use epaint_default_fonts::UBUNTU_LIGHT;
use resvg::{
    tiny_skia::{Pixmap, Transform},
    usvg::{self, Tree, fontdb},
};

/// Puntos del PNG por cada uno del SVG.
const AUMENTO: f32 = 2.0;

/// El PNG de un SVG.
pub fn de(svg: &str) -> Result<Vec<u8>, String> {
    let arbol = Tree::from_str(svg, &opciones()).map_err(|e| e.to_string())?;
    let tamano = arbol.size().to_int_size().scale_by(AUMENTO).ok_or("no tiene tamaño")?;
    let mut lienzo = Pixmap::new(tamano.width(), tamano.height()).ok_or("es demasiado grande")?;
    resvg::render(&arbol, Transform::from_scale(AUMENTO, AUMENTO), &mut lienzo.as_mut());
    lienzo.encode_png().map_err(|e| e.to_string())
}

fn opciones() -> usvg::Options<'static> {
    let mut letras = fontdb::Database::new();
    letras.load_font_data(UBUNTU_LIGHT.to_vec());
    let familia = letras.faces().next().and_then(|cara| cara.families.first()).map(|(nombre, _)| nombre.clone());
    letras.set_sans_serif_family(familia.unwrap_or_default());
    usvg::Options { fontdb: Arc::new(letras), ..usvg::Options::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTO: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='60' height='20'>\
        <text x='2' y='15' font-family='system-ui,sans-serif' font-size='12'>ñandú µ</text></svg>";

    #[test]
    fn el_texto_se_ve_aunque_la_maquina_no_tenga_letras() {
        let arbol = Tree::from_str(TEXTO, &opciones()).expect("es un SVG");
        let caja = arbol.root().abs_bounding_box();
        assert!(caja.width() > 20.0 && caja.height() > 5.0, "{caja:?}");
        let png = de(TEXTO).expect("se convierte");
        assert_eq!(&png[..4], b"\x89PNG");
        assert_eq!((png[19], png[23]), (120, 40), "al doble");
    }

    #[test]
    fn lo_que_no_es_un_svg_no_se_convierte() {
        assert!(de("<html></html>").is_err());
    }
}
