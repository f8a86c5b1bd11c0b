//! La orden `simular`: las máquinas reales con fallos al azar, según una semilla.

use std::process::ExitCode;

use common::process::orden;

fn main() -> ExitCode {
    orden::hacer(async |pedido| simulacion::orden::correr(&pedido).await.map(|bien| u8::from(!bien)))
}
