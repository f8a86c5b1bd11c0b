//! Decide qué parte del estado de la biblioteca hace falta para decidir un lote, y cómo cambia con cada paso.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::politica::Categoria;
use crate::dominio::{EjemplarId, Isbn, OperacionId, SedeId, UsuarioId};

/// Una copia física de un título.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ejemplar {
    pub id: EjemplarId,
    pub isbn: Isbn,
    pub sede: SedeId,
}

/// Quien pide prestado.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usuario {
    pub id: UsuarioId,
    pub categoria: Categoria,
    pub bloqueado: bool,
    pub ranuras: Ranuras,
}

/// Las ranuras de un usuario: cada préstamo abierto ocupa una. La base no admite dos abiertos en la misma, así que dos
/// gestores de almacenamiento que cuentan a la vez no le dejan pasar de su límite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ranuras(u64);

impl Ranuras {
    /// Las de los bits puestos: el bit `n` es la ranura `n`.
    pub const fn de_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Cuántas están ocupadas.
    pub const fn ocupadas(self) -> u32 {
        self.0.count_ones()
    }

    /// La primera libre; `None` si no queda ninguna de las 64.
    pub fn libre(self) -> Option<u8> {
        let n = u8::try_from(self.0.trailing_ones()).ok()?;
        (n < 64).then_some(n)
    }

    fn ocupar(&mut self, ranura: u8) {
        self.0 |= 1 << ranura;
    }

    fn soltar(&mut self, ranura: u8) {
        self.0 &= !(1 << ranura);
    }
}

/// Un préstamo, abierto o cerrado.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prestamo {
    /// El id de la operación que lo concedió.
    pub id: OperacionId,
    pub ejemplar: EjemplarId,
    pub isbn: Isbn,
    pub usuario: UsuarioId,
    pub desde: DateTime<Utc>,
    pub vence: DateTime<Utc>,
    pub renovaciones: u8,
    /// Cuál de las [`Ranuras`] de su usuario ocupa mientras está abierto.
    pub ranura: u8,
    /// Cómo acabó, si acabó.
    pub cierre: Option<Cierre>,
}

/// El final de un préstamo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cierre {
    pub devuelto: DateTime<Utc>,
    pub devolucion: OperacionId,
}

/// Las filas que nombran las operaciones de un lote, todas de una misma foto de la base. Quien escribe los cambios
/// comprueba entonces que los préstamos siguen como en la foto, y si no, hay que volver a empezar con otra.
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
    /// Las renovaciones que tenía al cargarla; `None` si es nueva.
    leidas: Option<u8>,
    cambiada: bool,
}

/// Un préstamo abierto de los cargados.
#[derive(Clone, Copy, Debug)]
pub(super) struct Abierto(usize);

/// Lo que hay que escribir para que la base quede como las filas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cambios {
    pub nuevos: Vec<Prestamo>,
    pub cambiados: Vec<Cambiado>,
}

/// Un préstamo que cambió. Solo puede escribirse sobre el que se leyó: abierto y con aquellas renovaciones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cambiado {
    pub prestamo: Prestamo,
    /// Cuántas veces se había alargado al leerlo.
    pub renovaciones_leidas: u8,
}

impl Filas {
    /// Añade un título que existe.
    pub fn con_libro(&mut self, isbn: Isbn) {
        self.libros.insert(isbn);
    }

    /// Añade un ejemplar; de un título que se nombra por su ISBN, hay que añadirlos todos. Añadirlo otra vez no cambia
    /// nada.
    pub fn con_ejemplar(&mut self, ejemplar: Ejemplar) {
        self.libros.insert(ejemplar.isbn);
        self.titulos.entry(ejemplar.isbn).or_default().insert(ejemplar.id);
        self.ejemplares.entry(ejemplar.id).or_insert(Copia { ejemplar, abierto: None });
    }

    /// Añade un usuario.
    pub fn con_usuario(&mut self, usuario: Usuario) {
        self.usuarios.insert(usuario.id, usuario);
    }

    /// Añade el préstamo abierto de un ejemplar ya añadido. Otra vez, no cambia nada.
    pub fn con_prestamo(&mut self, prestamo: Prestamo) {
        if let Some(copia) = self.ejemplares.get_mut(&prestamo.ejemplar).filter(|copia| copia.abierto.is_none()) {
            copia.abierto = Some(self.prestamos.len());
            self.prestamos.push(Fila { prestamo, leidas: Some(prestamo.renovaciones), cambiada: false });
        }
    }

    /// Lo que cambió desde la carga.
    pub fn cambios(&self) -> Cambios {
        let mut cambios = Cambios::default();
        for Fila { prestamo, leidas, cambiada } in &self.prestamos {
            match leidas {
                None => cambios.nuevos.push(*prestamo),
                Some(n) if *cambiada => {
                    cambios.cambiados.push(Cambiado { prestamo: *prestamo, renovaciones_leidas: *n });
                }
                Some(_) => {}
            }
        }
        cambios
    }

    /// Dónde vive un ejemplar, si está entre los cargados.
    pub fn sede_de(&self, id: EjemplarId) -> Option<SedeId> {
        self.ejemplar(id).map(|e| e.sede)
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
        self.prestamos.push(Fila { prestamo, leidas: None, cambiada: false });
        if let Some(copia) = self.ejemplares.get_mut(&prestamo.ejemplar) {
            copia.abierto = Some(posicion);
        }
        if let Some(usuario) = self.usuarios.get_mut(&prestamo.usuario) {
            usuario.ranuras.ocupar(prestamo.ranura);
        }
    }

    pub(super) fn cerrar(&mut self, abierto: Abierto, cierre: Cierre) -> Prestamo {
        let prestamo = self.cambiar(abierto, |p| p.cierre = Some(cierre));
        if let Some(copia) = self.ejemplares.get_mut(&prestamo.ejemplar) {
            copia.abierto = None;
        }
        if let Some(usuario) = self.usuarios.get_mut(&prestamo.usuario) {
            usuario.ranuras.soltar(prestamo.ranura);
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
