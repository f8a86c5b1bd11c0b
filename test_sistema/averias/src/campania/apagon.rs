//! El almacenamiento fuera un buen rato, y se sigue pidiendo: todo se promete a tiempo, la memoria y el diario no se
//! desbordan, y al volver se aplica todo, en orden por ejemplar, sin hacer esperar a los que llegan.

mod clientes;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use anaquel::plano::POSTGRES;
use common::process::progreso::Progreso;
use juicio::{
    historia::{Historia, Muestra},
    numeros::{milisegundos, percentil},
};
use taller::{
    escena::{DECIDIR_MAX, Escena},
    metricas::metrica,
    suite::{Suite, memoria},
};
use tokio::time::{Instant, sleep};

use self::clientes::{Parejas, Peticionarios};
use super::informe::Campania;

/// El plazo de respuesta del gestor.
const PLAZO_MS: u64 = 2_000;
/// Lo que puede esperar, de cada cien, el 99 de los préstamos que llegan mientras se drena.
const NUEVOS_P99_MS: u64 = 250;
/// Lo que puede ocupar el gestor, con todo prometido en su tabla, y su diario.
const MEMORIA_MAX_MIB: u64 = 512;
const DIARIO_MAX_MIB: u64 = 512;
/// De cada mil operaciones, las que pueden faltar para el ritmo pedido.
const FALTAN_POR_MIL: u64 = 20;
/// Operaciones que el gestor tiene entre manos cuando ya solo atiende a las que llegan.
const DRENADO: f64 = 64.0;
const MIRADA: Duration = Duration::from_millis(250);

/// Cuánto y cómo.
#[derive(Clone, Debug, clap::Args)]
pub struct Argumentos {
    /// Lo que está fuera el almacenamiento
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(5..=7_200))]
    segundos: u64,
    /// Operaciones por segundo que se piden entretanto
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=500))]
    ritmo: u64,
}

/// Lo más que ocuparon el gestor y su diario, en bytes.
#[derive(Default)]
struct Ocupado {
    memoria: Cell<u64>,
    diario: Cell<u64>,
}

impl Ocupado {
    fn mirar(&self, suite: &Suite) {
        let ahora = suite.pid("gestor_carga").ok().and_then(memoria).unwrap_or(0);
        self.memoria.set(self.memoria.get().max(ahora));
        let diario = std::fs::metadata(suite.plano().diario()).map_or(0, |m| m.len());
        self.diario.set(self.diario.get().max(diario));
    }

    async fn vigilar(&self, suite: &Suite) {
        loop {
            self.mirar(suite);
            sleep(MIRADA).await;
        }
    }
}

pub(super) async fn correr(escena: &Escena, pedido: &Argumentos) -> anyhow::Result<Campania> {
    let [viejos, nuevos] = Parejas::de(escena.disponible().await?, pedido.ritmo)?;
    let ocupado = Ocupado::default();
    let historia = Rc::new(RefCell::new(Historia::default()));
    escena.suite.parar(POSTGRES).await?;
    let hecho = tokio::select! {
        hecho = apagado_y_vuelta(escena, pedido, &historia, (viejos, nuevos)) => hecho?,
        () = ocupado.vigilar(&escena.suite) => unreachable!("vigilar no acaba"),
    };
    let prometidas: Vec<_> = historia.borrow().por_decidir();
    let fuera_de_orden = escena.base.no_aplicadas(&prometidas).await?;
    let historia = Rc::into_inner(historia).expect("los clientes ya acabaron").into_inner();
    let mut campania = Campania::new("apagon");
    hecho.apuntar(&mut campania, pedido, &historia.muestras);
    let mib = |bytes: u64| bytes.div_ceil(1024 * 1024);
    campania.cifra("memoria del gestor, MiB", mib(ocupado.memoria.get()), Some(MEMORIA_MAX_MIB));
    campania.cifra("diario en disco, MiB", mib(ocupado.diario.get()), Some(DIARIO_MAX_MIB));
    let cuantas = u64::try_from(fuera_de_orden.len()).unwrap_or(u64::MAX);
    campania.cifra("prometidas que no se aplicaron: cada una cabía si se respetaba su orden", cuantas, Some(0));
    let cierre = escena.auditar(historia).await?;
    campania.auditado.sumar(&cierre.historia, &cierre.veredicto, &cierre.atascadas);
    Ok(campania)
}

/// Lo que se midió: dónde acaban las muestras del apagón, y el drenaje.
struct ApagonMedido {
    del_apagon: usize,
    drenaje: Duration,
}

async fn apagado_y_vuelta(
    escena: &Escena,
    pedido: &Argumentos,
    historia: &Rc<RefCell<Historia>>,
    (viejos, nuevos): (Parejas, Parejas),
) -> anyhow::Result<ApagonMedido> {
    let barra = Progreso::de_segundos(pedido.segundos);
    let clientes = Peticionarios::empezar(escena, &viejos, pedido.ritmo, historia)?;
    for segundo in 0..pedido.segundos {
        barra.decir(format!("sin almacenamiento · {} prometidas", historia.borrow().muestras.len()));
        sleep(Duration::from_secs(1)).await;
        barra.avanzar(u64::from(segundo < pedido.segundos));
    }
    clientes.acabar().await;
    let del_apagon = historia.borrow().muestras.len();
    let prometidas = historia.borrow().por_decidir();
    escena.suite.iniciar(POSTGRES).await?;
    let vuelta = Instant::now();
    barra.linea(&format!("  vuelve el almacenamiento: {} operaciones por aplicar", prometidas.len()));
    let clientes = Peticionarios::empezar(escena, &nuevos, pedido.ritmo, historia)?;
    // Preguntar por todas a la base cada poco le quitaría a ella lo que se mide: primero se le pregunta al gestor.
    while vuelta.elapsed() < DECIDIR_MAX && por_hacer(&escena.suite).await.is_none_or(|n| n > DRENADO) {
        sleep(MIRADA).await;
    }
    let faltan = escena.base.esperar_decisiones(&prometidas, DECIDIR_MAX.saturating_sub(vuelta.elapsed())).await?;
    let drenaje = vuelta.elapsed();
    barra.linea(&format!("  {} s para drenar; sin decidir: {}", drenaje.as_secs(), faltan.len()));
    clientes.acabar().await;
    Ok(ApagonMedido { del_apagon, drenaje })
}

async fn por_hacer(suite: &Suite) -> Option<f64> {
    metrica(&suite.metricas("gestor_carga").await?, "anaquel_gestor_operaciones", &[])
}

impl ApagonMedido {
    fn apuntar(&self, campania: &mut Campania, pedido: &Argumentos, muestras: &[Muestra]) {
        use common::dominio::Estado;
        let cuantas = |m: &[Muestra]| u64::try_from(m.len()).unwrap_or(u64::MAX);
        let (apagon, drenaje) = muestras.split_at(self.del_apagon);
        let esperas = |m: &[Muestra]| {
            let mut ms: Vec<u64> = m.iter().map(|m| milisegundos(m.latencia)).collect();
            ms.sort_unstable();
            ms
        };
        let que_no =
            |m: &[Muestra], estado| u64::try_from(m.iter().filter(|m| m.estado != estado).count()).unwrap_or(u64::MAX);
        let pedidas = pedido.ritmo * pedido.segundos;
        let permitidas = pedidas * FALTAN_POR_MIL / 1_000 + pedido.ritmo;
        campania.cifra("operaciones pedidas sin almacenamiento", cuantas(apagon), None);
        campania.cifra("las que faltaron para el ritmo", pedidas.saturating_sub(cuantas(apagon)), Some(permitidas));
        campania.cifra("las que no recibieron «pendiente»", que_no(apagon, Estado::Pendiente), Some(0));
        let ms = esperas(apagon);
        campania.cifra("espera p99 de «pendiente», ms", percentil(&ms, 99), None);
        campania.cifra("espera máxima de «pendiente», ms", percentil(&ms, 100), Some(PLAZO_MS));
        campania.cifra(
            "todo aplicado desde la vuelta, ms",
            milisegundos(self.drenaje),
            Some(milisegundos(DECIDIR_MAX)),
        );
        let ms = esperas(drenaje);
        campania.cifra("operaciones nuevas mientras se drena", cuantas(drenaje), None);
        campania.cifra("las que no se aplicaron en el acto", que_no(drenaje, Estado::Aplicada), Some(0));
        campania.cifra("espera p50 de las nuevas, ms", percentil(&ms, 50), None);
        campania.cifra("espera p99 de las nuevas, ms", percentil(&ms, 99), Some(NUEVOS_P99_MS));
        campania.cifra("espera máxima de las nuevas, ms", percentil(&ms, 100), None);
    }
}
