//! Decide la forma de `resumen.csv` (para un programa: punto decimal) y de `resumen.md` (para una persona: coma).

use std::fmt::Write as _;

use chrono::Datelike as _;
use juicio::estadistica::muestras::{Repetido, real};

use super::{
    formato::{NADA, diseno, fallo, numero},
    resumen::{Resumen, Resumenes},
};
use crate::{ficha::Ficha, resultados::FalloInducido};

/// Una columna de los resúmenes: su nombre en el CSV, su título en el Markdown, sus decimales y de dónde sale.
struct Columna {
    csv: &'static str,
    md: &'static str,
    decimales: usize,
    de: fn(&Resumen) -> Option<f64>,
}

const fn columna(csv: &'static str, md: &'static str, decimales: usize, de: fn(&Resumen) -> Option<f64>) -> Columna {
    Columna { csv, md, decimales, de }
}

/// De cada configuración, los préstamos.
const DE_LOS_PRESTAMOS: [Columna; 8] = [
    columna("prestamos", "préstamos", 0, |r| Some(r.prestamos.map_or(0.0, |t| real(t.cuantas)))),
    columna("prestamo_media_ms", "media, ms", 3, |r| Some(r.prestamos?.media)),
    columna("prestamo_desviacion_ms", "desv. típica, ms", 3, |r| Some(r.prestamos?.desviacion)),
    columna("prestamo_p50_ms", "p50, ms", 3, |r| Some(r.prestamos?.p50)),
    columna("prestamo_p95_ms", "p95, ms", 3, |r| Some(r.prestamos?.p95)),
    columna("prestamo_p99_ms", "p99, ms", 3, |r| Some(r.prestamos?.p99)),
    columna("prestamo_max_ms", "máx., ms", 3, |r| Some(r.prestamos?.max)),
    columna("prestamo_media_ic95_ms", "IC 95 % de la media, ± ms", 3, |r| r.medias_ms.as_ref()?.ic95),
];

/// De cada configuración, lo demás.
const DE_LO_DEMAS: [Columna; 13] = [
    columna("contestadas_media", "contestadas por ventana", 1, |r| Some(r.contestadas.media)),
    columna("contestadas_desviacion", "desv. típica", 1, |r| r.contestadas.desviacion),
    columna("contestadas_ic95", "IC 95 %, ±", 1, |r| r.contestadas.ic95),
    columna("hueco_media_ms", "hueco al morir, ms", 3, |r| Some(r.huecos_ms.as_ref()?.media)),
    columna("hueco_desviacion_ms", "desv. típica, ms", 3, |r| r.huecos_ms.as_ref()?.desviacion),
    columna("hueco_ic95_ms", "IC 95 %, ± ms", 3, |r| r.huecos_ms.as_ref()?.ic95),
    columna("hueco_max_ms", "el mayor, ms", 3, |r| r.huecos_ms.as_ref().map(Repetido::mayor)),
    columna("sin_volver", "sin volver", 0, |r| Some(real(r.sin_volver))),
    columna("mayor_silencio_ms", "mayor silencio de toda la ventana, ms", 3, |r| r.mayor_silencio_ms),
    columna("decididas", "decididas", 0, |r| Some(cuenta(r.decididas))),
    columna("pendientes", "pendientes", 0, |r| Some(cuenta(r.pendientes))),
    columna("fallidas", "con error o inciertas", 0, |r| Some(cuenta(r.fallidas))),
    columna("sin_respuesta", "sin respuesta al cerrarse la ventana", 0, |r| Some(cuenta(r.sin_respuesta))),
];

fn cuenta(cuantas: u64) -> f64 {
    f64::from(u32::try_from(cuantas).unwrap_or(u32::MAX))
}

/// Los resúmenes, una línea por configuración.
pub fn csv(resumenes: &Resumenes) -> String {
    let columnas = || DE_LOS_PRESTAMOS.iter().chain(&DE_LO_DEMAS);
    let mut texto = "diseno,solicitantes,fallo,repeticiones".to_owned();
    for c in columnas() {
        let _ = write!(texto, ",{}", c.csv);
    }
    for r in &resumenes.0 {
        let con_fallo = if r.configuracion.fallo == FalloInducido::Si { "si" } else { "no" };
        let (diseno, solicitantes) = (r.configuracion.diseno.as_str(), r.configuracion.solicitantes);
        let _ = write!(texto, "\n{diseno},{solicitantes},{con_fallo},{}", r.repeticiones);
        for c in columnas() {
            let valor = (c.de)(r).map_or(String::new(), |v| format!("{v:.*}", c.decimales));
            let _ = write!(texto, ",{valor}");
        }
    }
    texto + "\n"
}

/// Lo mismo en dos tablas, con dónde y cómo se midió.
pub fn markdown(ficha: &Ficha, resumenes: &Resumenes) -> String {
    let mut texto = "# Resumen del experimento\n\n".to_owned();
    if ficha.interrumpido {
        texto += "**Se interrumpió: faltan ejecuciones, y alguna puede estar incompleta.**\n\n";
    }
    for (nombre, valor) in medido_en(ficha) {
        let _ = writeln!(texto, "- {nombre}: {}", sin_marcas(&valor));
    }
    texto += "\n## Lo que tarda en contestarse un préstamo\n\n";
    tabla(&mut texto, &DE_LOS_PRESTAMOS, resumenes);
    texto += "\n## Lo contestado, y el hueco cuando muere el almacén en uso\n\n";
    tabla(&mut texto, &DE_LO_DEMAS, resumenes);
    texto + "\n" + COMO_SE_CALCULA
}

/// Cómo se calcula cada número, para quien lo quiera repetir.
const COMO_SE_CALCULA: &str = "\
## Cómo se calcula

Todo sale de `resultados.csv`. Una respuesta es buena si es aplicada, rechazada o pendiente.

- Tiempos: los de los préstamos con respuesta buena, de todas las repeticiones juntas, entre el envío y la respuesta. La \
desviación típica divide entre n − 1. El percentil p es el valor que ocupa el lugar ⌈n·p/100⌉ de la lista ordenada.
- Intervalos de confianza del 95 %: de la media entre repeticiones, t·s/√n con la t de Student de n − 1 grados, donde cada \
repetición es un dato. Con una repetición no lo hay. Las solicitudes de una misma ejecución no son independientes, y su \
número no estrecha el intervalo.
- Contestadas: las respuestas buenas de cualquier operación en una ejecución; la media, entre repeticiones.
- Hueco al morir: el mayor tiempo entre dos respuestas buenas seguidas, de cualquier solicitante, de los que acaban después \
de la muerte y empiezan antes de que pasen 5 s desde ella. Si después no hubo respuesta buena no hay hueco, y la ejecución \
cuenta en «sin volver».
- Mayor silencio: lo mismo en cualquier momento de cualquier repetición, haya muerte o no.
";

/// Dónde, con qué y cómo se midió, en pares de nombre y valor.
pub fn medido_en(ficha: &Ficha) -> Vec<(String, String)> {
    let maquina = &ficha.maquina;
    let memoria = numero(f64::from(u32::try_from(maquina.memoria_mib).unwrap_or(u32::MAX)) / 1_024.0, 1);
    let mut pares: Vec<(String, String)> = [
        ("Fecha", fecha(ficha)),
        ("Procesador", format!("{} ({})", maquina.procesador, nucleos(ficha))),
        ("Memoria", format!("{memoria} GiB")),
        ("Sistema", format!("Linux {}", maquina.sistema)),
    ]
    .map(|(nombre, valor)| (nombre.to_owned(), valor))
    .to_vec();
    pares.extend(ficha.biblioteca.as_ref().map(|b| {
        let prestados: Vec<String> = b.prestados.iter().map(|(sede, cuantos)| format!("{cuantos} en {sede}")).collect();
        let texto = format!("{} libros, con préstamos abiertos: {}", b.libros, prestados.join(" y "));
        ("Biblioteca al empezar".to_owned(), texto)
    }));
    pares.extend(ficha.versiones.iter().map(|(nombre, version)| (format!("Versión de {nombre}"), version.clone())));
    pares.extend(
        [
            ("Semilla de las peticiones", ficha.condiciones.semilla.to_string()),
            ("Ventana de cada ejecución", format!("{} s", ficha.condiciones.segundos)),
            ("Pausa media entre una respuesta y la petición siguiente", format!("{} ms", ficha.condiciones.pausa_ms)),
            ("De cada cien peticiones: préstamos, devoluciones, renovaciones", ficha.condiciones.mezcla.clone()),
        ]
        .map(|(nombre, valor)| (nombre.to_owned(), valor)),
    );
    pares
}

/// Los núcleos de la máquina, en palabras.
pub fn nucleos(ficha: &Ficha) -> String {
    match ficha.maquina.nucleos {
        1 => "un núcleo".to_owned(),
        n => format!("{n} núcleos"),
    }
}

/// Cuándo empezó, para una persona: «21 de noviembre de 2026, 20:36 UTC».
pub fn fecha(ficha: &Ficha) -> String {
    const MESES: [&str; 12] = [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ];
    let mes = MESES[usize::try_from(ficha.fecha.month0()).expect("es menor que 12")];
    format!("{} de {mes} de {}", ficha.fecha.day(), ficha.fecha.format("%Y, %H:%M UTC"))
}

fn tabla(texto: &mut String, columnas: &[Columna], resumenes: &Resumenes) {
    *texto += "| diseño | solicitantes por sede | fallo | repeticiones |";
    for c in columnas {
        let _ = write!(texto, " {} |", c.md);
    }
    *texto += "\n|---|--:|---|--:|";
    *texto += &"--:|".repeat(columnas.len());
    for r in &resumenes.0 {
        let c = r.configuracion;
        let _ = write!(texto, "\n| {} | {} | {} |", diseno(c.diseno), c.solicitantes, fallo(c.fallo));
        let _ = write!(texto, " {} |", r.repeticiones);
        for c in columnas {
            let valor = (c.de)(r).map_or(NADA.to_owned(), |v| numero(v, c.decimales.min(2)));
            let _ = write!(texto, " {valor} |");
        }
    }
    *texto += "\n";
}

/// Un texto de fuera, en una línea y sin nada que Markdown entienda.
fn sin_marcas(texto: &str) -> String {
    let mut limpio = String::new();
    for c in texto.chars() {
        if "\\`*_[]<>|#&".contains(c) {
            limpio.push('\\');
        }
        limpio.push(if c.is_control() { ' ' } else { c });
    }
    limpio
}

#[cfg(test)]
mod tests {
    use super::sin_marcas;

    #[test]
    fn lo_que_viene_de_fuera_no_se_vuelve_formato() {
        assert_eq!(sin_marcas("a|b\n<i>*"), "a\\|b \\<i\\>\\*");
    }
}
