//! Lo que un solicitante cuenta de sus peticiones: una línea por cada una, o una fila en un archivo, y el resumen.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
};

use anyhow::Context as _;
use common::{
    dominio::{Codigo, Tipo},
    mensajes::Respuesta,
};
use juicio::numeros::percentil;

use super::{
    medida::{CABECERA, Medida, Quedo},
    peticiones::Peticion,
};

/// Todo decidido.
const HECHO: u8 = 0;
/// Algo acabó en error o sin respuesta.
const MAL: u8 = 1;
/// Algo quedó por decidir, o por pedir.
const ABIERTO: u8 = 3;

/// En qué acabó una petición.
pub enum Desenlace {
    /// Hubo respuesta: la última.
    Respondida(Box<Respuesta>),
    SinRespuesta,
}

impl Desenlace {
    /// Si hubo respuesta.
    pub fn respondida(&self) -> bool {
        matches!(self, Self::Respondida(_))
    }

    fn quedo(&self) -> Quedo {
        match self {
            Self::Respondida(respuesta) => respuesta.estado.into(),
            Self::SinRespuesta => Quedo::SinRespuesta,
        }
    }

    fn codigo(&self) -> Option<Codigo> {
        match self {
            Self::Respondida(respuesta) => Some(respuesta.codigo).filter(|c| *c != Codigo::Ok),
            Self::SinRespuesta => None,
        }
    }

    fn texto(&self) -> String {
        match self {
            Self::Respondida(r) => format!("{} ({}): {}", r.estado, r.codigo, r.mensaje),
            Self::SinRespuesta => "sin respuesta: repita la misma orden y se sabrá".to_owned(),
        }
    }
}

/// Las cuentas de un solicitante.
pub struct Cuaderno {
    medidas: Option<BufWriter<File>>,
    /// De cada operación, cuántas quedaron de cada manera.
    cuentas: BTreeMap<(Tipo, Quedo), u64>,
    /// De cada operación, lo que tardaron, en microsegundos.
    tardaron: BTreeMap<Tipo, Vec<u64>>,
}

impl Cuaderno {
    /// Vacío; las medidas van a `ruta`, o se muestran.
    ///
    /// # Errors
    /// Si no se puede escribir en `ruta`.
    pub fn abrir(ruta: Option<&Path>) -> anyhow::Result<Self> {
        let crear = |ruta: &Path| {
            let archivo = File::create(ruta).with_context(|| format!("no se puede escribir en {}", ruta.display()));
            let mut medidas = BufWriter::new(archivo?);
            writeln!(medidas, "{CABECERA}")?;
            anyhow::Ok(medidas)
        };
        Ok(Self { medidas: ruta.map(crear).transpose()?, cuentas: BTreeMap::new(), tardaron: BTreeMap::new() })
    }

    /// Una petición hecha.
    ///
    /// # Errors
    /// Si no se puede escribir en el archivo.
    pub fn anotar(
        &mut self,
        peticion: &Peticion,
        inicio_us: u64,
        respuesta_us: Option<u64>,
        desenlace: &Desenlace,
    ) -> anyhow::Result<()> {
        let (operacion, estado) = (peticion.comando.tipo(), desenlace.quedo());
        *self.cuentas.entry((operacion, estado)).or_default() += 1;
        if let Some(respuesta) = respuesta_us {
            self.tardaron.entry(operacion).or_default().push(respuesta.saturating_sub(inicio_us));
        }
        let numero = peticion.linea;
        match &mut self.medidas {
            Some(medidas) => {
                let codigo = desenlace.codigo();
                let medida = Medida { numero, operacion, inicio_us, respuesta_us, estado, codigo };
                writeln!(medidas, "{}", medida.linea())?;
            }
            None => println!("{numero:>6} {} {peticion} → {}", marca(estado), desenlace.texto()),
        }
        Ok(())
    }

    /// Muestra el resumen; devuelve el estado de salida. Con medidas, lo que pasó lo dicen ellas.
    ///
    /// # Errors
    /// Si no se puede escribir en el archivo.
    pub fn cerrar(mut self, interrumpido: bool) -> anyhow::Result<u8> {
        if let Some(medidas) = &mut self.medidas {
            medidas.flush()?;
            return Ok(HECHO);
        }
        print!("{}", self.resumen());
        if interrumpido {
            println!("Interrumpido. La misma orden otra vez sigue donde quedó y no hace nada dos veces");
        }
        Ok(self.salida(interrumpido))
    }

    fn salida(&self, interrumpido: bool) -> u8 {
        let hay = |quedo| self.cuentas.keys().any(|(_, q)| *q == quedo);
        if hay(Quedo::Error) || hay(Quedo::SinRespuesta) {
            MAL
        } else if interrumpido || hay(Quedo::Pendiente) || hay(Quedo::Incierta) {
            ABIERTO
        } else {
            HECHO
        }
    }

    fn resumen(&mut self) -> String {
        let mut texto = format!(
            "\n  {:<12}{:>10}{:>11}{:>11}{:>9}{:>11}{:>10}{:>10}\n",
            "", "aplicadas", "rechazadas", "pendientes", "errores", "sin saber", "p50 (ms)", "p95 (ms)"
        );
        for tipo in Tipo::TODOS {
            let de = |quedo| self.cuentas.get(&(tipo, quedo)).copied().unwrap_or(0);
            let [aplicadas, rechazadas, pendientes, errores] =
                [Quedo::Aplicada, Quedo::Rechazada, Quedo::Pendiente, Quedo::Error].map(de);
            let sin_saber = de(Quedo::Incierta) + de(Quedo::SinRespuesta);
            let tardaron = self.tardaron.entry(tipo).or_default();
            tardaron.sort_unstable();
            let [p50, p95] = [50, 95].map(|p| milesimas(percentil(tardaron, p)));
            // Escribir en un String no falla.
            let _ = writeln!(
                texto,
                "  {:<12}{aplicadas:>10}{rechazadas:>11}{pendientes:>11}{errores:>9}{sin_saber:>11}{p50:>10}{p95:>10}",
                tipo.as_str()
            );
        }
        texto
    }
}

/// Microsegundos, escritos en milisegundos con un decimal.
fn milesimas(us: u64) -> String {
    format!("{},{}", us / 1_000, us % 1_000 / 100)
}

fn marca(estado: Quedo) -> char {
    match estado {
        Quedo::Aplicada => '✔',
        Quedo::Rechazada | Quedo::Error => '✘',
        Quedo::Pendiente | Quedo::Incierta | Quedo::SinRespuesta => '…',
    }
}

#[cfg(test)]
mod tests {
    use common::dominio::Comando;

    use super::*;

    fn prestamo() -> Peticion {
        let comando = r#"{"operacion":"prestamo","usuario":"U1","ejemplar":"E1","sede":"CENTRO"}"#;
        Peticion { linea: 1, comando: serde_json::from_str::<Comando>(comando).expect("un comando") }
    }

    fn respondida(estado: &str, codigo: &str) -> Desenlace {
        let json = format!(
            r#"{{"id":null,"exito":false,"estado":"{estado}","codigo":"{codigo}","mensaje":"m",
                "fechaOperacion":"2025-11-21T00:00:00Z","datos":{{}}}}"#
        );
        Desenlace::Respondida(Box::new(serde_json::from_str(&json).expect("respuesta")))
    }

    #[test]
    fn el_estado_de_salida_dice_si_hay_que_repetir() {
        let salida = |desenlaces: Vec<Desenlace>, interrumpido| {
            let mut cuaderno = Cuaderno::abrir(None).expect("sin archivo");
            for desenlace in desenlaces {
                cuaderno.anotar(&prestamo(), 0, Some(1_500), &desenlace).expect("se anota");
            }
            cuaderno.salida(interrumpido)
        };
        assert_eq!(salida(vec![respondida("aplicada", "OK"), respondida("rechazada", "SIN_PRESTAMO")], false), 0);
        assert_eq!(salida(vec![respondida("aplicada", "OK")], true), 3);
        assert_eq!(salida(vec![respondida("pendiente", "SIN_ACTORES")], false), 3);
        assert_eq!(salida(vec![respondida("error", "SATURADO"), respondida("aplicada", "OK")], false), 1);
        assert_eq!(salida(vec![Desenlace::SinRespuesta], true), 1);
    }

    #[test]
    fn las_medidas_llevan_el_codigo_de_lo_que_no_se_hizo() {
        let carpeta = tempfile::tempdir().expect("carpeta");
        let ruta = carpeta.path().join("m.csv");
        let mut cuaderno = Cuaderno::abrir(Some(&ruta)).expect("se abre");
        cuaderno.anotar(&prestamo(), 10, Some(30), &respondida("aplicada", "OK")).expect("se anota");
        cuaderno.anotar(&prestamo(), 40, Some(50), &respondida("rechazada", "EJEMPLAR_PRESTADO")).expect("se anota");
        cuaderno.anotar(&prestamo(), 60, None, &Desenlace::SinRespuesta).expect("se anota");
        assert_eq!(cuaderno.cerrar(false).expect("se cierra"), 0);
        assert_eq!(
            std::fs::read_to_string(ruta).expect("está"),
            "numero,operacion,inicio_us,respuesta_us,estado,codigo\n\
             1,prestamo,10,30,aplicada,\n\
             1,prestamo,40,50,rechazada,EJEMPLAR_PRESTADO\n\
             1,prestamo,60,,sin_respuesta,\n"
        );
    }
}
