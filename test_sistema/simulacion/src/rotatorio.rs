//! Lleva a los enlaces simulados lo que decide la [`Rotacion`] real, como hace `StorageClient` con los zócalos.

use std::collections::{BTreeMap, VecDeque};

use common::{
    mensajes::{CuerpoPeticion, CuerpoResultado, Peticion, Resultado},
    resilience::{
        EstadoBreaker, Rotacion,
        rotation::{Accion, Aviso, Config, SinServicio, Veredicto},
    },
};

use crate::{
    enlace::{A, Clase},
    entorno::Entorno,
    mensajes::Mensaje,
    reloj::Us,
    sucesos::Quien,
};

/// El final de una llamada: lo contestado, o por qué nadie la sirvió.
pub type Entrega = (u64, Result<CuerpoResultado, SinServicio>);

/// El cliente del almacenamiento de un proceso.
#[derive(Debug)]
pub struct Rotatorio {
    quien: Quien,
    enlaces: Vec<usize>,
    rotacion: Rotacion,
    en_curso: BTreeMap<u64, (u64, CuerpoPeticion)>,
    entregas: VecDeque<Entrega>,
    plazo_ms: u32,
}

impl Rotatorio {
    /// Uno sin conexiones todavía.
    #[must_use]
    pub fn nuevo(e: &Entorno, quien: Quien) -> Self {
        let es_suyo = |n: &usize| e.enlaces[*n].extremos[A] == quien && e.enlaces[*n].clase == Clase::Almacen;
        let enlaces: Vec<_> = (0..e.enlaces.len()).filter(es_suyo).collect();
        let config = Config::default();
        Self {
            quien,
            rotacion: Rotacion::new(config, enlaces.len(), e.instante()),
            enlaces,
            en_curso: BTreeMap::new(),
            entregas: VecDeque::new(),
            plazo_ms: u32::try_from(config.plazo.as_millis()).expect("segundos"),
        }
    }

    /// Empieza una llamada.
    pub fn llamar(&mut self, e: &mut Entorno, token: u64, cuerpo: CuerpoPeticion) {
        let Some(numero) = self.rotacion.on_llamada(e.instante()) else {
            self.entregas.push_back((token, Err(SinServicio::NadaHecho)));
            return;
        };
        self.en_curso.insert(numero, (token, cuerpo));
        self.actuar(e);
    }

    /// Si el enlace es de los suyos, y cuál.
    #[must_use]
    pub fn punto(&self, enlace: usize) -> Option<usize> {
        self.enlaces.iter().position(|n| *n == enlace)
    }

    /// Hay conexión con un punto.
    pub fn on_abierta(&mut self, e: &mut Entorno, punto: usize) {
        self.rotacion.on_conectado(punto, e.instante());
        self.actuar(e);
    }

    /// Se perdió.
    pub fn on_perdida(&mut self, e: &mut Entorno, punto: usize) {
        self.rotacion.on_desconectado(punto, e.instante());
        self.actuar(e);
    }

    /// Un punto contesta.
    pub fn on_resultado(&mut self, e: &mut Entorno, punto: usize, resultado: Resultado) {
        let Resultado { peticion, cuerpo } = resultado;
        let veredicto = match &cuerpo {
            CuerpoResultado::Fallo(fallo) => Veredicto::Fallo { nada_hecho: fallo.nada_hecho },
            CuerpoResultado::NoEntendida { .. } => Veredicto::NoEntendida,
            _ => Veredicto::Servida,
        };
        if self.rotacion.on_respuesta(punto, peticion, veredicto, e.instante())
            && let Some((token, _)) = self.en_curso.remove(&peticion)
        {
            self.entregas.push_back((token, Ok(cuerpo)));
        }
        self.actuar(e);
    }

    /// Vencen sus plazos.
    pub fn on_plazo(&mut self, e: &mut Entorno) {
        let now = e.instante();
        if self.rotacion.poll_timeout().is_some_and(|cuando| cuando <= now) {
            self.rotacion.on_plazo(now);
            self.actuar(e);
        }
    }

    /// Cuándo vence el siguiente.
    #[must_use]
    pub fn plazo(&self, e: &Entorno) -> Option<Us> {
        self.rotacion.poll_timeout().map(|cuando| e.us_de(cuando))
    }

    /// El final de alguna llamada.
    pub fn entrega(&mut self) -> Option<Entrega> {
        self.entregas.pop_front()
    }

    /// El estado de cada breaker.
    #[must_use]
    pub fn estados(&self) -> Vec<EstadoBreaker> {
        self.rotacion.estados().collect()
    }

    fn actuar(&mut self, e: &mut Entorno) {
        while let Some(accion) = self.rotacion.poll_accion() {
            match accion {
                Accion::Enviar { punto, llamada } => {
                    let Some((_, cuerpo)) = self.en_curso.get(&llamada) else { continue };
                    let cuerpo = cuerpo.clone();
                    self.enviar(e, punto, llamada, cuerpo);
                }
                Accion::Sondear { punto, peticion } => self.enviar(e, punto, peticion, CuerpoPeticion::Salud),
                Accion::Abandonar { llamada, porque } => {
                    if let Some((token, _)) = self.en_curso.remove(&llamada) {
                        self.entregas.push_back((token, Err(porque)));
                    }
                }
                Accion::Avisar(Aviso::Circuito { punto, estado, motivo }) => {
                    e.anotar(self.quien, || format!("circuito {estado} hacia almacén {punto}: {}", motivo.as_str()));
                }
                Accion::Avisar(_) => {}
            }
        }
    }

    fn enviar(&mut self, e: &mut Entorno, punto: usize, peticion: u64, cuerpo: CuerpoPeticion) {
        let mensaje = Mensaje::Peticion(Box::new(Peticion { peticion, plazo_ms: self.plazo_ms, cuerpo }));
        if !e.enviar(self.enlaces[punto], A, mensaje) {
            self.rotacion.on_no_enviado(punto, peticion, e.instante());
        }
    }
}
