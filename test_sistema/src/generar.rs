//! La suborden `generar-peticiones`: escribe un archivo de peticiones del catálogo, siempre el mismo con los mismos datos.

pub mod generador;
pub mod surtido;

use std::{fmt::Write as _, fs, path::PathBuf};

use anyhow::Context as _;
use common::{dominio::SedeId, process::orden::MAL_ESCRITO};

use self::{
    generador::{Mezcla, generar},
    surtido::{Parte, Surtido, sedes},
};
use crate::solicitante::peticiones::{LINEAS_MAX, escribir};

/// Qué lleva el archivo.
#[derive(Clone, Debug, clap::Args)]
pub struct Argumentos {
    /// Cuántas peticiones
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..i64::try_from(LINEAS_MAX).unwrap_or(1)))]
    cantidad: u32,
    /// De cada cien, cuántos préstamos, devoluciones y renovaciones
    #[arg(long, default_value = "50/30/20")]
    mezcla: Mezcla,
    /// De dónde sale el azar
    #[arg(long, default_value_t = 1)]
    semilla: u64,
    /// Solo de esta sede [por defecto: de todas]
    #[arg(long, value_parser = sede)]
    sede: Option<SedeId>,
    /// Solo una parte de los títulos y de los usuarios: los archivos de partes distintas no se estorban
    #[arg(long, default_value = "1/1")]
    parte: Parte,
    /// El catálogo
    #[arg(long, default_value = "datos/libros_10k.csv")]
    catalogo: PathBuf,
    /// Dónde se escribe [por defecto: la salida]
    #[arg(long)]
    archivo: Option<PathBuf>,
}

fn sede(texto: &str) -> Result<SedeId, String> {
    let hallada = sedes().into_iter().find(|s| s.as_str() == texto);
    hallada.ok_or_else(|| format!("las sedes son {}", sedes().map(|s| s.to_string()).join(" y ")))
}

/// Escribe el archivo; devuelve el estado de salida.
///
/// # Errors
/// Si la parte no da para una petición, o no se puede escribir.
pub fn correr(pedido: &Argumentos) -> anyhow::Result<u8> {
    let mut surtido = match Surtido::del_catalogo(&pedido.catalogo) {
        Ok(surtido) => surtido,
        Err(e) => {
            eprintln!("test_sistema: {e}");
            return Ok(MAL_ESCRITO);
        }
    };
    if let Some(sede) = pedido.sede {
        surtido = surtido.en(sede);
    }
    let cantidad = usize::try_from(pedido.cantidad).unwrap_or(LINEAS_MAX);
    let texto = texto(&surtido.parte(pedido.parte), cantidad, pedido.mezcla, pedido.semilla)?;
    match &pedido.archivo {
        Some(ruta) => fs::write(ruta, texto).with_context(|| format!("no se puede escribir {}", ruta.display()))?,
        None => print!("{texto}"),
    }
    Ok(0)
}

/// El archivo entero.
///
/// # Errors
/// Si no hay con qué componerlo.
pub fn texto(surtido: &Surtido, cantidad: usize, mezcla: Mezcla, semilla: u64) -> anyhow::Result<String> {
    let comandos = generar(surtido, cantidad, mezcla, semilla)?;
    let mut texto = format!("# {cantidad} peticiones, mezcla {mezcla}, semilla {semilla}\n");
    for comando in &comandos {
        // Escribir en un String no falla.
        let _ = writeln!(texto, "{}", escribir(comando));
    }
    Ok(texto)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solicitante::peticiones;

    #[test]
    fn lo_generado_se_lee_entero_y_con_la_misma_semilla_es_igual_byte_a_byte() {
        let catalogo = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../datos/libros_10k.csv");
        let surtido = Surtido::del_catalogo(&catalogo).expect("el catálogo está").en(sedes()[1]);
        let mezcla = "50/30/20".parse().expect("vale");
        let uno = texto(&surtido, 2_000, mezcla, 9).expect("hay con qué");
        assert_eq!(uno, texto(&surtido, 2_000, mezcla, 9).expect("hay con qué"));
        let leidas = peticiones::leer(uno.as_bytes(), &sedes()).expect("vale");
        assert_eq!(leidas.len(), 2_000);
        assert!(leidas.iter().all(|p| p.comando.sede() == Some(sedes()[1])));
    }
}
