//! Qué se midió: la forma de los informes, para un programa y para una persona.

use std::{fmt::Write as _, time::Duration};

use common::dominio::Estado;
use serde::Serialize;

use crate::{
    auditoria::Veredicto,
    historia::Historia,
    numeros::{centesimas, percentil},
};

/// El resultado de una carga auditada. Las operaciones son las reconocidas, cada una una vez.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Informe {
    /// Cuántas se reconocieron.
    pub operaciones: u64,
    /// De ellas, hechas.
    pub aplicadas: u64,
    /// De ellas, rechazadas por una regla.
    pub rechazadas: u64,
    /// De ellas, prometidas primero y decididas después.
    pub pendientes: u64,
    /// Errores que el cliente no causó.
    pub errores: u64,
    /// Reconocidas y no guardadas como se reconocieron.
    pub perdidas: u64,
    /// Efectos de más.
    pub duplicadas: u64,
    /// Qué pasó con cada muerte.
    pub fallos: Vec<Fallo>,
}

/// Una muerte bajo carga.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fallo {
    /// Qué se mató.
    pub proceso: String,
    /// El hueco más largo entre dos éxitos, en milisegundos.
    pub pausa_ms: u64,
    /// Operaciones más lentas que el umbral, o que hubo que repetir.
    pub operaciones_afectadas: u64,
}

impl Informe {
    /// El de una historia auditada.
    #[must_use]
    pub fn de(historia: &Historia, veredicto: &Veredicto, fallos: Vec<Fallo>) -> Self {
        let mut informe = Self {
            errores: historia.errores,
            perdidas: veredicto.perdidas,
            duplicadas: veredicto.duplicadas,
            fallos,
            ..Self::default()
        };
        for (_, registro) in historia.registros().filter(|(_, r)| r.reconocida()) {
            informe.operaciones += 1;
            match registro.decidida {
                _ if registro.prometida => informe.pendientes += 1,
                Some((Estado::Aplicada, ..)) => informe.aplicadas += 1,
                _ => informe.rechazadas += 1,
            }
        }
        informe
    }

    /// Si no hubo pérdidas, dobles ni errores.
    #[must_use]
    pub fn limpio(&self) -> bool {
        self.perdidas == 0 && self.duplicadas == 0 && self.errores == 0
    }

    /// Como tabla para una persona.
    #[must_use]
    pub fn tabla(&self) -> String {
        let mut texto = String::new();
        let filas = [
            ("operaciones reconocidas", self.operaciones),
            ("  aplicadas", self.aplicadas),
            ("  rechazadas por una regla", self.rechazadas),
            ("  prometidas y decididas después", self.pendientes),
            ("errores que el cliente no causó", self.errores),
            ("perdidas", self.perdidas),
            ("duplicadas", self.duplicadas),
        ];
        for (nombre, valor) in filas {
            let _ = writeln!(texto, "  {nombre:<36}{valor:>10}");
        }
        if !self.fallos.is_empty() {
            let _ = writeln!(
                texto,
                "\n  {:<36}{:>10}{:>22}",
                "muerte bajo carga (kill -9)", "pausa", "operaciones afectadas"
            );
        }
        for fallo in &self.fallos {
            let pausa = format!("{} ms", fallo.pausa_ms);
            let _ = writeln!(texto, "  {:<36}{pausa:>10}{:>22}", fallo.proceso, fallo.operaciones_afectadas);
        }
        texto
    }
}

/// A qué ritmo se respondió.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ritmo {
    /// Respuestas por segundo, con las consultas.
    pub respuestas_por_segundo: u64,
    /// Lo que tardó la mitad, en milisegundos.
    pub p50_ms: f64,
    /// Lo que tardaron 99 de cada 100.
    pub p99_ms: f64,
    /// La más lenta.
    pub max_ms: f64,
}

impl Ritmo {
    /// El de una historia que duró `duracion`.
    #[must_use]
    pub fn de(historia: &Historia, duracion: Duration) -> Self {
        let mut latencias: Vec<Duration> = historia.muestras.iter().map(|m| m.latencia).collect();
        latencias.sort_unstable();
        let ms = |por_ciento| centesimas(percentil(&latencias, por_ciento).as_secs_f64() * 1000.0);
        let respuestas = u128::try_from(latencias.len()).unwrap_or(0);
        Self {
            respuestas_por_segundo: u64::try_from(respuestas * 1000 / duracion.as_millis().max(1)).unwrap_or(0),
            p50_ms: ms(50),
            p99_ms: ms(99),
            max_ms: ms(100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn el_informe_tiene_estos_campos_y_no_otros() {
        let fallo = Fallo { proceso: "gestor_carga".into(), pausa_ms: 90, operaciones_afectadas: 64 };
        let informe =
            Informe { operaciones: 3, aplicadas: 2, rechazadas: 1, fallos: vec![fallo], ..Informe::default() };
        assert_eq!(
            serde_json::to_string(&informe).expect("json"),
            r#"{"operaciones":3,"aplicadas":2,"rechazadas":1,"pendientes":0,"errores":0,"perdidas":0,"duplicadas":0,"fallos":[{"proceso":"gestor_carga","pausa_ms":90,"operaciones_afectadas":64}]}"#
        );
        assert!(informe.limpio() && !Informe { perdidas: 1, ..informe }.limpio());
    }
}
