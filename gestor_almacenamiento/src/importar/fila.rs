//! Decide si una fila del catálogo vale, y si no, por qué: una sola razón, la primera que se ve.

use common::dominio::Isbn;
use csv::{ByteRecord, StringRecord};

/// Las columnas, en el orden en que se escriben; en el archivo pueden ir en otro y con otras al lado.
pub const COLUMNAS: [&str; 6] = ["isbn13", "titulo", "autores", "anio", "idioma", "popularidad"];
/// Bytes de un título o de una lista de autores, como mucho: más es un archivo con las comillas sin cerrar.
const TEXTO_BYTES_MAX: usize = 2_000;
const IDIOMA_BYTES_MAX: usize = 15;
/// Años que se creen: desde los textos más antiguos que se conservan.
const ANIOS: std::ops::RangeInclusive<i16> = -4_000..=2_200;

/// Un título del catálogo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Libro {
    /// Su ISBN-13.
    pub isbn: Isbn,
    pub titulo: String,
    pub autores: String,
    /// El año de la primera publicación; negativo antes de nuestra era.
    pub anio: Option<i16>,
    pub idioma: Option<String>,
    pub popularidad: i32,
}

/// La cabecera no vale.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CabeceraInvalida {
    /// El archivo no tiene ninguna línea.
    #[error("está vacío; la primera línea tiene que ser la cabecera {}", COLUMNAS.join(","))]
    Vacia,
    /// Falta una columna, o lo leído no es una cabecera.
    #[error("no tiene la columna «{0}»; la primera línea tiene que ser la cabecera {columnas}", columnas = COLUMNAS.join(","))]
    Falta(&'static str),
}

/// Dónde está cada columna.
#[derive(Clone, Copy, Debug)]
pub struct Cabecera {
    puestos: [usize; COLUMNAS.len()],
    ancho: usize,
}

impl Cabecera {
    /// La cabecera que hay en la primera línea.
    pub fn leer(linea: &ByteRecord) -> Result<Self, CabeceraInvalida> {
        if linea.is_empty() {
            return Err(CabeceraInvalida::Vacia);
        }
        let mut puestos = [0; COLUMNAS.len()];
        for (puesto, columna) in puestos.iter_mut().zip(COLUMNAS) {
            *puesto = linea
                .iter()
                .position(|c| c.trim_ascii().eq_ignore_ascii_case(columna.as_bytes()))
                .ok_or(CabeceraInvalida::Falta(columna))?;
        }
        Ok(Self { puestos, ancho: linea.len() })
    }

    /// El libro de una línea.
    ///
    /// # Errors
    /// El motivo por el que no vale, para quien mantiene el archivo.
    pub fn libro(&self, linea: ByteRecord) -> Result<Libro, String> {
        if linea.len() != self.ancho {
            return Err(format!("tiene {} columnas y la cabecera {}", linea.len(), self.ancho));
        }
        let linea = StringRecord::from_byte_record(linea).map_err(|_| "no está en UTF-8".to_owned())?;
        let [isbn, titulo, autores, anio, idioma, popularidad] = self.puestos.map(|i| linea[i].trim());
        Ok(Libro {
            isbn: leer_isbn(isbn)?,
            titulo: leer_texto("titulo", titulo)?,
            autores: leer_texto("autores", autores)?,
            anio: leer_anio(anio)?,
            idioma: leer_idioma(idioma)?,
            popularidad: leer_popularidad(popularidad)?,
        })
    }
}

/// El ISBN-13 que hay en un texto, con su cifra de control comprobada; los guiones no cuentan.
///
/// # Errors
/// El motivo por el que no vale, que lo nombra.
pub fn leer_isbn(texto: &str) -> Result<Isbn, String> {
    let isbn: Isbn = texto.parse().map_err(|e| format!("isbn13 «{}» {e}", recortar(texto)))?;
    let cifras = isbn.as_str().as_bytes();
    if cifras.len() != 13 || !cifras.iter().all(u8::is_ascii_digit) {
        return Err(format!("isbn13 «{}» no tiene trece cifras", recortar(texto)));
    }
    // ISO 2108: pesos 1 y 3 alternos; la suma con la cifra de control es múltiplo de diez.
    let suma: u32 = cifras.iter().zip([1, 3].into_iter().cycle()).map(|(c, peso)| u32::from(c - b'0') * peso).sum();
    if !suma.is_multiple_of(10) {
        return Err(format!("isbn13 «{isbn}» tiene mal la cifra de control"));
    }
    Ok(isbn)
}

fn leer_texto(columna: &str, texto: &str) -> Result<String, String> {
    if texto.is_empty() {
        Err(format!("{columna} está vacío"))
    } else if texto.len() > TEXTO_BYTES_MAX {
        Err(format!("{columna} tiene {} bytes y caben {TEXTO_BYTES_MAX}", texto.len()))
    } else if texto.chars().any(char::is_control) {
        Err(format!("{columna} «{}» tiene caracteres de control", recortar(texto)))
    } else {
        Ok(texto.to_owned())
    }
}

fn leer_anio(texto: &str) -> Result<Option<i16>, String> {
    if texto.is_empty() {
        return Ok(None);
    }
    match texto.parse() {
        Ok(anio) if ANIOS.contains(&anio) => Ok(Some(anio)),
        _ => Err(format!("anio «{}» no es un año entre {} y {}", recortar(texto), ANIOS.start(), ANIOS.end())),
    }
}

fn leer_idioma(texto: &str) -> Result<Option<String>, String> {
    let vale = texto.len() <= IDIOMA_BYTES_MAX && texto.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !vale {
        return Err(format!("idioma «{}» no es un código de idioma", recortar(texto)));
    }
    Ok((!texto.is_empty()).then(|| texto.to_owned()))
}

fn leer_popularidad(texto: &str) -> Result<i32, String> {
    if texto.is_empty() {
        return Ok(0);
    }
    let numero = texto.parse().ok().filter(|n| *n >= 0);
    numero.ok_or_else(|| format!("popularidad «{}» no es un número de valoraciones", recortar(texto)))
}

/// Lo bastante de un texto para reconocerlo en una línea, sin nada que la rompa.
fn recortar(texto: &str) -> String {
    texto.chars().take(40).map(|c| if c.is_control() { '·' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUENA: [&str; 6] = ["9780439023481", "The Hunger Games", "Suzanne Collins", "2008", "eng", "4780653"];

    fn cabecera() -> Cabecera {
        Cabecera::leer(&ByteRecord::from(COLUMNAS.to_vec())).expect("cabecera")
    }

    fn con(columna: &str, valor: &str) -> Result<Libro, String> {
        let mut campos = BUENA;
        campos[COLUMNAS.iter().position(|c| *c == columna).expect("columna")] = valor;
        cabecera().libro(ByteRecord::from(campos.to_vec()))
    }

    #[test]
    fn una_fila_buena_da_su_libro() {
        let libro = cabecera().libro(ByteRecord::from(BUENA.to_vec())).expect("vale");
        assert_eq!(libro.isbn.as_str(), "9780439023481");
        assert_eq!((libro.anio, libro.idioma.as_deref(), libro.popularidad), (Some(2008), Some("eng"), 4_780_653));
    }

    #[test]
    fn el_anio_y_el_idioma_pueden_faltar_y_el_anio_ser_negativo() {
        assert_eq!(con("anio", "").expect("vale").anio, None);
        assert_eq!(con("anio", "-1750").expect("vale").anio, Some(-1750));
        assert_eq!(con("idioma", "").expect("vale").idioma, None);
        assert_eq!(con("popularidad", "").expect("vale").popularidad, 0);
        assert_eq!(con("isbn13", "978-0-439-02348-1").expect("vale").isbn.as_str(), "9780439023481");
    }

    #[test]
    fn cada_motivo_nombra_su_columna() {
        let largo = "x".repeat(TEXTO_BYTES_MAX + 1);
        for (columna, valor) in [
            ("isbn13", ""),
            ("isbn13", "9780439023482"),
            ("isbn13", "978043902348"),
            ("isbn13", "97804390234811"),
            ("isbn13", "978043902348X"),
            ("isbn13", "¿?"),
            ("titulo", ""),
            ("titulo", "  "),
            ("titulo", "a\0b"),
            ("titulo", &largo),
            ("autores", ""),
            ("autores", "a\nb"),
            ("anio", "MMVIII"),
            ("anio", "99999"),
            ("anio", "9000"),
            ("anio", "2008.0"),
            ("idioma", "en glish"),
            ("idioma", "abcdefghijklmnop"),
            ("popularidad", "-1"),
            ("popularidad", "muchas"),
            ("popularidad", "99999999999"),
        ] {
            let motivo = con(columna, valor).expect_err(valor);
            assert!(motivo.contains(columna) && !motivo.contains(['\n', '\0']), "{columna} {valor:?}: {motivo}");
        }
    }

    #[test]
    fn una_fila_con_otro_ancho_o_sin_utf8_se_rechaza() {
        let corta = ByteRecord::from(BUENA[..5].to_vec());
        assert!(cabecera().libro(corta).expect_err("corta").contains("5 columnas"));
        let rara = ByteRecord::from(vec![&b"9780439023481"[..], b"\xff\xfe", b"x", b"", b"", b""]);
        assert!(cabecera().libro(rara).expect_err("rara").contains("UTF-8"));
    }

    #[test]
    fn la_cabecera_dice_que_columna_falta_y_admite_otro_orden() {
        assert_eq!(Cabecera::leer(&ByteRecord::new()).expect_err("vacía"), CabeceraInvalida::Vacia);
        let sin_titulo = ByteRecord::from(vec!["isbn13", "autores", "anio", "idioma", "popularidad"]);
        assert_eq!(Cabecera::leer(&sin_titulo).expect_err("falta"), CabeceraInvalida::Falta("titulo"));
        let otra = ["extra", "popularidad", "idioma", "anio", "autores", "titulo", "ISBN13"];
        let cabecera = Cabecera::leer(&ByteRecord::from(otra.to_vec())).expect("vale");
        let fila = ["-", "7", "spa", "", "Cervantes", "Don Quijote", "9780439023481"];
        let libro = cabecera.libro(ByteRecord::from(fila.to_vec())).expect("vale");
        assert_eq!((libro.titulo.as_str(), libro.popularidad), ("Don Quijote", 7));
    }

    proptest::proptest! {
        #[test]
        fn ninguna_fila_hace_caer_al_lector(campos in proptest::collection::vec(".*", 0..9)) {
            let _ = cabecera().libro(ByteRecord::from(campos));
        }
    }
}
