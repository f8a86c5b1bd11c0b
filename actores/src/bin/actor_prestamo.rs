//! El actor de préstamo.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use common::mensajes::Topico;

/// Dirección HTTP por defecto.
const HTTP_POR_DEFECTO: &str = "127.0.0.1:5658";

fn main() -> ExitCode {
    actores::ejecutar("actor_prestamo", Topico::Prestamo, HTTP_POR_DEFECTO)
}
