//! Cómo se ve el avance de una importación: la barra si hay una persona delante, y si no, una línea de vez en cuando.

use common::process::progreso::Progreso;

/// Cada cuántas filas se escribe una línea cuando no hay terminal.
const FILAS_POR_LINEA: u64 = 5_000;

/// El avance, por bytes leídos.
pub struct Avance {
    barra: Progreso,
    filas: u64,
}

impl Avance {
    /// Empieza a contar hacia `bytes`.
    pub fn new(bytes: u64) -> Self {
        Self { barra: Progreso::de_bytes(bytes), filas: 0 }
    }

    /// Se ha leído otra fila, hasta el byte `posicion`.
    pub fn fila(&mut self, posicion: u64) {
        self.filas += 1;
        if self.barra.se_ve() {
            self.barra.hasta(posicion);
            self.barra.decir(format!("{} filas", self.filas));
        } else if self.filas.is_multiple_of(FILAS_POR_LINEA) {
            self.barra.queja(&format!("{} filas leídas", self.filas));
        }
    }

    /// Una fila que no vale, sin romper la barra.
    pub fn avisar(&self, linea: &str) {
        self.barra.queja(linea);
    }
}
