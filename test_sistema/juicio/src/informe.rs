//! Qué deja una prueba: un [`Informe`] con lo que midió ella y por qué no vale, si no vale. Lo demás son las piezas que
//! todas repiten: las [`Cuentas`] de lo reconocido, lo [`Auditado`] y el [`Ritmo`].

use std::{fmt::Write as _, time::Duration};

use common::dominio::Estado;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    auditoria::Veredicto,
    historia::Historia,
    numeros::{centesimas, percentil},
};

/// Lo que mide una prueba, que es lo único en que su informe se distingue de los demás.
pub trait Medido: Serialize {
    /// Para una persona.
    fn texto(&self) -> String;
    /// Por qué no vale; vacía si vale.
    fn faltas(&self) -> Vec<String>;
}

/// Un informe: lo medido, juzgado.
#[derive(Clone, Debug, Serialize)]
pub struct Informe<M> {
    #[serde(flatten)]
    pub medido: M,
    /// Por qué no vale; vacía si vale.
    pub faltas: Vec<String>,
}

impl<M: Medido> Informe<M> {
    /// El de lo medido.
    pub fn de(medido: M) -> Self {
        Self { faltas: medido.faltas(), medido }
    }

    /// El mismo, con más razones por las que no vale.
    pub fn con(mut self, faltas: impl IntoIterator<Item = String>) -> Self {
        self.faltas.extend(faltas);
        self
    }

    /// Si vale.
    pub fn vale(&self) -> bool {
        self.faltas.is_empty()
    }

    /// Para una persona: lo medido y las faltas, una por línea.
    pub fn texto(&self) -> String {
        self.faltas.iter().fold(self.medido.texto(), |texto, falta| texto + "\n  ✘ " + falta + "\n")
    }
}

/// Lo que se reconoció en una carga, cada operación una vez, y lo que no cuadra con lo guardado.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cuentas {
    pub operaciones: u64,
    pub aplicadas: u64,
    pub rechazadas: u64,
    /// De ellas, prometidas primero y decididas después.
    pub pendientes: u64,
    pub errores: u64,
    /// Reconocidas y no guardadas como se reconocieron.
    pub perdidas: u64,
    pub duplicadas: u64,
}

impl Cuentas {
    /// Las de una historia auditada.
    pub fn de(historia: &Historia, veredicto: &Veredicto) -> Self {
        let mut cuentas = Self {
            errores: historia.errores,
            perdidas: veredicto.perdidas,
            duplicadas: veredicto.duplicadas,
            ..Self::default()
        };
        for (_, registro) in historia.registros().filter(|(_, r)| r.reconocida()) {
            cuentas.operaciones += 1;
            match registro.decidida {
                _ if registro.prometida => cuentas.pendientes += 1,
                Some((Estado::Aplicada, ..)) => cuentas.aplicadas += 1,
                _ => cuentas.rechazadas += 1,
            }
        }
        cuentas
    }

    /// Suma otras.
    pub fn sumar(&mut self, otras: &Self) {
        self.operaciones += otras.operaciones;
        self.aplicadas += otras.aplicadas;
        self.rechazadas += otras.rechazadas;
        self.pendientes += otras.pendientes;
        self.errores += otras.errores;
        self.perdidas += otras.perdidas;
        self.duplicadas += otras.duplicadas;
    }

    /// Lo que tenía que ser cero y no lo es, y no haber probado `minimo` operaciones.
    pub fn faltas(&self, minimo: u64) -> Vec<String> {
        let mut faltas = contadas(&[
            (self.perdidas, "operaciones reconocidas y no guardadas como se reconocieron"),
            (self.duplicadas, "efectos de más"),
            (self.errores, "errores que el cliente no causó"),
        ]);
        if self.operaciones < minimo {
            faltas.push(format!("se reconocieron {} operaciones, y hacían falta {minimo}", self.operaciones));
        }
        faltas
    }

    /// Como tabla para una persona.
    pub fn tabla(&self) -> String {
        let filas = [
            ("operaciones reconocidas", self.operaciones),
            ("  aplicadas", self.aplicadas),
            ("  rechazadas por una regla", self.rechazadas),
            ("  prometidas y decididas después", self.pendientes),
            ("errores que el cliente no causó", self.errores),
            ("perdidas", self.perdidas),
            ("duplicadas", self.duplicadas),
        ];
        let mut texto = String::new();
        for (nombre, valor) in filas {
            let _ = writeln!(texto, "  {nombre:<36}{valor:>10}");
        }
        texto
    }
}

/// Las de `cuentas` que no son cero.
pub fn contadas(cuentas: &[(u64, &str)]) -> Vec<String> {
    cuentas.iter().filter(|(n, _)| *n > 0).map(|(n, que)| format!("{n} {que}")).collect()
}

/// Lo que dice la auditoría de una o de varias cargas.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Auditado {
    pub auditoria: Cuentas,
    /// Ejemplares cuya historia se comprobó que tiene un orden.
    pub ejemplares_comprobados: u64,
    pub no_linealizables: u64,
    /// Lo prometido que no se decidió a tiempo.
    pub atascadas: Vec<Uuid>,
    /// Lo reconocido que no coincide con lo guardado.
    pub diferencias: Vec<String>,
    #[serde(skip)]
    errores: Vec<String>,
}

impl Auditado {
    /// Suma una carga.
    pub fn sumar(&mut self, historia: &Historia, veredicto: &Veredicto, atascadas: &[Uuid]) {
        self.auditoria.sumar(&Cuentas::de(historia, veredicto));
        self.ejemplares_comprobados += veredicto.ejemplares;
        self.no_linealizables += veredicto.no_lineales;
        self.atascadas.extend(atascadas);
        self.diferencias.extend(veredicto.hallazgos.iter().cloned());
        self.errores.extend(historia.textos_de_errores.iter().map(|e| format!("error: {e}")));
    }

    /// Lo que tenía que ser cero y no lo es, y no haber probado nada.
    pub fn faltas(&self) -> Vec<String> {
        let atascadas = u64::try_from(self.atascadas.len()).unwrap_or(u64::MAX);
        let mut faltas = self.auditoria.faltas(1);
        faltas.extend(contadas(&[
            (self.no_linealizables, "ejemplares cuya historia no tiene un orden posible"),
            (atascadas, "promesas sin decidir"),
        ]));
        faltas.extend(self.errores.iter().cloned());
        faltas
    }

    /// Para una persona, en Markdown que también se lee en una terminal.
    pub fn texto(&self) -> String {
        let Cuentas { operaciones, perdidas, duplicadas, pendientes, .. } = self.auditoria;
        let diferencias = if self.diferencias.is_empty() { "ninguna".into() } else { self.diferencias.join("\n- ") };
        format!(
            "\n**Auditoría de pérdidas.** {operaciones} operaciones reconocidas ({pendientes} prometidas): {perdidas} \
             perdidas, {duplicadas} dobles, {} atascadas; {} ejemplares comprobados, {} sin orden posible.\n\n\
             Diferencias entre lo reconocido y lo guardado: {diferencias}\n",
            self.atascadas.len(),
            self.ejemplares_comprobados,
            self.no_linealizables
        )
    }
}

/// Lo que pasó al matar procesos bajo carga.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Muertes {
    #[serde(flatten)]
    pub cuentas: Cuentas,
    /// Qué pasó con cada una.
    pub fallos: Vec<MuerteVista>,
}

/// Una muerte bajo carga.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MuerteVista {
    pub proceso: String,
    /// El hueco más largo entre dos éxitos, en milisegundos.
    pub pausa_ms: u64,
    /// Operaciones más lentas que el umbral, o que hubo que repetir.
    pub operaciones_afectadas: u64,
}

impl Muertes {
    /// Como tablas para una persona.
    pub fn tabla(&self) -> String {
        let mut texto = self.cuentas.tabla();
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
    pub max_ms: f64,
}

impl Ritmo {
    /// El de una historia que duró `duracion`.
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

    #[derive(Serialize)]
    struct Nada;

    impl Medido for Nada {
        fn texto(&self) -> String {
            "nada".into()
        }

        fn faltas(&self) -> Vec<String> {
            Vec::new()
        }
    }

    #[test]
    fn el_informe_de_unas_muertes_tiene_estos_campos_y_no_otros() {
        let fallo = MuerteVista { proceso: "gestor_carga".into(), pausa_ms: 90, operaciones_afectadas: 64 };
        let cuentas = Cuentas { operaciones: 3, aplicadas: 2, rechazadas: 1, ..Cuentas::default() };
        assert_eq!(
            serde_json::to_string(&Muertes { cuentas, fallos: vec![fallo] }).expect("json"),
            r#"{"operaciones":3,"aplicadas":2,"rechazadas":1,"pendientes":0,"errores":0,"perdidas":0,"duplicadas":0,"fallos":[{"proceso":"gestor_carga","pausa_ms":90,"operaciones_afectadas":64}]}"#
        );
    }

    #[test]
    fn una_perdida_un_doble_un_atasco_o_un_desorden_no_se_perdonan_y_no_probar_nada_tampoco() {
        let bien = Auditado { auditoria: Cuentas { operaciones: 1, ..Cuentas::default() }, ..Auditado::default() };
        assert_eq!(bien.faltas(), Vec::<String>::new());
        assert!(bien.texto().contains("0 perdidas") && bien.texto().contains(": ninguna"));
        for estropear in [
            (|a: &mut Auditado| a.auditoria.perdidas = 1) as fn(&mut Auditado),
            |a| a.auditoria.duplicadas = 1,
            |a| a.auditoria.errores = 1,
            |a| a.auditoria.operaciones = 0,
            |a| a.no_linealizables = 1,
            |a| a.atascadas.push(Uuid::now_v7()),
        ] {
            let mut mal = bien.clone();
            estropear(&mut mal);
            assert_eq!(mal.faltas().len(), 1, "{:?}", mal.faltas());
        }
    }

    #[test]
    fn un_informe_vale_hasta_que_alguien_le_halla_una_falta_y_la_dice() {
        let informe = Informe::de(Nada);
        assert!(informe.vale() && informe.texto() == "nada");
        let informe = informe.con(["se apagó mal".to_owned()]);
        assert!(!informe.vale() && informe.texto().contains("✘ se apagó mal"));
    }
}
