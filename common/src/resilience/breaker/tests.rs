//! Todas las secuencias cortas, contra la tabla escrita otra vez de la manera más simple.

use super::*;

const CONFIG: Config = Config { fallos_max: 3, cooldown: Duration::from_secs(10) };

#[derive(Clone, Copy, Debug)]
enum Jugada {
    Pedir,
    Sondear,
    Acertar,
    Fallar,
    FallarUltimo,
    NoConcluir,
    Perder,
    Incidente,
    Restablecer,
    Esperar,
}

const OPS: [Jugada; 10] = [
    Jugada::Pedir,
    Jugada::Sondear,
    Jugada::Acertar,
    Jugada::Fallar,
    Jugada::FallarUltimo,
    Jugada::NoConcluir,
    Jugada::Perder,
    Jugada::Incidente,
    Jugada::Restablecer,
    Jugada::Esperar,
];

#[derive(Clone)]
struct Mundo {
    breaker: Breaker,
    now: Instant,
    /// Los permisos fuera, del más viejo al más nuevo.
    fuera: Vec<Permit>,
}

impl Mundo {
    fn new() -> Self {
        Self { breaker: Breaker::new(CONFIG), now: Instant::now(), fuera: Vec::new() }
    }

    fn hacer(&mut self, op: Jugada) {
        let now = self.now;
        match op {
            Jugada::Pedir => self.fuera.extend(self.breaker.acquire(now)),
            Jugada::Sondear => self.fuera.extend(self.breaker.acquire_probe(now)),
            Jugada::Acertar | Jugada::Fallar | Jugada::NoConcluir | Jugada::Perder if self.fuera.is_empty() => {}
            Jugada::Acertar => self.breaker.on_success(self.fuera.remove(0)),
            Jugada::Fallar => {
                self.breaker.on_failure(self.fuera.remove(0), now);
            }
            Jugada::FallarUltimo => {
                if let Some(permit) = self.fuera.pop() {
                    self.breaker.on_failure(permit, now);
                }
            }
            Jugada::NoConcluir => self.breaker.on_inconclusive(self.fuera.remove(0)),
            Jugada::Perder => drop(self.fuera.remove(0)),
            Jugada::Incidente => {
                self.breaker.on_incident(now);
            }
            Jugada::Restablecer => {
                let abierto = self.breaker.estado() == EstadoBreaker::Abierto;
                assert_eq!(self.breaker.on_reset(), abierto, "solo se restablece lo que está ABIERTO");
            }
            Jugada::Esperar => self.now += CONFIG.cooldown,
        }
    }
}

/// Recorre todas las secuencias de hasta siete operaciones; `mirar` ve el mundo antes y después de la última.
fn en_cada_secuencia(mut mirar: impl FnMut(&[Jugada], &Mundo, &Mundo)) {
    fn bajar(ops: &mut Vec<Jugada>, mundo: &Mundo, mirar: &mut impl FnMut(&[Jugada], &Mundo, &Mundo)) {
        for op in OPS {
            let mut despues = mundo.clone();
            despues.hacer(op);
            ops.push(op);
            mirar(ops, mundo, &despues);
            if ops.len() < 7 {
                bajar(ops, &despues, mirar);
            }
            ops.pop();
        }
    }
    bajar(&mut Vec::new(), &Mundo::new(), &mut mirar);
}

#[test]
fn toda_secuencia_de_hasta_siete_entradas_cumple_la_tabla() {
    let mut vistas = 0_u32;
    en_cada_secuencia(|ops, antes, despues| {
        vistas += 1;
        vuelve_a_admitir_tras_la_apertura(ops, despues);
        fuera_de_cerrado_hay_un_solo_permiso(ops, despues);
        lo_rezagado_no_cambia_nada(ops, despues);
        la_ultima_transicion_esta_en_la_tabla(ops, antes, despues);
    });
    assert_eq!(vistas, (1..=7).map(|n| 10_u32.pow(n)).sum::<u32>());
}

fn vuelve_a_admitir_tras_la_apertura(ops: &[Jugada], mundo: &Mundo) {
    let mut breaker = mundo.breaker.clone();
    assert!(breaker.acquire(mundo.now + CONFIG.cooldown).is_ok(), "{ops:?}");
}

fn fuera_de_cerrado_hay_un_solo_permiso(ops: &[Jugada], mundo: &Mundo) {
    let mut breaker = mundo.breaker.clone();
    breaker.on_timeout(mundo.now);
    let primero = breaker.acquire(mundo.now);
    let segundo = breaker.acquire(mundo.now);
    match breaker.estado() {
        EstadoBreaker::Cerrado => assert!(primero.is_ok() && segundo.is_ok(), "{ops:?}"),
        EstadoBreaker::MedioAbierto => assert!(segundo.is_err(), "{ops:?}"),
        EstadoBreaker::Abierto => assert!(primero.is_err() && segundo.is_err(), "{ops:?}"),
    }
}

fn lo_rezagado_no_cambia_nada(ops: &[Jugada], mundo: &Mundo) {
    for permit in mundo.fuera.iter().filter(|permit| permit.epoch != mundo.breaker.epoch) {
        let mut breaker = mundo.breaker.clone();
        breaker.on_success(permit.clone());
        breaker.on_inconclusive(permit.clone());
        assert!(!breaker.on_failure(permit.clone(), mundo.now), "{ops:?}");
        assert_eq!((breaker.fase, breaker.epoch), (mundo.breaker.fase, mundo.breaker.epoch), "{ops:?}");
    }
}

/// La columna «siguiente» de la tabla, y que el epoch avanza justo cuando cambia el estado o se cuenta un fallo.
fn la_ultima_transicion_esta_en_la_tabla(ops: &[Jugada], antes: &Mundo, despues: &Mundo) {
    use Fase::{Abierto, Cerrado, MedioAbierto};
    let (a, d) = (antes.breaker.fase, despues.breaker.fase);
    let avance = despues.breaker.epoch - antes.breaker.epoch;
    let hasta = antes.now + CONFIG.cooldown;
    // Lo que no avanza el epoch: nada, un éxito que perdona, y el préstamo del permiso o su vuelta sin usar.
    let quieto = a == d || perdona(a, d) || presta(a, d, hasta) || devuelve(a, d);
    let en_la_tabla = match (a, d) {
        (Cerrado { fallos }, Cerrado { fallos: mas }) => mas == fallos + 1 && mas < CONFIG.fallos_max,
        (Cerrado { fallos }, Abierto { hasta: h }) => fallos + 1 == CONFIG.fallos_max && h == hasta,
        (Abierto { .. }, MedioAbierto { prestado: None })
        | (MedioAbierto { prestado: Some(_) }, Cerrado { fallos: 0 }) => true,
        // Pedir cuando ya pasó el tiempo de la apertura, o el del permiso que se perdió: transición y préstamo a la vez.
        (
            Abierto { hasta: vencido } | MedioAbierto { prestado: Some(vencido) },
            MedioAbierto { prestado: Some(nuevo) },
        ) => vencido <= antes.now && nuevo == hasta,
        (MedioAbierto { .. }, Abierto { hasta: h }) => h == hasta,
        _ => false,
    };
    assert!(quieto || en_la_tabla, "{ops:?}: de {a:?} a {d:?} no está en la tabla");
    assert_eq!(avance, u64::from(!quieto), "{ops:?}: de {a:?} a {d:?}");
}

fn perdona(a: Fase, d: Fase) -> bool {
    matches!(a, Fase::Cerrado { .. }) && d == Fase::Cerrado { fallos: 0 }
}

fn presta(a: Fase, d: Fase, hasta: Instant) -> bool {
    a == Fase::MedioAbierto { prestado: None } && d == Fase::MedioAbierto { prestado: Some(hasta) }
}

fn devuelve(a: Fase, d: Fase) -> bool {
    matches!(a, Fase::MedioAbierto { prestado: Some(_) }) && d == Fase::MedioAbierto { prestado: None }
}

fn abrir(breaker: &mut Breaker, now: Instant) {
    for _ in 0..CONFIG.fallos_max {
        let permit = breaker.acquire(now).expect("cerrado");
        assert!(breaker.on_failure(permit, now));
    }
    assert_eq!(breaker.estado(), EstadoBreaker::Abierto);
}

#[test]
fn un_exito_rezagado_no_cierra_el_circuito() {
    let now = Instant::now();
    let mut breaker = Breaker::new(CONFIG);
    let rezagado = breaker.acquire(now).expect("cerrado");
    abrir(&mut breaker, now);
    breaker.on_success(rezagado);
    assert_eq!(breaker.acquire(now).expect_err("abierto"), Rejected { hasta: now + CONFIG.cooldown });
}

#[test]
fn lo_que_no_dice_nada_del_endpoint_ni_perdona_ni_cierra_y_su_permiso_se_presta_otra_vez() {
    let now = Instant::now();
    let mut breaker = Breaker::new(CONFIG);
    breaker.on_incident(now);
    let permit = breaker.acquire(now).expect("cerrado");
    breaker.on_inconclusive(permit);
    assert_eq!(breaker.fase, Fase::Cerrado { fallos: 1 });
    let tarde = now + CONFIG.cooldown;
    breaker.fase = Fase::Abierto { hasta: tarde };
    let permit = breaker.acquire(tarde).expect("a prueba");
    assert!(breaker.acquire(tarde).is_err());
    breaker.on_inconclusive(permit);
    assert_eq!(breaker.fase, Fase::MedioAbierto { prestado: None });
    assert!(breaker.acquire(tarde).is_ok(), "otra llamada lo prueba");
}

#[test]
fn cien_llamadas_que_caen_con_la_conexion_cuentan_un_fallo() {
    let now = Instant::now();
    let mut breaker = Breaker::new(CONFIG);
    let permisos: Vec<_> = (0..100).map(|_| breaker.acquire(now).expect("cerrado")).collect();
    assert!(breaker.on_incident(now));
    for permit in permisos {
        assert!(!breaker.on_failure(permit, now));
    }
    assert_eq!(breaker.fase, Fase::Cerrado { fallos: 1 });
}

#[test]
fn un_exito_entre_fallos_empieza_la_cuenta_de_nuevo() {
    let now = Instant::now();
    let mut breaker = Breaker::new(CONFIG);
    for _ in 0..10 {
        for _ in 0..2 {
            let permit = breaker.acquire(now).expect("cerrado");
            breaker.on_failure(permit, now);
        }
        let permit = breaker.acquire(now).expect("cerrado");
        breaker.on_success(permit);
        assert!(breaker.sano());
    }
}

#[test]
fn la_buena_salud_acorta_la_apertura_pero_no_cierra_por_si_sola() {
    let now = Instant::now();
    let mut breaker = Breaker::new(CONFIG);
    abrir(&mut breaker, now);
    let sonda = breaker.acquire_probe(now).expect("en abierto se sondea");
    breaker.on_success(sonda);
    assert_eq!(breaker.estado(), EstadoBreaker::MedioAbierto);
    let prueba = breaker.acquire(now).expect("una llamada");
    assert!(breaker.acquire(now).is_err() && breaker.acquire_probe(now).is_err());
    breaker.on_success(prueba);
    assert!(breaker.sano());
}

#[test]
fn la_mala_salud_de_un_circuito_abierto_no_alarga_la_apertura() {
    let now = Instant::now();
    let mut breaker = Breaker::new(CONFIG);
    abrir(&mut breaker, now);
    let tarde = now + CONFIG.cooldown / 2;
    let sonda = breaker.acquire_probe(tarde).expect("en abierto se sondea");
    assert!(!breaker.on_failure(sonda, tarde));
    assert_eq!(breaker.poll_timeout(), Some(now + CONFIG.cooldown));
}

#[test]
fn un_fallo_en_medio_abierto_vuelve_a_abrir_el_tiempo_entero() {
    let now = Instant::now();
    let mut breaker = Breaker::new(CONFIG);
    abrir(&mut breaker, now);
    let luego = now + CONFIG.cooldown;
    let prueba = breaker.acquire(luego).expect("medio abierto");
    assert!(breaker.on_failure(prueba, luego));
    assert_eq!(breaker.acquire(luego).expect_err("abierto").hasta, luego + CONFIG.cooldown);
}

#[test]
fn restablecer_un_circuito_abierto_presta_un_permiso_y_lo_que_estaba_en_vuelo_ya_no_dice_nada() {
    let now = Instant::now();
    let mut breaker = Breaker::new(CONFIG);
    abrir(&mut breaker, now);
    let sonda = breaker.acquire_probe(now).expect("en abierto se sondea");
    assert!(breaker.on_reset());
    assert_eq!(breaker.estado(), EstadoBreaker::MedioAbierto);
    assert!(!breaker.on_failure(sonda, now), "la sonda es de un epoch anterior");
    let prueba = breaker.acquire(now).expect("una llamada");
    assert!(!breaker.on_reset(), "ya no está abierto");
    assert!(breaker.acquire(now).is_err(), "restablecer otra vez no presta otro permiso");
    breaker.on_success(prueba);
    assert!(breaker.sano());
}
