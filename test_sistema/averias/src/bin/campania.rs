//! La orden `campania`: una prueba larga sobre una suite propia.

use std::process::ExitCode;

use common::process::arranque;

fn main() -> ExitCode {
    arranque::herramienta(async |pedido| averias::campania::correr(&pedido).await.map(|bien| u8::from(!bien)))
}
