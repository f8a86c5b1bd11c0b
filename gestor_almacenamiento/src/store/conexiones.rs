//! Decide qué conexión se usa: una que quedó libre, o una nueva.
//!
//! No es el pool de sqlx porque aquel pregunta a la base al dar y al recibir cada conexión, e insiste mientras la base
//! no está; aquí quien pide quiere saberlo en seguida.

use std::sync::{Arc, Mutex, PoisonError};

use common::tiempos;
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::fallo::Culpa;

/// Las conexiones a una base, en uso o libres.
#[derive(Clone)]
pub struct Conexiones {
    opciones: Arc<PgConnectOptions>,
    turnos: Arc<Semaphore>,
    libres: Arc<Mutex<Vec<PgConnection>>>,
}

/// Una conexión prestada. Si no se devuelve, se cierra: lo que dejara a medias se deshace.
pub struct Prestada {
    pub conexion: PgConnection,
    /// Si ya estaba abierta: pudo morir mientras nadie la usaba.
    pub usada: bool,
    _turno: OwnedSemaphorePermit,
}

impl Conexiones {
    /// Ninguna todavía, y `max` a la vez como mucho.
    pub fn a(opciones: PgConnectOptions, max: usize) -> Self {
        Self { opciones: Arc::new(opciones), turnos: Arc::new(Semaphore::new(max)), libres: Arc::default() }
    }

    /// Una conexión; si todas están en uso, espera a que quede una.
    ///
    /// # Errors
    /// [`sqlx::Error`] en cuanto se sabe que no hay base, o al vencer el plazo.
    pub async fn tomar(&self) -> sqlx::Result<Prestada> {
        let turno = Arc::clone(&self.turnos).acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)?;
        if let Some(conexion) = self.con_libres(Vec::pop) {
            return Ok(Prestada { conexion, usada: true, _turno: turno });
        }
        let conexion = tokio::time::timeout(tiempos::ABRIR, PgConnection::connect_with(&self.opciones))
            .await
            .map_err(|_| sqlx::Error::PoolTimedOut)??;
        Ok(Prestada { conexion, usada: false, _turno: turno })
    }

    /// Recoge una conexión después de usarla: si la culpa de lo que pasó es suya, se cierra, y las libres con ella.
    pub(super) fn recoger(&self, prestada: Prestada, culpa: Option<&Culpa>) {
        match culpa {
            Some(Culpa::Conexion(_)) => self.olvidar(),
            _ => self.devolver(prestada),
        }
    }

    /// Devuelve una conexión sana, sin transacción abierta.
    pub fn devolver(&self, prestada: Prestada) {
        self.con_libres(|libres| libres.push(prestada.conexion));
    }

    /// Cierra las libres: si una murió, las demás también.
    pub fn olvidar(&self) {
        let muertas = self.con_libres(std::mem::take);
        drop(muertas);
    }

    fn con_libres<T>(&self, f: impl FnOnce(&mut Vec<PgConnection>) -> T) -> T {
        f(&mut self.libres.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
