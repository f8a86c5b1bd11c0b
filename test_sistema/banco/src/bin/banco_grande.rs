//! La orden `banco-grande`: muchas filas, una poda y mil clientes conectados.

use std::process::ExitCode;

use common::process::orden;

fn main() -> ExitCode {
    orden::hacer(async |pedido| banco::grande::correr(&pedido).await.map(|bien| u8::from(!bien)))
}
