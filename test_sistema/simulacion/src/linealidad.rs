//! Decide si lo que se contestó de cada título y de cada usuario se explica con las reglas del dominio, una operación detrás
//! de otra.
//!
//! Cada título es un objeto (con todas sus copias: una petición por ISBN mira todas), y cada usuario otro, por su límite. De
//! la que nadie supo el resultado se sabe lo guardado, y pudo tener efecto en cualquier momento desde que se pidió.

use std::collections::HashSet;

use common::dominio::{
    Codigo, Comando, EjemplarId, Isbn, Objeto, OperacionId, Tipo, UsuarioId,
    reglas::{self, Categoria, Ejemplar, Filas, Operacion, Prestamo, Ranuras, Reglamento, Usuario},
};
use juicio::linealidad::{Intervalo, Modelo, buscar_orden};
use uuid::Uuid;

use crate::{
    base::Base,
    catalogo::{isbn, sede, usuario},
    cronica::{corto, en_palabras},
    perfil::Perfil,
    reloj::Us,
};

/// Una operación decidida, con el intervalo en que tuvo que tener efecto.
#[derive(Clone, Debug)]
pub struct OperacionDecidida {
    pub id: OperacionId,
    pub comando: Comando,
    pub pedida: Us,
    /// Cuándo supo alguien lo decidido; `None`, nadie.
    pub sabida: Option<Us>,
    pub codigo: Codigo,
    pub prestamo: Option<Uuid>,
    pub ejemplar: Option<EjemplarId>,
    pub usuario: Option<UsuarioId>,
    pub renovaciones: Option<u8>,
}

impl OperacionDecidida {
    fn intervalo(&self) -> Intervalo {
        Intervalo { desde: self.pedida, hasta: self.sabida }
    }
}

/// Un título con todas sus copias; decide con las reglas del dominio.
struct TituloConCopias {
    isbn: Isbn,
    copias: Vec<Ejemplar>,
    usuarios: usize,
    quedo: Abiertos,
}

/// El préstamo abierto de cada copia: cuál, de quién y cuántas veces alargado.
type Abiertos = Vec<Option<(OperacionId, UsuarioId, u8)>>;

impl TituloConCopias {
    fn filas(&self, estado: &Abiertos) -> Filas {
        let mut filas = Filas::default();
        filas.con_libro(self.isbn);
        for u in (0..self.usuarios).map(usuario) {
            // El límite de cada usuario se mira aparte: depende de sus otros títulos.
            let ranuras = Ranuras::default();
            filas.con_usuario(Usuario { id: u, categoria: Categoria::Investigador, bloqueado: false, ranuras });
        }
        let epoca = chrono::DateTime::UNIX_EPOCH;
        for (copia, abierto) in self.copias.iter().zip(estado) {
            filas.con_ejemplar(*copia);
            if let Some((id, usuario, renovaciones)) = *abierto {
                filas.con_prestamo(Prestamo {
                    id,
                    ejemplar: copia.id,
                    isbn: self.isbn,
                    usuario,
                    desde: epoca,
                    vence: epoca,
                    renovaciones,
                    ranura: 0,
                    cierre: None,
                });
            }
        }
        filas
    }

    fn aplicar(&self, estado: &Abiertos, filas: &Filas) -> Abiertos {
        let mut despues = estado.clone();
        let cambios = filas.cambios();
        let de = |id: EjemplarId| self.copias.iter().position(|c| c.id == id).expect("una copia suya");
        for prestamo in cambios.cambiados.iter().map(|c| &c.prestamo).chain(&cambios.nuevos) {
            let abierto = prestamo.cierre.is_none().then_some((prestamo.id, prestamo.usuario, prestamo.renovaciones));
            despues[de(prestamo.ejemplar)] = abierto;
        }
        despues
    }
}

impl Modelo for TituloConCopias {
    type Paso = OperacionDecidida;
    type Estado = Abiertos;

    fn intervalo(&self, llamada: &OperacionDecidida) -> Intervalo {
        llamada.intervalo()
    }

    fn puede_acabar(&self, estado: &Abiertos) -> bool {
        *estado == self.quedo
    }

    fn dar(&self, estado: &Abiertos, llamada: &OperacionDecidida) -> Option<Abiertos> {
        let mut filas = self.filas(estado);
        let momento = chrono::DateTime::UNIX_EPOCH;
        let operacion = Operacion { id: llamada.id, comando: llamada.comando, momento };
        let veredicto = reglas::decidir(&Reglamento::VIGENTE, &mut filas, &operacion);
        if llamada.codigo == Codigo::LimiteDePrestamos {
            // Solo se llega a mirar el límite si lo demás decía que sí.
            return (veredicto.codigo == Codigo::Ok).then(|| estado.clone());
        }
        let igual = veredicto.codigo == llamada.codigo
            && veredicto.datos.prestamo.map(OperacionId::uuid) == llamada.prestamo
            && veredicto.datos.ejemplar == llamada.ejemplar
            && veredicto.datos.renovaciones == llamada.renovaciones;
        igual.then(|| self.aplicar(estado, &filas))
    }
}

/// Cuántos préstamos abiertos tiene un usuario, contra su límite.
struct CuentaDeUsuario {
    maximo: u32,
}

impl Modelo for CuentaDeUsuario {
    type Paso = OperacionDecidida;
    type Estado = u32;

    fn intervalo(&self, llamada: &OperacionDecidida) -> Intervalo {
        llamada.intervalo()
    }

    fn dar(&self, abiertos: &u32, llamada: &OperacionDecidida) -> Option<u32> {
        match (llamada.comando.tipo(), llamada.codigo) {
            (Tipo::Prestamo, Codigo::Ok) => (*abiertos < self.maximo).then_some(abiertos + 1),
            (Tipo::Devolucion, Codigo::Ok) => abiertos.checked_sub(1),
            (Tipo::Prestamo, Codigo::LimiteDePrestamos) => (*abiertos >= self.maximo).then_some(*abiertos),
            _ => Some(*abiertos),
        }
    }
}

/// Cada título, con lo que se pidió de él y cómo quedó.
///
/// # Errors
/// La historia que no se explica.
pub fn por_titulo(perfil: &Perfil, base: &Base, llamadas: &[OperacionDecidida]) -> Result<(), String> {
    for t in 0..perfil.copias.len() {
        let isbn = isbn(t);
        let copias: Vec<_> = base.ejemplares.values().filter(|e| e.isbn == isbn).copied().collect();
        let suya = |l: &&OperacionDecidida| match l.comando.objeto() {
            Objeto::Libro(i) => i == isbn,
            Objeto::Ejemplar(e) => copias.iter().any(|c| c.id == e),
        };
        let suyas: Vec<_> = llamadas.iter().filter(suya).collect();
        let quedo: Abiertos = copias
            .iter()
            .map(|c| base.prestamos.values().find(|p| p.ejemplar == c.id && p.cierre.is_none()))
            .map(|p| p.map(|p| (p.id, p.usuario, p.renovaciones)))
            .collect();
        let vacio = vec![None; copias.len()];
        let titulo = TituloConCopias { isbn, usuarios: perfil.usuarios, copias, quedo };
        if buscar_orden(&titulo, vacio, &suyas).is_err() {
            return Err(format!("ningún orden explica lo que se contestó del título {t}:\n{}", contar(&suyas)));
        }
    }
    Ok(())
}

/// Cada usuario, con sus préstamos y devoluciones de todos los títulos.
///
/// # Errors
/// La historia que no se explica.
pub fn por_usuario(llamadas: &[OperacionDecidida]) -> Result<(), String> {
    let usuarios: HashSet<_> = llamadas.iter().filter_map(|l| l.usuario).collect();
    let mut usuarios: Vec<_> = usuarios.into_iter().collect();
    usuarios.sort_unstable();
    for u in usuarios {
        let cuenta = |l: &&OperacionDecidida| l.usuario == Some(u) && l.comando.tipo() != Tipo::Renovacion;
        let suyas: Vec<_> = llamadas.iter().filter(cuenta).collect();
        let numero: usize = u.as_str()[1..].parse().unwrap_or(0);
        let maximo = Reglamento::VIGENTE.condiciones(sede(), Categoria::TODAS[numero % 3]).prestamos_max;
        if buscar_orden(&CuentaDeUsuario { maximo }, 0, &suyas).is_err() {
            return Err(format!("ningún orden explica los préstamos del usuario {u}:\n{}", contar(&suyas)));
        }
    }
    Ok(())
}

fn contar(llamadas: &[&OperacionDecidida]) -> String {
    let linea = |l: &&OperacionDecidida| {
        let hasta = l.sabida.map_or("…".into(), |us| us.to_string());
        format!("    [{} – {hasta}] {}: {} → {}", l.pedida, corto(l.id), en_palabras(&l.comando), l.codigo)
    };
    llamadas.iter().map(linea).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Un contador que empieza en cero: préstamos y devoluciones de un usuario con límite 1.
    fn llamada(n: u128, tipo: Tipo, codigo: Codigo, pedida: Us, sabida: Option<Us>) -> OperacionDecidida {
        let id = OperacionId::try_new(Uuid::from_u128(0x7 << 76 | 0b10 << 62 | n)).expect("v7");
        let objeto = Objeto::Ejemplar("E1".parse().expect("ejemplar"));
        let comando = Comando::new(tipo, Some(usuario(0)), objeto, None).expect("completo");
        let (prestamo, ejemplar, usuario, renovaciones) = (None, None, Some(usuario(0)), None);
        OperacionDecidida { id, comando, pedida, sabida, codigo, prestamo, ejemplar, usuario, renovaciones }
    }

    fn se_explica(llamadas: &[OperacionDecidida]) -> bool {
        buscar_orden(&CuentaDeUsuario { maximo: 1 }, 0, &llamadas.iter().collect::<Vec<_>>()).is_ok()
    }

    #[test]
    fn dos_prestamos_seguidos_con_limite_uno_no_se_explican() {
        let uno = llamada(1, Tipo::Prestamo, Codigo::Ok, 0, Some(10));
        assert!(!se_explica(&[uno.clone(), llamada(2, Tipo::Prestamo, Codigo::Ok, 20, Some(30))]));
        assert!(se_explica(&[uno.clone(), llamada(2, Tipo::Prestamo, Codigo::LimiteDePrestamos, 20, Some(30))]));
        let devuelta = llamada(3, Tipo::Devolucion, Codigo::Ok, 5, None);
        assert!(se_explica(&[uno, llamada(2, Tipo::Prestamo, Codigo::Ok, 20, Some(30)), devuelta]));
    }

    #[test]
    fn lo_que_acabo_antes_de_que_otra_empezara_no_puede_ir_despues() {
        let devuelta_antes = llamada(1, Tipo::Devolucion, Codigo::Ok, 0, Some(5));
        let prestada = llamada(2, Tipo::Prestamo, Codigo::Ok, 10, Some(20));
        assert!(!se_explica(&[devuelta_antes.clone(), prestada.clone()]));
        assert!(se_explica(&[OperacionDecidida { sabida: Some(15), ..devuelta_antes }, prestada]));
    }
}
