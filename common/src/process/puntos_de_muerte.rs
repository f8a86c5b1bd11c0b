//! Decide dónde puede morir un proceso a propósito: los puntos entre una confirmación y la siguiente.
//!
//! Solo existe en las construcciones de prueba (las de depuración): en las demás, [`pasar`] no deja ni una instrucción. En
//! ellas, `ANAQUEL_MUERE_EN=<punto>[:<n>]` hace que el proceso se mande SIGKILL la n-ésima vez (la primera, si no se dice) que
//! pasa por ese punto.

/// Un punto por el que pasa cada operación; entre uno y el siguiente, otra cosa es firme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Punto {
    /// El gestor admitió la operación; no está en ningún disco.
    GestorAceptada,
    /// El gestor la tiene en su diario y aún no dijo `pendiente`.
    GestorAnotada,
    /// El gestor la publicó a un actor.
    GestorPublicada,
    /// El gestor sabe qué se decidió y aún no contestó.
    GestorDecididaSinContestar,
    /// El actor la tiene y aún no llamó al almacenamiento.
    ActorRecibida,
    /// El actor sabe qué se decidió y aún no informó.
    ActorDecididaSinInformar,
    /// El almacén la decidió y aún no mandó guardarla.
    AlmacenAntesDeGuardar,
    /// El almacén la guardó, y está confirmada, y aún no contestó.
    AlmacenGuardadaSinContestar,
    /// El almacén sumó a las cuentas lo pendiente y aún no lo confirmó.
    AlmacenConsolidando,
}

impl Punto {
    /// Todos, en el orden en que los pasa una operación.
    pub const TODOS: [Self; 9] = [
        Self::GestorAceptada,
        Self::GestorAnotada,
        Self::GestorPublicada,
        Self::ActorRecibida,
        Self::AlmacenAntesDeGuardar,
        Self::AlmacenGuardadaSinContestar,
        Self::ActorDecididaSinInformar,
        Self::GestorDecididaSinContestar,
        Self::AlmacenConsolidando,
    ];

    /// Como se escribe en `ANAQUEL_MUERE_EN`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GestorAceptada => "gestor_aceptada",
            Self::GestorAnotada => "gestor_anotada",
            Self::GestorPublicada => "gestor_publicada",
            Self::GestorDecididaSinContestar => "gestor_decidida_sin_contestar",
            Self::ActorRecibida => "actor_recibida",
            Self::ActorDecididaSinInformar => "actor_decidida_sin_informar",
            Self::AlmacenAntesDeGuardar => "almacen_antes_de_guardar",
            Self::AlmacenGuardadaSinContestar => "almacen_guardada_sin_contestar",
            Self::AlmacenConsolidando => "almacen_consolidando",
        }
    }
}

/// El proceso pasa por `punto`; si le mandaron morir aquí, muere.
#[cfg(not(debug_assertions))]
#[inline(always)]
#[allow(clippy::inline_always)] // Lo que promete el módulo: que no quede nada.
pub fn pasar(_punto: Punto) {}

#[cfg(debug_assertions)]
pub use de_verdad::pasar;

#[cfg(debug_assertions)]
mod de_verdad {
    use std::sync::{LazyLock, Mutex, PoisonError};

    use super::Punto;
    use crate::process::{
        config::{AjusteInvalido, invalido},
        hijo::senalar,
    };

    /// El ajuste que manda morir. Se lee del entorno y no de [`crate::process::config`]: un punto no lleva ajustes encima.
    const MUERE_EN: &str = "ANAQUEL_MUERE_EN";

    /// Dónde morir, y cuántas veces se pasa aún por ahí antes.
    #[derive(Debug, PartialEq, Eq)]
    struct Condena {
        punto: Punto,
        quedan: u64,
    }

    static CONDENA: LazyLock<Mutex<Option<Condena>>> = LazyLock::new(|| {
        let texto = std::env::var(MUERE_EN).unwrap_or_default();
        Mutex::new(leer(texto.trim()).unwrap_or_else(|error| {
            // Una prueba que pide morir donde no se puede no debe acabar bien por no morir.
            eprintln!("{error}");
            std::process::exit(crate::process::orden::MAL_ESCRITO.into());
        }))
    });

    /// El proceso pasa por `punto`; si le mandaron morir aquí, muere.
    pub fn pasar(punto: Punto) {
        let mut condena = CONDENA.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(condena) = condena.as_mut().filter(|c| c.punto == punto) else { return };
        condena.quedan -= 1;
        if condena.quedan == 0 {
            eprintln!("{MUERE_EN}: muere en {}", punto.as_str());
            senalar(std::process::id(), libc::SIGKILL);
        }
    }

    fn leer(texto: &str) -> Result<Option<Condena>, AjusteInvalido> {
        if texto.is_empty() {
            return Ok(None);
        }
        let (nombre, veces) = texto.split_once(':').unwrap_or((texto, "1"));
        let punto = Punto::TODOS.into_iter().find(|p| p.as_str() == nombre);
        if let (Some(punto), Ok(quedan @ 1..)) = (punto, veces.parse()) {
            return Ok(Some(Condena { punto, quedan }));
        }
        let salida = format!("Escriba punto[:vez], con uno de {}", Punto::TODOS.map(Punto::as_str).join(", "));
        Err(invalido(MUERE_EN, format!("«{texto}» no vale"), &salida))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn se_muere_donde_se_dice_la_vez_que_se_dice_y_lo_mal_escrito_se_nombra() {
            assert_eq!(leer(""), Ok(None));
            let punto = Punto::AlmacenGuardadaSinContestar;
            assert_eq!(leer("almacen_guardada_sin_contestar"), Ok(Some(Condena { punto, quedan: 1 })));
            assert_eq!(leer("almacen_guardada_sin_contestar:3"), Ok(Some(Condena { punto, quedan: 3 })));
            for malo in ["nada", "actor_recibida:0", "actor_recibida:x", "actor_recibida:"] {
                assert!(leer(malo).expect_err(malo).to_string().contains("actor_recibida"));
            }
        }
    }
}
