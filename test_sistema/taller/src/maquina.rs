//! En qué máquina y con qué versiones se midió: dos bancos solo se comparan si coinciden.

use std::fs;

use serde::{Deserialize, Serialize};

/// La máquina.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Maquina {
    pub procesador: String,
    /// Los núcleos que este proceso puede usar.
    pub nucleos: usize,
    /// Su memoria, en MiB.
    pub memoria_mib: u64,
    pub sistema: String,
}

impl Maquina {
    /// Esta.
    pub fn esta() -> Self {
        let leer = |ruta: &str| fs::read_to_string(ruta).unwrap_or_default();
        Self {
            procesador: campo(&leer("/proc/cpuinfo"), "model name")
                .unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            nucleos: std::thread::available_parallelism().map_or(1, usize::from),
            memoria_mib: campo(&leer("/proc/meminfo"), "MemTotal")
                .and_then(|m| m.trim_end_matches("kB").trim().parse::<u64>().ok())
                .map_or(0, |kib| kib / 1024),
            sistema: leer("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

/// El primer «nombre : valor» de un archivo de `/proc`.
fn campo(texto: &str, nombre: &str) -> Option<String> {
    let linea = texto.lines().find(|l| l.starts_with(nombre))?;
    Some(linea.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn un_campo_de_proc_se_halla_por_su_nombre() {
        let texto = "processor\t: 0\nmodel name\t: Un procesador\n";
        assert_eq!(campo(texto, "model name").as_deref(), Some("Un procesador"));
        assert_eq!(campo(texto, "otro"), None);
    }
}
