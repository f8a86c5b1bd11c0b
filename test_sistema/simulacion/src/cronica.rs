//! La historia de una simulación, para una persona: una línea por suceso, con su momento, quién y qué.

use std::fmt::Write as _;

use common::{
    dominio::{Comando, OperacionId},
    mensajes::Orden,
};

use crate::{reloj::Us, sucesos::Quien};

/// La historia. Solo se escribe cuando alguien la va a leer: de diez mil semillas se leen las que fallan.
#[derive(Debug, Default)]
pub struct Cronica {
    lineas: Option<Vec<String>>,
}

impl Cronica {
    /// Una que se escribe, o no.
    pub fn new(se_escribe: bool) -> Self {
        Self { lineas: se_escribe.then(Vec::new) }
    }

    /// Apunta lo que hizo o le pasó a `quien`.
    pub fn anotar(&mut self, ahora: Us, quien: Quien, que: impl FnOnce() -> String) {
        if let Some(lineas) = &mut self.lineas {
            lineas.push(format!("{:>12.6} s  {:<14} {}", en_segundos(ahora), quien.to_string(), que()));
        }
    }

    /// Lo escrito.
    pub fn lineas(self) -> Vec<String> {
        self.lineas.unwrap_or_default()
    }
}

#[allow(clippy::cast_precision_loss)]
fn en_segundos(us: Us) -> f64 {
    us as f64 / 1e6
}

/// El nombre corto de una operación: los ids de la simulación llevan su número en los bits bajos.
pub fn corto(id: OperacionId) -> String {
    format!("op{}", id.uuid().as_u128() & 0xffff)
}

/// Una lista de órdenes, en una línea.
pub fn lista(ordenes: &[Orden]) -> String {
    let mut texto = String::new();
    for o in ordenes {
        let separador = if texto.is_empty() { "" } else { ", " };
        let sola = if o.sola { " sola" } else { "" };
        // Escribir en un texto no falla.
        let _ = write!(texto, "{separador}{} (intento {}{sola})", corto(o.id), o.intento);
    }
    texto
}

/// Lo que se pide, en una línea.
pub fn en_palabras(comando: &Comando) -> String {
    let usuario = comando.usuario().map(|u| format!(" para {u}")).unwrap_or_default();
    format!("{} de {}{usuario}", comando.tipo(), comando.objeto())
}
