//! El actor de devolución.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use common::mensajes::Topico;

/// Dirección HTTP por defecto.
const HTTP_POR_DEFECTO: &str = "127.0.0.1:5660";

fn main() -> ExitCode {
    actores::ejecutar("actor_devolucion", Topico::Devolucion, HTTP_POR_DEFECTO)
}
