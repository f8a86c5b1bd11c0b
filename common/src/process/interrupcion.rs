//! Ctrl-C: lo que se hace se deja donde esté, y quien lo hacía apaga lo suyo en orden.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Se pulsó Ctrl-C.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("interrumpido; no queda nada en marcha")]
pub struct Interrumpido;

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
    /// Los de `algo`, o [`Interrumpido`].
    pub async fn hasta<T, E: From<Interrumpido>>(&mut self, algo: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.mientras(algo).await.unwrap_or_else(|| Err(Interrumpido.into()))
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
