//! La barra: cuánto falta de lo que se carga, se mide o se repite. La única; sin terminal no se ve, y lo que se dice por
//! encima de ella sale igual.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Cada cuánto se mueve aunque no haya novedad.
const TIC: Duration = Duration::from_millis(500);

/// Una barra en marcha; desaparece al acabar.
pub struct Progreso(ProgressBar);

impl Progreso {
    /// La de un archivo de `bytes`.
    pub fn de_bytes(bytes: u64) -> Self {
        Self::con_forma(bytes, "  {bar:40} {percent:>3} % · quedan {eta} · {msg}")
    }

    /// La de una carga de `filas`.
    pub fn de_filas(filas: u64) -> Self {
        Self::con_forma(filas, "  {bar:40} {human_pos}/{human_len} filas · quedan {eta}")
    }

    /// La de algo que se mide durante `segundos`.
    pub fn de_segundos(segundos: u64) -> Self {
        Self::con_forma(segundos, "  {bar:40} {pos}/{len} s · quedan {eta} · {msg}")
    }

    /// La de algo que se hace tantas veces.
    pub fn de_veces(cuantas: u64) -> Self {
        Self::con_forma(cuantas, "  {bar:40} {pos}/{len} · quedan {eta} · {msg}")
    }

    fn con_forma(largo: u64, forma: &str) -> Self {
        let forma = ProgressStyle::with_template(forma).unwrap_or_else(|_| ProgressStyle::default_bar());
        let barra = ProgressBar::new(largo).with_style(forma);
        barra.enable_steady_tick(TIC);
        Self(barra)
    }

    /// Si hay quien la vea.
    pub fn se_ve(&self) -> bool {
        !self.0.is_hidden()
    }

    /// Avanza.
    pub fn avanzar(&self, cuanto: u64) {
        self.0.inc(cuanto);
    }

    /// Llega hasta ahí.
    pub fn hasta(&self, donde: u64) {
        self.0.set_position(donde);
    }

    /// Dice qué se hace ahora.
    pub fn decir(&self, que: String) {
        self.0.set_message(que);
    }

    /// Escribe una línea por encima, en la salida.
    pub fn linea(&self, texto: &str) {
        self.0.suspend(|| println!("{texto}"));
    }

    /// Escribe una queja por encima, en la salida de error.
    pub fn queja(&self, texto: &str) {
        self.0.suspend(|| eprintln!("{texto}"));
    }
}

impl Drop for Progreso {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
