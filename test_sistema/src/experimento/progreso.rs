//! Las barras: cuánto falta de todo el experimento y de la ejecución de ahora. Sin terminal, una línea por ejecución.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::time::{Instant, sleep};

/// Cada cuánto se mueven.
const TIC: Duration = Duration::from_millis(250);
/// Lo que se cuenta que tarda una ejecución además de su ventana, en milisegundos: lo dice la primera, y esto hasta
/// entonces.
const PREPARAR_MS: u64 = 2_500;

/// Las barras en marcha; desaparecen al acabar.
pub struct Progreso {
    barras: MultiProgress,
    todo: ProgressBar,
    ahora: ProgressBar,
    ventana: Duration,
    hechas: u64,
    cuantas: u64,
    reloj: Instant,
    /// Lo que van tardando las hechas ahora.
    tardan: Option<Duration>,
    hechas_ahora: u32,
}

impl Progreso {
    /// Las de `cuantas` ejecuciones con una ventana de `segundos`, de las que `hechas` ya lo están.
    #[must_use]
    pub fn de(cuantas: usize, hechas: usize, segundos: u64) -> Self {
        let [cuantas, hechas] = [cuantas, hechas].map(|n| u64::try_from(n).unwrap_or(0));
        let barras = MultiProgress::new();
        let con_forma = |largo, forma: &str| {
            let forma = ProgressStyle::with_template(forma).unwrap_or_else(|_| ProgressStyle::default_bar());
            barras.add(ProgressBar::new(largo).with_style(forma))
        };
        let todo = con_forma(cuantas, "  {bar:40} {pos}/{len} ejecuciones · {msg}");
        let ahora = con_forma(segundos * 1_000, "  {bar:40} {msg}");
        todo.set_position(hechas);
        let ventana = Duration::from_secs(segundos);
        let esta = Self {
            barras,
            todo,
            ahora,
            ventana,
            hechas,
            cuantas,
            reloj: Instant::now(),
            tardan: None,
            hechas_ahora: 0,
        };
        esta.decir_cuanto_queda(Duration::ZERO);
        esta
    }

    /// Dice qué se prepara.
    pub fn preparar(&self, que: &str) {
        self.ahora.set_position(0);
        self.ahora.set_message(format!("{que} · se prepara"));
        self.decir_cuanto_queda(Duration::ZERO);
    }

    /// Mueve las barras hasta el final de la ventana, que ya empezó.
    pub async fn seguir(&self, que: &str, inicio: Instant) {
        while inicio.elapsed() < self.ventana {
            let va = inicio.elapsed();
            self.ahora.set_position(u64::try_from(va.as_millis()).unwrap_or(u64::MAX));
            self.ahora.set_message(format!("{que} · quedan {}", reloj(self.ventana.saturating_sub(va))));
            self.decir_cuanto_queda(va);
            sleep(TIC.min(self.ventana.saturating_sub(va))).await;
        }
    }

    /// Una ejecución más, hecha; dice `linea`.
    pub fn hecha(&mut self, linea: &str) {
        self.hechas += 1;
        self.hechas_ahora += 1;
        self.tardan = Some(self.reloj.elapsed() / self.hechas_ahora);
        self.todo.set_position(self.hechas);
        self.linea(&format!("[{}/{}] {linea}", self.hechas, self.cuantas));
    }

    /// Escribe una línea por encima de las barras.
    pub fn linea(&self, texto: &str) {
        self.barras.suspend(|| println!("  {texto}"));
    }

    fn decir_cuanto_queda(&self, va: Duration) {
        let una = self.tardan.unwrap_or(self.ventana + Duration::from_millis(PREPARAR_MS));
        let faltan = u32::try_from(self.cuantas.saturating_sub(self.hechas)).unwrap_or(u32::MAX);
        self.todo.set_message(format!("quedan {}", reloj((una * faltan).saturating_sub(va))));
    }
}

impl Drop for Progreso {
    fn drop(&mut self) {
        self.ahora.finish_and_clear();
        self.todo.finish_and_clear();
    }
}

/// Minutos y segundos.
fn reloj(cuanto: Duration) -> String {
    let segundos = cuanto.as_secs_f64().ceil();
    let (minutos, resto) = ((segundos / 60.0).floor(), segundos % 60.0);
    if minutos > 0.0 { format!("{minutos:.0} min {resto:.0} s") } else { format!("{resto:.0} s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lo_que_queda_se_dice_en_minutos_y_segundos() {
        assert_eq!(reloj(Duration::from_millis(9_200)), "10 s");
        assert_eq!(reloj(Duration::from_secs(125)), "2 min 5 s");
    }
}
