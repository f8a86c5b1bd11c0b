//! Decide qué dice `informe.html` y en qué orden: la respuesta primero, después los números, los gráficos y sus límites.
//!
//! Es un archivo solo, sin nada de fuera y sin guiones. Todo lo que sale de los datos pasa por `maud`, que lo escapa.

mod texto;

use juicio::estadistica::muestras::{Repetido, Tiempos};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{
    dibujo::{Formato, Grafico},
    formato::{NADA, diseno, duracion, entero, fallo, lista, mas_menos, ms, por_ciento},
    graficos::Graficos,
    resumen::{Resumen, Resumenes},
    tablas::{fecha, medido_en, nucleos},
};
use crate::{
    ficha::Ficha,
    resultados::{Diseno, FalloInducido},
};

const ESTILO: &str = include_str!("pagina.css");
const TITULO: &str = "Cuánto tarda un préstamo, y qué pasa si muere el almacén";

/// La página.
pub fn de(ficha: &Ficha, resumenes: &Resumenes, graficos: &Graficos) -> String {
    let estilo = format!("{ESTILO}{}", super::estilo());
    let pagina = html! {
        (DOCTYPE)
        html lang="es" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (TITULO) " · Anaquel" }
                style { (PreEscaped(estilo)) }
            }
            body {
                (cabecera(ficha, resumenes))
                main {
                    (seccion_de_configuraciones(resumenes))
                    (seccion_de_tiempos(graficos))
                    (seccion_del_fallo(graficos))
                    (seccion_de_disenos(resumenes, graficos))
                    (seccion_de_limites(ficha))
                    (seccion_de_maquina(ficha))
                }
                footer { p {
                    "Junto a esta página: " code { "resultados.csv" } " (una fila por solicitud), " code { "resumen.csv" }
                    " y " code { "resumen.md" } " (los números de las tablas y cómo se calculan), y cada gráfico en SVG y PNG."
                } }
            }
        }
    };
    pagina.into_string()
}

fn cabecera(ficha: &Ficha, resumenes: &Resumenes) -> Markup {
    let total: u64 = resumenes.0.iter().map(|r| r.solicitudes).sum();
    let tandas: usize = resumenes.0.iter().map(|r| r.repeticiones).sum();
    html! {
        header {
            p class="antetitulo" { "Anaquel · experimento de clase · " (fecha(ficha)) }
            h1 { (TITULO) }
            @if ficha.interrumpido {
                p class="aviso" role="note" {
                    "El experimento se interrumpió: están enteras " (ficha.hechas()) " ejecuciones de "
                    (ficha.ejecuciones.len()) ". Los números son de lo que se midió."
                }
            }
            p class="respuesta" { (texto::respuesta(resumenes)) }
            (cifras(resumenes))
            p class="antetitulo" style="margin-top:1rem" {
                (entero_de(total)) " solicitudes en " (tandas) " ejecuciones de " (ficha.condiciones.segundos) " s, en una máquina de "
                (nucleos(ficha))
            }
        }
    }
}

/// Tres números, los de la configuración que más pide.
fn cifras(resumenes: &Resumenes) -> Markup {
    let Some((sin, con)) = texto::extremas(resumenes) else { return html! {} };
    let tiempos = sin.and_then(|r| r.prestamos);
    let hueco = con.and_then(|r| r.huecos_ms.as_ref());
    let parte = sin.zip(con).map(|(sin, con)| por_ciento(con.contestadas.media, sin.contestadas.media));
    html! {
        dl class="cifras" {
            @if let Some(t) = tiempos {
                div { dt { "La mitad de los préstamos, sin fallo" } dd { (duracion(t.p50)) small { "99 de cada 100, en " (duracion(t.p99)) } } }
            }
            @if let Some(h) = hueco {
                div { dt { "Silencio al morir el almacén en uso" } dd { (duracion(h.media)) small { (peor_de(h)) } } }
            }
            @if let Some(parte) = parte {
                div { dt { "Contestadas con fallo, de las de sin fallo" } dd { (parte) small { "en la misma ventana" } } }
            }
        }
    }
}

fn peor_de(h: &Repetido) -> String {
    match h.valores.len() {
        1 => "una sola repetición".to_owned(),
        n => format!("media de {n} repeticiones; la peor, {}", duracion(h.mayor())),
    }
}

/// Una fila de una tabla: su encabezado y cada celda, con lo que va en pequeño.
type Fila = (String, Vec<(String, Option<String>)>);

/// Una tabla que en un teléfono se lee como fichas: cada celda lleva el nombre de su columna. Los papeles se dicen porque
/// al cambiar cómo se muestra una tabla hay navegadores que dejan de anunciarla.
fn tabla(titulo: &str, columnas: &[&str], filas: &[Fila]) -> Markup {
    html! {
        table role="table" {
            caption { (titulo) }
            thead role="rowgroup" { tr role="row" {
                @for columna in columnas { th scope="col" role="columnheader" { (columna) } }
            } }
            tbody role="rowgroup" {
                @for (encabezado, celdas) in filas {
                    tr role="row" {
                        th scope="row" role="rowheader" { (encabezado) }
                        @for ((valor, nota), columna) in celdas.iter().zip(&columnas[1..]) {
                            td role="cell" data-rotulo=(columna) { (valor) @if let Some(nota) = nota { small { (nota) } } }
                        }
                    }
                }
            }
        }
    }
}

fn seccion_de_configuraciones(resumenes: &Resumenes) -> Markup {
    let Some(principal) = resumenes.disenos().first().copied() else { return html! {} };
    let filas: Vec<Fila> =
        resumenes.0.iter().filter(|r| r.configuracion.diseno == principal).map(fila_de_configuracion).collect();
    let repeticiones = resumenes.de_un_diseno(principal, FalloInducido::No).map(|r| r.repeticiones).max().unwrap_or(0);
    html! {
        section {
            h2 { "Cada configuración, en números" }
            p {
                "Diseño de " (diseno(principal)) ", con " (lista(&resumenes.solicitantes(principal)))
                " procesos solicitantes en cada una de las dos sedes"
                @if repeticiones > 1 { " y " (repeticiones) " repeticiones de cada configuración" }
                ". «Con fallo» quiere decir que en mitad de la ventana se mata con kill -9 al gestor de almacenamiento en uso."
            }
            (tabla(
                "Préstamos en milisegundos; bajo la media y bajo las contestadas, el intervalo de confianza del 95 %.",
                &["Por sede", "Media", "Desv. típica", "p50", "p95", "p99", "Máx.", "Contestadas", "Silencio al morir", "Con error"],
                &filas,
            ))
        }
    }
}

fn fila_de_configuracion(r: &Resumen) -> Fila {
    let de_tiempos = |cual: fn(&Tiempos) -> f64| (r.prestamos.as_ref().map_or(NADA.into(), |t| ms(cual(t))), None);
    let intervalo = |ic: Option<f64>, escribir| ic.map(|_| mas_menos(ic, escribir));
    let (media, _) = de_tiempos(|t| t.media);
    let celdas = vec![
        (media, intervalo(r.medias_ms.as_ref().and_then(|m| m.ic95), ms)),
        de_tiempos(|t| t.desviacion),
        de_tiempos(|t| t.p50),
        de_tiempos(|t| t.p95),
        de_tiempos(|t| t.p99),
        de_tiempos(|t| t.max),
        (entero(r.contestadas.media), intervalo(r.contestadas.ic95, entero)),
        hueco(r),
        con_error(r),
    ];
    (format!("{}, {}", r.configuracion.solicitantes, fallo(r.configuracion.fallo)), celdas)
}

/// Las que acabaron en error o inciertas y, en pequeño, las que cortó el cierre de la ventana.
fn con_error(r: &Resumen) -> (String, Option<String>) {
    let cortadas = (r.sin_respuesta > 0).then(|| format!("{} sin acabar", entero_de(r.sin_respuesta)));
    (entero_de(r.fallidas), cortadas)
}

/// El hueco de una configuración: su media y la peor; si alguna vez no se volvió, se dice.
fn hueco(r: &Resumen) -> (String, Option<String>) {
    let nota = match (&r.huecos_ms, r.sin_volver) {
        (_, 1..) => Some(format!("{} sin volver", r.sin_volver)),
        (Some(h), 0) if h.valores.len() > 1 => Some(format!("peor {}", duracion(h.mayor()))),
        _ => None,
    };
    (r.huecos_ms.as_ref().map_or(NADA.to_owned(), |h| duracion(h.media)), nota)
}

fn seccion_de_tiempos(graficos: &Graficos) -> Markup {
    html! {
        section {
            h2 { "Lo que tarda un préstamo" }
            (figura(graficos.respuesta.as_ref()))
            (figura(graficos.distribucion.as_ref()))
            (figura(graficos.contestadas.as_ref()))
        }
    }
}

fn seccion_del_fallo(graficos: &Graficos) -> Markup {
    html! { @if graficos.linea.is_some() {
        section {
            h2 { "El momento del fallo" }
            p {
                "El silencio que se ve es lo que tarda la suite en notar que el almacén ha muerto y en pasar al otro. Las \
                 solicitudes que estaban en camino no se pierden: esperan, y por eso son las más lentas."
            }
            (figura(graficos.linea.as_ref()))
        }
    } }
}

fn seccion_de_disenos(resumenes: &Resumenes, graficos: &Graficos) -> Markup {
    let disenos = resumenes.disenos();
    let Some(solicitantes) = resumenes.comunes().filter(|_| disenos.len() > 1) else { return html! {} };
    let filas: Vec<Fila> = disenos
        .iter()
        .flat_map(|d| [FalloInducido::No, FalloInducido::Si].map(|f| resumenes.cual(*d, solicitantes, f)))
        .flatten()
        .map(fila_de_diseno)
        .collect();
    html! {
        section {
            h2 { "Un diseño frente a otro" }
            ul { @for d in &disenos { li { strong { (diseno(*d)) } ": " (que_es(*d)) } } }
            (tabla(
                &format!("Con {solicitantes} solicitantes por sede. Préstamos en milisegundos."),
                &["Diseño", "Media", "p50", "p99", "Contestadas", "Pendientes", "Silencio al morir", "Con error", "Repeticiones"],
                &filas,
            ))
            p {
                "El silencio acaba con cualquier respuesta buena, también con una promesa. Con un almacén se contesta                  pendiente mientras no vuelve, y el silencio es corto aunque nada se decida: lo que tarda en volver se ve abajo."
            }
            (figura(graficos.disenos.as_ref()))
            (figura(graficos.lineas.as_ref()))
        }
    }
}

const fn que_es(diseno: Diseno) -> &'static str {
    match diseno {
        Diseno::DosAlmacenes => {
            "dos gestores de almacenamiento; si muere uno, se sigue con el otro. Los actores contestan en el acto."
        }
        Diseno::UnAlmacen => "un gestor de almacenamiento; si muere, lo que se pide queda pendiente hasta que vuelve.",
        Diseno::SinActores => {
            "nadie atiende los préstamos ni las devoluciones en el acto: se contestan pendiente, con la promesa ya en disco, y \
             se deciden cuando hay actores. Un tiempo de aquí es el de prometer, no el de prestar."
        }
    }
}

fn fila_de_diseno(r: &Resumen) -> Fila {
    let tiempo = |cual: fn(&Tiempos) -> f64| (r.prestamos.as_ref().map_or(NADA.into(), |t| ms(cual(t))), None);
    let (buenas, pendientes) = (r.decididas + r.pendientes, r.pendientes);
    let celdas = vec![
        tiempo(|t| t.media),
        tiempo(|t| t.p50),
        tiempo(|t| t.p99),
        (entero(r.contestadas.media), None),
        (por_ciento(real_de(pendientes), real_de(buenas)), None),
        hueco(r),
        con_error(r),
        (r.repeticiones.to_string(), None),
    ];
    (format!("{}, {}", diseno(r.configuracion.diseno), fallo(r.configuracion.fallo)), celdas)
}

fn seccion_de_limites(ficha: &Ficha) -> Markup {
    html! {
        section {
            h2 { "Qué significan estos números, y qué no" }
            ul { @for limite in texto::limites(ficha) { li { (limite) } } }
        }
    }
}

fn seccion_de_maquina(ficha: &Ficha) -> Markup {
    html! {
        section {
            h2 { "Dónde y con qué se midió" }
            dl class="ficha" { @for (nombre, valor) in medido_en(ficha) { dt { (nombre) } dd { (valor) } } }
        }
    }
}

/// Un gráfico con su título y su pie, para cada ancho de pantalla.
fn figura(grafico: Option<&Grafico>) -> Markup {
    html! { @if let Some(grafico) = grafico {
        figure id=(grafico.archivo) {
            h3 { (grafico.titulo) }
            (grafico.svg(Formato::Ancho, None))
            (grafico.svg(Formato::Estrecho, None))
            figcaption { (grafico.pie) }
        }
    } }
}

fn real_de(cuantas: u64) -> f64 {
    f64::from(u32::try_from(cuantas).unwrap_or(u32::MAX))
}

fn entero_de(cuantas: u64) -> String {
    entero(real_de(cuantas))
}
