//! Qué se cuenta del banco: la forma de `banco.json`, y los objetivos para una persona.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use juicio::{
    estadistica::rondas::{Extremos, Ritmo},
    informe::{Medido, contadas},
    numeros::{centesimas, milisegundos},
};
use serde::Serialize;
use taller::maquina::Maquina;

use crate::{
    BancoHecho,
    auditoria::Cuadre,
    cadena::Fallos,
    medida::{Cpu, Fila},
    objetivos::{Objetivo, juzgar},
    reparto::Caso,
};

/// Lo que mide el banco.
#[derive(Serialize)]
pub struct DelBanco {
    maquina: Maquina,
    versiones: BTreeMap<String, String>,
    cadena: Vec<DeLaCadena>,
    referencia: Vec<DeLaReferencia>,
    memoria_mib: BTreeMap<String, f64>,
    arranque_ms: Arranque,
    pausa_ms: Option<u64>,
    auditoria: Option<Cuadre>,
    sin_decidir: u64,
    #[serde(skip)]
    textos: Vec<String>,
    objetivos: Vec<Objetivo>,
}

#[derive(Serialize)]
struct DeLaCadena {
    clientes: usize,
    caso: Caso,
    #[serde(flatten)]
    ritmo: Ritmo,
    razon: f64,
    razon_min: f64,
    razon_max: f64,
    lote: f64,
    rechazadas: u64,
    cpu: Cpu,
}

#[derive(Serialize)]
struct DeLaReferencia {
    clientes: usize,
    caso: Caso,
    #[serde(flatten)]
    ritmo: Ritmo,
    cpu: Cpu,
}

#[derive(Serialize)]
struct Arranque {
    desde_nada: Option<u64>,
    con_datos: Option<u64>,
}

impl DelBanco {
    /// El de lo que se llegó a medir.
    pub(super) fn de(hecho: &BancoHecho) -> Self {
        let BancoHecho { medidas, ajustes, memoria_mib, desde_nada, con_datos, pausa, veredicto } = hecho;
        let mut versiones: BTreeMap<String, String> = ajustes.iter().cloned().collect();
        versiones.insert("anaquel".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        let Fallos { cuantos, textos } = medidas.fallos.clone();
        Self {
            maquina: Maquina::esta(),
            versiones,
            cadena: medidas.filas.iter().map(DeLaCadena::de).collect(),
            referencia: medidas.filas.iter().map(DeLaReferencia::de).collect(),
            memoria_mib: memoria_mib.clone(),
            arranque_ms: Arranque { desde_nada: desde_nada.map(milisegundos), con_datos: con_datos.map(milisegundos) },
            pausa_ms: pausa.map(milisegundos),
            auditoria: *veredicto,
            sin_decidir: cuantos,
            textos,
            objetivos: juzgar(&medidas.filas, memoria_mib, *con_datos),
        }
    }

    /// En qué quedaron los objetivos, en una frase. Uno que no se alcanza se muestra, y no es una falta.
    pub fn conclusion(&self) -> String {
        match self.objetivos.iter().filter(|o| !o.cumple).count() {
            0 => "se alcanzan todos los objetivos".to_owned(),
            1 => "un objetivo no se alcanza".to_owned(),
            n => format!("{n} objetivos no se alcanzan"),
        }
    }
}

impl Medido for DelBanco {
    fn faltas(&self) -> Vec<String> {
        let mut faltas = self.textos.clone();
        faltas.extend(contadas(&[(self.sin_decidir, "operaciones quedaron sin respuesta o sin decidir")]));
        match self.auditoria {
            Some(veredicto) if veredicto.limpio() => {}
            Some(_) => faltas.push("lo reconocido NO cuadra con lo guardado".to_owned()),
            None => faltas.push("no se llegó a auditar".to_owned()),
        }
        faltas
    }

    fn texto(&self) -> String {
        let mut texto: String = self.objetivos.iter().map(Objetivo::texto).collect();
        let memoria: Vec<String> = self.memoria_mib.iter().map(|(nombre, mib)| format!("{nombre} {mib}")).collect();
        let Arranque { desde_nada, con_datos } = &self.arranque_ms;
        for (que, valor) in [
            ("primer préstamo desde nada, ms", *desde_nada),
            ("primer préstamo con datos, ms", *con_datos),
            ("hueco al matar el almacén en uso, ms", self.pausa_ms),
        ] {
            texto += &valor.map_or_else(String::new, |v| format!("    {que}: {v}\n"));
        }
        if !memoria.is_empty() {
            let _ = writeln!(texto, "    memoria residente, MiB: {}", memoria.join(" · "));
        }
        texto
    }
}

impl DeLaCadena {
    fn de(fila: &Fila) -> Self {
        let Extremos { mediana, min, max } = fila.razon();
        Self {
            clientes: fila.prueba.clientes,
            caso: fila.prueba.caso,
            ritmo: redondo(Ritmo::mediana(&fila.cadena)),
            razon: centesimas(mediana),
            razon_min: centesimas(min),
            razon_max: centesimas(max),
            lote: centesimas(fila.lote),
            rechazadas: fila.rechazadas,
            cpu: fila.cpu_cadena.clone(),
        }
    }
}

impl DeLaReferencia {
    fn de(fila: &Fila) -> Self {
        Self {
            clientes: fila.prueba.clientes,
            caso: fila.prueba.caso,
            ritmo: redondo(Ritmo::mediana(&fila.referencia)),
            cpu: fila.cpu_referencia.clone(),
        }
    }
}

/// A lo que se deja leer.
pub(super) fn redondo(ritmo: Ritmo) -> Ritmo {
    Ritmo { ops_s: ritmo.ops_s.round(), p50_ms: centesimas(ritmo.p50_ms), p99_ms: centesimas(ritmo.p99_ms) }
}

impl fmt::Display for Cuadre {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let marca = if self.limpio() { '✔' } else { '✘' };
        writeln!(f, "  {marca} {} operaciones reconocidas", self.reconocidas)?;
        let cuentas = [
            ("no están guardadas como se reconocieron", self.sin_guardar),
            ("préstamos aplicados sin su fila", self.prestamos_perdidos),
            ("devoluciones aplicadas que no cerraron exactamente un préstamo", self.devoluciones_mal),
            ("rechazadas que tuvieron efecto", self.rechazadas_con_efecto),
            ("ejemplares con dos préstamos abiertos", self.ejemplares_dobles),
            ("renovaciones de diferencia", self.renovaciones_de_diferencia),
        ];
        let malas: Vec<String> =
            cuentas.iter().filter(|(_, n)| *n != 0).map(|(que, n)| format!("  ✘ {n} {que}")).collect();
        if malas.is_empty() { write!(f, "    0 perdidas, 0 dobles") } else { write!(f, "{}", malas.join("\n")) }
    }
}

#[cfg(test)]
mod tests {
    use juicio::informe::Informe;

    use super::*;

    #[test]
    fn sin_auditoria_o_con_algo_sin_decidir_no_esta_limpio() {
        let mut hecho = BancoHecho::default();
        let vale = |hecho: &BancoHecho| Informe::de(DelBanco::de(hecho)).vale();
        assert!(!vale(&hecho), "nadie lo comprobó");
        hecho.veredicto = Some(Cuadre { reconocidas: 3, ..Cuadre::default() });
        assert!(vale(&hecho));
        hecho.medidas.fallos.cuantos = 1;
        assert!(!vale(&hecho));
    }

    #[test]
    fn el_json_tiene_los_campos_prometidos() {
        let json = serde_json::to_value(Informe::de(DelBanco::de(&BancoHecho::default()))).expect("json");
        for campo in ["maquina", "versiones", "cadena", "referencia", "memoria_mib", "arranque_ms"] {
            assert!(json.get(campo).is_some(), "falta «{campo}»");
        }
    }
}
