//! La orden `experimento`: el experimento de clase.

use std::process::ExitCode;

use common::process::orden;

fn main() -> ExitCode {
    orden::hacer(async |pedido| experimento::correr(&pedido).await)
}
