//! Decide cuánta CPU y memoria gastó cada proceso, por lo que `/proc` cuenta de él. Las lecturas son puras.

use std::{collections::BTreeMap, fs};

use anaquel::plano::{NOMBRES, POSTGRES};
use taller::suite::Suite;

/// El proceso que pide: los clientes de la cadena, o `pgbench` al medir la referencia.
pub const CLIENTES: &str = "clientes";
const KIB_POR_MIB: f64 = 1_024.0;

/// Segundos de CPU gastados hasta ahora, por proceso.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gasto(BTreeMap<String, f64>);

/// Lo que un `stat` dice: el padre, lo gastado por el proceso y lo gastado por sus hijos ya recogidos, en segundos.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stat {
    padre: u32,
    propio: f64,
    de_hijos: f64,
}

impl Gasto {
    /// Lo gastado por la suite y por los clientes.
    pub fn ahora(suite: &Suite) -> Self {
        let stats = todos();
        let mut gasto = BTreeMap::new();
        for nombre in NOMBRES {
            let Ok(pid) = suite.pid(nombre) else { continue };
            let total = if nombre == POSTGRES { con_hijos(&stats, pid) } else { propio(&stats, pid) };
            gasto.insert(nombre.to_owned(), total);
        }
        let este = std::process::id();
        // Los hijos recogidos de este proceso son los pgbench; los lanzadores de una suite, al lado, no cuentan.
        let clientes = stats.get(&este).map_or(0.0, |s| s.propio + s.de_hijos);
        gasto.insert(CLIENTES.to_owned(), clientes);
        Self(gasto)
    }

    /// Qué parte de un núcleo usó cada proceso desde `antes`, en tanto por ciento.
    pub fn desde(&self, antes: &Self, segundos: f64) -> BTreeMap<String, f64> {
        let parte = |(nombre, total): (&String, &f64)| {
            let previo = antes.0.get(nombre)?;
            Some((nombre.clone(), ((total - previo) / segundos.max(f64::EPSILON) * 100.0).max(0.0).round()))
        };
        self.0.iter().filter_map(parte).collect()
    }
}

/// La memoria residente de cada servicio de la suite, en MiB.
pub fn memoria(suite: &Suite) -> BTreeMap<String, f64> {
    let de = |nombre: &&str| {
        let texto = fs::read_to_string(format!("/proc/{}/status", suite.pid(nombre).ok()?)).ok()?;
        Some(((*nombre).to_owned(), residente(&texto)?))
    };
    NOMBRES.iter().filter(|n| **n != POSTGRES).filter_map(de).collect()
}

fn todos() -> BTreeMap<u32, Stat> {
    let tics = tics_por_segundo();
    let procesos = fs::read_dir("/proc").into_iter().flatten().flatten();
    procesos
        .filter_map(|entrada| {
            let pid = entrada.file_name().to_str()?.parse().ok()?;
            let texto = fs::read_to_string(entrada.path().join("stat")).ok()?;
            Some((pid, leer(&texto, tics)?))
        })
        .collect()
}

fn propio(stats: &BTreeMap<u32, Stat>, pid: u32) -> f64 {
    stats.get(&pid).map_or(0.0, |s| s.propio)
}

/// PostgreSQL tiene un proceso por conexión: los que viven, y los que ya recogió.
fn con_hijos(stats: &BTreeMap<u32, Stat>, pid: u32) -> f64 {
    let hijos: f64 = stats.values().filter(|s| s.padre == pid).map(|s| s.propio).sum();
    hijos + stats.get(&pid).map_or(0.0, |s| s.propio + s.de_hijos)
}

/// pid (nombre) estado padre …: el nombre puede llevar espacios y paréntesis.
fn leer(texto: &str, tics: f64) -> Option<Stat> {
    let campos: Vec<&str> = texto.rsplit_once(')')?.1.split_whitespace().collect();
    let segundos = |i: usize| Some(campos.get(i)?.parse::<f64>().ok()? / tics);
    Some(Stat {
        padre: campos.get(1)?.parse().ok()?,
        propio: segundos(11)? + segundos(12)?,
        de_hijos: segundos(13)? + segundos(14)?,
    })
}

fn residente(status: &str) -> Option<f64> {
    let kib = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    let kib: f64 = kib.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some((kib / KIB_POR_MIB * 10.0).round() / 10.0)
}

#[expect(unsafe_code, reason = "los tics de un segundo solo están en libc")]
fn tics_por_segundo() -> f64 {
    // SAFETY: sysconf no toca memoria.
    let tics = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    i32::try_from(tics).map_or(100.0, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn de_un_stat_se_leen_el_padre_lo_propio_y_lo_de_los_hijos() {
        let texto = "7 (a) b (c) S 3 7 7 0 -1 4194560 1 2 3 4 150 50 30 20 20 0 1";
        let stat = leer(texto, 100.0).expect("se lee");
        assert_eq!(stat, Stat { padre: 3, propio: 2.0, de_hijos: 0.5 });
        assert_eq!(leer("7 (a) S", 100.0), None);
    }

    #[test]
    fn postgres_es_el_y_todos_sus_hijos_vivos_o_recogidos() {
        let stat = |padre, propio, de_hijos| Stat { padre, propio, de_hijos };
        let stats = BTreeMap::from([(1, stat(0, 1.0, 2.0)), (2, stat(1, 4.0, 0.0)), (3, stat(9, 8.0, 0.0))]);
        assert!((con_hijos(&stats, 1) - 7.0).abs() < 1e-9);
        assert!((propio(&stats, 3) - 8.0).abs() < 1e-9);
    }

    #[test]
    fn la_parte_de_cpu_es_lo_gastado_entre_el_tiempo() {
        let gasto = |s| Gasto(BTreeMap::from([("postgres".to_owned(), s)]));
        assert_eq!(gasto(5.0).desde(&gasto(2.0), 2.0), BTreeMap::from([("postgres".to_owned(), 150.0)]));
    }

    #[test]
    fn la_memoria_residente_se_da_en_mib() {
        assert_eq!(residente("Name:\tx\nVmRSS:\t   20480 kB\nThreads:\t1\n"), Some(20.0));
        assert_eq!(residente("Name:\tx\n"), None);
    }
}
