//! Decide qué archivo de peticiones vale, línea a línea, y qué tienen de malo las que no. Puro.
//!
//! Una petición por línea, con cuatro campos separados por espacios: `PRESTAMO usuario isbn-o-ejemplar sede`,
//! `DEVOLUCION …` o `RENOVACION …`. Lo que sigue a `#` es comentario. O valen todas las líneas, o ninguna.

use std::fmt;

use common::dominio::{Comando, EjemplarId, EtiquetaInvalida, Objeto, SedeId, Tipo, UsuarioId};
use gestor_almacenamiento::importar::fila::leer_isbn;

/// Bytes de una línea, como mucho.
pub const LINEA_MAX: usize = 200;
/// Líneas de un archivo, como mucho: a un milisegundo cada una, más de minuto y medio.
pub const LINEAS_MAX: usize = 100_000;
/// Bytes de un archivo, como mucho.
pub const BYTES_MAX: usize = LINEAS_MAX * (LINEA_MAX + 1);
/// La marca con que algunos editores empiezan un archivo.
const BOM: &[u8] = b"\xef\xbb\xbf";
const CAMPOS: [&str; 3] = ["usuario", "isbn o ejemplar", "sede"];

/// Una petición bien escrita.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peticion {
    /// Su línea, desde 1.
    pub linea: u32,
    pub comando: Comando,
}

impl fmt::Display for Peticion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escribir(&self.comando))
    }
}

/// Por qué no vale una línea, o el archivo.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Motivo {
    /// No hay tal operación.
    #[error("no existe la operación «{0}». Escriba PRESTAMO, DEVOLUCION o RENOVACION")]
    Operacion(String),
    /// Faltan campos; se nombra el primero que falta.
    #[error("falta el campo {0}. Escriba: OPERACION usuario isbn-o-ejemplar sede")]
    Falta(&'static str),
    #[error("sobra «{0}». Escriba: OPERACION usuario isbn-o-ejemplar sede")]
    Sobra(String),
    /// El usuario no vale.
    #[error("usuario «{0}» {1}")]
    Usuario(String, EtiquetaInvalida),
    /// El ejemplar no vale.
    #[error("ejemplar «{0}» {1}")]
    Ejemplar(String, EtiquetaInvalida),
    /// El ISBN no vale; el motivo lo nombra.
    #[error("{0}")]
    Isbn(String),
    /// No hay tal sede.
    #[error("no existe la sede «{0}». Escriba {1}")]
    Sede(String, String),
    #[error("tiene {0} bytes y caben {LINEA_MAX}")]
    Larga(usize),
    #[error("no está en UTF-8")]
    NoEsTexto,
    /// El archivo no pide nada.
    #[error("no tiene ninguna petición")]
    Vacio,
    /// El archivo tiene demasiadas líneas.
    #[error("tiene más de {LINEAS_MAX} líneas. Repártalas en varios archivos")]
    Demasiadas,
}

/// Lo que está mal, y dónde.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Falta {
    /// En qué línea, desde 1; `None` es el archivo entero.
    pub linea: Option<u32>,
    pub motivo: Motivo,
}

impl fmt::Display for Falta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.linea {
            Some(linea) => write!(f, "línea {linea}: {}", self.motivo),
            None => write!(f, "el archivo {}", self.motivo),
        }
    }
}

/// Las peticiones de un archivo, en su orden.
///
/// # Errors
/// Todo lo que tiene mal, en el orden de las líneas.
pub fn leer(contenido: &[u8], sedes: &[SedeId]) -> Result<Vec<Peticion>, Vec<Falta>> {
    let del_archivo = |motivo| vec![Falta { linea: None, motivo }];
    let contenido = contenido.strip_prefix(BOM).unwrap_or(contenido);
    let contenido = contenido.strip_suffix(b"\n").unwrap_or(contenido);
    let (mut peticiones, mut faltas) = (Vec::new(), Vec::new());
    for (linea, bytes) in (1..).zip(contenido.split(|b| *b == b'\n')) {
        if usize::try_from(linea).is_ok_and(|n| n > LINEAS_MAX) {
            return Err(del_archivo(Motivo::Demasiadas));
        }
        match leer_linea(bytes, sedes) {
            Ok(comando) => peticiones.extend(comando.map(|comando| Peticion { linea, comando })),
            Err(motivo) => faltas.push(Falta { linea: Some(linea), motivo }),
        }
    }
    match (faltas.is_empty(), peticiones.is_empty()) {
        (false, _) => Err(faltas),
        (true, true) => Err(del_archivo(Motivo::Vacio)),
        (true, false) => Ok(peticiones),
    }
}

/// Lo que pide una línea; `None` si no pide nada.
fn leer_linea(bytes: &[u8], sedes: &[SedeId]) -> Result<Option<Comando>, Motivo> {
    if bytes.len() > LINEA_MAX {
        return Err(Motivo::Larga(bytes.len()));
    }
    let texto = std::str::from_utf8(bytes).map_err(|_| Motivo::NoEsTexto)?;
    let texto = texto.split('#').next().unwrap_or_default();
    let mut campos = texto.split_whitespace();
    let Some(operacion) = campos.next() else { return Ok(None) };
    let tipo = leer_tipo(operacion)?;
    let mut siguiente = |cual: usize| campos.next().ok_or(Motivo::Falta(CAMPOS[cual]));
    let (usuario, objeto, sede) = (siguiente(0)?, siguiente(1)?, siguiente(2)?);
    if let Some(otro) = campos.next() {
        return Err(Motivo::Sobra(recortar(otro)));
    }
    let usuario: UsuarioId = usuario.parse().map_err(|e| Motivo::Usuario(recortar(usuario), e))?;
    let (objeto, sede) = (leer_objeto(objeto)?, leer_sede(sede, sedes)?);
    Ok(Some(match tipo {
        Tipo::Prestamo => Comando::Prestamo { usuario, objeto, sede: Some(sede) },
        Tipo::Devolucion => Comando::Devolucion { usuario: Some(usuario), objeto, sede: Some(sede) },
        Tipo::Renovacion => Comando::Renovacion { usuario, objeto, sede: Some(sede) },
    }))
}

fn leer_tipo(texto: &str) -> Result<Tipo, Motivo> {
    let hallado = Tipo::TODOS.into_iter().find(|t| t.as_str().eq_ignore_ascii_case(texto));
    hallado.ok_or_else(|| Motivo::Operacion(recortar(texto)))
}

/// Un ISBN empieza por una cifra; un ejemplar, por una letra.
fn leer_objeto(texto: &str) -> Result<Objeto, Motivo> {
    if texto.starts_with(|c: char| c.is_ascii_digit()) {
        return leer_isbn(texto).map(Objeto::Libro).map_err(Motivo::Isbn);
    }
    let ejemplar: Result<EjemplarId, _> = texto.parse();
    ejemplar.map(Objeto::Ejemplar).map_err(|e| Motivo::Ejemplar(recortar(texto), e))
}

fn leer_sede(texto: &str, sedes: &[SedeId]) -> Result<SedeId, Motivo> {
    let hallada = sedes.iter().find(|s| s.as_str() == texto).copied();
    hallada.ok_or_else(|| {
        let nombres: Vec<&str> = sedes.iter().map(SedeId::as_str).collect();
        Motivo::Sede(recortar(texto), nombres.join(" o "))
    })
}

/// Una petición como se escribe en un archivo. Lo que no lleva, falta: solo se leen las que llevan los cuatro campos.
pub fn escribir(comando: &Comando) -> String {
    let objeto = match comando.objeto() {
        Objeto::Ejemplar(ejemplar) => ejemplar.to_string(),
        Objeto::Libro(isbn) => isbn.to_string(),
    };
    let operacion = comando.tipo().as_str().to_ascii_uppercase();
    let usuario = comando.usuario().map(|u| u.to_string()).unwrap_or_default();
    let sede = comando.sede().map(|s| s.to_string()).unwrap_or_default();
    format!("{operacion} {usuario} {objeto} {sede}")
}

/// Lo bastante de un texto para reconocerlo en una línea, sin nada que la rompa.
fn recortar(texto: &str) -> String {
    texto.chars().take(40).map(|c| if c.is_control() { '·' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sedes() -> Vec<SedeId> {
        ["CENTRO", "NORTE"].map(|s| s.parse().expect("sede")).to_vec()
    }

    fn faltas(texto: impl AsRef<[u8]>) -> Vec<String> {
        leer(texto.as_ref(), &sedes()).expect_err("no vale").iter().map(ToString::to_string).collect()
    }

    #[test]
    fn un_archivo_bueno_se_lee_con_sus_lineas_y_sin_sus_comentarios() {
        let texto = "# de la sede Centro\r\n\nPRESTAMO U0001 E000001 CENTRO\n  prestamo U0002 978-0-439-02348-1 NORTE # por ISBN\n\
                     DEVOLUCION U0001 E000001 CENTRO\nRENOVACION U0002 9780439023481 NORTE";
        let leidas = leer(texto.as_bytes(), &sedes()).expect("vale");
        let lineas: Vec<(u32, String)> = leidas.iter().map(|p| (p.linea, p.to_string())).collect();
        let esperadas = [
            (3, "PRESTAMO U0001 E000001 CENTRO"),
            (4, "PRESTAMO U0002 9780439023481 NORTE"),
            (5, "DEVOLUCION U0001 E000001 CENTRO"),
            (6, "RENOVACION U0002 9780439023481 NORTE"),
        ];
        assert_eq!(lineas, esperadas.map(|(n, t)| (n, t.to_owned())));
    }

    #[test]
    fn la_marca_de_algunos_editores_no_estorba() {
        let leidas = leer(b"\xef\xbb\xbfPRESTAMO U1 E1 CENTRO\r\n", &sedes()).expect("vale");
        assert_eq!(leidas.len(), 1);
    }

    #[test]
    fn una_operacion_que_no_existe_se_dice_con_las_que_hay() {
        assert_eq!(
            faltas("PRESTAR U1 E1 CENTRO"),
            ["línea 1: no existe la operación «PRESTAR». Escriba PRESTAMO, DEVOLUCION o RENOVACION"]
        );
    }

    #[test]
    fn un_campo_que_falta_se_nombra_y_uno_que_sobra_tambien() {
        let como = "Escriba: OPERACION usuario isbn-o-ejemplar sede";
        assert_eq!(
            faltas("PRESTAMO\nPRESTAMO U1\nPRESTAMO U1 E1\nPRESTAMO U1 E1 CENTRO hoy"),
            [
                format!("línea 1: falta el campo usuario. {como}"),
                format!("línea 2: falta el campo isbn o ejemplar. {como}"),
                format!("línea 3: falta el campo sede. {como}"),
                format!("línea 4: sobra «hoy». {como}"),
            ]
        );
    }

    #[test]
    fn un_isbn_con_mala_cifra_de_control_o_sin_trece_cifras_no_vale() {
        assert_eq!(
            faltas("PRESTAMO U1 9780439023482 CENTRO\nPRESTAMO U1 0439023483 CENTRO"),
            [
                "línea 1: isbn13 «9780439023482» tiene mal la cifra de control",
                "línea 2: isbn13 «0439023483» no tiene trece cifras",
            ]
        );
    }

    #[test]
    fn un_ejemplar_un_usuario_o_una_sede_imposibles_se_dicen_por_su_nombre() {
        let letras = "solo admite letras sin acento, cifras, «-», «_» y «.»";
        assert_eq!(
            faltas("PRESTAMO U1 E/1 CENTRO\nPRESTAMO Ñ1 E1 CENTRO\nPRESTAMO U1 E1 SUR"),
            [
                format!("línea 1: ejemplar «E/1» {letras}"),
                format!("línea 2: usuario «Ñ1» {letras}"),
                "línea 3: no existe la sede «SUR». Escriba CENTRO o NORTE".into(),
            ]
        );
    }

    #[test]
    fn una_linea_demasiado_larga_o_que_no_es_texto_no_vale() {
        let mut contenido = vec![b'#'; LINEA_MAX + 1];
        contenido.extend_from_slice(b"\nPRESTAMO U\xff E1 CENTRO\n");
        assert_eq!(faltas(contenido), ["línea 1: tiene 201 bytes y caben 200", "línea 2: no está en UTF-8"]);
    }

    #[test]
    fn un_archivo_que_no_pide_nada_o_que_pide_demasiado_no_vale() {
        assert_eq!(faltas(""), ["el archivo no tiene ninguna petición"]);
        assert_eq!(faltas("# nada\n\n"), ["el archivo no tiene ninguna petición"]);
        let muchas = "PRESTAMO U1 E1 CENTRO\n".repeat(LINEAS_MAX);
        assert_eq!(leer(muchas.as_bytes(), &sedes()).expect("caben justas").len(), LINEAS_MAX);
        assert_eq!(
            faltas(muchas + "PRESTAMO U1 E1 CENTRO\n"),
            ["el archivo tiene más de 100000 líneas. Repártalas en varios archivos"]
        );
    }

    #[test]
    fn una_sola_linea_mala_deja_fuera_todo_el_archivo_y_se_dicen_todas() {
        let texto = "PRESTAMO U1 E1 CENTRO\nmal\nDEVOLUCION U1 E1 CENTRO\npeor\n";
        let lineas: Vec<_> = leer(texto.as_bytes(), &sedes()).expect_err("no vale").iter().map(|f| f.linea).collect();
        assert_eq!(lineas, [Some(2), Some(4)]);
    }
}
