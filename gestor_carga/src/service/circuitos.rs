//! Decide qué se recuerda de los circuitos de los actores: lo último que contó cada uno de los presentes.

use std::{collections::BTreeMap, time::Instant};

use common::mensajes::{CIRCUITOS_MAX, Circuito, Topico};

/// Letras del nombre de un endpoint; el más largo de DNS, con su puerto, cabe.
const ENDPOINT_BYTES_MAX: usize = 272;

/// Los actores presentes y lo que contaron. Son los que admite la máquina: está acotado.
#[derive(Debug, Default)]
pub(super) struct DeLosActores(BTreeMap<(&'static str, String), Visto>);

#[derive(Debug, Default)]
struct Visto {
    cuando: Option<Instant>,
    circuitos: Vec<Circuito>,
}

/// Lo que contó un actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeUnActor {
    pub topico: &'static str,
    pub instancia: String,
    /// Cuándo lo contó; nada, si todavía no.
    pub cuando: Option<Instant>,
    pub circuitos: Vec<Circuito>,
}

impl DeLosActores {
    pub(super) fn on_presente(&mut self, topico: Topico, instancia: &str) {
        self.0.entry((topico.as_str(), instancia.to_owned())).or_default();
    }

    pub(super) fn on_ausente(&mut self, topico: Topico, instancia: &str) {
        self.0.remove(&(topico.as_str(), instancia.to_owned()));
    }

    /// Un actor cuenta sus circuitos. Del que no está presente, y lo que no cabe, se ignora: lo repetirá al llegar.
    pub(super) fn on_informe(&mut self, now: Instant, instancia: &str, circuitos: Vec<Circuito>) {
        let cabe = |c: &Circuito| c.endpoint.len() <= ENDPOINT_BYTES_MAX;
        if circuitos.is_empty() || circuitos.len() > CIRCUITOS_MAX || !circuitos.iter().all(cabe) {
            return;
        }
        let de_el = |topico: Topico| (topico.as_str(), instancia.to_owned());
        if let Some(clave) = Topico::TODOS.into_iter().map(de_el).find(|clave| self.0.contains_key(clave)) {
            self.0.insert(clave, Visto { cuando: Some(now), circuitos });
        }
    }

    pub(super) fn de_los_actores(&self) -> Vec<DeUnActor> {
        self.0
            .iter()
            .map(|((topico, instancia), visto)| DeUnActor {
                topico,
                instancia: instancia.clone(),
                cuando: visto.cuando,
                circuitos: visto.circuitos.clone(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use common::mensajes::EstadoBreaker;

    use super::*;

    fn circuito(endpoint: &str) -> Circuito {
        Circuito { endpoint: endpoint.to_owned(), estado: EstadoBreaker::Abierto }
    }

    #[test]
    fn se_recuerda_lo_ultimo_de_cada_presente_y_se_olvida_al_irse() {
        let (mut todos, now) = (DeLosActores::default(), Instant::now());
        todos.on_informe(now, "a1", vec![circuito("x:1")]);
        assert!(todos.de_los_actores().is_empty(), "quien no está presente no deja nada");
        todos.on_presente(Topico::Prestamo, "a1");
        assert_eq!(todos.de_los_actores()[0].cuando, None);
        todos.on_informe(now, "a1", vec![circuito("x:1")]);
        todos.on_informe(now, "a1", vec![circuito("x:2")]);
        todos.on_informe(now, "a1", Vec::new());
        assert_eq!(
            todos.de_los_actores()[0].circuitos,
            [circuito("x:2")],
            "un informe que no habla de ellos no los borra"
        );
        todos.on_ausente(Topico::Prestamo, "a1");
        assert!(todos.de_los_actores().is_empty());
    }

    #[test]
    fn lo_que_no_cabe_se_ignora() {
        let (mut todos, now) = (DeLosActores::default(), Instant::now());
        todos.on_presente(Topico::Devolucion, "a1");
        todos.on_informe(now, "a1", vec![circuito("x:1"); CIRCUITOS_MAX + 1]);
        todos.on_informe(now, "a1", vec![circuito(&"x".repeat(ENDPOINT_BYTES_MAX + 1))]);
        assert_eq!(todos.de_los_actores()[0].cuando, None);
    }
}
