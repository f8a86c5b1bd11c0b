//! La suborden `caos`: una suite propia, carga de varias clases, y fallos sembrados de todo lo que puede fallar; al final,
//! todo sano y la auditoría de pérdidas.

mod averias;
mod disco;
mod informe;
pub mod plan;

use std::{path::PathBuf, rc::Rc, time::Duration};

use anyhow::Context as _;
use common::process::progreso::Progreso;
use juicio::informe::Informe;
use taller::{
    carga::{Carga, Plan},
    carpeta::dejar,
    escena::{CALMA_MAX, CierreDeCarga, Escena},
    proxy::Proxy,
    suite::{Solar, Suite},
};
use tokio::time::{Instant, sleep};

use self::{
    averias::Averias,
    disco::{Aislado, Disco},
    informe::{Caos, Visto},
    plan::Suceso,
};

/// Clientes de la carga, y lo que descansa cada uno entre dos pedidos: los procesos han de tener con qué fallar, no
/// ahogarse.
const CLIENTES: usize = 48;
const REPOSO: Duration = Duration::from_millis(10);
/// Éxitos con los que la carga está en marcha, y lo que se espera por ellos.
const EXITOS: usize = 200;
const ARRANCAR_MAX: Duration = Duration::from_secs(20);
/// Cada cuánto se refresca la línea de lo que está roto.
const TIC: Duration = Duration::from_millis(200);

/// Cómo se hace.
#[derive(Clone, Debug, clap::Args)]
pub struct Argumentos {
    /// Cuánto dura la carga con fallos
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(5..=86_400))]
    segundos: u64,
    /// De dónde sale el plan: la misma semilla rompe lo mismo en el mismo momento. Se puede dar varias veces, una por
    /// campaña; sin ninguna, se hacen tres al azar, que se dicen
    #[arg(long)]
    semilla: Vec<u64>,
    /// El directorio donde quedan los informes; la suite vive en su carpeta `caos/suite`
    #[arg(long, env = "ANAQUEL_VAR", default_value = "var")]
    var: PathBuf,
}

/// Campañas que se hacen si nadie dice la semilla.
const CAMPANIAS: u64 = 3;

/// Hace las campañas; `true` si todas valen.
///
/// # Errors
/// Si la suite no se puede levantar o auditar.
pub async fn correr(pedido: &Argumentos) -> anyhow::Result<bool> {
    let azar = uuid::Uuid::now_v7().as_u64_pair().1 % 1_000_000;
    let semillas = if pedido.semilla.is_empty() { (azar..azar + CAMPANIAS).collect() } else { pedido.semilla.clone() };
    // El espacio de nombres es de todo el proceso: uno para todas.
    let aislado = Aislado::new().map_err(|e| e.to_string());
    let mut bien = true;
    for semilla in semillas {
        let informe = campania(pedido, semilla, aislado.clone()).await?;
        bien &= informe.vale();
        if informe.medido.interrumpido {
            break;
        }
    }
    Ok(bien)
}

async fn campania(
    pedido: &Argumentos,
    semilla: u64,
    aislado: Result<Aislado, String>,
) -> anyhow::Result<Informe<Caos>> {
    println!("\n▸ Caos de {} s con la semilla {semilla}", pedido.segundos);
    let solar = Escena::solar(&pedido.var.join("caos").join("suite"))?;
    let diario = solar.plano().diario();
    let carpeta = diario.parent().unwrap_or(solar.plano().var()).to_owned();
    let disco = aislado.and_then(|a| Disco::montar(a, carpeta).map(Rc::new).map_err(|e| e.to_string()));
    let dicho = match &disco {
        Ok(_) => "tmpfs de 64 MiB en un espacio de nombres propio".to_owned(),
        Err(e) => format!("no se llenó: el sistema no deja montar uno pequeño ({e})"),
    };
    println!("  disco del diario: {dicho}");
    let (solar, enlaces) = poner_en_medio(solar)?;
    let clientes = enlaces[0].direccion().to_string().parse().context("la dirección del proxy")?;
    let escena = Escena::levantar(solar, Some(clientes)).await?;
    println!("  clientes en {}, registros en {}", escena.endpoint, escena.suite.plano().var().join("log").display());
    let dura = Duration::from_secs(pedido.segundos);
    let plan = plan::plan(semilla, dura, disco.is_ok());
    let hecho = romper(&escena, enlaces, disco.as_ref().ok().cloned(), semilla, (dura, plan)).await;
    let informe = hecho.map(|hecho| hecho.informe(&escena.suite, semilla, dicho));
    let apagada = escena.apagar().await;
    let informe = informe?.con(apagada);
    dejar(&pedido.var.join("caos"), &semilla.to_string(), &informe)?;
    Ok(informe)
}

/// Los proxies, y el solar con los almacenes detrás de los suyos.
fn poner_en_medio(solar: Solar) -> anyhow::Result<(Solar, [Proxy; 3])> {
    let [almacen, reserva] = solar.plano().escuchan_almacenes();
    let abrir = |destino| Proxy::abrir(destino).context("no se puede abrir un proxy");
    let enlaces = [abrir(solar.plano().clientes())?, abrir(almacen)?, abrir(reserva)?];
    let desvio = [enlaces[1].direccion(), enlaces[2].direccion()];
    Ok((solar.con_desvio(desvio), enlaces))
}

/// Lo que quedó de una campaña.
struct CaosHecho {
    averias: Vec<averias::Averia>,
    cierre: CierreDeCarga,
    duro: Duration,
    interrumpido: bool,
    salud: Vec<String>,
}

async fn romper(
    escena: &Escena,
    enlaces: [Proxy; 3],
    disco: Option<Rc<Disco>>,
    semilla: u64,
    (largo, plan): (Duration, Vec<Suceso>),
) -> anyhow::Result<CaosHecho> {
    let disponible = escena.disponible().await?;
    let plan_de_carga =
        Plan { clientes: CLIENTES, disponible, solo_calientes: false, reposo: REPOSO, tolerante: true, semilla };
    let carga = escena.cargar(plan_de_carga)?;
    anyhow::ensure!(carga.esperar_exitos(EXITOS, ARRANCAR_MAX, |_| true).await, "la carga no arranca");
    let averias =
        Rc::new(Averias::new(Rc::clone(&escena.suite), enlaces, disco, Instant::now() - carga.transcurrido()));
    let fin = Instant::now() + largo;
    let interrumpido = tokio::select! {
        () = async { tokio::join!(averias.hacer(desde(plan, carga.transcurrido())), mostrar(&averias, &carga, fin)); } => false,
        _ = tokio::signal::ctrl_c() => true,
    };
    if interrumpido {
        println!("  interrumpido: se arregla todo y se audita lo hecho");
    }
    averias.sanar();
    let hechas = averias.hechas();
    let sana = escena.suite.esperar_vuelta(anaquel::plano::POSTGRES, 0, CALMA_MAX).await;
    let salud = sana.err().map(|e| e.to_string()).into_iter().collect();
    let duro = carga.transcurrido();
    let cierre = escena.cerrar(carga).await?;
    Ok(CaosHecho { averias: hechas, cierre, duro, interrumpido, salud })
}

/// El plan, contado desde que la carga empezó y no desde ahora.
fn desde(mut plan: Vec<Suceso>, ahora: Duration) -> Vec<Suceso> {
    for suceso in &mut plan {
        suceso.en += ahora;
    }
    plan
}

/// La línea viva, hasta `fin`.
async fn mostrar(averias: &Averias, carga: &Carga, fin: Instant) {
    let desde = Instant::now();
    let barra = Progreso::de_segundos((fin - desde).as_secs());
    let mut dichos = 0;
    while Instant::now() < fin {
        sleep(TIC).await;
        let pasados = desde.elapsed().as_secs();
        barra.avanzar(pasados - dichos);
        dichos = pasados;
        barra.decir(format!("{} respuestas · {}", carga.respuestas(), averias.rotas()));
    }
}

impl CaosHecho {
    fn informe(&self, suite: &Suite, semilla: u64, disco: String) -> Informe<Caos> {
        let registros: Vec<String> = suite.servicios().iter().map(|s| suite.registro(s.nombre)).collect();
        let veces = |frase: &str| registros.iter().map(|r| r.matches(frase).count()).sum();
        Informe::de(Caos::de(&Visto {
            semilla,
            duro: self.duro,
            interrumpido: self.interrumpido,
            disco,
            averias: &self.averias,
            historia: &self.cierre.historia,
            veredicto: &self.cierre.veredicto,
            atascadas: &self.cierre.atascadas,
            reasignadas: veces(" reasignada: "),
            breakers_abiertos: veces("circuito ABIERTO para "),
            salud: &self.salud,
        }))
    }
}
