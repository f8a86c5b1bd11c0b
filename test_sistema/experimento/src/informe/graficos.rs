//! Decide qué gráficos lleva un informe, y en qué orden.

mod disenos;
mod distribucion;
mod linea;
mod por_solicitantes;

use super::{dibujo::Grafico, muestras::Muestras, resumen::Resumenes};

/// Los gráficos de un experimento; falta el que no tiene de qué hacerse.
pub struct Graficos {
    /// Lo que tarda un préstamo según cuántos piden.
    pub respuesta: Option<Grafico>,
    pub contestadas: Option<Grafico>,
    pub linea: Option<Grafico>,
    /// La distribución de lo que tarda un préstamo.
    pub distribucion: Option<Grafico>,
    /// Lo que tarda un préstamo con cada diseño.
    pub disenos: Option<Grafico>,
    /// Las respuestas alrededor de la muerte con cada diseño.
    pub lineas: Option<Grafico>,
}

impl Graficos {
    /// Los de un experimento.
    pub fn de(muestras: &Muestras, resumenes: &Resumenes) -> Self {
        Self {
            respuesta: por_solicitantes::respuesta(resumenes),
            contestadas: por_solicitantes::contestadas(resumenes),
            linea: linea::de_la_peor(muestras, resumenes),
            distribucion: distribucion::de(muestras, resumenes),
            disenos: disenos::de(resumenes),
            lineas: linea::de_cada_diseno(muestras, resumenes),
        }
    }

    /// Los que hay.
    pub fn todos(&self) -> impl Iterator<Item = &Grafico> {
        [&self.respuesta, &self.distribucion, &self.contestadas, &self.linea, &self.disenos, &self.lineas]
            .into_iter()
            .flatten()
    }
}
