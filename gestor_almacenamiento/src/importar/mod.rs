//! Carga el catálogo: lee el CSV, dice qué filas no valen y deja el resto en la base, con sus ejemplares, usuarios de
//! muestra y préstamos de partida.
//!
//! Todo va en una transacción: una importación cortada no deja nada a medias, y repetida no dobla nada. Un título que
//! ya tiene ejemplares no recibe más, y los préstamos de partida se hacen solo en la primera importación.

use std::{collections::HashMap, fmt, fs::File, io, path::Path};

use chrono::Utc;
use common::{dominio::Isbn, process::shutdown::Apagado};
use csv::{ByteRecord, Reader, ReaderBuilder};

use crate::store::catalogo::{Catalogo, ErrorDeCatalogo};

pub mod fila;
pub mod muestra;
mod progreso;

use fila::{Cabecera, CabeceraInvalida, Libro};
use muestra::Reparto;
use progreso::Avance;

/// Libros por sentencia.
const LOTE: usize = 1_000;

/// Por qué no se pudo leer el archivo. Su texto es la línea que se muestra.
#[derive(Debug, thiserror::Error)]
pub enum ArchivoInvalido {
    /// No se puede abrir.
    #[error("no se puede abrir {ruta}: {causa}. Dé la ruta de un CSV que exista, por ejemplo datos/libros_10k.csv")]
    Abrir { ruta: String, causa: String },
    /// La primera línea no es la cabecera del catálogo.
    #[error("{ruta} {causa}")]
    Cabecera { ruta: String, causa: CabeceraInvalida },
    /// Se cortó la lectura.
    #[error("no se puede leer {ruta}: {causa}")]
    Leer { ruta: String, causa: csv::Error },
}

/// Por qué no se pudo importar.
#[derive(Debug, thiserror::Error)]
pub enum ErrorDeImportacion {
    #[error(transparent)]
    Archivo(#[from] ArchivoInvalido),
    #[error("importación interrumpida por {0}; no se cambió nada")]
    Interrumpida(&'static str),
    /// El sistema no deja atender las señales.
    #[error("no se pueden atender las señales: {0}")]
    Seniales(#[from] io::Error),
    /// La base de datos.
    #[error("la base de datos no admitió la importación; repetirla es seguro: {0}")]
    Base(#[from] ErrorDeCatalogo),
}

/// Lo que hizo una importación.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Importado {
    /// Filas del archivo, sin la cabecera.
    pub leidas: u64,
    pub nuevas: u64,
    /// Títulos que estaban con otros datos.
    pub cambiadas: u64,
    pub rechazadas: u64,
    pub ejemplares: u64,
    pub usuarios: u64,
    pub prestamos: u64,
}

impl Importado {
    /// Títulos que ya estaban tal cual.
    pub fn iguales(&self) -> u64 {
        self.leidas - self.rechazadas - self.nuevas - self.cambiadas
    }

    fn hay_novedades(&self) -> bool {
        self.nuevas + self.cambiadas + self.ejemplares + self.usuarios + self.prestamos > 0
    }
}

impl fmt::Display for Importado {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} filas leídas: {} nuevas, {} cambiadas, {} iguales, {} rechazadas; nuevos también {} ejemplares, {} \
             usuarios de muestra y {} préstamos de partida",
            self.leidas,
            self.nuevas,
            self.cambiadas,
            self.iguales(),
            self.rechazadas,
            self.ejemplares,
            self.usuarios,
            self.prestamos
        )
    }
}

/// Importa `archivo` en la transacción de `catalogo`, y la confirma. Una señal antes de confirmar la corta entera.
///
/// # Errors
/// [`ErrorDeImportacion`]; salvo que la base se pierda al confirmar, no se cambió nada.
pub async fn importar(mut catalogo: Catalogo, archivo: Archivo) -> Result<Importado, ErrorDeImportacion> {
    let mut apagado = Apagado::new()?;
    let resumen = tokio::select! {
        resumen = cargar_todo(&mut catalogo, archivo) => resumen?,
        senial = apagado.pedido() => return Err(ErrorDeImportacion::Interrumpida(senial)),
    };
    catalogo.confirmar(resumen.hay_novedades()).await?;
    Ok(resumen)
}

async fn cargar_todo(catalogo: &mut Catalogo, mut archivo: Archivo) -> Result<Importado, ErrorDeImportacion> {
    let mut progreso = Avance::new(archivo.bytes);
    let mut resumen = Importado::default();
    let es_la_primera = catalogo.vacio().await?;
    let mut reparto = Reparto::tras(catalogo.ultimo_ejemplar().await?);
    catalogo.sedes().await?;
    resumen.usuarios = catalogo.usuarios(&muestra::usuarios()).await?;
    let mut puesto = 0;
    loop {
        let libros = archivo.lote(&mut progreso, &mut resumen)?;
        if libros.is_empty() {
            break;
        }
        cargar(catalogo, &libros, &mut puesto, &mut reparto, &mut resumen).await?;
    }
    if es_la_primera {
        let prestamos = reparto.prestamos_de_partida(Utc::now());
        resumen.prestamos = catalogo.prestamos(&prestamos).await?;
    }
    Ok(resumen)
}

/// Carga un lote y da ejemplares a los títulos que no tengan; `puesto` es el del último título ya visto.
async fn cargar(
    catalogo: &mut Catalogo,
    libros: &[Libro],
    puesto: &mut usize,
    reparto: &mut Reparto,
    resumen: &mut Importado,
) -> Result<(), ErrorDeCatalogo> {
    let cuenta = catalogo.libros(libros).await?;
    resumen.nuevas += cuenta.nuevas;
    resumen.cambiadas += cuenta.cambiadas;
    let ya_tienen = catalogo.con_ejemplares(libros).await?;
    let mut ejemplares = Vec::new();
    for libro in libros {
        *puesto += 1;
        if !ya_tienen.contains(libro.isbn.as_str()) {
            ejemplares.extend(reparto.ejemplares(*puesto, libro.isbn));
        }
    }
    if !ejemplares.is_empty() {
        resumen.ejemplares += catalogo.ejemplares(&ejemplares).await?;
    }
    Ok(())
}

/// El archivo, abierto y con su cabecera comprobada.
pub struct Archivo {
    ruta: String,
    lector: Reader<File>,
    cabecera: Cabecera,
    bytes: u64,
    /// En qué línea se vio cada ISBN.
    vistos: HashMap<Isbn, u64>,
}

impl Archivo {
    /// Abre el archivo y comprueba que tiene las columnas del catálogo.
    pub fn abrir(ruta: &Path) -> Result<Self, ArchivoInvalido> {
        let nombre = ruta.display().to_string();
        let no_abre = |e: io::Error| ArchivoInvalido::Abrir { ruta: nombre.clone(), causa: e.to_string() };
        let archivo = File::open(ruta).map_err(no_abre)?;
        let datos = archivo.metadata().map_err(no_abre)?;
        if datos.is_dir() {
            return Err(no_abre(io::ErrorKind::IsADirectory.into()));
        }
        // Flexible: una fila de otro ancho se rechaza ella sola, no el archivo.
        let mut lector = ReaderBuilder::new().flexible(true).from_reader(archivo);
        let primera = lector.byte_headers().map_err(|causa| ArchivoInvalido::Leer { ruta: nombre.clone(), causa })?;
        let cabecera =
            Cabecera::leer(primera).map_err(|causa| ArchivoInvalido::Cabecera { ruta: nombre.clone(), causa })?;
        Ok(Self { ruta: nombre, lector, cabecera, bytes: datos.len(), vistos: HashMap::new() })
    }

    /// Todos los libros que valen, en su orden: los que cargaría una importación, sin decir nada de los demás.
    pub fn libros(mut self) -> Result<Vec<Libro>, ArchivoInvalido> {
        let mut libros = Vec::new();
        let mut fila = ByteRecord::new();
        while self.leer(&mut fila)? {
            let linea = fila.position().map_or(0, csv::Position::line);
            let libro = self.cabecera.libro(std::mem::take(&mut fila)).and_then(|libro| self.sin_repetir(libro, linea));
            libros.extend(libro.ok());
        }
        Ok(libros)
    }

    /// La fila siguiente; `false`, se acabó.
    fn leer(&mut self, fila: &mut ByteRecord) -> Result<bool, ArchivoInvalido> {
        let hay = self.lector.read_byte_record(fila);
        hay.map_err(|causa| ArchivoInvalido::Leer { ruta: self.ruta.clone(), causa })
    }

    /// El siguiente lote de libros; vacío, se acabó. Lo que no vale se avisa y se cuenta.
    fn lote(&mut self, progreso: &mut Avance, resumen: &mut Importado) -> Result<Vec<Libro>, ArchivoInvalido> {
        let mut libros = Vec::with_capacity(LOTE);
        let mut fila = ByteRecord::new();
        while libros.len() < LOTE && self.leer(&mut fila)? {
            resumen.leidas += 1;
            progreso.fila(self.lector.position().byte());
            let linea = fila.position().map_or(0, csv::Position::line);
            match self.cabecera.libro(std::mem::take(&mut fila)).and_then(|libro| self.sin_repetir(libro, linea)) {
                Ok(libro) => libros.push(libro),
                Err(motivo) => {
                    resumen.rechazadas += 1;
                    progreso.avisar(&format!("{}:{linea}: {motivo}", self.ruta));
                }
            }
        }
        Ok(libros)
    }

    fn sin_repetir(&mut self, libro: Libro, linea: u64) -> Result<Libro, String> {
        match self.vistos.insert(libro.isbn, linea) {
            None => Ok(libro),
            Some(primera) => {
                self.vistos.insert(libro.isbn, primera);
                Err(format!("isbn13 «{}» ya está en la línea {primera}", libro.isbn))
            }
        }
    }
}
