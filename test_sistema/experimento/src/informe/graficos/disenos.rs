//! Decide el gráfico que compara los diseños: de la mitad de los préstamos al 99 % y al más lento de cada uno.

use juicio::estadistica::muestras::{Tiempos, real};
use maud::{Markup, html};

use crate::{
    informe::{
        dibujo::{Ejes, Figura, Formato, Grafico, Lienzo, figura, leyenda, n},
        escala::Escala,
        formato::{self, diseno},
        resumen::Resumenes,
    },
    resultados::FalloInducido,
};

/// Una fila del gráfico.
struct Renglon {
    nombre: String,
    color: u8,
    tiempos: Tiempos,
}

/// El de los diseños, si hay más de uno, con el mayor número de solicitantes que tengan todos.
pub fn de(resumenes: &Resumenes) -> Option<Grafico> {
    let solicitantes = resumenes.comunes()?;
    let mut renglones = Vec::new();
    for d in resumenes.disenos() {
        for (fallo, color) in [(FalloInducido::No, 0), (FalloInducido::Si, 1)] {
            let tiempos = resumenes.cual(d, solicitantes, fallo).and_then(|r| r.prestamos);
            let nombre = format!("{}, {}", diseno(d), formato::fallo(fallo));
            renglones.extend(tiempos.map(|tiempos| Renglon { nombre, color, tiempos }));
        }
    }
    if resumenes.disenos().len() < 2 || renglones.is_empty() {
        return None;
    }
    let titulo = "Lo que tarda en contestarse un préstamo con cada diseño".to_owned();
    let dichos: Vec<String> = renglones
        .iter()
        .map(|r| {
            let Tiempos { p50, p99, max, .. } = r.tiempos;
            let [p50, p99, max] = [p50, p99, max].map(formato::duracion);
            format!("{}: la mitad en {p50}, 99 de cada 100 en {p99}, el más lento {max}", r.nombre)
        })
        .collect();
    Some(Grafico {
        archivo: "disenos",
        alternativo: format!("{titulo}, con {solicitantes} solicitantes por sede. {}.", dichos.join("; ")),
        titulo,
        pie: format!(
            "Con {solicitantes} solicitantes por sede. El punto lleno es la mediana (p50); la línea llega a 99 de cada 100 \
             (p99); el punto hueco es el más lento. La escala es logarítmica: cada marca multiplica, no suma."
        ),
        ancho: dibujar(&renglones, Formato::Ancho),
        estrecho: dibujar(&renglones, Formato::Estrecho),
    })
}

fn dibujar(renglones: &[Renglon], formato: Formato) -> Lienzo {
    let (leyenda, alto) = leyenda(
        &[
            (Figura::Circulo, "rt".to_owned(), "p50"),
            (Figura::Trazo, "st trazo".to_owned(), "hasta p99"),
            (Figura::Circulo, "st hueca".to_owned(), "el más lento"),
        ],
        formato.ancho(),
    );
    let ancho = formato == Formato::Ancho;
    let paso = if ancho { 30.0 } else { 42.0 };
    let arriba = alto + 18.0;
    let menor = renglones.iter().map(|r| r.tiempos.p50).fold(f64::MAX, f64::min);
    let mayor = renglones.iter().map(|r| r.tiempos.max).fold(0.0, f64::max);
    let ejes = Ejes {
        sangria: 0.0,
        izquierda: if ancho { 190.0 } else { 6.0 },
        derecha: formato.ancho() - 22.0,
        arriba,
        abajo: arriba + paso * real(renglones.len()) + 6.0,
        x: Escala::decadas(menor, mayor),
        y: Escala::desde_cero(1.0),
    };
    let valores = ejes.x.marcas(if ancho { 9 } else { 7 });
    let textos = formato::marcas(&valores, false);
    let marcas: Vec<_> = valores.into_iter().zip(textos).collect();
    let cuerpo = html! {
        (leyenda)
        @for (valor, _) in &marcas {
            line class="rejilla" x1=(n(ejes.px(*valor))) x2=(n(ejes.px(*valor))) y1=(n(ejes.arriba)) y2=(n(ejes.abajo)) {}
        }
        @for (i, renglon) in renglones.iter().enumerate() {
            @let y = ejes.arriba + paso * (real(i) + 1.0) - if ancho { 11.0 } else { 8.0 };
            (uno(&ejes, renglon, y, ancho))
        }
        (ejes.horizontales("milisegundos (escala logarítmica)", &marcas))
    };
    Lienzo { alto: ejes.abajo + 46.0, cuerpo }
}

fn uno(ejes: &Ejes, renglon: &Renglon, y: f64, ancho: bool) -> Markup {
    let Renglon { nombre, color, tiempos } = renglon;
    let (lleno, trazo, hueca) = (format!("r{color}"), format!("s{color} trazo"), format!("s{color} hueca"));
    let forma = if *color == 0 { Figura::Circulo } else { Figura::Rombo };
    html! {
        @if ancho { text class="fin" x=(n(ejes.izquierda - 12.0)) y=(n(y + 4.0)) { (nombre) } }
        @else { text x="0" y=(n(y - 12.0)) { (nombre) } }
        line class=(trazo) x1=(n(ejes.px(tiempos.p50))) x2=(n(ejes.px(tiempos.p99))) y1=(n(y)) y2=(n(y)) {}
        (figura(forma, &lleno, ejes.px(tiempos.p50), y, 4.5))
        (figura(forma, &hueca, ejes.px(tiempos.max), y, 3.5))
    }
}
