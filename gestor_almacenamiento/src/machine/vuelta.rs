//! Decide qué se hace con un lote: cada trozo son dos viajes a la base, leer una foto y guardar lo decidido con ella, que la
//! base acepta entero si la foto sigue valiendo. Si otro se cruzó, empieza con otra foto; si una operación no se puede
//! escribir, parte el trozo hasta dejarla sola.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use common::mensajes::{CuerpoResultado, Desenlace, Fallo, Orden, ResultadoEscritura};

use super::{
    intentos::{Culpa, Intentos, Otra},
    pliegue::{Foto, Guardadas, LoteDecidido, desenlace, plegar},
};
use crate::lote::{self, Clave, Encargo};

/// Lo que fue de un lote.
#[derive(Debug, Default)]
pub struct Decidido {
    /// El desenlace de cada operación que se llegó a mirar.
    pub desenlaces: HashMap<Clave, Desenlace>,
    /// Si este punto falló a mitad: las que no tienen desenlace. `nada_hecho` habla solo de ellas.
    pub fallo: Option<Fallo>,
}

impl Decidido {
    /// Lo que se contesta a la petición de estos encargos: todo decidido, o el fallo.
    pub fn resultado(&self, encargos: &[Encargo]) -> CuerpoResultado {
        let desenlace = |o: &Orden| self.desenlaces.get(&(o.id, o.huella));
        let con = |Encargo { orden, .. }: &Encargo| {
            let desenlace = desenlace(orden)?.clone();
            Some(ResultadoEscritura { id: orden.id, huella: orden.huella, desenlace })
        };
        if let Some(escritas) = encargos.iter().map(con).collect() {
            return CuerpoResultado::Escritas(escritas);
        }
        let fallo = self.fallo.as_ref().expect("sin fallo, todas tienen desenlace");
        let ninguna = encargos.iter().all(|e| desenlace(&e.orden).is_none());
        CuerpoResultado::Fallo(Fallo { nada_hecho: fallo.nada_hecho && ninguna, motivo: fallo.motivo.clone() })
    }
}

/// Lo que toca hacer.
#[derive(Debug)]
pub enum PasoDeVuelta<'a> {
    /// Leer una foto de lo que nombra este trozo.
    Leer(&'a [Encargo]),
    /// Guardar esto, por la conexión de su foto.
    Guardar(&'a LoteDecidido),
    /// Esperar antes de seguir: otro se cruzó.
    Esperar(Duration),
    /// Nada: [`Vuelta::decidido`] dice lo que fue de todo.
    Acabar,
}

#[derive(Debug)]
enum Fase {
    Leyendo,
    Guardando { guardadas: Guardadas, lote: Box<LoteDecidido> },
    Esperando(Duration),
}

/// Un lote que se está decidiendo.
#[derive(Debug)]
pub struct Vuelta {
    /// Una pila: el que no se puede escribir se parte en dos, hasta dejar sola a la culpable.
    trozos: Vec<Vec<Encargo>>,
    fase: Fase,
    intentos: Intentos,
    decidido: Decidido,
}

impl Vuelta {
    /// La de estos encargos, que se deciden en su orden.
    pub fn new(ahora: Instant, encargos: Vec<Encargo>) -> Self {
        let mut trozos = lote::tandas(encargos);
        trozos.reverse();
        Self { trozos, fase: Fase::Leyendo, intentos: Intentos::desde(ahora), decidido: Decidido::default() }
    }

    /// Lo que toca hacer.
    pub fn paso(&self) -> PasoDeVuelta<'_> {
        match (&self.fase, self.trozos.last()) {
            (_, None) => PasoDeVuelta::Acabar,
            (Fase::Leyendo, Some(trozo)) => PasoDeVuelta::Leer(trozo),
            (Fase::Guardando { lote, .. }, _) => PasoDeVuelta::Guardar(lote),
            (Fase::Esperando(cuanto), _) => PasoDeVuelta::Esperar(*cuanto),
        }
    }

    /// La foto del trozo.
    pub fn on_foto(&mut self, mut foto: Foto) {
        let lote = plegar(&mut foto, self.trozos.last().expect("se lee la foto de un trozo"));
        let guardadas = foto.decididas;
        if lote.decididas.is_empty() {
            self.cerrar_trozo(guardadas);
        } else {
            self.fase = Fase::Guardando { guardadas, lote: Box::new(lote) };
        }
    }

    /// Lo decidido quedó guardado.
    pub fn on_guardado(&mut self) {
        let Fase::Guardando { mut guardadas, lote } = std::mem::replace(&mut self.fase, Fase::Leyendo) else {
            unreachable!("se guarda lo que dice Paso::Guardar")
        };
        let nuevas = lote.decididas.into_iter().map(|d| (d.orden.id, (d.orden.huella, d.respuesta)));
        guardadas.extend(nuevas);
        self.cerrar_trozo(guardadas);
    }

    /// Se esperó lo que había que esperar.
    pub fn on_espera(&mut self) {
        self.fase = Fase::Leyendo;
    }

    /// Un viaje salió mal. `usada`: la conexión ya estaba abierta antes de la foto.
    pub fn on_tropiezo(&mut self, ahora: Instant, culpa: Culpa, usada: bool) {
        let guardando = matches!(self.fase, Fase::Guardando { .. });
        let otra = self.intentos.tropezar(ahora, &culpa, usada, guardando);
        self.fase = Fase::Leyendo;
        match (otra, culpa) {
            (Otra::EnSeguida, _) => {}
            (Otra::Tras(respiro), _) => self.fase = Fase::Esperando(respiro),
            (Otra::No, Culpa::Operacion(motivo)) => self.partir(motivo),
            (Otra::No, otra) => {
                self.decidido.fallo = Some(self.intentos.fallo(otra.motivo()));
                self.trozos.clear();
            }
        }
    }

    /// Lo que fue de todo.
    pub fn decidido(self) -> Decidido {
        self.decidido
    }

    fn cerrar_trozo(&mut self, mut guardadas: Guardadas) {
        let trozo = self.siguiente_trozo();
        self.decidido.desenlaces.extend(trozo.iter().map(|e| desenlace(&mut guardadas, &e.orden)));
    }

    /// Alguna del trozo no se puede escribir.
    fn partir(&mut self, motivo: String) {
        let mut trozo = self.siguiente_trozo();
        if let [Encargo { orden, .. }] = &trozo[..] {
            self.decidido.desenlaces.insert((orden.id, orden.huella), Desenlace::NoEscrita { motivo });
        } else {
            let segunda = trozo.split_off(trozo.len() / 2);
            self.trozos.extend([segunda, trozo]);
        }
    }

    /// Deja el trozo de arriba y empieza con el que haya debajo.
    fn siguiente_trozo(&mut self) -> Vec<Encargo> {
        self.fase = Fase::Leyendo;
        self.intentos = self.intentos.de_otra();
        self.trozos.pop().expect("hay un trozo por decidir")
    }
}
