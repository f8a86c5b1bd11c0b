//! Decide qué dice el informe de una campaña y qué umbrales no cumplió. Puro.

use std::fmt::Write as _;

use juicio::{auditoria::Veredicto, historia::Historia, informe::Informe as Cuentas, pausas::Pausas};
use serde::Serialize;
use taller::maquina::Maquina;

/// Una cifra con su umbral.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cifra {
    /// Qué se midió, con su unidad.
    pub que: String,
    /// Cuánto.
    pub valor: u64,
    /// Lo más que puede ser; sin él, solo se dice.
    pub maximo: Option<u64>,
}

/// El informe de una campaña.
#[derive(Clone, Debug, Serialize)]
pub struct Informe {
    /// Qué campaña.
    pub campania: String,
    /// En qué máquina.
    pub maquina: Maquina,
    /// Las pausas de cada clase de fallo.
    pub pausas: Vec<Pausas>,
    /// Las pausas que pasaron de su umbral, una a una.
    pub largas: Vec<String>,
    /// Lo demás que se midió.
    pub cifras: Vec<Cifra>,
    /// Operaciones reconocidas, perdidas, duplicadas y errores, de todas sus cargas.
    pub auditoria: Cuentas,
    /// Promesas que no se decidieron a tiempo.
    pub atascadas: u64,
    /// Ejemplares cuya historia no tiene un orden posible.
    pub no_linealizables: u64,
    /// Lo reconocido que no coincide con lo guardado.
    pub diferencias: Vec<String>,
    /// Qué umbrales no se cumplieron; vacía si todos.
    pub faltas: Vec<String>,
}

impl Informe {
    /// Uno sin nada medido.
    #[must_use]
    pub fn nuevo(campania: &str) -> Self {
        Self {
            campania: campania.to_owned(),
            maquina: Maquina::esta(),
            pausas: Vec::new(),
            largas: Vec::new(),
            cifras: Vec::new(),
            auditoria: Cuentas::default(),
            atascadas: 0,
            no_linealizables: 0,
            diferencias: Vec::new(),
            faltas: Vec::new(),
        }
    }

    /// Añade las pausas de una clase; su p99 no ha de pasar de `maximo_ms`, si lo hay.
    pub fn pausa(&mut self, pausas: Pausas, maximo_ms: Option<u64>) {
        self.cifra(format!("pausa p99, {}, ms", pausas.clase), pausas.p99_ms, maximo_ms);
        self.pausas.push(pausas);
    }

    /// Añade una pausa a las largas, si lo es.
    pub fn larga(&mut self, que: String, lo_es: bool) {
        self.largas.extend(lo_es.then_some(que));
    }

    /// Añade una cifra; no ha de pasar de `maximo`, si lo hay.
    pub fn cifra(&mut self, que: impl Into<String>, valor: u64, maximo: Option<u64>) {
        let que = que.into();
        if let Some(maximo) = maximo.filter(|m| valor > *m) {
            self.faltas.push(format!("{que}: {valor}, y no debía pasar de {maximo}"));
        }
        self.cifras.push(Cifra { que, valor, maximo });
    }

    /// Suma la auditoría de una carga.
    pub fn auditada(&mut self, historia: &Historia, veredicto: &Veredicto, atascadas: usize) {
        let estas = Cuentas::de(historia, veredicto, Vec::new());
        let Cuentas { operaciones, aplicadas, rechazadas, pendientes, errores, perdidas, duplicadas, .. } =
            &mut self.auditoria;
        *operaciones += estas.operaciones;
        *aplicadas += estas.aplicadas;
        *rechazadas += estas.rechazadas;
        *pendientes += estas.pendientes;
        *errores += estas.errores;
        *perdidas += estas.perdidas;
        *duplicadas += estas.duplicadas;
        self.atascadas += u64::try_from(atascadas).unwrap_or(u64::MAX);
        self.no_linealizables += veredicto.no_lineales;
        self.diferencias.extend(veredicto.hallazgos.iter().cloned());
        self.faltas.extend(historia.textos_de_errores.iter().map(|e| format!("error: {e}")));
    }

    /// Comprueba lo que en toda campaña ha de ser cero.
    #[must_use]
    pub fn concluir(mut self) -> Self {
        let Cuentas { perdidas, duplicadas, errores, operaciones, .. } = self.auditoria;
        for (cuantas, que) in [
            (perdidas, "operaciones perdidas"),
            (duplicadas, "efectos dobles"),
            (self.atascadas, "promesas sin decidir"),
            (self.no_linealizables, "ejemplares sin un orden posible"),
            (errores, "respuestas que contradicen lo reconocido"),
        ] {
            if cuantas > 0 {
                self.faltas.push(format!("{cuantas} {que}"));
            }
        }
        if operaciones == 0 {
            self.faltas.push("no se reconoció ninguna operación: no se probó nada".into());
        }
        self
    }

    /// Para una persona, en Markdown que también se lee en una terminal.
    #[must_use]
    pub fn texto(&self) -> String {
        let mut t = String::new();
        let Maquina { procesador, nucleos, memoria_mib, sistema } = &self.maquina;
        let _ = writeln!(t, "# Campaña: {}\n", self.campania);
        let _ = writeln!(t, "{procesador}, {nucleos} núcleos, {memoria_mib} MiB, Linux {sistema}\n");
        if !self.pausas.is_empty() {
            let _ = writeln!(t, "| pausa | veces | p50 | p99 | máx. |\n|---|---:|---:|---:|---:|");
        }
        for p in &self.pausas {
            let _ = writeln!(t, "| {} | {} | {} ms | {} ms | {} ms |", p.clase, p.veces, p.p50_ms, p.p99_ms, p.max_ms);
        }
        for larga in &self.largas {
            let _ = writeln!(t, "\n- {larga}");
        }
        let _ = writeln!(t, "\n| cifra | medida | máximo |\n|---|---:|---:|");
        for Cifra { que, valor, maximo } in &self.cifras {
            let maximo = maximo.map_or_else(|| "—".into(), |m| m.to_string());
            let _ = writeln!(t, "| {que} | {valor} | {maximo} |");
        }
        let Cuentas { operaciones, pendientes, perdidas, duplicadas, .. } = &self.auditoria;
        let _ = writeln!(
            t,
            "\n**Auditoría.** {operaciones} operaciones reconocidas ({pendientes} prometidas): {perdidas} perdidas, \
             {duplicadas} dobles, {} atascadas, {} ejemplares sin orden posible.",
            self.atascadas, self.no_linealizables
        );
        for linea in self.diferencias.iter().chain(&self.faltas) {
            let _ = writeln!(t, "\n✘ {linea}");
        }
        t
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn con_operaciones() -> Informe {
        let mut informe = Informe::nuevo("muertes");
        informe.auditoria.operaciones = 10;
        informe
    }

    #[test]
    fn un_umbral_que_se_pasa_se_dice_con_su_cifra_y_uno_que_se_cumple_no() {
        let mut informe = con_operaciones();
        informe.pausa(Pausas::de("actor", [Duration::from_millis(100)]), Some(100));
        informe.pausa(Pausas::de("almacén", [Duration::from_millis(101)]), Some(100));
        informe.pausa(Pausas::de("gestor", [Duration::from_secs(9)]), None);
        let informe = informe.concluir();
        assert_eq!(informe.faltas, ["pausa p99, almacén, ms: 101, y no debía pasar de 100"]);
        assert!(informe.texto().contains("| gestor | 1 | 9000 ms |"), "{}", informe.texto());
    }

    #[test]
    fn una_perdida_un_doble_o_un_atasco_no_se_perdonan_y_no_probar_nada_tampoco() {
        let mut informe = con_operaciones();
        let veredicto = Veredicto { perdidas: 1, duplicadas: 2, no_lineales: 1, ..Veredicto::default() };
        informe.auditada(&Historia::default(), &veredicto, 3);
        assert_eq!(informe.concluir().faltas.len(), 4);
        assert_eq!(Informe::nuevo("apagon").concluir().faltas.len(), 1);
    }
}
