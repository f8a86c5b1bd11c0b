//! Un programa que no sobrevive a quien lo espera, y que no detiene a los demás mientras tanto.

use std::{
    io,
    process::{Child, Command},
};

use taller::suite::morir_con_quien_lanza;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// El programa.
pub struct Hijo {
    proceso: Child,
    sigchld: Signal,
}

impl Hijo {
    /// Lo lanza en este hilo: muere con él.
    ///
    /// # Errors
    /// Los del sistema.
    pub fn lanzar(orden: &mut Command) -> io::Result<Self> {
        let sigchld = signal(SignalKind::child())?;
        morir_con_quien_lanza(orden);
        Ok(Self { proceso: orden.spawn()?, sigchld })
    }

    /// Espera a que acabe; `true` si acabó bien.
    ///
    /// # Errors
    /// Los del sistema.
    pub async fn esperar(&mut self) -> io::Result<bool> {
        loop {
            if let Some(estado) = self.proceso.try_wait()? {
                return Ok(estado.success());
            }
            self.sigchld.recv().await;
        }
    }
}

impl Drop for Hijo {
    fn drop(&mut self) {
        if matches!(self.proceso.try_wait(), Ok(None)) {
            let _ = self.proceso.kill();
            let _ = self.proceso.wait();
        }
    }
}
