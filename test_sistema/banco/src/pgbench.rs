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
use common::process::hijo::{Hijo, morir_con_quien_lanza};
use juicio::estadistica::rondas::Ritmo;

use crate::{
    cadena::Tramo,
    referencia::BASE,
    reparto::{Caso, Reparto},
};

/// Clientes que se conectan y calientan en un segundo más: cada conexión nueva planea sus sentencias, y con muchas tarda.
const SE_CONECTAN_POR_SEGUNDO: usize = 128;
/// Con menos clientes que estos, lo que tardan cabe en lo que se calienta.
const MUCHOS: usize = 32;
/// Veces que se corre, cada una con más tiempo, si la máquina va tan cargada que no acaba ni una operación.
const INTENTOS: usize = 3;
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

    /// Corre un tramo y lo mide por su registro, sin lo que tardó en conectarse y calentarse.
    ///
    /// # Errors
    /// Si `pgbench` acaba mal, o ninguna operación acabó a tiempo.
    pub async fn correr(&self, tramo: Tramo) -> anyhow::Result<Ritmo> {
        let mut de_conectar = de_conectar(tramo.reparto.clientes);
        for _ in 0..INTENTOS {
            let registro = self.dejar_correr(self.orden(tramo, de_conectar)).await?;
            if let Some(ritmo) = medir(&registro, tramo.dura.saturating_sub(tramo.calentar)) {
                return Ok(ritmo);
            }
            de_conectar = 2 * de_conectar + 1;
        }
        bail!("la referencia no acabó ninguna operación: la máquina va demasiado cargada. Espere, o dé más --segundos")
    }

    /// Corre una orden hasta el final; devuelve lo que registró.
    async fn dejar_correr(&self, mut orden: Command) -> anyhow::Result<String> {
        let errores = self.dir.join("pgbench.log");
        let fallo = || format!("pgbench. Mire {}", errores.display());
        orden.stderr(File::create(&errores).with_context(fallo)?);
        morir_con_quien_lanza(&mut orden, libc::SIGTERM);
        if Hijo::lanzar(&mut orden).with_context(fallo)?.esperar().await.with_context(fallo)?.success() {
            return self.recoger().with_context(fallo);
        }
        bail!("pgbench acabó mal. Mire {}", errores.display())
    }

    fn orden(&self, tramo: Tramo, de_conectar: u64) -> Command {
        let Tramo { reparto, dura, semilla, .. } = tramo;
        let mut orden = Command::new(&self.programa);
        orden.current_dir(&self.dir).env_clear().env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).stdout(Stdio::null());
        orden.arg("-h").arg(&self.zocalo).args(["-p", "5432", "-U", Rol::Migracion.nombre(), "-n", "-M", "prepared"]);
        // Un hilo: basta para todos los clientes, y con dos quitaría al servidor parte de su sitio.
        orden.args(["-c", &reparto.clientes.to_string(), "-j", "1"]);
        let segundos = dura.as_secs() + de_conectar;
        orden.args(["-T", &segundos.to_string(), "-f", guion(reparto.caso)]);
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

/// Los segundos de más que muchas conexiones tardan en abrirse y en ir a su ritmo: `pgbench` los descuenta de los suyos.
fn de_conectar(clientes: usize) -> u64 {
    if clientes < MUCHOS { 0 } else { u64::try_from(clientes.div_ceil(SE_CONECTAN_POR_SEGUNDO)).unwrap_or(0) }
}

fn guion(caso: Caso) -> &'static str {
    match caso {
        Caso::Separados | Caso::Sueltos | Caso::Calientes => GUIONES[0].0,
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

/// El ritmo de lo que acabó en lo último que duró `medido`; lo de antes fue conectarse y calentar. Si apenas hubo tiempo,
/// se mide menos, pero nunca el primer cuarto. `None` si no acabó nada.
fn medir(registro: &str, medido: Duration) -> Option<Ritmo> {
    let todas: Vec<(u64, u32)> = registro.lines().filter_map(leer).collect();
    let empezaron = || todas.iter().map(|(acabo, espera)| acabo - u64::from(*espera));
    // Tras el final ninguna empieza, aunque alguna acabe.
    let (inicio, fin) = (empezaron().min()?, empezaron().max()?);
    let medido = medido.min(Duration::from_micros((fin - inicio) / 4 * 3));
    let desde = fin.saturating_sub(u64::try_from(medido.as_micros()).ok()?);
    let esperas: Vec<u32> =
        todas.iter().filter(|(acabo, _)| (desde..fin).contains(acabo)).map(|(_, espera)| *espera).collect();
    (!esperas.is_empty()).then(|| Ritmo::de(esperas, medido.as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reparto::Tamano;

    fn tramo() -> Tramo {
        let tamano = Tamano { ejemplares: 1000, usuarios: 10, renovables: 100 };
        let reparto = Reparto { caso: Caso::Calientes, clientes: 4, tamano, paso: 0 };
        Tramo { reparto, conexiones: 1, dura: Duration::from_secs(3), calentar: Duration::from_secs(1), semilla: 1 }
    }

    #[test]
    fn del_registro_solo_cuenta_lo_ultimo_que_lo_de_antes_es_calentar() {
        // La primera empieza en el segundo 100 y la última en el 103: dos segundos son desde el 101.
        let registro = "0 1 500000 0 100 500000\n1 1 9000 0 101 0\n0 2 2000 0 102 1\n0 3 4000 0 102 9\nbasura\n\
                        1 2 700000 0 103 700000\n";
        let ritmo = medir(registro, Duration::from_secs(2)).expect("hubo tiempo");
        assert!((ritmo.ops_s - 1.5).abs() < 1e-9, "{ritmo:?}");
        assert!((ritmo.p50_ms - 4.0).abs() < 1e-9, "{ritmo:?}");
        let ritmo = medir(registro, Duration::from_secs(4)).expect("corrió tres");
        assert!((ritmo.ops_s - 3.0 / 2.25).abs() < 1e-9, "se miden tres cuartos: {ritmo:?}");
        assert_eq!(medir("", Duration::from_secs(1)), None);
    }

    #[test]
    fn con_muchas_conexiones_se_espera_a_que_esten_todas() {
        assert_eq!([1, 8, 32, 64, 256].map(de_conectar), [0, 0, 1, 1, 2]);
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
