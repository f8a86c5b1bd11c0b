//! Decide si cada respuesta y cada COMMIT cumplen la promesa, y recuerda lo que se pidió y se contestó para el final.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use common::{
    dominio::{Codigo, Comando, Estado, Huella, OperacionId},
    mensajes::MotivoDeApartar,
};
use gestor_almacenamiento::machine::Decidida;

use crate::{
    cronica::corto,
    mensajes::Contestado,
    reloj::{MS, Us},
};

/// Lo que se tolera sobre el plazo doble: el tiempo de mirar lo que llegó.
const HOLGURA: Us = 50 * MS;

/// Una operación, vista desde fuera: un id con un contenido.
#[derive(Debug)]
pub struct Op {
    pub id: OperacionId,
    pub comando: Comando,
    pub pedida: Us,
    pub sabida: Option<Us>,
    pub envios: u32,
    /// A cuántas se contestó que no se hizo.
    pub negados: u32,
    /// Qué gestores contestaron `pendiente`.
    pub prometida: BTreeSet<usize>,
    /// Lo decidido, como lo recibió un cliente.
    pub decidida: Option<Box<str>>,
}

/// Una vez que un cliente la envió.
#[derive(Debug)]
pub struct Envio {
    pub op: usize,
    pub contestado: bool,
    /// A qué gestor llegó, y en qué vida suya.
    pub entregado: Option<(usize, u32)>,
}

/// Lo que tardó una respuesta, y su plazo.
#[derive(Clone, Copy, Debug)]
pub struct Demora {
    /// Desde que llegó el envío, sin contar lo que el gestor estuvo parado.
    pub tardo: Us,
    pub plazo: Us,
}

/// Lo que de una operación se fuerza a que salga mal.
#[derive(Clone, Copy, Debug, Default)]
struct Marca {
    venenosa: bool,
    asesina: Option<bool>,
}

/// Quien comprueba.
#[derive(Debug, Default)]
pub struct Juez {
    pub falta: Option<String>,
    pub ops: Vec<Op>,
    pub envios: Vec<Envio>,
    marcas: HashMap<OperacionId, Marca>,
    pub confirmadas: BTreeMap<OperacionId, Decidida>,
    pub orden: Vec<OperacionId>,
    ids: u16,
}

impl Juez {
    /// Algo se rompió; cuenta lo primero.
    pub fn romper(&mut self, que: String) {
        self.falta.get_or_insert(que);
    }

    /// Un número nuevo para un id.
    pub fn numero(&mut self) -> u16 {
        self.ids += 1;
        self.ids
    }

    /// Un cliente va a pedir algo. El mismo id con el mismo contenido es la misma operación, la pida quien la pida: lo que se
    /// contestó a unos envíos no se juzga sin lo que se contestó a los otros.
    pub fn pedir(&mut self, ahora: Us, id: OperacionId, comando: Comando) -> usize {
        if let Some(ya) = self.ops.iter().rposition(|op| op.id == id && op.comando == comando) {
            return ya;
        }
        self.ops.push(Op {
            id,
            comando,
            pedida: ahora,
            sabida: None,
            envios: 0,
            negados: 0,
            prometida: BTreeSet::new(),
            decidida: None,
        });
        self.ops.len() - 1
    }

    /// Lo que ha de salir mal con ella.
    pub fn marcar(&mut self, id: OperacionId, venenosa: bool, asesina: Option<bool>) {
        self.marcas.insert(id, Marca { venenosa, asesina });
    }

    /// La base no sabe escribirla.
    pub fn es_venenosa(&self, id: OperacionId) -> bool {
        self.marcas.get(&id).is_some_and(|m| m.venenosa)
    }

    /// Mata al actor que la atiende.
    pub fn es_asesina(&self, id: OperacionId) -> bool {
        self.marcas.get(&id).is_some_and(|m| m.asesina == Some(false))
    }

    /// Mata al gestor de almacenamiento que la atiende.
    pub fn es_asesina_del_almacen(&self, id: OperacionId) -> bool {
        self.marcas.get(&id).is_some_and(|m| m.asesina == Some(true))
    }

    /// Un cliente la envía una vez más; el número de este envío.
    pub fn enviar(&mut self, op: usize) -> usize {
        self.ops[op].envios += 1;
        self.envios.push(Envio { op, contestado: false, entregado: None });
        self.envios.len() - 1
    }

    /// Un envío llega a un gestor, que desde ahora le debe una respuesta mientras viva.
    pub fn al_entregar(&mut self, envio: usize, gestor: usize, vida: u32) {
        self.envios[envio].entregado = Some((gestor, vida));
    }

    /// Un gestor contesta a un envío. `en_diario`: la huella de lo que tiene en el disco con ese id.
    pub fn al_responder(
        &mut self,
        gestor: usize,
        envio: usize,
        id: OperacionId,
        que: &Contestado,
        Demora { tardo, plazo }: Demora,
        en_diario: Option<Huella>,
    ) {
        if matches!(que, Contestado::Propia(Estado::Pendiente, _)) {
            let op = self.envios[envio].op;
            self.ops[op].prometida.insert(gestor);
        }
        let op = &self.ops[self.envios[envio].op];
        let huella = Huella::de(&op.comando);
        let corto = corto(id);
        let falta = if std::mem::replace(&mut self.envios[envio].contestado, true) {
            Some(format!("dos respuestas al envío {envio}"))
        } else if op.id != id {
            Some(format!("al envío {envio} se le contesta por {corto}, que no es lo que pidió"))
        } else if tardo > 2 * plazo + HOLGURA {
            Some(format!("el envío {envio} esperó {} ms y el plazo son {}", tardo / MS, plazo / MS))
        } else {
            match que {
                Contestado::Guardada(guardada) => {
                    self.comprobar_guardada(id, huella, guardada.codigo, guardada.cuerpo.get())
                }
                Contestado::Propia(Estado::Pendiente, _) if en_diario != Some(huella) => {
                    Some(format!("{corto} se contesta pendiente y no está en el diario"))
                }
                Contestado::Propia(Estado::Aplicada | Estado::Rechazada, _) => {
                    Some(format!("el gestor decide {corto} por su cuenta"))
                }
                Contestado::Propia(..) => None,
            }
        };
        if let Some(falta) = falta {
            self.romper(falta);
        }
    }

    fn comprobar_guardada(&self, id: OperacionId, huella: Huella, codigo: Codigo, cuerpo: &str) -> Option<String> {
        let corto = corto(id);
        let fila = self.confirmadas.get(&id);
        let suya = fila.filter(|fila| fila.orden.huella == huella);
        match (codigo, fila, suya) {
            (Codigo::OperacionCaducada, ..) | (Codigo::ConflictoDeId, Some(_), None) => None,
            (_, _, Some(fila)) if fila.respuesta.cuerpo.get() == cuerpo => None,
            (_, _, Some(_)) => Some(format!("{corto} se contesta con otra cosa que la guardada")),
            _ => Some(format!("{corto} se contesta como decidida ({codigo}) y no lo está")),
        }
    }

    /// Un cliente recibe una respuesta; a qué operación.
    pub fn al_recibir(&mut self, ahora: Us, envio: usize, que: &Contestado) -> usize {
        let puesto = self.envios[envio].op;
        let op = &mut self.ops[puesto];
        match que {
            Contestado::Guardada(g) if g.codigo == Codigo::ConflictoDeId => op.negados += 1,
            Contestado::Guardada(g) if g.codigo == Codigo::OperacionCaducada => {}
            Contestado::Guardada(g) => {
                op.sabida.get_or_insert(ahora);
                op.negados += u32::from(self.confirmadas.get(&op.id).is_some_and(|fila| fila.estado == "anulada"));
                let cuerpo = g.cuerpo.get();
                if op.decidida.as_deref().is_some_and(|antes| antes != cuerpo) {
                    let texto = format!("{} recibe dos decisiones distintas", corto(op.id));
                    self.falta.get_or_insert(texto);
                } else {
                    op.decidida = Some(cuerpo.into());
                }
            }
            Contestado::Propia(Estado::Error, _) => op.negados += 1,
            Contestado::Propia(..) => {}
        }
        puesto
    }

    /// La base confirma una decisión.
    pub fn al_confirmar(&mut self, fila: &Decidida) {
        let id = fila.orden.id;
        if self.confirmadas.insert(id, fila.clone()).is_some() {
            self.romper(format!("{} se decide dos veces", corto(id)));
        }
        let motivo = fila.expediente.as_ref().map(|e| e.motivo);
        if motivo == Some(MotivoDeApartar::FallosDefinidos) && !self.es_venenosa(id) {
            self.romper(format!("{} se aparta por no poderse escribir, y se podía", corto(id)));
        }
        self.orden.push(id);
    }
}

#[cfg(test)]
mod tests {
    use common::dominio::{Objeto, Tipo};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn el_mismo_id_con_el_mismo_contenido_es_una_operacion_y_con_otro_dos() {
        let id = OperacionId::try_new(Uuid::from_u128(7 << 76 | 0b10 << 62)).expect("un UUIDv7");
        let devolver = |ejemplar: &str| {
            let objeto = Objeto::Ejemplar(ejemplar.parse().expect("vale"));
            Comando::new(Tipo::Devolucion, None, objeto, None).expect("completa")
        };
        let mut juez = Juez::default();
        let pedidas = ["E10", "E11", "E10", "E11"].map(|ejemplar| juez.pedir(0, id, devolver(ejemplar)));
        assert_eq!(pedidas, [0, 1, 0, 1]);
    }
}
