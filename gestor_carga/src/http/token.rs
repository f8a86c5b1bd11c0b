//! Decide quién puede cambiar algo por HTTP: quien trae el token que hay en un archivo.

use std::{
    fmt, fs,
    hint::black_box,
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    sync::Arc,
};

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, header, request::Parts},
};
use common::process::config::{AjusteInvalido, invalido};

use super::{Puerta, error::ErrorHttp};

/// El ajuste que nombra el archivo.
pub const AJUSTE: &str = "GESTOR_CARGA_TOKEN_ARCHIVO";
/// Un token más corto se adivina.
const BYTES_MIN: usize = 16;
/// Y uno más largo no es un token.
const BYTES_MAX: usize = 512;
const SALIDA: &str = "Nombre un archivo con de 16 a 512 caracteres sin espacios, o quite el ajuste";

/// El token de quien administra; sin él, nadie administra. No se muestra nunca.
#[derive(Clone, Default)]
pub struct Token(Option<Arc<str>>);

impl Token {
    /// Lo lee de su archivo, si se nombra. Uno que puedan leer otros vale, pero se avisa.
    ///
    /// # Errors
    /// [`AjusteInvalido`] si el archivo no se puede leer o lo que hay no es un token.
    pub fn leer(archivo: Option<&Path>) -> Result<Self, AjusteInvalido> {
        let Some(archivo) = archivo else { return Ok(Self::default()) };
        let no_vale = |motivo: &dyn fmt::Display| invalido(AJUSTE, format!("{}: {motivo}", archivo.display()), SALIDA);
        let (texto, modo, nuestro) = abrir(archivo).map_err(|e| no_vale(&e))?;
        let token = texto.trim();
        if !(BYTES_MIN..=BYTES_MAX).contains(&token.len()) || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(no_vale(&"lo que hay no es un token"));
        }
        // El de otro dueño no lo podemos cerrar: solo se llega a él porque nos lo abren (un secreto de un contenedor).
        if nuestro && modo & 0o077 != 0 {
            tracing::warn!("el token de {} lo puede leer cualquiera; ciérrelo con «chmod 600»", archivo.display());
        }
        Ok(Self(Some(token.into())))
    }

    /// Si lo que trae quien pide es el token. Tarda lo mismo acierte en lo que acierte.
    fn es(&self, dado: &str) -> bool {
        let Some(token) = &self.0 else { return false };
        let (token, dado) = (token.as_bytes(), dado.as_bytes());
        let distintos = token
            .iter()
            .enumerate()
            .fold(0_u8, |suma, (i, byte)| black_box(suma | (byte ^ dado.get(i).copied().unwrap_or(0))));
        // La longitud no es secreta.
        distintos == 0 && token.len() == dado.len()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Token(…)" } else { "Token(ninguno)" })
    }
}

/// Lo que hay, sus permisos y si es de quien corre este proceso.
fn abrir(archivo: &Path) -> io::Result<(String, u32, bool)> {
    let datos = fs::metadata(archivo)?;
    if datos.len() > BYTES_MAX as u64 * 2 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "es demasiado grande"));
    }
    let nuestro = datos.uid() == fs::metadata("/proc/self")?.uid();
    Ok((fs::read_to_string(archivo)?, datos.permissions().mode(), nuestro))
}

/// Prueba de que quien pide trae el token. Va delante de lo demás: sin él no se lee ni el cuerpo.
pub struct Autorizado;

impl FromRequestParts<Puerta> for Autorizado {
    type Rejection = ErrorHttp;

    async fn from_request_parts(partes: &mut Parts, puerta: &Puerta) -> Result<Self, ErrorHttp> {
        if puerta.token.0.is_none() {
            let mensaje = format!("Este gestor no tiene token y no admite órdenes: dele uno en {AJUSTE}");
            return Err(ErrorHttp::new(StatusCode::FORBIDDEN, "SIN_TOKEN_DE_ADMINISTRACION", mensaje));
        }
        let dado = partes.headers.get(header::AUTHORIZATION).and_then(|valor| valor.to_str().ok()).and_then(portador);
        if dado.is_some_and(|dado| puerta.token.es(dado)) {
            return Ok(Self);
        }
        let mensaje = format!("Falta «Authorization: Bearer <token>», o no es el del archivo de {AJUSTE}");
        Err(ErrorHttp::new(StatusCode::UNAUTHORIZED, "NO_AUTORIZADO", mensaje))
    }
}

/// Lo que va detrás de `Bearer`, que se escribe como se quiera (RFC 9110, 11.1).
fn portador(valor: &str) -> Option<&str> {
    let (esquema, dado) = valor.split_once(' ')?;
    esquema.eq_ignore_ascii_case("bearer").then(|| dado.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archivo(texto: &str) -> tempfile::NamedTempFile {
        let archivo = tempfile::NamedTempFile::new().expect("archivo");
        fs::write(archivo.path(), texto).expect("escrito");
        archivo
    }

    #[test]
    fn solo_el_token_entero_vale() {
        let archivo = archivo("0123456789abcdef\n");
        let token = Token::leer(Some(archivo.path())).expect("vale");
        assert!(token.es("0123456789abcdef"));
        for otro in ["", "0123456789abcde", "0123456789abcdeF", "0123456789abcdef0", "x123456789abcdef", "\0\0"] {
            assert!(!token.es(otro), "{otro:?}");
        }
        assert!(!Token::default().es(""), "sin token no vale ninguno");
    }

    #[test]
    fn el_token_no_se_muestra() {
        let archivo = archivo("0123456789abcdef");
        assert_eq!(format!("{:?}", Token::leer(Some(archivo.path())).expect("vale")), "Token(…)");
    }

    #[test]
    fn un_archivo_que_no_trae_un_token_se_dice_con_su_ajuste_y_sin_su_contenido() {
        for texto in ["", "corto", "con espacios en medio", &"x".repeat(513), &"x".repeat(5_000)] {
            let archivo = archivo(texto);
            let error = Token::leer(Some(archivo.path())).expect_err("no vale").to_string();
            assert!(error.contains(AJUSTE) && (texto.is_empty() || !error.contains(texto)), "{error}");
        }
        let error = Token::leer(Some(Path::new("/no/existe"))).expect_err("no está").to_string();
        assert!(error.contains(AJUSTE) && error.contains("/no/existe"), "{error}");
    }

    #[test]
    fn el_esquema_se_escribe_como_se_quiera() {
        assert_eq!(portador("bearer abc"), Some("abc"));
        assert_eq!(portador("Bearer  abc "), Some("abc"));
        assert_eq!(portador("Basic abc"), None);
        assert_eq!(portador("abc"), None);
    }
}
