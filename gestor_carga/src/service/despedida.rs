//! Decide cómo se va el gestor: termina lo que está en vuelo, promete lo que queda, y se va a tiempo.

use std::time::{Duration, Instant};

use common::tiempos::{DESPEDIDA, PROMETER, TERMINAR};

use super::{ErrorDeServicio, Servicio, Suceso, hasta, internos};

impl Servicio {
    /// Ya no se lee a los clientes: quien envíe ahora no recibe respuesta y repetirá con el mismo id.
    pub(super) async fn despedirse(mut self) -> Result<(), ErrorDeServicio> {
        let fin = Instant::now() + DESPEDIDA;
        self.listo.fijar(false);
        self.seguir(TERMINAR, |yo| yo.machine.foto().esperas > 0 || yo.consultas.cuantas() > 0).await?;
        self.machine.anotar_todo();
        self.girar();
        self.seguir(PROMETER, |yo| yo.machine.hay_promesas_por_hacer()).await?;
        let foto = self.machine.foto();
        tracing::info!(prometidas = foto.operaciones, sin_respuesta = foto.esperas, "gestor de carga parado");
        self.diario.cerrar(fin.saturating_duration_since(Instant::now())).await;
        Ok(())
    }

    async fn seguir(&mut self, plazo: Duration, falta: impl Fn(&Self) -> bool) -> Result<(), ErrorDeServicio> {
        let fin = Instant::now() + plazo;
        while falta(self) && Instant::now() < fin {
            let plazo = self.proximo_plazo().map_or(fin, |p| p.min(fin));
            let suceso = tokio::select! {
                suceso = internos(&mut self.difusion, &mut self.informes, &mut self.almacen, &mut self.diario) => suceso?,
                () = hasta(Some(plazo)) => Suceso::Plazo,
            };
            self.atender(suceso)?;
            self.leer_lo_interno()?;
            self.girar();
        }
        Ok(())
    }
}
