//! Decide el vocabulario cerrado de las respuestas: cinco estados y sus códigos.

use std::fmt;

use serde::{Deserialize, Serialize};

/// En qué quedó una operación, visto por quien la pidió.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Estado {
    Aplicada,
    /// La regla de la biblioteca dice que no; guardada también. Quien insista usa un id nuevo.
    Rechazada,
    /// Prometida: está en el diario y se decidirá sin que el cliente vuelva a pedirla.
    Pendiente,
    /// No se hizo nada y este envío ya no puede hacer nada.
    Error,
    /// No se sabe. Repetir con el mismo id es seguro.
    Incierta,
}

macro_rules! codigos {
    ($( $(#[$doc:meta])* $variante:ident = $texto:literal : $mensaje:literal ),+ $(,)?) => {
        /// La razón de una respuesta: una lista cerrada.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[allow(clippy::doc_markdown)]
        pub enum Codigo {
            $( $(#[$doc])* #[serde(rename = $texto)] $variante, )+
        }

        impl Codigo {
            /// Todos los códigos.
            pub const TODOS: &'static [Self] = &[$(Self::$variante),+];

            /// Como se escribe en los mensajes y en la base.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variante => $texto),+ }
            }

            /// La frase para una persona cuando no hay otra más precisa.
            pub fn mensaje(self) -> &'static str {
                match self { $(Self::$variante => $mensaje),+ }
            }
        }
    };
}

codigos! {
    /// Todo bien.
    Ok = "OK": "Hecho",
    /// Otro usuario tiene el ejemplar.
    EjemplarPrestado = "EJEMPLAR_PRESTADO": "El ejemplar ya está prestado",
    /// La devolución se pidió antes de que empezara el préstamo que hoy está abierto.
    DevolucionTardia = "DEVOLUCION_TARDIA": "La devolución es anterior al préstamo que hoy está abierto; no lo cierra",
    /// No queda ningún ejemplar libre del título.
    SinEjemplares = "SIN_EJEMPLARES": "No queda ningún ejemplar libre de ese título",
    /// No existe ese ejemplar.
    EjemplarDesconocido = "EJEMPLAR_DESCONOCIDO": "No existe ese ejemplar",
    /// No existe ese título.
    LibroDesconocido = "LIBRO_DESCONOCIDO": "No existe ese título en el catálogo",
    /// No existe ese usuario.
    UsuarioDesconocido = "USUARIO_DESCONOCIDO": "No existe ese usuario",
    /// El usuario está bloqueado.
    UsuarioBloqueado = "USUARIO_BLOQUEADO": "El usuario está bloqueado",
    /// El usuario ya tiene todos los préstamos que su categoría permite.
    LimiteDePrestamos = "LIMITE_DE_PRESTAMOS": "El usuario ya tiene todos los préstamos que permite su categoría",
    /// No hay préstamo abierto que devolver o renovar.
    SinPrestamo = "SIN_PRESTAMO": "No hay un préstamo abierto que corresponda",
    /// Ya se renovó el máximo de veces.
    LimiteDeRenovaciones = "LIMITE_DE_RENOVACIONES": "El préstamo ya se renovó el máximo de veces",
    /// Nadie ha pedido una operación con ese id, o su operación no existe.
    OperacionDesconocida = "OPERACION_DESCONOCIDA": "No se conoce esa operación",
    /// Ningún actor de ese tipo está presente.
    SinActores = "SIN_ACTORES": "No hay ningún actor disponible; la operación queda anotada",
    /// Ningún gestor de almacenamiento atiende.
    AlmacenamientoNoDisponible = "ALMACENAMIENTO_NO_DISPONIBLE": "El almacenamiento no está disponible",
    /// No hubo respuesta dentro del plazo.
    SinRespuesta = "SIN_RESPUESTA": "No hubo respuesta dentro del plazo",
    /// Una persona la está mirando.
    EnRevision = "EN_REVISION": "La operación está en revisión",
    /// El mismo id con otro contenido.
    ConflictoDeId = "CONFLICTO_DE_ID": "Ese id ya se usó para otra operación distinta; no se hizo nada",
    /// El id es anterior a la historia que se guarda.
    OperacionCaducada = "OPERACION_CADUCADA": "El id es demasiado antiguo para saber si la operación se hizo",
    /// La solicitud está mal formada.
    SolicitudInvalida = "SOLICITUD_INVALIDA": "La solicitud no es válida",
    /// No cabe más trabajo ahora.
    Saturado = "SATURADO": "El sistema no admite más trabajo ahora; repita más tarde con el mismo id",
    /// Un fallo nuestro.
    ErrorInterno = "ERROR_INTERNO": "Error interno",
}

impl fmt::Display for Codigo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Estado {
    /// Como se escribe en los mensajes y en la base.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aplicada => "aplicada",
            Self::Rechazada => "rechazada",
            Self::Pendiente => "pendiente",
            Self::Error => "error",
            Self::Incierta => "incierta",
        }
    }
}

impl fmt::Display for Estado {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
