//! Una ejecución: la biblioteca recién cargada, los solicitantes a la vez, la muerte en la mitad si la hay, y las filas.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use chrono::Utc;
use common::dominio::SedeId;
use taller::suite::Suite;
use test_sistema::{
    generar::surtido::sedes,
    solicitante::{medida::Medida, reloj::ahora_us},
};
use tokio::time::{Instant, sleep_until};

use crate::{
    ficha::Condiciones,
    hijos::{self, Lanzamiento, SolicitanteEnMarcha},
    plan::Ejecucion,
    progreso::Avance,
    resultados::{Diseno, Escritor, FalloInducido, Fila},
};

/// Lo que puede tardar la suite en estar en calma.
const CALMA_MAX: Duration = Duration::from_secs(30);
/// Lo que se mira antes de la mitad qué almacén trabaja.
const MIRAR: Duration = Duration::from_millis(400);
const ACTORES: [&str; 4] = ["actor_prestamo_1", "actor_prestamo_2", "actor_devolucion_1", "actor_devolucion_2"];
const SEGUNDO_ALMACEN: &str = "backup_almacen";

/// Dónde se hacen las ejecuciones de un experimento.
pub struct Taller<'a> {
    pub condiciones: &'a Condiciones,
    pub peticiones: PathBuf,
    /// Dónde quedan las filas de cada ejecución.
    pub ejecuciones: PathBuf,
}

/// Lo que se midió en una ejecución.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Medido {
    pub solicitudes: u64,
    /// A quién se mató, y en qué microsegundo de la ventana.
    pub muerte: Option<(&'static str, u64)>,
}

impl Taller<'_> {
    /// El archivo de peticiones de un solicitante.
    pub fn archivo(&self, por_sede: u16, sede: SedeId, cual: u16) -> PathBuf {
        self.peticiones.join(por_sede.to_string()).join(format!("{sede}-{cual}.txt"))
    }

    /// Las filas de una ejecución hecha.
    pub fn filas(&self, tanda: u32) -> PathBuf {
        self.ejecuciones.join(format!("{tanda:03}.csv"))
    }

    /// Hace una ejecución en una suite recién levantada; sus filas quedan en su archivo, enteras.
    ///
    /// # Errors
    /// Si la suite o un solicitante no hacen lo suyo.
    pub async fn hacer(&self, suite: &Suite, esta: &Ejecucion, progreso: &Avance) -> anyhow::Result<Medido> {
        suite.esperar_vuelta("gestor_carga", 0, CALMA_MAX).await?;
        quitar_lo_que_sobra(suite, esta.diseno).await?;
        let carpeta = self.ejecuciones.join(format!("{:03}", esta.tanda));
        taller::carpeta::vaciar(&carpeta)?;
        fs::create_dir_all(&carpeta).with_context(|| format!("no se puede crear {}", carpeta.display()))?;
        let mut hijos = self.lanzar(suite, esta, &carpeta).await?;
        let (inicio, inicio_us) = (Instant::now(), ahora_us());
        for hijo in &mut hijos {
            hijo.empezar(inicio_us).await?;
        }
        let titulo = esta.titulo();
        let seguir = progreso.seguir(&titulo, inicio);
        let matar = self.matar(suite, esta, inicio, inicio_us);
        let (muerte, ()) = tokio::join!(matar, seguir);
        let muerte = muerte?;
        for hijo in &mut hijos {
            hijo.acabar().await?;
        }
        let solicitudes = self.juntar(esta, &hijos, muerte.map(|(_, us)| us))?;
        fs::remove_dir_all(&carpeta)?;
        Ok(Medido { solicitudes, muerte })
    }

    async fn lanzar(
        &self,
        suite: &Suite,
        esta: &Ejecucion,
        carpeta: &Path,
    ) -> anyhow::Result<Vec<SolicitanteEnMarcha>> {
        let corrida = Utc::now();
        let clientes = suite.plano().clientes();
        let semilla = self.condiciones.semilla.wrapping_mul(1_000).wrapping_add(u64::from(esta.tanda)) << 8;
        let quienes = sedes().into_iter().flat_map(|sede| (1..=esta.solicitantes).map(move |cual| (sede, cual)));
        let encargos = (1..).zip(quienes).map(|(n, (sede, cual))| Lanzamiento {
            sede,
            cual,
            clientes,
            archivo: self.archivo(esta.solicitantes, sede, cual),
            carpeta,
            corrida,
            condiciones: self.condiciones,
            semilla: semilla + n,
        });
        hijos::lanzar(encargos).await
    }

    /// `kill -9` en la mitad de la ventana al almacén que trabaja; a quién, y cuándo.
    async fn matar(
        &self,
        suite: &Suite,
        esta: &Ejecucion,
        inicio: Instant,
        inicio_us: u64,
    ) -> anyhow::Result<Option<(&'static str, u64)>> {
        if esta.fallo == FalloInducido::No {
            return Ok(None);
        }
        let mitad = inicio + Duration::from_secs(self.condiciones.segundos) / 2;
        sleep_until(mitad - MIRAR).await;
        let (almacen, ()) = suite.almacen_en_uso(sleep_until(mitad)).await;
        let muerte_us = ahora_us().saturating_sub(inicio_us);
        suite.matar(almacen)?;
        Ok(Some((almacen, muerte_us)))
    }

    /// Las filas de todos los solicitantes, en un archivo que solo tiene su nombre cuando está entero.
    fn juntar(&self, esta: &Ejecucion, hijos: &[SolicitanteEnMarcha], muerte_us: Option<u64>) -> anyhow::Result<u64> {
        let ruta = self.filas(esta.tanda);
        let temporal = ruta.with_extension("csv.tmp");
        let mut escritor = Escritor::crear(&temporal)?;
        let mut cuantas = 0;
        for hijo in hijos {
            let mut medidas = csv::Reader::from_path(&hijo.medidas)?;
            for medida in medidas.deserialize() {
                escritor.escribir(&fila(esta, hijo, medida?, muerte_us))?;
                cuantas += 1;
            }
        }
        escritor.asentar()?;
        fs::rename(temporal, ruta)?;
        Ok(cuantas)
    }
}

fn fila(esta: &Ejecucion, hijo: &SolicitanteEnMarcha, medida: Medida, muerte_us: Option<u64>) -> Fila {
    let Ejecucion { tanda, diseno, solicitantes, fallo, repeticion } = *esta;
    let Medida { numero, operacion, inicio_us, respuesta_us, estado, codigo } = medida;
    Fila {
        tanda,
        diseno,
        solicitantes,
        fallo,
        repeticion,
        sede: hijo.sede,
        solicitante: hijo.cual,
        numero,
        operacion,
        inicio_us,
        respuesta_us,
        estado,
        codigo,
        muerte_us,
    }
}

/// Para lo que el diseño no tiene.
async fn quitar_lo_que_sobra(suite: &Suite, diseno: Diseno) -> anyhow::Result<()> {
    match diseno {
        Diseno::DosAlmacenes => {}
        Diseno::UnAlmacen => suite.parar(SEGUNDO_ALMACEN).await?,
        Diseno::SinActores => {
            let [a, b, c, d] = ACTORES.map(|actor| suite.parar(actor));
            tokio::try_join!(a, b, c, d)?;
        }
    }
    Ok(())
}
