//! Decide si lo que el sistema reconoció es lo que guardó: nada perdido, nada doble. Pura; las filas las lee quien la llama.
//!
//! Primero se le dan todas las operaciones guardadas y después todos los préstamos, de una misma instantánea.

pub mod linealidad;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    fmt::Display,
};

use common::dominio::{Codigo, Comando, EjemplarId, Estado, Huella, Objeto, Tipo, UsuarioId};
use serde::Deserialize;
use uuid::Uuid;

use self::linealidad::{Hecho, Paso};
use crate::{
    historia::{Historia, Registro, ResumenDeBytes},
    linealidad::NoLineal,
};

/// Hallazgos que se guardan con su texto, de cada clase; los demás solo se cuentan.
const HALLAZGOS_CON_TEXTO: usize = 20;

/// Una operación guardada.
#[derive(Clone, Debug)]
pub struct FilaOperacion {
    pub id: Uuid,
    pub tipo: Tipo,
    pub huella: Huella,
    /// En qué quedó; `None` si con ningún nombre conocido.
    pub destino: Option<Destino>,
    /// Cuándo la aceptó un gestor, en milisegundos desde 1970.
    pub aceptada_ms: u64,
    pub respuesta: Option<ResumenDeBytes>,
    /// El ejemplar y el préstamo que su respuesta nombra.
    pub efecto: Efecto,
}

/// En qué quedó una operación guardada.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destino {
    Aplicada,
    Rechazada,
    Anulada,
    Apartada,
}

impl Destino {
    /// Todos.
    pub const TODOS: [Self; 4] = [Self::Aplicada, Self::Rechazada, Self::Anulada, Self::Apartada];

    /// Como se guarda.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aplicada => "aplicada",
            Self::Rechazada => "rechazada",
            Self::Anulada => "anulada",
            Self::Apartada => "apartada",
        }
    }

    /// El que un cliente ve con este estado, si está decidido.
    pub const fn de(estado: Estado) -> Option<Self> {
        match estado {
            Estado::Aplicada => Some(Self::Aplicada),
            Estado::Rechazada => Some(Self::Rechazada),
            Estado::Pendiente | Estado::Error | Estado::Incierta => None,
        }
    }
}

/// Lo que la respuesta guardada de una operación aplicada dice que hizo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Efecto {
    pub prestamo: Option<Uuid>,
    pub ejemplar: Option<EjemplarId>,
    pub usuario: Option<UsuarioId>,
}

/// Un préstamo guardado.
#[derive(Clone, Copy, Debug)]
pub struct FilaPrestamo {
    /// El id de la operación que lo abrió.
    pub id: Uuid,
    pub ejemplar: EjemplarId,
    pub usuario: UsuarioId,
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
    pub no_lineales: u64,
    pub ejemplares: u64,
    /// Operaciones de la historia que quedaron anuladas: no se hicieron ni se harán.
    pub anuladas: u64,
    /// Las que quedaron apartadas: las mirará una persona.
    pub apartadas: u64,
    pub hallazgos: Vec<String>,
}

impl Veredicto {
    /// Si todo cuadra.
    pub fn limpio(&self) -> bool {
        self.perdidas == 0 && self.duplicadas == 0 && self.no_lineales == 0
    }

    fn perdida(&mut self, texto: impl Display) {
        self.perdidas += 1;
        self.anotar(self.perdidas, format!("pérdida: {texto}"));
    }

    fn duplicada(&mut self, texto: impl Display) {
        self.duplicadas += 1;
        self.anotar(self.duplicadas, format!("doble: {texto}"));
    }

    fn no_lineal(&mut self, texto: impl Display) {
        self.no_lineales += 1;
        self.anotar(self.no_lineales, format!("sin orden posible: {texto}"));
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
    /// De cada ejemplar, lo que se le hizo, y si algo de ello lo pidió esta historia.
    pasos: HashMap<EjemplarId, (bool, Vec<Paso>)>,
    veredicto: Veredicto,
}

impl<'a> Auditor<'a> {
    /// Empieza a comparar `historia`.
    pub fn new(historia: &'a Historia, sembrados: &'a Sembrados) -> Self {
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
            pasos: HashMap::new(),
            veredicto,
        }
    }

    /// Una operación guardada.
    pub fn operacion(&mut self, fila: &FilaOperacion) {
        let registro = self.historia.registro(fila.id);
        if let Some(registro) = registro {
            self.guardadas.insert(fila.id);
            self.comparar(fila, registro);
        }
        self.apuntar_paso(fila, registro);
        if fila.destino == Some(Destino::Aplicada) {
            let aplicada = Aplicada { tipo: fila.tipo, efecto: fila.efecto, vista: false };
            self.aplicadas.insert(fila.id, aplicada);
            if let (Tipo::Renovacion, Some(prestamo)) = (fila.tipo, fila.efecto.prestamo) {
                *self.renovaciones.entry(prestamo).or_default() += 1;
            }
        }
    }

    fn comparar(&mut self, fila: &FilaOperacion, registro: &Registro) {
        let id = fila.id;
        if registro.negada && !registro.reconocida() && fila.destino == Some(Destino::Aplicada) {
            self.veredicto.duplicada(format_args!("{id} recibió «error» y sin embargo se aplicó"));
        }
        match fila.destino {
            Some(Destino::Anulada) => self.veredicto.anuladas += 1,
            Some(Destino::Apartada) => self.veredicto.apartadas += 1,
            _ => {}
        }
        if !registro.reconocida() {
            return;
        }
        if (fila.tipo, fila.huella) != (registro.tipo, registro.huella) {
            self.veredicto.perdida(format_args!("{id} se guardó con otro contenido que el pedido"));
        } else if fila.destino.is_none() {
            self.veredicto.perdida(format_args!("{id} se reconoció y no está decidida"));
        } else if let Some((estado, codigo, resumen)) = registro.decidida
            && (fila.destino, fila.respuesta) != (Destino::de(estado), Some(resumen))
        {
            self.veredicto
                .perdida(format_args!("{id} se reconoció como {estado} ({codigo}) y se guardó otra respuesta"));
        }
    }

    /// Lo que esta operación le hizo a un ejemplar, o vio en él; un rechazo que nadie vio no obliga a nada.
    fn apuntar_paso(&mut self, fila: &FilaOperacion, registro: Option<&Registro>) {
        let Some((ejemplar, hecho)) = hecho(fila, registro) else { return };
        let (propia, pasos) = self.pasos.entry(ejemplar).or_default();
        *propia |= registro.is_some();
        // El id lo puso el cliente al pedir, salvo que sea de otro: entonces vale cuándo se aceptó.
        let pedida = fila.id.get_timestamp().map(|t| t.to_unix()).map(|(s, ns)| s * 1_000 + u64::from(ns / 1_000_000));
        let desde_ms = pedida.filter(|_| registro.is_some()).map_or(fila.aceptada_ms, |ms| ms.saturating_sub(1));
        pasos.push(Paso { id: fila.id, desde_ms, hasta_ms: registro.and_then(|r| r.sabida_ms), hecho });
    }

    fn comprobar_orden(&mut self) {
        for (ejemplar, (propia, pasos)) in std::mem::take(&mut self.pasos) {
            if !propia {
                continue;
            }
            self.veredicto.ejemplares += 1;
            match linealidad::comprobar(&pasos) {
                Ok(()) => {}
                Err(NoLineal::SinOrden { colocadas, culpable }) => {
                    let culpable = culpable.map_or_else(Uuid::nil, |i| pasos[i].id);
                    self.veredicto.no_lineal(format_args!(
                        "de las {} operaciones de {ejemplar}, {colocadas} caben y {culpable} ya no",
                        pasos.len()
                    ));
                }
                Err(NoLineal::Inabarcable) => self
                    .veredicto
                    .no_lineal(format_args!("las {} operaciones de {ejemplar} no se pudieron comprobar", pasos.len())),
            }
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
        self.pasos.remove(&fila.ejemplar);
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
    pub fn concluir(mut self) -> Veredicto {
        self.comprobar_orden();
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

fn hecho(fila: &FilaOperacion, registro: Option<&Registro>) -> Option<(EjemplarId, Hecho)> {
    if fila.destino == Some(Destino::Aplicada) {
        let prestamo = fila.efecto.prestamo;
        let hecho = match fila.tipo {
            Tipo::Prestamo => Hecho::Presta(fila.id),
            Tipo::Renovacion => Hecho::Alarga(prestamo?),
            Tipo::Devolucion => Hecho::Cierra(prestamo?),
        };
        return Some((fila.efecto.ejemplar?, hecho));
    }
    let registro = registro?;
    match (registro.decidida?.1, registro.comando?) {
        (Codigo::EjemplarPrestado, Comando::Prestamo { objeto: Objeto::Ejemplar(ejemplar), .. }) => {
            Some((ejemplar, Hecho::VePrestado))
        }
        (Codigo::SinPrestamo, Comando::Devolucion { usuario: None, objeto: Objeto::Ejemplar(ejemplar), .. }) => {
            Some((ejemplar, Hecho::VeLibre))
        }
        _ => None,
    }
}
