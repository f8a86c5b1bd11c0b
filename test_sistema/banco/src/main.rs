//! La orden `banco`: la suite contra PostgreSQL sin intermediario.

use std::process::ExitCode;

use common::process::arranque;

fn main() -> ExitCode {
    arranque::herramienta(async |pedido| banco::correr(&pedido).await.map(|bien| u8::from(!bien)))
}
