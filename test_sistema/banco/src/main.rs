//! La orden `banco`: la suite contra PostgreSQL sin intermediario.

use std::process::ExitCode;

use common::process::orden;

fn main() -> ExitCode {
    orden::hacer(async |pedido| banco::correr(&pedido).await.map(|bien| u8::from(!bien)))
}
