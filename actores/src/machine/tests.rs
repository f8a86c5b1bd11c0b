//! Toda secuencia corta de sucesos, contra lo que la tabla del actor promete.

use std::collections::BTreeMap;

use common::{
    dominio::Comando,
    mensajes::{Instante, RespuestaGuardada},
};

use super::*;

const LIMITES: Limites = Limites { cola: 3, llamadas: 2, lista: 2, informes: 2 };
const GESTORES: usize = 2;
/// Sucesos por secuencia: todas las de hasta cinco.
const PROFUNDIDAD: usize = 5;

fn orden(numero: u32, intento: u32, sola: bool) -> Orden {
    let texto = format!(r#"{{"operacion":"devolucion","ejemplar":"E{numero:06}"}}"#);
    let comando: Comando = serde_json::from_str(&texto).expect("comando");
    let id = OperacionId::parse(&format!("01890a5d-ac96-774b-bcce-{numero:012}")).expect("v7");
    Orden { id, huella: Huella::de(&comando), aceptada: Instante(0), intento, sola, comando }
}

fn decidida() -> Desenlace {
    let respuesta: RespuestaGuardada = serde_json::from_str(r#"{"codigo":"OK","respuesta":{"a":1}}"#).expect("json");
    Desenlace::Decidida(respuesta)
}

fn escritas<'a>(ordenes: impl IntoIterator<Item = &'a Orden>) -> Final {
    let una = |o: &Orden| ResultadoEscritura { id: o.id, huella: o.huella, desenlace: decidida() };
    Final::Escritas(ordenes.into_iter().map(una).collect())
}

fn nombre(desenlace: &Desenlace) -> &'static str {
    match desenlace {
        Desenlace::Decidida(_) => "decidida",
        Desenlace::NoEscrita { .. } => "no_escrita",
        Desenlace::SinAlmacenamiento => "sin_almacenamiento",
        Desenlace::NoEntendida { .. } => "no_entendida",
        Desenlace::Incierta => "incierta",
    }
}

#[derive(Clone, Copy, Debug)]
enum Suceso {
    Evento(Gestor, u32, bool),
    Llamar,
    Contesta,
    ContestaAlReves,
    NadaEnviado,
    EnElAire,
    TokenAjeno,
    Informar(Gestor),
}

const SUCESOS: [Suceso; 11] = [
    Suceso::Evento(0, 1, false),
    Suceso::Evento(0, 2, true),
    Suceso::Evento(0, 3, false),
    Suceso::Evento(1, 1, false),
    Suceso::Llamar,
    Suceso::Contesta,
    Suceso::ContestaAlReves,
    Suceso::NadaEnviado,
    Suceso::EnElAire,
    Suceso::TokenAjeno,
    Suceso::Informar(0),
];

/// La máquina y lo que un observador sabe de ella.
#[derive(Clone)]
struct Mundo {
    machine: Machine,
    fuera: Vec<Llamada>,
    /// Por gestor y operación: cuántas se aceptaron y cuántas se han informado ya.
    cuentas: BTreeMap<(Gestor, OperacionId), (i32, i32)>,
    descartados: i32,
}

impl Mundo {
    fn new() -> Self {
        let machine = Machine::new(GESTORES, LIMITES);
        Self { machine, fuera: Vec::new(), cuentas: BTreeMap::new(), descartados: 0 }
    }

    fn dar(&mut self, suceso: Suceso) {
        match suceso {
            Suceso::Evento(gestor, numero, sola) => {
                let orden = orden(numero, 0, sola);
                let acogida = self.machine.on_evento(gestor, vec![orden]);
                let aceptadas = 1 - i32::try_from(acogida.repetidas + acogida.descartadas).expect("a lo sumo una");
                self.cuentas.entry((gestor, orden.id)).or_default().0 += aceptadas;
            }
            Suceso::Llamar => {
                if let Some(llamada) = self.machine.poll_llamada() {
                    assert!((1..=LIMITES.lista).contains(&llamada.ordenes.len()));
                    assert!(llamada.ordenes.len() == 1 || llamada.ordenes.iter().all(|o| !o.sola), "sola va sola");
                    self.fuera.push(llamada);
                    assert!(self.fuera.len() <= LIMITES.llamadas);
                }
            }
            Suceso::Contesta => self.acabar(|o| escritas(o)),
            Suceso::ContestaAlReves => self.acabar(|o| escritas(o.iter().rev())),
            Suceso::NadaEnviado => self.acabar(|_| Final::NadaEnviado),
            Suceso::EnElAire => self.acabar(|_| Final::EnElAire),
            Suceso::TokenAjeno => self.machine.on_final(999, Final::NadaEnviado),
            Suceso::Informar(gestor) => self.informar(gestor),
        }
        self.descartados += i32::try_from(self.machine.quitar_descartados()).expect("pocos");
    }

    /// Acaba la llamada más vieja.
    fn acabar(&mut self, fin: impl Fn(&[Orden]) -> Final) {
        if !self.fuera.is_empty() {
            let llamada = self.fuera.remove(0);
            self.machine.on_final(llamada.tag, fin(&llamada.ordenes));
        }
    }

    fn informar(&mut self, gestor: Gestor) {
        let Some(resultados) = self.machine.poll_informe(gestor) else { return };
        assert!(resultados.len() <= LIMITES.lista);
        for r in resultados {
            self.cuentas.get_mut(&(gestor, r.id)).expect("solo se informa de lo aceptado").1 += 1;
        }
    }

    /// Termina todo lo empezado: lo aceptado se informa una vez, salvo lo que se descartó y se contó.
    fn vaciar_y_comprobar(mut self, historia: &[Suceso]) {
        for _ in 0..8 {
            self.dar(Suceso::Llamar);
            self.dar(Suceso::Contesta);
            (0..GESTORES).for_each(|g| self.informar(g));
        }
        assert!(self.machine.ociosa() && self.machine.en_cola() == 0 && self.machine.en_vuelo() == 0, "{historia:?}");
        let faltan: i32 = self.cuentas.values().map(|(aceptadas, informadas)| aceptadas - informadas).sum();
        assert_eq!(faltan, self.descartados, "{historia:?}");
        assert!(self.cuentas.values().all(|(aceptadas, informadas)| informadas <= aceptadas), "{historia:?}");
    }
}

#[test]
fn toda_secuencia_corta_informa_cada_orden_aceptada_una_vez_a_su_gestor() {
    fn bajar(mundo: &Mundo, historia: &mut Vec<Suceso>, quedan: usize, vistas: &mut usize) {
        mundo.clone().vaciar_y_comprobar(historia);
        *vistas += 1;
        if quedan == 0 {
            return;
        }
        for suceso in SUCESOS {
            let mut siguiente = mundo.clone();
            historia.push(suceso);
            siguiente.dar(suceso);
            bajar(&siguiente, historia, quedan - 1, vistas);
            historia.pop();
        }
    }
    let mut vistas = 0;
    bajar(&Mundo::new(), &mut Vec::new(), PROFUNDIDAD, &mut vistas);
    assert!(vistas > 11_usize.pow(5), "{vistas}");
}

/// Una máquina con una llamada fuera por cada lista de `listas`.
fn con_llamadas(listas: &[Vec<Orden>]) -> (Machine, Vec<Llamada>) {
    let mut machine = Machine::new(GESTORES, LIMITES);
    let mut fuera = Vec::new();
    for lista in listas {
        machine.on_evento(0, lista.clone());
        fuera.extend(machine.poll_llamada());
    }
    (machine, fuera)
}

#[test]
fn lo_que_ya_esta_en_la_mano_se_ignora_en_la_cola_y_fuera_de_ella() {
    let (mut machine, fuera) = con_llamadas(&[vec![orden(1, 0, false)]]);
    assert_eq!(fuera.len(), 1);
    let acogida = machine.on_evento(0, vec![orden(1, 0, false), orden(2, 0, false), orden(2, 0, false)]);
    assert_eq!(acogida, Acogida { repetidas: 2, descartadas: 0 });
    assert_eq!(machine.poll_llamada().expect("la segunda").ordenes, [orden(2, 0, false)]);
}

#[test]
fn el_mismo_id_con_otra_huella_no_es_lo_mismo() {
    let mut machine = Machine::new(GESTORES, LIMITES);
    let otra = Orden { huella: orden(9, 0, false).huella, ..orden(1, 0, false) };
    assert_eq!(machine.on_evento(0, vec![orden(1, 0, false), otra]), Acogida::default());
    assert_eq!(machine.poll_llamada().expect("las dos").ordenes.len(), 2);
}

#[test]
fn dos_gestores_con_la_misma_operacion_reciben_cada_uno_su_informe() {
    let mut machine = Machine::new(GESTORES, LIMITES);
    machine.on_evento(0, vec![orden(1, 4, false)]);
    machine.on_evento(1, vec![orden(1, 7, false)]);
    let llamada = machine.poll_llamada().expect("las dos juntas");
    // El almacenamiento puede plegarlas y contestar una vez.
    machine.on_final(llamada.tag, escritas(&llamada.ordenes[..1]));
    for (gestor, intento) in [(0, 4), (1, 7)] {
        let informe = machine.poll_informe(gestor).expect("uno por gestor");
        assert_eq!((informe.len(), informe[0].intento, nombre(&informe[0].desenlace)), (1, intento, "decidida"));
    }
}

#[test]
fn se_informa_del_ultimo_intento_que_el_gestor_pidio() {
    let (mut machine, fuera) = con_llamadas(&[vec![orden(1, 0, false)]]);
    machine.on_evento(0, vec![orden(1, 2, false)]);
    machine.on_final(fuera[0].tag, Final::EnElAire);
    assert_eq!(machine.poll_informe(0).expect("informe")[0].intento, 2);
}

#[test]
fn la_que_se_vuelve_a_pedir_sola_mientras_espera_sale_sola() {
    let mut machine = Machine::new(GESTORES, LIMITES);
    machine.on_evento(0, vec![orden(1, 0, false), orden(2, 0, false), orden(3, 0, false)]);
    machine.on_evento(0, vec![orden(2, 1, true)]);
    let primera = machine.poll_llamada().expect("primera");
    let segunda = machine.poll_llamada().expect("segunda");
    assert_eq!(primera.ordenes, [orden(1, 0, false)]);
    assert_eq!(segunda.ordenes, [orden(2, 1, true)]);
}

#[test]
fn la_cola_llena_descarta_y_lo_cuenta() {
    let mut machine = Machine::new(GESTORES, LIMITES);
    let acogida = machine.on_evento(0, (1..=5).map(|n| orden(n, 0, false)).collect());
    assert_eq!(acogida, Acogida { repetidas: 0, descartadas: 2 });
    // Lo descartado no quedó en la mano: cuando haya sitio se acepta.
    machine.poll_llamada().expect("hace sitio");
    assert_eq!(machine.on_evento(0, vec![orden(5, 1, false)]), Acogida::default());
}

#[test]
fn lo_que_el_almacenamiento_no_nombra_queda_incierto() {
    let (mut machine, fuera) = con_llamadas(&[vec![orden(1, 0, false), orden(2, 0, false)]]);
    machine.on_final(fuera[0].tag, escritas(&[orden(2, 0, false), orden(3, 0, false)]));
    let informe = machine.poll_informe(0).expect("informe");
    let desenlaces: Vec<_> = informe.iter().map(|r| nombre(&r.desenlace)).collect();
    assert_eq!(desenlaces, ["incierta", "decidida"]);
}

#[test]
fn cada_final_da_su_desenlace() {
    for (fin, esperado) in [
        (Final::NadaEnviado, "sin_almacenamiento"),
        (Final::NoEntendida, "no_entendida"),
        (Final::EnElAire, "incierta"),
    ] {
        let (mut machine, fuera) = con_llamadas(&[vec![orden(1, 0, false)]]);
        machine.on_final(fuera[0].tag, fin);
        assert_eq!(nombre(&machine.poll_informe(0).expect("informe")[0].desenlace), esperado);
        assert!(machine.ociosa());
    }
}

#[test]
fn de_la_orden_que_no_se_entiende_se_informa_sin_tenerla_en_la_mano() {
    let mut machine = Machine::new(GESTORES, LIMITES);
    let Orden { id, huella, .. } = orden(1, 0, false);
    machine.on_no_entendida(1, OrdenNoEntendida { id, huella, intento: 4, motivo: "¿reserva?".into() });
    assert!(machine.ociosa() && machine.poll_llamada().is_none() && !machine.debe_informe(0));
    let informe = machine.poll_informe(1).expect("uno");
    assert_eq!(
        (informe.len(), informe[0].id, informe[0].intento, nombre(&informe[0].desenlace)),
        (1, id, 4, "no_entendida")
    );
}

#[test]
fn sin_gestor_se_guardan_los_ultimos_informes_y_se_cuentan_los_demas() {
    let (mut machine, fuera) = con_llamadas(&[vec![orden(1, 0, false), orden(2, 0, false)], vec![orden(3, 0, false)]]);
    for llamada in &fuera {
        machine.on_final(llamada.tag, escritas(&llamada.ordenes));
    }
    assert_eq!(machine.quitar_descartados(), 1);
    let quedan: Vec<_> = machine.poll_informe(0).expect("informe").iter().map(|r| r.id).collect();
    assert_eq!(quedan, [orden(2, 0, false).id, orden(3, 0, false).id]);
}
