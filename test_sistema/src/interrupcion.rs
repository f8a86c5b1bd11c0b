//! Ctrl-C: lo que se hace se deja donde esté, y quien lo hacía apaga lo suyo en orden.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Ctrl-C, atendido.
pub struct Interrupcion(Signal);

impl Interrupcion {
    /// Desde ahora Ctrl-C no mata: interrumpe a quien pasa por [`Interrupcion::hasta`].
    ///
    /// # Errors
    /// Si el sistema no deja atender la señal.
    pub fn atender() -> io::Result<Self> {
        signal(SignalKind::interrupt()).map(Self)
    }

    /// Hace `algo` hasta que acabe o lo interrumpan, también si fue antes de empezar.
    ///
    /// # Errors
    /// Los de `algo`, o que se interrumpió.
    pub async fn hasta<T>(&mut self, algo: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        self.mientras(algo).await.unwrap_or_else(|| Err(anyhow::anyhow!("interrumpido; no queda nada en marcha")))
    }

    /// Lo mismo, para quien sabe qué hacer si lo interrumpen: `None`.
    pub async fn mientras<T>(&mut self, algo: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            _ = self.0.recv() => None,
            hecho = algo => Some(hecho),
        }
    }
}
