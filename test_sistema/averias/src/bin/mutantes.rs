//! La orden `mutantes`: errores puestos a propósito, y quién los caza.

use std::process::ExitCode;

use common::process::orden;

fn main() -> ExitCode {
    orden::hacer(async |pedido| averias::mutantes::correr(&pedido).await.map(|bien| u8::from(!bien)))
}
