//! Decide qué órdenes existen: préstamo, devolución y renovación, y sobre qué.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::etiqueta::{EjemplarId, Isbn, SedeId, UsuarioId};

/// Qué clase de operación que escribe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tipo {
    Prestamo,
    Devolucion,
    Renovacion,
}

impl Tipo {
    /// Todos, en el orden en que los nombra la documentación.
    pub const TODOS: [Self; 3] = [Self::Prestamo, Self::Devolucion, Self::Renovacion];

    /// Como se escribe en los mensajes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prestamo => "prestamo",
            Self::Devolucion => "devolucion",
            Self::Renovacion => "renovacion",
        }
    }
}

impl fmt::Display for Tipo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// De qué habla una operación: de un ejemplar, o de un título por su ISBN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Objeto {
    Ejemplar(EjemplarId),
    /// Un ejemplar libre del título (préstamo) o el que tiene el usuario (devolución, renovación).
    Libro(Isbn),
}

/// La clave del orden: dos operaciones con la misma clave se deciden en el orden en que llegaron.
pub type Clave = Objeto;

impl fmt::Display for Objeto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ejemplar(ejemplar) => write!(f, "ejemplar {ejemplar}"),
            Self::Libro(isbn) => write!(f, "ISBN {isbn}"),
        }
    }
}

/// Una orden completa y bien formada.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "ComandoPlano", into = "ComandoPlano")]
pub enum Comando {
    /// Prestar `objeto` a `usuario`; con ISBN, un ejemplar libre, de `sede` si se da.
    Prestamo { usuario: UsuarioId, objeto: Objeto, sede: Option<SedeId> },
    /// Devolver un ejemplar (quien sea que lo traiga), o el que `usuario` tiene de un título.
    Devolucion {
        /// Quién lo tiene; imprescindible con ISBN.
        usuario: Option<UsuarioId>,
        objeto: Objeto,
        sede: Option<SedeId>,
    },
    /// Alargar el préstamo que `usuario` tiene de `objeto`.
    Renovacion { usuario: UsuarioId, objeto: Objeto, sede: Option<SedeId> },
}

/// Un campo que falta para que la orden esté completa.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComandoIncompleto {
    #[error("falta el campo «usuario»")]
    SinUsuario,
    /// No se nombra ni ejemplar ni ISBN.
    #[error("falta el campo «ejemplar» (o «isbn»)")]
    SinObjeto,
    /// Se nombran los dos.
    #[error("lleva «ejemplar» e «isbn»: solo puede llevar uno")]
    DosObjetos,
}

impl Comando {
    /// Compone una orden con sus campos sueltos.
    ///
    /// # Errors
    /// [`ComandoIncompleto`] si falta el usuario donde hace falta.
    pub fn new(
        tipo: Tipo,
        usuario: Option<UsuarioId>,
        objeto: Objeto,
        sede: Option<SedeId>,
    ) -> Result<Self, ComandoIncompleto> {
        let obligatorio = usuario.ok_or(ComandoIncompleto::SinUsuario);
        Ok(match (tipo, objeto) {
            (Tipo::Prestamo, _) => Self::Prestamo { usuario: obligatorio?, objeto, sede },
            (Tipo::Renovacion, _) => Self::Renovacion { usuario: obligatorio?, objeto, sede },
            (Tipo::Devolucion, Objeto::Libro(_)) => Self::Devolucion { usuario: Some(obligatorio?), objeto, sede },
            (Tipo::Devolucion, Objeto::Ejemplar(_)) => Self::Devolucion { usuario, objeto, sede },
        })
    }

    /// La clase de operación.
    pub fn tipo(&self) -> Tipo {
        match self {
            Self::Prestamo { .. } => Tipo::Prestamo,
            Self::Devolucion { .. } => Tipo::Devolucion,
            Self::Renovacion { .. } => Tipo::Renovacion,
        }
    }

    /// De qué habla; es también la clave del orden.
    pub fn objeto(&self) -> Objeto {
        match *self {
            Self::Prestamo { objeto, .. } | Self::Devolucion { objeto, .. } | Self::Renovacion { objeto, .. } => objeto,
        }
    }

    /// El usuario, si se nombra.
    pub fn usuario(&self) -> Option<UsuarioId> {
        match *self {
            Self::Prestamo { usuario, .. } | Self::Renovacion { usuario, .. } => Some(usuario),
            Self::Devolucion { usuario, .. } => usuario,
        }
    }

    /// La sede, si se nombra.
    pub fn sede(&self) -> Option<SedeId> {
        match *self {
            Self::Prestamo { sede, .. } | Self::Devolucion { sede, .. } | Self::Renovacion { sede, .. } => sede,
        }
    }
}

/// La forma de un [`Comando`] en los mensajes: campos sueltos, los ausentes no se escriben.
#[derive(Serialize, Deserialize)]
struct ComandoPlano {
    operacion: Tipo,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    usuario: Option<UsuarioId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ejemplar: Option<EjemplarId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    isbn: Option<Isbn>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sede: Option<SedeId>,
}

impl Objeto {
    /// El objeto que nombran los campos `ejemplar` e `isbn` de un mensaje.
    ///
    /// # Errors
    /// [`ComandoIncompleto`] si no hay ninguno o están los dos.
    pub fn de_campos(ejemplar: Option<EjemplarId>, isbn: Option<Isbn>) -> Result<Self, ComandoIncompleto> {
        match (ejemplar, isbn) {
            (Some(ejemplar), None) => Ok(Self::Ejemplar(ejemplar)),
            (None, Some(isbn)) => Ok(Self::Libro(isbn)),
            (None, None) => Err(ComandoIncompleto::SinObjeto),
            (Some(_), Some(_)) => Err(ComandoIncompleto::DosObjetos),
        }
    }

    /// Los campos `ejemplar` e `isbn` con que se escribe.
    pub fn campos(self) -> (Option<EjemplarId>, Option<Isbn>) {
        match self {
            Self::Ejemplar(ejemplar) => (Some(ejemplar), None),
            Self::Libro(isbn) => (None, Some(isbn)),
        }
    }
}

impl From<EjemplarId> for Objeto {
    fn from(ejemplar: EjemplarId) -> Self {
        Self::Ejemplar(ejemplar)
    }
}

impl From<Isbn> for Objeto {
    fn from(isbn: Isbn) -> Self {
        Self::Libro(isbn)
    }
}

impl TryFrom<ComandoPlano> for Comando {
    type Error = ComandoIncompleto;

    fn try_from(plano: ComandoPlano) -> Result<Self, ComandoIncompleto> {
        let objeto = Objeto::de_campos(plano.ejemplar, plano.isbn)?;
        Self::new(plano.operacion, plano.usuario, objeto, plano.sede)
    }
}

impl From<Comando> for ComandoPlano {
    fn from(comando: Comando) -> Self {
        let (ejemplar, isbn) = comando.objeto().campos();
        Self { operacion: comando.tipo(), usuario: comando.usuario(), ejemplar, isbn, sede: comando.sede() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn una_devolucion_de_un_ejemplar_no_necesita_usuario_y_la_de_un_isbn_si() {
        let por_ejemplar = r#"{"operacion":"devolucion","ejemplar":"E1"}"#;
        assert!(serde_json::from_str::<Comando>(por_ejemplar).is_ok());
        let por_isbn = r#"{"operacion":"devolucion","isbn":"978"}"#;
        let error = serde_json::from_str::<Comando>(por_isbn).expect_err("falta usuario");
        assert!(error.to_string().contains("usuario"), "{error}");
    }

    #[test]
    fn un_comando_vuelve_igual_de_su_forma_en_los_mensajes() {
        for json in [
            r#"{"operacion":"prestamo","usuario":"U1","ejemplar":"E1","sede":"CENTRO"}"#,
            r#"{"operacion":"devolucion","ejemplar":"E1"}"#,
            r#"{"operacion":"renovacion","usuario":"U1","isbn":"978"}"#,
        ] {
            let comando: Comando = serde_json::from_str(json).expect("válido");
            assert_eq!(serde_json::to_string(&comando).expect("serializa"), json);
        }
    }
}
