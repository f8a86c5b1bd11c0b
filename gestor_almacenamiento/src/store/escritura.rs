//! Decide un lote en una transacción: lo repite si otra se cruzó y lo parte si una operación no se puede escribir.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use common::{
    dominio::{
        Codigo, Estado, Huella, OperacionId,
        reglas::{self, Operacion},
    },
    mensajes::{Desenlace, Fallo, Orden, Respuesta, RespuestaGuardada},
};
use sqlx::PgConnection;

use crate::lote;

use super::{
    Conexiones,
    conexiones::Prestada,
    fallo::Culpa,
    transaccion::{self, Cargado, Decidida, Reclamo},
};

/// Cuánto dura una transacción antes de confirmar, como mucho. Por debajo de lo que espera quien llama (3 s).
const TRANSACCION_MAX: Duration = Duration::from_millis(2_200);
/// Cuánto se espera a un COMMIT.
const COMMIT_MAX: Duration = Duration::from_millis(2_500);
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
        match vuelta.trozo(&mut trozo).await {
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

/// Un tropiezo de la transacción.
struct Tropiezo {
    culpa: Culpa,
    /// El COMMIT salió y no se sabe qué fue de él.
    en_el_aire: bool,
    /// La conexión ya estaba abierta de antes: pudo morir sin que la base haya caído.
    usada: bool,
}

/// Una transacción que llegó al final, o que se deshizo para dejar fuera ids caducados.
enum Vista {
    Decididas(Vec<((OperacionId, Huella), Desenlace)>),
    Caducadas(HashSet<OperacionId>),
}

struct Vuelta<'a> {
    conexiones: &'a Conexiones,
    inicio: Instant,
    decidido: Decidido,
}

impl Vuelta<'_> {
    /// Decide un trozo entero, con las repeticiones que hagan falta.
    async fn trozo(&mut self, trozo: &mut Vec<Orden>) -> Result<(), NoSePudo> {
        let (mut cruces, mut en_el_aire) = (0, false);
        while !trozo.is_empty() {
            match intentar(self.conexiones, trozo).await {
                Ok(Vista::Decididas(decididas)) => {
                    self.decidido.desenlaces.extend(decididas);
                    return Ok(());
                }
                Ok(Vista::Caducadas(ids)) => {
                    for orden in trozo.extract_if(.., |o| ids.contains(&o.id)) {
                        self.decidido.desenlaces.insert(clave(&orden), Desenlace::Decidida(caducada(&orden)));
                    }
                }
                Err(tropiezo) => {
                    en_el_aire |= tropiezo.en_el_aire;
                    let hay_tiempo = self.inicio.elapsed() < VUELTAS_MAX;
                    match tropiezo.culpa {
                        Culpa::Cruce(_) if cruces < CRUCES_MAX && hay_tiempo => {
                            cruces += 1;
                            // Un respiro: si volvemos antes de que el otro despierte, le quitamos las filas y nos
                            // cruzamos igual.
                            tokio::time::sleep(RESPIRO * cruces).await;
                            metrics::counter!("anaquel_lotes_repetidos_total").increment(1);
                        }
                        // Con los mismos ids, repetir un COMMIT en el aire es preguntar qué fue de él.
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
        Ok(())
    }
}

/// Una transacción. Si algo va mal la deshace, o suelta la conexión, y la base la deshará.
async fn intentar(conexiones: &Conexiones, ordenes: &[Orden]) -> Result<Vista, Tropiezo> {
    let tomada = conexiones.tomar().await;
    let mut prestada =
        tomada.map_err(|e| Tropiezo { culpa: Culpa::Conexion(e.to_string()), en_el_aire: false, usada: false })?;
    let usada = prestada.usada;
    let c = &mut prestada.conexion;
    let hasta_el_commit = async {
        transaccion::empezar(c).await?;
        preparar(c, ordenes).await
    };
    let preparada = tokio::time::timeout(TRANSACCION_MAX, hasta_el_commit).await.unwrap_or_else(|_| Err(vencido()));
    let decididas = match preparada {
        Ok(Vista::Decididas(decididas)) => decididas,
        Ok(caducadas) => {
            deshacer(conexiones, prestada).await;
            return Ok(caducadas);
        }
        Err(error) => {
            let culpa = Culpa::de(&error);
            match culpa {
                Culpa::Conexion(_) => conexiones.olvidar(),
                _ => deshacer(conexiones, prestada).await,
            }
            return Err(Tropiezo { culpa, en_el_aire: false, usada });
        }
    };
    match tokio::time::timeout(COMMIT_MAX, transaccion::confirmar(c)).await.unwrap_or_else(|_| Err(vencido())) {
        Ok(()) => {
            conexiones.devolver(prestada);
            Ok(Vista::Decididas(decididas))
        }
        Err(error) => {
            conexiones.olvidar();
            let culpa = match Culpa::de(&error) {
                cruce @ Culpa::Cruce(_) => return Err(Tropiezo { culpa: cruce, en_el_aire: false, usada }),
                otra => Culpa::Conexion(otra.motivo()),
            };
            Err(Tropiezo { culpa, en_el_aire: true, usada })
        }
    }
}

fn vencido() -> sqlx::Error {
    sqlx::Error::PoolTimedOut
}

/// Deshace la transacción y devuelve la conexión; si no se puede, la cierra.
async fn deshacer(conexiones: &Conexiones, mut prestada: Prestada) {
    let hecho = tokio::time::timeout(COMMIT_MAX, transaccion::deshacer(&mut prestada.conexion)).await;
    if matches!(hecho, Ok(Ok(()))) {
        conexiones.devolver(prestada);
    }
}

/// Todo menos el COMMIT: reclamar, bloquear y leer, plegar, escribir.
async fn preparar(c: &mut PgConnection, ordenes: &[Orden]) -> sqlx::Result<Vista> {
    let mut por_id = ordenes.to_vec();
    por_id.sort_unstable_by_key(|o| o.id);
    let mut reclamos = transaccion::reclamar(c, &por_id).await?;
    let nuevas: Vec<&Orden> = ordenes.iter().filter(|o| matches!(reclamos.get(&o.id), Some(Reclamo::Nuevo))).collect();
    let mut desenlaces = Vec::with_capacity(ordenes.len());
    if !nuevas.is_empty() {
        let cargado = transaccion::cargar(c, nuevas.iter().map(|o| &o.comando)).await?;
        let horizonte_ms = u64::try_from(cargado.horizonte.timestamp_millis()).unwrap_or(0);
        let caducadas: HashSet<_> = nuevas.iter().map(|o| o.id).filter(|id| id.milisegundos() < horizonte_ms).collect();
        if !caducadas.is_empty() {
            return Ok(Vista::Caducadas(caducadas));
        }
        let decididas = plegar(c, cargado, &nuevas).await?;
        let claves = nuevas.iter().map(|o| clave(o));
        desenlaces.extend(claves.zip(decididas.into_iter().map(|d| Desenlace::Decidida(d.respuesta))));
    }
    for orden in ordenes {
        let respuesta = match reclamos.remove(&orden.id) {
            Some(Reclamo::Repetida(guardada)) => guardada,
            Some(Reclamo::Ajena) => conflicto(orden),
            Some(Reclamo::Nuevo) | None => continue,
        };
        desenlaces.push((clave(orden), Desenlace::Decidida(respuesta)));
    }
    Ok(Vista::Decididas(desenlaces))
}

async fn plegar(c: &mut PgConnection, cargado: Cargado, nuevas: &[&Orden]) -> sqlx::Result<Vec<Decidida>> {
    let Cargado { mut filas, ahora, .. } = cargado;
    let decididas: Vec<Decidida> = nuevas
        .iter()
        .map(|orden| {
            // El reloj de un gestor adelantado no alarga los préstamos.
            let momento = orden.aceptada.fecha().min(ahora);
            let veredicto = reglas::decidir(&mut filas, &Operacion { id: orden.id, comando: orden.comando, momento });
            let respuesta = Respuesta {
                id: Some(orden.id.uuid()),
                exito: veredicto.estado == Estado::Aplicada,
                estado: veredicto.estado,
                codigo: veredicto.codigo,
                mensaje: veredicto.mensaje.into_owned(),
                fecha_operacion: momento,
                datos: veredicto.datos,
            };
            Decidida { id: orden.id, estado: veredicto.estado.as_str(), respuesta: respuesta.guardada() }
        })
        .collect();
    transaccion::escribir(c, &filas.cambios(), &decididas).await?;
    Ok(decididas)
}

/// Todo se empareja por id y huella.
fn clave(orden: &Orden) -> (OperacionId, Huella) {
    (orden.id, orden.huella)
}

/// El mismo id con otro contenido: nada se hizo, y esto no se guarda.
fn conflicto(orden: &Orden) -> RespuestaGuardada {
    Respuesta::nueva(Some(orden.id.uuid()), Estado::Error, Codigo::ConflictoDeId, orden.aceptada.fecha()).guardada()
}

fn caducada(orden: &Orden) -> RespuestaGuardada {
    Respuesta::nueva(Some(orden.id.uuid()), Estado::Incierta, Codigo::OperacionCaducada, orden.aceptada.fecha())
        .guardada()
}
