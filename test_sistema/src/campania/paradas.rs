//! Cada proceso parado con SIGSTOP, bajo carga: cuánto dura la pausa donde hay relevo, y cuánto se tarda en volver
//! donde no.

use std::time::Duration;

use anaquel::plano::{NOMBRES, POSTGRES};
use common::dominio::Tipo;
use tokio::time::sleep;

use super::informe::Informe;
use crate::{
    carga::{Carga, Plan},
    escena::Escena,
    historia::Muestra,
    pausas::Pausas,
    progreso::Progreso,
    suite::{Suite, senalar},
};

const CLIENTES: usize = 32;
const REPOSO: Duration = Duration::from_millis(10);
const EXITOS: usize = 50;
const VOLVER_MAX: Duration = Duration::from_secs(30);
/// Lo que puede durar la pausa; donde no hay relevo, desde que se le deja seguir.
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

/// Una parada: de quién, y cuándo empezó, acabó y se volvió.
struct Parada {
    proceso: &'static str,
    desde: Duration,
    sigue: Duration,
    hasta: Duration,
}

pub(super) async fn correr(escena: &Escena, pedido: &Argumentos) -> anyhow::Result<Informe> {
    let disponible = escena.disponible().await?;
    let plan =
        Plan { clientes: CLIENTES, disponible, solo_calientes: false, reposo: REPOSO, tolerante: true, semilla: 5 };
    let carga = escena.cargar(plan)?;
    anyhow::ensure!(carga.esperar_exitos(EXITOS, VOLVER_MAX, |_| true).await, "la carga no arranca");
    let total = usize::from(pedido.veces) * NOMBRES.len();
    let barra = Progreso::de_veces(total);
    let mut paradas = Vec::new();
    for _ in 0..pedido.veces {
        for proceso in NOMBRES {
            barra.decir(format!("SIGSTOP a {proceso}"));
            paradas.push(parar(&escena.suite, &carga, proceso, Duration::from_secs(pedido.segundos)).await?);
            barra.avanzar(1);
        }
    }
    barra.acabar();
    let cierre = escena.cerrar(carga).await?;
    let mut informe = Informe::nuevo("paradas");
    for proceso in NOMBRES {
        let suyas = paradas.iter().filter(|p| p.proceso == proceso);
        let pausas = suyas.map(|p| {
            let entera = cierre.historia.pausa(p.desde, p.hasta, cuenta(proceso));
            if sin_relevo(proceso) { entera.saturating_sub(p.sigue.saturating_sub(p.desde)) } else { entera }
        });
        let nombre = if sin_relevo(proceso) { format!("{proceso}, desde SIGCONT") } else { proceso.to_owned() };
        let pausas = Pausas::de(nombre, pausas);
        informe.cifra(format!("pausa máxima, {}, ms", pausas.clase), pausas.max_ms, Some(PAUSA_MAX_MS));
        informe.pausas.push(pausas);
    }
    informe.auditada(&cierre.historia, &cierre.veredicto, cierre.atascadas.len());
    Ok(informe.concluir())
}

async fn parar(suite: &Suite, carga: &Carga, proceso: &'static str, dura: Duration) -> anyhow::Result<Parada> {
    let desde = carga.transcurrido();
    let parado = Parado(suite.senalar(proceso, libc::SIGSTOP, proceso == POSTGRES)?);
    sleep(dura).await;
    drop(parado);
    let sigue = carga.transcurrido();
    let vuelve = carga.esperar_exitos(EXITOS, VOLVER_MAX, cuenta(proceso)).await;
    anyhow::ensure!(vuelve, "tras parar {proceso} no se volvió a trabajar");
    suite.esperar_vuelta(proceso, 0, VOLVER_MAX).await?;
    let hasta = carga.transcurrido();
    // La pausa de la siguiente no ha de empezar en esta ventana.
    carga.esperar_exitos(EXITOS, VOLVER_MAX, cuenta(proceso)).await;
    Ok(Parada { proceso, desde, sigue, hasta })
}

/// Solo hay uno, y sin él no se puede responder un éxito.
fn sin_relevo(proceso: &str) -> bool {
    proceso == POSTGRES || proceso == "gestor_carga"
}

/// Los éxitos que pasan por ese proceso.
fn cuenta(proceso: &str) -> impl Fn(&Muestra) -> bool {
    let tipo = match proceso {
        p if p.starts_with("actor_prestamo") => Some(Tipo::Prestamo),
        p if p.starts_with("actor_devolucion") => Some(Tipo::Devolucion),
        _ => None,
    };
    move |muestra| tipo.is_none_or(|t| muestra.tipo == Some(t))
}
