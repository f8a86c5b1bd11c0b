//! Qué se midió en los contenedores y si vale: el informe, para un programa y para una persona. Puro.

use std::{fmt::Write as _, time::Duration};

use juicio::{
    auditoria::Veredicto,
    historia::Historia,
    informe::{Cuentas, Medido, contadas},
    numeros::milisegundos,
};
use serde::Serialize;
use taller::maquina::Maquina;

use super::{
    escenario::RoturaMedida,
    plan::{ARRANQUE_MAX, OPERACIONES_MIN, TODO_MAX, pasa_por},
};

/// A partir de cuánto una operación cuenta como afectada.
const LENTA: Duration = Duration::from_millis(100);

/// Lo que midió la demostración.
#[derive(Clone, Debug, Serialize)]
pub struct Contenedores {
    pub maquina: Maquina,
    pub motor: String,
    /// De `up` a todo sano, en milisegundos.
    pub arranque_ms: u64,
    /// Lo que duró todo, en segundos.
    pub duracion_s: u64,
    #[serde(flatten)]
    pub cuentas: Cuentas,
    /// Lo que no se pudo atender mientras no había con qué, que es una respuesta y no un error.
    pub sin_atender: u64,
    /// Ejemplares cuya historia no tiene un orden posible.
    pub no_lineales: u64,
    /// Operaciones decididas antes de la copia, comprobadas en lo restaurado.
    pub restauradas: u64,
    pub averias: Vec<Rotura>,
    /// Lo que la auditoría halló mal, y los errores.
    #[serde(skip)]
    pub hallazgos: Vec<String>,
}

/// Algo que se rompió bajo carga.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rotura {
    pub que: String,
    /// El hueco más largo entre dos éxitos de los que pasan por ahí, en milisegundos.
    pub pausa_ms: u64,
    /// Lo que tardó la respuesta más lenta, en milisegundos.
    pub mas_lenta_ms: u64,
    /// Lo que no debía pasar de ahí, si algo.
    pub limite_ms: Option<u64>,
    /// Operaciones más lentas que 100 ms, o que hubo que repetir.
    pub afectadas: usize,
}

impl Rotura {
    /// Lo que se vio en su ventana.
    pub(super) fn de(ventana: &RoturaMedida, historia: &Historia) -> Self {
        let RoturaMedida { que, limite, desde, hasta } = ventana;
        let tipo = pasa_por(que);
        let lentas = historia.muestras.iter().filter(|m| (desde..=hasta).contains(&&m.llegada));
        Self {
            que: que.clone(),
            pausa_ms: milisegundos(historia.pausa(*desde, *hasta, |m| tipo.is_none_or(|t| m.tipo == Some(t)))),
            mas_lenta_ms: milisegundos(lentas.map(|m| m.latencia).max().unwrap_or_default()),
            limite_ms: limite.map(milisegundos),
            afectadas: historia.afectadas(*desde, *hasta, LENTA),
        }
    }

    fn falta(&self) -> Option<String> {
        let limite = self.limite_ms.filter(|limite| self.pausa_ms >= *limite)?;
        Some(format!("la pausa de «{}» fue de {} ms, y no debía llegar a {limite}", self.que, self.pausa_ms))
    }
}

impl Contenedores {
    /// Vacío, de esta máquina.
    pub fn new(motor: String, arranque: Duration) -> Self {
        Self {
            maquina: Maquina::esta(),
            motor,
            arranque_ms: milisegundos(arranque),
            duracion_s: 0,
            cuentas: Cuentas::default(),
            sin_atender: 0,
            no_lineales: 0,
            restauradas: 0,
            averias: Vec::new(),
            hallazgos: Vec::new(),
        }
    }

    /// Suma una historia auditada.
    pub fn sumar(&mut self, historia: &Historia, veredicto: &Veredicto) {
        self.cuentas.sumar(&Cuentas::de(historia, veredicto));
        self.sin_atender += historia.sin_atender.values().sum::<u64>() + historia.sin_respuesta;
        self.no_lineales += veredicto.no_lineales;
        self.hallazgos.extend(veredicto.hallazgos.iter().cloned());
        self.hallazgos.extend(historia.textos_de_errores.iter().map(|texto| format!("error: {texto}")));
    }
}

impl Medido for Contenedores {
    fn faltas(&self) -> Vec<String> {
        let exigido = [
            (self.restauradas == 0, "no se comprobó nada de lo restaurado".to_owned()),
            (
                self.arranque_ms >= milisegundos(ARRANQUE_MAX),
                format!("las dos máquinas tardaron {} ms en estar sanas", self.arranque_ms),
            ),
            (self.duracion_s >= TODO_MAX.as_secs(), format!("duró {} s", self.duracion_s)),
        ];
        let mut faltas = self.hallazgos.clone();
        faltas.extend(self.cuentas.faltas(OPERACIONES_MIN));
        faltas.extend(contadas(&[(self.no_lineales, "ejemplares con una historia imposible")]));
        faltas.extend(exigido.into_iter().filter(|(mal, _)| *mal).map(|(_, texto)| texto));
        faltas.extend(self.averias.iter().filter_map(Rotura::falta));
        faltas
    }

    fn texto(&self) -> String {
        let mut texto = String::new();
        let Cuentas { operaciones, pendientes, errores, perdidas, duplicadas, .. } = self.cuentas;
        for (nombre, valor) in [
            ("operaciones reconocidas", operaciones),
            ("  prometidas y decididas después", pendientes),
            ("errores que el cliente no causó", errores),
            ("sin atender, mientras no había con qué", self.sin_atender),
            ("perdidas", perdidas),
            ("duplicadas", duplicadas),
            ("comprobadas en lo restaurado", self.restauradas),
        ] {
            let _ = writeln!(texto, "  {nombre:<66}{valor:>9}");
        }
        let _ = writeln!(texto, "\n  {:<66}{:>9}{:>12}{:>12}", "bajo carga", "pausa", "más lenta", "afectadas");
        for Rotura { que, pausa_ms, mas_lenta_ms, afectadas, .. } in &self.averias {
            let _ = writeln!(texto, "  {que:<66}{pausa_ms:>6} ms{mas_lenta_ms:>9} ms{afectadas:>12}");
        }
        let _ = writeln!(
            texto,
            "\n  sanas a los {} s de levantarlas; {} núcleos; {}",
            self.arranque_ms / 1000,
            self.maquina.nucleos,
            self.motor
        );
        texto
    }
}

#[cfg(test)]
mod tests {
    use juicio::informe::Informe;

    use super::*;

    fn bueno() -> Contenedores {
        let averia = |pausa_ms, limite_ms| {
            let que = "docker stop x".to_owned();
            Rotura { que, pausa_ms, mas_lenta_ms: 300, limite_ms, afectadas: 1 }
        };
        Contenedores {
            cuentas: Cuentas { operaciones: OPERACIONES_MIN, ..Cuentas::default() },
            restauradas: 1,
            averias: vec![averia(199, Some(200)), averia(5_000, None)],
            ..Contenedores::new("Docker 20".into(), Duration::from_secs(59))
        }
    }

    #[test]
    fn vale_si_todo_cuadra_y_cada_cosa_que_no_se_dice() {
        assert_eq!(Informe::de(bueno()).faltas, Vec::<String>::new());
        let malos: [fn(&mut Contenedores); 8] = [
            |i| i.cuentas.operaciones -= 1,
            |i| i.cuentas.perdidas = 1,
            |i| i.cuentas.duplicadas = 1,
            |i| i.no_lineales = 1,
            |i| i.cuentas.errores = 1,
            |i| i.arranque_ms = 60_000,
            |i| i.duracion_s = 600,
            |i| i.averias[0].pausa_ms = 200,
        ];
        for estropear in malos {
            let mut medido = bueno();
            estropear(&mut medido);
            assert_eq!(Informe::de(medido).faltas.len(), 1);
        }
    }

    #[test]
    fn la_tabla_dice_la_pausa_de_cada_cosa() {
        let tabla = bueno().texto();
        assert!(tabla.contains("docker stop x") && tabla.contains("199 ms") && tabla.contains("10000"), "{tabla}");
    }
}
