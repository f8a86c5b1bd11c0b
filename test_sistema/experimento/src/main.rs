//! La orden `experimento`: el experimento de clase.

use std::process::ExitCode;

use common::process::arranque;

fn main() -> ExitCode {
    arranque::herramienta(async |pedido| experimento::correr(&pedido).await)
}
