//! La orden `simular`: las máquinas reales con fallos al azar, según una semilla.

use std::process::ExitCode;

use common::process::arranque;

fn main() -> ExitCode {
    arranque::herramienta(async |pedido| simulacion::orden::correr(&pedido).await.map(|bien| u8::from(!bien)))
}
