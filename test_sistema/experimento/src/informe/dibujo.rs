//! Decide cómo se ve un gráfico: el lienzo, los ejes, las marcas y la leyenda, como SVG. Puro.
//!
//! Los colores no están aquí: cada trazo lleva una clase, y la hoja de estilo dice de qué color es en claro y en oscuro.
//! Cada gráfico se dibuja dos veces, ancho y estrecho, porque un SVG que se encoge encoge también su letra.

use juicio::estadistica::muestras::real;
use maud::{Markup, html};

use super::{escala::Escala, formato};

/// Lo que ocupa una letra, como mucho y de media, con las tipografías más anchas que se esperan.
const LETRA: f64 = 7.3;
/// El alto de una línea de texto.
const LINEA: f64 = 18.0;

/// Para qué pantalla se dibuja.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Formato {
    /// Un escritorio, el papel y los archivos sueltos.
    Ancho,
    Estrecho,
}

impl Formato {
    /// Su ancho, en píxeles.
    pub const fn ancho(self) -> f64 {
        match self {
            Self::Ancho => 720.0,
            Self::Estrecho => 328.0,
        }
    }

    const fn clase(self) -> &'static str {
        match self {
            Self::Ancho => "grafico ancho",
            Self::Estrecho => "grafico estrecho",
        }
    }
}

/// Un gráfico, con lo que se dice de él.
pub struct Grafico {
    /// El nombre de su archivo, sin extensión.
    pub archivo: &'static str,
    pub titulo: String,
    /// Lo que se ve, para quien no lo ve.
    pub alternativo: String,
    pub pie: String,
    pub ancho: Lienzo,
    pub estrecho: Lienzo,
}

impl Grafico {
    /// El SVG de un formato, con `estilo` dentro si va en un archivo suelto.
    pub fn svg(&self, formato: Formato, estilo: Option<&str>) -> Markup {
        let lienzo = if formato == Formato::Ancho { &self.ancho } else { &self.estrecho };
        let (ancho, alto) = (n(formato.ancho()), n(lienzo.alto));
        html! {
            svg xmlns="http://www.w3.org/2000/svg" class=(formato.clase()) role="img" aria-label=(self.alternativo)
                viewBox={ "0 0 " (ancho) " " (alto) } width=(ancho) height=(alto) {
                @if let Some(estilo) = estilo {
                    title { (self.titulo) }
                    style { (maud::PreEscaped(estilo)) }
                    rect class="fondo" width=(ancho) height=(alto) {}
                }
                (lienzo.cuerpo)
            }
        }
    }
}

/// Lo dibujado y lo que ocupa de alto.
pub struct Lienzo {
    pub alto: f64,
    /// Lo que hay dentro del `svg`.
    pub cuerpo: Markup,
}

/// El rectángulo en que caen los datos, en píxeles, con la escala de cada eje.
#[derive(Clone, Copy, Debug)]
pub struct Ejes {
    /// Lo que se deja a la izquierda para los valores: de ahí empieza el título.
    pub sangria: f64,
    pub izquierda: f64,
    pub derecha: f64,
    pub arriba: f64,
    pub abajo: f64,
    pub x: Escala,
    pub y: Escala,
}

impl Ejes {
    /// Dónde cae un valor, de izquierda a derecha.
    pub fn px(&self, valor: f64) -> f64 {
        self.izquierda + self.x.parte(valor) * (self.derecha - self.izquierda)
    }

    /// Dónde cae un valor, de arriba abajo.
    pub fn py(&self, valor: f64) -> f64 {
        self.abajo - self.y.parte(valor) * (self.abajo - self.arriba)
    }

    /// Las líneas horizontales y sus valores, con el título del eje al ras de la izquierda y `sobre` píxeles más arriba.
    pub fn verticales(&self, titulo: &str, sobre: f64, marcas: usize) -> Markup {
        let marcas = self.y.marcas(marcas);
        let textos = formato::marcas(&marcas, matches!(self.y, Escala::Lineal { .. }));
        html! {
            text class="titulo" x=(n(self.izquierda - self.sangria)) y=(n(self.arriba - sobre)) { (titulo) }
            @for (valor, texto) in marcas.iter().copied().zip(&textos) {
                line class="rejilla" x1=(n(self.izquierda)) x2=(n(self.derecha)) y1=(n(self.py(valor))) y2=(n(self.py(valor))) {}
                text class="fin" x=(n(self.izquierda - 6.0)) y=(n(self.py(valor) + 4.0)) { (texto) }
            }
        }
    }

    /// El eje de abajo, con sus valores y, si lo hay, su título debajo.
    pub fn horizontales(&self, titulo: &str, marcas: &[(f64, String)]) -> Markup {
        html! {
            line class="eje" x1=(n(self.izquierda)) x2=(n(self.derecha)) y1=(n(self.abajo)) y2=(n(self.abajo)) {}
            @for (valor, texto) in marcas {
                line class="eje" x1=(n(self.px(*valor))) x2=(n(self.px(*valor))) y1=(n(self.abajo)) y2=(n(self.abajo + 4.0)) {}
                text class="medio" x=(n(self.px(*valor))) y=(n(self.abajo + 18.0)) { (texto) }
            }
            @if !titulo.is_empty() {
                text class="titulo fin" x=(n(self.derecha)) y=(n(self.abajo + 38.0)) { (titulo) }
            }
        }
    }
}

/// La figura con que se distingue un punto, además del color.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figura {
    Circulo,
    Rombo,
    /// Un cuadrado, como el de una barra.
    Cuadrado,
    /// Un trazo, con el guion de la línea.
    Trazo,
}

/// Un punto de un tamaño, en medio píxel de radio, con su clase de color.
pub fn figura(cual: Figura, clase: &str, x: f64, y: f64, radio: f64) -> Markup {
    let r = radio;
    html! {
        @match cual {
            Figura::Circulo => circle class=(clase) cx=(n(x)) cy=(n(y)) r=(n(r)) {},
            Figura::Rombo => path class=(clase) d={ "M" (n(x)) " " (n(y - r * 1.3)) "l" (n(r * 1.3)) " " (n(r * 1.3)) "l"
                (n(-r * 1.3)) " " (n(r * 1.3)) "l" (n(-r * 1.3)) " " (n(-r * 1.3)) "z" } {},
            Figura::Cuadrado => rect class=(clase) x=(n(x - r)) y=(n(y - r)) width=(n(2.0 * r)) height=(n(2.0 * r)) {},
            Figura::Trazo => line class=(clase) x1=(n(x - 2.4 * r)) x2=(n(x + 2.4 * r)) y1=(n(y)) y2=(n(y)) {},
        }
    }
}

/// Una entrada de la leyenda: su figura, su clase de color y su nombre.
pub type EntradaDeLeyenda<'a> = (Figura, String, &'a str);

/// La leyenda, en tantas filas como haga falta; devuelve también lo que ocupa de alto.
pub fn leyenda(entradas: &[EntradaDeLeyenda<'_>], ancho: f64) -> (Markup, f64) {
    let (mut x, mut fila) = (0.0, 0.0);
    let mut sitios = Vec::new();
    for entrada in entradas {
        let ocupa = 28.0 + ancho_de(entrada.2) + 18.0;
        if x > 0.0 && x + ocupa - 18.0 > ancho {
            (x, fila) = (0.0, fila + 1.0);
        }
        sitios.push((x, fila * LINEA + 9.0, entrada));
        x += ocupa;
    }
    let dibujo = html! {
        @for (x, y, (cual, clase, nombre)) in sitios {
            (figura(*cual, clase, x + 11.0, y, 4.5))
            text x=(n(x + 28.0)) y=(n(y + 4.0)) { (nombre) }
        }
    };
    (dibujo, if entradas.is_empty() { 0.0 } else { (fila + 1.0) * LINEA })
}

/// Una barra de error vertical con sus topes; no baja de donde empieza el eje.
pub fn barra_de_error(ejes: &Ejes, clase: &str, x: f64, media: f64, mitad: f64) -> Markup {
    let (arriba, abajo) = (ejes.py(media + mitad), ejes.py(media - mitad));
    html! {
        path class=(clase) d={ "M" (n(x)) " " (n(arriba)) "V" (n(abajo)) "M" (n(x - 4.0)) " " (n(arriba)) "h8" @if media > mitad {
            "M" (n(x - 4.0)) " " (n(abajo)) "h8" } } {}
    }
}

/// Lo que ocupa un texto, por exceso.
pub fn ancho_de(texto: &str) -> f64 {
    LETRA * real(texto.chars().count())
}

/// Un número para un atributo: con un decimal basta, y sin él si sobra.
pub fn n(valor: f64) -> String {
    let texto = format!("{valor:.1}");
    match texto.strip_suffix(".0") {
        Some("-0") => "0".to_owned(),
        Some(entero) => entero.to_owned(),
        None => texto,
    }
}
