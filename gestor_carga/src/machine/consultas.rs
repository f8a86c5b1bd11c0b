//! Decide cuánto se espera por una consulta y cuándo se vuelve a preguntar: si el almacenamiento no contesta a tiempo,
//! un error claro.
//!
//! Una consulta no deja huella: cuando ningún endpoint la sirve se pregunta otra vez durante [`INSISTENCIA`], lo bastante
//! para que un relevo o un reinicio de PostgreSQL no se note en el mostrador.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use common::tiempos::{ENTRE_VECES, INSISTENCIA};

/// Las consultas que esperan contestación.
#[derive(Debug)]
pub struct Consultas<W> {
    plazo: Duration,
    max: usize,
    esperan: HashMap<u64, Espera<W>>,
    vencen: VecDeque<(Instant, u64)>,
    /// En orden: la espera entre dos veces es siempre la misma.
    repetir: VecDeque<(Instant, u64)>,
}

#[derive(Debug)]
struct Espera<W> {
    quien: W,
    insistir_hasta: Instant,
}

impl<W> Consultas<W> {
    /// Ninguna.
    pub fn new(plazo: Duration, max: usize) -> Self {
        Self { plazo, max, esperan: HashMap::new(), vencen: VecDeque::new(), repetir: VecDeque::new() }
    }

    /// Apunta una que se hace con ese `tag`, nuevo cada vez.
    ///
    /// # Errors
    /// Devuelve `quien` si no caben más.
    pub fn apuntar(&mut self, now: Instant, tag: u64, quien: W) -> Result<(), W> {
        if self.esperan.len() >= self.max {
            return Err(quien);
        }
        self.esperan.insert(tag, Espera { quien, insistir_hasta: now + INSISTENCIA });
        self.vencen.push_back((now + self.plazo, tag));
        Ok(())
    }

    /// Llegó la contestación: quien la esperaba, si sigue esperando.
    pub fn contestada(&mut self, tag: u64) -> Option<W> {
        self.esperan.remove(&tag).map(|espera| espera.quien)
    }

    /// Ningún endpoint la sirvió: se preguntará otra vez, o se devuelve a quien ya no tiene más que esperar.
    pub fn no_servida(&mut self, now: Instant, tag: u64) -> Option<W> {
        let otra_vez = now + ENTRE_VECES;
        if self.esperan.get(&tag)?.insistir_hasta < otra_vez {
            return self.contestada(tag);
        }
        self.repetir.push_back((otra_vez, tag));
        None
    }

    /// Una que hay que preguntar otra vez, con su mismo token.
    pub fn por_repetir(&mut self, now: Instant) -> Option<(u64, &W)> {
        while let Some((_, tag)) = self.repetir.pop_front_if(|(cuando, _)| *cuando <= now) {
            if self.esperan.contains_key(&tag) {
                return Some((tag, &self.esperan[&tag].quien));
            }
        }
        None
    }

    /// Alguien cuya espera venció.
    pub fn vencida(&mut self, now: Instant) -> Option<W> {
        while let Some((_, tag)) = self.vencen.pop_front_if(|(vence, _)| *vence <= now) {
            if let Some(espera) = self.esperan.remove(&tag) {
                return Some(espera.quien);
            }
        }
        None
    }

    /// Cuándo vence o se repite la siguiente.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        while self.vencen.pop_front_if(|(_, tag)| !self.esperan.contains_key(tag)).is_some() {}
        while self.repetir.pop_front_if(|(_, tag)| !self.esperan.contains_key(tag)).is_some() {}
        self.vencen.front().into_iter().chain(self.repetir.front()).map(|(cuando, _)| *cuando).min()
    }

    /// Cuántas esperan.
    pub fn cuantas(&self) -> usize {
        self.esperan.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn una_consulta_se_contesta_o_vence_pero_no_las_dos_cosas() {
        let t = Instant::now();
        let mut consultas = Consultas::new(Duration::from_secs(2), 2);
        assert_eq!(consultas.apuntar(t, 1, 'a'), Ok(()));
        assert_eq!(consultas.apuntar(t, 2, 'b'), Ok(()));
        assert_eq!(consultas.apuntar(t, 3, 'c'), Err('c'));
        assert_eq!(consultas.poll_timeout(), Some(t + Duration::from_secs(2)));
        assert_eq!(consultas.contestada(1), Some('a'));
        assert_eq!(consultas.vencida(t + Duration::from_secs(2)), Some('b'));
        assert_eq!(consultas.vencida(t + Duration::from_secs(2)), None);
        assert_eq!(consultas.contestada(2), None);
        assert_eq!((consultas.poll_timeout(), consultas.cuantas()), (None, 0));
    }

    #[test]
    fn una_consulta_sin_servir_se_repite_hasta_que_se_acaba_la_insistencia_y_entonces_es_un_error() {
        let inicio = Instant::now();
        let mut consultas = Consultas::new(Duration::from_secs(2), 2);
        assert_eq!(consultas.apuntar(inicio, 1, 'a'), Ok(()));
        let mut now = inicio;
        let mut veces = 0;
        while consultas.no_servida(now, 1).is_none() {
            assert_eq!(consultas.por_repetir(now), None, "espera un poco antes de repetir");
            now = consultas.poll_timeout().expect("hay algo que repetir");
            assert_eq!(consultas.por_repetir(now), Some((1, &'a')));
            veces += 1;
        }
        assert_eq!((veces, consultas.cuantas(), consultas.poll_timeout()), (18, 0, None));
        assert!(now - inicio <= INSISTENCIA);
    }

    #[test]
    fn una_consulta_que_vencio_no_se_repite() {
        let t = Instant::now();
        let mut consultas = Consultas::new(Duration::from_millis(10), 2);
        assert_eq!(consultas.apuntar(t, 1, 'a'), Ok(()));
        assert_eq!(consultas.no_servida(t, 1), None);
        assert_eq!(consultas.vencida(t + Duration::from_millis(10)), Some('a'));
        assert_eq!(consultas.por_repetir(t + ENTRE_VECES), None);
        assert_eq!(consultas.no_servida(t, 1), None);
    }
}
