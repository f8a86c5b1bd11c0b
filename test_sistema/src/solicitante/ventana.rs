//! Decide cuándo empieza y cuándo acaba el tiempo de un solicitante, y desde cuándo se cuentan sus instantes.

use std::{
    io::{self, Write as _},
    time::Duration,
};

use anyhow::Context as _;
use tokio::time::Instant;

use super::reloj::{ahora_us, instante};

/// Lo que dura un solicitante sin ventana: lo que dure su archivo.
const SIN_FIN: Duration = Duration::from_hours(366 * 24);

/// El tiempo de un solicitante.
#[derive(Clone, Copy, Debug)]
pub struct Ventana {
    inicio_us: u64,
    fin: Option<Instant>,
}

impl Ventana {
    /// Empieza ahora, o, a la señal, en el instante que se lea por la entrada después de decir «listo».
    ///
    /// # Errors
    /// Si por la entrada no llega un instante.
    pub fn abrir(segundos: Option<u64>, a_la_senal: bool) -> anyhow::Result<Self> {
        let inicio_us = if a_la_senal { senal()? } else { ahora_us() };
        let fin = segundos.map(|s| instante(inicio_us + s * 1_000_000));
        Ok(Self { inicio_us, fin })
    }

    /// Los microsegundos desde el principio.
    pub fn desde(&self, us: u64) -> u64 {
        us.saturating_sub(self.inicio_us)
    }

    /// Si tiene un final, aparte del del archivo.
    pub fn con_fin(&self) -> bool {
        self.fin.is_some()
    }

    /// Hasta cuándo se espera una respuesta.
    pub fn fin(&self) -> Instant {
        self.fin.unwrap_or_else(|| Instant::now() + SIN_FIN)
    }

    /// Cuánto queda.
    pub fn queda(&self) -> Duration {
        self.fin().saturating_duration_since(Instant::now())
    }

    /// Si ya acabó.
    pub fn cerrada(&self) -> bool {
        self.queda().is_zero()
    }
}

/// Dice que está listo y espera la señal. Quien la da es quien lanzó este proceso: si muere, la entrada se cierra.
fn senal() -> anyhow::Result<u64> {
    println!("listo");
    io::stdout().flush()?;
    let mut linea = String::new();
    io::stdin().read_line(&mut linea)?;
    linea.trim().parse().context("por la entrada no llegó el instante en que se empieza")
}
