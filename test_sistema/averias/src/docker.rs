//! La suborden `docker-demo`: levanta las dos máquinas en contenedores, hace con ellas lo que haría una persona (y lo que le
//! pasaría), bajo carga, y audita. No deja nada.

mod escenario;
mod informe;
mod inspeccion;
mod maquinas;
mod motor;
mod plan;
mod practicas;
mod promesas;
mod queja;
mod respaldo;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use juicio::{historia::Historia, informe::Informe};
use taller::carpeta::{guardar, vaciar};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::Instant,
};

pub use self::informe::{Contenedores, Rotura};
use self::{
    escenario::Escenario,
    maquinas::Maquinas,
    motor::{LARGA, Motor, docker},
    plan::ARRANQUE_MAX,
};

/// Dónde atiende el gestor de carga: el puerto que publica la primera máquina, que es esta.
const CLIENTES: &str = "127.0.0.1:5555";
/// El catálogo de muestra, donde lo ven los gestores de almacenamiento.
const CATALOGO: &str = "/datos/libros_10k.csv";

const AYUDA: &str = "\
Ajustes (del entorno):
  DOCKER_HOST  dónde está el motor de contenedores, si no donde siempre; ha de ser de esta máquina (unix://…)";

/// Dónde se hace.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AYUDA)]
pub struct Argumentos {
    /// El directorio donde queda el informe
    #[arg(long, env = "ANAQUEL_VAR", default_value = "var")]
    var: PathBuf,
}

/// Hace la demostración; `true` si no se perdió ni se dobló nada, no hubo errores y las pausas fueron cortas.
///
/// # Errors
/// Si no hay motor, las máquinas no se levantan o la demostración no puede seguir. Lo levantado se recoge igual.
pub async fn correr(pedido: &Argumentos) -> anyhow::Result<bool> {
    ensure!(
        Path::new("docker-compose.pc1.yml").is_file(),
        "no está docker-compose.pc1.yml. Corra la orden desde la carpeta del proyecto"
    );
    let mut senales = Senales::atender().context("no se pueden atender las señales")?;
    let motor = Motor::hallar().await?;
    let versiones = motor.versiones.clone();
    let carpeta = pedido.var.join("docker-demo");
    let maquinas = Maquinas::preparar(motor).await?;
    let principio = Instant::now();
    let hecho = tokio::select! {
        hecho = demostrar(&maquinas, versiones, &carpeta) => hecho,
        () = senales.alguna() => Err(anyhow::anyhow!("interrumpida")),
    };
    titulo("Se recoge todo");
    let recogido = maquinas.despedir().await;
    vaciar(&carpeta).with_context(|| format!("no se puede vaciar {}", carpeta.display()))?;
    recogido.context("quedaron cosas de la demostración sin borrar")?;
    println!("  no queda ningún contenedor, red ni volumen de la demostración");
    let (mut medido, tropiezos) = hecho?;
    medido.duracion_s = principio.elapsed().as_secs();
    let informe = Informe::de(medido).con(tropiezos);
    let ruta = pedido.var.join("docker-informe.json");
    guardar(&ruta, &informe).with_context(|| format!("no se puede escribir el informe en {}", ruta.display()))?;
    Ok(concluir(&informe, &ruta))
}

async fn demostrar(
    maquinas: &Maquinas,
    versiones: String,
    carpeta: &Path,
) -> anyhow::Result<(Contenedores, Vec<String>)> {
    vaciar(carpeta)?;
    fs::create_dir_all(carpeta)?;
    let copias = carpeta.canonicalize()?.display().to_string();
    let arranque = levantar(maquinas).await?;
    let mut escenario = Escenario::new(maquinas, CLIENTES.parse().expect("IP y puerto")).await?;
    let (con_relevo, copia) = escenario.con_relevo(&copias).await?;
    let sin_relevo = escenario.sin_relevo().await?;

    titulo("Auditoría: lo reconocido contra lo que hay en PostgreSQL");
    let mut medido = Contenedores::new(versiones, arranque);
    medido.averias = escenario.ventanas.iter().map(|ventana| Rotura::de(ventana, &con_relevo)).collect();
    let a_mano = std::mem::take(&mut escenario.a_mano);
    for historia in [&con_relevo, &sin_relevo, &a_mano] {
        auditar(&escenario, historia, &mut medido).await?;
    }
    let restauradas = escenario.restaurar(&copia).await?;
    medido.restauradas = u64::try_from(restauradas).unwrap_or(u64::MAX);
    Ok((medido, escenario.tropiezos))
}

/// Levanta las dos y carga el catálogo; devuelve lo que tardaron en estar sanas.
async fn levantar(maquinas: &Maquinas) -> anyhow::Result<Duration> {
    titulo("Se levantan las dos máquinas y se carga el catálogo");
    let desde = Instant::now();
    maquinas.levantar().await?;
    maquinas.esperar_calma(ARRANQUE_MAX * 2).await?;
    let arranque = desde.elapsed();
    println!("  sanas en {} s", arranque.as_secs());
    let importar = ["exec", "gestor_almacenamiento", "gestor_almacenamiento", "importar", CATALOGO];
    let dicho = docker(&importar, LARGA).await?;
    println!("  {}", dicho.salida.trim().lines().last().unwrap_or_default());
    Ok(arranque)
}

async fn auditar(escenario: &Escenario<'_>, historia: &Historia, medido: &mut Contenedores) -> anyhow::Result<()> {
    let veredicto = escenario.base.auditar(historia, &escenario.sembrados).await?;
    println!(
        "  {} operaciones reconocidas: {} perdidas, {} duplicadas",
        historia.reconocidas(),
        veredicto.perdidas,
        veredicto.duplicadas
    );
    medido.sumar(historia, &veredicto);
    Ok(())
}

/// Las señales con que se pide acabar. Mientras se atienden, ninguna mata: lo levantado se recoge antes de salir.
struct Senales([Signal; 3]);

impl Senales {
    fn atender() -> std::io::Result<Self> {
        let una = |clase| signal(clase);
        Ok(Self([una(SignalKind::interrupt())?, una(SignalKind::terminate())?, una(SignalKind::hangup())?]))
    }

    async fn alguna(&mut self) {
        let [interrumpir, terminar, colgar] = &mut self.0;
        tokio::select! {
            _ = interrumpir.recv() => {}
            _ = terminar.recv() => {}
            _ = colgar.recv() => {}
        }
    }
}

fn titulo(texto: &str) {
    println!("\n▸ {texto}");
}

fn concluir(informe: &Informe<Contenedores>, ruta: &Path) -> bool {
    titulo("Informe");
    print!("{}", informe.texto());
    let bien = informe.vale();
    let dicho = if bien { "✔ todo cuadra," } else { "✘ NO cuadra," };
    println!("\n  {dicho} en {} s; {}", informe.medido.duracion_s, ruta.display());
    bien
}
