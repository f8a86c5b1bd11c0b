//! La barra: cuánto falta de lo que se carga o se mide.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Cada cuánto se mueve aunque no haya novedad.
const TIC: Duration = Duration::from_millis(500);

/// Una barra en marcha; desaparece al acabar.
pub struct Progreso(ProgressBar);

impl Progreso {
    /// La de una carga de `filas`.
    #[must_use]
    pub fn de_filas(filas: u64) -> Self {
        Self::con_forma(filas, "  {bar:40} {human_pos}/{human_len} filas · quedan {eta}")
    }

    /// La de algo que se mide durante `segundos`.
    #[must_use]
    pub fn de_segundos(segundos: u64) -> Self {
        Self::con_forma(segundos, "  {bar:40} {pos}/{len} s · quedan {eta} · {msg}")
    }

    /// La de algo que se hace tantas veces.
    #[must_use]
    pub fn de_veces(cuantas: usize) -> Self {
        Self::con_forma(u64::try_from(cuantas).unwrap_or(0), "  {bar:40} {pos}/{len} · quedan {eta} · {msg}")
    }

    fn con_forma(largo: u64, forma: &str) -> Self {
        let forma = ProgressStyle::with_template(forma).unwrap_or_else(|_| ProgressStyle::default_bar());
        let barra = ProgressBar::new(largo).with_style(forma);
        barra.enable_steady_tick(TIC);
        Self(barra)
    }

    /// Avanza.
    pub fn avanzar(&self, cuanto: u64) {
        self.0.inc(cuanto);
    }

    /// Dice qué se hace ahora.
    pub fn decir(&self, que: String) {
        self.0.set_message(que);
    }

    /// Escribe una línea por encima.
    pub fn linea(&self, texto: &str) {
        self.0.suspend(|| println!("{texto}"));
    }

    /// Se quita.
    pub fn acabar(&self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Progreso {
    fn drop(&mut self) {
        self.acabar();
    }
}
