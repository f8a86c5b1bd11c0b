//! Decide los gráficos de las respuestas en el tiempo, alrededor de la muerte: cuántas cada décima y la más lenta.

use juicio::estadistica::muestras::real;
use maud::{Markup, html};
use test_sistema::solicitante::medida::Quedo;

use crate::{
    informe::{
        dibujo::{Ejes, Figura, Formato, Grafico, Lienzo, ancho_de, leyenda, n},
        escala::Escala,
        formato::{self, diseno},
        hueco::Hueco,
        muestras::{Muestras, Tanda},
        resumen::{Resumenes, hueco_de},
    },
    resultados::{Diseno, FalloInducido},
};

/// Lo que abarca cada cajón.
const CAJON_US: u32 = 100_000;
/// Lo que se ve antes y después de la muerte, en cajones.
const ANTES: u32 = 30;
const DESPUES: u32 = 70;

/// Lo contestado en una décima de segundo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cajon {
    decididas: u32,
    pendientes: u32,
    fallidas: u32,
    max_us: u32,
}

impl Cajon {
    fn total(self) -> u32 {
        self.decididas + self.pendientes + self.fallidas
    }
}

/// Los cajones alrededor de la muerte, que empieza uno.
fn cajones(tanda: &Tanda, muerte_us: u32) -> Vec<Cajon> {
    let mut cajones = vec![Cajon::default(); usize::try_from(ANTES + DESPUES).expect("son cien")];
    for r in &tanda.respuestas {
        let desde_el_primero = i64::from(r.cuando_us) - i64::from(muerte_us) + i64::from(ANTES * CAJON_US);
        let cual = usize::try_from(desde_el_primero.div_euclid(i64::from(CAJON_US))).ok();
        let Some(cajon) = cual.and_then(|i| cajones.get_mut(i)) else { continue };
        match r.quedo {
            Quedo::Aplicada | Quedo::Rechazada => cajon.decididas += 1,
            Quedo::Pendiente => cajon.pendientes += 1,
            Quedo::Error | Quedo::Incierta | Quedo::SinRespuesta => cajon.fallidas += 1,
        }
        cajon.max_us = cajon.max_us.max(r.tardo_us);
    }
    cajones
}

/// Una ejecución con muerte, lista para dibujarse.
struct Vista {
    nombre: String,
    cajones: Vec<Cajon>,
    /// Segundos desde la muerte en que empieza y acaba el hueco.
    hueco: Option<(f64, f64)>,
    /// Segundos desde la muerte en que empieza y acaba lo que se midió.
    medido: (f64, f64),
}

impl Vista {
    fn de(tanda: &Tanda, nombre: String) -> Option<Self> {
        let muerte_us = tanda.muerte_us?;
        let desde_la_muerte = |us: u32| (f64::from(us) - f64::from(muerte_us)) / 1e6;
        let ultima = tanda.respuestas.last().map_or(muerte_us, |r| r.cuando_us);
        Some(Self {
            nombre,
            cajones: cajones(tanda, muerte_us),
            hueco: hueco_de(tanda).map(|h: Hueco| (desde_la_muerte(h.desde_us), desde_la_muerte(h.hasta_us))),
            medido: (desde_la_muerte(0), desde_la_muerte(ultima)),
        })
    }

    fn hueco_ms(&self) -> Option<f64> {
        self.hueco.map(|(desde, hasta)| (hasta - desde) * 1_000.0)
    }

    /// Qué es lo gris, si se ve.
    fn fuera(&self) -> &'static str {
        if self.medido.1 < f64::from(DESPUES) / 10.0 - 0.2 { " Lo gris queda fuera de la ventana." } else { "" }
    }

    /// Lo que se cuenta de él en palabras.
    fn dicho(&self) -> String {
        let hueco = self.hueco_ms().map_or("nadie volvió a contestar".to_owned(), |ms| {
            format!("el mayor silencio fue de {}", formato::duracion(ms))
        });
        let antes = self.cajones.iter().take(usize::try_from(ANTES).unwrap_or(0));
        let por_segundo = antes.map(|c| f64::from(c.total())).sum::<f64>() / (f64::from(ANTES) / 10.0);
        format!("antes de la muerte, unas {} respuestas por segundo; {hueco}", formato::entero(por_segundo))
    }
}

/// La repetición con el hueco más largo del diseño principal, con los más que piden.
pub fn de_la_peor(muestras: &Muestras, resumenes: &Resumenes) -> Option<Grafico> {
    let principal = *resumenes.disenos().first()?;
    let solicitantes = *resumenes.solicitantes(principal).last()?;
    let tanda = peor(muestras, principal, solicitantes)?;
    let vista = Vista::de(tanda, String::new())?;
    let titulo = "Las respuestas mientras muere el almacén en uso".to_owned();
    Some(Grafico {
        archivo: "linea-de-tiempo",
        alternativo: format!(
            "{titulo}. Diseño de {}, {solicitantes} solicitantes por sede, repetición {}: {}.",
            diseno(principal),
            tanda.repeticion,
            vista.dicho()
        ),
        titulo,
        pie: format!(
            "Arriba, respuestas en cada décima de segundo; abajo, la que más había tardado de esa décima (escala \
             logarítmica). La línea discontinua es el kill -9; la banda, el mayor silencio. Es la repetición {} de {}, la del \
             hueco más largo, con {solicitantes} solicitantes por sede.{}",
            tanda.repeticion,
            resumenes.cual(principal, solicitantes, FalloInducido::Si).map_or(1, |r| r.repeticiones),
            vista.fuera(),
        ),
        ancho: con_lentitud(&vista, Formato::Ancho),
        estrecho: con_lentitud(&vista, Formato::Estrecho),
    })
}

/// Una ejecución con muerte de cada diseño, con el mismo número de solicitantes, en la misma escala.
pub fn de_cada_diseno(muestras: &Muestras, resumenes: &Resumenes) -> Option<Grafico> {
    let solicitantes = resumenes.comunes()?;
    let vistas: Vec<Vista> = resumenes
        .disenos()
        .into_iter()
        .filter_map(|d| Vista::de(peor(muestras, d, solicitantes)?, diseno(d).to_owned()))
        .collect();
    if vistas.len() < 2 {
        return None;
    }
    let titulo = "La misma muerte con cada diseño".to_owned();
    let dichos: Vec<String> = vistas.iter().map(|v| format!("{}: {}", v.nombre, v.dicho())).collect();
    Some(Grafico {
        archivo: "linea-de-tiempo-por-diseno",
        alternativo: format!("{titulo}, {solicitantes} solicitantes por sede. {}.", dichos.join(". ")),
        titulo,
        pie: format!(
            "Respuestas en cada décima de segundo, en la misma escala, con {solicitantes} solicitantes por sede; de cada \
             diseño, la repetición del hueco más largo. «Decididas» son las aplicadas y las rechazadas; «pendientes», las \
             prometidas, que se deciden después.{}",
            vistas.iter().map(Vista::fuera).max().unwrap_or("")
        ),
        ancho: apilados(&vistas, Formato::Ancho),
        estrecho: apilados(&vistas, Formato::Estrecho),
    })
}

/// La ejecución en que el hueco fue más largo; no volver es lo más largo.
fn peor(muestras: &Muestras, diseno: Diseno, solicitantes: u16) -> Option<&Tanda> {
    let suyas = muestras.tandas.values().filter(|t| {
        t.configuracion.diseno == diseno && t.configuracion.solicitantes == solicitantes && t.muerte_us.is_some()
    });
    suyas.max_by_key(|t| hueco_de(t).map_or(u32::MAX, |h| h.hasta_us - h.desde_us))
}

fn con_lentitud(vista: &Vista, formato: Formato) -> Lienzo {
    let (leyenda, alto) = leyenda(&entradas(std::slice::from_ref(vista)), formato.ancho());
    let cuantas = ejes(formato, alto + 56.0, 130.0, en_total(std::slice::from_ref(vista)));
    let con_algo = || vista.cajones.iter().map(|c| c.max_us).filter(|us| *us > 0);
    let ms = |us: Option<u32>, si_no: f64| us.map_or(si_no, |us| f64::from(us) / 1_000.0);
    let lento = Escala::decadas(ms(con_algo().min(), 1.0), ms(con_algo().max(), 1_000.0));
    let lentas = Ejes { y: lento, ..ejes(formato, cuantas.abajo + 52.0, 120.0, 1.0) };
    let cuerpo = html! {
        (leyenda)
        (cuantas.verticales("respuestas cada 0,1 s", 30.0, 4))
        (banda(&cuantas, vista, true))
        (barras(&cuantas, vista))
        (suceso(&cuantas, true))
        (cuantas.horizontales("", &[]))
        (lentas.verticales("la más lenta, ms (escala logarítmica)", 14.0, 7))
        (banda(&lentas, vista, false))
        @for (i, cajon) in vista.cajones.iter().enumerate().filter(|(_, c)| c.max_us > 0) {
            circle class="r0" cx=(n(lentas.px(segundo(i) + 0.05))) cy=(n(lentas.py(f64::from(cajon.max_us) / 1_000.0))) r="2.2" {}
        }
        (suceso(&lentas, false))
        (lentas.horizontales("segundos desde la muerte", &marcas()))
    };
    Lienzo { alto: lentas.abajo + 46.0, cuerpo }
}

fn apilados(vistas: &[Vista], formato: Formato) -> Lienzo {
    let (leyenda, alto) = leyenda(&entradas(vistas), formato.ancho());
    let tope = en_total(vistas);
    let mut cuerpo = vec![leyenda];
    let (mut arriba, mut abajo) = (alto + 56.0, 0.0);
    for (i, vista) in vistas.iter().enumerate() {
        let ejes = ejes(formato, arriba, 96.0, tope);
        let ultimo = i + 1 == vistas.len();
        let nombre = format!("{}: respuestas cada 0,1 s", vista.nombre);
        let (titulo, marcas) = if ultimo { ("segundos desde la muerte", marcas()) } else { ("", Vec::new()) };
        cuerpo.push(html! {
            (ejes.verticales(&nombre, 30.0, 3))
            (banda(&ejes, vista, true))
            (barras(&ejes, vista))
            (suceso(&ejes, true))
            (ejes.horizontales(titulo, &marcas))
        });
        abajo = ejes.abajo;
        arriba = abajo + 66.0;
    }
    Lienzo { alto: abajo + 46.0, cuerpo: html! { @for parte in cuerpo { (parte) } } }
}

fn ejes(formato: Formato, arriba: f64, alto: f64, tope: f64) -> Ejes {
    let x = Escala::Lineal { desde: segundo(0), hasta: f64::from(DESPUES) / 10.0 };
    let (derecha, abajo) = (formato.ancho() - 8.0, arriba + alto);
    Ejes { sangria: 46.0, izquierda: 46.0, derecha, arriba, abajo, x, y: Escala::desde_cero(tope) }
}

const MARCAS: [f64; 5] = [-2.0, 0.0, 2.0, 4.0, 6.0];

fn marcas() -> Vec<(f64, String)> {
    MARCAS.into_iter().map(|v| (v, formato::numero(v, 0))).collect()
}

/// El segundo desde la muerte en que empieza un cajón.
fn segundo(cajon: usize) -> f64 {
    (real(cajon) - f64::from(ANTES)) / 10.0
}

fn en_total(vistas: &[Vista]) -> f64 {
    f64::from(vistas.iter().flat_map(|v| &v.cajones).map(|c| c.total()).max().unwrap_or(1))
}

/// Solo lo que se ve en alguno.
fn entradas(vistas: &[Vista]) -> Vec<(Figura, String, &'static str)> {
    let hay = |cual: fn(&Cajon) -> u32| vistas.iter().flat_map(|v| &v.cajones).any(|c| cual(c) > 0);
    [
        (hay(|c| c.decididas), "r0", "decididas"),
        (hay(|c| c.pendientes), "r3", "pendientes"),
        (hay(|c| c.fallidas), "r4", "con error"),
    ]
    .into_iter()
    .filter(|(hay, ..)| *hay)
    .map(|(_, clase, nombre)| (Figura::Cuadrado, clase.to_owned(), nombre))
    .collect()
}

/// De dónde a dónde va un color en la barra de un cajón.
type Capa = fn(&Cajon) -> (u32, u32);

/// Un camino por color, de abajo arriba: decididas, pendientes, con error.
fn barras(ejes: &Ejes, vista: &Vista) -> Markup {
    let capas: [(&str, Capa); 3] = [
        ("r0", |c| (0, c.decididas)),
        ("r3", |c| (c.decididas, c.decididas + c.pendientes)),
        ("r4", |c| (c.decididas + c.pendientes, c.total())),
    ];
    html! {
        @for (clase, capa) in capas {
            @let camino = camino(ejes, vista, capa);
            @if !camino.is_empty() { path class=(clase) d=(camino) {} }
        }
    }
}

fn camino(ejes: &Ejes, vista: &Vista, capa: Capa) -> String {
    let rectangulo = |(i, cajon): (usize, &Cajon)| {
        let (desde, hasta) = capa(cajon);
        let (x0, x1) = (ejes.px(segundo(i)), ejes.px(segundo(i + 1)) - 0.4);
        let (y0, y1) = (ejes.py(f64::from(desde)), ejes.py(f64::from(hasta)));
        (hasta > desde).then(|| format!("M{} {}H{}V{}H{}z", n(x0), n(y0), n(x1), n(y1), n(x0)))
    };
    vista.cajones.iter().enumerate().filter_map(rectangulo).collect()
}

/// El silencio y, fuera de lo medido, nada que ver.
fn banda(ejes: &Ejes, vista: &Vista, con_texto: bool) -> Markup {
    let fuera = [(segundo(0), vista.medido.0), (vista.medido.1, f64::from(DESPUES) / 10.0)];
    html! {
        @for (desde, hasta) in fuera.into_iter().filter(|(desde, hasta)| hasta - desde > 0.2) {
            rect class="fuera" x=(n(ejes.px(desde))) y=(n(ejes.arriba)) width=(n(ejes.px(hasta) - ejes.px(desde)))
                height=(n(ejes.abajo - ejes.arriba)) {}
        }
        @if let Some((desde, hasta)) = vista.hueco {
            rect class="silencio" x=(n(ejes.px(desde))) y=(n(ejes.arriba)) width=(n((ejes.px(hasta) - ejes.px(desde)).max(1.0)))
                height=(n(ejes.abajo - ejes.arriba)) {}
        }
        @if con_texto {
            @let texto = vista.hueco_ms().map_or("sin volver".to_owned(), |ms| format!("silencio: {}", formato::duracion(ms)));
            text x=(n((ejes.px(0.0) + 6.0).min(ejes.derecha - ancho_de(&texto)))) y=(n(ejes.arriba - 8.0)) { (texto) }
        }
    }
}

/// La muerte.
fn suceso(ejes: &Ejes, con_texto: bool) -> Markup {
    html! {
        line class="muerte" x1=(n(ejes.px(0.0))) x2=(n(ejes.px(0.0))) y1=(n(ejes.arriba - if con_texto { 18.0 } else { 0.0 })) y2=(n(ejes.abajo)) {}
        @if con_texto { text class="fin" x=(n(ejes.px(0.0) - 6.0)) y=(n(ejes.arriba - 8.0)) { "kill -9" } }
    }
}
