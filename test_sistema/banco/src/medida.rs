//! Mide a turnos: en cada ronda la cadena y la referencia, una tras otra y cada vez primero una.

use std::{collections::BTreeMap, time::Duration};

use common::{process::progreso::Progreso, transport::Contexto};
use juicio::estadistica::rondas::{Extremos, Ritmo};
use taller::{metricas::metrica, suite::Suite};
use tokio::time::Instant;

use crate::{
    cadena::{self, Acuse, Fallos, Tramo},
    cpu::{CLIENTES, Gasto},
    pgbench::Pgbench,
    reparto::{Caso, Reparto, Tamano},
};

const ALMACENES: [&str; 2] = ["gestor_almacenamiento", "backup_almacen"];
/// De un tramo, la parte que calienta y no se mide.
const CALIENTA_UNO_DE: u32 = 4;
/// Conexiones de los clientes de la cadena: una por sede, que lleva a todos los suyos.
pub const CONEXIONES: usize = 2;

/// Algo que medir.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prueba {
    pub caso: Caso,
    pub clientes: usize,
    pub dura: Duration,
}

/// El uso de CPU de cada proceso, en tanto por ciento de un núcleo.
pub type Cpu = BTreeMap<String, f64>;

/// Lo que salió de una prueba.
#[derive(Clone, Debug)]
pub struct Fila {
    pub prueba: Prueba,
    pub cadena: Vec<Ritmo>,
    pub referencia: Vec<Ritmo>,
    pub lote: f64,
    /// La CPU de una ronda de la cadena, por proceso.
    pub cpu_cadena: Cpu,
    /// La de una ronda de la referencia.
    pub cpu_referencia: Cpu,
    /// Operaciones de la cadena que una regla rechazó.
    pub rechazadas: u64,
}

/// Todo lo medido.
#[derive(Debug, Default)]
pub struct Medidas {
    /// En el orden en que se midió.
    pub filas: Vec<Fila>,
    pub acuses: Vec<Acuse>,
    pub fallos: Fallos,
}

impl Medidas {
    /// Se queda con lo que un tramo reconoció, y con lo que no.
    pub fn sumar(&mut self, acuses: Vec<Acuse>, fallos: Fallos) {
        self.acuses.extend(acuses);
        self.fallos.sumar(fallos);
    }
}

/// Con qué se mide.
pub struct Medidor<'a> {
    suite: &'a Suite,
    contexto: Contexto,
    pgbench: Pgbench,
    tamano: Tamano,
    progreso: Progreso,
}

impl<'a> Medidor<'a> {
    /// Uno que mide `suite` contra `pgbench` y cuenta cómo va en `progreso`.
    pub fn new(suite: &'a Suite, contexto: Contexto, pgbench: Pgbench, tamano: Tamano, progreso: Progreso) -> Self {
        Self { suite, contexto, pgbench, tamano, progreso }
    }

    /// El contexto de sus clientes.
    pub fn contexto(&self) -> &Contexto {
        &self.contexto
    }

    /// Mide una prueba `rondas` veces, la apunta y la escribe.
    ///
    /// # Errors
    /// Si la suite o la referencia no se pueden medir.
    pub async fn medir(&self, prueba: Prueba, rondas: usize, medidas: &mut Medidas) -> anyhow::Result<()> {
        let (cadena, referencia) = (Vec::new(), Vec::new());
        let (cpu_cadena, cpu_referencia) = (Cpu::new(), Cpu::new());
        let mut fila = Fila { prueba, cadena, referencia, lote: 0.0, cpu_cadena, cpu_referencia, rechazadas: 0 };
        let mut lotes = Lotes::default();
        for ronda in 0..rondas {
            let Prueba { caso, clientes, .. } = prueba;
            self.progreso.decir(format!("{} con {clientes} clientes, ronda {} de {rondas}", caso.as_str(), ronda + 1));
            let tramo = self.tramo(prueba, ronda, rondas);
            if ronda % 2 == 0 {
                self.referencia(tramo, &mut fila).await?;
            }
            let antes = Lotes::ahora(self.suite).await;
            self.cadena(tramo, &mut fila, medidas).await?;
            lotes = lotes.mas(Lotes::ahora(self.suite).await.menos(antes));
            if ronda % 2 == 1 {
                self.referencia(tramo, &mut fila).await?;
            }
        }
        fila.lote = lotes.medio();
        for valor in fila.cpu_cadena.values_mut().chain(fila.cpu_referencia.values_mut()) {
            *valor = (*valor / f64::from(u32::try_from(rondas).unwrap_or(1))).round();
        }
        self.progreso.linea(&fila.texto());
        medidas.filas.push(fila);
        Ok(())
    }

    fn tramo(&self, prueba: Prueba, ronda: usize, rondas: usize) -> Tramo {
        let Prueba { caso, clientes, dura } = prueba;
        let mut reparto = Reparto { caso, clientes, tamano: self.tamano, paso: 0 };
        reparto.paso = ronda * reparto.por_cliente() / rondas;
        let semilla = u64::try_from(ronda * 1_000 + clientes).unwrap_or(0);
        let conexiones = if caso == Caso::Sueltos { clientes } else { CONEXIONES };
        Tramo { reparto, conexiones, dura, calentar: dura / CALIENTA_UNO_DE, semilla }
    }

    async fn referencia(&self, tramo: Tramo, fila: &mut Fila) -> anyhow::Result<()> {
        let (gasto, reloj) = (Gasto::ahora(self.suite), Instant::now());
        fila.referencia.push(self.pgbench.correr(tramo).await?);
        sumar(&mut fila.cpu_referencia, Gasto::ahora(self.suite).desde(&gasto, reloj.elapsed().as_secs_f64()));
        self.progreso.avanzar(tramo.dura.as_secs());
        Ok(())
    }

    async fn cadena(&self, tramo: Tramo, fila: &mut Fila, medidas: &mut Medidas) -> anyhow::Result<()> {
        let (gasto, reloj) = (Gasto::ahora(self.suite), Instant::now());
        let salida = cadena::correr(&self.contexto, &self.suite.clientes(), tramo).await?;
        sumar(&mut fila.cpu_cadena, Gasto::ahora(self.suite).desde(&gasto, reloj.elapsed().as_secs_f64()));
        fila.cadena.push(salida.ritmo);
        fila.rechazadas += salida.rechazadas;
        medidas.sumar(salida.acuses, salida.fallos);
        self.progreso.avanzar(tramo.dura.as_secs());
        Ok(())
    }
}

fn sumar(cpu: &mut Cpu, otra: Cpu) {
    for (nombre, valor) in otra {
        *cpu.entry(nombre).or_default() += valor;
    }
}

/// Lo que cuentan los almacenes de sus lotes.
#[derive(Clone, Copy, Debug, Default)]
struct Lotes {
    lotes: f64,
    operaciones: f64,
}

impl Lotes {
    async fn ahora(suite: &Suite) -> Self {
        let mut suma = Self::default();
        for almacen in ALMACENES {
            let pagina = suite.metricas(almacen).await.unwrap_or_default();
            let contador = |nombre| metrica(&pagina, nombre, &[]).unwrap_or(0.0);
            let (lotes, operaciones) = (contador("anaquel_lotes_total"), contador("anaquel_lotes_operaciones_total"));
            suma = suma.mas(Self { lotes, operaciones });
        }
        suma
    }

    fn mas(self, otro: Self) -> Self {
        Self { lotes: self.lotes + otro.lotes, operaciones: self.operaciones + otro.operaciones }
    }

    fn menos(self, otro: Self) -> Self {
        Self { lotes: self.lotes - otro.lotes, operaciones: self.operaciones - otro.operaciones }
    }

    fn medio(self) -> f64 {
        if self.lotes > 0.0 { self.operaciones / self.lotes } else { 0.0 }
    }
}

/// La cabecera de [`Fila::texto`].
pub const CABECERA: &str = concat!(
    "                     ─────── cadena ───────  ───── referencia ─────   cadena ÷            op.  CPU, % de un núcleo\n",
    "  caso       clientes    op/s  p50 ms p99 ms    op/s  p50 ms p99 ms   referencia        /lote  ",
    "gestor actores almacenes postgres clientes"
);

impl Fila {
    /// La razón entre la cadena y la referencia.
    pub fn razon(&self) -> Extremos {
        Extremos::de_razones(&self.cadena, &self.referencia)
    }

    /// Como fila de la tabla.
    pub fn texto(&self) -> String {
        let (cadena, referencia) = (Ritmo::mediana(&self.cadena), Ritmo::mediana(&self.referencia));
        let Extremos { mediana, min, max } = self.razon();
        let cpu = |prefijos: &[&str]| -> f64 {
            let suyos = self.cpu_cadena.iter().filter(|(n, _)| prefijos.iter().any(|p| n.starts_with(p)));
            suyos.map(|(_, valor)| valor).sum()
        };
        format!(
            "  {:<11}{:>8} {:>7.0} {:>7.2} {:>6.1} {:>7.0} {:>7.2} {:>6.1}  {mediana:>5.2} {:<14}{:>6.1}  {:>6.0} {:>7.0} \
             {:>9.0} {:>8.0} {:>8.0}{}",
            self.prueba.caso.as_str(),
            self.prueba.clientes,
            cadena.ops_s,
            cadena.p50_ms,
            cadena.p99_ms,
            referencia.ops_s,
            referencia.p50_ms,
            referencia.p99_ms,
            format!("({min:.2}–{max:.2})"),
            self.lote,
            cpu(&["gestor_carga"]),
            cpu(&["actor_"]),
            cpu(&ALMACENES),
            cpu(&["postgres"]),
            cpu(&[CLIENTES]),
            if self.rechazadas > 0 { format!("  {} rechazadas", self.rechazadas) } else { String::new() },
        )
    }
}
