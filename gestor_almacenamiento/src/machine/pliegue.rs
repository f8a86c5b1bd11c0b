//! Decide las operaciones de un trozo, en su orden, sobre lo leído en una foto; y con ello, lo que hay que guardar.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use common::{
    dominio::{
        Codigo, Comando, Estado, Huella, OperacionId, SedeId,
        reglas::{self, Cambios, Filas, Operacion, Reglamento},
    },
    mensajes::{Desenlace, Expediente, Fin, Orden, Respuesta, RespuestaGuardada},
};

use crate::{
    lote::{Clave, Encargo},
    sumandos::{self, Sumandos},
};

/// Lo que lee quien pidió una operación que se anula.
const ANULADA: &str = "La operación no se hizo ni se hará; si aún la quiere, pídala con un id nuevo";

/// De qué operación se lee y, si hay que decidirla, qué nombra. Para terminar con una basta su id: lo que nombra puede ser lo
/// que no se deja leer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nombrado {
    pub id: OperacionId,
    pub comando: Option<Comando>,
}

impl From<&Encargo> for Nombrado {
    fn from(encargo: &Encargo) -> Self {
        let orden = &encargo.orden;
        Self { id: orden.id, comando: encargo.fin.is_none().then_some(orden.comando) }
    }
}

/// Las respuestas que ya estaban guardadas, con la huella de lo que se pidió.
pub type Guardadas = HashMap<OperacionId, (Huella, RespuestaGuardada)>;

/// Lo que hace falta para decidir un trozo, leído en un mismo momento.
#[derive(Clone, Debug)]
pub struct Foto {
    pub decididas: Guardadas,
    pub filas: Filas,
    pub reglamento: Reglamento,
    pub ahora: DateTime<Utc>,
    pub horizonte: DateTime<Utc>,
}

/// Una operación y lo que se decidió de ella.
#[derive(Clone, Debug)]
pub struct Decidida {
    pub orden: Orden,
    /// En qué quedó: `aplicada`, `rechazada`, `anulada` o `apartada`.
    pub estado: &'static str,
    pub respuesta: RespuestaGuardada,
    pub sede: Option<SedeId>,
    /// Por qué se apartó, si se apartó.
    pub expediente: Option<Expediente>,
}

/// Cómo resuelve una persona una operación apartada.
#[derive(Clone, Debug)]
pub struct Resuelta {
    pub id: OperacionId,
    /// `recuperada` o `cerrada`.
    pub como: &'static str,
    pub estado: &'static str,
    /// Lo que se contesta desde ahora.
    pub respuesta: RespuestaGuardada,
    /// Por qué no se hará, si se cerró.
    pub nota: Option<String>,
}

/// Lo que se guarda de una vez, todo o nada: un efecto nuevo es un campo más.
#[derive(Clone, Debug)]
pub struct LoteDecidido {
    /// El horizonte con que se decidió: si ya es otro, nada se guarda.
    pub horizonte: DateTime<Utc>,
    /// Las operaciones, en el orden en que se decidieron.
    pub decididas: Vec<Decidida>,
    /// Los préstamos que se abren y los que cambian.
    pub cambios: Cambios,
    /// Lo que se suma a las cuentas.
    pub sumandos: Sumandos,
    /// La apartada que se resuelve, si es eso lo que se hace.
    pub resuelta: Option<Resuelta>,
}

impl LoteDecidido {
    /// Lo decidido sobre `foto`, con lo que suma.
    pub fn new(foto: &Foto, decididas: Vec<Decidida>) -> Self {
        let cambios = foto.filas.cambios();
        let mut sumandos = Sumandos::default();
        for d in &decididas {
            sumandos.decidida(d.orden.comando.tipo(), d.respuesta.codigo, d.sede);
        }
        for prestamo in &cambios.nuevos {
            sumandos.prestado(prestamo.isbn);
        }
        Self { horizonte: foto.horizonte, decididas, cambios, sumandos, resuelta: None }
    }
}

/// Decide lo que no estaba decidido ni es anterior al horizonte, en su orden.
pub(super) fn plegar(foto: &mut Foto, trozo: &[Encargo]) -> LoteDecidido {
    let horizonte_ms = u64::try_from(foto.horizonte.timestamp_millis()).unwrap_or(0);
    let mut decididas = Vec::with_capacity(trozo.len());
    for encargo in trozo {
        let id = encargo.orden.id;
        if id.milisegundos() >= horizonte_ms && !foto.decididas.contains_key(&id) {
            decididas.push(decidir_una(foto, encargo));
        }
    }
    LoteDecidido::new(foto, decididas)
}

/// Decide una, con las reglas o como se quiere terminar con ella, y deja las filas como quedan.
pub fn decidir_una(foto: &mut Foto, Encargo { orden, fin }: &Encargo) -> Decidida {
    let momento = momento(foto, orden);
    let (estado, respuesta, sede, expediente) = match fin {
        None => {
            let operacion = Operacion { id: orden.id, comando: orden.comando, momento };
            let veredicto = reglas::decidir(&foto.reglamento, &mut foto.filas, &operacion);
            let sede = sumandos::sede(&foto.filas, &orden.comando, &veredicto);
            let respuesta = Respuesta::decidida(&operacion, veredicto);
            (respuesta.estado.as_str(), respuesta.guardada(), sede, None)
        }
        Some(Fin::Anular(codigo)) => {
            let respuesta = sin_efecto(orden, Estado::Error, *codigo, momento).con_mensaje(ANULADA);
            ("anulada", respuesta.guardada(), orden.comando.sede(), None)
        }
        Some(Fin::Apartar(expediente)) => {
            let respuesta = sin_efecto(orden, Estado::Pendiente, Codigo::EnRevision, momento);
            ("apartada", respuesta.guardada(), orden.comando.sede(), Some(expediente.clone()))
        }
    };
    Decidida { orden: *orden, estado, respuesta, sede, expediente }
}

/// El tiempo del negocio: la aceptación; el reloj de un gestor adelantado no alarga los préstamos.
pub fn momento(foto: &Foto, orden: &Orden) -> DateTime<Utc> {
    orden.aceptada.fecha().min(foto.ahora)
}

/// Lo que fue de una operación de un trozo ya guardado. Si no está en lo guardado, es anterior al horizonte.
pub(super) fn desenlace(guardadas: &mut Guardadas, orden: &Orden) -> (Clave, Desenlace) {
    // Nada se hizo, y esto no se guarda.
    let sin_guardar = |estado, codigo| sin_efecto(orden, estado, codigo, orden.aceptada.fecha()).guardada();
    let respuesta = match guardadas.remove(&orden.id) {
        Some((huella, guardada)) if huella == orden.huella => guardada,
        Some(_) => sin_guardar(Estado::Error, Codigo::ConflictoDeId),
        None => sin_guardar(Estado::Incierta, Codigo::OperacionCaducada),
    };
    ((orden.id, orden.huella), Desenlace::Decidida(respuesta))
}

fn sin_efecto(orden: &Orden, estado: Estado, codigo: Codigo, fecha: DateTime<Utc>) -> Respuesta {
    Respuesta::new(Some(orden.id.uuid()), estado, codigo, fecha)
}
