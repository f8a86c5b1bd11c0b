//! Cómo se hace un clúster (initdb, roles y base) y cómo se arranca: la orden, su entorno y cuándo está listo.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{self, Write as _},
    ops::RangeInclusive,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use common::process::{hijo::morir_con_quien_lanza, hijos};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

use super::{
    Error, binarios,
    cuenta::{self, CuentaUnix},
    lugar,
};

/// La base de la suite.
pub const BASE: &str = "anaquel";
/// El zócalo de un servidor, en su directorio.
const ZOCALO: &str = ".s.PGSQL.5432";
/// «¿Hablas TLS?», que se contesta con un byte antes de saber quién pregunta: postgresql.org/docs/15, 55.7, SSLRequest.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
/// La línea de `postmaster.pid` que dice si el servidor acepta conexiones.
const LINEA_DE_ESTADO: usize = 7;

/// Lo que se ejecuta, una orden por línea, al hacer el clúster y antes de que nadie pueda verlo. El dueño administra al
/// rol de servicio: la migración le da permisos y puede trabajar como él.
pub const ORDENES_DE_ARRANQUE: &str = "\
CREATE ROLE anaquel_servicio LOGIN;
CREATE ROLE anaquel_migracion LOGIN CREATEROLE;
GRANT anaquel_servicio TO anaquel_migracion WITH ADMIN OPTION;
CREATE DATABASE anaquel OWNER anaquel_migracion;
";

/// Ajustes de todo clúster.
pub const AJUSTES_COMUNES: &[&str] = &[
    // Solo el zócalo Unix, y su directorio es 0700: quien llega hasta él es el dueño o root.
    "listen_addresses=",
    "unix_socket_permissions=0700",
    // Cada gestor de almacenamiento abre unas pocas; las demás son para la auditoría, las pruebas en paralelo y el banco,
    // que en la referencia pone a 256 clientes a entrar sin intermediario. Un hueco sin usar cuesta unos KiB.
    "max_connections=300",
    // Las órdenes son cortas y van preparadas: compilarlas cuesta más que correrlas.
    "jit=off",
    // Tras un kill -9, antes de recuperarse, se lleva a disco lo que quedó a medias: con una llamada (14 o posterior) y no
    // con una por cada uno de los 1.300 archivos, que con el disco ocupado son segundos sin base.
    "recovery_init_sync_method=syncfs",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_line_prefix=%m [%p] %u@%d ",
];
/// Páginas de la base en memoria, en MiB: un octavo de la que hay, para que los índices de una biblioteca grande quepan. Solo
/// se ocupa la que se llega a tocar. El manual de PostgreSQL propone un cuarto, pero aquí la máquina es de todos.
const PAGINAS_MIB: RangeInclusive<u64> = 128..=4_096;
/// Lo confirmado está en disco: es la promesa de la suite. Son los valores por defecto, dichos para que nadie los herede.
pub const AJUSTES_DURADEROS: &[&str] = &["fsync=on", "synchronous_commit=on", "full_page_writes=on"];
/// Nada de lo escrito importa si la máquina cae.
const DESECHABLE: &[&str] = &[
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_wal_size=4GB",
    "autovacuum=off",
    "wal_level=minimal",
    "max_wal_senders=0",
];

/// Qué pasa con los datos.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modo {
    Duradero,
    /// Para pruebas: rápido, y no sobreviven a una caída de la máquina.
    Desechable,
}

/// Con quién se entra.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rol {
    Administrador,
    /// El dueño de la base y de las tablas.
    Migracion,
    /// El de los servicios: no posee nada.
    Servicio,
}

impl Rol {
    /// Su nombre en PostgreSQL.
    pub const fn nombre(self) -> &'static str {
        match self {
            Self::Administrador => "postgres",
            Self::Migracion => "anaquel_migracion",
            Self::Servicio => "anaquel_servicio",
        }
    }
}

/// Un clúster hecho, en marcha o no.
#[derive(Clone, Debug)]
pub struct Instalacion {
    binarios: PathBuf,
    cuenta: Option<CuentaUnix>,
    dir: PathBuf,
    zocalo: PathBuf,
    modo: Modo,
}

impl Instalacion {
    /// Halla los binarios y hace el clúster si falta (medio segundo). Se puede repetir.
    ///
    /// # Errors
    /// Sin binarios, sin cuenta sin privilegios, un directorio que no sirve, o `initdb` que falla.
    pub fn preparar(dir: &Path, modo: Modo) -> Result<Self, Error> {
        let binarios = binarios::buscar()?;
        let mut cuenta = cuenta::sin_privilegios()?;
        if cuenta.is_some() {
            cuenta = cuenta::duena_de(&dir.join("data")).or(cuenta);
        }
        let dir = lugar::preparar(dir, &binarios, cuenta)?;
        let zocalo = lugar::zocalo(&dir, cuenta)?;
        let esta = Self { binarios, cuenta, dir, zocalo, modo };
        if !esta.datos().join("PG_VERSION").exists() {
            esta.hacer()?;
        }
        Ok(esta)
    }

    /// initdb, roles y base en `data.tmp`, y solo entonces el nombre bueno: uno a medias nunca pasa por entero.
    fn hacer(&self) -> Result<(), Error> {
        let (temporal, datos) = (self.dir.join("data.tmp"), self.datos());
        let fallo = |causa| Error::Directorio { ruta: self.dir.clone(), causa };
        if temporal.exists() {
            fs::remove_dir_all(&temporal).map_err(fallo)?;
        }
        let mut orden = self.de_una_vez("initdb");
        orden.arg("-D").arg(&temporal).args(["-U", Rol::Administrador.nombre(), "-A", "trust", "-E", "UTF8"]);
        orden.args(["--locale=C.UTF-8", "--no-instructions", "--no-sync"]);
        bien("initdb", orden.output(), &self.dir)?;
        bien("postgres", self.dar_ordenes(&temporal, ORDENES_DE_ARRANQUE), &self.dir)?;
        if self.modo == Modo::Duradero {
            let mut orden = self.de_una_vez("initdb");
            bien("initdb", orden.args(["--sync-only", "-D"]).arg(&temporal).output(), &self.dir)?;
        }
        fs::rename(&temporal, &datos).map_err(fallo)?;
        File::open(&self.dir).and_then(|d| d.sync_all()).map_err(fallo)
    }

    /// Un programa que acaba solo, pero que no debe seguir sin quien lo lanzó.
    fn de_una_vez(&self, programa: &str) -> Command {
        let mut orden = cuenta::orden(&self.binarios.join(programa), self.cuenta);
        morir_con_quien_lanza(&mut orden, libc::SIGKILL);
        orden
    }

    /// Corre órdenes sobre unos datos que nadie sirve (postgres en modo de un solo usuario).
    fn dar_ordenes(&self, datos: &Path, ordenes: &str) -> io::Result<Output> {
        let mut hijo = self
            .de_una_vez("postgres")
            .args(["--single", "-F", "-c", "exit_on_error=true", "-D"])
            .arg(datos)
            .arg("postgres")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let escrito = hijo.stdin.take().map_or(Ok(()), |mut entrada| entrada.write_all(ordenes.as_bytes()));
        let salida = hijo.wait_with_output()?;
        escrito.map(|()| salida)
    }

    /// La orden que arranca el servidor. Muere con el *hilo* que la lanza (PDEATHSIG): láncela desde uno que viva tanto
    /// como deba vivir el servidor. Su registro va a donde diga quien la lanza.
    pub fn orden(&self) -> Command {
        let mut orden = cuenta::orden(&self.binarios.join("postgres"), self.cuenta);
        orden.arg("-D").arg(self.datos()).arg("-k").arg(&self.zocalo);
        let (propios, senal) = match self.modo {
            Modo::Duradero => (AJUSTES_DURADEROS, libc::SIGINT),
            Modo::Desechable => (DESECHABLE, libc::SIGQUIT),
        };
        for ajuste in AJUSTES_COMUNES.iter().chain(propios) {
            orden.args(["-c", ajuste]);
        }
        orden.arg("-c").arg(format!("shared_buffers={}MB", paginas_mib(self.modo)));
        morir_con_quien_lanza(&mut orden, senal);
        orden
    }

    /// Si el servidor de ese pid acepta conexiones.
    pub fn listo(&self, pid: u32) -> bool {
        let Ok(texto) = fs::read_to_string(self.datos().join("postmaster.pid")) else { return false };
        let mut lineas = texto.lines().map(str::trim);
        lineas.next() == Some(pid.to_string().as_str()) && lineas.nth(LINEA_DE_ESTADO - 1) == Some("ready")
    }

    /// Si el servidor de ese pid está vivo: contesta a quien llama a su puerta, aunque aún no pueda entrar, y ninguno de sus
    /// procesos está parado, que podría tener un cerrojo al que todos esperan. No entra: cada entrada le cuesta varios
    /// milisegundos, y esto se le pregunta sin parar. Quien llama pone el plazo.
    pub async fn da_senales(&self, pid: u32) -> bool {
        !hijos::de(pid).into_iter().any(hijos::esta_parado) && self.contesta().await.is_ok()
    }

    async fn contesta(&self) -> io::Result<()> {
        let mut puerta = UnixStream::connect(self.zocalo.join(ZOCALO)).await?;
        puerta.write_all(&SSL_REQUEST).await?;
        puerta.read_u8().await.map(drop)
    }

    /// La dirección de una base, para sqlx.
    pub fn url(&self, rol: Rol, base: &str) -> String {
        url_por_zocalo(&self.zocalo, rol, base)
    }

    /// Si una dirección es de la instalación, hecha ya, de ese directorio.
    pub fn es_de(dir: &Path, url: &str) -> bool {
        let Ok(dir) = dir.canonicalize() else { return false };
        let zocalo = lugar::ruta_de_zocalo(&dir);
        [Rol::Servicio, Rol::Migracion, Rol::Administrador]
            .into_iter()
            .any(|rol| url_por_zocalo(&zocalo, rol, BASE) == url)
    }

    /// El directorio, sin enlaces: dentro están `data` y, si su ruta cabe, el zócalo.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// El directorio del zócalo.
    pub fn zocalo(&self) -> &Path {
        &self.zocalo
    }

    /// Dónde está otro programa de PostgreSQL (`pgbench`), si lo está: junto a los del servidor.
    pub fn programa(&self, nombre: &str) -> PathBuf {
        self.binarios.join(nombre)
    }

    /// Con el servidor parado, quita el directorio del zócalo si está fuera del de los datos.
    pub fn retirar_zocalo(&self) {
        if self.zocalo != self.dir {
            // Si alguien dejó algo dentro, no es nuestro.
            let _ = fs::remove_dir(&self.zocalo);
        }
    }

    fn datos(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Borra los datos y el directorio del zócalo. El servidor ya no corre.
    pub(super) fn borrar(&self) -> io::Result<()> {
        if self.zocalo != self.dir {
            fs::remove_dir_all(&self.zocalo)?;
        }
        fs::remove_dir_all(&self.dir)
    }
}

/// La dirección de una base por el zócalo de un directorio.
fn url_por_zocalo(zocalo: &Path, rol: Rol, base: &str) -> String {
    let mut host = String::new();
    for &b in zocalo.as_os_str().as_bytes() {
        if b.is_ascii_alphanumeric() || b"/-_.".contains(&b) {
            host.push(char::from(b));
        } else {
            let _ = write!(host, "%{b:02X}");
        }
    }
    format!("postgres://{}@localhost:5432/{base}?host={host}", rol.nombre())
}

/// Cuántas páginas en memoria, en MiB.
#[expect(unsafe_code, reason = "cuánta memoria hay solo está en libc")]
fn paginas_mib(modo: Modo) -> u64 {
    if modo == Modo::Desechable {
        return *PAGINAS_MIB.start();
    }
    // SAFETY: sysconf solo lee.
    let [cuantas, bytes] = [libc::_SC_PHYS_PAGES, libc::_SC_PAGESIZE].map(|que| unsafe { libc::sysconf(que) });
    let mib = u64::try_from(cuantas).unwrap_or(0) * u64::try_from(bytes).unwrap_or(0) / (1024 * 1024);
    (mib / 8).clamp(*PAGINAS_MIB.start(), *PAGINAS_MIB.end())
}

/// Una orden que acabó bien, o su última línea.
fn bien(programa: &'static str, salida: io::Result<Output>, registro: &Path) -> Result<(), Error> {
    let motivo = match salida {
        Ok(s) if s.status.success() => return Ok(()),
        Ok(s) => {
            let texto = String::from_utf8_lossy(&s.stderr).into_owned();
            let ultima = texto.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or("sin explicación").to_owned();
            format!("{ultima} ({})", s.status)
        }
        Err(e) => e.to_string(),
    };
    Err(Error::Programa { programa, motivo, registro: registro.to_owned() })
}
