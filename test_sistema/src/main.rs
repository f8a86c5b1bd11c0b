//! La orden `test_sistema`: prueba la suite desde fuera.

mod argumentos;

use std::process::ExitCode;

use argumentos::{Argumentos, Orden};
use common::process::orden;
use test_sistema::{
    banco, campania, caos, carga, demo, docker,
    experimento::{self, generar, solicitante},
    funcional::{self, Libreta},
    mutantes, operar, pedir, simulacion,
};
use tokio::{runtime, task::LocalSet};

fn main() -> ExitCode {
    let argumentos = match orden::leer::<Argumentos>() {
        Ok(argumentos) => argumentos,
        Err(salida) => return salida,
    };
    let runtime =
        runtime::Builder::new_current_thread().enable_all().build().expect("el sistema deja crear un runtime");
    // Los procesos de una suite propia mueren con el hilo que los lanza: este.
    match LocalSet::new().block_on(&runtime, correr(&argumentos)) {
        Ok(estado) => estado.into(),
        Err(e) => {
            eprintln!("test_sistema: {e:#}");
            ExitCode::FAILURE
        }
    }
}

async fn correr(argumentos: &Argumentos) -> anyhow::Result<u8> {
    let endpoint = argumentos.endpoint()?;
    match &argumentos.orden {
        None => {
            let resumen = funcional::correr(&endpoint, &mut Libreta::default()).await?;
            println!("\n{} comprobaciones bien, {} mal", resumen.bien, resumen.mal.len());
            Ok(u8::from(!resumen.verde()))
        }
        Some(Orden::Pedir(pedido)) => Ok(pedir::correr(&endpoint, pedido).await?),
        Some(Orden::Operar(pedido)) => Ok(operar::correr(pedido).await?),
        Some(Orden::Carga(pedido)) => Ok(u8::from(!carga::orden::correr(&endpoint, pedido).await?)),
        Some(Orden::Demo(pedido)) => Ok(u8::from(!demo::correr(pedido).await?)),
        Some(Orden::DockerDemo(pedido)) => Ok(u8::from(!docker::correr(pedido).await?)),
        Some(Orden::Caos(pedido)) => Ok(u8::from(!caos::correr(pedido).await?)),
        Some(Orden::Campania(pedido)) => Ok(u8::from(!campania::correr(pedido).await?)),
        Some(Orden::Banco(pedido)) => Ok(u8::from(!banco::correr(pedido).await?)),
        Some(Orden::BancoGrande(pedido)) => Ok(u8::from(!banco::grande::correr(pedido).await?)),
        Some(Orden::GenerarPeticiones(pedido)) => generar::correr(pedido),
        Some(Orden::Solicitante(pedido)) => solicitante::correr(&endpoint, pedido).await,
        Some(Orden::Experimento(pedido)) => experimento::correr(pedido).await,
        Some(Orden::Mutantes(pedido)) => Ok(u8::from(!mutantes::correr(pedido).await?)),
        Some(Orden::Simular(pedido)) => Ok(u8::from(!simulacion::orden::correr(pedido).await?)),
    }
}
