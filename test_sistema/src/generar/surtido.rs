//! Decide con qué se componen las peticiones: los títulos libres de cada sede del catálogo y los usuarios sin préstamos
//! de partida. Puro, salvo [`Surtido::del_catalogo`], que lee el archivo.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
    str::FromStr,
};

use chrono::{DateTime, TimeDelta};
use common::dominio::{EjemplarId, Isbn, SedeId, UsuarioId, reglas::Reglamento};
use gestor_almacenamiento::importar::{
    Archivo, ArchivoInvalido,
    fila::Libro,
    muestra::{self, Reparto, SEDES},
};

/// Los ejemplares libres que una sede tiene de un título.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Titulo {
    pub isbn: Isbn,
    pub sede: SedeId,
    /// Sus ejemplares; al menos uno.
    pub ejemplares: Vec<EjemplarId>,
}

/// Un usuario que puede pedir prestado.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lector {
    pub id: UsuarioId,
    /// Cuántos préstamos puede tener a la vez.
    pub prestamos_max: usize,
}

/// Lo que un archivo de peticiones puede nombrar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surtido {
    pub titulos: Vec<Titulo>,
    pub lectores: Vec<Lector>,
}

/// Una de varias partes que no se estorban: `2/4` es la segunda de cuatro.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parte {
    cual: usize,
    de: usize,
}

/// Un texto que no es una parte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("escriba cuál y de cuántas, como 2/4")]
pub struct ParteInvalida;

impl Parte {
    /// Todo.
    pub const ENTERA: Self = Self { cual: 1, de: 1 };

    /// La `cual`-ésima, desde 1, de `de`.
    ///
    /// # Errors
    /// [`ParteInvalida`] si no hay tantas.
    pub fn new(cual: usize, de: usize) -> Result<Self, ParteInvalida> {
        if (1..=de).contains(&cual) { Ok(Self { cual, de }) } else { Err(ParteInvalida) }
    }

    fn de<T>(self, todo: Vec<T>) -> Vec<T> {
        todo.into_iter().skip(self.cual - 1).step_by(self.de).collect()
    }
}

impl FromStr for Parte {
    type Err = ParteInvalida;

    fn from_str(texto: &str) -> Result<Self, ParteInvalida> {
        let (cual, de) = texto.split_once('/').ok_or(ParteInvalida)?;
        Self::new(cual.parse().map_err(|_| ParteInvalida)?, de.parse().map_err(|_| ParteInvalida)?)
    }
}

impl Surtido {
    /// El del catálogo de `ruta`, recién importado.
    pub fn del_catalogo(ruta: &Path) -> Result<Self, ArchivoInvalido> {
        Ok(Self::de(&Archivo::abrir(ruta)?.libros()?))
    }

    /// El de estos libros recién importados: los mismos ejemplares y usuarios que les da la importación, menos los que
    /// tienen un préstamo de partida.
    ///
    /// # Panics
    /// Nunca: las sedes de muestra son identificadores.
    pub fn de(libros: &[Libro]) -> Self {
        let sedes = sedes();
        let mut reparto = Reparto::tras(0);
        let ejemplares: Vec<_> =
            (1..).zip(libros).flat_map(|(puesto, libro)| reparto.ejemplares(puesto, libro.isbn)).collect();
        // La fecha da igual: solo interesa a quién y de qué se prestó.
        let dia = DateTime::UNIX_EPOCH + TimeDelta::days(365);
        let partida = reparto.prestamos_de_partida(dia);
        let prestados: HashSet<_> = partida.iter().map(|p| p.prestamo.ejemplar).collect();
        let ocupados: HashSet<_> = partida.iter().map(|p| p.prestamo.usuario).collect();
        // Por su primer ejemplar: en el orden del catálogo, y siempre el mismo.
        let mut titulos: BTreeMap<(EjemplarId, SedeId), Titulo> = BTreeMap::new();
        let mut primeros = BTreeMap::new();
        for ejemplar in ejemplares.iter().filter(|e| !prestados.contains(&e.id)) {
            let sede = sedes[ejemplar.sede];
            let primero = *primeros.entry((ejemplar.isbn, sede)).or_insert(ejemplar.id);
            let titulo = titulos.entry((primero, sede));
            let titulo = titulo.or_insert_with(|| Titulo { isbn: ejemplar.isbn, sede, ejemplares: Vec::new() });
            titulo.ejemplares.push(ejemplar.id);
        }
        let desocupados = muestra::usuarios().into_iter().filter(|u| !u.bloqueado && !ocupados.contains(&u.id));
        let lectores = desocupados.map(|u| {
            let condiciones = Reglamento::VIGENTE.condiciones(sedes[0], u.categoria);
            Lector { id: u.id, prestamos_max: usize::try_from(condiciones.prestamos_max).unwrap_or(usize::MAX) }
        });
        Self { titulos: titulos.into_values().collect(), lectores: lectores.collect() }
    }

    /// Solo lo de una sede; los usuarios son de todas.
    pub fn en(mut self, sede: SedeId) -> Self {
        self.titulos.retain(|t| t.sede == sede);
        self
    }

    /// Una parte de los títulos y de los usuarios: lo de dos partes distintas del mismo surtido no se estorba.
    pub fn parte(self, parte: Parte) -> Self {
        Self { titulos: parte.de(self.titulos), lectores: parte.de(self.lectores) }
    }
}

/// Las sedes del catálogo de muestra.
///
/// # Panics
/// Nunca: sus nombres son identificadores.
pub fn sedes() -> [SedeId; 2] {
    SEDES.map(|(id, _)| id.parse().expect("una sede de muestra es un identificador"))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn de_muestra() -> Surtido {
        let ruta = Path::new(env!("CARGO_MANIFEST_DIR")).join("../datos/libros_10k.csv");
        Surtido::del_catalogo(&ruta).expect("el catálogo está")
    }

    #[test]
    fn lo_prestado_de_partida_no_esta_en_el_surtido() {
        let surtido = de_muestra();
        let ejemplares: usize = surtido.titulos.iter().map(|t| t.ejemplares.len()).sum();
        assert_eq!(ejemplares, 930 * 3 + 8_370 - 200);
        assert_eq!(surtido.lectores.len(), 1_000 - 20 - 200);
        assert_eq!(surtido.titulos[0].isbn.as_str(), "9780439023481");
        assert_eq!(surtido.titulos[0].ejemplares.len(), 2, "de los primeros títulos, el Centro tiene dos");
        let norte = surtido.en(sedes()[1]);
        assert!(norte.titulos.iter().all(|t| t.sede == sedes()[1] && t.ejemplares.len() == 1));
    }

    #[test]
    fn dos_partes_no_comparten_ni_titulos_ni_usuarios() {
        let partes: Vec<Surtido> = (1..=3).map(|n| de_muestra().parte(Parte::new(n, 3).expect("la hay"))).collect();
        let cuantos: usize = partes.iter().map(|p| p.lectores.len()).sum();
        assert_eq!(cuantos, 780);
        let todos: HashSet<_> = partes.iter().flat_map(|p| p.lectores.iter().map(|l| l.id)).collect();
        assert_eq!(todos.len(), 780);
        let ejemplares: HashSet<_> =
            partes.iter().flat_map(|p| p.titulos.iter().flat_map(|t| t.ejemplares.clone())).collect();
        assert_eq!(ejemplares.len(), 10_960);
    }

    #[test]
    fn una_parte_que_no_hay_no_se_entiende() {
        assert_eq!("2/4".parse(), Parte::new(2, 4));
        for malo in ["0/4", "5/4", "2", "a/b", "1/0"] {
            assert_eq!(malo.parse::<Parte>(), Err(ParteInvalida), "{malo}");
        }
    }
}
