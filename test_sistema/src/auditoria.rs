//! Decide si lo que el sistema reconoció es lo que guardó: nada perdido, nada doble. Pura; las filas las lee [`base`].
//!
//! Primero se le dan todas las operaciones guardadas y después todos los préstamos, de una misma instantánea.

pub mod base;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    fmt::Display,
};

use common::dominio::{EjemplarId, Estado, Huella, Tipo, UsuarioId};
use serde::Deserialize;
use uuid::Uuid;

use crate::historia::{Historia, Registro, Resumen};

/// Hallazgos que se guardan con su texto, de cada clase; los demás solo se cuentan.
const HALLAZGOS_CON_TEXTO: usize = 20;

/// Una operación guardada.
#[derive(Clone, Debug)]
pub struct FilaOperacion {
    /// Su id.
    pub id: Uuid,
    /// Qué clase de operación.
    pub tipo: Tipo,
    /// Qué se pidió.
    pub huella: Huella,
    /// En qué quedó; `None` si no quedó decidida como aplicada ni como rechazada.
    pub estado: Option<Estado>,
    /// El resumen de su respuesta guardada.
    pub respuesta: Option<Resumen>,
    /// El ejemplar y el préstamo que su respuesta nombra.
    pub efecto: Efecto,
}

/// Lo que la respuesta guardada de una operación aplicada dice que hizo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Efecto {
    /// En qué préstamo.
    pub prestamo: Option<Uuid>,
    /// En qué ejemplar.
    pub ejemplar: Option<EjemplarId>,
    /// De qué usuario.
    pub usuario: Option<UsuarioId>,
}

/// Un préstamo guardado.
#[derive(Clone, Copy, Debug)]
pub struct FilaPrestamo {
    /// El id de la operación que lo abrió.
    pub id: Uuid,
    /// Qué ejemplar.
    pub ejemplar: EjemplarId,
    /// A quién.
    pub usuario: UsuarioId,
    /// Cuántas veces se alargó.
    pub renovaciones: u32,
    /// La operación que lo cerró; `None` si está abierto.
    pub devolucion: Option<Uuid>,
}

/// Lo que la auditoría concluye.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Veredicto {
    /// Operaciones reconocidas cuya decisión, respuesta o efecto no está guardado como se reconoció.
    pub perdidas: u64,
    /// Efectos que ninguna operación aplicada justifica, o que una justifica dos veces.
    pub duplicadas: u64,
    /// Qué se halló, para una persona.
    pub hallazgos: Vec<String>,
}

impl Veredicto {
    /// Si todo cuadra.
    #[must_use]
    pub fn limpio(&self) -> bool {
        self.perdidas == 0 && self.duplicadas == 0
    }

    fn perdida(&mut self, texto: impl Display) {
        self.perdidas += 1;
        self.anotar(self.perdidas, format!("pérdida: {texto}"));
    }

    fn duplicada(&mut self, texto: impl Display) {
        self.duplicadas += 1;
        self.anotar(self.duplicadas, format!("doble: {texto}"));
    }

    fn anotar(&mut self, cuantas: u64, texto: String) {
        if usize::try_from(cuantas).is_ok_and(|n| n <= HALLAZGOS_CON_TEXTO) {
            self.hallazgos.push(texto);
        }
    }
}

/// Lo que hace falta recordar de una operación aplicada hasta ver los préstamos.
struct Aplicada {
    tipo: Tipo,
    efecto: Efecto,
    vista: bool,
}

/// Los préstamos que ya estaban al empezar y cuyas operaciones ya no se guardan: no hay con qué comparar su historia.
#[derive(Clone, Debug, Default)]
pub struct Sembrados(HashSet<Uuid>);

impl FromIterator<Uuid> for Sembrados {
    fn from_iter<I: IntoIterator<Item = Uuid>>(ids: I) -> Self {
        Self(ids.into_iter().collect())
    }
}

/// La auditoría en marcha.
pub struct Auditor<'a> {
    historia: &'a Historia,
    sembrados: &'a Sembrados,
    aplicadas: HashMap<Uuid, Aplicada>,
    /// De cada préstamo, las renovaciones aplicadas que lo nombran.
    renovaciones: HashMap<Uuid, u32>,
    guardadas: HashSet<Uuid>,
    abiertos: HashSet<EjemplarId>,
    veredicto: Veredicto,
}

impl<'a> Auditor<'a> {
    /// Empieza a comparar `historia`.
    #[must_use]
    pub fn nuevo(historia: &'a Historia, sembrados: &'a Sembrados) -> Self {
        let mut veredicto = Veredicto::default();
        for id in &historia.contradicciones {
            veredicto.perdida(format_args!("{id} recibió dos respuestas distintas"));
        }
        Self {
            historia,
            sembrados,
            aplicadas: HashMap::new(),
            renovaciones: HashMap::new(),
            guardadas: HashSet::new(),
            abiertos: HashSet::new(),
            veredicto,
        }
    }

    /// Una operación guardada.
    pub fn operacion(&mut self, fila: &FilaOperacion) {
        if let Some(registro) = self.historia.registro(fila.id) {
            self.guardadas.insert(fila.id);
            self.comparar(fila, registro);
        }
        if fila.estado == Some(Estado::Aplicada) {
            let aplicada = Aplicada { tipo: fila.tipo, efecto: fila.efecto, vista: false };
            self.aplicadas.insert(fila.id, aplicada);
            if let (Tipo::Renovacion, Some(prestamo)) = (fila.tipo, fila.efecto.prestamo) {
                *self.renovaciones.entry(prestamo).or_default() += 1;
            }
        }
    }

    fn comparar(&mut self, fila: &FilaOperacion, registro: &Registro) {
        let id = fila.id;
        if registro.negada && !registro.reconocida() && fila.estado == Some(Estado::Aplicada) {
            self.veredicto.duplicada(format_args!("{id} recibió «error» y sin embargo se aplicó"));
        }
        if !registro.reconocida() {
            return;
        }
        if (fila.tipo, fila.huella) != (registro.tipo, registro.huella) {
            self.veredicto.perdida(format_args!("{id} se guardó con otro contenido que el pedido"));
        } else if fila.estado.is_none() {
            self.veredicto.perdida(format_args!("{id} se reconoció y no está ni aplicada ni rechazada"));
        } else if let Some((estado, codigo, resumen)) = registro.decidida
            && (fila.estado, fila.respuesta) != (Some(estado), Some(resumen))
        {
            self.veredicto
                .perdida(format_args!("{id} se reconoció como {estado} ({codigo}) y se guardó otra respuesta"));
        }
    }

    /// Un préstamo guardado, después de todas las operaciones.
    pub fn prestamo(&mut self, fila: &FilaPrestamo) {
        if fila.devolucion.is_none() && !self.abiertos.insert(fila.ejemplar) {
            self.veredicto.duplicada(format_args!("el ejemplar {} tiene dos préstamos abiertos", fila.ejemplar));
        }
        if self.sembrados.0.contains(&fila.id) {
            self.dispensar(fila);
            return;
        }
        self.justificar(fila.id, Tipo::Prestamo, fila);
        if let Some(devolucion) = fila.devolucion {
            self.justificar(devolucion, Tipo::Devolucion, fila);
        }
        self.contar_renovaciones(fila);
    }

    /// Su historia empezó antes de lo que se guarda: solo se anota lo que de ella se sabe.
    fn dispensar(&mut self, fila: &FilaPrestamo) {
        self.renovaciones.remove(&fila.id);
        for id in [Some(fila.id), fila.devolucion].into_iter().flatten() {
            if let Some(aplicada) = self.aplicadas.get_mut(&id) {
                aplicada.vista = true;
            }
        }
    }

    fn contar_renovaciones(&mut self, fila: &FilaPrestamo) {
        let aplicadas = self.renovaciones.remove(&fila.id).unwrap_or(0);
        if fila.renovaciones > aplicadas {
            self.veredicto.duplicada(format_args!(
                "el préstamo {} se alargó {} veces y solo {aplicadas} renovaciones se aplicaron",
                fila.id, fila.renovaciones
            ));
        } else if fila.renovaciones < aplicadas {
            self.veredicto.perdida(format_args!(
                "al préstamo {} se le aplicaron {aplicadas} renovaciones y se alargó {} veces",
                fila.id, fila.renovaciones
            ));
        }
    }

    /// El préstamo dice que lo abrió o cerró `id`: ha de ser una operación aplicada, de esa clase, de ese préstamo y por
    /// primera vez.
    fn justificar(&mut self, id: Uuid, tipo: Tipo, fila: &FilaPrestamo) {
        let Some(aplicada) = self.aplicadas.get_mut(&id).filter(|a| a.tipo == tipo) else {
            self.veredicto.duplicada(format_args!(
                "el préstamo {} tiene el efecto de {tipo} {id}, y no hay tal operación aplicada",
                fila.id
            ));
            return;
        };
        if std::mem::replace(&mut aplicada.vista, true) {
            self.veredicto.duplicada(format_args!("{tipo} {id} tiene dos efectos"));
            return;
        }
        let Efecto { prestamo, ejemplar, usuario } = aplicada.efecto;
        if prestamo.is_some_and(|p| p != fila.id)
            || ejemplar.is_some_and(|e| e != fila.ejemplar)
            || usuario.is_some_and(|u| u != fila.usuario)
        {
            self.veredicto.perdida(format_args!("{tipo} {id} respondió una cosa e hizo otra (préstamo {})", fila.id));
        }
    }

    /// Lo que se concluye cuando ya no quedan filas.
    #[must_use]
    pub fn concluir(mut self) -> Veredicto {
        for (id, registro) in self.historia.registros() {
            if registro.reconocida() && !self.guardadas.contains(id) {
                self.veredicto.perdida(format_args!("{} {id} se reconoció y no está guardada", registro.tipo));
            }
        }
        for (id, aplicada) in &self.aplicadas {
            if aplicada.tipo != Tipo::Renovacion && !aplicada.vista {
                self.veredicto.perdida(format_args!("{} {id} está aplicada y no tiene efecto", aplicada.tipo));
            }
        }
        for (prestamo, cuantas) in &self.renovaciones {
            self.veredicto
                .perdida(format!("{cuantas} renovaciones aplicadas de un préstamo que no existe: {prestamo}"));
        }
        self.veredicto
    }
}
