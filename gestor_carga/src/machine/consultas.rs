//! Decide cuánto se espera por una consulta: si el almacenamiento no contesta a tiempo, un error claro.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

/// Las consultas que esperan contestación.
#[derive(Debug)]
pub struct Consultas<W> {
    plazo: Duration,
    max: usize,
    esperan: HashMap<u64, W>,
    vencen: VecDeque<(Instant, u64)>,
}

impl<W> Consultas<W> {
    /// Ninguna.
    #[must_use]
    pub fn nuevas(plazo: Duration, max: usize) -> Self {
        Self { plazo, max, esperan: HashMap::new(), vencen: VecDeque::new() }
    }

    /// Apunta una que se hace con ese `token`, nuevo cada vez.
    ///
    /// # Errors
    /// Devuelve `quien` si no caben más.
    pub fn apuntar(&mut self, now: Instant, token: u64, quien: W) -> Result<(), W> {
        if self.esperan.len() >= self.max {
            return Err(quien);
        }
        self.esperan.insert(token, quien);
        self.vencen.push_back((now + self.plazo, token));
        Ok(())
    }

    /// Llegó la contestación: quien la esperaba, si sigue esperando.
    pub fn contestada(&mut self, token: u64) -> Option<W> {
        self.esperan.remove(&token)
    }

    /// Alguien cuya espera venció.
    pub fn vencida(&mut self, now: Instant) -> Option<W> {
        while let Some((_, token)) = self.vencen.pop_front_if(|(vence, _)| *vence <= now) {
            if let Some(quien) = self.esperan.remove(&token) {
                return Some(quien);
            }
        }
        None
    }

    /// Cuándo vence la siguiente.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        while let Some((vence, token)) = self.vencen.front() {
            if self.esperan.contains_key(token) {
                return Some(*vence);
            }
            self.vencen.pop_front();
        }
        None
    }

    /// Cuántas esperan.
    #[must_use]
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
        let mut consultas = Consultas::nuevas(Duration::from_secs(2), 2);
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
}
