//! Decide la forma de `resultados.csv`: una fila por solicitud enviada, y cómo se escribe y se lee sin tenerlas todas en
//! la memoria.
//!
//! Los estados son los del cable (`aplicada`, `rechazada`, `pendiente`, `error`, `incierta`), y uno más, `sin_respuesta`,
//! de lo que se envió y no se contestó antes de acabar la ventana. Un solicitante repite lo incierto con el mismo id, así
//! que `incierta` solo aparece si la ventana se acabó mientras insistía.

use std::{fs::File, io, path::Path};

use common::dominio::{Codigo, SedeId, Tipo};
use csv::{ErrorKind, Reader, Writer};
use serde::{Deserialize, Serialize};
use test_sistema::solicitante::medida::Quedo;

/// El archivo, en la carpeta de un experimento.
pub const ARCHIVO: &str = "resultados.csv";
/// Sus columnas, en su orden.
pub const COLUMNAS: [&str; 14] = [
    "tanda",
    "diseno",
    "solicitantes",
    "fallo",
    "repeticion",
    "sede",
    "solicitante",
    "numero",
    "operacion",
    "inicio_us",
    "respuesta_us",
    "estado",
    "codigo",
    "muerte_us",
];

/// Qué diseño se mide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Diseno {
    /// El principal: dos gestores de almacenamiento, y actores que contestan.
    DosAlmacenes,
    /// Uno solo: si muere, nadie lo releva hasta que vuelve.
    UnAlmacen,
    /// Sin actores: los préstamos y las devoluciones quedan `pendiente`.
    SinActores,
}

impl Diseno {
    /// Todos; el principal, primero.
    pub const TODOS: [Self; 3] = [Self::DosAlmacenes, Self::UnAlmacen, Self::SinActores];

    /// Como se escribe.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DosAlmacenes => "dos_almacenes",
            Self::UnAlmacen => "un_almacen",
            Self::SinActores => "sin_actores",
        }
    }
}

/// Si en mitad de la ventana se mata al gestor de almacenamiento en uso.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FalloInducido {
    No,
    Si,
}

/// Una solicitud de una ejecución. Los instantes son microsegundos desde el principio de la ventana de su ejecución.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fila {
    /// El número de la ejecución, desde 1, en el orden en que se hicieron.
    pub tanda: u32,
    pub diseno: Diseno,
    /// Cuántos procesos solicitantes hubo en cada sede.
    pub solicitantes: u16,
    /// Si hubo un fallo en la mitad.
    pub fallo: FalloInducido,
    /// Qué repetición de esta configuración es, desde 1.
    pub repeticion: u32,
    pub sede: SedeId,
    /// Cuál de los de su sede es, desde 1.
    pub solicitante: u16,
    /// La línea de su archivo de peticiones, desde 1.
    pub numero: u32,
    pub operacion: Tipo,
    pub inicio_us: u64,
    /// Cuándo llegó la respuesta, si llegó.
    pub respuesta_us: Option<u64>,
    pub estado: Quedo,
    /// Por qué, si no está hecha.
    pub codigo: Option<Codigo>,
    /// Cuándo se mató al almacén en uso, si en esta ejecución se mató.
    pub muerte_us: Option<u64>,
}

impl Fila {
    /// Lo que tardó en contestarse, en microsegundos.
    pub fn latencia_us(&self) -> Option<u64> {
        Some(self.respuesta_us?.saturating_sub(self.inicio_us))
    }
}

/// Por qué no se pueden leer o escribir los resultados.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}: {1}")]
    Archivo(String, io::Error),
    /// Su primera línea no es la esperada.
    #[error("{nombre}: la primera línea ha de ser «{}»", COLUMNAS.join(","))]
    Cabecera { nombre: String },
    #[error("{0}: {1}")]
    Fila(String, String),
}

fn fila_mala(nombre: &str, causa: csv::Error) -> Error {
    let linea = causa.position().map_or(0, csv::Position::line);
    let motivo = match causa.into_kind() {
        ErrorKind::Io(causa) => return Error::Archivo(nombre.to_owned(), causa),
        ErrorKind::Deserialize { err, .. } => {
            let columna = err.field().and_then(|n| COLUMNAS.get(usize::try_from(n).ok()?));
            columna.map_or_else(|| "no tiene la forma de un resultado".into(), |c| format!("la columna «{c}» no vale"))
        }
        ErrorKind::UnequalLengths { len, .. } => format!("tiene {len} columnas y han de ser {}", COLUMNAS.len()),
        _ => "no tiene la forma de un resultado".into(),
    };
    Error::Fila(nombre.to_owned(), format!("la línea {linea}: {motivo}"))
}

/// Escribe filas según llegan, con su cabecera.
pub struct Escritor<W: io::Write> {
    nombre: String,
    csv: Writer<W>,
}

impl Escritor<File> {
    /// Crea el archivo; si lo había, se vacía.
    pub fn crear(ruta: &Path) -> Result<Self, Error> {
        let nombre = ruta.display().to_string();
        let archivo = File::create(ruta).map_err(|e| Error::Archivo(nombre.clone(), e))?;
        Self::en(nombre, archivo)
    }

    /// Todo lo escrito hasta ahora queda en disco.
    pub fn asentar(&mut self) -> Result<(), Error> {
        self.vaciar()?;
        self.csv.get_ref().sync_data().map_err(|e| Error::Archivo(self.nombre.clone(), e))
    }
}

impl<W: io::Write> Escritor<W> {
    /// Escribe la cabecera en `salida`, que en los errores se llama `nombre`.
    pub fn en(nombre: String, salida: W) -> Result<Self, Error> {
        let mut csv = csv::WriterBuilder::new().has_headers(false).from_writer(salida);
        match csv.write_record(COLUMNAS) {
            Ok(()) => Ok(Self { nombre, csv }),
            Err(e) => Err(fila_mala(&nombre, e)),
        }
    }

    /// Añade una fila.
    pub fn escribir(&mut self, fila: &Fila) -> Result<(), Error> {
        self.csv.serialize(fila).map_err(|e| fila_mala(&self.nombre, e))
    }

    /// Lo que quede en la memoria sale.
    pub fn vaciar(&mut self) -> Result<(), Error> {
        self.csv.flush().map_err(|e| Error::Archivo(self.nombre.clone(), e))
    }
}

/// Las filas de un archivo de resultados, una a una y en su orden.
pub struct Lector<R> {
    nombre: String,
    filas: csv::DeserializeRecordsIntoIter<R, Fila>,
}

impl Lector<File> {
    /// Abre el archivo y comprueba su cabecera.
    pub fn abrir(ruta: &Path) -> Result<Self, Error> {
        let nombre = ruta.display().to_string();
        let archivo = File::open(ruta).map_err(|e| Error::Archivo(nombre.clone(), e))?;
        Self::de(nombre, archivo)
    }
}

impl<R: io::Read> Lector<R> {
    /// Comprueba la cabecera de `entrada`, que en los errores se llama `nombre`.
    pub fn de(nombre: String, entrada: R) -> Result<Self, Error> {
        let mut csv = Reader::from_reader(entrada);
        match csv.headers() {
            Ok(cabecera) if cabecera.iter().eq(COLUMNAS) => Ok(Self { nombre, filas: csv.into_deserialize() }),
            Ok(_) => Err(Error::Cabecera { nombre }),
            Err(e) => Err(fila_mala(&nombre, e)),
        }
    }
}

impl<R: io::Read> Iterator for Lector<R> {
    type Item = Result<Fila, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.filas.next()?.map_err(|e| fila_mala(&self.nombre, e)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sencilla() -> Fila {
        Fila {
            tanda: 3,
            diseno: Diseno::DosAlmacenes,
            solicitantes: 4,
            fallo: FalloInducido::No,
            repeticion: 2,
            sede: "NORTE".parse().expect("sede"),
            solicitante: 1,
            numero: 17,
            operacion: Tipo::Prestamo,
            inicio_us: 1_000,
            respuesta_us: Some(3_500),
            estado: Quedo::Aplicada,
            codigo: None,
            muerte_us: None,
        }
    }

    fn filas() -> [Fila; 3] {
        let rechazada = Fila {
            estado: Quedo::Rechazada,
            codigo: Some(Codigo::EjemplarPrestado),
            fallo: FalloInducido::Si,
            muerte_us: Some(5_000_000),
            ..sencilla()
        };
        let sin_respuesta = Fila {
            diseno: Diseno::UnAlmacen,
            operacion: Tipo::Renovacion,
            estado: Quedo::SinRespuesta,
            respuesta_us: None,
            ..rechazada
        };
        [sencilla(), rechazada, Fila { codigo: None, ..sin_respuesta }]
    }

    fn texto() -> String {
        let mut bytes = Vec::new();
        let mut escritor = Escritor::en("prueba".into(), &mut bytes).expect("cabecera");
        for fila in filas() {
            escritor.escribir(&fila).expect("fila");
        }
        escritor.vaciar().expect("sale");
        drop(escritor);
        String::from_utf8(bytes).expect("texto")
    }

    #[test]
    fn el_archivo_tiene_estas_columnas_y_estas_palabras() {
        assert_eq!(
            texto(),
            "tanda,diseno,solicitantes,fallo,repeticion,sede,solicitante,numero,operacion,inicio_us,respuesta_us,\
             estado,codigo,muerte_us\n\
             3,dos_almacenes,4,no,2,NORTE,1,17,prestamo,1000,3500,aplicada,,\n\
             3,dos_almacenes,4,si,2,NORTE,1,17,prestamo,1000,3500,rechazada,EJEMPLAR_PRESTADO,5000000\n\
             3,un_almacen,4,si,2,NORTE,1,17,renovacion,1000,,sin_respuesta,,5000000\n"
        );
    }

    #[test]
    fn lo_escrito_se_lee_igual() {
        let leidas: Vec<Fila> = Lector::de("prueba".into(), texto().as_bytes())
            .expect("cabecera")
            .collect::<Result<_, _>>()
            .expect("filas");
        assert_eq!(leidas, filas());
        assert_eq!(leidas[0].latencia_us(), Some(2_500));
        assert_eq!(leidas[2].latencia_us(), None);
    }

    #[test]
    fn otra_cabecera_no_se_lee_y_una_fila_mala_dice_su_linea() {
        let otra = Lector::de("r.csv".into(), "tanda,diseno\n1,dos_almacenes\n".as_bytes()).err().expect("no vale");
        assert!(otra.to_string().starts_with("r.csv: la primera línea ha de ser «tanda,diseno,"), "{otra}");
        let mala = texto().replace("3500,aplicada", "ayer,aplicada");
        let error = Lector::de("r.csv".into(), mala.as_bytes())
            .expect("cabecera")
            .find_map(Result::err)
            .expect("una fila no vale")
            .to_string();
        assert_eq!(error, "r.csv: la línea 2: la columna «respuesta_us» no vale");
    }
}
