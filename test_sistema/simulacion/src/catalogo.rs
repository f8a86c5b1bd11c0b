//! Los nombres de lo que hay en la biblioteca simulada: sus títulos, sus copias, sus usuarios y su sede.

use common::dominio::{EjemplarId, Isbn, SedeId, UsuarioId};

/// El título `t`.
#[must_use]
pub fn isbn(t: usize) -> Isbn {
    format!("978000000000{t}").parse().expect("un ISBN")
}

/// La copia `c` del título `t`.
#[must_use]
pub fn ejemplar(t: usize, c: usize) -> EjemplarId {
    format!("E{t}{c}").parse().expect("un ejemplar")
}

/// El usuario `u`.
#[must_use]
pub fn usuario(u: usize) -> UsuarioId {
    format!("U{u}").parse().expect("un usuario")
}

/// La sede donde vive todo.
#[must_use]
pub fn sede() -> SedeId {
    "CENTRO".parse().expect("una sede")
}
