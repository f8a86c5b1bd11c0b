//! Decide si lo que pasó cumple la promesa: en cada respuesta y en cada COMMIT, y al final sobre lo que quedó guardado.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use common::{
    dominio::{Codigo, Comando, Estado, Huella, OperacionId},
    mensajes::{MotivoDeApartar, descifrar},
};
use serde::Deserialize;

use super::{
    base::FilaOperacion,
    cliente::en_palabras,
    cronica::corto,
    linealidad::{self, Llamada},
    mundo::{Mundo, Quien},
    red::Contestado,
    reloj::{MS, Us},
};
use crate::{
    auditoria::{self, Auditor, Destino, Efecto, FilaPrestamo, Sembrados},
    historia::{Historia, Resumen},
};

/// Lo que se tolera sobre el plazo doble: el tiempo de mirar lo que llegó.
const HOLGURA: Us = 50 * MS;

/// Una operación, vista desde fuera: un id con un contenido.
#[derive(Debug)]
struct Op {
    id: OperacionId,
    comando: Comando,
    pedida: Us,
    /// Cuándo supo un cliente lo decidido.
    sabida: Option<Us>,
    envios: u32,
    negados: u32,
    /// Qué gestores contestaron `pendiente`.
    prometida: BTreeSet<usize>,
    decidida: Option<Box<str>>,
}

#[derive(Debug)]
struct Envio {
    op: usize,
    contestado: bool,
    /// A qué gestor llegó, y en qué vida suya.
    entregado: Option<(usize, u32)>,
}

/// Lo que tardó una respuesta, y su plazo.
#[derive(Clone, Copy, Debug)]
pub struct Demora {
    /// Desde que llegó el envío, sin contar lo que el gestor estuvo parado.
    pub tardo: Us,
    /// El plazo de respuesta.
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
    /// Lo primero que se rompió.
    pub falta: Option<String>,
    ops: Vec<Op>,
    envios: Vec<Envio>,
    marcas: HashMap<OperacionId, Marca>,
    confirmadas: BTreeMap<OperacionId, FilaOperacion>,
    /// El orden en que se confirmaron.
    orden: Vec<OperacionId>,
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

    /// Un cliente va a pedir algo.
    pub fn pedir(&mut self, ahora: Us, id: OperacionId, comando: Comando) -> usize {
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
    #[must_use]
    pub fn es_venenosa(&self, id: OperacionId) -> bool {
        self.marcas.get(&id).is_some_and(|m| m.venenosa)
    }

    /// Mata al actor que la atiende.
    #[must_use]
    pub fn es_asesina(&self, id: OperacionId) -> bool {
        self.marcas.get(&id).is_some_and(|m| m.asesina == Some(false))
    }

    /// Mata al gestor de almacenamiento que la atiende.
    #[must_use]
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
    pub fn al_confirmar(&mut self, fila: &FilaOperacion) {
        let id = fila.orden.id;
        if self.confirmadas.insert(id, fila.clone()).is_some() {
            self.romper(format!("{} se decide dos veces", corto(id)));
        }
        if fila.motivo == Some(MotivoDeApartar::FallosDefinidos) && !self.es_venenosa(id) {
            self.romper(format!("{} se aparta por no poderse escribir, y se podía", corto(id)));
        }
        self.orden.push(id);
    }
}

/// Lo que dice una respuesta guardada.
#[derive(Debug, Deserialize)]
struct Guardada {
    estado: Estado,
    codigo: Codigo,
    #[serde(default)]
    datos: Datos,
}

#[derive(Debug, Default, Deserialize)]
struct Datos {
    #[serde(flatten)]
    efecto: Efecto,
    #[serde(default)]
    renovaciones: Option<u8>,
}

/// Lo que se comprueba cuando todo acabó.
///
/// # Errors
/// Qué promesa se rompió.
pub fn concluir(mundo: &Mundo) -> Result<(), String> {
    promesas(&mundo.entorno.juez)?;
    respuestas(mundo)?;
    buzones(mundo)?;
    auditar(mundo)?;
    let llamadas = llamadas(&mundo.entorno.juez);
    linealidad::por_titulo(mundo, &llamadas)?;
    linealidad::por_usuario(&llamadas)
}

fn promesas(juez: &Juez) -> Result<(), String> {
    for op in &juez.ops {
        let fila = juez.confirmadas.get(&op.id);
        let suya = fila.filter(|fila| fila.orden.huella == Huella::de(&op.comando));
        let quien = format!("{} ({})", corto(op.id), en_palabras(&op.comando));
        if !op.prometida.is_empty() && fila.is_none() {
            return Err(format!("{quien} se contestó pendiente y nunca se decidió"));
        }
        let hecha = suya.is_some_and(|fila| matches!(fila.estado, "aplicada" | "rechazada"));
        if op.envios > 0 && op.negados == op.envios && hecha {
            return Err(format!("todos los envíos de {quien} recibieron error y sin embargo se hizo"));
        }
        if op.decidida.is_some() && suya.is_none() {
            return Err(format!("{quien} se contestó como decidida y no está guardada"));
        }
    }
    Ok(())
}

/// Todo envío que llegó a un gestor que no ha muerto desde entonces tiene su respuesta.
fn respuestas(mundo: &Mundo) -> Result<(), String> {
    for (n, envio) in mundo.entorno.juez.envios.iter().enumerate() {
        let Some((gestor, vida)) = envio.entregado.filter(|_| !envio.contestado) else { continue };
        if mundo.entorno.proceso(Quien::Gestor(gestor)).vida == vida {
            return Err(format!("el envío {n} llegó al gestor {gestor} y nunca se contestó"));
        }
    }
    Ok(())
}

/// Lo que un gestor prometió y no se aplicó está en su buzón, y nada de lo aplicado.
fn buzones(mundo: &Mundo) -> Result<(), String> {
    let juez = &mundo.entorno.juez;
    for op in &juez.ops {
        let suya = juez.confirmadas.get(&op.id).filter(|fila| fila.orden.huella == Huella::de(&op.comando));
        let aplicada = suya.is_some_and(|fila| fila.estado == "aplicada");
        for gestor in &op.prometida {
            let carta = mundo.gestores[*gestor].diario.buzon.contains_key(&op.id);
            if !aplicada && !carta {
                return Err(format!(
                    "{} se prometió, no se aplicó y no está en el buzón del gestor {gestor}",
                    corto(op.id)
                ));
            }
        }
    }
    let mut cartas = mundo.gestores.iter().flat_map(|g| &g.diario.buzon);
    match cartas.find(|(_, codigo)| **codigo == Codigo::Ok) {
        Some((id, _)) => Err(format!("{} se aplicó y está en un buzón", corto(*id))),
        None => Ok(()),
    }
}

/// La misma auditoría que compara los procesos reales con PostgreSQL.
fn auditar(mundo: &Mundo) -> Result<(), String> {
    let juez = &mundo.entorno.juez;
    let mut historia = Historia::default();
    for op in &juez.ops {
        let guardado = juez.confirmadas.get(&op.id);
        let de_negocio = |fila: &FilaOperacion| matches!(fila.estado, "aplicada" | "rechazada");
        let suyo = guardado.is_some_and(|fila| fila.orden.huella == Huella::de(&op.comando) && de_negocio(fila));
        if suyo {
            historia.pedida(op.id.uuid(), op.comando.tipo(), Huella::de(&op.comando));
            if let Some(cuerpo) = &op.decidida {
                historia.vista(cuerpo.as_bytes());
            }
        }
    }
    let sembrados = Sembrados::default();
    let mut auditor = Auditor::nuevo(&historia, &sembrados);
    for (id, fila) in &juez.confirmadas {
        let cuerpo = fila.respuesta.cuerpo.get();
        let guardada: Option<Guardada> = descifrar(cuerpo.as_bytes()).ok();
        auditor.operacion(&auditoria::FilaOperacion {
            id: id.uuid(),
            tipo: fila.orden.comando.tipo(),
            huella: fila.orden.huella,
            destino: Destino::TODOS.into_iter().find(|d| d.as_str() == fila.estado),
            aceptada_ms: u64::try_from(fila.orden.aceptada.0 / 1_000).unwrap_or(0),
            respuesta: Some(Resumen::de(cuerpo.as_bytes())),
            efecto: guardada.map(|g| g.datos.efecto).unwrap_or_default(),
        });
    }
    for prestamo in mundo.base.prestamos.values() {
        auditor.prestamo(&FilaPrestamo {
            id: prestamo.id.uuid(),
            ejemplar: prestamo.ejemplar,
            usuario: prestamo.usuario,
            renovaciones: u32::from(prestamo.renovaciones),
            devolucion: prestamo.cierre.map(|c| c.devolucion.uuid()),
        });
    }
    let veredicto = auditor.concluir();
    if veredicto.limpio() { Ok(()) } else { Err(format!("auditoría: {}", veredicto.hallazgos.join("; "))) }
}

/// Las operaciones decididas, en el orden en que se confirmaron, con cuándo se pidieron y cuándo se supieron.
fn llamadas(juez: &Juez) -> Vec<Llamada> {
    let decidida = |id: &OperacionId| {
        let fila = &juez.confirmadas[id];
        let suya = |op: &&Op| op.id == *id && Huella::de(&op.comando) == fila.orden.huella;
        let pedida = juez.ops.iter().filter(suya).map(|op| op.pedida).min().unwrap_or(0);
        let sabida = juez.ops.iter().filter(suya).filter_map(|op| op.sabida).min();
        let guardada: Guardada = descifrar(fila.respuesta.cuerpo.get().as_bytes()).ok()?;
        matches!(guardada.estado, Estado::Aplicada | Estado::Rechazada).then_some(Llamada {
            id: *id,
            comando: fila.orden.comando,
            pedida,
            sabida,
            codigo: guardada.codigo,
            prestamo: guardada.datos.efecto.prestamo,
            ejemplar: guardada.datos.efecto.ejemplar,
            usuario: guardada.datos.efecto.usuario,
            renovaciones: guardada.datos.renovaciones,
        })
    };
    juez.orden.iter().filter_map(decidida).collect()
}
