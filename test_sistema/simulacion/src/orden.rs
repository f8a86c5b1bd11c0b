//! La orden `simular`: una semilla con su historia, o muchas, repartidas entre los núcleos.

use std::{
    io::Write as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use common::process::{interrupcion::Interrupcion, progreso::Progreso};

use crate::{Simulada, simular};

/// Cada cuánto se mueve la barra.
const TIC: Duration = Duration::from_millis(200);

/// Simula las máquinas reales con fallos al azar y comprueba la promesa; una semilla da siempre la misma historia
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "simular")]
pub struct Argumentos {
    /// Una sola semilla, con su historia entera
    #[arg(long, conflicts_with_all = ["semillas", "desde"])]
    semilla: Option<u64>,
    /// Cuántas semillas
    #[arg(long, default_value_t = 10_000)]
    semillas: u64,
    /// La primera
    #[arg(long, default_value_t = 0)]
    desde: u64,
    /// Cuántas a la vez; por defecto, una por núcleo
    #[arg(long)]
    hilos: Option<usize>,
}

/// Lo que dieron muchas semillas.
#[derive(Clone, Debug, Default)]
pub struct Tanda {
    pub semillas: u64,
    pub pasos: u64,
    /// La primera que falló, de las que se vieron.
    pub fallo: Option<Simulada>,
}

/// Lo que se sabe de una tanda en marcha, y cómo pararla.
#[derive(Debug, Default)]
pub struct TandaEnMarcha {
    hechas: AtomicU64,
    para: AtomicBool,
}

/// Simula lo pedido; `true` si nada se rompió.
///
/// # Errors
/// Si no se puede atender Ctrl-C, o si llega.
pub async fn correr(pedido: &Argumentos) -> anyhow::Result<bool> {
    if let Some(semilla) = pedido.semilla {
        return Ok(contar(&simular(semilla, true)));
    }
    let mut interrupcion = Interrupcion::atender()?;
    let barra = Progreso::de_veces(pedido.semillas);
    let avance = Arc::new(TandaEnMarcha::default());
    let inicio = Instant::now();
    let trabajo = {
        let (avance, pedido) = (Arc::clone(&avance), pedido.clone());
        let hilos = pedido.hilos.unwrap_or_else(nucleos);
        std::thread::spawn(move || muchas(pedido.desde, pedido.semillas, hilos, &avance))
    };
    let espera = async {
        while !trabajo.is_finished() {
            barra.hasta(avance.hechas.load(Ordering::Relaxed));
            tokio::time::sleep(TIC).await;
        }
    };
    let interrumpido = interrupcion.mientras(espera).await.is_none();
    avance.para.store(true, Ordering::Relaxed);
    let tanda = trabajo.join().expect("una semilla que entra en pánico se cuenta como fallo");
    drop(barra);
    Ok(resumir(&tanda, inicio.elapsed(), interrumpido))
}

/// Los núcleos que hay.
pub fn nucleos() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Simula muchas semillas en varios hilos; para en el primer fallo.
pub fn muchas(desde: u64, semillas: u64, hilos: usize, avance: &TandaEnMarcha) -> Tanda {
    let siguiente = AtomicU64::new(0);
    let tanda = Mutex::new(Tanda::default());
    let uno = || {
        while !avance.para.load(Ordering::Relaxed) {
            let n = siguiente.fetch_add(1, Ordering::Relaxed);
            if n >= semillas {
                return;
            }
            let simulada = simular(desde + n, false);
            avance.hechas.fetch_add(1, Ordering::Relaxed);
            let mut tanda = tanda.lock().expect("nadie entra en pánico con el cerrojo");
            tanda.semillas += 1;
            tanda.pasos += simulada.pasos;
            if simulada.falta.is_some() {
                avance.para.store(true, Ordering::Relaxed);
                let menor = tanda.fallo.as_ref().is_none_or(|otra| simulada.semilla < otra.semilla);
                if menor {
                    tanda.fallo = Some(simulada);
                }
            }
        }
    };
    std::thread::scope(|ambito| {
        for _ in 0..hilos {
            ambito.spawn(uno);
        }
    });
    tanda.into_inner().expect("nadie entra en pánico con el cerrojo")
}

#[allow(clippy::cast_precision_loss)]
fn resumir(tanda: &Tanda, duro: Duration, interrumpido: bool) -> bool {
    let segundos = duro.as_secs_f64().max(1e-9);
    println!(
        "{} semillas, {} sucesos en {segundos:.1} s: {:.0} semillas y {:.0} sucesos por segundo",
        tanda.semillas,
        tanda.pasos,
        tanda.semillas as f64 / segundos,
        tanda.pasos as f64 / segundos
    );
    if interrumpido {
        println!("interrumpido");
    }
    match &tanda.fallo {
        None => println!("nada se rompió"),
        Some(fallo) => {
            contar(&simular(fallo.semilla, true));
        }
    }
    tanda.fallo.is_none() && !interrumpido
}

/// La historia de una semilla, y si algo se rompió.
#[allow(clippy::cast_precision_loss)]
fn contar(simulada: &Simulada) -> bool {
    let mut salida = std::io::stdout().lock();
    for linea in &simulada.historia {
        // Quien leía pudo irse («| head»).
        if writeln!(salida, "{linea}").is_err() {
            return simulada.falta.is_none();
        }
    }
    let (semilla, pasos, segundos) = (simulada.semilla, simulada.pasos, simulada.duro as f64 / 1e6);
    let fin = match &simulada.falta {
        None => format!("semilla {semilla}: {pasos} sucesos, {segundos:.1} s de tiempo virtual; nada se rompió"),
        Some(falta) => {
            format!("semilla {semilla}: ROTA: {falta}\nse repite con: simular --semilla {semilla}")
        }
    };
    let _ = writeln!(salida, "{fin}");
    simulada.falta.is_none()
}
