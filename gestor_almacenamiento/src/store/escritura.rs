//! Decide un lote con dos viajes a la base: lee una foto, pliega las operaciones sobre ella y guarda lo decidido, que la
//! base acepta entero si la foto sigue valiendo. Si otro se cruzó, empieza con otra foto; si una operación no se puede
//! escribir, parte el lote hasta dejarla sola.
//!
//! Así no hay transacción abierta entre un viaje y otro: un gestor de almacenamiento parado no retiene nada.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::lote;
use common::{
    dominio::{
        Codigo, Estado, Huella, OperacionId,
        reglas::{self, Operacion},
    },
    mensajes::{Desenlace, Fallo, Orden, Respuesta, RespuestaGuardada},
};

use super::{
    Conexiones,
    fallo::Culpa,
    foto::{self, Foto},
    guardado::{self, Decidida},
};

/// Cuánto se espera a la foto.
const FOTO_MAX: Duration = Duration::from_millis(2_200);
/// Cuánto se espera a que lo decidido quede guardado. Por debajo de lo que espera quien llama (3 s).
const GUARDADO_MAX: Duration = Duration::from_millis(2_500);
/// Desde cuándo ya no se empieza otra vuelta: quien llamó está a punto de pedirlo en otra parte.
const VUELTAS_MAX: Duration = Duration::from_secs(2);
/// Veces que se repite un lote que se cruza con otro.
const CRUCES_MAX: u32 = 10;

/// Lo que se espera antes de repetir, por cada vez que se cruzó.
const RESPIRO: Duration = Duration::from_millis(5);

/// Lo que fue de un lote.
#[derive(Debug, Default)]
pub struct Decidido {
    /// El desenlace de cada operación que se llegó a mirar.
    pub desenlaces: HashMap<(OperacionId, Huella), Desenlace>,
    /// Si este punto falló a mitad: las que no tienen desenlace. `nada_hecho` habla solo de ellas.
    pub fallo: Option<Fallo>,
}

/// Decide `ordenes`, en su orden.
pub async fn decidir(conexiones: &Conexiones, ordenes: &[Orden]) -> Decidido {
    let mut vuelta = Vuelta { conexiones, inicio: Instant::now(), decidido: Decidido::default() };
    // Una pila de trozos: el que no se puede escribir se parte en dos, hasta dejar sola a la culpable.
    let mut trozos = lote::tandas(ordenes);
    trozos.reverse();
    while let Some(mut trozo) = trozos.pop() {
        match vuelta.trozo(&trozo).await {
            Ok(()) => {}
            Err(NoSePudo::Escribir(motivo)) if trozo.len() == 1 => {
                tracing::error!("la operación {} no se puede escribir: {motivo}", trozo[0].id);
                vuelta.decidido.desenlaces.insert(clave(&trozo[0]), Desenlace::NoEscrita { motivo });
            }
            Err(NoSePudo::Escribir(_)) => {
                let segunda = trozo.split_off(trozo.len() / 2);
                trozos.extend([segunda, trozo]);
            }
            Err(NoSePudo::Punto(fallo)) => {
                vuelta.decidido.fallo = Some(fallo);
                break;
            }
        }
    }
    vuelta.decidido
}

/// Por qué un trozo no se decidió.
enum NoSePudo {
    /// Alguna de sus operaciones no se puede escribir.
    Escribir(String),
    /// Este punto no puede con ninguna.
    Punto(Fallo),
}

/// Un tropiezo al decidir un trozo.
struct Tropiezo {
    culpa: Culpa,
    /// Lo decidido salió hacia la base y no se sabe qué fue de ello.
    en_el_aire: bool,
    /// La conexión ya estaba abierta de antes: pudo morir sin que la base haya caído.
    usada: bool,
}

/// Lo que fue de cada operación de un trozo.
type Desenlaces = Vec<((OperacionId, Huella), Desenlace)>;

struct Vuelta<'a> {
    conexiones: &'a Conexiones,
    inicio: Instant,
    decidido: Decidido,
}

impl Vuelta<'_> {
    /// Decide un trozo entero, con las repeticiones que hagan falta.
    async fn trozo(&mut self, trozo: &[Orden]) -> Result<(), NoSePudo> {
        let (mut cruces, mut en_el_aire) = (0, false);
        loop {
            let tropiezo = match intentar(self.conexiones, trozo).await {
                Ok(desenlaces) => {
                    self.decidido.desenlaces.extend(desenlaces);
                    return Ok(());
                }
                Err(tropiezo) => tropiezo,
            };
            en_el_aire |= tropiezo.en_el_aire;
            let hay_tiempo = self.inicio.elapsed() < VUELTAS_MAX;
            match tropiezo.culpa {
                Culpa::Cruce(_) if cruces < CRUCES_MAX && hay_tiempo => {
                    // La primera vez, en seguida: quien se cruzó ya acabó. Si se repite, un respiro para no ir a la par.
                    tokio::time::sleep(RESPIRO * cruces).await;
                    cruces += 1;
                    metrics::counter!("anaquel_lotes_repetidos_total").increment(1);
                }
                // Con los mismos ids, repetir lo que está en el aire es preguntar qué fue de ello.
                Culpa::Conexion(_) if (tropiezo.usada || tropiezo.en_el_aire) && hay_tiempo => {}
                Culpa::Operacion(motivo) => return Err(NoSePudo::Escribir(motivo)),
                otra => {
                    let motivo = otra.motivo();
                    return Err(NoSePudo::Punto(Fallo { nada_hecho: !en_el_aire, motivo }));
                }
            }
        }
    }
}

/// Lee la foto, decide y guarda. Si algo va mal y la conexión ya no vale, la suelta.
async fn intentar(conexiones: &Conexiones, ordenes: &[Orden]) -> Result<Desenlaces, Tropiezo> {
    let tomada = conexiones.tomar().await;
    let mut prestada =
        tomada.map_err(|e| Tropiezo { culpa: Culpa::Conexion(e.to_string()), en_el_aire: false, usada: false })?;
    let usada = prestada.usada;
    let c = &mut prestada.conexion;
    let mut guardando = false;
    let hecho = async {
        let mut foto = con_plazo(FOTO_MAX, foto::leer(c, ordenes)).await?;
        let nuevas = plegar(&mut foto, ordenes);
        if !nuevas.is_empty() {
            guardando = true;
            con_plazo(GUARDADO_MAX, guardado::guardar(c, &foto, nuevas.iter().collect())).await?;
        }
        Ok(desenlaces(foto, ordenes, nuevas))
    };
    match hecho.await {
        Ok(desenlaces) => {
            conexiones.devolver(prestada);
            Ok(desenlaces)
        }
        Err(error) => {
            let culpa = Culpa::de(&error);
            let perdida = matches!(culpa, Culpa::Conexion(_));
            if perdida {
                conexiones.olvidar();
            } else {
                conexiones.devolver(prestada);
            }
            Err(Tropiezo { culpa, en_el_aire: guardando && perdida, usada })
        }
    }
}

async fn con_plazo<T>(plazo: Duration, paso: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    tokio::time::timeout(plazo, paso).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

/// Decide, en su orden, lo que no estaba decidido ni es anterior al horizonte.
fn plegar<'a>(foto: &mut Foto, ordenes: &'a [Orden]) -> Vec<Decidida<'a>> {
    let horizonte_ms = u64::try_from(foto.horizonte.timestamp_millis()).unwrap_or(0);
    let nuevas = ordenes.iter().filter(|o| o.id.milisegundos() >= horizonte_ms);
    let sin_decidir: Vec<_> = nuevas.filter(|o| !foto.decididas.contains_key(&o.id)).collect();
    sin_decidir.into_iter().map(|orden| decidir_una(foto, orden)).collect()
}

fn decidir_una<'a>(foto: &mut Foto, orden: &'a Orden) -> Decidida<'a> {
    // El reloj de un gestor adelantado no alarga los préstamos.
    let momento = orden.aceptada.fecha().min(foto.ahora);
    let operacion = Operacion { id: orden.id, comando: orden.comando, momento };
    let respuesta = Respuesta::decidida(&operacion, reglas::decidir(&mut foto.filas, &operacion));
    Decidida { orden, estado: respuesta.estado.as_str(), respuesta: respuesta.guardada() }
}

/// Lo nuevo, ya guardado, y lo que no hizo falta decidir.
fn desenlaces(mut foto: Foto, ordenes: &[Orden], nuevas: Vec<Decidida<'_>>) -> Desenlaces {
    let mut desenlaces: Desenlaces = Vec::with_capacity(ordenes.len());
    let mut decididas = nuevas.into_iter().peekable();
    for orden in ordenes {
        let respuesta = if let Some(nueva) = decididas.next_if(|d| d.orden.id == orden.id) {
            nueva.respuesta
        } else {
            match foto.decididas.remove(&orden.id) {
                Some((huella, guardada)) if huella == orden.huella => guardada,
                Some(_) => sin_guardar(orden, Estado::Error, Codigo::ConflictoDeId),
                None => sin_guardar(orden, Estado::Incierta, Codigo::OperacionCaducada),
            }
        };
        desenlaces.push((clave(orden), Desenlace::Decidida(respuesta)));
    }
    desenlaces
}

/// Todo se empareja por id y huella.
fn clave(orden: &Orden) -> (OperacionId, Huella) {
    (orden.id, orden.huella)
}

/// Nada se hizo, y esto no se guarda: el mismo id con otro contenido, o uno del que ya no se sabe.
fn sin_guardar(orden: &Orden, estado: Estado, codigo: Codigo) -> RespuestaGuardada {
    Respuesta::nueva(Some(orden.id.uuid()), estado, codigo, orden.aceptada.fecha()).guardada()
}
