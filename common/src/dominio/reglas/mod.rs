//! Decide cada préstamo, devolución y renovación: un pliegue de operaciones, en orden, sobre las filas cargadas.
//!
//! - [`politica`]: plazos y límites de cada caso.
//! - [`filas`]: el estado que hace falta, y lo que cambió.
//! - [`veredicto`]: lo decidido, con su frase y sus datos.
//!
//! No hay reloj: el momento de cada operación llega con ella. Lo que la biblioteca permite llega en un
//! [`Reglamento`]. Una regla nueva (reservas, multas, calendarios) es un dato más en él o en [`Filas`] y una pregunta más en
//! su función.

pub mod filas;
pub mod politica;
#[cfg(test)]
mod tests;
pub mod veredicto;

use chrono::{DateTime, Utc};

pub use filas::{Cambiado, Cambios, Cierre, Ejemplar, Filas, Prestamo, Ranuras, Usuario};
pub use politica::{Categoria, CategoriaDesconocida, Condiciones, Reglamento};
pub use veredicto::{Datos, Veredicto};

use super::{Codigo, Comando, EjemplarId, Isbn, Objeto, OperacionId, SedeId, UsuarioId};
use filas::Abierto;

/// Una operación que hay que decidir.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operacion {
    /// Su id; su tiempo es cuándo se pidió.
    pub id: OperacionId,
    pub comando: Comando,
    /// El tiempo del negocio: cuándo se aceptó.
    pub momento: DateTime<Utc>,
}

/// Decide una operación y deja las filas como quedan después de ella.
pub fn decidir(reglamento: &Reglamento, filas: &mut Filas, operacion: &Operacion) -> Veredicto {
    let veredicto = match operacion.comando {
        Comando::Prestamo { usuario, objeto, sede } => prestar(reglamento, filas, operacion, usuario, objeto, sede),
        Comando::Devolucion { usuario, objeto, .. } => devolver(filas, operacion, usuario, objeto),
        Comando::Renovacion { usuario, objeto, .. } => renovar(reglamento, filas, usuario, objeto),
    };
    veredicto.unwrap_or_else(|rechazo| *rechazo)
}

/// Un «no» viaja por `?`; en caja, porque es mucho mayor que lo demás.
type Decision<T> = Result<T, Box<Veredicto>>;

fn no<T>(codigo: Codigo, datos: Datos) -> Decision<T> {
    Err(Box::new(Veredicto::no(codigo, datos)))
}

fn prestar(
    reglamento: &Reglamento,
    filas: &mut Filas,
    operacion: &Operacion,
    usuario: UsuarioId,
    objeto: Objeto,
    sede: Option<SedeId>,
) -> Decision<Veredicto> {
    let usuario = usuario_activo(filas, usuario)?;
    let ejemplar = match objeto {
        Objeto::Ejemplar(id) => ejemplar_conocido(filas, id)?,
        Objeto::Libro(isbn) => ejemplar_libre(filas, isbn, sede)?,
    };
    if let Some((_, abierto)) = filas.abierto(ejemplar.id) {
        return Err(Box::new(Veredicto::prestado(&abierto, ejemplar.sede)));
    }
    let condiciones = reglamento.condiciones(ejemplar.sede, usuario.categoria);
    let ranura = usuario.ranuras.libre().filter(|_| usuario.ranuras.ocupadas() < condiciones.prestamos_max);
    let Some(ranura) = ranura else {
        return Err(Box::new(Veredicto::limite_de_prestamos(&usuario, &condiciones)));
    };
    let prestamo = Prestamo {
        id: operacion.id,
        ejemplar: ejemplar.id,
        isbn: ejemplar.isbn,
        usuario: usuario.id,
        desde: operacion.momento,
        vence: operacion.momento + condiciones.plazo,
        renovaciones: 0,
        ranura,
        cierre: None,
    };
    filas.abrir(prestamo);
    Ok(Veredicto::concedido(&prestamo, ejemplar.sede))
}

fn devolver(
    filas: &mut Filas,
    operacion: &Operacion,
    usuario: Option<UsuarioId>,
    objeto: Objeto,
) -> Decision<Veredicto> {
    if let Some(usuario) = usuario {
        usuario_conocido(filas, usuario)?;
    }
    let Hallado { ejemplar, abierto, prestamo } = prestamo_abierto(filas, usuario, objeto)?;
    // El tiempo de los ids y no el momento: dice en qué orden se pidieron, llegaran como llegaran. Dentro del mismo
    // milisegundo no hay orden que leer, y vale.
    if prestamo.id.milisegundos() > operacion.id.milisegundos() {
        let datos = Datos { ejemplar: Some(ejemplar.id), isbn: Some(ejemplar.isbn), ..Datos::default() };
        return no(Codigo::DevolucionTardia, datos);
    }
    // Los relojes de dos gestores no van a la par: nada se devuelve antes de haberse prestado.
    let devuelto = operacion.momento.max(prestamo.desde);
    let cerrado = filas.cerrar(abierto, Cierre { devuelto, devolucion: operacion.id });
    Ok(Veredicto::devuelto(&cerrado, ejemplar.sede))
}

fn renovar(reglamento: &Reglamento, filas: &mut Filas, usuario: UsuarioId, objeto: Objeto) -> Decision<Veredicto> {
    let usuario = usuario_activo(filas, usuario)?;
    let Hallado { ejemplar, abierto, prestamo } = prestamo_abierto(filas, Some(usuario.id), objeto)?;
    let condiciones = reglamento.condiciones(ejemplar.sede, usuario.categoria);
    if prestamo.renovaciones >= condiciones.renovaciones_max {
        return Err(Box::new(Veredicto::limite_de_renovaciones(&prestamo, ejemplar.sede, &condiciones)));
    }
    let renovado = filas.cambiar(abierto, |p| {
        p.vence += condiciones.plazo_de_renovacion;
        p.renovaciones += 1;
    });
    Ok(Veredicto::renovado(&renovado, ejemplar.sede))
}

fn usuario_conocido(filas: &Filas, id: UsuarioId) -> Decision<Usuario> {
    match filas.usuario(id) {
        Some(usuario) => Ok(usuario),
        None => no(Codigo::UsuarioDesconocido, Datos { usuario: Some(id), ..Datos::default() }),
    }
}

fn usuario_activo(filas: &Filas, id: UsuarioId) -> Decision<Usuario> {
    let usuario = usuario_conocido(filas, id)?;
    if usuario.bloqueado {
        return no(Codigo::UsuarioBloqueado, Datos { usuario: Some(id), ..Datos::default() });
    }
    Ok(usuario)
}

fn ejemplar_conocido(filas: &Filas, id: EjemplarId) -> Decision<Ejemplar> {
    match filas.ejemplar(id) {
        Some(ejemplar) => Ok(ejemplar),
        None => no(Codigo::EjemplarDesconocido, Datos { ejemplar: Some(id), ..Datos::default() }),
    }
}

fn libro_conocido(filas: &Filas, isbn: Isbn) -> Decision<()> {
    if filas.hay_libro(isbn) {
        return Ok(());
    }
    no(Codigo::LibroDesconocido, Datos { isbn: Some(isbn), ..Datos::default() })
}

/// El ejemplar libre de id menor, de la sede si se da.
fn ejemplar_libre(filas: &Filas, isbn: Isbn, sede: Option<SedeId>) -> Decision<Ejemplar> {
    libro_conocido(filas, isbn)?;
    let libre =
        filas.ejemplares_de(isbn).filter(|e| sede.is_none_or(|s| s == e.sede)).find(|e| filas.abierto(e.id).is_none());
    match libre {
        Some(ejemplar) => Ok(ejemplar),
        None => no(Codigo::SinEjemplares, Datos { isbn: Some(isbn), sede, ..Datos::default() }),
    }
}

/// Un préstamo abierto y el ejemplar del que es.
struct Hallado {
    ejemplar: Ejemplar,
    abierto: Abierto,
    prestamo: Prestamo,
}

/// El préstamo abierto de ese ejemplar (de ese usuario, si se da), o el más antiguo que el usuario tiene de ese título.
fn prestamo_abierto(filas: &Filas, usuario: Option<UsuarioId>, objeto: Objeto) -> Decision<Hallado> {
    let de = |ejemplar: Ejemplar| {
        filas
            .abierto(ejemplar.id)
            .filter(|(_, p)| usuario.is_none_or(|u| u == p.usuario))
            .map(|(abierto, prestamo)| Hallado { ejemplar, abierto, prestamo })
    };
    let hallado = match objeto {
        Objeto::Ejemplar(id) => de(ejemplar_conocido(filas, id)?),
        Objeto::Libro(isbn) => {
            libro_conocido(filas, isbn)?;
            filas.ejemplares_de(isbn).filter_map(de).min_by_key(|h| h.prestamo.id)
        }
    };
    let Some(hallado) = hallado else {
        let (ejemplar, isbn) = match objeto {
            Objeto::Ejemplar(id) => (Some(id), None),
            Objeto::Libro(isbn) => (None, Some(isbn)),
        };
        return no(Codigo::SinPrestamo, Datos { usuario, ejemplar, isbn, ..Datos::default() });
    };
    Ok(hallado)
}
