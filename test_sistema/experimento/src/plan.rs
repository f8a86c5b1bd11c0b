//! Decide qué ejecuciones tiene un experimento, en qué orden, y cuántas peticiones hacen falta para cada una. Puro.
//!
//! El diseño principal se repite, y de una repetición a otra el orden se invierte: lo que cambie en la máquina con el
//! tiempo no favorece siempre a la misma configuración. Los otros diseños, que solo se comparan, van después y una vez.

use serde::{Deserialize, Serialize};
use test_sistema::solicitante::peticiones::LINEAS_MAX;

use crate::resultados::{Diseno, FalloInducido};

/// Peticiones de sobra de cada archivo.
const DE_SOBRA: u64 = 200;
/// Las que caben en un segundo sin pausa entre ellas, por muy deprisa que se conteste.
const POR_SEGUNDO_SIN_PAUSA: u64 = 2_000;

/// Una ejecución: una configuración, una vez.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ejecucion {
    /// Su número, desde 1, en el orden en que se hacen.
    pub tanda: u32,
    pub diseno: Diseno,
    pub solicitantes: u16,
    /// Si se mata al almacén en uso en la mitad.
    pub fallo: FalloInducido,
    /// Qué repetición, desde 1.
    pub repeticion: u32,
}

/// Las ejecuciones, en su orden. Sin actores no se mata a nadie: ya falta quien contesta.
pub fn ejecuciones(disenos: &[Diseno], solicitantes: &[u16], repeticiones: u32) -> Vec<Ejecucion> {
    let mut todas = Vec::new();
    for diseno in Diseno::TODOS.into_iter().filter(|d| disenos.contains(d)) {
        let fallos: &[FalloInducido] =
            if diseno == Diseno::SinActores { &[FalloInducido::No] } else { &[FalloInducido::No, FalloInducido::Si] };
        let mut configuraciones: Vec<(u16, FalloInducido)> =
            solicitantes.iter().flat_map(|s| fallos.iter().map(|f| (*s, *f))).collect();
        let veces = if diseno == Diseno::DosAlmacenes { repeticiones } else { 1 };
        for repeticion in 1..=veces {
            let de_esta =
                configuraciones.iter().map(|(solicitantes, fallo)| (diseno, *solicitantes, *fallo, repeticion));
            todas.extend(de_esta);
            configuraciones.reverse();
        }
    }
    let numeradas = (1..).zip(todas);
    numeradas
        .map(|(tanda, (diseno, solicitantes, fallo, repeticion))| Ejecucion {
            tanda,
            diseno,
            solicitantes,
            fallo,
            repeticion,
        })
        .collect()
}

/// Cuántas peticiones lleva cada archivo para que no se acabe antes que la ventana: el doble de las que caben si se
/// contestara al instante.
pub fn peticiones(segundos: u64, pausa_ms: u64) -> usize {
    let caben = (2 * segundos * 1_000).checked_div(pausa_ms).unwrap_or(segundos * POR_SEGUNDO_SIN_PAUSA);
    // La primera línea del archivo es un comentario.
    usize::try_from(caben + DE_SOBRA).unwrap_or(LINEAS_MAX).min(LINEAS_MAX - 1)
}

impl Ejecucion {
    /// Para una persona, en una línea.
    pub fn titulo(&self) -> String {
        let Self { diseno, solicitantes, fallo, repeticion, .. } = self;
        let diseno = match diseno {
            Diseno::DosAlmacenes => "dos almacenes",
            Diseno::UnAlmacen => "un almacén",
            Diseno::SinActores => "sin actores",
        };
        let fallo = if *fallo == FalloInducido::Si { "con fallo" } else { "sin fallo" };
        format!("{diseno}, {solicitantes} por sede, {fallo}, vez {repeticion}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn el_experimento_entero_son_veintisiete_ejecuciones_numeradas() {
        let todas = ejecuciones(&Diseno::TODOS, &[4, 6, 10], 3);
        assert_eq!(todas.len(), 27);
        assert!((1..).zip(&todas).all(|(n, e)| e.tanda == n));
        let de = |diseno| todas.iter().filter(|e| e.diseno == diseno).count();
        assert_eq!(Diseno::TODOS.map(de), [18, 6, 3]);
        assert!(todas.iter().all(|e| e.diseno != Diseno::SinActores || e.fallo == FalloInducido::No));
    }

    #[test]
    fn cada_repeticion_invierte_el_orden_de_la_anterior() {
        let todas = ejecuciones(&[Diseno::DosAlmacenes], &[4, 6], 3);
        let orden: Vec<(u16, FalloInducido)> = todas.iter().map(|e| (e.solicitantes, e.fallo)).collect();
        let ida = [(4, FalloInducido::No), (4, FalloInducido::Si), (6, FalloInducido::No), (6, FalloInducido::Si)];
        let mut vuelta = ida;
        vuelta.reverse();
        assert_eq!(orden, [ida, vuelta, ida].concat());
    }

    #[test]
    fn hay_peticiones_para_toda_la_ventana() {
        assert_eq!(peticiones(120, 50), 5_000);
        assert_eq!(peticiones(10, 0), 20_200);
        assert_eq!(peticiones(86_400, 0), LINEAS_MAX - 1);
    }
}
