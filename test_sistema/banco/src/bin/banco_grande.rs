//! La orden `banco-grande`: muchas filas, una poda y mil clientes conectados.

use std::process::ExitCode;

use common::process::arranque;

fn main() -> ExitCode {
    arranque::herramienta(async |pedido| banco::grande::correr(&pedido).await.map(|bien| u8::from(!bien)))
}
