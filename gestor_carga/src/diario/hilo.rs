//! Decide qué va en cada transacción del diario, y qué se hace mientras el disco no se deja escribir.

use std::time::Duration;

use common::{
    dominio::OperacionId,
    mensajes::{self, Instante, Orden},
};
use redb::Database;
use tokio::sync::{mpsc, oneshot};

use super::{
    Abrir, FILAS, SinDiario,
    buzon::{self, Carta, CierreDeBuzon, PaginaDeBuzon},
    ilegibles::{self, PaginaDeIlegibles},
};
use crate::machine::{Aviso, Num};

/// Lo que cabe en una transacción.
const LOTE_MAX: usize = 4_096;
/// Cada cuánto se prueba si el diario averiado vuelve.
const SONDEO: Duration = Duration::from_secs(1);

/// Lo que se manda al hilo, en orden.
pub(super) enum AlHilo {
    Escribir(Num, Box<Orden>),
    Borrar(Num),
    /// Borrar la fila y dejar la carta, en una transacción.
    AlBuzon(Num, Box<Carta>),
    Cerrar {
        id: OperacionId,
        nota: String,
        cuando: Instante,
        responde: Responde<CierreDeBuzon>,
    },
    Pagina {
        desde: usize,
        cuantas: usize,
        responde: Responde<PaginaDeBuzon>,
    },
    Ilegibles {
        desde: usize,
        cuantas: usize,
        responde: Responde<PaginaDeIlegibles>,
    },
}

type Responde<T> = oneshot::Sender<Result<T, SinDiario>>;

impl AlHilo {
    fn borra(&self) -> bool {
        matches!(self, Self::Borrar(_) | Self::AlBuzon(..))
    }

    fn solo_mira(&self) -> bool {
        matches!(self, Self::Pagina { .. } | Self::Ilegibles { .. })
    }
}

/// El hilo del disco.
pub(super) struct Hilo {
    abrir: Abrir,
    comandos: mpsc::Receiver<AlHilo>,
    avisos: mpsc::Sender<Aviso>,
    /// Borrados, y pasos al buzón, que no se pudieron hacer; no son más que las filas escritas.
    por_borrar: Vec<AlHilo>,
}

impl Hilo {
    pub(super) fn new(abrir: Abrir, comandos: mpsc::Receiver<AlHilo>, avisos: mpsc::Sender<Aviso>) -> Self {
        Self { abrir, comandos, avisos, por_borrar: Vec::new() }
    }

    pub(super) fn correr(mut self, mut db: Database) {
        while let Some(lote) = self.juntar() {
            let escritas = escritas(&lote);
            let aviso = match aplicar(&db, &lote) {
                Ok(cierres) => {
                    contestar(&db, lote, cierres);
                    Aviso::Escritas(escritas)
                }
                Err(e) => {
                    tracing::error!("el diario no se puede escribir: {e}");
                    self.apartar_borrados(lote);
                    drop(db);
                    if self.avisos.blocking_send(Aviso::Fallidas(escritas)).is_err() {
                        return;
                    }
                    let Some(nueva) = self.recuperar() else { return };
                    db = nueva;
                    tracing::info!("el diario vuelve a escribirse");
                    Aviso::Recuperado
                }
            };
            if self.avisos.blocking_send(aviso).is_err() {
                return;
            }
        }
    }

    /// Espera algo que hacer y toma lo que se haya juntado. `None` si el gestor se va.
    fn juntar(&mut self) -> Option<Vec<AlHilo>> {
        let mut lote = vec![self.comandos.blocking_recv()?];
        while lote.len() < LOTE_MAX
            && let Ok(comando) = self.comandos.try_recv()
        {
            lote.push(comando);
        }
        Some(lote)
    }

    /// A quien pregunta se le contesta que no: su canal se cierra al soltar el lote.
    fn apartar_borrados(&mut self, lote: Vec<AlHilo>) {
        self.por_borrar.extend(lote.into_iter().filter(AlHilo::borra));
    }

    /// Prueba hasta que el diario se deje escribir; entretanto, lo que se mande falla en seguida. `None` si el gestor
    /// se va.
    fn recuperar(&mut self) -> Option<Database> {
        loop {
            std::thread::sleep(SONDEO);
            if !self.rechazar_lo_mandado() {
                return None;
            }
            let Ok(db) = (self.abrir)() else { continue };
            if aplicar(&db, &self.por_borrar).is_ok() {
                self.por_borrar.clear();
                return Some(db);
            }
        }
    }

    fn rechazar_lo_mandado(&mut self) -> bool {
        loop {
            match self.comandos.try_recv() {
                Ok(comando) if comando.borra() => self.por_borrar.push(comando),
                Ok(AlHilo::Escribir(num, _)) => {
                    if self.avisos.blocking_send(Aviso::Fallidas(vec![num])).is_err() {
                        return false;
                    }
                }
                // Al soltarla, quien pregunta sabe que no.
                Ok(_pregunta) => {}
                Err(mpsc::error::TryRecvError::Empty) => return true,
                Err(mpsc::error::TryRecvError::Disconnected) => return false,
            }
        }
    }
}

/// Las que escribe el lote, se pueda o no.
fn escritas(lote: &[AlHilo]) -> Vec<Num> {
    let num = |comando: &AlHilo| if let AlHilo::Escribir(num, _) = comando { Some(*num) } else { None };
    lote.iter().filter_map(num).collect()
}

/// Hace el lote en una transacción; devuelve en qué quedó cada cierre de buzón, en orden.
fn aplicar(db: &Database, lote: &[AlHilo]) -> Result<Vec<CierreDeBuzon>, redb::Error> {
    if lote.iter().all(AlHilo::solo_mira) {
        return Ok(Vec::new());
    }
    let transaccion = db.begin_write()?;
    let mut cierres = Vec::new();
    {
        let mut tabla = transaccion.open_table(FILAS)?;
        for comando in lote {
            match comando {
                AlHilo::Escribir(num, orden) => {
                    tabla.insert(num.0, mensajes::codificar(orden).as_slice())?;
                }
                AlHilo::Borrar(num) => {
                    tabla.remove(num.0)?;
                }
                AlHilo::AlBuzon(num, carta) => {
                    tabla.remove(num.0)?;
                    buzon::echar(&transaccion, carta)?;
                }
                AlHilo::Cerrar { id, nota, cuando, .. } => {
                    cierres.push(buzon::cerrar(&transaccion, *id, nota, *cuando)?);
                }
                AlHilo::Pagina { .. } | AlHilo::Ilegibles { .. } => {}
            }
        }
    }
    // La durabilidad por defecto es la inmediata: vuelve tras el fsync.
    transaccion.commit()?;
    Ok(cierres)
}

/// Contesta a quienes preguntaron, con lo que ya está en disco.
fn contestar(db: &Database, lote: Vec<AlHilo>, cierres: Vec<CierreDeBuzon>) {
    let mut cierres = cierres.into_iter();
    for comando in lote {
        match comando {
            // Quien preguntó pudo irse.
            AlHilo::Cerrar { responde, .. } => drop(responde.send(cierres.next().ok_or(SinDiario))),
            AlHilo::Pagina { desde, cuantas, responde } => {
                drop(responde.send(buzon::pagina(db, desde, cuantas).map_err(no_se_lee)));
            }
            AlHilo::Ilegibles { desde, cuantas, responde } => {
                drop(responde.send(ilegibles::pagina(db, desde, cuantas).map_err(no_se_lee)));
            }
            AlHilo::Escribir(..) | AlHilo::Borrar(_) | AlHilo::AlBuzon(..) => {}
        }
    }
}

#[allow(clippy::needless_pass_by_value)]
fn no_se_lee(error: redb::Error) -> SinDiario {
    tracing::error!("el diario no se puede leer: {error}");
    SinDiario
}
