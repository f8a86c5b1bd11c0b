//! La barra de un experimento: lo que va de todas sus ejecuciones. Sin terminal, una línea por ejecución.

use std::time::Duration;

use common::process::progreso::Progreso;
use tokio::time::{Instant, sleep};

/// Cada cuánto se mueve.
const TIC: Duration = Duration::from_millis(250);

/// La barra en marcha; desaparece al acabar.
pub struct Avance {
    barra: Progreso,
    ventana: Duration,
    hechas: u64,
    cuantas: u64,
}

impl Avance {
    /// La de `cuantas` ejecuciones con una ventana de `segundos`, de las que `hechas` ya lo están.
    pub fn de(cuantas: usize, hechas: usize, segundos: u64) -> Self {
        let [cuantas, hechas] = [cuantas, hechas].map(|n| u64::try_from(n).unwrap_or(0));
        let barra = Progreso::de_segundos(cuantas * segundos);
        Self { barra, ventana: Duration::from_secs(segundos), hechas, cuantas }
    }

    /// Dice qué se prepara.
    pub fn preparar(&self, que: &str) {
        self.mover(Duration::ZERO, &format!("{que} · se prepara"));
    }

    /// Mueve la barra hasta el final de la ventana, que ya empezó.
    pub async fn seguir(&self, que: &str, inicio: Instant) {
        while inicio.elapsed() < self.ventana {
            let va = inicio.elapsed();
            self.mover(va, que);
            sleep(TIC.min(self.ventana.saturating_sub(va))).await;
        }
    }

    /// Una ejecución más, hecha; dice `linea`.
    pub fn hecha(&mut self, linea: &str) {
        self.hechas += 1;
        self.barra.linea(&format!("  [{}/{}] {linea}", self.hechas, self.cuantas));
    }

    fn mover(&self, va: Duration, que: &str) {
        self.barra.hasta(self.hechas * self.ventana.as_secs() + va.as_secs());
        self.barra.decir(format!("[{}/{}] {que}", self.hechas + 1, self.cuantas));
    }
}
