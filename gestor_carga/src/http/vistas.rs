//! Decide con qué forma se ven por HTTP las operaciones, los circuitos y las cuentas. Todo en JSON, las fechas en UTC.
//!
//! Quien opera desde una terminal lee con estos mismos tipos: las palabras de listas cerradas son texto, para que entienda
//! también las de un gestor de otra versión.

use std::{borrow::Cow, time::Instant};

use chrono::{DateTime, SecondsFormat, Utc};
use common::{
    dominio::{Comando, Objeto},
    mensajes::{self, FalloAnotado, Resolucion},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{
    diario::{buzon, ilegibles},
    machine::{historia::FalloVisto, vistas},
    service::administracion,
};

/// Bytes que se enseñan de una fila que no se entiende: una orden de hoy ocupa 300.
const PRINCIPIO_MAX: usize = 2 * 1024;

/// Una página de una lista.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Pagina<T> {
    pub filas: Vec<T>,
    /// Cuántas hay en total con ese filtro.
    pub total: u64,
    pub desde: u32,
    pub cuantas: u32,
}

/// Lo que se pedía.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Pedido {
    /// `prestamo`, `devolucion` o `renovacion`.
    #[schema(example = "prestamo")]
    pub tipo: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usuario: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ejemplar: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isbn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sede: Option<String>,
}

/// Un fallo de una operación.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Fallo {
    /// En qué intento, desde 0.
    pub intento: u32,
    /// Cuándo se supo.
    #[schema(format = DateTime)]
    pub cuando: String,
    pub que: String,
}

/// Una operación, esté donde esté.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tarea {
    /// Su id.
    #[schema(format = Uuid)]
    pub id: String,
    /// En qué está.
    #[schema(pattern = "^(PENDIENTE|ASIGNADA|EN_CURSO|REINTENTO|APARTADA|COMPLETADA)$", example = "REINTENTO")]
    pub estado: Cow<'static, str>,
    /// Lo que se pedía; de una COMPLETADA ya no se guarda.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pedido: Option<Pedido>,
    /// El número de su intento, desde 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intento: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub motivo: Option<String>,
    /// La instancia del actor que la tiene.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Va sin compañía: pudo matar a quien la atendía.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sola: Option<bool>,
    /// Está en el diario: se decidirá aunque el gestor muera.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prometida: Option<bool>,
    /// Cuándo la aceptó el gestor.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub aceptada: Option<String>,
    /// No saldrá otra vez antes de este momento, salvo que se pida.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub no_antes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub esperas: Option<usize>,
    /// Sus últimos fallos, del primero al último.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub historia: Vec<Fallo>,
    /// La respuesta de una COMPLETADA, tal como se guardó.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub respuesta: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expediente: Option<Apartada>,
}

/// Una operación apartada.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Apartada {
    /// Su id.
    #[schema(format = Uuid)]
    pub id: String,
    pub pedido: Pedido,
    /// Por qué se apartó.
    #[schema(pattern = "^(FALLOS_DEFINIDOS|MUERTES)$", example = "FALLOS_DEFINIDOS")]
    pub motivo: Cow<'static, str>,
    pub historia: Vec<Fallo>,
    /// Cuándo la aceptó un gestor.
    #[schema(format = DateTime)]
    pub aceptada: String,
    /// Cuándo se apartó.
    #[schema(format = DateTime)]
    pub cuando: String,
    /// En qué quedó; nula, si nadie la ha resuelto.
    pub resolucion: Option<Resuelta>,
}

/// Cómo se resolvió una operación apartada.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Resuelta {
    /// Se decidió de nuevo, o se dio por no hecha.
    #[schema(pattern = "^(RECUPERADA|CERRADA)$", example = "RECUPERADA")]
    pub como: Cow<'static, str>,
    /// El código de lo decidido.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub codigo: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nota: Option<String>,
    /// Cuándo.
    #[schema(format = DateTime)]
    pub cuando: String,
}

/// Una operación a la que se contestó `pendiente` y que no se aplicó.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Carta {
    /// Su id.
    #[schema(format = Uuid)]
    pub id: String,
    pub pedido: Pedido,
    /// Cuándo la aceptó el gestor.
    #[schema(format = DateTime)]
    pub aceptada: String,
    /// En qué quedó: el código de su respuesta.
    #[schema(example = "EJEMPLAR_PRESTADO")]
    pub codigo: Cow<'static, str>,
    /// Su respuesta, tal como se guardó.
    #[schema(value_type = Object)]
    pub respuesta: Box<RawValue>,
    /// Cuándo se supo.
    #[schema(format = DateTime)]
    pub cuando: String,
}

/// Una fila del diario que no se entiende.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Ilegible {
    pub numero: u64,
    /// Cuándo se apartó; nulo, si lo hizo una versión que no lo anotaba.
    #[schema(format = DateTime)]
    pub cuando: Option<String>,
    /// Qué no se entiende; nulo, si esta versión sí la entiende.
    #[schema(example = "unknown variant `reserva`, expected one of `prestamo`, `devolucion`, `renovacion`")]
    pub motivo: Option<String>,
    pub bytes: usize,
    /// Su principio, si es texto.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub texto: Option<String>,
    /// Su principio en hexadecimal, si no lo es.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hex: Option<String>,
}

/// Los circuitos que se conocen.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Circuitos {
    pub gestor: Vec<Circuito>,
    pub actores: Vec<CircuitosDeActor>,
}

/// El circuito de un punto de almacenamiento.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Circuito {
    /// El punto.
    #[schema(example = "127.0.0.1:5570")]
    pub endpoint: String,
    /// Su estado.
    #[schema(pattern = "^(CERRADO|ABIERTO|MEDIO_ABIERTO)$", example = "CERRADO")]
    pub estado: Cow<'static, str>,
}

/// Lo que un actor contó de sus circuitos.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct CircuitosDeActor {
    /// Qué atiende.
    #[schema(example = "prestamo")]
    pub topico: Cow<'static, str>,
    pub instancia: String,
    /// Cuándo lo contó; nulo, si acaba de llegar y todavía no lo ha hecho.
    #[schema(format = DateTime)]
    pub cuando: Option<String>,
    pub circuitos: Vec<Circuito>,
}

/// Cuántas operaciones de un tipo acabaron en un código, en una sede.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Cuenta {
    /// El tipo.
    #[schema(example = "prestamo")]
    pub tipo: Cow<'static, str>,
    /// El código.
    #[schema(example = "OK")]
    pub codigo: Cow<'static, str>,
    /// La sede; nula si no se sabe.
    #[schema(example = "CENTRO")]
    pub sede: Option<String>,
    pub cuantas: u64,
}

/// Un libro y cuántas veces se ha prestado.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct LibroPrestado {
    pub isbn: String,
    pub titulo: String,
    pub prestamos: u64,
}

/// La hora de la pared en un instante de la máquina, que no la conoce.
#[derive(Clone, Copy)]
pub struct Reloj {
    instante: Instant,
    hora: DateTime<Utc>,
}

impl Reloj {
    /// Ahora.
    pub fn ahora() -> Self {
        Self { instante: Instant::now(), hora: Utc::now() }
    }

    /// La fecha de un instante cercano, pasado o por venir.
    pub fn fecha(&self, cuando: Instant) -> String {
        let hora = if cuando >= self.instante {
            self.hora + (cuando - self.instante)
        } else {
            self.hora - (self.instante - cuando)
        };
        fecha(hora)
    }
}

/// RFC 3339 en UTC con microsegundos, como en las respuestas a los clientes.
pub fn fecha(cuando: DateTime<Utc>) -> String {
    cuando.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Como se escribe un estado.
pub fn estado(estado: vistas::EstadoTarea) -> &'static str {
    match estado {
        vistas::EstadoTarea::Pendiente => "PENDIENTE",
        vistas::EstadoTarea::Asignada => "ASIGNADA",
        vistas::EstadoTarea::EnCurso => "EN_CURSO",
        vistas::EstadoTarea::Reintento => "REINTENTO",
        vistas::EstadoTarea::Apartada => "APARTADA",
        vistas::EstadoTarea::Completada => "COMPLETADA",
    }
}

impl From<&Comando> for Pedido {
    fn from(comando: &Comando) -> Self {
        let (ejemplar, isbn) = match comando.objeto() {
            Objeto::Ejemplar(ejemplar) => (Some(ejemplar.to_string()), None),
            Objeto::Libro(isbn) => (None, Some(isbn.to_string())),
        };
        Self {
            tipo: comando.tipo().as_str().into(),
            usuario: comando.usuario().map(|u| u.to_string()),
            ejemplar,
            isbn,
            sede: comando.sede().map(|s| s.to_string()),
        }
    }
}

impl Fallo {
    fn visto(fallo: FalloVisto, reloj: &Reloj) -> Self {
        Self { intento: fallo.intento, cuando: reloj.fecha(fallo.cuando), que: fallo.que.into_owned() }
    }

    fn anotado(fallo: FalloAnotado) -> Self {
        Self { intento: fallo.intento, cuando: fecha(fallo.cuando.fecha()), que: fallo.que }
    }
}

impl Tarea {
    /// Una que el gestor tiene.
    pub fn sin_decidir(tarea: vistas::Tarea, reloj: &Reloj) -> Self {
        Self {
            id: tarea.id.to_string(),
            estado: estado(tarea.estado).into(),
            pedido: Some(Pedido::from(&tarea.comando)),
            intento: Some(tarea.intento),
            motivo: tarea.motivo.map(Cow::into_owned),
            actor: tarea.actor,
            sola: Some(tarea.sola),
            prometida: Some(tarea.prometida),
            aceptada: Some(fecha(tarea.aceptada.fecha())),
            no_antes: tarea.no_antes.map(|cuando| reloj.fecha(cuando)),
            esperas: Some(tarea.esperas),
            historia: tarea.historia.into_iter().map(|fallo| Fallo::visto(fallo, reloj)).collect(),
            respuesta: None,
            expediente: None,
        }
    }
}

impl From<mensajes::Apartada> for Apartada {
    fn from(apartada: mensajes::Apartada) -> Self {
        Self {
            id: apartada.id.to_string(),
            pedido: Pedido::from(&apartada.comando),
            motivo: match apartada.motivo {
                mensajes::MotivoDeApartar::FallosDefinidos => "FALLOS_DEFINIDOS",
                mensajes::MotivoDeApartar::Muertes => "MUERTES",
            }
            .into(),
            historia: apartada.historia.into_iter().map(Fallo::anotado).collect(),
            aceptada: fecha(apartada.aceptada),
            cuando: fecha(apartada.apartada),
            resolucion: apartada.resolucion.map(Resuelta::from),
        }
    }
}

impl From<buzon::Carta> for Carta {
    fn from(carta: buzon::Carta) -> Self {
        Self {
            id: carta.orden.id.to_string(),
            pedido: Pedido::from(&carta.orden.comando),
            aceptada: fecha(carta.orden.aceptada.fecha()),
            codigo: carta.fin.codigo.as_str().into(),
            respuesta: carta.fin.cuerpo,
            cuando: fecha(carta.cuando.fecha()),
        }
    }
}

impl From<ilegibles::Ilegible> for Ilegible {
    fn from(fila: ilegibles::Ilegible) -> Self {
        let ilegibles::Ilegible { num, cuando, motivo, bytes } = fila;
        let principio = &bytes[..bytes.len().min(PRINCIPIO_MAX)];
        // Lo que corta una letra por la mitad sigue siendo texto.
        let texto = std::str::from_utf8(&bytes).is_ok().then(|| String::from_utf8_lossy(principio).into_owned());
        let hex = || principio.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        Self {
            numero: num,
            cuando: cuando.map(|cuando| fecha(cuando.fecha())),
            motivo,
            bytes: bytes.len(),
            hex: if texto.is_some() { None } else { Some(hex()) },
            texto,
        }
    }
}

impl From<Resolucion> for Resuelta {
    fn from(resolucion: Resolucion) -> Self {
        match resolucion {
            Resolucion::Recuperada { codigo, cuando } => Self {
                como: "RECUPERADA".into(),
                codigo: Some(codigo.as_str().into()),
                nota: None,
                cuando: fecha(cuando),
            },
            Resolucion::Cerrada { nota, cuando } => {
                Self { como: "CERRADA".into(), codigo: None, nota: Some(nota), cuando: fecha(cuando) }
            }
        }
    }
}

impl Circuitos {
    /// Los que el servicio conoce.
    pub fn de(circuitos: administracion::Circuitos, reloj: &Reloj) -> Self {
        let circuito =
            |endpoint: String, estado: mensajes::EstadoBreaker| Circuito { endpoint, estado: estado.as_str().into() };
        let de_actor = |actor: administracion::DeUnActor| CircuitosDeActor {
            topico: actor.topico.into(),
            instancia: actor.instancia,
            cuando: actor.cuando.map(|cuando| reloj.fecha(cuando)),
            circuitos: actor.circuitos.into_iter().map(|c| circuito(c.endpoint, c.estado)).collect(),
        };
        Self {
            gestor: circuitos
                .propios
                .into_iter()
                .map(|(endpoint, estado)| circuito(endpoint.to_string(), estado))
                .collect(),
            actores: circuitos.actores.into_iter().map(de_actor).collect(),
        }
    }
}

impl From<mensajes::Cuenta> for Cuenta {
    fn from(cuenta: mensajes::Cuenta) -> Self {
        Self {
            tipo: cuenta.tipo.as_str().into(),
            codigo: cuenta.codigo.as_str().into(),
            sede: cuenta.sede.map(|s| s.to_string()),
            cuantas: cuenta.cuantas,
        }
    }
}

impl From<mensajes::LibroPrestado> for LibroPrestado {
    fn from(libro: mensajes::LibroPrestado) -> Self {
        Self { isbn: libro.isbn.to_string(), titulo: libro.titulo, prestamos: libro.prestamos }
    }
}
