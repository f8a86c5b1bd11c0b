//! Una suite propia con todo lo que hace falta para cargarla, romperla y auditarla.

use std::{path::Path, rc::Rc, time::Duration};

use anyhow::{Context as _, bail};
use common::transport::{Contexto, Endpoint};
use juicio::{
    auditoria::{Sembrados, Veredicto},
    historia::Historia,
};

use crate::{
    base::{Base, Disponible},
    carga::{Carga, Plan, cierre},
    carpeta::vaciar,
    suite::{Solar, Suite},
};

/// Lo que tiene una operación prometida para decidirse cuando ya nada está roto.
pub const DECIDIR_MAX: Duration = Duration::from_secs(30);
/// Lo que puede tardar en volver la calma cuando ya nada está roto.
pub const CALMA_MAX: Duration = Duration::from_secs(30);

/// La suite y con qué mirarla.
pub struct Escena {
    /// Para quien la rompe y para quien la mira.
    pub suite: Rc<Suite>,
    pub endpoint: Endpoint,
    pub base: Base,
    contexto: Contexto,
    sembrados: Sembrados,
}

/// En qué acabó una carga.
pub struct CierreDeCarga {
    pub historia: Historia,
    pub veredicto: Veredicto,
    /// Lo prometido que no se decidió a tiempo.
    pub atascadas: Vec<uuid::Uuid>,
}

impl Escena {
    /// Vacía `var` y reserva en él el sitio de una suite.
    ///
    /// # Errors
    /// Si no se puede vaciar o no hay puertos.
    pub fn solar(var: &Path) -> anyhow::Result<Solar> {
        vaciar(var).with_context(|| format!("no se puede vaciar {}", var.display()))?;
        Ok(Solar::reservar(var)?)
    }

    /// Levanta la suite; los clientes entran por `clientes`, o directamente.
    ///
    /// # Errors
    /// Si no arranca o su base no contesta.
    pub async fn levantar(solar: Solar, clientes: Option<Endpoint>) -> anyhow::Result<Self> {
        let suite = Suite::levantar_en(solar, None).await?;
        let base = Base::abrir(&suite.base_de_datos()?).await?;
        let sembrados = base.sembrados().await?;
        let endpoint = clientes.unwrap_or_else(|| suite.clientes());
        Ok(Self { suite: Rc::new(suite), endpoint, base, contexto: Contexto::new(), sembrados })
    }

    /// Lo que se puede prestar ahora, y a quién.
    ///
    /// # Errors
    /// Si la base no contesta, o no hay catálogo.
    pub async fn disponible(&self) -> anyhow::Result<Disponible> {
        let disponible = self.base.disponible().await?;
        if disponible.ejemplares.is_empty() || disponible.usuarios.is_empty() {
            bail!("la suite no tiene catálogo. Corra la orden desde la carpeta del proyecto, donde está datos/");
        }
        Ok(disponible)
    }

    /// El contexto de los clientes.
    pub fn contexto(&self) -> &Contexto {
        &self.contexto
    }

    /// Pone a trabajar a los clientes.
    ///
    /// # Errors
    /// Si no hay con qué.
    pub fn cargar(&self, plan: Plan) -> anyhow::Result<Carga> {
        Ok(Carga::empezar(&self.contexto, self.endpoint.as_ref(), plan)?)
    }

    /// Acaba la carga: deja decidir lo prometido, devuelve lo prestado y audita.
    ///
    /// # Errors
    /// Si la base o el gestor no contestan.
    pub async fn cerrar(&self, carga: Carga) -> anyhow::Result<CierreDeCarga> {
        self.auditar(carga.terminar().await).await
    }

    /// Lo mismo de una historia que ya acabó.
    ///
    /// # Errors
    /// Si la base o el gestor no contestan.
    pub async fn auditar(&self, mut historia: Historia) -> anyhow::Result<CierreDeCarga> {
        let atascadas = self.base.esperar_decisiones(&historia.por_decidir(), DECIDIR_MAX).await?;
        let directo = self.suite.clientes();
        let veredicto = cierre::cerrar(directo.as_ref(), &self.base, &mut historia, &self.sembrados).await?;
        Ok(CierreDeCarga { historia, veredicto, atascadas })
    }

    /// Apaga la suite; lo que no fue bien.
    pub async fn apagar(self) -> Option<String> {
        drop(self.base);
        let suite = Rc::into_inner(self.suite)?;
        match suite.apagar().await {
            Ok(estado) if estado.success() => None,
            Ok(estado) => Some(format!("la suite se apagó con {estado}")),
            Err(e) => Some(e.to_string()),
        }
    }
}
