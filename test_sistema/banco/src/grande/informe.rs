//! Qué se cuenta del banco grande: la forma de `banco-grande.json`, y lo mismo para una persona.

use std::{collections::BTreeMap, time::Duration};

use juicio::{
    estadistica::rondas::{Extremos, Ritmo},
    informe::{Medido, contadas},
    numeros::{centesimas, milisegundos},
};
use serde::Serialize;
use taller::maquina::Maquina;

use crate::{
    auditoria::Cuadre,
    cadena::{Fallos, Salida},
    informe::redondo,
    objetivos::Objetivo,
    reparto::Tamano,
};

/// Lo que la grande tiene que conservar del ritmo de la pequeña, y los ocupados con los demás conectados.
const RAZON_MIN: f64 = 0.9;
/// Un hueco que una persona no ve.
const HUECO_MAX_MS: f64 = 200.0;

/// Lo que mide el banco grande.
#[derive(Serialize)]
pub struct BancoGrande {
    maquina: Maquina,
    version: &'static str,
    pequena: Tamano,
    grande: Tamano,
    /// Lo que se tardó en cargar las dos.
    pub carga_s: u64,
    pub escala: Vec<Escala>,
    pub poda: Option<Poda>,
    /// Los ocupados, con los demás conectados.
    pub conectados: Option<Presencia>,
    pub auditoria: BTreeMap<String, Cuadre>,
    /// Lo que quedó sin respuesta o sin decidir.
    #[serde(rename = "sin_decidir", serialize_with = "cuantos")]
    pub fallos: Fallos,
    objetivos: Vec<Objetivo>,
}

fn cuantos<S: serde::Serializer>(fallos: &Fallos, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_u64(fallos.cuantos)
}

/// Una comparación entre dos listas de rondas.
#[derive(Clone, Copy, Debug, Serialize)]
struct Comparacion {
    razon: f64,
    razon_min: f64,
    razon_max: f64,
}

impl Comparacion {
    fn de(arriba: &[Ritmo], abajo: &[Ritmo]) -> Self {
        let Extremos { mediana, min, max } = Extremos::de_razones(arriba, abajo);
        Self { razon: centesimas(mediana), razon_min: centesimas(min), razon_max: centesimas(max) }
    }

    fn texto(self) -> String {
        format!("{:.2} ({:.2}–{:.2})", self.razon, self.razon_min, self.razon_max)
    }
}

/// La misma carga sobre pocas filas y sobre muchas.
#[derive(Clone, Debug, Serialize)]
pub struct Escala {
    clientes: usize,
    pequena: Ritmo,
    grande: Ritmo,
    #[serde(flatten)]
    razon: Comparacion,
}

impl Escala {
    /// La de unas rondas.
    pub fn de(clientes: usize, pequena: &[Ritmo], grande: &[Ritmo]) -> Self {
        let razon = Comparacion::de(grande, pequena);
        Self { clientes, pequena: redondo(Ritmo::mediana(pequena)), grande: redondo(Ritmo::mediana(grande)), razon }
    }

    /// En una línea.
    pub fn texto(&self) -> String {
        let Self { clientes, pequena: p, grande: g, razon } = self;
        format!(
            "  {clientes:>4} clientes: pequeña {} op/s (p99 {} ms), grande {} op/s (p99 {} ms), razón {}",
            p.ops_s,
            p.p99_ms,
            g.ops_s,
            g.p99_ms,
            razon.texto()
        )
    }
}

/// Una poda bajo carga.
#[derive(Clone, Debug, Serialize)]
pub struct Poda {
    operaciones: usize,
    tardo_ms: u64,
    hueco_ms: u64,
    #[serde(flatten)]
    ritmo: Ritmo,
}

impl Poda {
    /// La que olvidó `operaciones` en `tardo` mientras se medía `salida`.
    pub fn de(operaciones: usize, tardo: Duration, salida: &Salida) -> Self {
        Self {
            operaciones,
            tardo_ms: milisegundos(tardo),
            hueco_ms: milisegundos(salida.hueco),
            ritmo: redondo(salida.ritmo),
        }
    }

    /// En una línea.
    pub fn texto(&self) -> String {
        let Self { operaciones, tardo_ms, hueco_ms, ritmo } = self;
        format!(
            "  {operaciones} olvidadas en {tardo_ms} ms; mientras, {} op/s, p99 {} ms, y el hueco más largo, {hueco_ms} ms",
            ritmo.ops_s, ritmo.p99_ms
        )
    }
}

/// Los que trabajan, solos y con los demás conectados.
#[derive(Clone, Debug, Serialize)]
pub struct Presencia {
    conectados: usize,
    ocupados: usize,
    solos: Ritmo,
    con_los_demas: Ritmo,
    #[serde(flatten)]
    razon: Comparacion,
}

impl Presencia {
    /// Los de unas rondas.
    pub fn de(conectados: usize, ocupados: usize, solos: &[Ritmo], con_los_demas: &[Ritmo]) -> Self {
        let razon = Comparacion::de(con_los_demas, solos);
        let mediana = |rondas| redondo(Ritmo::mediana(rondas));
        Self { conectados, ocupados, solos: mediana(solos), con_los_demas: mediana(con_los_demas), razon }
    }

    /// En una línea.
    pub fn texto(&self) -> String {
        format!(
            "  solos {} op/s, con los demás {} op/s, razón {}",
            self.solos.ops_s,
            self.con_los_demas.ops_s,
            self.razon.texto()
        )
    }
}

impl BancoGrande {
    /// Uno sin nada medido.
    pub fn new(pequena: Tamano, grande: Tamano) -> Self {
        Self {
            maquina: Maquina::esta(),
            version: env!("CARGO_PKG_VERSION"),
            pequena,
            grande,
            carga_s: 0,
            escala: Vec::new(),
            poda: None,
            conectados: None,
            auditoria: BTreeMap::new(),
            fallos: Fallos::default(),
            objetivos: Vec::new(),
        }
    }

    /// Compara lo que se llegó a medir con lo que se quería.
    pub fn juzgar(&mut self) {
        let de_escala = self.escala.iter().map(|e| {
            let que = format!("{} clientes: grande respecto a pequeña", e.clientes);
            Objetivo::al_menos(que, e.razon.razon, RAZON_MIN)
        });
        let de_poda = self.poda.iter().map(|p| {
            let hueco = f64::from(u32::try_from(p.hueco_ms).unwrap_or(u32::MAX));
            Objetivo::como_mucho("hueco más largo durante la poda, ms".to_owned(), hueco, HUECO_MAX_MS)
        });
        let de_conectados = self.conectados.iter().map(|c| {
            let que = format!("{} ocupados de {} conectados, respecto a ellos solos", c.ocupados, c.conectados);
            Objetivo::al_menos(que, c.razon.razon, RAZON_MIN)
        });
        self.objetivos = de_escala.chain(de_poda).chain(de_conectados).collect();
    }
}

impl Medido for BancoGrande {
    fn faltas(&self) -> Vec<String> {
        let mut faltas = self.fallos.textos.clone();
        faltas.extend(contadas(&[(self.fallos.cuantos, "operaciones quedaron sin respuesta o sin decidir")]));
        if self.auditoria.len() != 2 || !self.auditoria.values().all(Cuadre::limpio) {
            faltas.push("lo reconocido NO cuadra con lo guardado, o no se llegó a auditar".to_owned());
        }
        faltas
    }

    fn texto(&self) -> String {
        let objetivos: String = self.objetivos.iter().map(Objetivo::texto).collect();
        format!("\n▸ Objetivos\n{objetivos}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn con(ops_s: f64) -> Vec<Ritmo> {
        vec![Ritmo { ops_s, p50_ms: 1.0, p99_ms: 2.0 }; 3]
    }

    #[test]
    fn la_grande_tiene_que_conservar_nueve_decimas() {
        let tamano = Tamano { ejemplares: 1, usuarios: 1, renovables: 0 };
        let mut informe = BancoGrande::new(tamano, tamano);
        informe.escala = vec![Escala::de(64, &con(100.0), &con(91.0)), Escala::de(256, &con(100.0), &con(89.0))];
        informe.juzgar();
        assert_eq!(informe.objetivos.iter().map(|o| o.cumple).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn solo_esta_limpio_si_las_dos_se_auditaron_y_no_falta_nada() {
        let tamano = Tamano { ejemplares: 1, usuarios: 1, renovables: 0 };
        let mut informe = BancoGrande::new(tamano, tamano);
        informe.auditoria.insert("pequena".into(), Cuadre::default());
        assert!(!informe.faltas().is_empty());
        informe.auditoria.insert("grande".into(), Cuadre::default());
        assert!(informe.faltas().is_empty());
    }
}
