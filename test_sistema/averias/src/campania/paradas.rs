//! Cada proceso parado con SIGSTOP, bajo carga: cuánto dura la pausa. A quien tiene relevo lo suplen los demás; al que no
//! (el gestor de carga y PostgreSQL), el lanzador lo da por muerto y lo levanta.

use std::time::Duration;

use anaquel::plano::{NOMBRES, POSTGRES};
use common::{
    dominio::Tipo,
    process::{hijo::senalar, progreso::Progreso},
};
use juicio::{historia::Muestra, pausas::Pausas};
use taller::{
    carga::{Carga, Plan},
    escena::Escena,
    suite::Suite,
};
use tokio::time::sleep;

use super::informe::Campania;

const CLIENTES: usize = 32;
const REPOSO: Duration = Duration::from_millis(10);
const EXITOS: usize = 50;
const VOLVER_MAX: Duration = Duration::from_secs(30);
/// Lo que puede durar la pausa.
const PAUSA_MAX_MS: u64 = 2_000;

/// Cuántas paradas.
#[derive(Clone, Debug, clap::Args)]
pub struct Argumentos {
    /// Paradas de cada proceso
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    veces: u16,
    /// Lo que se tiene parado a cada uno
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u64).range(1..=60))]
    segundos: u64,
}

/// Los procesos vuelven a andar aunque la campaña se interrumpa.
struct Parado(Vec<u32>);

impl Drop for Parado {
    fn drop(&mut self) {
        self.0.iter().for_each(|pid| senalar(*pid, libc::SIGCONT));
    }
}

/// A quién se para.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Victima {
    /// Un proceso de la suite; PostgreSQL, con todos los suyos.
    Proceso(&'static str),
    /// El que en PostgreSQL acepta conexiones y cuida de los demás.
    Postmaster,
    /// Uno de los que en PostgreSQL atienden una conexión: cada vez otro.
    Backend,
}

impl Victima {
    fn todas() -> impl Iterator<Item = Self> {
        NOMBRES.into_iter().map(Self::Proceso).chain([Self::Postmaster, Self::Backend])
    }

    fn nombre(self) -> &'static str {
        match self {
            Self::Proceso(nombre) => nombre,
            Self::Postmaster => "postgres, solo el postmaster",
            Self::Backend => "postgres, una conexión",
        }
    }

    fn proceso(self) -> &'static str {
        if let Self::Proceso(nombre) = self { nombre } else { POSTGRES }
    }

    fn parar(self, suite: &Suite, vez: usize) -> anyhow::Result<Parado> {
        Ok(Parado(match self {
            Self::Proceso(nombre) => suite.senalar(nombre, libc::SIGSTOP, nombre == POSTGRES)?,
            Self::Postmaster => suite.senalar(POSTGRES, libc::SIGSTOP, false)?,
            Self::Backend => suite.senalar_backend(vez, libc::SIGSTOP)?.into_iter().collect(),
        }))
    }

    /// Los éxitos que pasan por él.
    fn cuenta(self) -> impl Fn(&Muestra) -> bool {
        let tipo = match self.proceso() {
            p if p.starts_with("actor_prestamo") => Some(Tipo::Prestamo),
            p if p.starts_with("actor_devolucion") => Some(Tipo::Devolucion),
            _ => None,
        };
        move |muestra| tipo.is_none_or(|t| muestra.tipo == Some(t))
    }
}

/// Una parada: de quién, cuándo empezó y cuándo se había vuelto.
struct Parada {
    de: Victima,
    desde: Duration,
    hasta: Duration,
}

pub(super) async fn correr(escena: &Escena, pedido: &Argumentos) -> anyhow::Result<Campania> {
    let disponible = escena.disponible().await?;
    let plan =
        Plan { clientes: CLIENTES, disponible, solo_calientes: false, reposo: REPOSO, tolerante: true, semilla: 5 };
    let carga = escena.cargar(plan)?;
    anyhow::ensure!(carga.esperar_exitos(EXITOS, VOLVER_MAX, |_| true).await, "la carga no arranca");
    let barra = Progreso::de_veces(u64::from(pedido.veces) * u64::try_from(Victima::todas().count()).unwrap_or(0));
    let mut paradas = Vec::new();
    for vez in 0..usize::from(pedido.veces) {
        for de in Victima::todas() {
            barra.decir(format!("SIGSTOP a {}", de.nombre()));
            let dura = Duration::from_secs(pedido.segundos);
            paradas.push(una(&escena.suite, &carga, (de, vez), dura).await?);
            barra.avanzar(1);
        }
    }
    drop(barra);
    let cierre = escena.cerrar(carga).await?;
    let mut campania = Campania::new("paradas");
    for de in Victima::todas() {
        let suyas = paradas.iter().filter(|p| p.de == de);
        let pausas = Pausas::de(de.nombre(), suyas.map(|p| cierre.historia.pausa(p.desde, p.hasta, de.cuenta())));
        campania.cifra(format!("pausa máxima, {}, ms", pausas.clase), pausas.max_ms, Some(PAUSA_MAX_MS));
        campania.pausas.push(pausas);
    }
    campania.auditado.sumar(&cierre.historia, &cierre.veredicto, &cierre.atascadas);
    Ok(campania)
}

/// Tiene parado un rato a quien toca, lo deja seguir y espera a que todo vuelva.
async fn una(suite: &Suite, carga: &Carga, (de, vez): (Victima, usize), dura: Duration) -> anyhow::Result<Parada> {
    let desde = carga.transcurrido();
    let parado = de.parar(suite, vez)?;
    sleep(dura).await;
    drop(parado);
    let vuelve = carga.esperar_exitos(EXITOS, VOLVER_MAX, de.cuenta()).await;
    anyhow::ensure!(vuelve, "tras parar {} no se volvió a trabajar", de.nombre());
    suite.esperar_vuelta(de.proceso(), 0, VOLVER_MAX).await?;
    let hasta = carga.transcurrido();
    // La pausa de la siguiente no ha de empezar en esta ventana.
    carga.esperar_exitos(EXITOS, VOLVER_MAX, de.cuenta()).await;
    Ok(Parada { de, desde, hasta })
}
