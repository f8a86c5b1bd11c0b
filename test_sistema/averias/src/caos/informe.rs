//! Decide qué dice el informe del caos y si lo que pasó vale. Puro.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    time::Duration,
};

use common::dominio::Estado;
use juicio::{
    auditoria::Veredicto,
    historia::Historia,
    informe::{Auditado, Medido, Ritmo, contadas},
    pausas::{Pausas, tabla},
};
use serde::Serialize;

use super::averias::Averia;

/// Lo que se vio, sin interpretar.
pub struct Visto<'a> {
    /// La semilla del plan y de la carga.
    pub semilla: u64,
    pub duro: Duration,
    /// Se dejó a medias con Ctrl-C.
    pub interrumpido: bool,
    /// Con qué disco se hizo lo del diario.
    pub disco: String,
    pub averias: &'a [Averia],
    pub historia: &'a Historia,
    pub veredicto: &'a Veredicto,
    /// Lo prometido que no se decidió a tiempo.
    pub atascadas: &'a [uuid::Uuid],
    /// Veces que el gestor volvió a mandar una operación.
    pub reasignadas: usize,
    /// Veces que un circuito se abrió, en el gestor y en los actores.
    pub breakers_abiertos: usize,
    /// Lo que seguía mal al final, con todo arreglado.
    pub salud: &'a [String],
}

/// Lo que se midió.
#[derive(Clone, Debug, Serialize)]
pub struct Caos {
    pub semilla: u64,
    pub segundos: u64,
    /// Se dejó a medias: lo que dice es de lo que se hizo.
    pub interrumpido: bool,
    /// Cómo se llenó el disco del diario, o por qué no.
    pub disco: String,
    pub fallos: usize,
    /// Los que no se pudieron hacer, con su porqué.
    pub omitidos: Vec<String>,
    /// De cada cien peticiones, las contestadas con una decisión, un dato o una promesa.
    pub exito_por_ciento: f64,
    pub respuestas: BTreeMap<String, u64>,
    /// Las que no se pudieron atender, por su código.
    pub sin_atender: BTreeMap<String, u64>,
    pub sin_respuesta: u64,
    /// Promesas a quien dijo que no las quería.
    pub promesas_no_queridas: u64,
    /// Peticiones que el cliente tuvo que repetir.
    pub reenvios: usize,
    /// Operaciones que el gestor volvió a mandar.
    pub reasignadas: usize,
    pub breakers_abiertos: usize,
    pub apartadas: u64,
    pub anuladas: u64,
    pub ritmo: Ritmo,
    pub pausas: Vec<Pausas>,
    /// Lo que seguía mal al final; vacía si todo estaba sano.
    pub salud: Vec<String>,
    #[serde(flatten)]
    pub auditado: Auditado,
}

impl Caos {
    /// Lo que se midió de lo que se vio.
    pub fn de(visto: &Visto<'_>) -> Self {
        let Visto { historia, veredicto, .. } = visto;
        let mut auditado = Auditado::default();
        auditado.sumar(historia, veredicto, visto.atascadas);
        let omitida = |a: &Averia| Some(format!("{}: {}", a.clase, a.omitida.as_ref()?));
        Self {
            semilla: visto.semilla,
            segundos: visto.duro.as_secs(),
            interrumpido: visto.interrumpido,
            disco: visto.disco.clone(),
            fallos: visto.averias.iter().filter(|a| a.omitida.is_none()).count(),
            omitidos: visto.averias.iter().filter_map(omitida).collect(),
            exito_por_ciento: exito(historia),
            respuestas: por_estado(historia),
            sin_atender: historia.sin_atender.iter().map(|(c, n)| (c.as_str().to_owned(), *n)).collect(),
            sin_respuesta: historia.sin_respuesta,
            promesas_no_queridas: historia.promesas_no_queridas,
            reenvios: historia.muestras.iter().filter(|m| m.repetida).count(),
            reasignadas: visto.reasignadas,
            breakers_abiertos: visto.breakers_abiertos,
            apartadas: veredicto.apartadas,
            anuladas: veredicto.anuladas,
            ritmo: Ritmo::de(historia, visto.duro),
            pausas: pausas(historia, visto.averias),
            salud: visto.salud.to_vec(),
            auditado,
        }
    }
}

impl Medido for Caos {
    fn faltas(&self) -> Vec<String> {
        let mut faltas = self.auditado.faltas();
        faltas.extend(contadas(&[(self.promesas_no_queridas, "promesas a quien no las quería")]));
        faltas.extend(self.salud.iter().map(|s| format!("al final: {s}")));
        faltas
    }

    fn texto(&self) -> String {
        let mut t = String::new();
        let parcial = if self.interrumpido { " (interrumpido: parcial)" } else { "" };
        let _ = writeln!(t, "# Caos: semilla {}, {} s{parcial}\n", self.semilla, self.segundos);
        let _ = writeln!(t, "- Fallos hechos: {}; omitidos: {}", self.fallos, self.omitidos.len());
        let _ = writeln!(t, "- Disco del diario: {}", self.disco);
        let Ritmo { respuestas_por_segundo, p50_ms, p99_ms, max_ms } = self.ritmo;
        let _ = writeln!(
            t,
            "- Éxito: {} % de las peticiones; {respuestas_por_segundo} respuestas/s; p50 {p50_ms} ms, p99 {p99_ms} ms, máxima {max_ms} ms",
            self.exito_por_ciento
        );
        let _ = writeln!(t, "- Respuestas: {}", lista(&self.respuestas));
        let _ = writeln!(t, "- Sin atender: {}; sin respuesta: {}", lista(&self.sin_atender), self.sin_respuesta);
        let _ = writeln!(
            t,
            "- Reenvíos de los clientes: {}; reasignadas por el gestor: {}; circuitos abiertos: {}",
            self.reenvios, self.reasignadas, self.breakers_abiertos
        );
        let _ = writeln!(t, "- Apartadas: {}; anuladas: {}", self.apartadas, self.anuladas);
        let _ = writeln!(t, "- Promesas a quien no las quería: {}", self.promesas_no_queridas);
        let sano = if self.salud.is_empty() { "todo sano".to_owned() } else { self.salud.join("; ") };
        let _ = writeln!(t, "- Salud al final: {sano}\n");
        t + &tabla(&self.pausas, "pausa por clase de fallo") + &self.auditado.texto()
    }
}

fn exito(historia: &Historia) -> f64 {
    let bien = historia.muestras.iter().filter(|m| !matches!(m.estado, Estado::Error | Estado::Incierta)).count();
    let todas = historia.muestras.len() + usize::try_from(historia.sin_respuesta).unwrap_or(0);
    #[allow(clippy::cast_precision_loss)]
    let tanto = bien as f64 * 100.0 / todas.max(1) as f64;
    (tanto * 100.0).round() / 100.0
}

fn por_estado(historia: &Historia) -> BTreeMap<String, u64> {
    let mut cuentas = BTreeMap::new();
    for muestra in &historia.muestras {
        *cuentas.entry(muestra.estado.to_string()).or_default() += 1;
    }
    cuentas
}

/// De cada clase, el hueco más largo entre dos éxitos mientras duró cada fallo; con varios a la vez, es de todos ellos.
fn pausas(historia: &Historia, averias: &[Averia]) -> Vec<Pausas> {
    let hechas = || averias.iter().filter(|a| a.omitida.is_none());
    let clases: BTreeSet<&String> = hechas().map(|a| &a.clase).collect();
    let de_clase = |clase: &String| {
        let suyas = hechas().filter(|a| a.clase == *clase);
        Pausas::de(clase.clone(), suyas.map(|a| historia.pausa(a.desde, a.hasta, |_| true)))
    };
    clases.into_iter().map(de_clase).collect()
}

fn lista(cuentas: &BTreeMap<String, u64>) -> String {
    if cuentas.is_empty() {
        return "ninguna".into();
    }
    cuentas.iter().map(|(que, n)| format!("{n} {que}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use common::dominio::{Codigo, Huella, Tipo};
    use juicio::historia::Muestra;
    use juicio::informe::Informe;
    use uuid::Uuid;

    use super::*;

    fn muestra(ms: u64, estado: Estado) -> Muestra {
        let llegada = Duration::from_millis(ms);
        let exito = estado == Estado::Aplicada;
        Muestra { llegada, latencia: Duration::from_millis(2), tipo: None, exito, estado, repetida: false }
    }

    fn historia() -> Historia {
        let mut historia = Historia::default();
        let id = Uuid::now_v7();
        historia.pedida(id, Tipo::Prestamo, Huella::from_bytes(&[1; 16]).expect("16 bytes"));
        historia.vista(format!(r#"{{"id":"{id}","exito":true,"estado":"aplicada","codigo":"OK"}}"#).as_bytes());
        historia.muestras = vec![
            muestra(100, Estado::Aplicada),
            muestra(150, Estado::Pendiente),
            muestra(200, Estado::Incierta),
            muestra(900, Estado::Aplicada),
        ];
        historia.sin_atender.insert(Codigo::Saturado, 1);
        historia
    }

    fn averia(desde: u64, hasta: u64, omitida: Option<&str>) -> Averia {
        let (desde, hasta) = (Duration::from_millis(desde), Duration::from_millis(hasta));
        Averia { clase: "SIGKILL postgres".into(), desde, hasta, omitida: omitida.map(str::to_owned) }
    }

    fn informe(veredicto: &Veredicto, atascadas: &[Uuid], salud: &[String]) -> Informe<Caos> {
        let averias = [averia(120, 300, None), averia(400, 500, Some("no está en marcha"))];
        Informe::de(Caos::de(&Visto {
            semilla: 7,
            duro: Duration::from_secs(1),
            interrumpido: false,
            disco: "tmpfs".into(),
            averias: &averias,
            historia: &historia(),
            veredicto,
            atascadas,
            reasignadas: 3,
            breakers_abiertos: 2,
            salud,
        }))
    }

    #[test]
    fn sin_nada_que_objetar_vale_y_dice_lo_que_paso() {
        let informe = informe(&Veredicto::default(), &[], &[]);
        assert!(informe.vale(), "{:?}", informe.faltas);
        assert!((informe.medido.exito_por_ciento - 75.0).abs() < 1e-9);
        assert_eq!((informe.medido.fallos, informe.medido.omitidos.len()), (1, 1));
        assert_eq!(informe.medido.pausas.len(), 1);
        assert_eq!((informe.medido.pausas[0].veces, informe.medido.pausas[0].max_ms), (1, 800));
        let texto = informe.texto();
        assert!(texto.contains("1 SATURADO") && texto.contains("0 perdidas") && texto.contains(": ninguna"), "{texto}");
    }

    #[test]
    fn lo_perdido_lo_doble_lo_atascado_lo_desordenado_y_lo_enfermo_se_dicen_y_no_valen() {
        let mal = [
            informe(&Veredicto { perdidas: 1, ..Veredicto::default() }, &[], &[]),
            informe(&Veredicto { duplicadas: 1, ..Veredicto::default() }, &[], &[]),
            informe(&Veredicto { no_lineales: 1, ..Veredicto::default() }, &[], &[]),
            informe(&Veredicto::default(), &[Uuid::now_v7()], &[]),
            informe(&Veredicto::default(), &[], &["postgres está listo".to_owned()]),
        ];
        for informe in mal {
            assert_eq!(informe.faltas.len(), 1, "{:?}", informe.faltas);
            assert!(!informe.vale() && informe.texto().contains('✘'));
        }
    }
}
