//! Muertes con `kill -9` de cada papel, por turnos y bajo carga: cuánto dura cada pausa, y que nada se pierde.

use std::{collections::BTreeMap, time::Duration};

use anaquel::plano::POSTGRES;
use chrono::{DateTime, Utc};
use common::{dominio::Tipo, process::progreso::Progreso};
use juicio::{historia::Muestra, numeros::milisegundos, pausas::Pausas};
use taller::{
    carga::{Carga, Plan},
    escena::Escena,
};
use tokio::time::{Instant, sleep};

use super::informe::Campania;

/// Clientes, y lo que descansa cada uno: bastantes respuestas por segundo para ver una pausa de milisegundos, y pocas
/// para que quepan en la memoria las de una campaña entera.
const CLIENTES: usize = 32;
const REPOSO: Duration = Duration::from_millis(40);
/// Rondas de muertes que comparten una carga y una auditoría.
const RONDAS_POR_CARGA: usize = 25;
/// Éxitos que demuestran que se trabaja.
const EXITOS: usize = 50;
/// Lo que puede tardar en volver quien murió, y en volver a trabajar los demás.
const VOLVER_MAX: Duration = Duration::from_secs(30);
/// Lo que se deja que el supervisor se entere de una muerte antes de pedirle que no espere.
const ENTERARSE: Duration = Duration::from_millis(100);
/// La pausa p99 donde otro toma el relevo.
const RELEVO_MAX_MS: u64 = 100;

/// Cuántas muertes.
#[derive(Clone, Debug, clap::Args)]
pub struct Argumentos {
    /// Muertes de cada papel; de PostgreSQL, la mitad
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    veces: u16,
}

/// Un papel: quiénes lo hacen y qué éxitos dependen de él.
#[derive(Clone, Copy)]
struct Papel {
    nombre: &'static str,
    procesos: &'static [&'static str],
    tipo: Option<Tipo>,
    relevo: bool,
}

const PAPELES: [Papel; 5] = [
    Papel { nombre: "gestor_carga", procesos: &["gestor_carga"], tipo: None, relevo: false },
    Papel {
        nombre: "actor de préstamo",
        procesos: &["actor_prestamo_1", "actor_prestamo_2"],
        tipo: Some(Tipo::Prestamo),
        relevo: true,
    },
    Papel {
        nombre: "gestor de almacenamiento",
        procesos: &["gestor_almacenamiento", "backup_almacen"],
        tipo: None,
        relevo: true,
    },
    Papel {
        nombre: "actor de devolución",
        procesos: &["actor_devolucion_1", "actor_devolucion_2"],
        tipo: Some(Tipo::Devolucion),
        relevo: true,
    },
    Papel { nombre: POSTGRES, procesos: &[POSTGRES], tipo: None, relevo: false },
];

/// Una muerte, y entre cuándo y cuándo se mide.
struct MuerteMedida {
    papel: usize,
    victima: &'static str,
    hora: DateTime<Utc>,
    desde: Duration,
    hasta: Duration,
}

pub(super) async fn correr(escena: &Escena, pedido: &Argumentos) -> anyhow::Result<Campania> {
    let veces = usize::from(pedido.veces);
    let mut campania = Campania::new("muertes");
    let mut pausas: BTreeMap<usize, Vec<Duration>> = BTreeMap::new();
    let barra = Progreso::de_veces(u64::try_from(veces).unwrap_or(0));
    let mut hechas = 0;
    while hechas < veces {
        let rondas = RONDAS_POR_CARGA.min(veces - hechas);
        let carga = empezar(escena, u64::try_from(hechas).unwrap_or(0)).await?;
        let mut ventanas = Vec::new();
        for ronda in hechas..hechas + rondas {
            ventanas.extend(una_ronda(escena, &carga, ronda, &barra).await?);
            barra.avanzar(1);
        }
        let cierre = escena.cerrar(carga).await?;
        for ventana in ventanas {
            let pausa = cierre.historia.pausa(ventana.desde, ventana.hasta, cuenta(PAPELES[ventana.papel].tipo));
            campania.larga(ventana.texto(pausa), PAPELES[ventana.papel].relevo && milisegundos(pausa) > RELEVO_MAX_MS);
            pausas.entry(ventana.papel).or_default().push(pausa);
        }
        campania.auditado.sumar(&cierre.historia, &cierre.veredicto, &cierre.atascadas);
        hechas += rondas;
    }
    drop(barra);
    for (papel, suyas) in pausas {
        let Papel { nombre, relevo, .. } = PAPELES[papel];
        campania.pausa(Pausas::de(nombre, suyas), relevo.then_some(RELEVO_MAX_MS));
    }
    Ok(campania)
}

async fn empezar(escena: &Escena, semilla: u64) -> anyhow::Result<Carga> {
    let disponible = escena.disponible().await?;
    let plan = Plan { clientes: CLIENTES, disponible, solo_calientes: false, reposo: REPOSO, tolerante: true, semilla };
    let carga = escena.cargar(plan)?;
    anyhow::ensure!(carga.esperar_exitos(EXITOS, VOLVER_MAX, |_| true).await, "la carga no arranca");
    Ok(carga)
}

/// Una muerte de cada papel, cada una con todo lo demás en calma; de PostgreSQL, una de cada dos rondas.
async fn una_ronda(
    escena: &Escena,
    carga: &Carga,
    ronda: usize,
    barra: &Progreso,
) -> anyhow::Result<Vec<MuerteMedida>> {
    let mut ventanas = Vec::new();
    for (cual, papel) in PAPELES.iter().enumerate() {
        if papel.nombre == POSTGRES && ronda % 2 == 1 {
            continue;
        }
        let victima = if papel.procesos.contains(&"gestor_almacenamiento") {
            // Matar al que está de sobra no prueba nada.
            escena.suite.almacen_en_uso(carga.esperar_exitos(EXITOS, VOLVER_MAX, |_| true)).await.0
        } else {
            papel.procesos[ronda % papel.procesos.len()]
        };
        barra.decir(format!("kill -9 a {victima}"));
        ventanas.push(matar(escena, carga, cual, victima).await?);
    }
    Ok(ventanas)
}

async fn matar(escena: &Escena, carga: &Carga, cual: usize, victima: &'static str) -> anyhow::Result<MuerteMedida> {
    let (desde, hora) = (carga.transcurrido(), Utc::now());
    let pid = escena.suite.matar(victima)?;
    sin_esperar_al_supervisor(escena, victima, pid).await?;
    escena.suite.esperar_vuelta(victima, pid, VOLVER_MAX).await?;
    let vuelve = carga.esperar_exitos(EXITOS, VOLVER_MAX, cuenta(PAPELES[cual].tipo)).await;
    anyhow::ensure!(vuelve, "tras matar {victima} no se volvió a trabajar");
    let hasta = carga.transcurrido();
    // La pausa de la siguiente no ha de empezar en esta ventana.
    carga.esperar_exitos(EXITOS, VOLVER_MAX, cuenta(PAPELES[cual].tipo)).await;
    Ok(MuerteMedida { papel: cual, victima, hora, desde, hasta })
}

/// A quien muere una y otra vez el supervisor lo levanta cada vez más tarde: no es eso lo que se mide.
async fn sin_esperar_al_supervisor(escena: &Escena, victima: &str, pid: u32) -> anyhow::Result<()> {
    let fin = Instant::now() + ENTERARSE;
    while Instant::now() < fin {
        if escena.suite.pid(victima).is_ok_and(|otro| otro != pid) {
            return Ok(());
        }
        sleep(Duration::from_millis(5)).await;
    }
    Ok(escena.suite.iniciar(victima).await?)
}

impl MuerteMedida {
    /// Con su hora, para hallarla en los registros.
    fn texto(&self, pausa: Duration) -> String {
        let hora = self.hora.format("%H:%M:%S%.3f");
        format!("{} muere a las {hora} UTC: pausa de {} ms", self.victima, milisegundos(pausa))
    }
}

fn cuenta(tipo: Option<Tipo>) -> impl Fn(&Muestra) -> bool {
    move |muestra| tipo.is_none_or(|t| muestra.tipo == Some(t))
}
