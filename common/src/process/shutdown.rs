//! Cuándo hay que irse: SIGTERM o SIGINT.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Espera la orden de apagado. Se registra al crearse: desde entonces SIGTERM ya no mata.
pub struct Apagado {
    sigterm: Signal,
    sigint: Signal,
}

impl Apagado {
    /// Se apunta a las dos señales.
    ///
    /// # Errors
    /// Si el sistema no lo permite.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self { sigterm: signal(SignalKind::terminate())?, sigint: signal(SignalKind::interrupt())? })
    }

    /// Espera a la primera señal; dice cuál fue. Se puede cancelar.
    pub async fn pedido(&mut self) -> &'static str {
        tokio::select! {
            _ = self.sigterm.recv() => "SIGTERM",
            _ = self.sigint.recv() => "SIGINT",
        }
    }
}
