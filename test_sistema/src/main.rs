//! La orden `test_sistema`: prueba la suite desde fuera.

mod argumentos;

use std::process::ExitCode;

use argumentos::{Argumentos, Subcomando};
use averias::{caos, demo, docker};
use common::process::arranque;
use gestor_carga::operar;
use taller::funcional::{self, Libreta};
use test_sistema::{carga, generar, pedir, solicitante};

fn main() -> ExitCode {
    // Los procesos de una suite propia mueren con el hilo que los lanza: este.
    arranque::herramienta(async |argumentos| correr(&argumentos).await)
}

async fn correr(argumentos: &Argumentos) -> anyhow::Result<u8> {
    let gestores = argumentos.gestores()?;
    match &argumentos.orden {
        None => {
            let resumen = funcional::correr(&gestores, &mut Libreta::default()).await?;
            println!("\n{} comprobaciones bien, {} mal", resumen.bien, resumen.mal.len());
            Ok(u8::from(!resumen.verde()))
        }
        Some(Subcomando::Pedir(pedido)) => Ok(pedir::correr(&gestores, pedido).await?),
        Some(Subcomando::Operar(pedido)) => {
            eprintln!(
                "test_sistema: «test_sistema operar» se llama ahora «gestor_carga operar»; este nombre dejará de valer"
            );
            Ok(operar::correr(pedido).await)
        }
        Some(Subcomando::Carga(pedido)) => Ok(u8::from(!carga::correr(&gestores, pedido).await?)),
        Some(Subcomando::Demo(pedido)) => Ok(u8::from(!demo::correr(pedido).await?)),
        Some(Subcomando::DockerDemo(pedido)) => Ok(u8::from(!docker::correr(pedido).await?)),
        Some(Subcomando::Caos(pedido)) => Ok(u8::from(!caos::correr(pedido).await?)),
        Some(Subcomando::GenerarPeticiones(pedido)) => generar::correr(pedido),
        Some(Subcomando::Solicitante(pedido)) => solicitante::correr(&gestores, pedido).await,
    }
}
