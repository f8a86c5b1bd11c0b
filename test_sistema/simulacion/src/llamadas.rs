//! La red simulada por debajo de las llamadas al almacenamiento de un proceso: lo que decide es el [`StorageCalls`] real.

use std::time::Instant;

use common::{
    mensajes::{CuerpoPeticion, Peticion, ResultadoLeido},
    resilience::{
        Entrega, EstadoBreaker, StorageCalls,
        rotation::{Aviso, Config},
        storage_calls::{Endpoints, Noticia},
    },
};

use crate::{
    enlace::{A, Clase},
    entorno::Entorno,
    mensajes::Mensaje,
    reloj::Us,
    sucesos::{Entrante, Quien},
};

/// Las llamadas de un proceso y los enlaces por los que salen; `T` vuelve con el final de cada una.
#[derive(Debug)]
pub struct Llamadas<T> {
    quien: Quien,
    enlaces: Vec<usize>,
    calls: StorageCalls<T, Peticion>,
}

/// Los enlaces de un proceso, mientras algo sale por ellos.
struct Red<'a> {
    e: &'a mut Entorno,
    quien: Quien,
    enlaces: &'a [usize],
}

impl Endpoints for Red<'_> {
    type Escrita = Peticion;

    fn escribir(&self, peticion: Peticion) -> Peticion {
        peticion
    }

    fn enviar(&mut self, endpoint: usize, escrita: &Peticion) -> bool {
        self.e.enviar(self.enlaces[endpoint], A, Mensaje::Peticion(Box::new(escrita.clone())))
    }

    fn contar(&mut self, noticia: Noticia<'_>) {
        if let Noticia::Aviso(Aviso::Circuito { endpoint, estado, motivo }) = noticia {
            self.e.anotar(self.quien, || format!("circuito {estado} hacia almacén {endpoint}: {}", motivo.as_str()));
        }
    }
}

impl<T> Llamadas<T> {
    /// Ninguna, y sin conexiones todavía.
    pub fn new(e: &Entorno, quien: Quien) -> Self {
        let es_suyo = |n: &usize| e.enlaces[*n].extremos[A] == quien && e.enlaces[*n].clase == Clase::Almacen;
        let enlaces: Vec<_> = (0..e.enlaces.len()).filter(es_suyo).collect();
        Self { quien, calls: StorageCalls::new(Config::default(), enlaces.len(), e.instante()), enlaces }
    }

    /// Empieza una llamada.
    pub fn llamar(&mut self, e: &mut Entorno, tag: T, cuerpo: CuerpoPeticion) {
        let (calls, now, mut red) = self.partes(e);
        calls.llamar(now, tag, cuerpo, &mut red);
    }

    /// Atiende lo que llega por uno de sus enlaces; lo devuelve si no es suyo.
    pub fn atender(&mut self, e: &mut Entorno, entrante: Entrante) -> Option<Entrante> {
        let (Entrante::Mensaje { enlace, .. } | Entrante::Abierta { enlace, .. } | Entrante::Perdida { enlace, .. }) =
            entrante
        else {
            return Some(entrante);
        };
        let Some(endpoint) = self.enlaces.iter().position(|n| *n == enlace) else { return Some(entrante) };
        let (calls, now, mut red) = self.partes(e);
        match entrante {
            Entrante::Abierta { .. } => calls.on_conectado(now, endpoint, &mut red),
            Entrante::Perdida { .. } => calls.on_perdido(now, endpoint, &mut red),
            Entrante::Mensaje { mensaje: Mensaje::Resultado(resultado), .. } => {
                calls.on_recibido(now, endpoint, ResultadoLeido::Entendido(*resultado), &mut red);
            }
            _ => {}
        }
        None
    }

    /// Vencen sus plazos.
    pub fn on_timeout(&mut self, e: &mut Entorno) {
        let (calls, now, mut red) = self.partes(e);
        calls.on_timeout(now, &mut red);
    }

    /// Cuándo vence el siguiente.
    pub fn plazo(&self, e: &Entorno) -> Option<Us> {
        self.calls.poll_timeout().map(|cuando| e.us_de(cuando))
    }

    /// El final de alguna llamada.
    pub fn entrega(&mut self) -> Option<Entrega<T>> {
        self.calls.poll_entrega()
    }

    /// El estado de cada breaker.
    pub fn estados(&self) -> impl Iterator<Item = EstadoBreaker> {
        self.calls.estados()
    }

    fn partes<'a>(&'a mut self, e: &'a mut Entorno) -> (&'a mut StorageCalls<T, Peticion>, Instant, Red<'a>) {
        let now = e.instante();
        (&mut self.calls, now, Red { e, quien: self.quien, enlaces: &self.enlaces })
    }
}
