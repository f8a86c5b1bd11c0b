//! La referencia: `pgbench`, una llamada por operación, por el mismo zócalo Unix. Decide qué parte de su registro se mide.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anaquel::postgres::{Instalacion, Rol};
use anyhow::{Context as _, bail};
use chrono::Utc;

use super::{
    cadena::Tramo,
    estadistica::Ritmo,
    hijo::Hijo,
    referencia::BASE,
    reparto::{Caso, Reparto},
};

/// Clientes que se calientan en un segundo más: cada conexión nueva planea sus sentencias, y con muchas tarda.
const CALIENTAN_POR_SEGUNDO: usize = 128;
const GUIONES: [(&str, &str); 3] = [
    ("prestar_y_devolver.sql", include_str!("pgbench/prestar_y_devolver.sql")),
    ("renovar.sql", include_str!("pgbench/renovar.sql")),
    ("consultar.sql", include_str!("pgbench/consultar.sql")),
];

/// El programa, con dónde deja lo suyo.
#[derive(Clone, Debug)]
pub struct Pgbench {
    programa: PathBuf,
    zocalo: PathBuf,
    dir: PathBuf,
}

impl Pgbench {
    /// El que acompaña al servidor de `instalacion`; sus guiones y registros van a `dir`.
    ///
    /// # Errors
    /// Si no está instalado, o no se puede escribir en `dir`.
    pub fn de(instalacion: &Instalacion, dir: &Path) -> anyhow::Result<Self> {
        let programa = instalacion.programa("pgbench");
        if !programa.is_file() {
            bail!(
                "no está {}, que mide la referencia. En Debian viene en el paquete postgresql (apt-get install \
                 postgresql); en Fedora, en postgresql-contrib",
                programa.display()
            );
        }
        let no_se_puede = || format!("no se puede escribir en {}", dir.display());
        fs::create_dir_all(dir).with_context(no_se_puede)?;
        for (nombre, guion) in GUIONES {
            fs::write(dir.join(nombre), guion).with_context(no_se_puede)?;
        }
        Ok(Self { programa, zocalo: instalacion.zocalo().to_owned(), dir: dir.to_owned() })
    }

    /// Corre un tramo y lo mide por su registro, sin lo que tardó en calentarse.
    ///
    /// # Errors
    /// Si `pgbench` acaba mal.
    pub async fn correr(&self, tramo: Tramo) -> anyhow::Result<Ritmo> {
        let tramo = con_tiempo_de_calentar(tramo);
        let errores = self.dir.join("pgbench.log");
        let fallo = || format!("pgbench. Mire {}", errores.display());
        let mut orden = self.orden(tramo);
        orden.stderr(File::create(&errores).with_context(fallo)?);
        let mut hijo = Hijo::lanzar(&mut orden).with_context(fallo)?;
        let bien = hijo.esperar().await.with_context(fallo)?;
        if !bien {
            bail!("pgbench acabó mal. Mire {}", errores.display());
        }
        let registro = self.recoger().with_context(fallo)?;
        Ok(medir(&registro, tramo))
    }

    fn orden(&self, tramo: Tramo) -> Command {
        let Tramo { reparto, dura, semilla, .. } = tramo;
        let mut orden = Command::new(&self.programa);
        orden.current_dir(&self.dir).env_clear().env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).stdout(Stdio::null());
        orden.arg("-h").arg(&self.zocalo).args(["-p", "5432", "-U", Rol::Migracion.nombre(), "-n", "-M", "prepared"]);
        // Un hilo: basta para todos los clientes, y con dos quitaría al servidor parte de su sitio.
        orden.args(["-c", &reparto.clientes.to_string(), "-j", "1"]);
        orden.args(["-T", &dura.as_secs().to_string(), "-f", guion(reparto.caso)]);
        orden.args(["--log", "--log-prefix=tramo", &format!("--random-seed={}", semilla >> 1)]);
        for (nombre, valor) in variables(&reparto) {
            orden.args(["-D", &format!("{nombre}={valor}")]);
        }
        orden.arg(BASE);
        orden
    }

    /// Lee y borra el registro; a su nombre `pgbench` le añade su pid.
    fn recoger(&self) -> io::Result<String> {
        let mut todo = String::new();
        for entrada in fs::read_dir(&self.dir)? {
            let ruta = entrada?.path();
            if ruta.file_name().is_some_and(|n| n.to_string_lossy().starts_with("tramo.")) {
                todo += &fs::read_to_string(&ruta)?;
                fs::remove_file(&ruta)?;
            }
        }
        Ok(todo)
    }
}

/// El mismo tramo, más lo que muchas conexiones recién abiertas tardan en ir a su ritmo. Las de la cadena no lo necesitan.
fn con_tiempo_de_calentar(tramo: Tramo) -> Tramo {
    let segundos = u64::try_from(tramo.reparto.clientes / CALIENTAN_POR_SEGUNDO).unwrap_or(0);
    let mas = Duration::from_secs(segundos);
    Tramo { dura: tramo.dura + mas, calentar: tramo.calentar + mas, ..tramo }
}

fn guion(caso: Caso) -> &'static str {
    match caso {
        Caso::Separados | Caso::Calientes => GUIONES[0].0,
        Caso::Renovacion => GUIONES[1].0,
        Caso::Consulta => GUIONES[2].0,
    }
}

/// Los mismos números que usa la cadena. Los ids crecen con el tiempo, como los UUIDv7 (al azar, la referencia va hasta una
/// quinta parte más despacio), y ninguno se repite: el milisegundo en que empieza el tramo, y un millón hasta el siguiente.
fn variables(reparto: &Reparto) -> [(&'static str, i64); 9] {
    let numero = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    [
        ("id", Utc::now().timestamp_millis() * 1_000_000),
        ("turno", 0),
        ("paso", numero(reparto.paso % reparto.por_cliente())),
        ("clientes", numero(reparto.clientes)),
        ("usuarios", numero(reparto.tamano.usuarios)),
        ("renovables", numero(reparto.tamano.renovables)),
        ("calientes", numero(reparto.calientes())),
        ("por_ciento_caliente", numero(reparto.por_ciento_caliente())),
        ("por_cliente", numero(reparto.por_cliente())),
    ]
}

/// Una transacción del registro: cuándo acabó y cuánto tardó, en microsegundos.
fn leer(linea: &str) -> Option<(u64, u32)> {
    // cliente transacción espera guion segundo microsegundo
    let mut campos = linea.split_ascii_whitespace().skip(2);
    let espera = campos.next()?.parse().ok()?;
    let (segundo, micro): (u64, u64) = (campos.nth(1)?.parse().ok()?, campos.next()?.parse().ok()?);
    Some((segundo * 1_000_000 + micro, espera))
}

/// El ritmo de lo que acabó después de calentar y antes del final.
fn medir(registro: &str, tramo: Tramo) -> Ritmo {
    let todas: Vec<(u64, u32)> = registro.lines().filter_map(leer).collect();
    let Some(inicio) = todas.iter().map(|(acabo, espera)| acabo - u64::from(*espera)).min() else {
        return Ritmo::default();
    };
    let micros = |d: Duration| inicio + u64::try_from(d.as_micros()).unwrap_or(u64::MAX / 2);
    let medido = micros(tramo.calentar)..micros(tramo.dura);
    let esperas = todas.into_iter().filter(|(acabo, _)| medido.contains(acabo)).map(|(_, espera)| espera).collect();
    Ritmo::de(esperas, tramo.dura.saturating_sub(tramo.calentar).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::banco::reparto::Tamano;

    fn tramo() -> Tramo {
        let tamano = Tamano { ejemplares: 1000, usuarios: 10, renovables: 100 };
        let reparto = Reparto { caso: Caso::Calientes, clientes: 4, tamano, paso: 0 };
        Tramo { reparto, dura: Duration::from_secs(3), calentar: Duration::from_secs(1), semilla: 1 }
    }

    #[test]
    fn del_registro_solo_cuenta_lo_que_acabo_ya_en_caliente_y_antes_del_final() {
        // La primera empezó en el segundo 100; se mide de 101 a 103.
        let registro = "0 1 500000 0 100 500000\n1 1 9000 0 101 0\n0 2 2000 0 102 1\n0 3 4000 0 103 1\nbasura\n";
        let ritmo = medir(registro, tramo());
        assert!((ritmo.ops_s - 1.0).abs() < 1e-9, "{ritmo:?}");
        assert!((ritmo.p50_ms - 2.0).abs() < 1e-9, "{ritmo:?}");
        assert_eq!(medir("", tramo()), Ritmo::default());
    }

    #[test]
    fn con_muchas_conexiones_se_calienta_mas_y_se_mide_lo_mismo() {
        let mut muchos = tramo();
        muchos.reparto.clientes = 256;
        let largo = con_tiempo_de_calentar(muchos);
        assert_eq!((largo.dura, largo.calentar), (Duration::from_secs(5), Duration::from_secs(3)));
        assert_eq!(con_tiempo_de_calentar(tramo()).dura, tramo().dura);
    }

    #[test]
    fn pgbench_recibe_los_mismos_numeros_que_la_cadena() {
        let variables = variables(&tramo().reparto);
        let valor = |nombre| variables.iter().find(|(n, _)| *n == nombre).expect("está").1;
        assert_eq!((valor("calientes"), valor("por_ciento_caliente"), valor("por_cliente")), (10, 50, 247));
        for (_, guion) in GUIONES {
            let usadas =
                guion.split(':').skip(1).filter_map(|r| r.split(|c: char| !c.is_ascii_lowercase() && c != '_').next());
            for usada in usadas.filter(|u| !["", "text", "uuid", "bytea", "client_id"].contains(u)) {
                let propia = guion.contains(&format!("\\set {usada} "));
                assert!(propia || variables.iter().any(|(n, _)| *n == usada), "«{usada}» no la define nadie");
            }
        }
    }
}
