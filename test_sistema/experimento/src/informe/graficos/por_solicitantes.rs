//! Decide los dos gráficos que van por número de solicitantes: lo que tarda un préstamo y lo que se contesta.

use juicio::estadistica::muestras::{Repetido, real};
use maud::{Markup, html};

use crate::{
    informe::{
        dibujo::{Ejes, Figura, Formato, Grafico, Lienzo, ancho_de, barra_de_error, figura, leyenda, n},
        escala::Escala,
        formato::{self, diseno, lista},
        resumen::{Resumen, Resumenes},
    },
    resultados::FalloInducido,
};

/// De qué va el gráfico.
struct Tema {
    eje: &'static str,
    escribir: fn(f64) -> String,
    de: fn(&Resumen) -> Option<&Repetido>,
    barras: bool,
}

/// Lo de una configuración: en qué columna va, si hubo fallo, y su número.
struct Dato<'a> {
    columna: usize,
    fallo: FalloInducido,
    repetido: &'a Repetido,
}

/// Lo que tarda un préstamo: la media con su intervalo, y la de cada repetición.
pub fn respuesta(resumenes: &Resumenes) -> Option<Grafico> {
    let tema = Tema {
        eje: "milisegundos hasta la respuesta (media)",
        escribir: formato::ms,
        de: |r| r.medias_ms.as_ref(),
        barras: false,
    };
    grafico(
        resumenes,
        &tema,
        "tiempo-de-respuesta",
        "Lo que tarda en contestarse un préstamo, según cuántos piden",
        "El punto grande es la media de las repeticiones; los pequeños, la media de cada una. La barra es el intervalo de \
         confianza del 95 % de la media (t de Student entre repeticiones); no la hay si solo hubo una. El eje empieza en cero.",
    )
}

/// Las peticiones contestadas en la ventana.
pub fn contestadas(resumenes: &Resumenes) -> Option<Grafico> {
    let tema = Tema {
        eje: "peticiones contestadas en la ventana",
        escribir: formato::entero,
        de: |r| Some(&r.contestadas),
        barras: true,
    };
    grafico(
        resumenes,
        &tema,
        "peticiones-contestadas",
        "Peticiones contestadas en la ventana, según cuántos piden",
        "Cuenta toda respuesta buena (aplicada, rechazada o pendiente) de las dos sedes. La altura es la media de las \
         repeticiones; la barra fina, el intervalo de confianza del 95 %. El eje empieza en cero.",
    )
}

fn grafico(r: &Resumenes, tema: &Tema, archivo: &'static str, titulo: &str, pie: &str) -> Option<Grafico> {
    let principal = *r.disenos().first()?;
    let columnas = r.solicitantes(principal);
    let mut datos = Vec::new();
    for (columna, solicitantes) in columnas.iter().enumerate() {
        for fallo in [FalloInducido::No, FalloInducido::Si] {
            let repetido = r.cual(principal, *solicitantes, fallo).and_then(tema.de);
            datos.extend(repetido.map(|repetido| Dato { columna, fallo, repetido }));
        }
    }
    if datos.is_empty() {
        return None;
    }
    let dichos: Vec<String> = datos
        .iter()
        .map(|d| {
            let media = (tema.escribir)(d.repetido.media);
            format!("con {} por sede, {}: {media}", columnas[d.columna], formato::fallo(d.fallo))
        })
        .collect();
    Some(Grafico {
        archivo,
        titulo: titulo.to_owned(),
        alternativo: format!(
            "{titulo}. Diseño de {}, {} solicitantes por sede. En {}: {}.",
            diseno(principal),
            lista(&columnas),
            tema.eje,
            dichos.join("; ")
        ),
        pie: pie.to_owned(),
        ancho: dibujar(tema, &columnas, &datos, Formato::Ancho),
        estrecho: dibujar(tema, &columnas, &datos, Formato::Estrecho),
    })
}

fn dibujar(tema: &Tema, columnas: &[u16], datos: &[Dato<'_>], formato: Formato) -> Lienzo {
    let tope = datos.iter().map(|d| d.repetido.tope()).fold(0.0, f64::max);
    let entradas: Vec<_> = [FalloInducido::No, FalloInducido::Si]
        .into_iter()
        .filter(|f| datos.iter().any(|d| d.fallo == *f))
        .map(|f| (if tema.barras { Figura::Cuadrado } else { forma(f) }, format!("r{}", color(f)), formato::fallo(f)))
        .collect();
    let (leyenda, alto) = leyenda(&entradas, formato.ancho());
    let arriba = alto + 36.0;
    let abajo = arriba + if formato == Formato::Ancho { 250.0 } else { 210.0 };
    let ejes = Ejes {
        sangria: 52.0,
        izquierda: 52.0,
        derecha: formato.ancho() - 4.0,
        arriba,
        abajo,
        x: Escala::Lineal { desde: -0.5, hasta: real(columnas.len()) - 0.5 },
        y: Escala::desde_cero(tope * 1.12),
    };
    let marcas: Vec<(f64, String)> =
        columnas.iter().enumerate().map(|(i, cuantos)| (real(i), cuantos.to_string())).collect();
    let cuerpo = html! {
        (leyenda)
        (ejes.verticales(tema.eje, 14.0, 6))
        @for dato in datos { (uno(tema, &ejes, dato, columnas.len())) }
        (ejes.horizontales("procesos solicitantes por sede", &marcas))
    };
    Lienzo { alto: abajo + 46.0, cuerpo }
}

fn uno(tema: &Tema, ejes: &Ejes, dato: &Dato<'_>, columnas: usize) -> Markup {
    let ranura = (ejes.derecha - ejes.izquierda) / real(columnas);
    let medio = (ranura * 0.21).min(48.0);
    let lado = if dato.fallo == FalloInducido::No { -1.0 } else { 1.0 };
    let (r, x) = (dato.repetido, ejes.px(real(dato.columna)) + lado * medio);
    let (lleno, trazo) =
        (format!("r{}", color(dato.fallo)), if tema.barras { "error" } else { clase_trazo(dato.fallo) });
    let etiqueta = (tema.escribir)(r.media);
    let cabe = ancho_de(&etiqueta) + 4.0 < 2.0 * medio;
    let grueso = medio * 1.7;
    let alto = r.valores.iter().copied().fold(r.media + r.ic95.unwrap_or(0.0), f64::max);
    html! {
        @if tema.barras {
            rect class=(lleno) x=(n(x - grueso / 2.0)) y=(n(ejes.py(r.media))) width=(n(grueso))
                height=(n(ejes.abajo - ejes.py(r.media))) {}
        }
        @if let Some(mitad) = r.ic95 { (barra_de_error(ejes, trazo, x, r.media, mitad)) }
        @if r.valores.len() > 1 && !tema.barras {
            @for (i, valor) in r.valores.iter().enumerate() {
                @let aparte = (real(i) - real(r.valores.len() - 1) / 2.0) * 5.0 - lado * 12.0;
                circle class=(clase_hueca(dato.fallo)) cx=(n(x + aparte))
                    cy=(n(ejes.py(*valor))) r="2" {}
            }
        }
        @if !tema.barras { (figura(forma(dato.fallo), &lleno, x, ejes.py(r.media), 4.5)) }
        @if cabe { text class="medio dato" x=(n(x)) y=(n(ejes.py(alto) - 8.0)) { (etiqueta) } }
    }
}

const fn color(fallo: FalloInducido) -> u8 {
    match fallo {
        FalloInducido::No => 0,
        FalloInducido::Si => 1,
    }
}

const fn clase_trazo(fallo: FalloInducido) -> &'static str {
    match fallo {
        FalloInducido::No => "s0 trazo",
        FalloInducido::Si => "s1 trazo",
    }
}

const fn clase_hueca(fallo: FalloInducido) -> &'static str {
    match fallo {
        FalloInducido::No => "s0 hueca",
        FalloInducido::Si => "s1 hueca",
    }
}

const fn forma(fallo: FalloInducido) -> Figura {
    match fallo {
        FalloInducido::No => Figura::Circulo,
        FalloInducido::Si => Figura::Rombo,
    }
}
