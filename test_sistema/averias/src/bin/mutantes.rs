//! La orden `mutantes`: errores puestos a propósito, y quién los caza.

use std::process::ExitCode;

use common::process::arranque;

fn main() -> ExitCode {
    arranque::herramienta(async |pedido| averias::mutantes::correr(&pedido).await.map(|bien| u8::from(!bien)))
}
