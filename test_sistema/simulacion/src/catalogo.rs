//! Los nombres de lo que hay en la biblioteca simulada: sus títulos, sus copias, sus usuarios y su sede.

use common::dominio::{EjemplarId, Isbn, SedeId, UsuarioId};

/// El título `t`.
pub fn isbn(t: usize) -> Isbn {
    format!("978000000000{t}").parse().expect("un ISBN")
}

/// La copia `c` del título `t`.
pub fn ejemplar(t: usize, c: usize) -> EjemplarId {
    format!("E{t}{c}").parse().expect("un ejemplar")
}

/// El usuario `u`.
pub fn usuario(u: usize) -> UsuarioId {
    format!("U{u}").parse().expect("un usuario")
}

/// La sede donde vive todo.
pub fn sede() -> SedeId {
    "CENTRO".parse().expect("una sede")
}
