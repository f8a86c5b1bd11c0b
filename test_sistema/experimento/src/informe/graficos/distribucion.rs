//! Decide el gráfico de la distribución: qué parte de los préstamos tardó como mucho cada cosa (ECDF).
//!
//! No se dibuja un punto por préstamo: se calcula la función, exacta, cada dos píxeles.

use std::fmt::Write as _;

use juicio::estadistica::muestras::real;
use maud::{Markup, html};

use crate::{
    informe::{
        dibujo::{Ejes, Figura, Formato, Grafico, Lienzo, leyenda, n},
        escala::Escala,
        formato::{self, diseno, lista},
        muestras::Muestras,
        resumen::Resumenes,
    },
    resultados::FalloInducido,
};

/// Cada cuántos píxeles se calcula.
const PASO: f64 = 2.0;
/// Los colores de las curvas, de los que se distinguen entre sí con cualquier vista; cada una lleva además su guion.
const COLORES: [u8; 5] = [0, 3, 2, 4, 5];

/// Los préstamos de una configuración, ordenados.
struct Curva {
    solicitantes: u16,
    fallo: FalloInducido,
    orden: usize,
    us: Vec<u32>,
}

/// El de los préstamos del diseño principal, sin fallo y con él.
pub fn de(muestras: &Muestras, resumenes: &Resumenes) -> Option<Grafico> {
    let principal = *resumenes.disenos().first()?;
    let solicitantes = resumenes.solicitantes(principal);
    let mut curvas = Vec::new();
    for (configuracion, tandas) in muestras.por_configuracion() {
        let Some(orden) = solicitantes.iter().position(|s| *s == configuracion.solicitantes) else { continue };
        if configuracion.diseno != principal {
            continue;
        }
        let mut us: Vec<u32> = tandas.iter().flat_map(|t| t.prestamos_us.iter().copied()).collect();
        us.sort_unstable();
        if !us.is_empty() {
            curvas.push(Curva { solicitantes: configuracion.solicitantes, fallo: configuracion.fallo, orden, us });
        }
    }
    let menor = curvas.iter().filter_map(|c| c.us.first()).min()?;
    let mayor = curvas.iter().filter_map(|c| c.us.last()).max()?;
    let x = Escala::decadas(f64::from(*menor) / 1_000.0, f64::from(*mayor) / 1_000.0);
    let dibujar = |formato| dibujar(&curvas, &solicitantes, x, formato);
    Some(Grafico {
        archivo: "distribucion",
        titulo: "Qué parte de los préstamos se contestó en cada tiempo".to_owned(),
        alternativo: format!(
            "Función de distribución empírica del tiempo de respuesta de un préstamo, diseño de {}, con {} solicitantes por \
             sede. La mitad se contestó en {} o menos según la configuración.",
            diseno(principal),
            lista(&solicitantes),
            resumenes
                .0
                .iter()
                .filter(|r| r.configuracion.diseno == principal)
                .filter_map(|r| Some(formato::duracion(r.prestamos?.p50)))
                .collect::<Vec<_>>()
                .join(", "),
        ),
        pie:
            "Distribución empírica (ECDF) de todos los préstamos contestados, los de todas las repeticiones juntos. La \
              escala del tiempo es logarítmica; la vertical va de 0 a 100 %."
                .to_owned(),
        ancho: dibujar(Formato::Ancho),
        estrecho: dibujar(Formato::Estrecho),
    })
}

fn dibujar(curvas: &[Curva], solicitantes: &[u16], x: Escala, formato: Formato) -> Lienzo {
    let nombres: Vec<String> = solicitantes.iter().map(|s| format!("{s} por sede")).collect();
    let entradas: Vec<_> =
        nombres.iter().enumerate().map(|(i, nombre)| (Figura::Trazo, clase(i), nombre.as_str())).collect();
    let (leyenda, alto) = leyenda(&entradas, formato.ancho());
    let fallos: Vec<FalloInducido> =
        [FalloInducido::No, FalloInducido::Si].into_iter().filter(|f| curvas.iter().any(|c| c.fallo == *f)).collect();
    let a_lo_ancho = formato == Formato::Ancho && fallos.len() == 2;
    let mut cuerpo = vec![leyenda];
    let (mut arriba, mut abajo) = (alto + 36.0, 0.0);
    for (i, fallo) in fallos.iter().enumerate() {
        let (izquierda, derecha) = match (a_lo_ancho, i) {
            (true, 0) => (46.0, 338.0),
            (true, _) => (406.0, formato.ancho() - 22.0),
            _ => (46.0, formato.ancho() - 22.0),
        };
        abajo = arriba + if a_lo_ancho { 220.0 } else { 170.0 };
        let ejes = Ejes {
            sangria: 46.0,
            izquierda,
            derecha,
            arriba,
            abajo,
            x,
            y: Escala::Lineal { desde: 0.0, hasta: 100.0 },
        };
        cuerpo.push(panel(&ejes, *fallo, curvas));
        if !a_lo_ancho {
            arriba = abajo + 78.0;
        }
    }
    Lienzo { alto: abajo + 46.0, cuerpo: html! { @for parte in cuerpo { (parte) } } }
}

fn panel(ejes: &Ejes, fallo: FalloInducido, curvas: &[Curva]) -> Markup {
    let valores = ejes.x.marcas(9);
    let textos = formato::marcas(&valores, false);
    let marcas: Vec<_> = valores.into_iter().zip(textos).collect();
    html! {
        (ejes.verticales(&format!("{}: préstamos, %", formato::fallo(fallo)), 14.0, 5))
        @for curva in curvas.iter().filter(|c| c.fallo == fallo) {
            path class=(clase(curva.orden)) d=(camino(ejes, &curva.us)) {
                title { (curva.solicitantes) " solicitantes por sede, " (formato::fallo(fallo)) }
            }
        }
        (ejes.horizontales("milisegundos (escala logarítmica)", &marcas))
    }
}

/// La función, de izquierda a derecha; los tramos llanos se abrevian.
fn camino(ejes: &Ejes, us: &[u32]) -> String {
    let mut camino = String::new();
    let mut ultima = None;
    let mut x = ejes.izquierda;
    while x <= ejes.derecha {
        let valor_us = ejes.x.valor((x - ejes.izquierda) / (ejes.derecha - ejes.izquierda)) * 1_000.0;
        let parte = real(us.partition_point(|u| f64::from(*u) <= valor_us)) / real(us.len());
        let y = n(ejes.py(100.0 * parte));
        if ultima.as_deref() != Some(y.as_str()) || x + PASO > ejes.derecha {
            let orden = if camino.is_empty() { 'M' } else { 'L' };
            let llano = ultima.as_ref().filter(|u| **u != y && orden == 'L');
            if let Some(antes) = llano {
                let _ = write!(camino, "L{} {antes}", n(x - PASO));
            }
            let _ = write!(camino, "{orden}{} {y}", n(x));
            ultima = Some(y);
        }
        x += PASO;
    }
    camino
}

fn clase(orden: usize) -> String {
    format!("linea s{} g{}", COLORES[orden % COLORES.len()], orden % 4)
}
