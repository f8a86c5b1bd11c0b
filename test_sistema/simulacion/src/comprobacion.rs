//! Decide, cuando todo acabó, si lo que quedó guardado y lo que se contestó cumplen la promesa.

use common::{
    dominio::{Codigo, Estado, Huella, OperacionId},
    mensajes::descifrar,
};
use gestor_almacenamiento::machine::Decidida;
use juicio::{
    auditoria::{self, Auditor, Destino, Efecto, FilaPrestamo, Sembrados},
    historia::{Historia, ResumenDeBytes},
};
use serde::Deserialize;

use crate::{
    cronica::{corto, en_palabras},
    juez::{Juez, Op},
    linealidad::{self, OperacionDecidida},
    mundo::Mundo,
    sucesos::Quien,
};

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
    linealidad::por_titulo(&mundo.entorno.perfil, &mundo.base, &llamadas)?;
    linealidad::por_usuario(&llamadas)
}

/// Lo que se contestó a cada operación concuerda con lo que fue de ella.
///
/// # Errors
/// Qué promesa se rompió.
pub fn promesas(juez: &Juez) -> Result<(), String> {
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
        let de_negocio = |fila: &Decidida| matches!(fila.estado, "aplicada" | "rechazada");
        let suyo = guardado.is_some_and(|fila| fila.orden.huella == Huella::de(&op.comando) && de_negocio(fila));
        if suyo {
            historia.pedida(op.id.uuid(), op.comando.tipo(), Huella::de(&op.comando));
            if let Some(cuerpo) = &op.decidida {
                historia.vista(cuerpo.as_bytes());
            }
        }
    }
    let sembrados = Sembrados::default();
    let mut auditor = Auditor::new(&historia, &sembrados);
    for (id, fila) in &juez.confirmadas {
        let cuerpo = fila.respuesta.cuerpo.get();
        let guardada: Option<Guardada> = descifrar(cuerpo.as_bytes()).ok();
        auditor.operacion(&auditoria::FilaOperacion {
            id: id.uuid(),
            tipo: fila.orden.comando.tipo(),
            huella: fila.orden.huella,
            destino: Destino::TODOS.into_iter().find(|d| d.as_str() == fila.estado),
            aceptada_ms: u64::try_from(fila.orden.aceptada.0 / 1_000).unwrap_or(0),
            respuesta: Some(ResumenDeBytes::de(cuerpo.as_bytes())),
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
fn llamadas(juez: &Juez) -> Vec<OperacionDecidida> {
    let decidida = |id: &OperacionId| {
        let fila = &juez.confirmadas[id];
        let suya = |op: &&Op| op.id == *id && Huella::de(&op.comando) == fila.orden.huella;
        let pedida = juez.ops.iter().filter(suya).map(|op| op.pedida).min().unwrap_or(0);
        let sabida = juez.ops.iter().filter(suya).filter_map(|op| op.sabida).min();
        let guardada: Guardada = descifrar(fila.respuesta.cuerpo.get().as_bytes()).ok()?;
        matches!(guardada.estado, Estado::Aplicada | Estado::Rechazada).then_some(OperacionDecidida {
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
