//! Los dos simulacros de siempre, con `anaquel parar` y `anaquel iniciar`: muere el almacén; mueren los actores.

use std::time::Duration;

use common::{
    dominio::{Comando, Estado, Objeto},
    mensajes::Solicitud,
    transport::cliente::{Cliente, Paciencia},
};
use juicio::historia::Vista;
use taller::{
    carga::cierre::pedir_comando,
    funcional::{self, Libreta},
};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{Demo, titulo};

/// Plazos de la segunda prueba.
const PENDIENTE_MAX: Duration = Duration::from_secs(1);
const APLICARSE_MAX: Duration = Duration::from_secs(2);
const VUELTA_MAX: Duration = Duration::from_secs(15);

impl Demo<'_> {
    /// Se para el almacén en uso y la prueba sigue verde; vuelve, se para el otro, y también.
    pub(super) async fn prueba_1(&mut self) -> anyhow::Result<()> {
        let (suite, endpoint) = (self.suite, self.endpoint.clone());
        let mut libreta = Libreta::callada();
        let (primero, resumen) = suite.almacen_en_uso(funcional::correr(endpoint.as_ref(), &mut libreta)).await;
        self.tropiezos.extend(resumen?.mal);
        let otro = if primero == "backup_almacen" { "gestor_almacenamiento" } else { "backup_almacen" };
        for (parado, que) in [(primero, "parado el almacén en uso"), (otro, "vuelto aquel y parado el otro")] {
            self.suite.parar(parado).await?;
            self.funcional(&format!("Prueba 1: {que} ({parado})")).await?;
            self.suite.iniciar(parado).await?;
            let vuelta = self.suite.esperar_vuelta(parado, 0, VUELTA_MAX).await;
            self.comprobar(&format!("{parado} vuelve a participar: todos los circuitos, cerrados"), vuelta.is_ok());
        }
        self.funcional("Prueba 1: con los dos otra vez").await
    }

    /// Sin actores de préstamo el gestor promete; lo prometido sobrevive a su muerte y se aplica solo.
    pub(super) async fn prueba_2(&mut self) -> anyhow::Result<()> {
        titulo("Prueba 2: sin actores de préstamo");
        let disponible = self.base.disponible().await?;
        let (Some((ejemplar, _)), Some(usuario)) = (disponible.ejemplares.last(), disponible.usuarios.last()) else {
            anyhow::bail!("no queda nada libre que prestar");
        };
        let prestamo = Comando::Prestamo { usuario: *usuario, objeto: Objeto::Ejemplar(*ejemplar), sede: None };
        let devolucion = Comando::Devolucion { usuario: None, objeto: Objeto::Ejemplar(*ejemplar), sede: None };
        self.suite.parar("actor_prestamo_1").await?;
        let vista = self.operar(&prestamo).await?.1;
        self.comprobar("con un actor parado, el préstamo se aplica", vista.exito);
        self.operar(&devolucion).await?;
        self.suite.parar("actor_prestamo_2").await?;
        let desde = Instant::now();
        let (id, vista) = self.operar(&prestamo).await?;
        let tardo = desde.elapsed();
        let que = format!("con los dos parados, queda pendiente en menos de 1 s ({} ms)", tardo.as_millis());
        self.comprobar(&que, vista.estado == Estado::Pendiente && tardo < PENDIENTE_MAX);
        let pid = self.suite.matar("gestor_carga")?;
        self.suite.esperar_vuelta("gestor_carga", pid, VUELTA_MAX).await?;
        let vista = self.preguntar_por(id).await?;
        self.comprobar("la promesa sobrevive a un kill -9 del gestor", vista.estado == Estado::Pendiente);
        self.suite.iniciar("actor_prestamo_1").await?;
        let desde = Instant::now();
        while self.preguntar_por(id).await?.estado == Estado::Pendiente && desde.elapsed() < APLICARSE_MAX {
            sleep(Duration::from_millis(10)).await;
        }
        let vista = self.preguntar_por(id).await?;
        let que = format!("vuelto un actor, se aplica sola en menos de 2 s ({} ms)", desde.elapsed().as_millis());
        self.comprobar(&que, vista.estado == Estado::Aplicada);
        self.suite.iniciar("actor_prestamo_2").await?;
        self.operar(&devolucion).await?;
        Ok(())
    }

    /// Pide `comando` con un id nuevo, y lo apunta en la historia que se audita.
    async fn operar(&mut self, comando: &Comando) -> anyhow::Result<(Uuid, Vista)> {
        let mut cliente = Cliente::conectar(&self.contexto, self.endpoint.as_ref())?;
        let (id, cuerpo) = pedir_comando(&mut cliente, comando, &mut self.historia).await?;
        let vista = Vista::leer(&cuerpo).ok_or_else(|| anyhow::anyhow!("el gestor no contestó una respuesta"))?;
        Ok((id, vista))
    }

    async fn preguntar_por(&mut self, id: Uuid) -> anyhow::Result<Vista> {
        let mut cliente = Cliente::conectar(&self.contexto, self.endpoint.as_ref())?;
        let contestacion = cliente.pedir(&Solicitud::por(id).escribir(), Paciencia::de_persona()).await?;
        self.historia.vista(&contestacion.cuerpo);
        Vista::leer(&contestacion.cuerpo).ok_or_else(|| anyhow::anyhow!("el gestor no contestó una respuesta"))
    }
}
