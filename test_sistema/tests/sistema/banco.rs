//! Lo que comparten las pruebas: una suite propia, su base y una carga que se audita.

use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use common::{
    dominio::{Comando, Estado},
    mensajes::Solicitud,
    transport::{
        Contexto, Endpoint,
        cliente::{Cliente, Paciencia},
    },
};
use juicio::{
    auditoria::{Sembrados, Veredicto},
    historia::{Historia, Vista},
};
use taller::{
    base::Base,
    carga::{Carga, Plan, cierre},
    suite::{Solar, Suite},
};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// Plazo de lo que tiene que pasar; nada de lo que se mide lo agota.
pub const PLAZO: Duration = Duration::from_secs(20);

/// Líneas de cada registro que se muestran al caerse una prueba.
const LINEAS: usize = 25;

/// Los últimos usuarios, que la carga no usa: quien disputa sus ejemplares con otros no le cierra sus préstamos.
pub const USUARIOS_APARTE: usize = 20;

static UNA_A_LA_VEZ: Mutex<()> = Mutex::new(());

/// Una suite en marcha y con qué mirarla.
pub struct Banco {
    pub suite: Suite,
    pub contexto: Contexto,
    pub base: Base,
    pub sembrados: Sembrados,
}

/// Corre una prueba en una carpeta temporal, con la máquina para ella sola.
pub fn en_carpeta(prueba: impl FnOnce(&Path)) {
    let _turno = UNA_A_LA_VEZ.lock().unwrap_or_else(PoisonError::into_inner);
    en_otra_carpeta(prueba);
}

fn en_otra_carpeta(prueba: impl FnOnce(&Path)) {
    let var = tempfile::Builder::new().prefix("anaquel-sistema-").tempdir().expect("directorio temporal");
    // La cuenta de PostgreSQL, si no es esta, tiene que poder pasar.
    std::fs::set_permissions(var.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("permisos");
    prueba(var.path());
}

/// Corre una prueba contra una suite recién levantada, que después se apaga y ha de apagarse bien.
pub fn con_suite(prueba: impl AsyncFnOnce(&Banco)) {
    en_carpeta(|var| en_suite(var, None, prueba));
}

/// Lo mismo con una suite por caso, cada una con procesos que mueren donde dice el suyo (`ANAQUEL_MUERE_EN`), y varias a la
/// vez: es de las que no miden tiempos, y casi todo el suyo es esperar.
pub fn con_suites_que<T: Sync>(casos: &[(Option<String>, T)], prueba: impl AsyncFn(&Banco, &T) + Sync) {
    const A_LA_VEZ: usize = 4;
    let _turno = UNA_A_LA_VEZ.lock().unwrap_or_else(PoisonError::into_inner);
    let siguiente = AtomicUsize::new(0);
    let una_tras_otra = || {
        while let Some((muere_en, caso)) = casos.get(siguiente.fetch_add(1, Ordering::Relaxed)) {
            en_otra_carpeta(|var| en_suite(var, muere_en.as_deref(), async |banco| prueba(banco, caso).await));
        }
    };
    std::thread::scope(|ambito| (0..A_LA_VEZ).for_each(|_| drop(ambito.spawn(una_tras_otra))));
}

/// El catálogo de muestra.
pub fn catalogo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../datos/libros_10k.csv")
}

fn en_suite(var: &Path, muere_en: Option<&str>, prueba: impl AsyncFnOnce(&Banco)) {
    let _registros = SiFalla(var.to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let mut solar = Solar::reservar(var).expect("hay sitio");
        if let Some(punto) = muere_en {
            solar = solar.con_ajuste("ANAQUEL_MUERE_EN", punto);
        }
        let suite = Suite::levantar_en(solar, Some(&catalogo())).await.expect("la suite arranca");
        let base = Base::abrir(&suite.base_de_datos().expect("hay base")).await.expect("la base contesta");
        let sembrados = base.sembrados().await.expect("la base contesta");
        let banco = Banco { suite, contexto: Contexto::new(), base, sembrados };
        prueba(&banco).await;
        let Banco { suite, base, .. } = banco;
        drop(base);
        let estado = suite.apagar().await.expect("la suite se apaga");
        assert!(estado.success(), "la suite se apagó con {estado}");
    });
}

/// Al caerse una prueba, muestra lo último que dijo cada proceso: su carpeta se borra.
struct SiFalla(PathBuf);

impl Drop for SiFalla {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let registros = std::fs::read_dir(self.0.join("log")).into_iter().flatten().flatten().map(|e| e.path());
        for registro in registros.chain([self.0.join("anaquel.log")]) {
            let texto = std::fs::read_to_string(&registro).unwrap_or_default();
            let lineas: Vec<&str> = texto.lines().collect();
            println!("── {}", registro.display());
            println!("{}", lineas[lineas.len().saturating_sub(LINEAS)..].join("\n"));
        }
    }
}

impl Banco {
    pub fn endpoint(&self) -> Endpoint {
        self.suite.clientes()
    }

    pub fn cliente(&self) -> Cliente {
        Cliente::conectar(&self.contexto, self.endpoint().as_ref()).expect("un cliente")
    }

    /// Pone a trabajar `clientes`, solo sobre los ejemplares que se disputan todos.
    pub async fn cargar(&self, clientes: usize) -> Carga {
        let mut disponible = self.base.disponible().await.expect("la base contesta");
        disponible.usuarios.truncate(disponible.usuarios.len() - USUARIOS_APARTE);
        let plan =
            Plan { clientes, disponible, solo_calientes: true, reposo: Duration::ZERO, tolerante: false, semilla: 11 };
        Carga::empezar(&self.contexto, self.endpoint().as_ref(), plan).expect("la carga empieza")
    }

    /// Acaba la carga y exige que todo cuadre: nada perdido, nada doble, ningún error.
    pub async fn auditar(&self, carga: Carga) -> Historia {
        let mut historia = carga.terminar().await;
        let veredicto = self.veredicto(&mut historia).await;
        assert!(veredicto.limpio(), "{:#?}", veredicto.hallazgos);
        assert_eq!(historia.errores, 0, "{:#?}", historia.textos_de_errores);
        historia
    }

    pub async fn veredicto(&self, historia: &mut Historia) -> Veredicto {
        cierre::cerrar(self.endpoint().as_ref(), &self.base, historia, &self.sembrados).await.expect("se puede auditar")
    }

    /// Pide `comando` con un id nuevo y lo apunta; lo que tardó y en qué quedó.
    pub async fn pedir(&self, comando: &Comando, historia: &mut Historia) -> (Uuid, Vista, Duration) {
        let desde = Instant::now();
        let mut cliente = self.cliente();
        let (id, cuerpo) = cierre::pedir_comando(&mut cliente, comando, historia).await.expect("hay respuesta");
        (id, Vista::leer(&cuerpo).expect("una respuesta"), desde.elapsed())
    }

    /// Qué fue de una operación, según el gestor.
    pub async fn preguntar_por(&self, id: Uuid) -> Vista {
        let contestacion = self.cliente().pedir(&Solicitud::por(id).escribir(), Paciencia::de_persona()).await;
        Vista::leer(&contestacion.expect("hay respuesta").cuerpo).expect("una respuesta")
    }

    /// Espera a que una operación esté aplicada, según el gestor; lo que tardó.
    pub async fn esperar_aplicada(&self, id: Uuid) -> Duration {
        let desde = Instant::now();
        loop {
            let vista = self.preguntar_por(id).await;
            if vista.estado == Estado::Aplicada {
                return desde.elapsed();
            }
            assert!(desde.elapsed() < PLAZO, "{id} sigue {} ({})", vista.estado, vista.codigo);
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Espera a que pase algo que no avisa.
    pub async fn hasta_que(&self, que: &str, mut pasa: impl AsyncFnMut() -> bool) {
        let fin = Instant::now() + PLAZO;
        while !pasa().await {
            assert!(Instant::now() < fin, "no pasó a tiempo: {que}");
            sleep(Duration::from_millis(10)).await;
        }
    }
}
