//! Lo que usan las pruebas del lanzador: una suite en un directorio y unos puertos propios, y esperas con plazo.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Mutex, PoisonError, mpsc},
    time::{Duration, Instant},
};

use anaquel::plano::Plano;
use common::{process::hijos, transport::puertos::Tramo};
use tempfile::TempDir;

pub const PLAZO: Duration = Duration::from_secs(30);

/// Espera a que algo pase; si no pasa a tiempo, la prueba falla diciendo qué.
pub fn esperar<T>(que: &str, mut mirar: impl FnMut() -> Option<T>) -> T {
    let desde = Instant::now();
    loop {
        if let Some(visto) = mirar() {
            return visto;
        }
        assert!(desde.elapsed() < PLAZO, "no pasó: {que}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Si un proceso vive; uno que nadie ha recogido ya murió.
pub fn vive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|s| s.rsplit_once(") ").is_some_and(|(_, resto)| !resto.starts_with(['Z', 'X'])))
}

#[expect(unsafe_code, reason = "kill solo está en libc")]
pub fn matar(pid: u32, senal: i32) {
    // SAFETY: el pid es de un proceso de esta prueba.
    assert_eq!(unsafe { libc::kill(pid.cast_signed(), senal) }, 0, "kill {pid}");
}

/// Un directorio donde la cuenta de PostgreSQL puede entrar.
pub fn directorio() -> TempDir {
    let dir = tempfile::tempdir().expect("hay un temporal");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("es nuestro");
    dir
}

/// Una base de puertos que nadie más tomará mientras dure este proceso de pruebas.
pub fn puerto_base() -> u16 {
    static TRAMOS: Mutex<Vec<Tramo>> = Mutex::new(Vec::new());
    let tramo = Tramo::reservar(std::process::id()).expect("hay puertos libres");
    let base = tramo.base();
    TRAMOS.lock().unwrap_or_else(PoisonError::into_inner).push(tramo);
    base
}

/// Un directorio con el lanzador y servicios de mentira a su lado.
pub fn programas() -> TempDir {
    let dir = tempfile::tempdir_in(lanzador().parent().expect("tiene directorio")).expect("se puede escribir");
    let falso = lanzador().with_file_name("examples").join("servicio_falso");
    fs::hard_link(lanzador(), dir.path().join("anaquel")).expect("mismo sistema de archivos");
    for programa in ["gestor_carga", "gestor_almacenamiento", "actor_prestamo", "actor_devolucion"] {
        fs::hard_link(&falso, dir.path().join(programa)).expect("mismo sistema de archivos");
    }
    dir
}

pub fn lanzador() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_anaquel"))
}

/// Dónde y con qué se corre el lanzador.
pub struct Sitio {
    pub dir: TempDir,
    pub programas: PathBuf,
    pub plano: Plano,
    pub entorno: Vec<(&'static str, String)>,
    /// Los programas de mentira, mientras dure la prueba.
    falsos: Option<TempDir>,
}

impl Sitio {
    pub fn con_falsos() -> Self {
        let falsos = programas();
        let mut sitio = Self::new(falsos.path());
        sitio.falsos = Some(falsos);
        sitio
    }

    pub fn new(programas: &Path) -> Self {
        let dir = directorio();
        let plano = Plano::new(dir.path().join("var"), puerto_base()).expect("vale");
        Self { dir, programas: programas.to_owned(), plano, entorno: Vec::new(), falsos: None }
    }

    /// Sin PostgreSQL propio: ninguna de estas pruebas llega a hablar con la base.
    pub fn sin_postgres(mut self) -> Self {
        self.entorno.push(("DATABASE_URL", "postgres://yo:secreto@127.0.0.1:1/anaquel".into()));
        self
    }

    pub fn con(mut self, nombre: &'static str, valor: impl Into<String>) -> Self {
        self.entorno.push((nombre, valor.into()));
        self
    }

    pub fn orden(&self, argumentos: &[&str]) -> Command {
        let mut orden = Command::new(self.programas.join("anaquel"));
        orden.args(argumentos).current_dir(self.dir.path()).env_remove("DATABASE_URL").stdin(Stdio::null());
        orden.env("ANAQUEL_VAR", self.plano.var()).env("ANAQUEL_PUERTO_BASE", self.plano.base().to_string());
        orden.envs(self.entorno.iter().map(|(n, v)| (n, v)));
        orden
    }

    /// Corre una orden hasta que acaba.
    pub fn correr(&self, argumentos: &[&str]) -> Output {
        self.orden(argumentos).output().expect("se lanza")
    }

    /// Corre una orden que tiene que salir bien; da lo que dijo.
    pub fn bien(&self, argumentos: &[&str]) -> String {
        let salida = self.correr(argumentos);
        assert!(salida.status.success(), "{argumentos:?}: {}", String::from_utf8_lossy(&salida.stderr));
        String::from_utf8(salida.stdout).expect("es UTF-8")
    }

    /// Corre una orden que tiene que fallar; da su código y la última línea de su queja.
    pub fn mal(&self, argumentos: &[&str]) -> (i32, String) {
        let salida = self.correr(argumentos);
        let queja = String::from_utf8_lossy(&salida.stderr).into_owned();
        let linea = queja.lines().last().unwrap_or_default().to_owned();
        assert!(!salida.status.success() && linea.starts_with("anaquel: "), "{argumentos:?}: {queja}");
        (salida.status.code().expect("salió"), linea)
    }

    /// Levanta la suite y espera a que se anuncie.
    pub fn servir(&self) -> SuiteDePrueba<'_> {
        let registro = fs::File::options().create(true).append(true).open(self.dir.path().join("anaquel.log"));
        let mut orden = self.orden(&["servir"]);
        let mut proceso = orden.stdout(Stdio::piped()).stderr(registro.expect("se escribe")).spawn().expect("se lanza");
        let salida = BufReader::new(proceso.stdout.take().expect("es nuestra"));
        let (envia, lineas) = mpsc::channel();
        std::thread::spawn(move || salida.lines().map_while(Result::ok).try_for_each(|l| envia.send(l)));
        let suite = SuiteDePrueba { sitio: self, proceso, lineas };
        let anuncio = suite.lineas.recv_timeout(PLAZO).unwrap_or_else(|_| panic!("sin anuncio: {}", self.registro()));
        assert!(anuncio.starts_with("Anaquel listo"), "{anuncio}");
        suite
    }

    fn registro(&self) -> String {
        fs::read_to_string(self.dir.path().join("anaquel.log")).unwrap_or_default()
    }

    pub fn pid(&self, nombre: &str) -> Option<u32> {
        fs::read_to_string(self.plano.pid(nombre)).ok()?.trim().parse().ok()
    }

    /// La línea de un proceso en `anaquel estado`.
    pub fn fila(&self, nombre: &str) -> String {
        let tabla = self.bien(&["estado"]);
        let fila = tabla.lines().find(|l| l.split_whitespace().next() == Some(nombre));
        fila.unwrap_or_else(|| panic!("{nombre} no está: {tabla}")).to_owned()
    }
}

impl Drop for Sitio {
    fn drop(&mut self) {
        // Si los datos se desviaron, el directorio temporal solo tiene el enlace.
        if let Ok(datos) = fs::read_link(self.plano.datos()) {
            let _ = fs::remove_dir_all(datos);
        }
    }
}

/// Una suite en marcha; al soltarla se mata, y con ella todo lo suyo.
pub struct SuiteDePrueba<'a> {
    pub sitio: &'a Sitio,
    pub proceso: Child,
    lineas: mpsc::Receiver<String>,
}

impl SuiteDePrueba<'_> {
    /// El pid del lanzador.
    pub fn pid(&self) -> u32 {
        self.proceso.id()
    }

    /// Todo lo que corre por ella: sus hijos y los de sus hijos.
    pub fn procesos(&self) -> Vec<u32> {
        let propios = hijos::de(self.proceso.id());
        let nietos: Vec<u32> = propios.iter().flat_map(|p| hijos::de(*p)).collect();
        [propios, nietos].concat()
    }

    /// La apaga y comprueba que acaba bien, sin dejar nada y sin haber dicho más.
    pub fn apagar(mut self) {
        let todos = self.procesos();
        matar(self.proceso.id(), libc::SIGTERM);
        let estado = esperar("el lanzador sale", || self.proceso.try_wait().expect("es hijo nuestro"));
        assert!(estado.success(), "{estado}: {}", self.sitio.registro());
        assert!(!todos.iter().any(|p| vive(*p)), "quedó algo en marcha");
        assert_eq!(self.lineas.recv().ok(), None, "se anuncia una vez");
    }

    /// `kill -9` al lanzador; vuelve cuando no queda nada de lo suyo.
    pub fn matar_sin_aviso(mut self) {
        let todos = self.procesos();
        assert!(todos.len() >= self.sitio.plano.servicios(&urls()).len(), "{todos:?}");
        self.proceso.kill().expect("vive");
        self.proceso.wait().expect("es hijo nuestro");
        esperar("no queda nada en marcha", || (!todos.iter().any(|p| vive(*p))).then_some(()));
    }
}

fn urls() -> anaquel::plano::Urls {
    anaquel::plano::Urls { servicio: String::new(), migracion: None }
}

impl Drop for SuiteDePrueba<'_> {
    fn drop(&mut self) {
        let _ = self.proceso.kill();
        let _ = self.proceso.wait();
    }
}
