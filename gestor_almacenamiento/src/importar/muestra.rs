//! Decide los datos inventados que acompañan al catálogo: ejemplares, usuarios de muestra y préstamos de partida.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};
use common::{
    dominio::{
        Comando, EjemplarId, Huella, Isbn, Objeto, OperacionId, SedeId, UsuarioId,
        reglas::{self, Categoria, Filas, Operacion, Prestamo, Reglamento},
    },
    mensajes::{Respuesta, RespuestaGuardada},
};
use uuid::Uuid;

/// Las sedes: identificador y nombre.
pub const SEDES: [(&str, &str); 2] = [("CENTRO", "Sede Centro"), ("NORTE", "Sede Norte")];
const CENTRO: usize = 0;
const NORTE: usize = 1;
/// Cuántos préstamos abiertos hay de partida en cada sede, en el orden de [`SEDES`].
pub const PRESTAMOS_POR_SEDE: [usize; 2] = [50, 150];
/// Cuántos títulos, los primeros, tienen ejemplares en las dos sedes.
const TITULOS_CON_VARIOS: usize = 930;
/// Cuántos usuarios de muestra hay.
const USUARIOS: u32 = 1_000;
/// Quiénes tienen los préstamos de partida: los que no suelen usar las pruebas a mano.
const USUARIOS_CON_PRESTAMO: std::ops::RangeInclusive<u32> = 501..=900;
/// Cuánto antes de la importación empezaron los préstamos de partida.
const ANTIGUEDAD: TimeDelta = TimeDelta::days(7);

/// Una copia física.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ejemplar {
    pub id: EjemplarId,
    pub isbn: Isbn,
    /// En qué sede, por su puesto en [`SEDES`].
    pub sede: usize,
}

/// Alguien inventado.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usuario {
    /// `U0001`.
    pub id: UsuarioId,
    pub nombre: String,
    pub categoria: Categoria,
    pub bloqueado: bool,
}

/// Un préstamo abierto de partida, con la operación que lo decidió.
#[derive(Clone, Debug)]
pub struct PrestamoDePartida {
    /// El préstamo; su id es el de la operación.
    pub prestamo: Prestamo,
    /// La huella de lo que se habría pedido.
    pub huella: Huella,
    pub respuesta: RespuestaGuardada,
}

/// Reparte ejemplares a los títulos nuevos y recuerda los últimos de cada sede.
#[derive(Clone, Debug)]
pub struct Reparto {
    /// El número del último ejemplar que existe.
    ultimo: u32,
    ultimos: [VecDeque<Ejemplar>; 2],
}

impl Reparto {
    /// Sigue la cuenta tras el ejemplar número `ultimo` (0: no hay ninguno).
    pub fn tras(ultimo: u32) -> Self {
        Self { ultimo, ultimos: [VecDeque::new(), VecDeque::new()] }
    }

    /// Los ejemplares del título que ocupa el puesto `i` del catálogo, desde 1.
    pub fn ejemplares(&mut self, i: usize, isbn: Isbn) -> Vec<Ejemplar> {
        let sedes: &[usize] = match i {
            ..=TITULOS_CON_VARIOS => &[CENTRO, NORTE, CENTRO],
            _ if i.is_multiple_of(2) => &[CENTRO],
            _ => &[NORTE],
        };
        sedes.iter().map(|sede| self.ejemplar_nuevo(isbn, *sede)).collect()
    }

    fn ejemplar_nuevo(&mut self, isbn: Isbn, sede: usize) -> Ejemplar {
        self.ultimo += 1;
        let id = format!("E{:06}", self.ultimo).parse().expect("un número con una letra delante es un identificador");
        let ejemplar = Ejemplar { id, isbn, sede };
        let ultimos = &mut self.ultimos[sede];
        if ultimos.len() == PRESTAMOS_POR_SEDE[sede] {
            ultimos.pop_front();
        }
        ultimos.push_back(ejemplar);
        ejemplar
    }

    /// Los préstamos de partida: sobre los últimos ejemplares de cada sede, para que los primeros queden libres. Uno
    /// por usuario; su id y sus fechas salen de `importado`.
    pub fn prestamos_de_partida(&self, importado: DateTime<Utc>) -> Vec<PrestamoDePartida> {
        let ejemplares = self.ultimos.iter().flatten();
        let usuarios = USUARIOS_CON_PRESTAMO.map(usuario).filter(|u| !u.bloqueado);
        let momentos = (0..).map(|n| importado - ANTIGUEDAD + TimeDelta::milliseconds(n));
        ejemplares.zip(usuarios).zip(momentos).map(|((e, u), momento)| prestar(e, &u, momento)).collect()
    }
}

/// Los usuarios de muestra.
pub fn usuarios() -> Vec<Usuario> {
    (1..=USUARIOS).map(usuario).collect()
}

fn usuario(n: u32) -> Usuario {
    Usuario {
        id: format!("U{n:04}").parse().expect("un número con una letra delante es un identificador"),
        nombre: format!("Usuario de muestra {n:04}"),
        categoria: match n % 10 {
            0 => Categoria::Docente,
            9 => Categoria::Investigador,
            _ => Categoria::Estudiante,
        },
        bloqueado: n.is_multiple_of(50),
    }
}

/// Lo concede la misma regla que los demás, para que nada lo distinga.
fn prestar(ejemplar: &Ejemplar, usuario: &Usuario, momento: DateTime<Utc>) -> PrestamoDePartida {
    let mut filas = Filas::default();
    filas.con_ejemplar(reglas::Ejemplar { id: ejemplar.id, isbn: ejemplar.isbn, sede: sede_id(ejemplar.sede) });
    let Usuario { id, categoria, bloqueado, .. } = *usuario;
    filas.con_usuario(reglas::Usuario { id, categoria, bloqueado, ranuras: reglas::Ranuras::default() });
    let comando = Comando::Prestamo { usuario: id, objeto: Objeto::Ejemplar(ejemplar.id), sede: None };
    let id = id_de(momento, ejemplar.id);
    let operacion = Operacion { id, comando, momento };
    let veredicto = reglas::decidir(&Reglamento::VIGENTE, &mut filas, &operacion);
    let respuesta = Respuesta::decidida(&operacion, veredicto);
    let prestamo = filas.cambios().nuevos.pop().expect("ejemplar libre y usuario sin préstamos: se concede");
    PrestamoDePartida { prestamo, huella: Huella::de(&comando), respuesta: respuesta.guardada() }
}

fn sede_id(sede: usize) -> SedeId {
    SEDES[sede].0.parse().expect("las sedes son identificadores")
}

/// Un UUIDv7 con el tiempo de `momento`; donde iría el azar va el ejemplar, que no se repite.
fn id_de(momento: DateTime<Utc>, ejemplar: EjemplarId) -> OperacionId {
    let milisegundos = u64::try_from(momento.timestamp_millis()).expect("después de 1970");
    let mut cola = [0; 10];
    let texto = ejemplar.as_str().as_bytes();
    let largo = texto.len().min(cola.len());
    cola[10 - largo..].copy_from_slice(&texto[texto.len() - largo..]);
    let uuid: Uuid = uuid::Builder::from_unix_timestamp_millis(milisegundos, &cola).into_uuid();
    OperacionId::try_new(uuid).expect("se construye como UUIDv7")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn repartir(titulos: usize) -> (Reparto, Vec<Ejemplar>) {
        let mut reparto = Reparto::tras(0);
        let isbn = "9780439023481".parse().expect("isbn");
        let ejemplares = (1..=titulos).flat_map(|i| reparto.ejemplares(i, isbn)).collect();
        (reparto, ejemplares)
    }

    #[test]
    fn los_primeros_titulos_tienen_tres_ejemplares_y_los_demas_uno_por_turno() {
        let (_, ejemplares) = repartir(932);
        assert_eq!(ejemplares.len(), 930 * 3 + 2);
        let sedes: Vec<_> = ejemplares.iter().map(|e| SEDES[e.sede].0).collect();
        assert_eq!(sedes[..3], ["CENTRO", "NORTE", "CENTRO"]);
        assert_eq!(sedes[2790..], ["NORTE", "CENTRO"]);
        assert_eq!(ejemplares[0].id.as_str(), "E000001");
        assert_eq!(ejemplares[2791].id.as_str(), "E002792");
    }

    fn importado() -> DateTime<Utc> {
        DateTime::from_timestamp_micros(1_700_000_000_000_000).expect("fecha")
    }

    #[test]
    fn los_prestamos_de_partida_son_50_y_150_de_los_ultimos_ejemplares() {
        let (reparto, ejemplares) = repartir(9_300);
        let prestamos = reparto.prestamos_de_partida(importado());
        let de = |sede: usize| -> HashSet<_> {
            let suyos = ejemplares.iter().rev().filter(|e| e.sede == sede).take(PRESTAMOS_POR_SEDE[sede]);
            suyos.map(|e| e.id).collect()
        };
        let fuera: HashSet<_> = prestamos.iter().map(|p| p.prestamo.ejemplar).collect();
        assert_eq!(prestamos.len(), 200);
        assert_eq!(fuera, &de(CENTRO) | &de(NORTE));
        assert_eq!(prestamos.iter().map(|p| p.prestamo.id).collect::<HashSet<_>>().len(), 200);
        assert_eq!(prestamos.iter().map(|p| p.prestamo.usuario).collect::<HashSet<_>>().len(), 200);
    }

    #[test]
    fn un_prestamo_de_partida_empezo_hace_una_semana_y_vence_dentro_de_otra() {
        let (reparto, _) = repartir(9_300);
        for PrestamoDePartida { prestamo: p, respuesta, .. } in reparto.prestamos_de_partida(importado()) {
            assert!(p.desde < importado() && importado() < p.vence);
            assert_eq!(p.id.milisegundos(), u64::try_from(p.desde.timestamp_millis()).expect("positivo"));
            let numero: u32 = p.usuario.as_str()[1..].parse().expect("número");
            assert!(USUARIOS_CON_PRESTAMO.contains(&numero) && !usuario(numero).bloqueado);
            assert!(respuesta.cuerpo.get().contains(p.ejemplar.as_str()));
        }
    }

    #[test]
    fn un_catalogo_pequenio_tiene_los_prestamos_que_quepan() {
        let (reparto, ejemplares) = repartir(10);
        assert_eq!(reparto.prestamos_de_partida(importado()).len(), ejemplares.len());
    }

    #[test]
    fn los_usuarios_de_muestra_no_parecen_personas_y_uno_de_cada_50_esta_bloqueado() {
        let usuarios = usuarios();
        assert_eq!(usuarios.len(), 1_000);
        assert_eq!(usuarios.iter().filter(|u| u.bloqueado).count(), 20);
        assert!(usuarios.iter().all(|u| u.nombre.starts_with("Usuario de muestra ")));
        let categoria = |n: usize| usuarios[n - 1].categoria;
        let tres = [categoria(10), categoria(9), categoria(1)];
        assert_eq!(tres, [Categoria::Docente, Categoria::Investigador, Categoria::Estudiante]);
        assert_eq!((usuarios[0].id.as_str(), usuarios[999].id.as_str()), ("U0001", "U1000"));
    }
}
