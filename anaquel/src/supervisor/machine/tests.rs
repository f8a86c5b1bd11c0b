use super::*;

const PLAZO: Duration = Duration::from_secs(3);
const SILENCIO: u32 = 2;

fn perfil(etapa: u8, tras: Option<usize>) -> Perfil {
    Perfil { etapa, tras, plazo_de_parada: PLAZO, insiste: false, rondas_de_silencio: SILENCIO }
}

/// La suite con un mundo que la obedece: sabe quién vive, y comprueba cada acción.
#[derive(Clone)]
struct Mundo {
    suite: Suite,
    now: Instant,
    vive: Vec<bool>,
    /// Lo último que se pidió de cada uno: que estuviera o que no.
    querido: Vec<bool>,
    apagando: bool,
    lanzamientos: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
enum Entrada {
    Listo(usize),
    Muere(usize),
    Parar(usize),
    Iniciar(usize),
    Senal(usize),
    Ronda,
    Espera,
    Apagar,
}

impl Mundo {
    fn new(perfiles: &[Perfil]) -> Self {
        let n = perfiles.len();
        let mut mundo = Self {
            suite: Suite::new(perfiles),
            now: Instant::now(),
            vive: vec![false; n],
            querido: vec![true; n],
            apagando: false,
            lanzamientos: Vec::new(),
        };
        mundo.suite.on_arrancar(mundo.now);
        mundo.obedecer();
        mundo
    }

    fn obedecer(&mut self) {
        while let Some(accion) = self.suite.poll_accion() {
            match accion {
                Accion::Lanzar(i) => {
                    assert!(!self.vive[i], "se lanzó a {i}, que vive");
                    assert!(self.querido[i] && !self.apagando, "se lanzó a {i}, que debía quedar parado");
                    self.vive[i] = true;
                    self.lanzamientos.push(i);
                }
                Accion::Terminar(i) | Accion::Matar(i) => {
                    assert!(self.vive[i], "se señaló a {i}, que no vive");
                }
            }
        }
    }

    /// Da una entrada; `false` si no viene al caso.
    fn dar(&mut self, entrada: Entrada) -> bool {
        match entrada {
            Entrada::Listo(i) if self.vive[i] => self.suite.on_listo(i, self.now),
            Entrada::Muere(i) if self.vive[i] => {
                self.vive[i] = false;
                self.suite.on_muerto(i, self.now);
            }
            Entrada::Parar(i) => {
                self.querido[i] = false;
                self.suite.on_parar(i, self.now);
            }
            Entrada::Iniciar(i) => {
                self.querido[i] = true;
                self.suite.on_iniciar(i, self.now);
            }
            Entrada::Espera => {
                let Some(cuando) = self.suite.poll_timeout() else { return false };
                self.now = self.now.max(cuando);
                self.suite.on_timeout(self.now);
            }
            Entrada::Apagar => {
                self.apagando = true;
                self.suite.on_apagar(self.now);
            }
            Entrada::Senal(i) if self.vive[i] => self.suite.on_senal(i),
            Entrada::Ronda => self.suite.on_ronda(self.now),
            Entrada::Listo(_) | Entrada::Muere(_) | Entrada::Senal(_) => return false,
        }
        self.obedecer();
        self.comprobar();
        true
    }

    fn comprobar(&self) {
        for i in 0..self.vive.len() {
            let fase = self.suite.fase(i);
            let debe_vivir = matches!(fase, Fase::EnMarcha { .. } | Fase::Parando { .. });
            assert_eq!(self.vive[i], debe_vivir, "{i} está {fase:?}");
            if self.querido[i] && !self.apagando {
                assert_ne!(fase, Fase::Parado, "se abandonó a {i}");
            }
        }
        if self.suite.poll_timeout().is_none() {
            let pendiente = |i| matches!(self.suite.fase(i), Fase::Pendiente { .. });
            assert!(!(0..self.vive.len()).any(pendiente), "nadie despertará a quien espera su turno");
        }
    }

    /// Desde donde esté, apagar acaba: con los que obedecen y con los que no.
    fn apagar_del_todo(&mut self) {
        self.dar(Entrada::Apagar);
        for vuelta in 0..40 {
            if self.suite.apagada() {
                return;
            }
            // Los pares se van cuando se les pide; los impares hay que matarlos.
            let parando = (0..self.vive.len())
                .find(|&i| matches!(self.suite.fase(i), Fase::Parando { matar, .. } if i % 2 == 0 || matar.is_none()));
            match parando {
                Some(i) => self.dar(Entrada::Muere(i)),
                None => self.dar(Entrada::Espera),
            };
            assert!(vuelta < 39, "no acaba de apagarse");
        }
    }
}

fn explorar(mundo: &Mundo, entradas: &[Entrada], hondura: u32, cuantas: &mut u64) {
    *cuantas += 1;
    mundo.clone().apagar_del_todo();
    if hondura == 0 {
        return;
    }
    for &entrada in entradas {
        let mut siguiente = mundo.clone();
        if siguiente.dar(entrada) {
            explorar(&siguiente, entradas, hondura - 1, cuantas);
        }
    }
}

#[test]
fn toda_secuencia_corta_respeta_lo_pedido_y_se_puede_apagar() {
    let mundo = Mundo::new(&[Perfil { insiste: true, ..perfil(1, None) }, perfil(0, Some(0))]);
    let mut entradas = vec![Entrada::Espera, Entrada::Ronda, Entrada::Apagar];
    for i in 0..2 {
        entradas.extend([Entrada::Listo(i), Entrada::Muere(i), Entrada::Parar(i), Entrada::Iniciar(i)]);
    }
    let mut cuantas = 0;
    explorar(&mundo, &entradas, 6, &mut cuantas);
    assert!(cuantas > 50_000, "{cuantas}");
}

#[test]
fn la_primera_muerte_se_repara_en_el_acto_y_las_siguientes_esperan_el_doble() {
    let mut mundo = Mundo::new(&[perfil(0, None)]);
    mundo.dar(Entrada::Muere(0));
    assert_eq!(mundo.lanzamientos, [0, 0]);
    let esperas: Vec<u128> = (0..9)
        .map(|_| {
            let antes = mundo.now;
            mundo.dar(Entrada::Muere(0));
            mundo.dar(Entrada::Espera);
            (mundo.now - antes).as_millis()
        })
        .collect();
    assert_eq!(esperas, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
    assert_eq!(mundo.suite.reinicios(0), 10);
    assert_eq!(mundo.suite.muertes_sin_servir(0), 10);
}

#[test]
fn diez_segundos_de_vida_hacen_olvidar_las_muertes() {
    let mut mundo = Mundo::new(&[perfil(0, None)]);
    for _ in 0..5 {
        mundo.dar(Entrada::Muere(0));
        mundo.dar(Entrada::Espera);
    }
    mundo.now += SANO.saturating_sub(Duration::from_millis(1));
    mundo.dar(Entrada::Muere(0));
    assert_eq!(mundo.suite.poll_timeout(), Some(mundo.now + backoff(6)));
    mundo.dar(Entrada::Espera);
    mundo.now += SANO;
    mundo.dar(Entrada::Muere(0));
    assert!(matches!(mundo.suite.fase(0), Fase::EnMarcha { .. }));
}

#[test]
fn lo_parado_queda_parado_aunque_muera_y_se_inicia_sin_espera() {
    let mut mundo = Mundo::new(&[perfil(0, None)]);
    mundo.dar(Entrada::Parar(0));
    mundo.dar(Entrada::Muere(0));
    assert_eq!(mundo.suite.fase(0), Fase::Parado);
    assert_eq!(mundo.suite.poll_timeout(), None);
    assert!(mundo.suite.lista(), "lo parado a mano no se echa en falta");
    mundo.dar(Entrada::Iniciar(0));
    assert_eq!(mundo.lanzamientos, [0, 0]);
    assert_eq!(mundo.suite.reinicios(0), 0);
}

#[test]
fn quien_no_se_va_en_su_plazo_se_mata_una_vez() {
    let mut mundo = Mundo::new(&[perfil(0, None)]);
    mundo.suite.on_parar(0, mundo.now);
    assert_eq!(mundo.suite.poll_accion(), Some(Accion::Terminar(0)));
    assert_eq!(mundo.suite.poll_timeout(), Some(mundo.now + PLAZO));
    mundo.suite.on_timeout(mundo.now + PLAZO);
    assert_eq!(mundo.suite.poll_accion(), Some(Accion::Matar(0)));
    assert_eq!(mundo.suite.poll_timeout(), None);
}

/// Da `cuantas` rondas y dice qué se hizo en cada una.
fn rondas(mundo: &mut Mundo, cuantas: usize) -> Vec<Option<Accion>> {
    let una = |_| {
        mundo.suite.on_ronda(mundo.now);
        mundo.suite.poll_accion()
    };
    (0..cuantas).map(una).collect()
}

#[test]
fn quien_estuvo_listo_y_calla_se_mata_y_vuelve() {
    let mut mundo = Mundo::new(&[perfil(0, None)]);
    mundo.dar(Entrada::Listo(0));
    assert_eq!(rondas(&mut mundo, 3), [None, Some(Accion::Matar(0)), None]);
    mundo.dar(Entrada::Muere(0));
    assert_eq!(mundo.lanzamientos, [0, 0]);
    assert_eq!(mundo.suite.reinicios(0), 1);
    mundo.dar(Entrada::Listo(0));
    assert_eq!(rondas(&mut mundo, 1), [None], "su silencio es nuevo");
}

#[test]
fn una_senal_a_tiempo_hace_olvidar_el_silencio() {
    let mut mundo = Mundo::new(&[perfil(0, None), perfil(0, None)]);
    mundo.dar(Entrada::Listo(0));
    mundo.dar(Entrada::Listo(1));
    for _ in 0..10 {
        assert_eq!(rondas(&mut mundo, 1), [None]);
        mundo.dar(Entrada::Senal(0));
        mundo.dar(Entrada::Senal(1));
    }
    mundo.suite.on_ronda(mundo.now);
    mundo.dar(Entrada::Senal(1));
    mundo.suite.on_ronda(mundo.now);
    assert_eq!(mundo.suite.poll_accion(), Some(Accion::Matar(0)));
    assert_eq!(mundo.suite.poll_accion(), None, "el otro habló");
}

#[test]
fn a_quien_calla_una_y_otra_vez_se_le_aguanta_el_doble_cada_vez_hasta_que_vive_un_rato() {
    let mut mundo = Mundo::new(&[perfil(0, None)]);
    let aguantadas: Vec<u32> = (0..5)
        .map(|_| {
            mundo.dar(Entrada::Listo(0));
            let aguantadas = (1..=100).find(|_| rondas(&mut mundo, 1) != [None]).expect("se mata");
            mundo.dar(Entrada::Muere(0));
            mundo.dar(Entrada::Espera);
            aguantadas
        })
        .collect();
    assert_eq!(aguantadas, [2, 2, 4, 8, 16]);
    // Morir de otra cosa no da más paciencia.
    let mut otro = Mundo::new(&[perfil(0, None)]);
    for _ in 0..5 {
        otro.dar(Entrada::Muere(0));
        otro.dar(Entrada::Espera);
    }
    otro.dar(Entrada::Listo(0));
    assert_eq!(rondas(&mut otro, 2), [None, Some(Accion::Matar(0))]);
    mundo.dar(Entrada::Listo(0));
    assert_eq!(rondas(&mut mundo, 3), [None; 3]);
    mundo.now += SANO;
    assert_eq!(rondas(&mut mundo, 1), [Some(Accion::Matar(0))], "calló demasiado para quien está sano");
}

#[test]
fn a_quien_arranca_para_o_esta_parado_no_se_le_piden_senales() {
    let mut mundo = Mundo::new(&[perfil(0, None), perfil(0, None), perfil(0, None)]);
    mundo.dar(Entrada::Parar(1));
    mundo.dar(Entrada::Parar(2));
    mundo.dar(Entrada::Muere(2));
    assert_eq!(rondas(&mut mundo, 10), [None; 10]);
}

#[test]
fn el_cerrojo_del_antecesor_se_espera_sin_contarlo_como_muerte() {
    let mut mundo = Mundo::new(&[Perfil { insiste: true, ..perfil(0, None) }]);
    mundo.dar(Entrada::Listo(0));
    mundo.dar(Entrada::Muere(0));
    let caida = mundo.now;
    while mundo.now - caida < INSISTENCIA_MAX {
        mundo.dar(Entrada::Muere(0));
        mundo.dar(Entrada::Espera);
    }
    assert_eq!(mundo.suite.reinicios(0), 1);
    // Pasado el plazo ya no es el cerrojo.
    mundo.dar(Entrada::Muere(0));
    assert_eq!(mundo.suite.poll_timeout(), Some(mundo.now + BACKOFF_BASE));
}

#[test]
fn se_apaga_por_etapas_y_la_prisa_las_salta() {
    let mut mundo = Mundo::new(&[perfil(1, None), perfil(0, None), perfil(0, None)]);
    mundo.dar(Entrada::Apagar);
    let parando =
        |m: &Mundo| -> Vec<bool> { (0..3).map(|i| matches!(m.suite.fase(i), Fase::Parando { .. })).collect() };
    assert_eq!(parando(&mundo), [false, true, true]);
    mundo.dar(Entrada::Muere(1));
    assert_eq!(parando(&mundo), [false, false, true], "falta uno de la primera etapa");
    let mut con_prisa = mundo.clone();
    con_prisa.suite.on_apagar(con_prisa.now);
    let acciones: Vec<_> = std::iter::from_fn(|| con_prisa.suite.poll_accion()).collect();
    assert_eq!(acciones, [Accion::Terminar(0), Accion::Matar(0), Accion::Matar(2)]);
    mundo.dar(Entrada::Muere(2));
    assert_eq!(parando(&mundo), [true, false, false]);
    mundo.dar(Entrada::Muere(0));
    assert!(mundo.suite.apagada());
}
