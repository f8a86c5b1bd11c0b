//! Decide cuándo se cuenta a un gestor cómo están los circuitos: al cambiar, al conectar con él y de vez en cuando.

use std::time::Duration;

use common::mensajes::{CIRCUITOS_MAX, Circuito, EstadoBreaker};
use tokio::time::Instant;

/// Cada cuánto se repite aunque nada cambie: lo que un gestor no oyó, o llegó antes que el anuncio, se sabe pronto.
const CADA: Duration = Duration::from_secs(2);

/// Lo último que se contó a un gestor.
#[derive(Debug, Default)]
pub struct Contado(Option<(Instant, Vec<Circuito>)>);

impl Contado {
    /// Lo que toca contarle ahora; `None` si ya lo sabe.
    pub fn por_contar(&mut self, now: Instant, circuitos: &[Circuito]) -> Option<Vec<Circuito>> {
        let lo_sabe = self.0.as_ref().is_some_and(|(cuando, que)| que == circuitos && now < *cuando + CADA);
        if lo_sabe {
            return None;
        }
        self.0 = Some((now, circuitos.to_vec()));
        Some(circuitos.to_vec())
    }

    /// El gestor es otro, o el mismo que volvió: no sabe nada.
    pub fn olvidar(&mut self) {
        self.0 = None;
    }
}

/// Los circuitos como viajan en un informe.
pub fn como_viajan(estados: impl IntoIterator<Item = (impl ToString, EstadoBreaker)>) -> Vec<Circuito> {
    let circuito =
        |(endpoint, estado): (_, EstadoBreaker)| Circuito { endpoint: ToString::to_string(&endpoint), estado };
    estados.into_iter().take(CIRCUITOS_MAX).map(circuito).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn se_cuenta_al_principio_al_cambiar_al_volver_el_gestor_y_de_vez_en_cuando() {
        let now = Instant::now();
        let cerrado = como_viajan([("a:1", EstadoBreaker::Cerrado)]);
        let abierto = como_viajan([("a:1", EstadoBreaker::Abierto)]);
        let mut contado = Contado::default();
        assert_eq!(contado.por_contar(now, &cerrado), Some(cerrado.clone()));
        assert_eq!(contado.por_contar(now, &cerrado), None);
        assert_eq!(contado.por_contar(now, &abierto), Some(abierto.clone()));
        assert_eq!(contado.por_contar(now + CADA / 2, &abierto), None);
        assert!(contado.por_contar(now + CADA, &abierto).is_some());
        contado.olvidar();
        assert!(contado.por_contar(now + CADA, &abierto).is_some());
    }
}
