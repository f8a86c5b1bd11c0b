//! Decide con qué frases empieza y acaba la página: la respuesta, según lo que se midió, y sus límites.

use crate::{
    ficha::Ficha,
    informe::{
        formato::{diseno, duracion, ms, numero, por_ciento},
        resumen::{Resumen, Resumenes},
    },
    resultados::FalloInducido,
};

/// La configuración del diseño principal que más pide, sin fallo y con él, si las hay.
pub fn extremas(resumenes: &Resumenes) -> Option<(Option<&Resumen>, Option<&Resumen>)> {
    let principal = *resumenes.disenos().first()?;
    let solicitantes = *resumenes.solicitantes(principal).last()?;
    let cual = |fallo| resumenes.cual(principal, solicitantes, fallo);
    Some((cual(FalloInducido::No), cual(FalloInducido::Si)))
}

/// La respuesta a la pregunta del título.
pub fn respuesta(resumenes: &Resumenes) -> String {
    let Some((sin, con)) = extremas(resumenes) else { return String::new() };
    let Some(alguna) = sin.or(con) else { return String::new() };
    let c = alguna.configuracion;
    let quienes = format!("Con {} y {} procesos que piden en cada sede", diseno(c.diseno), c.solicitantes);
    let sin_fallo = sin.map(|r| format!(", un préstamo se contesta en {}.", media(r)));
    let mut frases = vec![quienes + &sin_fallo.unwrap_or(":".to_owned())];
    frases.extend(con.map(del_fallo));
    frases.join(" ")
}

fn media(r: &Resumen) -> String {
    let Some(tiempos) = r.prestamos else {
        return "un tiempo que no se pudo medir: no hubo préstamos contestados".to_owned();
    };
    let ic = r.medias_ms.as_ref().and_then(|m| m.ic95);
    let intervalo = ic.map_or(String::new(), |ic| format!(" (± {} con un 95 % de confianza)", ms(ic)));
    format!("{} de media{intervalo}", duracion(tiempos.media))
}

fn del_fallo(r: &Resumen) -> String {
    let hueco = match (&r.huecos_ms, r.sin_volver) {
        (_, n @ 1..) => format!("en {n} de {} ejecuciones nadie volvió a recibir respuesta", r.repeticiones),
        (Some(h), _) if h.valores.len() > 1 => {
            format!(
                "nadie recibe respuesta durante {} de media, {} en el peor caso",
                duracion(h.media),
                duracion(h.mayor())
            )
        }
        (Some(h), _) => format!("nadie recibe respuesta durante {}", duracion(h.media)),
        (None, _) => "no hubo con qué medir el silencio".to_owned(),
    };
    let despues = match r.fallidas {
        0 => "ninguna solicitud acaba en error".to_owned(),
        n => format!(
            "{} de cada cien solicitudes acaban en error o inciertas",
            numero(100.0 * real(n) / real(r.solicitudes), 2)
        ),
    };
    let prometidas = if r.pendientes == 0 {
        String::new()
    } else {
        format!(" (un {} queda prometida)", por_ciento(real(r.pendientes), real(r.solicitudes)))
    };
    format!("Si en mitad del trabajo muere el almacén en uso, {hueco}, y {despues}{prometidas}.")
}

fn real(cuantas: u64) -> f64 {
    f64::from(u32::try_from(cuantas).unwrap_or(u32::MAX))
}

/// Lo que hay que saber antes de citar un número de la página.
pub fn limites(ficha: &Ficha) -> Vec<String> {
    vec![
        format!(
            "Cada solicitante espera la respuesta y {} ms más, de media, antes de pedir otra vez. Mientras la suite calla, pide menos: el \
             silencio afecta a pocas solicitudes por proceso, y la media y los percentiles lo disimulan. Para el fallo, mire \
             el silencio y el máximo.",
            ficha.condiciones.pausa_ms
        ),
        "Las peticiones contestadas miden sobre todo cuánto se pidió (solicitantes, pausa y tiempo de respuesta), no cuánto \
         podría atender la suite. Para eso hay un banco aparte."
            .to_owned(),
        "El intervalo de confianza trata cada repetición como un dato. Con pocas repeticiones es ancho, y así debe ser; que \
         dos intervalos se solapen no prueba que dos configuraciones sean iguales."
            .to_owned(),
        "Todo corre en la misma máquina: los que piden, la suite y PostgreSQL comparten núcleos y disco. No hay red de por \
         medio, y lo que tarda un préstamo entre máquinas será otra cosa."
            .to_owned(),
        "El silencio mezcla lo que se tarda en notar la muerte con el azar de qué estaba en camino en ese instante; con pocas \
         solicitudes por segundo, parte de él es solo que nadie preguntaba."
            .to_owned(),
        "Los tiempos son de las respuestas buenas. Lo que acabó en error o incierto se cuenta aparte, y también lo que \
         cortó el cierre de la ventana («sin acabar»: como mucho, una solicitud de cada proceso); no entra en ninguna media."
            .to_owned(),
        "Vale para la máquina, las versiones y la semilla de abajo. Otra máquina dará otros números; lo que se espera que se \
         repita es la forma."
            .to_owned(),
    ]
}
