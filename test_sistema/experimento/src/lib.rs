//! La orden `experimento`: procesos solicitantes que piden a las dos sedes sobre una biblioteca recién cargada, con y
//! sin un fallo en la mitad, con un diseño y con otros. Deja una fila por solicitud.
//!
//! - [`plan`]: qué ejecuciones tiene un experimento. [`ejecucion`] y [`biblioteca`]: cómo se hace una, y sobre qué.
//! - [`resultados`] y [`ficha`]: lo que queda en la carpeta; [`informe`], lo que se saca de ello.

#![forbid(unsafe_code)]

pub mod biblioteca;
pub mod ejecucion;
pub mod ficha;
mod hijos;
pub mod informe;
pub mod plan;
mod progreso;
pub mod resultados;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use chrono::Utc;
use common::process::{interrupcion::Interrupcion, orden::MAL_ESCRITO};
use gestor_almacenamiento::importar::Archivo;
use test_sistema::generar::{
    generador::Mezcla,
    surtido::{Parte, Surtido, sedes},
};

use self::{
    biblioteca::{Biblioteca, apagar},
    ejecucion::{Medido, Taller},
    ficha::{Condiciones, Ficha},
    plan::Ejecucion,
    progreso::Avance,
    resultados::{Diseno, Escritor, Lector},
};

/// El experimento de clase: procesos solicitantes en dos sedes, con y sin un fallo, con un diseño y con otros
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "experimento", after_help = AYUDA)]
pub struct Argumentos {
    /// Cuánto dura la ventana de cada ejecución
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    segundos: u64,
    /// Cuántos procesos solicitantes en cada sede, separados por comas
    #[arg(long, default_value = "4,6,10", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=32))]
    solicitantes: Vec<u16>,
    /// Cuántas veces cada configuración del diseño principal; los otros, una
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    repeticiones: u32,
    /// Qué diseños, separados por comas
    #[arg(long, value_enum, default_value = "dos_almacenes,un_almacen,sin_actores", value_delimiter = ',')]
    disenos: Vec<Diseno>,
    /// Lo que piensa de media un solicitante entre una respuesta y la petición siguiente; 0, nada
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(0..=60_000))]
    pausa_ms: u64,
    /// De cada cien peticiones, cuántos préstamos, devoluciones y renovaciones; tantas devoluciones como préstamos no
    /// vacían la biblioteca
    #[arg(long, default_value = "40/40/20")]
    mezcla: Mezcla,
    /// De dónde sale el azar de las peticiones y de las pausas
    #[arg(long, default_value_t = 1)]
    semilla: u64,
    /// El catálogo
    #[arg(long, default_value = "datos/libros_10k.csv")]
    catalogo: PathBuf,
    /// Sigue el experimento de esta carpeta, que se interrumpió, con lo que se dijo entonces
    #[arg(long, conflicts_with_all = ["segundos", "solicitantes", "repeticiones", "disenos", "pausa_ms", "mezcla",
                                      "semilla", "catalogo"])]
    seguir: Option<PathBuf>,
    /// No mide: escribe otra vez los resúmenes, los gráficos y la página de esta carpeta, ya medida
    #[arg(long, conflicts_with_all = ["segundos", "solicitantes", "repeticiones", "disenos", "pausa_ms", "mezcla",
                                      "semilla", "catalogo", "seguir"])]
    informe: Option<PathBuf>,
    /// El directorio donde queda, en su carpeta `experimento/<fecha>`
    #[arg(long, env = "ANAQUEL_VAR", default_value = "var")]
    var: PathBuf,
}

const AYUDA: &str = "\
Cada ejecución empieza con la misma biblioteca recién cargada. Los diseños: dos_almacenes es el principal, sin fallo y con
kill -9 al gestor de almacenamiento en uso en la mitad; un_almacen, lo mismo sin relevo; sin_actores, sin nadie que
conteste los préstamos y las devoluciones, que quedan pendientes.

Los solicitantes no piden sin parar: piensan entre una respuesta y la petición siguiente (--pausa-ms, entre nada y el
doble). Lo atendido en la ventana depende sobre todo de esa pausa; con 0 piden en bucle cerrado.

Ctrl-C deja lo medido hasta entonces, con su informe; con --seguir CARPETA se hacen las ejecuciones que faltan.";

/// Hace el experimento; devuelve el estado de salida: 0 si están todas sus ejecuciones.
///
/// # Errors
/// Si la suite o los solicitantes no hacen lo suyo, o no se puede escribir.
pub async fn correr(pedido: &Argumentos) -> anyhow::Result<u8> {
    if let Some(carpeta) = &pedido.informe {
        println!("{}", informe::escribir(carpeta)?.display());
        return Ok(0);
    }
    if let Err(queja) = comprobar(pedido) {
        eprintln!("experimento: {queja}");
        return Ok(MAL_ESCRITO);
    }
    let mut interrupcion = Interrupcion::atender()?;
    let (carpeta, mut ficha) = abrir(pedido)?;
    println!("\n▸ Experimento: {} ejecuciones de {} s", ficha.ejecuciones.len(), ficha.condiciones.segundos);
    let hecho = hacer(&carpeta, &mut ficha, &mut interrupcion).await;
    ficha.interrumpido = !matches!(hecho, Ok(true));
    ficha.escribir(&carpeta)?;
    let filas = reunir(&carpeta, &ficha)?;
    println!("\n  {filas} solicitudes en {}", carpeta.join(resultados::ARCHIVO).display());
    if filas > 0 {
        println!("  El informe, con sus gráficos y sus resúmenes al lado: {}", informe::escribir(&carpeta)?.display());
    }
    if ficha.interrumpido {
        println!(
            "  Interrumpido: queda lo medido en {} ejecuciones de {}. Las que faltan, con\n  experimento --seguir {}",
            ficha.hechas(),
            ficha.ejecuciones.len(),
            carpeta.display()
        );
    }
    hecho.map(|todas| u8::from(!todas))
}

/// Lo que la orden nombra y no está, dicho antes de empezar.
fn comprobar(pedido: &Argumentos) -> Result<(), String> {
    if let Some(carpeta) = &pedido.seguir {
        let leida = Ficha::leer(carpeta).map(drop);
        return leida.map_err(|e| format!("argumento --seguir: en {} no hay un experimento ({e})", carpeta.display()));
    }
    Archivo::abrir(&pedido.catalogo).map(drop).map_err(|e| format!("argumento --catalogo: {e}"))
}

/// La carpeta y la ficha de un experimento nuevo, o del que se sigue.
fn abrir(pedido: &Argumentos) -> anyhow::Result<(PathBuf, Ficha)> {
    if let Some(carpeta) = &pedido.seguir {
        let ficha = Ficha::leer(carpeta)
            .with_context(|| format!("{} no tiene un experimento que seguir", carpeta.display()))?;
        return Ok((carpeta.clone(), ficha));
    }
    let ahora = Utc::now();
    let carpeta = pedido.var.join("experimento").join(ahora.format("%Y-%m-%dT%H-%M-%SZ").to_string());
    let ficha = Ficha::new(condiciones(pedido), ahora);
    if ficha.ejecuciones.is_empty() {
        bail!("no hay ninguna ejecución que hacer");
    }
    fs::create_dir_all(&carpeta).with_context(|| format!("no se puede crear {}", carpeta.display()))?;
    ficha.escribir(&carpeta)?;
    Ok((carpeta, ficha))
}

fn condiciones(pedido: &Argumentos) -> Condiciones {
    Condiciones {
        segundos: pedido.segundos,
        pausa_ms: pedido.pausa_ms,
        mezcla: pedido.mezcla.to_string(),
        semilla: pedido.semilla,
        solicitantes: BTreeSet::from_iter(pedido.solicitantes.clone()).into_iter().collect(),
        repeticiones: pedido.repeticiones,
        disenos: BTreeSet::from_iter(pedido.disenos.clone()).into_iter().collect(),
        catalogo: pedido.catalogo.clone(),
    }
}

/// Hace las ejecuciones que faltan; `false` si se interrumpió. Cada una queda anotada en cuanto está entera.
async fn hacer(carpeta: &Path, ficha: &mut Ficha, interrupcion: &mut Interrupcion) -> anyhow::Result<bool> {
    let condiciones = ficha.condiciones.clone();
    let taller = Taller {
        condiciones: &condiciones,
        peticiones: carpeta.join("peticiones"),
        ejecuciones: carpeta.join("ejecuciones"),
    };
    fs::create_dir_all(&taller.ejecuciones)?;
    escribir_peticiones(&taller)?;
    if ficha.hechas() == ficha.ejecuciones.len() {
        return Ok(true);
    }
    let mut progreso = Avance::de(ficha.ejecuciones.len(), ficha.hechas(), condiciones.segundos);
    progreso.preparar("se carga la biblioteca");
    let suite = carpeta.join("suite");
    let Some(cargada) = interrupcion.mientras(Biblioteca::cargar(&suite, &condiciones.catalogo)).await else {
        return Ok(false);
    };
    let (biblioteca, existencias) = cargada?;
    ficha.versiones.insert("postgresql".to_owned(), existencias.postgresql.clone());
    ficha.biblioteca = Some(existencias);
    for n in 0..ficha.ejecuciones.len() {
        if ficha.ejecuciones[n].hecha {
            continue;
        }
        let esta = ficha.ejecuciones[n].ejecucion;
        progreso.preparar(&esta.titulo());
        let Some(medido) = una(&biblioteca, &taller, &esta, &progreso, interrupcion).await? else {
            biblioteca.retirar();
            return Ok(false);
        };
        let anotada = &mut ficha.ejecuciones[n];
        anotada.hecha = true;
        anotada.solicitudes = medido.solicitudes;
        (anotada.victima, anotada.muerte_us) = medido.muerte.map(|(victima, us)| (victima.to_owned(), us)).unzip();
        ficha.escribir(carpeta)?;
        progreso.hecha(&linea(&esta, &medido));
    }
    biblioteca.retirar();
    Ok(true)
}

/// Una ejecución, en una suite que después se apaga; `None` si se interrumpió.
async fn una(
    biblioteca: &Biblioteca,
    taller: &Taller<'_>,
    esta: &Ejecucion,
    progreso: &Avance,
    interrupcion: &mut Interrupcion,
) -> anyhow::Result<Option<Medido>> {
    let Some(suite) = interrupcion.mientras(biblioteca.suite()).await else { return Ok(None) };
    let suite = suite?;
    let medido = interrupcion.mientras(taller.hacer(&suite, esta, progreso)).await;
    let apagada = apagar(suite).await;
    let medido = medido.transpose().with_context(|| format!("ejecución {} ({})", esta.tanda, esta.titulo()))?;
    apagada?;
    Ok(medido)
}

fn linea(esta: &Ejecucion, medido: &Medido) -> String {
    let muerte = medido.muerte.map_or_else(String::new, |(victima, us)| {
        format!("; kill -9 a {victima} a los {},{:03} s", us / 1_000_000, us % 1_000_000 / 1_000)
    });
    format!("{}: {} solicitudes{muerte}", esta.titulo(), medido.solicitudes)
}

/// Los archivos de peticiones: los mismos en todas las ejecuciones con los mismos solicitantes, y ninguno estorba a otro.
fn escribir_peticiones(taller: &Taller<'_>) -> anyhow::Result<()> {
    let condiciones = taller.condiciones;
    let todo = Surtido::del_catalogo(&condiciones.catalogo)?;
    let mezcla: Mezcla = condiciones.mezcla.parse().context("la mezcla de la ficha")?;
    let cantidad = plan::peticiones(condiciones.segundos, condiciones.pausa_ms);
    for por_sede in &condiciones.solicitantes {
        let partes = sedes().len() * usize::from(*por_sede);
        let quienes = sedes().into_iter().flat_map(|sede| (1..=*por_sede).map(move |cual| (sede, cual)));
        for (n, (sede, cual)) in (1..).zip(quienes) {
            let suyo = todo.clone().en(sede).parte(Parte::new(n, partes)?);
            let semilla = condiciones.semilla.wrapping_mul(1_000).wrapping_add(u64::try_from(n).unwrap_or(0));
            let ruta = taller.archivo(*por_sede, sede, cual);
            fs::create_dir_all(ruta.parent().unwrap_or(Path::new(".")))?;
            fs::write(&ruta, test_sistema::generar::texto(&suyo, cantidad, mezcla, semilla)?)
                .with_context(|| format!("no se puede escribir {}", ruta.display()))?;
        }
    }
    Ok(())
}

/// Junta las filas de las ejecuciones hechas, en su orden; cuántas son.
fn reunir(carpeta: &Path, ficha: &Ficha) -> anyhow::Result<u64> {
    let mut escritor = Escritor::crear(&carpeta.join(resultados::ARCHIVO))?;
    let mut cuantas = 0;
    for anotada in ficha.ejecuciones.iter().filter(|e| e.hecha) {
        let ruta = carpeta.join("ejecuciones").join(format!("{:03}.csv", anotada.ejecucion.tanda));
        for fila in Lector::abrir(&ruta)? {
            escritor.escribir(&fila?)?;
            cuantas += 1;
        }
    }
    escritor.asentar()?;
    Ok(cuantas)
}
