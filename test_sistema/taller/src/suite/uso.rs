//! Qué almacén trabaja: los actores y el gestor se quedan con uno mientras les conteste.

use super::{Suite, calma::ALMACENES};
use crate::metricas::metrica;

impl Suite {
    /// El gestor de almacenamiento que más operaciones decidió mientras se hacía `algo`.
    pub async fn almacen_en_uso<T>(&self, algo: impl Future<Output = T>) -> (&'static str, T) {
        let antes = [self.decididas(ALMACENES[0]).await, self.decididas(ALMACENES[1]).await];
        let hecho = algo.await;
        let despues = [self.decididas(ALMACENES[0]).await, self.decididas(ALMACENES[1]).await];
        let reserva = despues[1] - antes[1] > despues[0] - antes[0];
        (ALMACENES[usize::from(reserva)], hecho)
    }

    async fn decididas(&self, almacen: &str) -> f64 {
        let pagina = self.metricas(almacen).await.unwrap_or_default();
        metrica(&pagina, "anaquel_lotes_operaciones_total", &[]).unwrap_or(0.0)
    }
}
