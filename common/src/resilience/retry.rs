//! Decide a qué gestor de carga va cada envío de una solicitud, y cuándo se envía otra vez, con el mismo id.
//!
//! Se queda en un gestor mientras contesta. Se va a otro en cuanto pierde la conexión con él o se cansa de esperarlo; si
//! no hay otro conectado, repite al mismo. El plazo se reparte entre los conectados: ninguno lo agota callando.

use std::time::{Duration, Instant};

use crate::tiempos::MOSTRADOR;

/// Cuánto espera un cliente.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paciencia {
    pub primero: Duration,
    pub repetido: Duration,
    pub total: Duration,
}

impl Paciencia {
    /// La de una persona en el mostrador: algo más que el plazo de respuesta del gestor, y sin repetir a quien calla.
    pub fn de_persona() -> Self {
        Self { primero: MOSTRADOR, repetido: MOSTRADOR, total: MOSTRADOR }
    }

    /// La de un programa que no se rinde: repite cada 3 s hasta `total`.
    pub fn insistente(total: Duration) -> Self {
        let envio = Duration::from_secs(3);
        Self { primero: envio, repetido: envio, total }
    }
}

/// Lo que toca hacer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paso {
    Enviar(usize),
    /// Esperar a que pase algo, como mucho hasta entonces.
    Esperar(Instant),
    /// Dejarlo: el plazo venció.
    Rendirse,
}

/// Con qué gestores hay conexión y con cuál se está. Dura lo que el cliente.
#[derive(Clone, Debug)]
pub struct Rumbo {
    /// De cada gestor, el número de su conexión, si la hay: lo enviado por otra anterior ya no tendrá respuesta.
    conexiones: Vec<Option<u64>>,
    actual: usize,
    abiertas: u64,
}

impl Rumbo {
    /// Hacia `gestores` gestores, ninguno conectado todavía.
    pub fn new(gestores: usize) -> Self {
        Self { conexiones: vec![None; gestores], actual: 0, abiertas: 0 }
    }

    /// Hay conexión con un gestor.
    pub fn on_abierta(&mut self, gestor: usize) {
        self.abiertas += 1;
        self.conexiones[gestor] = Some(self.abiertas);
    }

    /// Se perdió la que había.
    pub fn on_perdida(&mut self, gestor: usize) {
        self.conexiones[gestor] = None;
    }

    /// El primero conectado, desde `gestor` y dando la vuelta.
    fn desde(&self, gestor: usize) -> Option<usize> {
        let cuantos = self.conexiones.len();
        (gestor..gestor + cuantos).map(|n| n % cuantos).find(|n| self.conexiones[*n].is_some())
    }
}

/// Una solicitud que se quiere contestada.
#[derive(Clone, Debug)]
pub struct Retry {
    paciencia: Paciencia,
    fin: Instant,
    probados: Vec<usize>,
    envios: u32,
    ultimo: Option<Envio>,
}

#[derive(Clone, Copy, Debug)]
struct Envio {
    gestor: usize,
    conexion: Option<u64>,
    cuando: Instant,
}

impl Retry {
    /// Una que empieza ahora.
    pub fn new(paciencia: Paciencia, now: Instant) -> Self {
        Self { paciencia, fin: now + paciencia.total, probados: Vec::new(), envios: 0, ultimo: None }
    }

    /// Cuándo se deja.
    pub fn fin(&self) -> Instant {
        self.fin
    }

    /// Cuántas veces salió.
    pub fn envios(&self) -> u32 {
        self.envios
    }

    /// Salió hacia un gestor.
    pub fn on_enviado(&mut self, rumbo: &mut Rumbo, gestor: usize, now: Instant) {
        rumbo.actual = gestor;
        self.envios += 1;
        self.ultimo = Some(Envio { gestor, conexion: rumbo.conexiones[gestor], cuando: now });
        if !self.probados.contains(&gestor) {
            self.probados.push(gestor);
        }
    }

    /// Lo que toca ahora.
    pub fn paso(&self, rumbo: &Rumbo, now: Instant) -> Paso {
        if now >= self.fin {
            return Paso::Rendirse;
        }
        if let Some(envio) = self.ultimo.filter(|e| e.conexion == rumbo.conexiones[e.gestor]) {
            let hasta = self.se_espera(envio, rumbo);
            if now < hasta {
                return Paso::Esperar(hasta);
            }
        }
        let desde = self.ultimo.map_or(rumbo.actual, |envio| envio.gestor + 1);
        rumbo.desde(desde).map_or(Paso::Esperar(self.fin), Paso::Enviar)
    }

    /// Hasta cuándo se espera la respuesta de un envío: lo que diga la paciencia, sin pasar de su parte de lo que quedaba.
    fn se_espera(&self, envio: Envio, rumbo: &Rumbo) -> Instant {
        let paciencia = if self.envios == 1 { self.paciencia.primero } else { self.paciencia.repetido };
        let conectados = rumbo.conexiones.iter().enumerate().filter(|(_, conexion)| conexion.is_some());
        let sin_probar = conectados.filter(|(gestor, _)| !self.probados.contains(gestor)).count();
        let parte =
            self.fin.saturating_duration_since(envio.cuando) / u32::try_from(sin_probar + 1).unwrap_or(u32::MAX);
        envio.cuando + paciencia.min(parte)
    }
}

#[cfg(test)]
mod tests;
