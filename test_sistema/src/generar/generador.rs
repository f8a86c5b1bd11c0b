//! Decide qué peticiones lleva un archivo generado: con la misma semilla, las mismas. Puro.
//!
//! Cada devolución y cada renovación es de algo que el mismo archivo prestó antes y sigue prestado; la mezcla se cumple
//! mientras se pueda, y si no (nada que devolver, nadie a quien prestar más) la línea es de otra operación.

use std::{fmt, str::FromStr};

use common::dominio::{Comando, Objeto, Tipo, UsuarioId};
use juicio::azar::Azar;

use super::surtido::Surtido;

/// De cada cien préstamos, los que nombran el título y no el ejemplar.
const POR_ISBN: usize = 20;
/// Renovaciones de un préstamo, como mucho: la regla de la biblioteca.
const RENOVACIONES_MAX: u8 = 2;

/// De cada cien peticiones, cuántas de cada operación.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mezcla {
    prestamos: usize,
    devoluciones: usize,
}

/// Un texto que no es una mezcla.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("escriba tres números que sumen 100: préstamos, devoluciones y renovaciones, como 50/30/20")]
pub struct MezclaInvalida;

impl FromStr for Mezcla {
    type Err = MezclaInvalida;

    fn from_str(texto: &str) -> Result<Self, MezclaInvalida> {
        let partes: Result<Vec<usize>, _> = texto.split('/').map(str::parse).collect();
        match partes.as_deref() {
            Ok(&[prestamos, devoluciones, renovaciones])
                if prestamos <= 100 && devoluciones <= 100 && prestamos + devoluciones + renovaciones == 100 =>
            {
                Ok(Self { prestamos, devoluciones })
            }
            _ => Err(MezclaInvalida),
        }
    }
}

impl fmt::Display for Mezcla {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { prestamos, devoluciones } = self;
        write!(f, "{prestamos}/{devoluciones}/{}", 100 - prestamos - devoluciones)
    }
}

/// No hay con qué componer ni una petición.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no quedan títulos o usuarios libres con que componer peticiones: reparta en menos partes")]
pub struct SinSurtido;

/// Un préstamo que el archivo hizo y no ha devuelto.
struct SinDevolver {
    titulo: usize,
    lector: usize,
    objeto: Objeto,
    renovaciones: u8,
}

struct Generador<'a> {
    surtido: &'a Surtido,
    azar: Azar,
    libres: Vec<usize>,
    tienen: Vec<usize>,
    en_mano: Vec<SinDevolver>,
}

/// Compone `cantidad` peticiones.
pub fn generar(surtido: &Surtido, cantidad: usize, mezcla: Mezcla, semilla: u64) -> Result<Vec<Comando>, SinSurtido> {
    if surtido.titulos.is_empty() || surtido.lectores.is_empty() {
        return Err(SinSurtido);
    }
    let mut generador = Generador {
        surtido,
        azar: Azar::con_semilla(semilla),
        libres: (0..surtido.titulos.len()).collect(),
        tienen: vec![0; surtido.lectores.len()],
        en_mano: Vec::new(),
    };
    Ok((0..cantidad).map(|_| generador.siguiente(mezcla)).collect())
}

impl Generador<'_> {
    fn siguiente(&mut self, mezcla: Mezcla) -> Comando {
        let tipo = match self.azar.menor_que(100) {
            n if n < mezcla.prestamos => Tipo::Prestamo,
            n if n < mezcla.prestamos + mezcla.devoluciones => Tipo::Devolucion,
            _ => Tipo::Renovacion,
        };
        let pedida = match tipo {
            Tipo::Prestamo => self.prestar(),
            Tipo::Devolucion => self.devolver(),
            Tipo::Renovacion => self.renovar(),
        };
        // Sin nada en la mano se puede prestar, y sin nada que prestar hay algo en la mano.
        let otra = pedida.or_else(|| self.prestar()).or_else(|| self.devolver());
        otra.expect("o hay un lector y un título libres, o alguien tiene algo")
    }

    fn prestar(&mut self) -> Option<Comando> {
        let lector = self.con_sitio()?;
        if self.libres.is_empty() {
            return None;
        }
        let puesto = self.azar.menor_que(self.libres.len());
        let elegido = &self.surtido.titulos[self.libres[puesto]];
        let suyos = self.en_mano.iter().filter(|p| p.lector == lector);
        // Con el mismo título de dos sedes, devolverlo por su ISBN no diría cuál.
        if suyos.into_iter().any(|p| self.surtido.titulos[p.titulo].isbn == elegido.isbn) {
            return None;
        }
        let titulo = self.libres.swap_remove(puesto);
        let ejemplar = *self.azar.uno_de(&elegido.ejemplares);
        let por_isbn = self.azar.por_ciento(POR_ISBN);
        let objeto = if por_isbn { Objeto::Libro(elegido.isbn) } else { Objeto::Ejemplar(ejemplar) };
        self.tienen[lector] += 1;
        self.en_mano.push(SinDevolver { titulo, lector, objeto, renovaciones: 0 });
        Some(Comando::Prestamo { usuario: self.usuario(lector), objeto, sede: Some(elegido.sede) })
    }

    fn devolver(&mut self) -> Option<Comando> {
        if self.en_mano.is_empty() {
            return None;
        }
        let cual = self.azar.menor_que(self.en_mano.len());
        let SinDevolver { titulo, lector, objeto, .. } = self.en_mano.swap_remove(cual);
        self.libres.push(titulo);
        self.tienen[lector] -= 1;
        let sede = Some(self.surtido.titulos[titulo].sede);
        Some(Comando::Devolucion { usuario: Some(self.usuario(lector)), objeto, sede })
    }

    fn renovar(&mut self) -> Option<Comando> {
        let renovables: Vec<usize> =
            (0..self.en_mano.len()).filter(|i| self.en_mano[*i].renovaciones < RENOVACIONES_MAX).collect();
        if renovables.is_empty() {
            return None;
        }
        let cual = *self.azar.uno_de(&renovables);
        self.en_mano[cual].renovaciones += 1;
        let SinDevolver { titulo, lector, objeto, .. } = self.en_mano[cual];
        Some(Comando::Renovacion {
            usuario: self.usuario(lector),
            objeto,
            sede: Some(self.surtido.titulos[titulo].sede),
        })
    }

    /// Un lector que aún puede llevarse algo: el primero, desde uno al azar.
    fn con_sitio(&mut self) -> Option<usize> {
        let lectores = &self.surtido.lectores;
        let desde = self.azar.menor_que(lectores.len());
        let vuelta = (desde..lectores.len()).chain(0..desde);
        vuelta.into_iter().find(|l| self.tienen[*l] < lectores[*l].prestamos_max)
    }

    fn usuario(&self, lector: usize) -> UsuarioId {
        self.surtido.lectores[lector].id
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::generar::surtido::{Lector, Titulo, sedes};

    fn surtido(titulos: usize, lectores: usize) -> Surtido {
        let titulo = |n: usize| Titulo {
            isbn: format!("97800000000{n:02}").parse().expect("isbn"),
            sede: sedes()[n % 2],
            ejemplares: vec![format!("E{n:06}").parse().expect("ejemplar")],
        };
        let lector = |n: usize| Lector { id: format!("U{n:04}").parse().expect("usuario"), prestamos_max: 5 };
        Surtido { titulos: (0..titulos).map(titulo).collect(), lectores: (0..lectores).map(lector).collect() }
    }

    fn mezcla(texto: &str) -> Mezcla {
        texto.parse().expect("vale")
    }

    #[test]
    fn la_misma_semilla_da_el_mismo_archivo_y_otra_otro() {
        let surtido = surtido(40, 10);
        let uno = generar(&surtido, 500, mezcla("50/30/20"), 7).expect("hay");
        assert_eq!(uno, generar(&surtido, 500, mezcla("50/30/20"), 7).expect("hay"));
        assert_ne!(uno, generar(&surtido, 500, mezcla("50/30/20"), 8).expect("hay"));
    }

    #[test]
    fn se_devuelve_y_se_renueva_solo_lo_que_el_archivo_tiene_prestado() {
        for (titulos, lectores) in [(40, 10), (3, 50), (50, 1)] {
            let surtido = surtido(titulos, lectores);
            let mut prestados: HashMap<Objeto, (UsuarioId, u8)> = HashMap::new();
            for comando in generar(&surtido, 2_000, mezcla("50/30/20"), 1).expect("hay") {
                let (objeto, usuario) = (comando.objeto(), comando.usuario().expect("lo llevan todas"));
                match comando.tipo() {
                    Tipo::Prestamo => {
                        assert_eq!(prestados.insert(objeto, (usuario, 0)), None, "ya estaba prestado");
                        assert!(prestados.values().filter(|(u, _)| *u == usuario).count() <= 5);
                    }
                    Tipo::Devolucion => assert_eq!(prestados.remove(&objeto).map(|(u, _)| u), Some(usuario)),
                    Tipo::Renovacion => {
                        let (de, veces) = prestados.get_mut(&objeto).expect("está prestado");
                        *veces += 1;
                        assert!(*de == usuario && *veces <= RENOVACIONES_MAX);
                    }
                }
            }
        }
    }

    #[test]
    fn la_mezcla_se_cumple_mientras_se_pueda() {
        let surtido = surtido(99, 200);
        let pedidas = generar(&surtido, 1_000, mezcla("40/40/20"), 3).expect("hay");
        let de = |tipo| pedidas.iter().filter(|c| c.tipo() == tipo).count();
        let (prestamos, devoluciones, renovaciones) = (de(Tipo::Prestamo), de(Tipo::Devolucion), de(Tipo::Renovacion));
        assert!((360..=480).contains(&prestamos), "{prestamos}");
        assert!((320..=440).contains(&devoluciones), "{devoluciones}");
        assert!((120..=240).contains(&renovaciones), "{renovaciones}");
    }

    #[test]
    fn una_mezcla_que_no_suma_cien_no_vale_y_sin_surtido_no_hay_peticiones() {
        assert_eq!(mezcla("50/30/20").to_string(), "50/30/20");
        for mala in ["50/30", "50/30/21", "a/b/c", "", "200/0/0", "101/0/-1"] {
            assert_eq!(mala.parse::<Mezcla>(), Err(MezclaInvalida), "{mala}");
        }
        assert_eq!(generar(&surtido(0, 1), 1, mezcla("50/30/20"), 1), Err(SinSurtido));
    }
}
