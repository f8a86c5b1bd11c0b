//! Una suite propia: la levanta, mata sus procesos de verdad, la para y la apaga. No sobrevive a quien la levantó.

mod calma;
mod proceso;
mod uso;

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use anaquel::{
    plano::{ANAQUEL_ALMACENES, ANAQUEL_PUERTO_BASE, ANAQUEL_VAR, POSTGRES, Plano, Servicio, Urls, leer_ajustes},
    postgres::{Instalacion, Modo},
};
use common::{
    process::{
        hijo::{morir_con_quien_lanza, senalar},
        hijos,
        http::cliente as http,
    },
    transport::{Endpoint, puertos::Tramo},
};
pub use proceso::memoria;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep},
};

/// Cuánto puede tardar en estar lista, con su catálogo.
const ARRANQUE_MAX: Duration = Duration::from_secs(90);
/// Cuánto puede tardar en apagarse entera.
const APAGADO_MAX: Duration = Duration::from_secs(20);
/// Cada cuánto se mira lo que no avisa.
const MIRADA: Duration = Duration::from_millis(5);
/// Ajustes del entorno que cambiarían la suite propia.
const AJENOS: [&str; 7] = [
    "DATABASE_URL",
    "DATABASE_URL_MIGRACION",
    "ANAQUEL_CONFIG",
    "HTTP_ADDR",
    "PLAZO_RESPUESTA_MS",
    "ESPERA_BASE_MS",
    ANAQUEL_ALMACENES,
];

/// Por qué la suite no hace lo que se le pide.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Falta el lanzador junto a este programa.
    #[error("no está {0}. Constrúyalo con «make construir»")]
    SinLanzador(PathBuf),
    /// Sus puertos o su directorio no valen.
    #[error("no se puede trazar la suite: {0}")]
    SinPlano(String),
    /// No llegó a estar lista.
    #[error("la suite no arrancó: {motivo}. Mire {}", registro.display())]
    NoArranca { motivo: String, registro: PathBuf },
    /// Un archivo o proceso del sistema.
    #[error("{que}: {causa}")]
    Sistema { que: String, causa: io::Error },
    /// El proceso no está en marcha.
    #[error("{0} no está en marcha")]
    Ausente(String),
    /// Una orden del lanzador falló.
    #[error("anaquel {orden} {nombre}: {motivo}")]
    Orden { orden: &'static str, nombre: String, motivo: String },
    /// Algo que tenía que pasar no pasó a tiempo.
    #[error("no pasó a tiempo: {0}")]
    Plazo(String),
}

fn sistema(que: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
    let que = que.into();
    move |causa| Error::Sistema { que, causa }
}

/// El sitio de una suite que aún no se levantó: su directorio y sus puertos, ya suyos.
pub struct Solar {
    plano: Plano,
    tramo: Tramo,
    ajustes: Vec<(String, String)>,
}

impl Solar {
    /// Crea el directorio y reserva los puertos.
    pub fn reservar(var: &Path) -> Result<Self, Error> {
        fs::create_dir_all(var).map_err(sistema(format!("no se puede crear {}", var.display())))?;
        let var = var.canonicalize().map_err(sistema(var.display().to_string()))?;
        let tramo = Tramo::reservar(std::process::id()).map_err(sistema("puertos para la suite"))?;
        let plano = Plano::new(&var, tramo.base()).map_err(|e| Error::SinPlano(e.to_string()))?;
        Ok(Self { plano, tramo, ajustes: Vec::new() })
    }

    /// Las direcciones y los archivos que tendrá.
    pub fn plano(&self) -> &Plano {
        &self.plano
    }

    /// El mismo, con algo en medio entre los almacenes y quien los llama.
    pub fn con_desvio(self, desvio: [SocketAddr; 2]) -> Self {
        Self { plano: self.plano.con_desvio(desvio), ..self }
    }

    /// El mismo, con un ajuste más en el entorno de todos sus procesos.
    pub fn con_ajuste(mut self, nombre: &str, valor: &str) -> Self {
        self.ajustes.push((nombre.to_owned(), valor.to_owned()));
        self
    }
}

/// Una suite en marcha.
pub struct Suite {
    hijo: Child,
    lanzador: PathBuf,
    plano: Plano,
    _puertos: Tramo,
}

impl Suite {
    /// Levanta una suite en `var`, en puertos libres, con el catálogo de `catalogo` (o el de muestra), y espera a que
    /// esté lista. Muere con el hilo que la levanta.
    pub async fn levantar(var: &Path, catalogo: Option<&Path>) -> Result<Self, Error> {
        Self::levantar_en(Solar::reservar(var)?, catalogo).await
    }

    /// Lo mismo, en un sitio ya reservado.
    pub async fn levantar_en(Solar { plano, tramo, ajustes }: Solar, catalogo: Option<&Path>) -> Result<Self, Error> {
        let lanzador = programa("anaquel")?;
        let registro = plano.var().join("anaquel.log");
        let salida = File::create(&registro).map_err(sistema(registro.display().to_string()))?;
        let mut orden = Command::new(&lanzador);
        for ajuste in AJENOS {
            orden.env_remove(ajuste);
        }
        orden.arg("servir").envs(entorno(&plano)).envs(ajustes);
        orden.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(salida);
        if let Some(csv) = catalogo {
            orden.arg("--catalogo").arg(csv);
        }
        morir_con_quien_lanza(&mut orden, libc::SIGTERM);
        let mut hijo = orden.spawn().map_err(sistema(lanzador.display().to_string()))?;
        let lista = anuncio(&mut hijo);
        let mut suite = Self { hijo, lanzador, plano, _puertos: tramo };
        match tokio::time::timeout(ARRANQUE_MAX, lista).await {
            Ok(Ok(())) => Ok(suite),
            fin => {
                suite.terminar().await;
                let tarde = fin.is_err().then(|| format!("no estuvo lista en {} s", ARRANQUE_MAX.as_secs()));
                Err(Error::NoArranca { motivo: tarde.unwrap_or_else(|| ultima_linea(&registro)), registro })
            }
        }
    }

    /// Dónde atiende a los clientes.
    ///
    /// # Panics
    /// Nunca: la dirección la compone el plano.
    pub fn clientes(&self) -> Endpoint {
        self.plano.clientes().to_string().parse().expect("IP y puerto")
    }

    /// Sus direcciones y archivos.
    pub fn plano(&self) -> &Plano {
        &self.plano
    }

    /// La dirección de su base de datos.
    ///
    /// # Errors
    /// [`Error::Sistema`] si la suite no dejó sus ajustes.
    pub fn base_de_datos(&self) -> Result<String, Error> {
        url_de_la_base(&self.plano.ajustes())
    }

    /// Su PostgreSQL, que ya está hecho y en marcha: con él se entra con cualquier rol.
    pub fn postgres(&self) -> Result<Instalacion, anaquel::postgres::Error> {
        Instalacion::preparar(&self.plano.datos(), Modo::Duradero)
    }

    /// Sus servicios, con sus direcciones.
    pub fn servicios(&self) -> Vec<Servicio> {
        servicios(&self.plano)
    }

    /// La dirección HTTP de un servicio.
    pub fn http(&self, nombre: &str) -> Option<SocketAddr> {
        self.servicios().into_iter().find(|s| s.nombre == nombre).map(|s| s.http)
    }

    /// Las métricas de un servicio, si contesta.
    pub async fn metricas(&self, nombre: &str) -> Option<String> {
        http::obtener(self.http(nombre)?, "/metrics").await.ok().map(|(_, pagina)| pagina)
    }

    /// El pid de un proceso de la suite, comprobado: es hijo de su lanzador.
    pub fn pid(&self, nombre: &str) -> Result<u32, Error> {
        let texto = fs::read_to_string(self.plano.pid(nombre)).unwrap_or_default();
        let pid = texto.trim().parse().ok().filter(|pid| proceso::padre(*pid) == Some(self.hijo.id()));
        pid.ok_or_else(|| Error::Ausente(nombre.to_owned()))
    }

    /// `kill -9` a un proceso; devuelve el pid que tenía.
    pub fn matar(&self, nombre: &str) -> Result<u32, Error> {
        let pid = self.pid(nombre)?;
        senalar(pid, libc::SIGKILL);
        Ok(pid)
    }

    /// Manda `senal` a un proceso de la suite; si es PostgreSQL, `a_todos` se la manda también a sus hijos.
    pub fn senalar(&self, nombre: &str, senal: libc::c_int, a_todos: bool) -> Result<Vec<u32>, Error> {
        let pid = self.pid(nombre)?;
        let hijos = if a_todos { hijos::de(pid) } else { Vec::new() };
        let todos: Vec<u32> = [pid].into_iter().chain(hijos).collect();
        for pid in &todos {
            senalar(*pid, senal);
        }
        Ok(todos)
    }

    /// Manda `senal` al `cual`-ésimo proceso con que PostgreSQL atiende una conexión, dando la vuelta; `None` si no hay.
    ///
    /// # Errors
    /// [`Error::Ausente`] si PostgreSQL no está en marcha.
    pub fn senalar_backend(&self, cual: usize, senal: libc::c_int) -> Result<Option<u32>, Error> {
        let mut backends = hijos::de(self.pid(POSTGRES)?);
        backends.retain(|pid| proceso::atiende_una_conexion(*pid));
        if backends.is_empty() {
            return Ok(None);
        }
        let pid = backends[cual % backends.len()];
        senalar(pid, senal);
        Ok(Some(pid))
    }

    /// Si un proceso está en marcha con otro pid que `anterior` y contesta que está listo. De PostgreSQL lo dice un
    /// almacén, que sin él no lo está.
    pub async fn esta_listo(&self, nombre: &str, anterior: u32) -> bool {
        let lo_dicen: &[&str] = if nombre == POSTGRES { &calma::ALMACENES } else { &[nombre] };
        if !self.pid(nombre).is_ok_and(|pid| pid != anterior) {
            return false;
        }
        for http in lo_dicen.iter().filter_map(|n| self.http(n)) {
            if http::obtener(http, "/listo").await.is_ok_and(|(codigo, _)| codigo == 200) {
                return true;
            }
        }
        false
    }

    /// Espera a [`Suite::esta_listo`].
    pub async fn esperar_listo(&self, nombre: &str, anterior: u32, plazo: Duration) -> Result<(), Error> {
        let fin = Instant::now() + plazo;
        while !self.esta_listo(nombre, anterior).await {
            if Instant::now() >= fin {
                return Err(Error::Plazo(format!("{nombre} vuelve a estar listo")));
            }
            sleep(MIRADA).await;
        }
        Ok(())
    }

    /// Espera a que un proceso esté en marcha con otro pid que `anterior`, y la suite en calma.
    pub async fn esperar_vuelta(&self, nombre: &str, anterior: u32, plazo: Duration) -> Result<(), Error> {
        let fin = Instant::now() + plazo;
        let mut falta = format!("{nombre} está en marcha");
        while Instant::now() < fin {
            if self.pid(nombre).is_ok_and(|pid| pid != anterior) {
                match calma::falta(self).await {
                    None => return Ok(()),
                    Some(algo) => falta = algo,
                }
            }
            sleep(MIRADA).await;
        }
        Err(Error::Plazo(falta))
    }

    /// Lo que un proceso escribió en su registro.
    pub fn registro(&self, nombre: &str) -> String {
        fs::read_to_string(self.plano.registro(nombre)).unwrap_or_default()
    }

    /// `anaquel parar NOMBRE`.
    pub async fn parar(&self, nombre: &str) -> Result<(), Error> {
        self.ordenar("parar", nombre).await
    }

    /// `anaquel iniciar NOMBRE`.
    pub async fn iniciar(&self, nombre: &str) -> Result<(), Error> {
        self.ordenar("iniciar", nombre).await
    }

    async fn ordenar(&self, orden: &'static str, nombre: &str) -> Result<(), Error> {
        let mut programa = Command::new(&self.lanzador);
        programa.args([orden, nombre]).envs(entorno(&self.plano)).stdin(Stdio::null());
        // El lanzador espera a que se cumpla: fuera de este hilo, que atiende a los clientes.
        let salida = tokio::task::spawn_blocking(move || programa.output()).await;
        let fallo = |motivo| Error::Orden { orden, nombre: nombre.to_owned(), motivo };
        let salida = salida.map_err(|e| fallo(e.to_string()))?.map_err(|e| fallo(e.to_string()))?;
        if salida.status.success() {
            return Ok(());
        }
        Err(fallo(String::from_utf8_lossy(&salida.stderr).trim().to_owned()))
    }

    /// Apaga la suite en orden; devuelve cómo acabó el lanzador.
    ///
    /// # Errors
    /// [`Error::Plazo`] si hubo que matarla.
    pub async fn apagar(mut self) -> Result<ExitStatus, Error> {
        self.terminar().await.ok_or_else(|| Error::Plazo("la suite se apaga".into()))
    }

    async fn terminar(&mut self) -> Option<ExitStatus> {
        if let Ok(Some(estado)) = self.hijo.try_wait() {
            return Some(estado);
        }
        senalar(self.hijo.id(), libc::SIGTERM);
        let fin = Instant::now() + APAGADO_MAX;
        while Instant::now() < fin {
            if let Ok(Some(estado)) = self.hijo.try_wait() {
                return Some(estado);
            }
            sleep(MIRADA).await;
        }
        None
    }
}

impl Drop for Suite {
    fn drop(&mut self) {
        if matches!(self.hijo.try_wait(), Ok(None)) {
            // kill -9 al lanzador no deja nada en marcha: sus hijos mueren con él.
            let _ = self.hijo.kill();
            let _ = self.hijo.wait();
        }
    }
}

/// El programa de ese nombre, junto a este o (una prueba está en `deps`) en la carpeta de encima.
pub fn programa(nombre: &str) -> Result<PathBuf, Error> {
    let este = std::env::current_exe().map_err(sistema("no se sabe dónde está este programa"))?;
    let junto = este.with_file_name(nombre);
    let encima = este.parent().and_then(Path::parent).map(|dir| dir.join(nombre));
    [Some(junto.clone()), encima].into_iter().flatten().find(|p| p.is_file()).ok_or(Error::SinLanzador(junto))
}

/// `DATABASE_URL` en los ajustes que una suite en marcha deja en su directorio.
///
/// # Errors
/// [`Error::Sistema`] si no los hay.
pub fn url_de_la_base(ajustes: &Path) -> Result<String, Error> {
    let texto = fs::read_to_string(ajustes).map_err(sistema(ajustes.display().to_string()))?;
    let url = leer_ajustes(&texto).into_iter().find(|(nombre, _)| nombre == "DATABASE_URL");
    url.map(|(_, valor)| valor).ok_or_else(|| sistema(ajustes.display().to_string())(io::ErrorKind::InvalidData.into()))
}

fn entorno(plano: &Plano) -> Vec<(&'static str, String)> {
    let suyo = [(ANAQUEL_VAR, plano.var().display().to_string()), (ANAQUEL_PUERTO_BASE, plano.base().to_string())];
    suyo.into_iter().chain(plano.desvio().map(|desvio| (ANAQUEL_ALMACENES, desvio))).collect()
}

/// Los servicios de un plano: sus direcciones no dependen de la base.
fn servicios(plano: &Plano) -> Vec<Servicio> {
    plano.servicios(&Urls { servicio: String::new(), migracion: None })
}

/// Se cumple cuando la suite dice que está lista; se rompe si muere antes. Lee su salida hasta el final, para que nunca
/// se atasque.
fn anuncio(hijo: &mut Child) -> oneshot::Receiver<()> {
    let (avisar, aviso) = oneshot::channel();
    if let Some(salida) = hijo.stdout.take() {
        std::thread::spawn(move || {
            let mut avisar = Some(avisar);
            for linea in BufReader::new(salida).lines().map_while(Result::ok) {
                if linea.starts_with("Anaquel listo")
                    && let Some(avisar) = avisar.take()
                {
                    let _ = avisar.send(());
                }
            }
        });
    }
    aviso
}

fn ultima_linea(registro: &Path) -> String {
    let texto = fs::read_to_string(registro).unwrap_or_default();
    texto.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or("no dijo por qué").trim().to_owned()
}
