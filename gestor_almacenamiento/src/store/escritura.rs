//! Decide un lote con dos viajes a la base: lee una foto, pliega las operaciones sobre ella y guarda lo decidido, que la
//! base acepta entero si la foto sigue valiendo. Si otro se cruzó, empieza con otra foto; si una operación no se puede
//! escribir, parte el lote hasta dejarla sola.
//!
//! Así no hay transacción abierta entre un viaje y otro: un gestor de almacenamiento parado no retiene nada.

use std::{collections::HashMap, time::Instant};

use chrono::{DateTime, Utc};
use common::{
    dominio::{
        Codigo, Estado, Huella, OperacionId,
        reglas::{self, Operacion},
    },
    mensajes::{Desenlace, Fallo, Orden, Respuesta, RespuestaGuardada},
    process::puntos_de_muerte::{self, Punto},
    tiempos::{self, CRUCES_MAX, RESPIRO, VUELTAS},
};
use sqlx::PgConnection;

use super::{
    Conexiones,
    fallo::Culpa,
    foto::{self, Foto},
    guardado::{self, Decidida},
};
use crate::{
    lote::{self, Encargo},
    sumandos::{self, Sumandos},
};

/// Lo que fue de un lote.
#[derive(Debug, Default)]
pub struct Decidido {
    /// El desenlace de cada operación que se llegó a mirar.
    pub desenlaces: HashMap<(OperacionId, Huella), Desenlace>,
    /// Si este punto falló a mitad: las que no tienen desenlace. `nada_hecho` habla solo de ellas.
    pub fallo: Option<Fallo>,
}

/// Lo que se escribe por lotes: cada clase sabe cómo se decide y se guarda.
pub trait Escribible: Encargo + Send + Sync {
    /// Decide y guarda un trozo con dos viajes; pone `guardando` antes del segundo.
    fn escribir(
        c: &mut PgConnection,
        trozo: &[Self],
        guardando: &mut bool,
    ) -> impl Future<Output = sqlx::Result<Desenlaces>> + Send;
}

/// Escribe `encargos`, en su orden.
pub async fn decidir<E: Escribible>(conexiones: &Conexiones, encargos: &[E]) -> Decidido {
    let mut vuelta = Vuelta { conexiones, inicio: Instant::now(), decidido: Decidido::default() };
    // Una pila de trozos: el que no se puede escribir se parte en dos, hasta dejar sola a la culpable.
    let mut trozos = lote::tandas(encargos);
    trozos.reverse();
    while let Some(mut trozo) = trozos.pop() {
        match vuelta.trozo(&trozo).await {
            Ok(()) => {}
            Err(NoSePudo::Escribir(motivo)) if trozo.len() == 1 => {
                let orden = trozo[0].orden();
                tracing::error!("la operación {} no se puede escribir: {motivo}", orden.id);
                vuelta.decidido.desenlaces.insert(clave(orden), Desenlace::NoEscrita { motivo });
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
pub type Desenlaces = Vec<((OperacionId, Huella), Desenlace)>;

struct Vuelta<'a> {
    conexiones: &'a Conexiones,
    inicio: Instant,
    decidido: Decidido,
}

impl Vuelta<'_> {
    /// Decide un trozo entero, con las repeticiones que hagan falta.
    async fn trozo<E: Escribible>(&mut self, trozo: &[E]) -> Result<(), NoSePudo> {
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
            let hay_tiempo = self.inicio.elapsed() < VUELTAS;
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
async fn intentar<E: Escribible>(conexiones: &Conexiones, trozo: &[E]) -> Result<Desenlaces, Tropiezo> {
    let tomada = conexiones.tomar().await;
    let mut prestada =
        tomada.map_err(|e| Tropiezo { culpa: Culpa::Conexion(e.to_string()), en_el_aire: false, usada: false })?;
    let usada = prestada.usada;
    let mut guardando = false;
    match E::escribir(&mut prestada.conexion, trozo, &mut guardando).await {
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

impl Escribible for Orden {
    async fn escribir(c: &mut PgConnection, trozo: &[Self], guardando: &mut bool) -> sqlx::Result<Desenlaces> {
        let mut foto = a_tiempo_de_leer(foto::leer(c, trozo)).await?;
        let nuevas: Vec<_> = sin_decidir(&foto, trozo).into_iter().map(|orden| decidir_una(&mut foto, orden)).collect();
        if !nuevas.is_empty() {
            *guardando = true;
            puntos_de_muerte::pasar(Punto::AlmacenAntesDeGuardar);
            let guardar = guardado::guardar(c, &foto, nuevas.iter().collect(), Sumandos::default());
            a_tiempo_de_guardar(guardar).await?;
            puntos_de_muerte::pasar(Punto::AlmacenGuardadaSinContestar);
        }
        Ok(desenlaces(foto, trozo, nuevas))
    }
}

/// Lo que se lee para decidir, o que este punto no contesta.
pub(super) async fn a_tiempo_de_leer<T>(leer: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    tokio::time::timeout(tiempos::FOTO, leer).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

/// Lo decidido, guardado; o no se sabe.
pub(super) async fn a_tiempo_de_guardar<T>(guardar: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    tokio::time::timeout(tiempos::PETICION, guardar).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

/// Lo que no estaba decidido ni es anterior al horizonte, en su orden.
pub(super) fn sin_decidir<'a, E: Encargo>(foto: &Foto, encargos: &'a [E]) -> Vec<&'a E> {
    let horizonte_ms = u64::try_from(foto.horizonte.timestamp_millis()).unwrap_or(0);
    let pendiente = |o: &Orden| o.id.milisegundos() >= horizonte_ms && !foto.decididas.contains_key(&o.id);
    encargos.iter().filter(|e| pendiente(e.orden())).collect()
}

/// Decide una con las reglas y deja las filas como quedan.
pub(super) fn decidir_una<'a>(foto: &mut Foto, orden: &'a Orden) -> Decidida<'a> {
    let operacion = Operacion { id: orden.id, comando: orden.comando, momento: momento(foto, orden) };
    let veredicto = reglas::decidir(&mut foto.filas, &operacion);
    let sede = sumandos::sede(&foto.filas, &orden.comando, &veredicto);
    let respuesta = Respuesta::decidida(&operacion, veredicto);
    Decidida { orden, estado: respuesta.estado.as_str(), respuesta: respuesta.guardada(), sede }
}

/// El tiempo del negocio: la aceptación; el reloj de un gestor adelantado no alarga los préstamos.
pub(super) fn momento(foto: &Foto, orden: &Orden) -> DateTime<Utc> {
    orden.aceptada.fecha().min(foto.ahora)
}

/// Lo nuevo, ya guardado, y lo que no hizo falta decidir.
pub(super) fn desenlaces<E: Encargo>(mut foto: Foto, encargos: &[E], nuevas: Vec<Decidida<'_>>) -> Desenlaces {
    let mut desenlaces: Desenlaces = Vec::with_capacity(encargos.len());
    let mut decididas = nuevas.into_iter().peekable();
    for orden in encargos.iter().map(Encargo::orden) {
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
