//! Pone errores a propósito en una copia del árbol, uno a uno, y mira quién los caza: un error que nadie nota es una
//! comprobación que falta.
//!
//! - [`ficha`]: qué se cambia y quién ha de cazarlo, leído de `test_sistema/mutantes/`.
//! - [`taller`]: la copia, lo que se compila y lo que se corre.

pub mod ficha;
pub mod taller;

use std::path::PathBuf;

use common::process::interrupcion::Interrupcion;
use ficha::FichaDeMutante;
use taller::{Caza, Taller};

/// Pone errores a propósito en una copia del árbol y dice qué comprobación caza cada uno
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "mutantes")]
pub struct Argumentos {
    /// Solo los que llevan este texto en su nombre
    #[arg(long)]
    solo: Option<String>,
    /// Semillas que se simulan contra cada uno, como mucho
    #[arg(long, default_value_t = 20_000)]
    semillas: u64,
    /// La raíz del árbol
    #[arg(long, default_value = ".")]
    raiz: PathBuf,
    /// Dónde se deja la copia y lo que se compila
    #[arg(long, default_value = "target/mutantes")]
    taller: PathBuf,
}

/// Prueba cada mutante; `true` si todos se cazaron.
///
/// # Errors
/// Si uno no aplica o no compila, si el árbol sano falla, o si se interrumpe.
pub async fn correr(pedido: &Argumentos) -> anyhow::Result<bool> {
    let mut fichas = ficha::todas(&pedido.raiz)?;
    fichas.retain(|f| pedido.solo.as_ref().is_none_or(|solo| f.nombre.contains(solo.as_str())));
    anyhow::ensure!(!fichas.is_empty(), "no hay ningún mutante con ese nombre en {}", ficha::CARPETA);
    let mut interrupcion = Interrupcion::atender()?;
    let taller = Taller::new(&pedido.raiz, &pedido.taller, pedido.semillas)?;
    interrupcion.hasta(probar(&taller, &fichas)).await
}

async fn probar(taller: &Taller, fichas: &[FichaDeMutante]) -> anyhow::Result<bool> {
    taller.comprobar_el_arbol_sano().await?;
    let mut vivos = 0;
    println!("{:<44} {:<16} {:>8}  cómo", "mutante", "lo caza", "segundos");
    for ficha in fichas {
        let Caza { quien, como, duro } = taller.probar(ficha).await?;
        vivos += usize::from(quien.is_none());
        println!("{:<44} {:<16} {:>8.1}  {como}", ficha.nombre, quien.unwrap_or("NADIE"), duro.as_secs_f64());
    }
    println!("\n{} mutantes, {} cazados, {vivos} vivos", fichas.len(), fichas.len() - vivos);
    Ok(vivos == 0)
}
