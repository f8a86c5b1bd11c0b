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
    pub(super) fn nuevo(endpoints: &[Endpoint]) -> Self {
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
            Noticia::Fallo(punto, fallo) => self.fallo(punto, fallo),
            Noticia::NoEntendida(punto, motivo) => self.no_entendida(punto, motivo),
            Noticia::Basura(punto) => {
                metrics::counter!("anaquel_mensajes_descartados_total", "motivo" => "resultado").increment(1);
                tracing::debug!("{} envió algo que no es una respuesta", self.endpoints[punto]);
            }
            Noticia::Saturado => metrics::counter!("anaquel_llamadas_rechazadas_total").increment(1),
        }
    }

    fn dar(&mut self, aviso: Aviso) {
        match aviso {
            Aviso::Circuito { punto, estado, motivo } => {
                let endpoint = &self.endpoints[punto];
                let motivo = motivo.as_str();
                if estado == EstadoBreaker::Abierto {
                    tracing::warn!("circuito {estado} para {endpoint}: {motivo}");
                } else {
                    tracing::info!("circuito {estado} para {endpoint}: {motivo}");
                }
                if estado == EstadoBreaker::Cerrado {
                    self.ultimo_fallo[punto].clear();
                }
                publicar(endpoint, estado);
                metrics::counter!("anaquel_breaker_transiciones_total",
                    "endpoint" => endpoint.clone(), "a" => estado.as_str())
                .increment(1);
            }
            Aviso::Rotacion { punto, intento, intentos_max } => {
                let endpoint = &self.endpoints[punto];
                tracing::info!("conectando con {endpoint} (intento {intento}/{intentos_max})");
            }
            Aviso::SinRespuesta { punto, espera } => {
                let (endpoint, segundos) = (&self.endpoints[punto], espera.as_secs_f64());
                tracing::warn!("sin respuesta de {endpoint} en {segundos} s");
            }
            Aviso::Conectado { punto, de_nuevo: true } => {
                tracing::info!("conexión restablecida con {}", self.endpoints[punto]);
            }
            Aviso::Conectado { punto, de_nuevo: false } => {
                tracing::info!("conectado con {}", self.endpoints[punto]);
            }
            Aviso::Desconectado { punto, llamadas } => {
                let endpoint = &self.endpoints[punto];
                tracing::warn!("conexión perdida con {endpoint}: {llamadas} llamadas en vuelo van a otro punto");
            }
        }
    }

    fn fallo(&mut self, punto: usize, fallo: &Fallo) {
        if self.ultimo_fallo[punto] != fallo.motivo {
            self.ultimo_fallo[punto].clone_from(&fallo.motivo);
            tracing::warn!("{} contesta que no puede: {}", self.endpoints[punto], fallo.motivo);
        }
    }

    /// Se dice como un fallo, una vez mientras no cambie: no lo es, pero alguien ha de actualizar ese punto.
    fn no_entendida(&mut self, punto: usize, motivo: &str) {
        metrics::counter!("anaquel_peticiones_no_entendidas_total", "endpoint" => self.endpoints[punto].clone())
            .increment(1);
        if self.ultimo_fallo[punto] != motivo {
            motivo.clone_into(&mut self.ultimo_fallo[punto]);
            tracing::warn!("{} no entiende una petición, ¿es de otra versión?: {motivo}", self.endpoints[punto]);
        }
    }

    pub(super) fn zocalo_roto(&self, punto: usize, error: &ErrorDeTransporte) {
        tracing::error!("zócalo de {}: {error}", self.endpoints[punto]);
    }
}

fn publicar(endpoint: &str, estado: EstadoBreaker) {
    metrics::gauge!("anaquel_breaker_estado", "endpoint" => endpoint.to_owned()).set(f64::from(estado.nivel()));
}
