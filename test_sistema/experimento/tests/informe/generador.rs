//! Un experimento inventado pero verosímil: solicitantes en bucle cerrado, un almacén que muere, y un diseño que no releva.

use chrono::DateTime;
use common::dominio::{Codigo, Tipo};
use experimento::{
    ficha::{Condiciones, Ficha},
    plan::Ejecucion,
    resultados::{ARCHIVO, Diseno, Escritor, FalloInducido, Fila},
};
use juicio::azar::Azar;
use tempfile::TempDir;
use test_sistema::solicitante::medida::Quedo;

const SEGUNDO: u64 = 1_000_000;
/// Lo que tarda en seguir quien tiene un segundo almacén, y en volver el que no lo tiene.
const RELEVO_US: u64 = 320_000;
const VUELTA_US: u64 = 2_600_000;

/// Qué experimento se inventa.
pub struct Plan {
    pub disenos: Vec<Diseno>,
    pub fallos: Vec<FalloInducido>,
    pub repeticiones: u32,
    pub segundos: u64,
    pub pausa_ms: u64,
    pub interrumpido: bool,
}

impl Plan {
    pub fn completo() -> Self {
        Self {
            disenos: Diseno::TODOS.to_vec(),
            fallos: vec![FalloInducido::No, FalloInducido::Si],
            repeticiones: 3,
            segundos: 10,
            pausa_ms: 40,
            interrumpido: false,
        }
    }

    pub fn sin_fallos(self) -> Self {
        Self { fallos: vec![FalloInducido::No], ..self }
    }
}

/// Deja en una carpeta lo que dejaría el experimento.
pub fn generar(plan: &Plan) -> TempDir {
    let carpeta = tempfile::tempdir().expect("carpeta");
    let mut escritor = Escritor::crear(&carpeta.path().join(ARCHIVO)).expect("se crea");
    let mut azar = Azar::con_semilla(20);
    let mut ficha = ficha(plan);
    ficha.ejecuciones.retain(|e| plan.fallos.contains(&e.ejecucion.fallo));
    if plan.interrumpido {
        ficha.ejecuciones.last_mut().expect("hay").hecha = false;
    }
    for anotada in ficha.ejecuciones.iter_mut().filter(|e| e.hecha) {
        let Ejecucion { tanda, diseno, solicitantes, fallo, repeticion } = anotada.ejecucion;
        anotada.muerte_us =
            (fallo == FalloInducido::Si).then(|| plan.segundos * SEGUNDO / 2 + azar.siguiente() % 90_000);
        let modelo = Modelo { diseno, solicitantes, muerte_us: anotada.muerte_us };
        for fila in modelo.correr(plan, &mut azar) {
            escritor.escribir(&Fila { tanda, repeticion, fallo, ..fila }).expect("se escribe");
        }
    }
    escritor.vaciar().expect("sale");
    ficha.escribir(carpeta.path()).expect("se escribe");
    carpeta
}

/// Con una versión que no es de fiar.
fn ficha(plan: &Plan) -> Ficha {
    let condiciones = Condiciones {
        segundos: plan.segundos,
        pausa_ms: plan.pausa_ms,
        mezcla: "50/30/20".to_owned(),
        semilla: 20,
        solicitantes: vec![4, 6, 10],
        repeticiones: plan.repeticiones,
        disenos: plan.disenos.clone(),
        catalogo: "datos/libros_10k.csv".into(),
    };
    let mut ficha = Ficha::new(condiciones, DateTime::from_timestamp(1_772_701_620, 0).expect("fecha"));
    ficha.maquina.procesador = "Un procesador & medio".into();
    ficha.versiones.insert("postgresql".to_owned(), "15.18 <script>alert(1)</script>".to_owned());
    ficha.interrumpido = plan.interrumpido;
    ficha.ejecuciones.iter_mut().for_each(|e| e.hecha = true);
    ficha
}

/// Una ejecución inventada.
struct Modelo {
    diseno: Diseno,
    solicitantes: u16,
    muerte_us: Option<u64>,
}

impl Modelo {
    fn correr(&self, plan: &Plan, azar: &mut Azar) -> Vec<Fila> {
        let mut filas = Vec::new();
        for sede in ["NORTE", "SUR"] {
            for solicitante in 1..=self.solicitantes {
                let (mut ahora, mut numero) = (azar.siguiente() % (plan.pausa_ms * 1_000), 0);
                while ahora < plan.segundos * SEGUNDO {
                    numero += 1;
                    let operacion = match azar.menor_que(10) {
                        0..5 => Tipo::Prestamo,
                        5..8 => Tipo::Devolucion,
                        _ => Tipo::Renovacion,
                    };
                    let (tardo, quedo, codigo) = self.contestar(ahora, operacion, azar);
                    let llega = ahora + tardo;
                    let a_tiempo = llega <= plan.segundos * SEGUNDO;
                    filas.push(Fila {
                        tanda: 0,
                        diseno: self.diseno,
                        solicitantes: self.solicitantes,
                        fallo: FalloInducido::No,
                        repeticion: 0,
                        sede: sede.parse().expect("sede"),
                        solicitante,
                        numero,
                        operacion,
                        inicio_us: ahora,
                        respuesta_us: a_tiempo.then_some(llega),
                        estado: if a_tiempo { quedo } else { Quedo::SinRespuesta },
                        codigo: codigo.filter(|_| a_tiempo),
                        muerte_us: self.muerte_us,
                    });
                    ahora = llega + azar.siguiente() % (2 * plan.pausa_ms * 1_000);
                }
            }
        }
        filas
    }

    /// Lo que tarda una respuesta y en qué queda.
    fn contestar(&self, ahora: u64, operacion: Tipo, azar: &mut Azar) -> (u64, Quedo, Option<Codigo>) {
        let sin_prisa = 2_200 + u64::from(self.solicitantes) * 130;
        let mut tardo = sin_prisa + (0..4).map(|_| azar.siguiente() % 900).sum::<u64>();
        if azar.menor_que(60) == 0 {
            tardo += 4_000 + azar.siguiente() % 30_000;
        }
        let directa = operacion == Tipo::Renovacion;
        let fuera = if self.diseno == Diseno::DosAlmacenes { RELEVO_US } else { VUELTA_US };
        let espera = self.muerte_us.filter(|m| ahora + tardo > *m && ahora < m + fuera).map(|m| m + fuera - ahora);
        let prometida = 262_000 + azar.siguiente() % 15_000;
        match (self.diseno, espera) {
            (Diseno::SinActores, _) if !directa => (prometida, Quedo::Pendiente, None),
            (Diseno::UnAlmacen, Some(_)) if directa => {
                (prometida * 3, Quedo::Error, Some(Codigo::AlmacenamientoNoDisponible))
            }
            (Diseno::UnAlmacen, Some(espera)) if espera > prometida => (prometida, Quedo::Pendiente, None),
            _ => {
                let tardo = tardo + espera.map_or(0, |e| e + azar.siguiente() % 60_000);
                if azar.por_ciento(12) {
                    (tardo, Quedo::Rechazada, Some(Codigo::EjemplarPrestado))
                } else {
                    (tardo, Quedo::Aplicada, None)
                }
            }
        }
    }
}
