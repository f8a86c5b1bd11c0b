//! Decide cómo se guarda lo prometido: filas por número de llegada, y lo que se juntó va en una transacción con fsync.
//!
//! El disco tiene su propio hilo (`hilo`): el de los zócalos nunca lo espera. Lo prometido que no se aplicó pasa al
//! [`buzon`] en la misma transacción en que deja de estar prometido.

pub mod buzon;
mod hilo;
pub mod ilegibles;

use std::{future::Future, path::Path, time::Duration};

use chrono::Utc;
use common::{
    dominio::OperacionId,
    mensajes::{self, Instante, Orden},
    process::config::{AjusteInvalido, invalido},
    tiempos,
};
use redb::{Database, DatabaseError, ReadableTable, TableDefinition};
use tokio::sync::{mpsc, oneshot};

use self::{
    buzon::{Carta, CierreDeBuzon, PaginaDeBuzon},
    hilo::{AlHilo, Hilo},
    ilegibles::PaginaDeIlegibles,
};
use crate::machine::{Aviso, Num, limites::OPERACIONES_MAX};

/// El ajuste que nombra el archivo.
pub const AJUSTE: &str = "GESTOR_CARGA_DIARIO";

/// Número de llegada → [`Orden`] en JSON.
const FILAS: TableDefinition<u64, &[u8]> = TableDefinition::new("ordenes");
/// Comandos al hilo sin atender, como mucho: escribir y borrar cada operación de la tabla.
const COLA_MAX: usize = 2 * OPERACIONES_MAX;
/// Avisos sin leer: uno por transacción.
const AVISOS_MAX: usize = 64;
/// Tamaño desde el que se compacta al abrir.
const COMPACTAR_BYTES: u64 = 8 * 1024 * 1024;
/// Memoria para páginas: el diario se escribe mucho y no se lee.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// El buzón no se pudo mirar ni cambiar: el diario está averiado, no da abasto o no contestó a tiempo. Un cierre pudo
/// hacerse: repetirlo es inocuo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("el diario no atiende ahora")]
pub struct SinDiario;

/// El diario abierto.
pub struct Diario {
    comandos: mpsc::Sender<AlHilo>,
    avisos: mpsc::Receiver<Aviso>,
    ilegibles: u64,
}

/// Las filas con que se arranca, en orden.
pub type Filas = Vec<(Num, Orden)>;

/// Cómo se abre la base; se repite para recuperarla.
type Abrir = Box<dyn Fn() -> Result<Database, DatabaseError> + Send>;

impl Diario {
    /// Abre (o crea) el diario y devuelve lo que quedó prometido.
    ///
    /// # Errors
    /// [`AjusteInvalido`] que nombra `GESTOR_CARGA_DIARIO` y la salida.
    pub fn abrir(ruta: &Path) -> Result<(Self, Filas), AjusteInvalido> {
        if let Some(carpeta) = ruta.parent() {
            std::fs::create_dir_all(carpeta).map_err(|e| no_abre(ruta, &e.to_string()))?;
        }
        let donde = ruta.to_owned();
        let abrir: Abrir = Box::new(move || abrir_archivo(&donde));
        let mut db = abrir().map_err(|e| error_al_abrir(ruta, &e))?;
        compactar(&mut db, ruta);
        Self::con_base(db, abrir).map_err(|e| no_abre(ruta, &e.to_string()))
    }

    fn con_base(db: Database, abrir: Abrir) -> Result<(Self, Filas), redb::Error> {
        let (filas, ilegibles) = leer_filas(&db)?;
        let (comandos, recibe) = mpsc::channel(COLA_MAX);
        let (avisa, avisos) = mpsc::channel(AVISOS_MAX);
        std::thread::Builder::new()
            .name("diario".into())
            .spawn(move || Hilo::new(abrir, recibe, avisa).correr(db))
            .expect("el sistema admite un hilo más al arrancar");
        Ok((Self { comandos, avisos, ilegibles }, filas))
    }

    /// Manda escribir una fila; `false` si no cabe: es como si hubiera fallado.
    pub fn escribir(&self, num: Num, orden: Orden) -> bool {
        // La mitad de la cola queda para los borrados.
        self.comandos.capacity() > COLA_MAX / 2
            && self.comandos.try_send(AlHilo::Escribir(num, Box::new(orden))).is_ok()
    }

    /// Manda borrar una fila, detrás de lo ya mandado. Si no cupiera, se repetiría al arrancar una operación ya
    /// decidida: no tiene efecto.
    pub fn borrar(&self, num: Num) {
        self.mandar_borrado(AlHilo::Borrar(num));
    }

    /// Manda pasar una fila al buzón, detrás de lo ya mandado: deja de estar prometida y queda a la vista en la misma
    /// transacción. Si no cupiera, la promesa sigue en su sitio y se decide otra vez al arrancar.
    pub fn al_buzon(&self, num: Num, carta: Carta) {
        self.mandar_borrado(AlHilo::AlBuzon(num, Box::new(carta)));
    }

    fn mandar_borrado(&self, comando: AlHilo) {
        if self.comandos.try_send(comando).is_err() {
            metrics::counter!("anaquel_diario_borrados_perdidos_total").increment(1);
        }
    }

    /// Una página del buzón, de lo más reciente a lo más antiguo, saltando `desde`. El futuro no retiene al diario.
    pub fn buzon_pagina(
        &self,
        desde: usize,
        cuantas: usize,
    ) -> impl Future<Output = Result<PaginaDeBuzon, SinDiario>> + Send + use<> {
        let (responde, respuesta) = oneshot::channel();
        self.preguntar(AlHilo::Pagina { desde, cuantas, responde }, respuesta)
    }

    /// Cuántas filas hay que no se entienden: se apartan al abrir.
    pub fn ilegibles(&self) -> u64 {
        self.ilegibles
    }

    /// Una página de las filas que no se entienden, saltando `desde`. El futuro no retiene al diario.
    pub fn ilegibles_pagina(
        &self,
        desde: usize,
        cuantas: usize,
    ) -> impl Future<Output = Result<PaginaDeIlegibles, SinDiario>> + Send + use<> {
        let (responde, respuesta) = oneshot::channel();
        self.preguntar(AlHilo::Ilegibles { desde, cuantas, responde }, respuesta)
    }

    /// Cierra una carta del buzón con una nota; cerrarla otra vez no cambia nada. El futuro no retiene al diario.
    pub fn cerrar_buzon(
        &self,
        id: OperacionId,
        nota: String,
    ) -> impl Future<Output = Result<CierreDeBuzon, SinDiario>> + Send + use<> {
        let (responde, respuesta) = oneshot::channel();
        let cuando = Instante::from(Utc::now());
        self.preguntar(AlHilo::Cerrar { id, nota, cuando, responde }, respuesta)
    }

    fn preguntar<T: Send>(
        &self,
        comando: AlHilo,
        respuesta: oneshot::Receiver<Result<T, SinDiario>>,
    ) -> impl Future<Output = Result<T, SinDiario>> + Send + use<T> {
        // La mitad de la cola queda para los borrados.
        let mandado = self.comandos.capacity() > COLA_MAX / 2 && self.comandos.try_send(comando).is_ok();
        async move {
            if !mandado {
                return Err(SinDiario);
            }
            match tokio::time::timeout(tiempos::BUZON, respuesta).await {
                Ok(Ok(contestado)) => contestado,
                Ok(Err(_)) | Err(_) => Err(SinDiario),
            }
        }
    }

    /// Espera el siguiente aviso. Se puede cancelar. `None` si el hilo terminó.
    pub async fn aviso(&mut self) -> Option<Aviso> {
        self.avisos.recv().await
    }

    /// Termina lo mandado y cierra, sin esperar más de `plazo`.
    pub async fn cerrar(self, plazo: Duration) {
        let Self { comandos, mut avisos, .. } = self;
        drop(comandos);
        let fin = async { while avisos.recv().await.is_some() {} };
        if tokio::time::timeout(plazo, fin).await.is_err() {
            tracing::warn!("el diario no terminó de cerrarse en {plazo:?}");
        }
    }
}

fn abrir_archivo(ruta: &Path) -> Result<Database, DatabaseError> {
    Database::builder().set_cache_size(CACHE_BYTES).create(ruta)
}

fn error_al_abrir(ruta: &Path, error: &DatabaseError) -> AjusteInvalido {
    match error {
        DatabaseError::DatabaseAlreadyOpen => invalido(
            AJUSTE,
            format!("otro gestor de carga usa ya {}", ruta.display()),
            "Dé a cada gestor un archivo propio, o pare el otro",
        ),
        otro => no_abre(ruta, &otro.to_string()),
    }
}

fn no_abre(ruta: &Path, causa: &str) -> AjusteInvalido {
    let salida = "Dé la ruta de un archivo en una carpeta en la que se pueda escribir";
    invalido(AJUSTE, format!("no se puede abrir el diario {}: {causa}", ruta.display()), salida)
}

fn compactar(db: &mut Database, ruta: &Path) {
    let grande = std::fs::metadata(ruta).is_ok_and(|m| m.len() > COMPACTAR_BYTES);
    if grande && let Err(e) = db.compact() {
        tracing::warn!("el diario no se pudo compactar: {e}");
    }
}

/// Lo que quedó prometido, y cuántas filas hay apartadas porque no se entienden.
fn leer_filas(db: &Database) -> Result<(Filas, u64), redb::Error> {
    let mut filas = Vec::new();
    let mut apartadas = Vec::new();
    // De escritura: crea las tablas la primera vez, y prueba que el archivo se deja escribir.
    let transaccion = db.begin_write()?;
    {
        let mut tabla = transaccion.open_table(FILAS)?;
        for fila in tabla.iter()? {
            let (num, valor) = fila?;
            match mensajes::descifrar::<Orden>(valor.value()) {
                Ok(orden) => filas.push((Num(num.value()), orden)),
                Err(e) => {
                    tracing::error!("la fila {} del diario no se entiende y se aparta: {e}", num.value());
                    apartadas.push((num.value(), valor.value().to_vec()));
                }
            }
        }
        let cuando = Instante::from(Utc::now());
        for (num, bytes) in apartadas {
            ilegibles::apartar(&transaccion, num, &bytes, cuando)?;
            tabla.remove(num)?;
        }
    }
    buzon::crear(&transaccion)?;
    let ilegibles = ilegibles::crear(&transaccion)?;
    transaccion.commit()?;
    Ok((filas, ilegibles))
}

#[cfg(test)]
#[path = "diario/tests.rs"]
mod tests;
