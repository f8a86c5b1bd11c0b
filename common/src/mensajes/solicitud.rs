//! Cliente → gestor: la puerta. Decide con qué bytes se pide, si unos bytes son una solicitud y, si no, qué campo falla.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{SOLICITUD_BYTES_MAX, codificar};
use crate::dominio::{
    Comando, Consulta, EjemplarId, EtiquetaInvalida, IdInvalido, Isbn, Objeto, OperacionId, SedeId, Tipo, UsuarioId,
};

const SALUD: &str = "salud";

/// Una solicitud bien formada.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Solicitud {
    /// El id que puso el cliente, si puso alguno; de una escritura, siempre UUIDv7.
    pub id: Option<Uuid>,
    pub pedido: Pedido,
    /// Si a quien pide le vale `pendiente`. Si no, al vencer el plazo se pide al almacenamiento que la anule. Es de quien
    /// espera y no de la operación: ni entra en la huella ni viaja en la orden.
    pub acepta_pendiente: bool,
}

/// Qué se puede pedir al gestor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pedido {
    Comando(Comando),
    Consulta(Consulta),
    Salud,
}

/// Por qué unos bytes no son una solicitud; el texto es para quien la envió.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SolicitudInvalida {
    /// El id, si se dejó leer, para que el cliente empareje la respuesta.
    pub id: Option<Uuid>,
    /// Qué está mal, con el nombre del campo.
    pub motivo: String,
    /// La operación nombrada no existe (código `OPERACION_DESCONOCIDA` y no `SOLICITUD_INVALIDA`).
    pub operacion_desconocida: bool,
}

/// Los campos con que se escribe una solicitud; los ausentes no viajan. Los de una [`Solicitud`] están completos; a quien
/// los pone uno a uno, el gestor le dice cuál le falta.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Campos<'a> {
    /// El de la operación, o el de aquella por la que se pregunta.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// `prestamo`, `consulta_libro`, `salud`…
    pub operacion: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usuario: Option<UsuarioId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ejemplar: Option<EjemplarId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isbn: Option<Isbn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sede: Option<SedeId>,
    /// Ausente, `true`.
    #[serde(rename = "aceptaPendiente", skip_serializing_if = "Option::is_none")]
    pub acepta_pendiente: Option<bool>,
}

/// Una solicitud como llega. Cada campo puede venir de cualquier tipo: el error lo nombra.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SolicitudPlana {
    id: serde_json::Value,
    operacion: serde_json::Value,
    usuario: serde_json::Value,
    ejemplar: serde_json::Value,
    isbn: serde_json::Value,
    sede: serde_json::Value,
    #[serde(rename = "aceptaPendiente")]
    acepta_pendiente: serde_json::Value,
}

impl From<Comando> for Pedido {
    fn from(comando: Comando) -> Self {
        Self::Comando(comando)
    }
}

impl From<Consulta> for Pedido {
    fn from(consulta: Consulta) -> Self {
        Self::Consulta(consulta)
    }
}

impl Campos<'_> {
    /// Los bytes que se envían.
    pub fn escribir(&self) -> Vec<u8> {
        codificar(self)
    }
}

impl From<&Solicitud> for Campos<'static> {
    fn from(solicitud: &Solicitud) -> Self {
        let comunes = Self {
            id: solicitud.id,
            acepta_pendiente: (!solicitud.acepta_pendiente).then_some(false),
            ..Self::default()
        };
        match solicitud.pedido {
            Pedido::Comando(comando) => {
                let (ejemplar, isbn) = comando.objeto().campos();
                let operacion = comando.tipo().as_str();
                Self { operacion, usuario: comando.usuario(), ejemplar, isbn, sede: comando.sede(), ..comunes }
            }
            Pedido::Consulta(consulta) => {
                let suyos = Self { operacion: consulta.nombre(), ..comunes };
                match consulta {
                    Consulta::Ejemplar(ejemplar) => Self { ejemplar: Some(ejemplar), ..suyos },
                    Consulta::Libro(isbn) => Self { isbn: Some(isbn), ..suyos },
                    Consulta::Usuario(usuario) => Self { usuario: Some(usuario), ..suyos },
                    Consulta::Operacion(id) => Self { id: Some(id), ..suyos },
                }
            }
            Pedido::Salud => Self { operacion: SALUD, ..comunes },
        }
    }
}

impl Solicitud {
    /// La que pide `pedido` con ese id, y acepta que quede `pendiente`.
    pub fn new(id: Uuid, pedido: impl Into<Pedido>) -> Self {
        Self { id: Some(id), pedido: pedido.into(), acepta_pendiente: true }
    }

    /// La que pregunta qué fue de una operación.
    pub fn por(operacion: Uuid) -> Self {
        Self::new(operacion, Consulta::Operacion(operacion))
    }

    /// Los bytes que se envían; [`Solicitud::leer`] los entiende.
    pub fn escribir(&self) -> Vec<u8> {
        Campos::from(self).escribir()
    }

    /// Interpreta lo que envió un cliente.
    ///
    /// # Errors
    /// [`SolicitudInvalida`] con el campo y el motivo.
    pub fn leer(bytes: &[u8]) -> Result<Self, SolicitudInvalida> {
        let sin_id = |motivo: String| SolicitudInvalida { id: None, motivo, operacion_desconocida: false };
        if bytes.len() > SOLICITUD_BYTES_MAX {
            return Err(sin_id(format!("la solicitud supera {SOLICITUD_BYTES_MAX} bytes")));
        }
        let texto = std::str::from_utf8(bytes).map_err(|_| sin_id("la solicitud no es UTF-8".into()))?;
        // serde leería una lista como los campos en su orden.
        if texto.trim_start().starts_with('[') {
            return Err(sin_id("la solicitud no es un objeto JSON".into()));
        }
        let plana: SolicitudPlana =
            serde_json::from_str(texto).map_err(|e| sin_id(format!("la solicitud no es un objeto JSON: {e}")))?;
        plana.interpretar()
    }
}

impl SolicitudPlana {
    fn interpretar(&self) -> Result<Solicitud, SolicitudInvalida> {
        let id = campo(&self.id, "id").and_then(|id| {
            id.map(|t| Uuid::try_parse(t).map_err(|_| "el campo «id» no es un UUID".into())).transpose()
        });
        let id = id.map_err(|motivo| SolicitudInvalida { id: None, motivo, operacion_desconocida: false })?;
        let invalida = |motivo: String| SolicitudInvalida { id, motivo, operacion_desconocida: false };
        let operacion = campo(&self.operacion, "operacion")
            .and_then(|o| o.ok_or_else(|| "falta el campo «operacion»".into()))
            .map_err(invalida)?;
        let pedido = match operacion {
            "prestamo" => self.comando(Tipo::Prestamo, id),
            "devolucion" => self.comando(Tipo::Devolucion, id),
            "renovacion" => self.comando(Tipo::Renovacion, id),
            "consulta_ejemplar" => {
                self.obligatorio(&self.ejemplar, "ejemplar").map(Consulta::Ejemplar).map(Pedido::Consulta)
            }
            "consulta_libro" => self.obligatorio(&self.isbn, "isbn").map(Consulta::Libro).map(Pedido::Consulta),
            "consulta_usuario" => {
                self.obligatorio(&self.usuario, "usuario").map(Consulta::Usuario).map(Pedido::Consulta)
            }
            "consulta_operacion" => id
                .ok_or_else(|| "falta el campo «id» (el de la operación por la que se pregunta)".into())
                .map(|id| Pedido::Consulta(Consulta::Operacion(id))),
            SALUD => Ok(Pedido::Salud),
            otra => {
                let motivo = format!("no existe la operación «{}»", recortar(otra));
                return Err(SolicitudInvalida { id, motivo, operacion_desconocida: true });
            }
        };
        let acepta_pendiente =
            cierto_o_falso(&self.acepta_pendiente, "aceptaPendiente").map_err(invalida)?.unwrap_or(true);
        Ok(Solicitud { id, pedido: pedido.map_err(invalida)?, acepta_pendiente })
    }

    fn comando(&self, tipo: Tipo, id: Option<Uuid>) -> Result<Pedido, String> {
        if let Some(id) = id {
            OperacionId::try_new(id).map_err(|e: IdInvalido| format!("el campo «id» {e}"))?;
        }
        let objeto = Objeto::de_campos(etiqueta(&self.ejemplar, "ejemplar")?, etiqueta(&self.isbn, "isbn")?)
            .map_err(|e| e.to_string())?;
        let usuario = etiqueta(&self.usuario, "usuario")?;
        let sede = etiqueta(&self.sede, "sede")?;
        Comando::new(tipo, usuario, objeto, sede).map(Pedido::Comando).map_err(|e| e.to_string())
    }

    #[allow(clippy::unused_self)]
    fn obligatorio<T>(&self, valor: &serde_json::Value, nombre: &str) -> Result<T, String>
    where
        T: std::str::FromStr<Err = EtiquetaInvalida>,
    {
        etiqueta(valor, nombre)?.ok_or_else(|| format!("falta el campo «{nombre}»"))
    }
}

/// El texto de un campo; ausente y nulo son lo mismo.
fn campo<'a>(valor: &'a serde_json::Value, nombre: &str) -> Result<Option<&'a str>, String> {
    match valor {
        serde_json::Value::Null => Ok(None),
        serde_json::Value::String(texto) => Ok(Some(texto)),
        _ => Err(format!("el campo «{nombre}» no es un texto")),
    }
}

fn cierto_o_falso(valor: &serde_json::Value, nombre: &str) -> Result<Option<bool>, String> {
    match valor {
        serde_json::Value::Null => Ok(None),
        serde_json::Value::Bool(valor) => Ok(Some(*valor)),
        _ => Err(format!("el campo «{nombre}» no es true ni false")),
    }
}

fn etiqueta<T>(valor: &serde_json::Value, nombre: &str) -> Result<Option<T>, String>
where
    T: std::str::FromStr<Err = EtiquetaInvalida>,
{
    let Some(texto) = campo(valor, nombre)? else { return Ok(None) };
    texto.parse().map(Some).map_err(|e| format!("el campo «{nombre}» {e}"))
}

/// Lo bastante corto para repetirlo en un error.
fn recortar(texto: &str) -> String {
    texto.chars().take(40).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn motivo(json: &str) -> String {
        Solicitud::leer(json.as_bytes()).expect_err(json).motivo
    }

    #[test]
    fn una_solicitud_completa_se_lee_y_lo_que_sobra_se_ignora() {
        let json = r#"{"id":"01890a5d-ac96-774b-bcce-b302099a8057","operacion":"prestamo","usuario":"U0001","ejemplar":"E000123","sede":"CENTRO","otro":[1]}"#;
        let solicitud = Solicitud::leer(json.as_bytes()).expect("válida");
        assert!(solicitud.id.is_some());
        assert!(matches!(solicitud.pedido, Pedido::Comando(Comando::Prestamo { .. })));
    }

    const ID: Uuid = uuid::uuid!("01890a5d-ac96-774b-bcce-b302099a8057");

    #[test]
    fn los_bytes_de_una_solicitud_son_estos() {
        let escrita = |solicitud: Solicitud| String::from_utf8(solicitud.escribir()).expect("UTF-8");
        let objeto = Objeto::Ejemplar("E000123".parse().expect("válido"));
        let (usuario, sede) = ("U0001".parse().expect("válido"), "CENTRO".parse().expect("válida"));
        let prestamo = Solicitud::new(ID, Comando::Prestamo { usuario, objeto, sede: Some(sede) });
        insta::assert_snapshot!(escrita(prestamo), @r#"{"id":"01890a5d-ac96-774b-bcce-b302099a8057","operacion":"prestamo","usuario":"U0001","ejemplar":"E000123","sede":"CENTRO"}"#);
        let objeto = Objeto::Libro("9780439023481".parse().expect("válido"));
        let comando = Comando::Devolucion { usuario: Some(usuario), objeto, sede: None };
        let devolucion = Solicitud { acepta_pendiente: false, ..Solicitud::new(ID, comando) };
        insta::assert_snapshot!(escrita(devolucion), @r#"{"id":"01890a5d-ac96-774b-bcce-b302099a8057","operacion":"devolucion","usuario":"U0001","isbn":"9780439023481","aceptaPendiente":false}"#);
        insta::assert_snapshot!(escrita(Solicitud::por(ID)), @r#"{"id":"01890a5d-ac96-774b-bcce-b302099a8057","operacion":"consulta_operacion"}"#);
        let salud = Solicitud { id: None, pedido: Pedido::Salud, acepta_pendiente: true };
        insta::assert_snapshot!(escrita(salud), @r#"{"operacion":"salud"}"#);
    }

    /// Una solicitud cualquiera de las que se pueden hacer.
    fn una_solicitud() -> impl Strategy<Value = Solicitud> {
        let etiqueta = "[A-Za-z0-9_.]{1,31}";
        let textos = (etiqueta, etiqueta, proptest::option::of(etiqueta));
        let banderas = (0..8_usize, any::<bool>(), any::<bool>(), any::<bool>());
        (textos, banderas, any::<u64>()).prop_map(
            |((usuario, objeto, sede), (cual, por_isbn, con_id, acepta), azar)| {
                let id = Uuid::from_u128(ID.as_u128() ^ u128::from(azar >> 2));
                let usuario: UsuarioId = usuario.parse().expect("válido");
                let (libro, copia): (Isbn, EjemplarId) =
                    (objeto.parse().expect("válido"), objeto.parse().expect("válido"));
                let pedido = match cual {
                    0 => Consulta::Ejemplar(copia).into(),
                    1 => Consulta::Libro(libro).into(),
                    2 => Consulta::Usuario(usuario).into(),
                    3 => Consulta::Operacion(id).into(),
                    4 => Pedido::Salud,
                    n => {
                        let objeto = if por_isbn { libro.into() } else { copia.into() };
                        let sede = sede.map(|sede| sede.parse().expect("válida"));
                        Comando::new(Tipo::TODOS[n - 5], Some(usuario), objeto, sede).expect("completo").into()
                    }
                };
                Solicitud { id: (con_id || cual == 3).then_some(id), pedido, acepta_pendiente: acepta }
            },
        )
    }

    proptest! {
        #[test]
        fn lo_que_se_escribe_se_lee_igual(solicitud in una_solicitud()) {
            prop_assert_eq!(Solicitud::leer(&solicitud.escribir()), Ok(solicitud));
        }
    }

    #[test]
    fn pendiente_se_acepta_salvo_que_se_diga_que_no_y_no_cambia_lo_que_se_pide() {
        let leer = |extra: &str| {
            let json = format!(r#"{{"operacion":"prestamo","usuario":"U1","ejemplar":"E1"{extra}}}"#);
            Solicitud::leer(json.as_bytes()).expect("válida")
        };
        let (callada, si, no) = (leer(""), leer(r#","aceptaPendiente":true"#), leer(r#","aceptaPendiente":false"#));
        assert_eq!((callada.acepta_pendiente, si.acepta_pendiente, no.acepta_pendiente), (true, true, false));
        assert_eq!(callada.pedido, no.pedido, "la huella es la de lo que se pide");
    }

    #[test]
    fn sin_id_tambien_vale() {
        let json = r#"{"operacion":"prestamo","isbn":"9780439023481","usuario":"U0001"}"#;
        assert_eq!(Solicitud::leer(json.as_bytes()).expect("válida").id, None);
    }

    #[test]
    fn cada_error_nombra_su_campo() {
        for (json, parte) in [
            ("", "JSON"),
            ("[]", "JSON"),
            (" [null,\"salud\"]", "JSON"),
            ("{", "JSON"),
            ("{}", "«operacion»"),
            (r#"{"operacion":7}"#, "«operacion»"),
            (r#"{"operacion":"prestamo","ejemplar":"E1"}"#, "«usuario»"),
            (r#"{"operacion":"prestamo","usuario":"U1"}"#, "«ejemplar»"),
            (r#"{"operacion":"prestamo","usuario":"U1","ejemplar":"E1","isbn":"9"}"#, "«isbn»"),
            (r#"{"operacion":"prestamo","usuario":"","ejemplar":"E1"}"#, "«usuario»"),
            (r#"{"operacion":"prestamo","usuario":"U\u0000","ejemplar":"E1"}"#, "«usuario»"),
            (r#"{"operacion":"prestamo","usuario":["U1"],"ejemplar":"E1"}"#, "«usuario»"),
            (r#"{"operacion":"devolucion","ejemplar":"E1","aceptaPendiente":"false"}"#, "«aceptaPendiente»"),
            (r#"{"operacion":"salud","aceptaPendiente":0}"#, "«aceptaPendiente»"),
            (r#"{"operacion":"consulta_libro"}"#, "«isbn»"),
            (r#"{"operacion":"consulta_operacion"}"#, "«id»"),
            (r#"{"id":"x","operacion":"salud"}"#, "«id»"),
            (
                r#"{"id":"9b2d7a52-5e9f-4c54-9b8e-3c0a54f1d0aa","operacion":"prestamo","usuario":"U1","ejemplar":"E1"}"#,
                "«id»",
            ),
        ] {
            assert!(motivo(json).contains(parte), "{json}: {}", motivo(json));
        }
    }

    #[test]
    fn una_operacion_que_no_existe_se_dice_aparte() {
        let error = Solicitud::leer(br#"{"operacion":"quemar"}"#).expect_err("no existe");
        assert!(error.operacion_desconocida);
        assert!(error.motivo.contains("quemar"));
    }

    #[test]
    fn los_bytes_que_no_son_utf8_o_son_demasiados_se_rechazan() {
        assert!(Solicitud::leer(&[0xff, 0xfe]).expect_err("no UTF-8").motivo.contains("UTF-8"));
        let enorme = vec![b' '; SOLICITUD_BYTES_MAX + 1];
        assert!(Solicitud::leer(&enorme).expect_err("enorme").motivo.contains("65536"));
    }
}
