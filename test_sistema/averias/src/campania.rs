//! La orden `campania`: una prueba larga sobre una suite propia, con sus umbrales; audita y deja su informe.

mod apagon;
mod informe;
mod muertes;
mod paradas;

use std::path::PathBuf;

use common::process::interrupcion::Interrupcion;
use juicio::informe::Informe;
use taller::{carpeta::dejar, escena::Escena};

use self::informe::Campania;

/// Una campaña larga sobre una suite propia: muertes, paradas o un apagón; audita y comprueba los umbrales
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "campania")]
pub struct Argumentos {
    #[command(subcommand)]
    cual: Cual,
    /// El directorio donde queda el informe; la suite vive en su carpeta `campania/suite`
    #[arg(long, global = true, env = "ANAQUEL_VAR", default_value = "var")]
    var: PathBuf,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Cual {
    /// SIGKILL a cada papel bajo carga, una y otra vez: nada perdido, nada doble, y la pausa donde hay relevo
    Muertes(muertes::Argumentos),
    /// SIGSTOP a cada proceso bajo carga: lo que dura la pausa
    Paradas(paradas::Argumentos),
    /// Sin almacenamiento un buen rato, pidiendo sin parar: todo se promete, y al volver se aplica en orden
    Apagon(apagon::Argumentos),
}

impl Cual {
    fn nombre(&self) -> &'static str {
        match self {
            Self::Muertes(_) => "muertes",
            Self::Paradas(_) => "paradas",
            Self::Apagon(_) => "apagon",
        }
    }
}

/// Hace la campaña; `true` si cumple todos sus umbrales.
///
/// # Errors
/// Si la suite no se puede levantar o auditar, o se interrumpe.
pub async fn correr(pedido: &Argumentos) -> anyhow::Result<bool> {
    let mut interrupcion = Interrupcion::atender()?;
    let carpeta = pedido.var.join("campania");
    println!("\n▸ Campaña de {}", pedido.cual.nombre());
    let escena = Escena::levantar(Escena::solar(&carpeta.join("suite"))?, None).await?;
    let hecha: anyhow::Result<_> = interrupcion.hasta(hacer(&escena, &pedido.cual)).await;
    let apagada = escena.apagar().await;
    let informe = Informe::de(hecha?).con(apagada);
    dejar(&carpeta, pedido.cual.nombre(), &informe)?;
    Ok(informe.vale())
}

async fn hacer(escena: &Escena, cual: &Cual) -> anyhow::Result<Campania> {
    match cual {
        Cual::Muertes(pedido) => muertes::correr(escena, pedido).await,
        Cual::Paradas(pedido) => paradas::correr(escena, pedido).await,
        Cual::Apagon(pedido) => apagon::correr(escena, pedido).await,
    }
}
