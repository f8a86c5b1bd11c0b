//! Decide qué puertos de esta máquina usa quien no los tiene fijos: las pruebas y las suites de usar y tirar.
//!
//! Elegir un puerto libre y abrirlo después es una carrera: entretanto lo toma otro. Aquí se reserva un tramo entero
//! con un oyente que hace de guardia; otro proceso que quiera ese tramo lo encuentra guardado y pasa al siguiente. Los
//! tramos están por debajo de los puertos que el sistema da a las conexiones salientes (32768 en Linux).
//!
//! Los demás puertos del tramo se miran conectando y no abriéndolos: un proceso que otro hilo lanza en ese momento
//! heredaría el oyente y, hasta su exec, lo tendría abierto aunque aquí ya se hubiera cerrado.

use std::{
    io,
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{Mutex, PoisonError},
};

const PRIMERO: u16 = 10_240;
/// Puertos de cada tramo, con el del guardia, que es el último.
const TAMANO: u16 = 128;
const TRAMOS: u16 = 170;

/// Un tramo de puertos seguidos, de nadie más mientras viva.
#[derive(Debug)]
pub struct Tramo {
    base: u16,
    siguiente: u16,
    _guardia: TcpListener,
}

impl Tramo {
    /// Reserva un tramo en el que ahora no escucha nadie. `semilla` dice por dónde se empieza a mirar, para que dos
    /// procesos no miren los mismos.
    ///
    /// # Errors
    /// Si no queda ninguno.
    pub fn reservar(semilla: u32) -> io::Result<Self> {
        let empieza = u16::try_from(semilla % u32::from(TRAMOS)).expect("menor que TRAMOS");
        (0..TRAMOS)
            .find_map(|i| Self::tomar(PRIMERO + (empieza + i) % TRAMOS * TAMANO))
            .ok_or_else(|| io::Error::new(io::ErrorKind::AddrInUse, "no queda ningún tramo de puertos libre"))
    }

    fn tomar(base: u16) -> Option<Self> {
        let guardia = TcpListener::bind((Ipv4Addr::LOCALHOST, base + TAMANO - 1)).ok()?;
        (base..base + TAMANO - 1).all(nadie_escucha).then_some(Self { base, siguiente: base, _guardia: guardia })
    }

    /// El primer puerto del tramo; los 126 que le siguen también son suyos.
    pub fn base(&self) -> u16 {
        self.base
    }

    fn otro(&mut self) -> Option<u16> {
        let puerto = (self.siguiente..self.base + TAMANO - 1).find(|puerto| nadie_escucha(*puerto))?;
        self.siguiente = puerto + 1;
        Some(puerto)
    }
}

fn nadie_escucha(puerto: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, puerto)).is_err()
}

/// Un puerto que nadie más tomará mientras viva este proceso, distinto cada vez.
///
/// # Panics
/// Si no queda ningún puerto en la máquina.
pub fn puerto_libre() -> u16 {
    static TRAMOS_DE_AQUI: Mutex<Vec<Tramo>> = Mutex::new(Vec::new());
    let mut tramos = TRAMOS_DE_AQUI.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(puerto) = tramos.last_mut().and_then(Tramo::otro) {
        return puerto;
    }
    let semilla = std::process::id().wrapping_add(u32::try_from(tramos.len()).unwrap_or(0));
    let mut tramo = Tramo::reservar(semilla).expect("quedan puertos");
    let puerto = tramo.otro().expect("un tramo nuevo tiene puertos");
    tramos.push(tramo);
    puerto
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dos_tramos_con_la_misma_semilla_no_comparten_ningun_puerto() {
        let (uno, otro) = (Tramo::reservar(7).expect("hay"), Tramo::reservar(7).expect("hay"));
        assert!(uno.base().abs_diff(otro.base()) >= TAMANO, "{uno:?} {otro:?}");
    }

    #[test]
    fn los_puertos_de_un_proceso_son_todos_distintos_y_estan_libres() {
        let mut vistos = std::collections::HashSet::new();
        for _ in 0..2 * TAMANO {
            let puerto = puerto_libre();
            assert!(vistos.insert(puerto) && nadie_escucha(puerto), "{puerto}");
        }
    }
}
