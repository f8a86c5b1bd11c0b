//! Decide qué dice el informe de una campaña y qué umbrales no cumplió. Puro.

use std::fmt::Write as _;

use juicio::{
    informe::{Auditado, Medido},
    pausas::{Pausas, tabla},
};
use serde::Serialize;
use taller::maquina::Maquina;

/// Una cifra con su umbral.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cifra {
    /// Qué se midió, con su unidad.
    pub que: String,
    pub valor: u64,
    /// Lo más que puede ser; sin él, solo se dice.
    pub maximo: Option<u64>,
}

/// Lo que midió una campaña.
#[derive(Clone, Debug, Serialize)]
pub struct Campania {
    #[serde(rename = "campania")]
    pub cual: String,
    pub maquina: Maquina,
    /// Las pausas de cada clase de fallo.
    pub pausas: Vec<Pausas>,
    /// Las pausas que pasaron de su umbral, una a una.
    pub largas: Vec<String>,
    pub cifras: Vec<Cifra>,
    /// Lo que dice la auditoría de todas sus cargas.
    #[serde(flatten)]
    pub auditado: Auditado,
}

impl Campania {
    /// Una sin nada medido.
    pub fn new(cual: &str) -> Self {
        Self {
            cual: cual.to_owned(),
            maquina: Maquina::esta(),
            pausas: Vec::new(),
            largas: Vec::new(),
            cifras: Vec::new(),
            auditado: Auditado::default(),
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
        self.cifras.push(Cifra { que: que.into(), valor, maximo });
    }
}

impl Cifra {
    fn falta(&self) -> Option<String> {
        let maximo = self.maximo.filter(|maximo| self.valor > *maximo)?;
        Some(format!("{}: {}, y no debía pasar de {maximo}", self.que, self.valor))
    }
}

impl Medido for Campania {
    fn faltas(&self) -> Vec<String> {
        self.cifras.iter().filter_map(Cifra::falta).chain(self.auditado.faltas()).collect()
    }

    fn texto(&self) -> String {
        let mut t = String::new();
        let Maquina { procesador, nucleos, memoria_mib, sistema } = &self.maquina;
        let _ = writeln!(t, "# Campaña: {}\n", self.cual);
        let _ = writeln!(t, "{procesador}, {nucleos} núcleos, {memoria_mib} MiB, Linux {sistema}\n");
        t += &tabla(&self.pausas, "pausa");
        for larga in &self.largas {
            let _ = writeln!(t, "\n- {larga}");
        }
        let _ = writeln!(t, "\n| cifra | medida | máximo |\n|---|---:|---:|");
        for Cifra { que, valor, maximo } in &self.cifras {
            let maximo = maximo.map_or_else(|| "—".into(), |m| m.to_string());
            let _ = writeln!(t, "| {que} | {valor} | {maximo} |");
        }
        t + &self.auditado.texto()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use juicio::informe::Informe;

    use super::*;

    #[test]
    fn un_umbral_que_se_pasa_se_dice_con_su_cifra_y_uno_que_se_cumple_no() {
        let mut campania = Campania::new("muertes");
        campania.auditado.auditoria.operaciones = 10;
        campania.pausa(Pausas::de("actor", [Duration::from_millis(100)]), Some(100));
        campania.pausa(Pausas::de("almacén", [Duration::from_millis(101)]), Some(100));
        campania.pausa(Pausas::de("gestor", [Duration::from_secs(9)]), None);
        let informe = Informe::de(campania);
        assert_eq!(informe.faltas, ["pausa p99, almacén, ms: 101, y no debía pasar de 100"]);
        assert!(informe.texto().contains("| gestor | 1 | 9000 ms |"), "{}", informe.texto());
        assert_eq!(Informe::de(Campania::new("apagon")).faltas.len(), 1, "no probar nada no vale");
    }
}
