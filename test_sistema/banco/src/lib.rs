//! La orden `banco`: mide la cadena entera contra la referencia (una llamada por operación, derecho a PostgreSQL), a
//! turnos en la misma máquina y sobre el mismo servidor, y audita lo que se reconoció.

mod arranque;
mod auditoria;
mod cadena;
mod cpu;
mod datos;
pub mod grande;
mod informe;
mod medida;
mod objetivos;
mod pausa;
mod pgbench;
mod referencia;
mod reparto;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anaquel::{
    plano::POSTGRES,
    postgres::{BASE, Instalacion},
};
use anyhow::{Context as _, bail};
use common::{
    process::{interrupcion::Interrupcion, progreso::Progreso},
    transport::Contexto,
};
use juicio::informe::Informe;
use taller::{
    carpeta::{guardar, vaciar},
    suite::Suite,
};

use self::{
    auditoria::Cuadre,
    informe::DelBanco,
    medida::{Medidas, Medidor, Prueba},
    pgbench::Pgbench,
    reparto::{Caso, Tamano},
};

/// Clientes en bucle cerrado de cada prueba.
const CLIENTES: [usize; 5] = [1, 8, 32, 64, 256];
/// Veces que se mide cada cosa.
const RONDAS: usize = 3;
/// Clientes con que se miden las renovaciones y las consultas, y se mata el almacén.
const CLIENTES_DE_LO_DEMAS: usize = 64;
/// Lo que dura cada tramo de renovaciones y consultas, como mucho.
const SEGUNDOS_DE_LO_DEMAS: u64 = 2;
const TAMANO: Tamano = Tamano { ejemplares: 65_536, usuarios: 10_000, renovables: 65_536 };

/// Levanta una suite propia y la mide contra PostgreSQL sin intermediario, a turnos; audita
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "banco")]
pub struct Argumentos {
    /// Cuánto dura cada tramo; su primer cuarto calienta y no se mide
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=600))]
    segundos: u64,
    /// El directorio donde queda banco.json; las suites del banco viven en su carpeta `banco`, que se vacía al empezar
    #[arg(long, env = "ANAQUEL_VAR", default_value = "var")]
    var: PathBuf,
}

/// Lo medido, además de los ritmos.
#[derive(Default)]
struct BancoHecho {
    medidas: Medidas,
    ajustes: Vec<(String, String)>,
    memoria_mib: BTreeMap<String, f64>,
    desde_nada: Option<Duration>,
    con_datos: Option<Duration>,
    pausa: Option<Duration>,
    veredicto: Option<Cuadre>,
}

/// Mide y audita; `true` si lo reconocido está, una vez, y nada quedó sin decidir. Un objetivo que no se alcanza se
/// muestra, y no es un fallo.
///
/// # Errors
/// Si la suite no se puede levantar o el banco no puede seguir.
pub async fn correr(pedido: &Argumentos) -> anyhow::Result<bool> {
    let dir = pedido.var.join("banco");
    borrar_lo_anterior(&dir).with_context(|| format!("no se puede vaciar {}", dir.display()))?;
    let mut interrupcion = Interrupcion::atender()?;
    let mut hecho = BancoHecho::default();
    titulo("Se levanta una suite propia, desde nada");
    let reloj = Instant::now();
    let suite = Suite::levantar(&dir.join("suite"), None).await?;
    let lista = reloj.elapsed();
    let fin = interrupcion.hasta(en_marcha(&suite, pedido, &dir, lista, &mut hecho)).await;
    let fin = match fin.and(apagar(suite).await) {
        Ok(()) => interrupcion.hasta(otra_vez(&dir, &mut hecho)).await,
        fallo => fallo,
    };
    let informe = Informe::de(DelBanco::de(&hecho));
    if let Err(e) = fin {
        print!("{}", informe.texto());
        return Err(e);
    }
    let ruta = pedido.var.join("banco.json");
    guardar(&ruta, &informe).with_context(|| format!("no se puede escribir {}", ruta.display()))?;
    titulo("Objetivos");
    print!("{}", informe.texto());
    println!("\n  {}; {}; todo, en {}", marca(informe.vale()), informe.medido.conclusion(), ruta.display());
    Ok(informe.vale())
}

/// Todo lo que se mide con la primera suite.
async fn en_marcha(
    suite: &Suite,
    pedido: &Argumentos,
    dir: &Path,
    lista: Duration,
    hecho: &mut BancoHecho,
) -> anyhow::Result<()> {
    let contexto = Contexto::new();
    hecho.desde_nada = Some(lista + arranque::primer_prestamo_libre(suite, &contexto, &mut hecho.medidas).await?);
    let instalacion = suite.postgres()?;
    let pgbench = Pgbench::de(&instalacion, &dir.join("pgbench"))?;
    preparar(&instalacion, hecho).await?;
    let pruebas = pruebas(pedido.segundos);
    let banco = Medidor::new(suite, contexto, pgbench, TAMANO, Progreso::de_segundos(cuanto_duran(&pruebas)));
    titulo("La cadena y la referencia, a turnos (entre paréntesis, la peor y la mejor ronda)");
    println!(
        "  los clientes de cada sede van por la misma conexión ({} en total), menos los sueltos, que tienen una cada uno",
        medida::CONEXIONES
    );
    println!("{}", medida::CABECERA);
    for prueba in &pruebas {
        banco.medir(*prueba, RONDAS, &mut hecho.medidas).await?;
    }
    hecho.memoria_mib = cpu::memoria(suite);
    titulo(&format!("kill -9 al almacén en uso, con {CLIENTES_DE_LO_DEMAS} clientes"));
    let pausa = pausa::medir(suite, banco.contexto(), CLIENTES_DE_LO_DEMAS, &mut hecho.medidas).await?;
    println!("  el hueco más largo entre dos respuestas: {} ms", pausa.as_millis());
    hecho.pausa = Some(pausa);
    titulo("Auditoría: lo reconocido contra lo que hay en PostgreSQL");
    let veredicto = auditoria::auditar(&instalacion, &hecho.medidas.acuses).await?;
    println!("{veredicto}");
    hecho.veredicto = Some(veredicto);
    Ok(())
}

/// La base de la referencia y los datos de las dos.
async fn preparar(instalacion: &Instalacion, hecho: &mut BancoHecho) -> anyhow::Result<()> {
    titulo(&format!("Se cargan {} ejemplares y {} usuarios en las dos bases", TAMANO.ejemplares, TAMANO.usuarios));
    referencia::hacer(instalacion).await?;
    let progreso = Progreso::de_filas(2 * datos::filas(TAMANO));
    for base in [BASE, referencia::BASE] {
        datos::cargar(instalacion, base, TAMANO, |n| progreso.avanzar(n)).await?;
    }
    drop(progreso);
    hecho.ajustes = referencia::ajustes(instalacion).await?;
    let ajustes: Vec<String> = hecho.ajustes.iter().map(|(nombre, valor)| format!("{nombre} {valor}")).collect();
    println!("  PostgreSQL: {}", ajustes.join(" · "));
    Ok(())
}

/// La suite parada vuelve a arrancar, con todo lo que ya tiene.
async fn otra_vez(dir: &Path, hecho: &mut BancoHecho) -> anyhow::Result<()> {
    titulo("Se levanta otra vez, con todos sus datos");
    let reloj = Instant::now();
    let suite = Suite::levantar(&dir.join("suite"), None).await?;
    let prestado = arranque::primer_prestamo(&suite, &Contexto::new(), &mut hecho.medidas).await;
    let tardo = reloj.elapsed();
    prestado.and(apagar(suite).await)?;
    println!("  primer préstamo a los {} ms", tardo.as_millis());
    hecho.con_datos = Some(tardo);
    Ok(())
}

/// Los segundos que se tarda en medirlas todas: en cada ronda, dos tramos de cada una.
fn cuanto_duran(pruebas: &[Prueba]) -> u64 {
    let una_ronda: u64 = pruebas.iter().map(|p| 2 * p.dura.as_secs()).sum();
    una_ronda * u64::try_from(RONDAS).unwrap_or(1)
}

fn pruebas(segundos: u64) -> Vec<Prueba> {
    let dura = Duration::from_secs(segundos);
    let lo_demas = Duration::from_secs(segundos.min(SEGUNDOS_DE_LO_DEMAS));
    let mut pruebas = Vec::new();
    for caso in [Caso::Separados, Caso::Calientes] {
        pruebas.extend(CLIENTES.map(|clientes| Prueba { caso, clientes, dura }));
    }
    for caso in [Caso::Sueltos, Caso::Renovacion, Caso::Consulta] {
        pruebas.push(Prueba { caso, clientes: CLIENTES_DE_LO_DEMAS, dura: lo_demas });
    }
    pruebas
}

/// Borra lo que dejó un banco anterior, también los datos que están en otra parte porque la cuenta de PostgreSQL no llega
/// aquí: con millones de filas no se dejan de recuerdo.
fn borrar_lo_anterior(dir: &Path) -> io::Result<()> {
    for suite in fs::read_dir(dir).into_iter().flatten().flatten() {
        let datos = suite.path().join(POSTGRES);
        if datos.is_symlink() && datos.is_dir() {
            fs::remove_dir_all(datos.canonicalize()?)?;
        }
    }
    vaciar(dir)
}

/// Apaga una suite, que tiene que acabar bien.
async fn apagar(suite: Suite) -> anyhow::Result<()> {
    let estado = suite.apagar().await?;
    if estado.success() { Ok(()) } else { bail!("la suite se apagó con {estado}") }
}

/// En qué quedó la auditoría, en una frase.
fn marca(vale: bool) -> &'static str {
    if vale { "✔ todo lo reconocido está, una vez" } else { "✘ lo reconocido NO está, o no una vez" }
}

fn titulo(texto: &str) {
    println!("\n▸ {texto}");
}
