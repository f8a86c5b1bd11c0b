//! El lado de quien pregunta: conecta, dice una línea y espera otra, con plazo.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use common::tiempos::ORDEN_AL_LANZADOR;

use super::{LINEA_MAX, Mandato, RespuestaDelLanzador, ZOCALO};
use crate::zocalo::Ruta;

/// Decir cómo está todo no espera a nadie: más es que el lanzador está parado o colgado.
const PLAZO_DE_ESTADO: Duration = Duration::from_secs(3);

/// Por qué no hubo respuesta.
#[derive(Debug, thiserror::Error)]
pub enum ErrorDeControl {
    /// Nadie escucha en ese directorio.
    #[error("no hay una suite en marcha en {0}. Arránquela con «anaquel servir», o nombre la suya en ANAQUEL_VAR")]
    SinSuite(String),
    /// Escucha, pero no contestó bien.
    #[error("la suite no contestó: {0}. Mire qué dice en su terminal")]
    SinRespuesta(io::Error),
}

/// Pide algo a la suite de un directorio y espera su respuesta.
///
/// # Errors
/// Si no hay suite o no contesta a tiempo.
pub fn pedir(var: &Path, orden: &Mandato) -> Result<RespuestaDelLanzador, ErrorDeControl> {
    let zocalo = Ruta::new(var, ZOCALO)
        .and_then(|r| UnixStream::connect(&r.ruta))
        .map_err(|_| ErrorDeControl::SinSuite(var.display().to_string()))?;
    conversar(zocalo, orden).map_err(ErrorDeControl::SinRespuesta)
}

fn conversar(mut zocalo: UnixStream, orden: &Mandato) -> io::Result<RespuestaDelLanzador> {
    let plazo = if matches!(orden, Mandato::Estado) { PLAZO_DE_ESTADO } else { ORDEN_AL_LANZADOR };
    zocalo.set_read_timeout(Some(plazo))?;
    zocalo.set_write_timeout(Some(plazo))?;
    let mut linea = serde_json::to_string(orden)?;
    linea.push('\n');
    zocalo.write_all(linea.as_bytes())?;
    linea.clear();
    BufReader::new(zocalo.take(LINEA_MAX)).read_line(&mut linea)?;
    Ok(serde_json::from_str(&linea)?)
}
