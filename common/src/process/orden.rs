//! La línea de órdenes de cada programa, en español: la ayuda, y la queja de lo mal escrito en una línea.
//!
//! `clap` interpreta; aquí se le quita el inglés que pone por su cuenta.

use std::process::ExitCode;

use clap::{
    Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::salud;

/// Estado de salida de una orden o un ajuste mal escritos.
pub const MAL_ESCRITO: u8 = 2;

const PLANTILLA: &str = "{about-with-newline}\nUso: {usage}\n\n{all-args}{after-help}\n";
const OPCIONES: &str = "Opciones";
const ARGUMENTOS: &str = "Qué hay que decir";

/// Lee la línea de órdenes de este proceso.
///
/// # Errors
/// El estado con que hay que salir, ya mostrada la ayuda (0) o la queja ([`MAL_ESCRITO`]).
pub fn leer<T: CommandFactory + FromArgMatches>() -> Result<T, ExitCode> {
    leer_con(T::command(), |hallado| T::from_arg_matches(hallado))
}

/// Lee la línea de un servicio que no admite más orden que `salud`; devuelve si es la que se dio.
pub fn leer_si_salud(orden: Command) -> Result<bool, ExitCode> {
    leer_con(orden.subcommand(salud::orden()), |hallado| Ok(hallado.subcommand_name() == Some(salud::ORDEN)))
}

fn leer_con<T>(orden: Command, interpretar: impl Fn(&ArgMatches) -> clap::error::Result<T>) -> Result<T, ExitCode> {
    let orden = en_espanol(orden);
    let nombre = orden.get_name().to_owned();
    let leida = orden.try_get_matches().and_then(|hallado| interpretar(&hallado));
    leida.map_err(|e| match e.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // Una tubería cerrada no es un fallo de la ayuda.
            let _ = e.print();
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = e.print();
            ExitCode::from(MAL_ESCRITO)
        }
        _ => {
            eprintln!("{nombre}: {}", queja(&nombre, &e));
            ExitCode::from(MAL_ESCRITO)
        }
    })
}

/// La misma orden, con su ayuda en español.
fn en_espanol(orden: Command) -> Command {
    let nombre = orden.get_name().to_owned();
    traducir(orden.version(env!("CARGO_PKG_VERSION")), &nombre)
}

fn traducir(orden: Command, camino: &str) -> Command {
    let hijas: Vec<String> = orden.get_subcommands().map(|hija| hija.get_name().to_owned()).collect();
    let mut orden = orden
        .help_template(PLANTILLA)
        .subcommand_help_heading("Órdenes")
        .subcommand_value_name("ORDEN")
        .disable_help_subcommand(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .mut_args(traducir_argumento);
    for hija in hijas {
        let suyo = format!("{camino} {hija}");
        orden = orden.mut_subcommand(hija, |hija| traducir(hija, &suyo));
    }
    let de_ayuda = |nombre, corta, accion, texto| {
        Arg::new(nombre).short(corta).long(nombre).action(accion).help(texto).help_heading(OPCIONES)
    };
    if orden.get_version().is_some() {
        orden = orden.arg(de_ayuda("version", 'V', ArgAction::Version, "Muestra la versión"));
    }
    orden = orden.arg(de_ayuda("help", 'h', ArgAction::Help, "Muestra esta ayuda"));
    let uso = orden.clone().bin_name(camino).render_usage().to_string();
    let uso = uso.trim_start_matches("Usage: ").replace("[OPTIONS]", "[OPCIONES]");
    orden.override_usage(uso)
}

/// El ajuste y el valor por defecto se dicen en el texto; los valores posibles, también.
fn traducir_argumento(argumento: Arg) -> Arg {
    let grupo = if argumento.is_positional() { ARGUMENTOS } else { OPCIONES };
    let argumento = argumento.help_heading(grupo);
    if !argumento.get_action().takes_values() {
        return argumento;
    }
    let posibles: Vec<_> = argumento.get_possible_values().iter().map(|p| p.get_name().to_owned()).collect();
    let valores = (!posibles.is_empty()).then(|| posibles.join(", "));
    let ajuste = argumento.get_env().map(|ajuste| format!("ajuste: {}", ajuste.display()));
    let valor = argumento.get_default_values().first().map(|valor| format!("por defecto: {}", valor.display()));
    let notas: Vec<String> = [valores, ajuste, valor].into_iter().flatten().map(|nota| format!(" [{nota}]")).collect();
    let texto = argumento.get_help().map(ToString::to_string).unwrap_or_default() + &notas.concat();
    argumento.help(texto).hide_env(true).hide_default_value(true).hide_possible_values(true)
}

/// La queja de una orden mal escrita, en una línea.
fn queja(nombre: &str, error: &clap::Error) -> String {
    let dicho = |clases: &[ContextKind]| {
        clases.iter().find_map(|clase| match error.get(*clase)? {
            ContextValue::String(texto) => Some(texto.clone()),
            ContextValue::Strings(textos) => Some(textos.join(" ")),
            _ => None,
        })
    };
    let argumento = dicho(&[ContextKind::InvalidSubcommand, ContextKind::InvalidArg]).unwrap_or_default();
    let motivo = match error.kind() {
        ErrorKind::MissingRequiredArgument => format!("falta {argumento}"),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let valor = dicho(&[ContextKind::InvalidValue]).unwrap_or_default();
            let causa = std::error::Error::source(error).map_or_else(String::new, |causa| format!(" ({causa})"));
            format!("«{valor}» no vale para {argumento}{causa}")
        }
        ErrorKind::InvalidSubcommand => format!("no existe la orden «{argumento}»"),
        ErrorKind::UnknownArgument => format!("no se entiende «{argumento}»"),
        _ => format!("la orden no se entiende ({argumento})"),
    };
    format!("{motivo}. «{nombre} --help» dice cómo se escribe")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ejemplo() -> Command {
        let numero = Arg::new("numero").long("numero").help("Cuántos").default_value("3").env("CUANTOS");
        let numero = numero.value_parser(clap::value_parser!(u32));
        let marca = Arg::new("marca").long("marca").help("Lo marca").action(ArgAction::SetTrue);
        let que = Arg::new("que").required(true).help("Qué se hace").value_parser(["esto", "eso"]);
        let hija = Command::new("hacer").about("Hace algo").arg(que).arg(marca);
        en_espanol(Command::new("programa").about("Un programa").arg(numero).subcommand(hija))
    }

    #[test]
    fn la_ayuda_no_tiene_ingles() {
        let mut programa = ejemplo();
        let mut textos = vec![programa.render_help().to_string()];
        textos.push(programa.find_subcommand_mut("hacer").expect("existe").render_help().to_string());
        for texto in &textos {
            for ingles in
                ["Usage", "Options", "Commands", "Arguments", "OPTIONS", "COMMAND", "default", "env:", "Print"]
            {
                assert!(!texto.contains(ingles), "«{ingles}» en:\n{texto}");
            }
            assert!(texto.contains("Uso: programa"), "{texto}");
        }
        assert!(textos[1].contains("Qué se hace [esto, eso]") && textos[1].contains("--marca"), "{}", textos[1]);
        assert!(textos[0].contains("Cuántos [ajuste: CUANTOS] [por defecto: 3]"), "{}", textos[0]);
    }

    #[test]
    fn lo_mal_escrito_se_dice_en_una_linea_que_lo_nombra() {
        for (escrito, parte) in [
            (&["programa", "quemar"][..], "«quemar»"),
            (&["programa", "--raro"], "«--raro»"),
            (&["programa", "--numero", "x"], "«x»"),
            (&["programa", "hacer"], "falta"),
        ] {
            let error = ejemplo().try_get_matches_from(escrito).expect_err("mal escrito");
            let linea = queja("programa", &error);
            assert!(linea.contains(parte) && linea.contains("--help") && !linea.contains('\n'), "{linea}");
        }
    }
}
