//! Cuenta en el registro y en las métricas lo que le pasa al cliente rotatorio: una línea por suceso.

use super::super::{endpoint::Endpoint, socket::ErrorDeTransporte};
use crate::{
    mensajes::Fallo,
    resilience::{EstadoBreaker, rotation::Aviso, storage_calls::Noticia},
};

pub(super) struct Avisos {
    endpoints: Vec<String>,
    /// El último fallo que se contó de cada punto: cien peticiones con el mismo motivo son una línea.
    ultimo_fallo: Vec<String>,
}

impl Avisos {
    pub(super) fn new(endpoints: &[Endpoint]) -> Self {
        let endpoints: Vec<String> = endpoints.iter().map(ToString::to_string).collect();
        let ultimo_fallo = vec![String::new(); endpoints.len()];
        for endpoint in &endpoints {
            publicar(endpoint, EstadoBreaker::Cerrado);
        }
        Self { endpoints, ultimo_fallo }
    }

    pub(super) fn contar(&mut self, noticia: Noticia<'_>) {
        match noticia {
            Noticia::Aviso(aviso) => self.dar(aviso),
            Noticia::Fallo(endpoint, fallo) => self.fallo(endpoint, fallo),
            Noticia::NoEntendida(endpoint, motivo) => self.no_entendida(endpoint, motivo),
            Noticia::Basura(endpoint) => {
                metrics::counter!("anaquel_mensajes_descartados_total", "motivo" => "resultado").increment(1);
                tracing::debug!("{} envió algo que no es una respuesta", self.endpoints[endpoint]);
            }
            Noticia::Saturado => metrics::counter!("anaquel_llamadas_rechazadas_total").increment(1),
        }
    }

    fn dar(&mut self, aviso: Aviso) {
        match aviso {
            Aviso::Circuito { endpoint, estado, motivo } => {
                let nombre = &self.endpoints[endpoint];
                let motivo = motivo.as_str();
                if estado == EstadoBreaker::Abierto {
                    tracing::warn!("circuito {estado} para {nombre}: {motivo}");
                } else {
                    tracing::info!("circuito {estado} para {nombre}: {motivo}");
                }
                if estado == EstadoBreaker::Cerrado {
                    self.ultimo_fallo[endpoint].clear();
                }
                publicar(nombre, estado);
                metrics::counter!("anaquel_breaker_transiciones_total",
                    "endpoint" => nombre.clone(), "a" => estado.as_str())
                .increment(1);
            }
            Aviso::Rotacion { endpoint, intento, intentos_max } => {
                let nombre = &self.endpoints[endpoint];
                tracing::info!("conectando con {nombre} (intento {intento}/{intentos_max})");
            }
            Aviso::SinRespuesta { endpoint, espera } => {
                let (nombre, segundos) = (&self.endpoints[endpoint], espera.as_secs_f64());
                tracing::warn!("sin respuesta de {nombre} en {segundos} s");
            }
            Aviso::Conectado { endpoint, de_nuevo: true } => {
                tracing::info!("conexión restablecida con {}", self.endpoints[endpoint]);
            }
            Aviso::Conectado { endpoint, de_nuevo: false } => {
                tracing::info!("conectado con {}", self.endpoints[endpoint]);
            }
            Aviso::Desconectado { endpoint, llamadas } => {
                let nombre = &self.endpoints[endpoint];
                tracing::warn!("conexión perdida con {nombre}: {llamadas} llamadas en vuelo van a otro punto");
            }
        }
    }

    fn fallo(&mut self, endpoint: usize, fallo: &Fallo) {
        if self.ultimo_fallo[endpoint] != fallo.motivo {
            self.ultimo_fallo[endpoint].clone_from(&fallo.motivo);
            tracing::warn!("{} contesta que no puede: {}", self.endpoints[endpoint], fallo.motivo);
        }
    }

    /// Se dice como un fallo, una vez mientras no cambie: no lo es, pero alguien ha de actualizar ese endpoint.
    fn no_entendida(&mut self, endpoint: usize, motivo: &str) {
        metrics::counter!("anaquel_peticiones_no_entendidas_total", "endpoint" => self.endpoints[endpoint].clone())
            .increment(1);
        if self.ultimo_fallo[endpoint] != motivo {
            motivo.clone_into(&mut self.ultimo_fallo[endpoint]);
            tracing::warn!("{} no entiende una petición, ¿es de otra versión?: {motivo}", self.endpoints[endpoint]);
        }
    }

    pub(super) fn zocalo_roto(&self, endpoint: usize, error: &ErrorDeTransporte) {
        tracing::error!("zócalo de {}: {error}", self.endpoints[endpoint]);
    }
}

fn publicar(endpoint: &str, estado: EstadoBreaker) {
    metrics::gauge!("anaquel_breaker_estado", "endpoint" => endpoint.to_owned()).set(f64::from(estado.nivel()));
}
