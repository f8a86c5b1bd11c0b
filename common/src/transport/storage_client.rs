//! El cliente rotatorio del almacenamiento: lleva a los zócalos lo que decide [`crate::resilience`].

use super::{
    endpoint::Endpoint,
    socket::{Contexto, ErrorDeTransporte},
};
use crate::{
    mensajes::{CuerpoPeticion, CuerpoResultado},
    resilience::EstadoBreaker,
};

/// El final de una llamada.
#[derive(Debug)]
pub struct Entrega {
    /// El que puso quien llamó.
    pub token: u64,
    /// Lo que contestó un punto de almacenamiento, o que ninguno lo hizo.
    pub resultado: Result<CuerpoResultado, SinServicio>,
}

/// Ningún punto de almacenamiento sirvió la llamada.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SinServicio {
    /// Algo salió y no se sabe qué fue de ello; si es `false`, es seguro que nada se hizo.
    pub algo_enviado: bool,
}

/// El cliente. Un dueño, una tarea.
pub struct StorageClient {}

impl StorageClient {
    /// Abre un DEALER por punto.
    ///
    /// # Errors
    /// [`ErrorDeTransporte::Conectar`].
    pub fn conectar(_contexto: &Contexto, _endpoints: &[Endpoint]) -> Result<Self, ErrorDeTransporte> {
        Ok(Self {})
    }

    /// Empieza una llamada; su final llega por [`StorageClient::siguiente`], siempre una vez.
    pub fn llamar(&mut self, _token: u64, _cuerpo: CuerpoPeticion) {}

    /// Espera el final de alguna llamada. Se puede cancelar.
    pub async fn siguiente(&mut self) -> Entrega {
        std::future::pending().await
    }

    /// Cada punto y el estado de su breaker.
    #[must_use]
    pub fn estados(&self) -> Vec<(Endpoint, EstadoBreaker)> {
        Vec::new()
    }
}
