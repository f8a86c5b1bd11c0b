//! Un servidor para pruebas, con hilo propio: muere con el proceso, y al soltarlo (o al salir) se borra entero.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use common::process::hijo::senalar;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::{Error, Instalacion, Modo, Rol, binarios, cuenta, lugar};

const PREFIJO: &str = "anaquel-prueba-";
const CERROJO: &str = "cerrojo";
const PLAZO_LISTO: Duration = Duration::from_mins(1);
const PLANTILLA: &str = "plantilla";
/// Cada cuánto se mira si el servidor, al que nadie más espera, está listo.
const MIRADA: Duration = Duration::from_millis(2);

/// Una base de un clúster desechable, con sus dos direcciones.
#[derive(Clone, Debug)]
pub struct Base {
    pub nombre: String,
    /// Para quien migra: el dueño.
    pub url_migracion: String,
    pub url_servicio: String,
}

/// Un servidor desechable en marcha.
pub struct Cluster {
    instalacion: Instalacion,
    duenio: Mutex<Option<Duenio>>,
    plantilla: tokio::sync::OnceCell<()>,
    bases: AtomicU32,
}

/// El hilo que lanzó el servidor y que vive tanto como él; se acaba al cerrar el canal.
struct Duenio {
    fin: mpsc::Sender<()>,
    hilo: JoinHandle<()>,
    _cerrojo: File,
}

impl Cluster {
    /// Un clúster nuevo en un directorio temporal. Tarda cerca de un segundo: en pruebas, mejor [`Self::compartido`].
    ///
    /// # Errors
    /// Los de [`Instalacion::preparar`], o si no arranca.
    pub fn desechable() -> Result<Self, Error> {
        static CUANTOS: AtomicU32 = AtomicU32::new(0);
        let raiz = raiz_alcanzable()?;
        barrer(&raiz);
        let n = CUANTOS.fetch_add(1, Ordering::Relaxed);
        let dir = raiz.join(format!("{PREFIJO}{}-{n}", std::process::id()));
        // El cerrojo va antes que los datos: lo que quede de una muerte a mitad también se barre.
        let cerrojo = lugar::cerrado(&dir, cuenta::sin_privilegios()?)
            .and_then(|()| tomar_cerrojo(&dir))
            .map_err(|causa| Error::Directorio { ruta: dir.clone(), causa })?;
        let instalacion = Instalacion::preparar(&dir, Modo::Desechable)?;
        let (aviso, arrancado) = mpsc::channel();
        let (fin, hasta) = mpsc::channel::<()>();
        let del_hilo = instalacion.clone();
        let hilo = thread::Builder::new()
            .name("postgres".into())
            .spawn(move || poseer(&del_hilo, &aviso, &hasta))
            .map_err(|e| programa(&dir, &e))?;
        let cluster = Self {
            instalacion,
            duenio: Mutex::new(Some(Duenio { fin, hilo, _cerrojo: cerrojo })),
            plantilla: tokio::sync::OnceCell::const_new(),
            bases: AtomicU32::new(0),
        };
        arrancado.recv().map_err(|e| programa(&dir, &e))??;
        Ok(cluster)
    }

    /// El clúster de este proceso: se hace la primera vez y se borra cuando el proceso sale.
    ///
    /// # Errors
    /// Los de [`Self::desechable`]; uno que no arrancó se intenta de nuevo.
    #[expect(unsafe_code, reason = "hacer algo al salir de una prueba solo está en libc")]
    pub fn compartido() -> Result<&'static Self, Error> {
        static ESTE: OnceLock<Cluster> = OnceLock::new();
        static UNO_A_LA_VEZ: Mutex<()> = Mutex::new(());
        extern "C" fn al_salir() {
            if let Some(cluster) = ESTE.get() {
                cluster.acabar();
            }
        }
        let _turno = UNO_A_LA_VEZ.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(cluster) = ESTE.get() {
            return Ok(cluster);
        }
        let nuevo = Self::desechable()?;
        let cluster = ESTE.get_or_init(|| nuevo);
        // SAFETY: la función es de este programa y no entra en pánico: acabar no falla.
        unsafe { libc::atexit(al_salir) };
        Ok(cluster)
    }

    /// La dirección de una base de este clúster.
    pub fn url(&self, rol: Rol, base: &str) -> String {
        self.instalacion.url(rol, base)
    }

    /// El directorio donde está todo.
    pub fn dir(&self) -> &Path {
        self.instalacion.dir()
    }

    /// Una base vacía, del rol de migración.
    ///
    /// # Errors
    /// Si el servidor no la puede crear.
    pub async fn base_vacia(&self) -> Result<Base, Error> {
        let nombre = self.nombre_nuevo();
        self.crear(&nombre, "").await?;
        Ok(self.base(nombre))
    }

    /// Una base copiada de la plantilla (unos 30 ms). La plantilla la hace `migrar`, con la URL del rol de migración,
    /// solo la primera vez en este clúster; debe dejar cerradas sus conexiones.
    ///
    /// # Errors
    /// Si `migrar` falla, o el servidor no puede crear la base.
    pub async fn base_migrada<F, E>(&self, migrar: F) -> Result<Base, Error>
    where
        F: AsyncFnOnce(String) -> Result<(), E>,
        E: std::fmt::Display,
    {
        self.plantilla
            .get_or_try_init(async || {
                self.ordenar(format!("DROP DATABASE IF EXISTS {PLANTILLA} WITH (FORCE)")).await?;
                self.crear(PLANTILLA, "").await?;
                migrar(self.url(Rol::Migracion, PLANTILLA)).await.map_err(|e| Error::Plantilla(e.to_string()))?;
                // Quien migró pudo dejar una conexión a medio cerrar, y una plantilla en uso no se copia.
                self.ordenar(format!(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{PLANTILLA}'"
                ))
                .await
            })
            .await?;
        self.base_desde_plantilla(PLANTILLA).await
    }

    /// Una base copiada de otra de este clúster, a la que nadie está conectado.
    ///
    /// # Errors
    /// Si la plantilla no existe o está en uso.
    pub async fn base_desde_plantilla(&self, plantilla: &str) -> Result<Base, Error> {
        let nombre = self.nombre_nuevo();
        self.crear(&nombre, &format!("TEMPLATE {plantilla} STRATEGY FILE_COPY")).await?;
        Ok(self.base(nombre))
    }

    fn nombre_nuevo(&self) -> String {
        format!("prueba_{}", self.bases.fetch_add(1, Ordering::Relaxed))
    }

    fn base(&self, nombre: String) -> Base {
        let url_migracion = self.url(Rol::Migracion, &nombre);
        Base { url_servicio: self.url(Rol::Servicio, &nombre), url_migracion, nombre }
    }

    async fn crear(&self, nombre: &str, como: &str) -> Result<(), Error> {
        self.ordenar(format!("CREATE DATABASE {nombre} OWNER {} {como}", Rol::Migracion.nombre())).await
    }

    /// Una orden del administrador, por una conexión que no sobrevive al runtime de la prueba que la pidió.
    async fn ordenar(&self, orden: String) -> Result<(), Error> {
        let mut conexion = PgConnection::connect(&self.url(Rol::Administrador, "postgres")).await?;
        conexion.execute(AssertSqlSafe(orden)).await?;
        conexion.close().await?;
        Ok(())
    }

    /// Para el servidor y borra sus datos; la segunda vez no hace nada.
    fn acabar(&self) {
        let duenio = self.duenio.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(Duenio { fin, hilo, _cerrojo }) = duenio {
            drop(fin);
            // El hilo solo puede haber acabado mal si el servidor no arrancó, y eso ya se dijo.
            let _ = hilo.join();
            // Lo que no se borre lo barrerá el siguiente clúster.
            let _ = self.instalacion.borrar();
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.acabar();
    }
}

/// Lo que hace el hilo dueño: arranca, avisa, espera el fin y para el servidor.
fn poseer(instalacion: &Instalacion, aviso: &mpsc::Sender<Result<(), Error>>, hasta: &mpsc::Receiver<()>) {
    let mut hijo = match arrancar(instalacion) {
        Ok(hijo) => hijo,
        Err(e) => return aviso.send(Err(e)).unwrap_or(()),
    };
    let _ = aviso.send(Ok(()));
    // Nadie manda nada: vuelve cuando se suelta el otro extremo.
    let _ = hasta.recv();
    acabar_con(&mut hijo);
}

fn arrancar(instalacion: &Instalacion) -> Result<Child, Error> {
    let dir = instalacion.dir();
    let ruta = dir.join("postgres.log");
    let registro = File::create(&ruta).map_err(|causa| Error::Directorio { ruta: dir.to_owned(), causa })?;
    let mut hijo = instalacion.orden().stdout(Stdio::null()).stderr(registro).spawn().map_err(|e| programa(dir, &e))?;
    let desde = Instant::now();
    while !instalacion.listo(hijo.id()) {
        if let Ok(Some(estado)) = hijo.try_wait() {
            return Err(programa(dir, &estado));
        }
        if desde.elapsed() > PLAZO_LISTO {
            acabar_con(&mut hijo);
            return Err(Error::Lento { segundos: PLAZO_LISTO.as_secs(), registro: ruta });
        }
        thread::sleep(MIRADA);
    }
    Ok(hijo)
}

/// Parada inmediata: los datos se van a borrar.
fn acabar_con(hijo: &mut Child) {
    senalar(hijo.id(), libc::SIGQUIT);
    let _ = hijo.wait();
}

/// El primer directorio temporal donde la cuenta de PostgreSQL puede entrar.
fn raiz_alcanzable() -> Result<PathBuf, Error> {
    let Some(cuenta) = cuenta::sin_privilegios()? else { return Ok(env::temp_dir()) };
    let binarios = binarios::buscar()?;
    Ok([env::temp_dir(), "/tmp".into()]
        .into_iter()
        .find(|dir| cuenta::alcanza(cuenta, &binarios, dir))
        .unwrap_or_else(|| "/var/tmp".into()))
}

/// Borra lo que dejaron procesos muertos a la fuerza: los directorios cuyo cerrojo ya no tiene nadie.
fn barrer(raiz: &Path) {
    for entrada in fs::read_dir(raiz).into_iter().flatten().flatten() {
        let dir = entrada.path();
        let es_nuestro = entrada.file_name().to_string_lossy().starts_with(PREFIJO);
        if es_nuestro && File::open(dir.join(CERROJO)).is_ok_and(|f| f.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(&dir);
        }
    }
}

/// El cerrojo aparece ya tomado: quien barre no puede verlo suelto.
fn tomar_cerrojo(dir: &Path) -> std::io::Result<File> {
    let temporal = dir.join("cerrojo.tmp");
    let cerrojo = File::create(&temporal)?;
    cerrojo.lock()?;
    fs::rename(temporal, dir.join(CERROJO))?;
    Ok(cerrojo)
}

fn programa(registro: &Path, motivo: &dyn std::fmt::Display) -> Error {
    Error::Programa { programa: "postgres", motivo: motivo.to_string(), registro: registro.join("postgres.log") }
}
