//! Decide qué hace un actor con lo que le llega: qué ignora, qué junta en una llamada y qué informa a cada gestor.
//!
//! No guarda estado propio de las operaciones: solo lo que tiene en la mano, emparejado por gestor, id y huella. Lo
//! que descarta no se pierde, porque el gestor lo vuelve a publicar.

use std::collections::{HashMap, VecDeque};

use common::{
    dominio::{Huella, OperacionId},
    mensajes::{CuerpoResultado, Desenlace, Orden, OrdenNoEntendida, ResultadoEscritura, ResultadoInforme},
    resilience::rotation::SinServicio,
};

#[cfg(test)]
mod tests;

/// El puesto de un gestor en la lista de `GESTOR_CARGA_PUB_ADDR`.
pub type Gestor = usize;

/// Cuánto cabe en cada sitio.
#[derive(Clone, Copy, Debug)]
pub struct Limites {
    /// Órdenes que esperan una llamada; llena, lo que llega se descarta.
    pub cola: usize,
    pub llamadas: usize,
    /// Órdenes por llamada y desenlaces por informe.
    pub lista: usize,
    /// Desenlaces que esperan a un gestor; llena, se descarta el más viejo.
    pub informes: usize,
}

/// Lo que se envía al almacenamiento en una petición.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Llamada {
    pub tag: u64,
    /// Las órdenes, en orden de llegada; una sola si va `sola`.
    pub ordenes: Vec<Orden>,
}

/// Cómo acabó una llamada.
#[derive(Clone, Debug)]
pub enum Final {
    Escritas(Vec<ResultadoEscritura>),
    /// No hubo a dónde enviarla: nada se hizo.
    NadaEnviado,
    /// Ningún punto de almacenamiento la entiende: nada se hizo.
    NoEntendida,
    EnElAire,
}

impl Final {
    /// Lo que significa el final de una llamada al almacenamiento. Contestar otra cosa a una escritura es no haber
    /// contestado.
    pub fn de(resultado: Result<CuerpoResultado, SinServicio>) -> Self {
        match resultado {
            Ok(CuerpoResultado::Escritas(escritas)) => Self::Escritas(escritas),
            Err(SinServicio::NadaHecho) => Self::NadaEnviado,
            Err(SinServicio::NoEntendida) => Self::NoEntendida,
            Ok(_) | Err(SinServicio::EnElAire) => Self::EnElAire,
        }
    }
}

/// Qué fue de un evento recibido.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Acogida {
    /// Órdenes que ya estaban en la mano.
    pub repetidas: usize,
    pub descartadas: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Asunto {
    gestor: Gestor,
    id: OperacionId,
    huella: Huella,
}

/// Del último envío de una orden que está en la mano.
#[derive(Clone, Copy, Debug)]
struct EnMano {
    intento: u32,
    sola: bool,
}

/// Las órdenes de un actor.
#[derive(Clone, Debug)]
pub struct Machine {
    limites: Limites,
    en_mano: HashMap<Asunto, EnMano>,
    cola: VecDeque<(Asunto, Orden)>,
    /// Lo que está fuera; son tan pocas que se buscan una a una.
    llamadas: Vec<(u64, Vec<Asunto>)>,
    siguiente_tag: u64,
    informes: Vec<VecDeque<ResultadoInforme>>,
    informes_descartados: u64,
}

impl Machine {
    /// Un actor con las manos vacías que atiende a `gestores` gestores.
    pub fn new(gestores: usize, limites: Limites) -> Self {
        Self {
            limites,
            en_mano: HashMap::new(),
            cola: VecDeque::new(),
            llamadas: Vec::new(),
            siguiente_tag: 0,
            informes: vec![VecDeque::new(); gestores],
            informes_descartados: 0,
        }
    }

    /// Llegó un evento de `gestor`.
    pub fn on_evento(&mut self, gestor: Gestor, ordenes: Vec<Orden>) -> Acogida {
        let mut acogida = Acogida::default();
        for orden in ordenes {
            let asunto = Asunto { gestor, id: orden.id, huella: orden.huella };
            if let Some(en_mano) = self.en_mano.get_mut(&asunto) {
                // Se informa del intento que el gestor espera ahora, y si la quiere sola, sola irá.
                en_mano.intento = en_mano.intento.max(orden.intento);
                en_mano.sola |= orden.sola;
                acogida.repetidas += 1;
            } else if self.cola.len() >= self.limites.cola {
                acogida.descartadas += 1;
            } else {
                self.en_mano.insert(asunto, EnMano { intento: orden.intento, sola: orden.sola });
                self.cola.push_back((asunto, orden));
            }
        }
        acogida
    }

    /// `gestor` asignó una orden que este actor no entiende: se dice, para que la lleve a otra parte.
    pub fn on_no_entendida(
        &mut self,
        gestor: Gestor,
        OrdenNoEntendida { id, huella, intento, motivo }: OrdenNoEntendida,
    ) {
        let desenlace = Desenlace::NoEntendida { motivo };
        self.poner_en_informe(gestor, ResultadoInforme { id, huella, intento, desenlace });
    }

    /// La siguiente llamada que toca hacer, si hay algo en la cola y cabe una más fuera.
    pub fn poll_llamada(&mut self) -> Option<Llamada> {
        if self.llamadas.len() >= self.limites.llamadas {
            return None;
        }
        let mut ordenes = Vec::new();
        let mut asuntos = Vec::new();
        while let Some((asunto, orden)) = self.cola.front() {
            let EnMano { intento, sola } = self.en_mano[asunto];
            if ordenes.len() >= self.limites.lista || (sola && !ordenes.is_empty()) {
                break;
            }
            ordenes.push(Orden { intento, sola, ..*orden });
            asuntos.push(*asunto);
            self.cola.pop_front();
            if sola {
                break;
            }
        }
        if ordenes.is_empty() {
            return None;
        }
        let tag = self.siguiente_tag;
        self.siguiente_tag += 1;
        self.llamadas.push((tag, asuntos));
        Some(Llamada { tag, ordenes })
    }

    /// Acabó la llamada `tag`; cada orden suya pasa a los informes de su gestor.
    pub fn on_final(&mut self, tag: u64, fin: Final) {
        let Some(puesto) = self.llamadas.iter().position(|(t, _)| *t == tag) else { return };
        let (_, asuntos) = self.llamadas.swap_remove(puesto);
        match fin {
            Final::Escritas(escritas) => self.repartir(&asuntos, escritas),
            Final::NadaEnviado => asuntos.iter().for_each(|a| self.informar(a, Desenlace::SinAlmacenamiento)),
            Final::NoEntendida => {
                let motivo = "ningún gestor de almacenamiento la entiende";
                for asunto in &asuntos {
                    self.informar(asunto, Desenlace::NoEntendida { motivo: motivo.into() });
                }
            }
            Final::EnElAire => asuntos.iter().for_each(|a| self.informar(a, Desenlace::Incierta)),
        }
    }

    /// Da informes para `gestor` a `enviar` mientras salgan; lo que `enviar` devuelve no salió y queda por salir. Hasta que
    /// salga no hay otro: llegan en orden.
    pub fn informar_a<E>(
        &mut self,
        gestor: Gestor,
        por_salir: &mut Option<E>,
        mut enviar: impl FnMut(Vec<ResultadoInforme>) -> Option<E>,
    ) {
        while por_salir.is_none()
            && let Some(resultados) = self.poll_informe(gestor)
        {
            *por_salir = enviar(resultados);
        }
    }

    /// El siguiente informe para `gestor`, con lo que se haya juntado.
    fn poll_informe(&mut self, gestor: Gestor) -> Option<Vec<ResultadoInforme>> {
        let pendientes = &mut self.informes[gestor];
        if pendientes.is_empty() {
            return None;
        }
        let cuantos = pendientes.len().min(self.limites.lista);
        Some(pendientes.drain(..cuantos).collect())
    }

    /// Si hay desenlaces que `gestor` aún no sabe.
    pub fn debe_informe(&self, gestor: Gestor) -> bool {
        !self.informes[gestor].is_empty()
    }

    /// Si no espera ni llama.
    pub fn ociosa(&self) -> bool {
        self.en_mano.is_empty()
    }

    /// Órdenes que esperan o están fuera.
    pub fn en_mano(&self) -> usize {
        self.en_mano.len()
    }

    /// Órdenes que esperan una llamada.
    pub fn en_cola(&self) -> usize {
        self.cola.len()
    }

    /// Llamadas que están fuera.
    pub fn en_vuelo(&self) -> usize {
        self.llamadas.len()
    }

    /// Desenlaces descartados desde la última vez que se preguntó, porque su gestor no vuelve.
    pub fn quitar_descartados(&mut self) -> u64 {
        std::mem::take(&mut self.informes_descartados)
    }

    /// El almacenamiento contesta en el mismo orden; si no fuera así, se busca cada una.
    fn repartir(&mut self, asuntos: &[Asunto], escritas: Vec<ResultadoEscritura>) {
        let son_la_misma = |a: &Asunto, e: &ResultadoEscritura| a.id == e.id && a.huella == e.huella;
        if asuntos.len() == escritas.len() && asuntos.iter().zip(&escritas).all(|(a, e)| son_la_misma(a, e)) {
            for (asunto, escrita) in asuntos.iter().zip(escritas) {
                self.informar(asunto, escrita.desenlace);
            }
            return;
        }
        for asunto in asuntos {
            let hallada = escritas.iter().find(|e| son_la_misma(asunto, e));
            // Contestó sin nombrarla: lo que fue de ella no se sabe.
            self.informar(asunto, hallada.map_or(Desenlace::Incierta, |e| e.desenlace.clone()));
        }
    }

    fn informar(&mut self, asunto: &Asunto, desenlace: Desenlace) {
        let EnMano { intento, .. } = self.en_mano.remove(asunto).expect("lo que está en una llamada está en la mano");
        let Asunto { gestor, id, huella } = *asunto;
        self.poner_en_informe(gestor, ResultadoInforme { id, huella, intento, desenlace });
    }

    fn poner_en_informe(&mut self, gestor: Gestor, resultado: ResultadoInforme) {
        let pendientes = &mut self.informes[gestor];
        if pendientes.len() >= self.limites.informes {
            pendientes.pop_front();
            self.informes_descartados += 1;
        }
        pendientes.push_back(resultado);
    }
}
