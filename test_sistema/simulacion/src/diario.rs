//! El diario de un gestor, modelado: lo que se mandó se escribe por tandas con un fsync, y morir pierde lo que no llegó.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use common::{
    dominio::{Codigo, OperacionId},
    mensajes::Orden,
};
use gestor_carga::machine::{Aviso, Num};

use crate::{
    entorno::Entorno,
    reloj::SEG,
    sucesos::{Entrante, Quien, Suceso},
};

/// Cada cuánto prueba un diario averiado si vuelve.
const SONDEO: u64 = SEG;

#[derive(Clone, Copy, Debug)]
enum Comando {
    Escribir(Num, Orden),
    Borrar(Num),
    AlBuzon(Num, OperacionId, Codigo),
}

/// El archivo y quien lo escribe.
#[derive(Debug)]
pub struct Diario {
    gestor: usize,
    /// Lo que hay en el disco: sobrevive a su gestor.
    pub disco: BTreeMap<Num, Orden>,
    /// Lo que se prometió y no se aplicó, hasta que lo cierre una persona.
    pub buzon: BTreeMap<OperacionId, Codigo>,
    pub averiado: bool,
    cola: VecDeque<Comando>,
    en_curso: Vec<Comando>,
    ocupado: bool,
    /// El hilo está probando si vuelve.
    fallando: bool,
    por_borrar: Vec<Comando>,
    /// Filas que quedaron en el disco aunque su escritura falló: si ya se decidieron, salen al rearrancar.
    dudosas: BTreeSet<Num>,
}

impl Diario {
    /// Uno vacío.
    pub fn new(gestor: usize) -> Self {
        Self {
            gestor,
            disco: BTreeMap::new(),
            buzon: BTreeMap::new(),
            averiado: false,
            cola: VecDeque::new(),
            en_curso: Vec::new(),
            ocupado: false,
            fallando: false,
            por_borrar: Vec::new(),
            dudosas: BTreeSet::new(),
        }
    }

    /// Las filas que su gestor sabe que tiene, y lo que espera al disco.
    pub fn por_hacer(&self) -> usize {
        self.disco.keys().filter(|num| !self.dudosas.contains(num)).count() + self.en_cola()
    }

    /// Arranca su gestor: de lo que se estaba escribiendo al morir, o está todo o no está nada.
    pub fn abrir(&mut self, e: &mut Entorno) -> Vec<(Num, Orden)> {
        let lote = std::mem::take(&mut self.en_curso);
        if self.ocupado && !self.fallando && !self.averiado && e.azar.por_ciento(50) {
            self.aplicar(&lote);
        }
        self.cola.clear();
        self.por_borrar.clear();
        self.dudosas.clear();
        (self.ocupado, self.fallando) = (false, false);
        self.disco.iter().map(|(num, orden)| (*num, *orden)).collect()
    }

    /// Manda escribir una fila.
    pub fn escribir(&mut self, e: &mut Entorno, num: Num, orden: Orden) {
        self.cola.push_back(Comando::Escribir(num, orden));
        self.empezar(e);
    }

    /// Manda borrarla, detrás de lo ya mandado.
    pub fn borrar(&mut self, e: &mut Entorno, num: Num) {
        self.cola.push_back(Comando::Borrar(num));
        self.empezar(e);
    }

    /// Manda pasarla al buzón.
    pub fn al_buzon(&mut self, e: &mut Entorno, num: Num, orden: Orden, codigo: Codigo) {
        self.cola.push_back(Comando::AlBuzon(num, orden.id, codigo));
        self.empezar(e);
    }

    /// Cuánto espera al disco.
    pub fn en_cola(&self) -> usize {
        self.cola.len() + self.en_curso.len()
    }

    fn empezar(&mut self, e: &mut Entorno) {
        if self.ocupado || self.cola.is_empty() {
            return;
        }
        self.ocupado = true;
        self.en_curso = self.cola.drain(..).collect();
        let fsync = e.perfil.fsync;
        let tarda = e.entre(fsync / 2, fsync * 2);
        self.volver(e, tarda);
    }

    fn volver(&self, e: &mut Entorno, dentro: u64) {
        let vida = e.proceso(Quien::Gestor(self.gestor)).vida;
        e.poner(e.ahora + dentro, Suceso::Disco { gestor: self.gestor, vida });
    }

    /// Terminó el fsync, o toca probar otra vez.
    pub fn terminar(&mut self, e: &mut Entorno, vida: u32) {
        let quien = Quien::Gestor(self.gestor);
        if e.proceso(quien).vida != vida || !e.proceso(quien).vivo {
            return;
        }
        // Un proceso parado para también a su hilo del disco.
        if e.proceso(quien).parado {
            return self.volver(e, 10_000);
        }
        if self.fallando {
            return self.probar(e);
        }
        let lote = std::mem::take(&mut self.en_curso);
        let escritas = escrituras(&lote);
        if self.averiado {
            e.anotar(quien, || "el diario no se puede escribir".into());
            // Lo que falló pudo quedar en el disco.
            if e.azar.por_ciento(10) {
                self.aplicar(&lote);
                self.dudosas.extend(&escritas);
            }
            self.apartar_borrados(&lote);
            self.fallando = true;
            e.entregar(quien, Entrante::Diario(Aviso::Fallidas(escritas)));
            return self.volver(e, SONDEO);
        }
        self.aplicar(&lote);
        self.ocupado = false;
        e.entregar(quien, Entrante::Diario(Aviso::Escritas(escritas)));
        self.empezar(e);
    }

    fn probar(&mut self, e: &mut Entorno) {
        let quien = Quien::Gestor(self.gestor);
        let mandado: Vec<_> = self.cola.drain(..).collect();
        self.apartar_borrados(&mandado);
        let rechazadas = escrituras(&mandado);
        if !rechazadas.is_empty() {
            e.entregar(quien, Entrante::Diario(Aviso::Fallidas(rechazadas)));
        }
        if self.averiado {
            return self.volver(e, SONDEO);
        }
        let borrados = std::mem::take(&mut self.por_borrar);
        self.aplicar(&borrados);
        e.anotar(quien, || "el diario vuelve a escribirse".into());
        (self.ocupado, self.fallando) = (false, false);
        e.entregar(quien, Entrante::Diario(Aviso::Recuperado));
    }

    fn apartar_borrados(&mut self, lote: &[Comando]) {
        self.por_borrar.extend(lote.iter().filter(|comando| !matches!(comando, Comando::Escribir(..))));
    }

    fn aplicar(&mut self, lote: &[Comando]) {
        for comando in lote {
            match *comando {
                Comando::Escribir(num, orden) => {
                    self.dudosas.remove(&num);
                    self.disco.insert(num, orden);
                }
                Comando::Borrar(num) => drop(self.disco.remove(&num)),
                Comando::AlBuzon(num, id, codigo) => {
                    self.disco.remove(&num);
                    self.buzon.insert(id, codigo);
                }
            }
        }
    }
}

fn escrituras(lote: &[Comando]) -> Vec<Num> {
    let escrita = |comando: &Comando| match comando {
        Comando::Escribir(num, _) => Some(*num),
        Comando::Borrar(_) | Comando::AlBuzon(..) => None,
    };
    lote.iter().filter_map(escrita).collect()
}
