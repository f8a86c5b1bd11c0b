//! Decide qué parte del estado de la biblioteca hace falta para decidir un lote, y cómo cambia con cada paso.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::politica::Categoria;
use crate::dominio::{EjemplarId, Isbn, OperacionId, SedeId, UsuarioId};

/// Una copia física de un título.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ejemplar {
    /// Cuál.
    pub id: EjemplarId,
    /// De qué título.
    pub isbn: Isbn,
    /// Dónde vive.
    pub sede: SedeId,
}

/// Quien pide prestado.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usuario {
    /// Su carné.
    pub id: UsuarioId,
    /// Su categoría.
    pub categoria: Categoria,
    /// Si no puede pedir ni renovar.
    pub bloqueado: bool,
    /// Cuántos préstamos tiene abiertos.
    pub abiertos: u32,
}

/// Un préstamo, abierto o cerrado.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prestamo {
    /// El id de la operación que lo concedió.
    pub id: OperacionId,
    /// Qué ejemplar.
    pub ejemplar: EjemplarId,
    /// De qué título.
    pub isbn: Isbn,
    /// A quién.
    pub usuario: UsuarioId,
    /// Desde cuándo.
    pub desde: DateTime<Utc>,
    /// Hasta cuándo.
    pub vence: DateTime<Utc>,
    /// Cuántas veces se alargó.
    pub renovaciones: u8,
    /// Cómo acabó, si acabó.
    pub cierre: Option<Cierre>,
}

/// El final de un préstamo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cierre {
    /// Cuándo se devolvió.
    pub devuelto: DateTime<Utc>,
    /// Qué operación lo cerró.
    pub devolucion: OperacionId,
}

/// Las filas que nombran las operaciones de un lote. Quien las carga tiene bloqueadas las de ejemplares y usuarios: entre
/// la carga y la escritura nadie las cambia.
#[derive(Clone, Debug, Default)]
pub struct Filas {
    libros: BTreeSet<Isbn>,
    ejemplares: BTreeMap<EjemplarId, Copia>,
    titulos: BTreeMap<Isbn, BTreeSet<EjemplarId>>,
    usuarios: BTreeMap<UsuarioId, Usuario>,
    prestamos: Vec<Fila>,
}

#[derive(Clone, Copy, Debug)]
struct Copia {
    ejemplar: Ejemplar,
    /// Su préstamo abierto, como posición en `prestamos`.
    abierto: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Fila {
    prestamo: Prestamo,
    nueva: bool,
    cambiada: bool,
}

/// Un préstamo abierto de los cargados.
#[derive(Clone, Copy, Debug)]
pub(super) struct Abierto(usize);

/// Lo que hay que escribir para que la base quede como las filas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cambios {
    /// Préstamos que no existían.
    pub nuevos: Vec<Prestamo>,
    /// Préstamos que existían y cambiaron.
    pub cambiados: Vec<Prestamo>,
}

impl Filas {
    /// Añade un título que existe.
    pub fn con_libro(&mut self, isbn: Isbn) {
        self.libros.insert(isbn);
    }

    /// Añade un ejemplar; de un título que se nombra por su ISBN, hay que añadirlos todos.
    pub fn con_ejemplar(&mut self, ejemplar: Ejemplar) {
        self.libros.insert(ejemplar.isbn);
        self.titulos.entry(ejemplar.isbn).or_default().insert(ejemplar.id);
        self.ejemplares.insert(ejemplar.id, Copia { ejemplar, abierto: None });
    }

    /// Añade un usuario.
    pub fn con_usuario(&mut self, usuario: Usuario) {
        self.usuarios.insert(usuario.id, usuario);
    }

    /// Dice cuántos préstamos abiertos tiene un usuario ya añadido.
    pub fn con_abiertos(&mut self, usuario: UsuarioId, abiertos: u32) {
        if let Some(usuario) = self.usuarios.get_mut(&usuario) {
            usuario.abiertos = abiertos;
        }
    }

    /// Añade el préstamo abierto de un ejemplar ya añadido.
    pub fn con_prestamo(&mut self, prestamo: Prestamo) {
        if let Some(copia) = self.ejemplares.get_mut(&prestamo.ejemplar) {
            copia.abierto = Some(self.prestamos.len());
            self.prestamos.push(Fila { prestamo, nueva: false, cambiada: false });
        }
    }

    /// Lo que cambió desde la carga.
    #[must_use]
    pub fn cambios(&self) -> Cambios {
        let con = |nueva| move |f: &&Fila| f.nueva == nueva && (f.nueva || f.cambiada);
        let prestamo = |f: &Fila| f.prestamo;
        Cambios {
            nuevos: self.prestamos.iter().filter(con(true)).map(prestamo).collect(),
            cambiados: self.prestamos.iter().filter(con(false)).map(prestamo).collect(),
        }
    }

    pub(super) fn usuario(&self, id: UsuarioId) -> Option<Usuario> {
        self.usuarios.get(&id).copied()
    }

    pub(super) fn hay_libro(&self, isbn: Isbn) -> bool {
        self.libros.contains(&isbn)
    }

    pub(super) fn ejemplar(&self, id: EjemplarId) -> Option<Ejemplar> {
        self.ejemplares.get(&id).map(|c| c.ejemplar)
    }

    /// Los ejemplares de un título, por id.
    pub(super) fn ejemplares_de(&self, isbn: Isbn) -> impl Iterator<Item = Ejemplar> {
        self.titulos.get(&isbn).into_iter().flatten().filter_map(|id| self.ejemplar(*id))
    }

    pub(super) fn abierto(&self, ejemplar: EjemplarId) -> Option<(Abierto, Prestamo)> {
        let posicion = self.ejemplares.get(&ejemplar)?.abierto?;
        Some((Abierto(posicion), self.prestamos[posicion].prestamo))
    }

    pub(super) fn abrir(&mut self, prestamo: Prestamo) {
        let posicion = self.prestamos.len();
        self.prestamos.push(Fila { prestamo, nueva: true, cambiada: false });
        if let Some(copia) = self.ejemplares.get_mut(&prestamo.ejemplar) {
            copia.abierto = Some(posicion);
        }
        if let Some(usuario) = self.usuarios.get_mut(&prestamo.usuario) {
            usuario.abiertos += 1;
        }
    }

    pub(super) fn cerrar(&mut self, abierto: Abierto, cierre: Cierre) -> Prestamo {
        let prestamo = self.cambiar(abierto, |p| p.cierre = Some(cierre));
        if let Some(copia) = self.ejemplares.get_mut(&prestamo.ejemplar) {
            copia.abierto = None;
        }
        if let Some(usuario) = self.usuarios.get_mut(&prestamo.usuario) {
            usuario.abiertos = usuario.abiertos.saturating_sub(1);
        }
        prestamo
    }

    pub(super) fn cambiar(&mut self, abierto: Abierto, como: impl FnOnce(&mut Prestamo)) -> Prestamo {
        let fila = &mut self.prestamos[abierto.0];
        como(&mut fila.prestamo);
        fila.cambiada = true;
        fila.prestamo
    }
}
