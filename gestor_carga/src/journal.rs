//! Decide cómo se guarda lo prometido: filas por número de llegada, y lo que se juntó va en una transacción con fsync.
//!
//! El disco tiene su propio hilo: el de los zócalos nunca lo espera.

use std::{path::Path, time::Duration};

use common::{
    mensajes::{self, Orden},
    process::config::{AjusteInvalido, invalido},
};
use redb::{Database, DatabaseError, ReadableTable, TableDefinition};
use tokio::sync::mpsc;

use crate::machine::{Num, limites::OPERACIONES_MAX};

/// El ajuste que nombra el archivo.
pub const AJUSTE: &str = "GESTOR_CARGA_DIARIO";

/// Número de llegada → [`Orden`] en JSON.
const FILAS: TableDefinition<u64, &[u8]> = TableDefinition::new("ordenes");
/// Filas que no se entienden: se guardan para que las mire una persona.
const ILEGIBLES: TableDefinition<u64, &[u8]> = TableDefinition::new("ilegibles");
/// Comandos al hilo sin atender, como mucho: escribir y borrar cada operación de la tabla.
const COLA_MAX: usize = 2 * OPERACIONES_MAX;
/// Lo que cabe en una transacción.
const LOTE_MAX: usize = 4_096;
/// Avisos sin leer: uno por transacción.
const AVISOS_MAX: usize = 64;
/// Cada cuánto se prueba si el diario averiado vuelve.
const SONDEO: Duration = Duration::from_secs(1);
/// Tamaño desde el que se compacta al abrir.
const COMPACTAR_BYTES: u64 = 8 * 1024 * 1024;
/// Memoria para páginas: el diario se escribe mucho y no se lee.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// Lo que se manda al hilo, en orden.
enum Comando {
    Escribir(Num, Box<Orden>),
    Borrar(Num),
}

/// Lo que cuenta el hilo.
#[derive(Debug, PartialEq, Eq)]
pub enum Aviso {
    /// Están en disco.
    Escritas(Vec<Num>),
    /// No se pudieron escribir.
    Fallidas(Vec<Num>),
    /// El diario vuelve a poder escribirse.
    Recuperado,
}

/// El diario abierto.
pub struct Journal {
    comandos: mpsc::Sender<Comando>,
    avisos: mpsc::Receiver<Aviso>,
}

/// Las filas con que se arranca, en orden.
pub type Filas = Vec<(Num, Orden)>;

/// Cómo se abre la base; se repite para recuperarla.
type Abrir = Box<dyn Fn() -> Result<Database, DatabaseError> + Send>;

impl Journal {
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
        let filas = leer_filas(&db)?;
        let (comandos, recibe) = mpsc::channel(COLA_MAX);
        let (avisa, avisos) = mpsc::channel(AVISOS_MAX);
        std::thread::Builder::new()
            .name("diario".into())
            .spawn(move || Hilo { abrir, comandos: recibe, avisos: avisa, por_borrar: Vec::new() }.correr(db))
            .expect("el sistema admite un hilo más al arrancar");
        Ok((Self { comandos, avisos }, filas))
    }

    /// Manda escribir una fila; `false` si no cabe: es como si hubiera fallado.
    #[must_use]
    pub fn escribir(&self, num: Num, orden: Orden) -> bool {
        // La mitad de la cola queda para los borrados.
        self.comandos.capacity() > COLA_MAX / 2
            && self.comandos.try_send(Comando::Escribir(num, Box::new(orden))).is_ok()
    }

    /// Manda borrar una fila, detrás de lo ya mandado. Si no cupiera, se repetiría al arrancar una operación ya
    /// decidida: no tiene efecto.
    pub fn borrar(&self, num: Num) {
        if self.comandos.try_send(Comando::Borrar(num)).is_err() {
            metrics::counter!("anaquel_diario_borrados_perdidos_total").increment(1);
        }
    }

    /// Espera el siguiente aviso. Se puede cancelar. `None` si el hilo terminó.
    pub async fn aviso(&mut self) -> Option<Aviso> {
        self.avisos.recv().await
    }

    /// Termina lo mandado y cierra, sin esperar más de `plazo`.
    pub async fn cerrar(self, plazo: Duration) {
        let Self { comandos, mut avisos } = self;
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

fn leer_filas(db: &Database) -> Result<Filas, redb::Error> {
    let mut filas = Vec::new();
    let mut ilegibles = Vec::new();
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
                    ilegibles.push((num.value(), valor.value().to_vec()));
                }
            }
        }
        let mut apartadas = transaccion.open_table(ILEGIBLES)?;
        for (num, valor) in ilegibles {
            apartadas.insert(num, valor.as_slice())?;
            tabla.remove(num)?;
        }
    }
    transaccion.commit()?;
    Ok(filas)
}

/// El hilo del disco.
struct Hilo {
    abrir: Abrir,
    comandos: mpsc::Receiver<Comando>,
    avisos: mpsc::Sender<Aviso>,
    /// Borrados que no se pudieron hacer; no son más que las filas escritas.
    por_borrar: Vec<Num>,
}

impl Hilo {
    fn correr(mut self, mut db: Database) {
        while let Some(lote) = self.juntar() {
            let (escritas, resultado) = guardar(&db, &lote);
            let aviso = match resultado {
                Ok(()) => Aviso::Escritas(escritas),
                Err(e) => {
                    tracing::error!("el diario no se puede escribir: {e}");
                    self.apartar_borrados(&lote);
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
    fn juntar(&mut self) -> Option<Vec<Comando>> {
        let mut lote = vec![self.comandos.blocking_recv()?];
        while lote.len() < LOTE_MAX
            && let Ok(comando) = self.comandos.try_recv()
        {
            lote.push(comando);
        }
        Some(lote)
    }

    fn apartar_borrados(&mut self, lote: &[Comando]) {
        self.por_borrar.extend(lote.iter().filter_map(|comando| match comando {
            Comando::Borrar(num) => Some(*num),
            Comando::Escribir(..) => None,
        }));
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
            let borrados: Vec<_> = self.por_borrar.iter().copied().map(Comando::Borrar).collect();
            if guardar(&db, &borrados).1.is_ok() {
                self.por_borrar.clear();
                return Some(db);
            }
        }
    }

    fn rechazar_lo_mandado(&mut self) -> bool {
        loop {
            match self.comandos.try_recv() {
                Ok(Comando::Borrar(num)) => self.por_borrar.push(num),
                Ok(Comando::Escribir(num, _)) => {
                    if self.avisos.blocking_send(Aviso::Fallidas(vec![num])).is_err() {
                        return false;
                    }
                }
                Err(mpsc::error::TryRecvError::Empty) => return true,
                Err(mpsc::error::TryRecvError::Disconnected) => return false,
            }
        }
    }
}

/// Hace el lote en una transacción; devuelve también las que escribe, se haya podido o no.
fn guardar(db: &Database, lote: &[Comando]) -> (Vec<Num>, Result<(), redb::Error>) {
    let escritas = lote
        .iter()
        .filter_map(|comando| match comando {
            Comando::Escribir(num, _) => Some(*num),
            Comando::Borrar(_) => None,
        })
        .collect();
    (escritas, aplicar(db, lote))
}

fn aplicar(db: &Database, lote: &[Comando]) -> Result<(), redb::Error> {
    let transaccion = db.begin_write()?;
    {
        let mut tabla = transaccion.open_table(FILAS)?;
        for comando in lote {
            match comando {
                Comando::Escribir(num, orden) => {
                    tabla.insert(num.0, mensajes::codificar(orden).as_slice())?;
                }
                Comando::Borrar(num) => {
                    tabla.remove(num.0)?;
                }
            }
        }
    }
    // La durabilidad por defecto es la inmediata: vuelve tras el fsync.
    transaccion.commit()?;
    Ok(())
}

#[cfg(test)]
#[path = "journal/tests.rs"]
mod tests;
