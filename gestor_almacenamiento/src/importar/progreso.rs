//! Decide cómo se ve el avance: una barra si hay una persona delante, y si no, una línea de vez en cuando.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

/// Cada cuántas filas se escribe una línea cuando no hay terminal.
const FILAS_POR_LINEA: u64 = 5_000;

/// El avance de una importación, por bytes leídos.
pub struct Progreso {
    barra: Option<ProgressBar>,
    filas: u64,
}

impl Progreso {
    /// Empieza a contar hacia `bytes`.
    #[must_use]
    pub fn nuevo(bytes: u64) -> Self {
        let barra = std::io::stderr().is_terminal().then(|| {
            let estilo = ProgressStyle::with_template("{bar:40} {percent:>3} %  {msg}  faltan {eta}")
                .expect("la plantilla es constante");
            ProgressBar::new(bytes).with_style(estilo)
        });
        Self { barra, filas: 0 }
    }

    /// Se ha leído otra fila, hasta el byte `posicion`.
    pub fn fila(&mut self, posicion: u64) {
        self.filas += 1;
        match &self.barra {
            Some(barra) => {
                barra.set_position(posicion);
                barra.set_message(format!("{} filas", self.filas));
            }
            None if self.filas.is_multiple_of(FILAS_POR_LINEA) => eprintln!("{} filas leídas", self.filas),
            None => {}
        }
    }

    /// Una línea para la persona, sin romper la barra.
    pub fn avisar(&self, linea: &str) {
        match &self.barra {
            Some(barra) => barra.println(linea),
            None => eprintln!("{linea}"),
        }
    }

    /// Quita la barra.
    pub fn terminar(&self) {
        if let Some(barra) = &self.barra {
            barra.finish_and_clear();
        }
    }
}
