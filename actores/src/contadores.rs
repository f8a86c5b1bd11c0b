//! Las métricas de un actor, con sus asas guardadas: contar una operación es una suma.

use common::{
    dominio::Codigo,
    mensajes::{Desenlace, ResultadoInforme, Topico},
};
use metrics::{Counter, Gauge, counter, gauge};

pub(crate) struct Contadores {
    topico: Topico,
    /// Una por código, en el orden de [`Codigo::TODOS`]; se crean al usarse.
    decididas: Vec<Option<Counter>>,
    pub(crate) cola: Gauge,
    pub(crate) en_vuelo: Gauge,
    pub(crate) repetidas: Counter,
    pub(crate) informes_descartados: Counter,
}

impl Contadores {
    pub(crate) fn new(topico: Topico) -> Self {
        Self {
            topico,
            decididas: vec![None; Codigo::TODOS.len()],
            cola: gauge!("anaquel_actor_cola"),
            en_vuelo: gauge!("anaquel_actor_llamadas"),
            repetidas: counter!("anaquel_actor_repetidas_total"),
            informes_descartados: counter!("anaquel_actor_informes_descartados_total"),
        }
    }

    pub(crate) fn contar(&mut self, resultados: &[ResultadoInforme]) {
        for resultado in resultados {
            match &resultado.desenlace {
                Desenlace::Decidida(respuesta) => self.contar_decidida(respuesta.codigo),
                Desenlace::NoEscrita { .. } => self.contar_otra("no_escrita"),
                Desenlace::NoEntendida { .. } => self.contar_otra("no_entendida"),
                Desenlace::SinAlmacenamiento => self.contar_otra("sin_almacenamiento"),
                Desenlace::Incierta => self.contar_otra("incierta"),
            }
        }
    }

    fn contar_decidida(&mut self, codigo: Codigo) {
        let topico = self.topico.as_str();
        self.decididas[codigo as usize]
            .get_or_insert_with(|| {
                counter!("anaquel_operaciones_total",
                    "operacion" => topico, "estado" => "decidida", "codigo" => codigo.as_str())
            })
            .increment(1);
    }

    fn contar_otra(&self, estado: &'static str) {
        counter!("anaquel_operaciones_total",
            "operacion" => self.topico.as_str(), "estado" => estado, "codigo" => "")
        .increment(1);
    }
}

/// Un mensaje, o parte de él, que no se atiende.
pub(crate) fn descartar(motivo: &'static str, cuantos: usize) {
    counter!("anaquel_mensajes_descartados_total", "motivo" => motivo)
        .increment(u64::try_from(cuantos).unwrap_or(u64::MAX));
}
