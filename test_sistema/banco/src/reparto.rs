//! Decide qué pide cada cliente y sobre qué: los mismos números para la cadena y para la referencia. Puro.
//!
//! Los ejemplares del banco son `B10000000`, `B10000001`…, sus usuarios `V10000000`…, y los que ya están prestados,
//! para renovarlos y consultarlos, `R10000000`… al usuario del mismo nombre.

use common::{
    dominio::{Comando, Consulta, EjemplarId, UsuarioId},
    mensajes::Pedido,
};
use juicio::azar::Azar;
use serde::{Serialize, Serializer};

/// El número del primero de cada serie: todos tienen las mismas cifras.
pub const PRIMERO: usize = 10_000_000;
/// En el caso caliente, de cada cien préstamos los que van a los ejemplares que se disputan todos.
pub const POR_CIENTO_CALIENTE: usize = 50;
/// De cada cuántos ejemplares uno es de los que se disputan.
const UNO_CALIENTE_DE: usize = 100;

/// Qué se mide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caso {
    /// Préstamo y devolución, cada cliente con sus ejemplares.
    Separados,
    /// Lo mismo que separados, y además cada uno con su conexión y no con la de su sede.
    Sueltos,
    /// Lo mismo que separados, con la mitad en el 1 % de los ejemplares, que son de todos.
    Calientes,
    Renovacion,
    /// Consultas de un ejemplar y de un usuario.
    Consulta,
}

impl Caso {
    /// Como se escribe.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Separados => "separados",
            Self::Sueltos => "sueltos",
            Self::Calientes => "calientes",
            Self::Renovacion => "renovacion",
            Self::Consulta => "consulta",
        }
    }
}

impl Serialize for Caso {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

/// Cuánto hay de cada cosa.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Tamano {
    pub ejemplares: usize,
    pub usuarios: usize,
    /// Ejemplares prestados, cada uno a su usuario.
    pub renovables: usize,
}

/// Lo que se reparten los clientes de un tramo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reparto {
    pub caso: Caso,
    pub clientes: usize,
    pub tamano: Tamano,
    /// Por qué préstamo suyo empieza a renovar cada cliente, para que cada tramo siga donde quedó el anterior.
    pub paso: usize,
}

impl Reparto {
    /// Cuántos ejemplares se disputan todos: los primeros.
    pub fn calientes(&self) -> usize {
        if self.caso == Caso::Calientes { (self.tamano.ejemplares / UNO_CALIENTE_DE).max(1) } else { 0 }
    }

    /// De cada cien préstamos, cuántos van a ellos.
    pub fn por_ciento_caliente(&self) -> usize {
        if self.caso == Caso::Calientes { POR_CIENTO_CALIENTE } else { 0 }
    }

    /// Cuántos ejemplares (o préstamos que renovar) son de un solo cliente.
    pub fn por_cliente(&self) -> usize {
        let de_todos = match self.caso {
            Caso::Renovacion => self.tamano.renovables,
            _ => self.tamano.ejemplares - self.calientes(),
        };
        (de_todos / self.clientes).max(1)
    }
}

/// Un cliente: por dónde va en su ciclo.
#[derive(Clone, Debug)]
pub struct Turno {
    reparto: Reparto,
    cliente: usize,
    azar: Azar,
    paso: usize,
    numero: usize,
    a_medias: bool,
}

impl Turno {
    /// El del cliente número `cliente`.
    pub fn new(reparto: Reparto, cliente: usize, semilla: u64) -> Self {
        let azar = Azar::con_semilla(semilla ^ (u64::try_from(cliente).unwrap_or(0) << 32));
        Self { reparto, cliente, azar, paso: reparto.paso % reparto.por_cliente(), numero: 0, a_medias: false }
    }

    /// Si lo último que pidió fue un préstamo que tiene que devolver.
    pub fn a_medias(&self) -> bool {
        self.a_medias
    }

    /// Lo siguiente que pide.
    pub fn siguiente(&mut self) -> Pedido {
        match self.reparto.caso {
            Caso::Renovacion => self.renovar().into(),
            Caso::Consulta => self.consultar().into(),
            Caso::Separados | Caso::Sueltos | Caso::Calientes => self.prestar_o_devolver().into(),
        }
    }

    fn prestar_o_devolver(&mut self) -> Comando {
        self.a_medias = !self.a_medias;
        if !self.a_medias {
            return Comando::Devolucion { usuario: None, objeto: ejemplar('B', self.numero).into(), sede: None };
        }
        self.numero = self.elegir();
        let usuario = usuario('V', PRIMERO + self.azar.menor_que(self.reparto.tamano.usuarios));
        Comando::Prestamo { usuario, objeto: ejemplar('B', self.numero).into(), sede: None }
    }

    fn elegir(&mut self) -> usize {
        let calientes = self.reparto.calientes();
        if calientes > 0 && self.azar.por_ciento(self.reparto.por_ciento_caliente()) {
            return PRIMERO + self.azar.menor_que(calientes);
        }
        let suyo = self.azar.menor_que(self.reparto.por_cliente());
        PRIMERO + calientes + suyo * self.reparto.clientes + self.cliente
    }

    fn renovar(&mut self) -> Comando {
        let numero = PRIMERO + self.paso * self.reparto.clientes + self.cliente;
        self.paso = (self.paso + 1) % self.reparto.por_cliente();
        Comando::Renovacion { usuario: usuario('R', numero), objeto: ejemplar('R', numero).into(), sede: None }
    }

    fn consultar(&mut self) -> Consulta {
        self.numero = PRIMERO + self.azar.menor_que(self.reparto.tamano.renovables);
        if self.azar.por_ciento(50) {
            Consulta::Ejemplar(ejemplar('R', self.numero))
        } else {
            Consulta::Usuario(usuario('R', self.numero))
        }
    }
}

fn ejemplar(serie: char, numero: usize) -> EjemplarId {
    format!("{serie}{numero}").parse().expect("una letra y cifras")
}

fn usuario(serie: char, numero: usize) -> UsuarioId {
    format!("{serie}{numero}").parse().expect("una letra y cifras")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use common::dominio::Objeto;

    use super::*;

    const TAMANO: Tamano = Tamano { ejemplares: 1000, usuarios: 50, renovables: 640 };

    fn reparto(caso: Caso) -> Reparto {
        Reparto { caso, clientes: 7, tamano: TAMANO, paso: 0 }
    }

    /// El número del ejemplar que nombra.
    fn numero(pedido: &Pedido) -> usize {
        let Pedido::Comando(comando) = pedido else { panic!("no cambia nada: {pedido:?}") };
        let Objeto::Ejemplar(ejemplar) = comando.objeto() else { panic!("nombra un título: {comando:?}") };
        ejemplar.as_str()[1..9].parse::<usize>().expect("ocho cifras") - PRIMERO
    }

    #[test]
    fn cada_cliente_devuelve_lo_que_tomo_prestado() {
        for caso in [Caso::Separados, Caso::Calientes, Caso::Renovacion, Caso::Consulta] {
            let mut turno = Turno::new(reparto(caso), 3, 1);
            let mut prestado = None;
            for _ in 0..200 {
                let pedido = turno.siguiente();
                match pedido {
                    Pedido::Comando(Comando::Prestamo { .. }) => prestado = Some(numero(&pedido)),
                    Pedido::Comando(Comando::Devolucion { .. }) => assert_eq!(Some(numero(&pedido)), prestado),
                    _ => {}
                }
                assert_eq!(turno.a_medias(), matches!(pedido, Pedido::Comando(Comando::Prestamo { .. })));
            }
        }
    }

    #[test]
    fn en_el_caso_separado_ningun_ejemplar_es_de_dos_clientes() {
        let mut duenios = HashMap::new();
        for cliente in 0..7 {
            let mut turno = Turno::new(reparto(Caso::Separados), cliente, 1);
            for _ in 0..500 {
                let numero = numero(&turno.siguiente());
                assert!(numero < TAMANO.ejemplares);
                assert_eq!(*duenios.entry(numero).or_insert(cliente), cliente);
            }
        }
        assert!(duenios.len() > 700, "se usan casi todos: {}", duenios.len());
    }

    #[test]
    fn en_el_caso_caliente_la_mitad_va_al_uno_por_ciento() {
        let mut turno = Turno::new(reparto(Caso::Calientes), 0, 1);
        let calientes = (0..2000).filter(|_| numero(&turno.siguiente()) < 10).count();
        assert!((900..1100).contains(&calientes), "{calientes} de 2000");
    }

    #[test]
    fn cada_cliente_renueva_los_suyos_uno_tras_otro_y_vuelve_a_empezar() {
        let mut turno = Turno::new(reparto(Caso::Renovacion), 2, 1);
        let numeros: Vec<usize> = (0..92).map(|_| numero(&turno.siguiente())).collect();
        assert_eq!(&numeros[..3], [2, 9, 16]);
        assert_eq!(numeros[91], 2, "tiene 91 de los 640");
    }
}
