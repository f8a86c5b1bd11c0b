//! Toda secuencia corta de sucesos con dos endpoints y dos llamadas, y los casos con nombre.

use std::{collections::BTreeMap, time::Duration};

use super::*;

const SALUD: Duration = Duration::from_millis(100);
const PLAZO: Duration = Duration::from_secs(3);
const FALLO: Contestada = Contestada::Fallo { nada_hecho: true };

/// Lo que le puede pasar a la máquina. Los endpoints contestan por orden de llegada.
#[derive(Clone, Copy, Debug)]
enum Jugada {
    Llamar,
    Conectar(usize),
    Desconectar(usize),
    /// El endpoint contesta bien a lo primero que tiene, llamada o sonda.
    Servir(usize),
    Fallar(usize),
    FallarEnElAire(usize),
    NoEntender(usize),
    /// El siguiente envío al endpoint no sale.
    Cerrar(usize),
    Basura(usize),
    Restablecer(usize),
    Esperar(Duration),
}

const OPS: [Jugada; 21] = [
    Jugada::Llamar,
    Jugada::Conectar(0),
    Jugada::Conectar(1),
    Jugada::Desconectar(0),
    Jugada::Desconectar(1),
    Jugada::Servir(0),
    Jugada::Servir(1),
    Jugada::Fallar(0),
    Jugada::Fallar(1),
    Jugada::FallarEnElAire(0),
    Jugada::FallarEnElAire(1),
    Jugada::NoEntender(0),
    Jugada::NoEntender(1),
    Jugada::Cerrar(0),
    Jugada::Basura(0),
    Jugada::Basura(1),
    Jugada::Restablecer(0),
    Jugada::Restablecer(1),
    Jugada::Esperar(SALUD),
    Jugada::Esperar(PLAZO),
    Jugada::Esperar(Duration::from_secs(10)),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Final {
    Servida,
    Abandonada(SinServicio),
}

#[derive(Clone, Default)]
struct Seguida {
    envios: u32,
    /// Envíos de los que no se sabe que nada hicieron.
    en_el_aire: u32,
    fin: Option<Final>,
}

/// La máquina con dos endpoints de mentira. Comprueba las reglas en cada acción.
#[derive(Clone)]
struct Mundo {
    rotacion: Rotacion,
    now: Instant,
    /// Lo que cada punto recibió y no ha contestado, aun de conexiones pasadas: contesta cuando quiere.
    recibido: [VecDeque<u64>; 2],
    cerrado: [bool; 2],
    llamadas: BTreeMap<u64, Seguida>,
    avisos: Vec<Aviso>,
}

impl Mundo {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            rotacion: Rotacion::new(Config { llamadas_max: 8, ..Config::default() }, 2, now),
            now,
            recibido: Default::default(),
            cerrado: [false; 2],
            llamadas: BTreeMap::new(),
            avisos: Vec::new(),
        }
    }

    fn conectado() -> Self {
        let mut mundo = Self::new();
        mundo.hacer(Jugada::Conectar(0));
        mundo.hacer(Jugada::Conectar(1));
        mundo
    }

    fn con(ops: &[Jugada]) -> Self {
        let mut mundo = Self::conectado();
        for op in ops {
            mundo.hacer(*op);
        }
        mundo
    }

    fn hacer(&mut self, op: Jugada) {
        let now = self.now;
        match op {
            Jugada::Llamar => {
                self.llamar();
            }
            Jugada::Conectar(p) => {
                self.cerrado[p] = false;
                self.rotacion.on_conectado(p, now);
            }
            Jugada::Desconectar(p) => self.rotacion.on_desconectado(p, now),
            Jugada::Servir(p) => self.contestar(p, Contestada::Servida),
            Jugada::Fallar(p) => self.contestar(p, FALLO),
            Jugada::FallarEnElAire(p) => self.contestar(p, Contestada::Fallo { nada_hecho: false }),
            Jugada::NoEntender(p) => self.no_entender(p),
            Jugada::Cerrar(p) => self.cerrado[p] = true,
            Jugada::Basura(p) => self.rotacion.on_basura(p, now),
            Jugada::Restablecer(p) => {
                let abierto = self.rotacion.endpoints[p].breaker.estado() == EstadoBreaker::Abierto;
                assert_eq!(self.rotacion.on_reset(p, now), abierto);
            }
            Jugada::Esperar(cuanto) => self.esperar(cuanto),
        }
        self.actuar();
        self.comprobar();
    }

    fn llamar(&mut self) -> u64 {
        let numero = self.rotacion.on_llamada(self.now).expect("hay sitio");
        self.llamadas.insert(numero, Seguida::default());
        self.actuar();
        numero
    }

    fn contestar(&mut self, endpoint: usize, veredicto: Contestada) {
        let Some(numero) = self.recibido[endpoint].pop_front() else { return };
        let entregar = self.rotacion.on_respuesta(endpoint, numero, veredicto, self.now);
        if let Some(seguida) = self.llamadas.get_mut(&numero) {
            if matches!(veredicto, FALLO | Contestada::NoEntendida) {
                seguida.en_el_aire -= 1;
            }
            let espera = seguida.fin.is_none();
            let servida = veredicto == Contestada::Servida;
            assert_eq!(entregar, espera && servida, "una respuesta buena, por tardía que sea, se entrega una vez");
            if entregar {
                seguida.fin = Some(Final::Servida);
            }
        } else {
            assert!(!entregar, "una sonda no se entrega");
        }
    }

    /// El endpoint contesta que no entiende lo primero que tiene: con una llamada, su circuito no se entera.
    fn no_entender(&mut self, endpoint: usize) {
        let de_sonda = self.recibido[endpoint].front().is_some_and(|numero| !self.llamadas.contains_key(numero));
        let circuito = |yo: &Self| {
            (yo.rotacion.endpoints[endpoint].breaker.estado(), yo.rotacion.endpoints[endpoint].breaker.sano())
        };
        let antes = circuito(self);
        self.contestar(endpoint, Contestada::NoEntendida);
        assert!(de_sonda || circuito(self) == antes, "no entender no es un fallo");
    }

    /// Deja pasar el tiempo como la cáscara: despertando cuando la máquina lo pide.
    fn esperar(&mut self, cuanto: Duration) {
        let fin = self.now + cuanto;
        while let Some(cuando) = self.rotacion.poll_timeout().filter(|cuando| *cuando <= fin) {
            self.now = self.now.max(cuando);
            self.rotacion.on_timeout(self.now);
            self.actuar();
            assert!(self.rotacion.poll_timeout().is_none_or(|otro| otro > self.now), "la alarma no puede dar vueltas");
        }
        self.now = fin;
    }

    fn actuar(&mut self) {
        while let Some(accion) = self.rotacion.poll_accion() {
            match accion {
                Accion::Enviar { endpoint, llamada } => self.enviar(endpoint, llamada),
                Accion::Sondear { endpoint, peticion } => self.sondear(endpoint, peticion),
                Accion::Abandonar { llamada, porque } => {
                    let seguida = self.llamadas.get_mut(&llamada).expect("se hizo");
                    assert!(seguida.fin.is_none(), "una llamada acaba una vez");
                    let en_el_aire = porque == SinServicio::EnElAire;
                    assert!(en_el_aire || seguida.en_el_aire == 0, "no se niega lo que quizá se hizo");
                    assert!(porque == SinServicio::NadaHecho || seguida.envios > 0, "no se juzga lo que nunca salió");
                    seguida.fin = Some(Final::Abandonada(porque));
                }
                Accion::Avisar(aviso) => self.avisos.push(aviso),
            }
        }
    }

    fn enviar(&mut self, endpoint: usize, llamada: u64) {
        let estado = self.rotacion.endpoints[endpoint].breaker.estado();
        if self.cerrado[endpoint] {
            return self.rotacion.on_no_enviado(endpoint, llamada, self.now);
        }
        assert_ne!(estado, EstadoBreaker::Abierto, "a un punto ABIERTO no se le envía");
        let seguida = self.llamadas.get_mut(&llamada).expect("se hizo");
        assert!(seguida.fin.is_none(), "lo acabado no se envía");
        seguida.envios += 1;
        seguida.en_el_aire += 1;
        assert!(seguida.envios <= 4, "dos vueltas como mucho");
        self.recibido[endpoint].push_back(llamada);
    }

    fn sondear(&mut self, endpoint: usize, peticion: u64) {
        if self.cerrado[endpoint] {
            self.rotacion.on_no_enviado(endpoint, peticion, self.now);
        } else {
            self.recibido[endpoint].push_back(peticion);
        }
    }

    /// Lo que ha de valer siempre, entre suceso y suceso.
    fn comprobar(&self) {
        for (numero, endpoint) in self.rotacion.endpoints.iter().enumerate() {
            let vigentes = self.rotacion.vivas_en(numero).filter(|(_, llamada)| {
                let permit = &llamada.intento.as_ref().expect("está en vuelo").permit;
                endpoint.breaker.clone().on_failure(permit.clone(), self.now)
            });
            let sonda =
                endpoint.sonda.iter().filter(|s| endpoint.breaker.clone().on_failure(s.permit.clone(), self.now));
            let permisos = vigentes.count() + sonda.count();
            let breaker = &endpoint.breaker;
            if breaker.estado() == EstadoBreaker::MedioAbierto {
                let prestado = usize::from(breaker.poll_timeout().is_some());
                assert_eq!(permisos, prestado, "el permiso de MEDIO_ABIERTO está en un sitio y solo en uno");
            }
            if breaker.estado() == EstadoBreaker::Abierto {
                assert_eq!(permisos, 0, "en ABIERTO no hay permiso que valga");
            }
            assert!(
                (breaker.sano() && endpoint.enlace == Enlace::Arriba)
                    || endpoint.sonda.is_some()
                    || endpoint.proxima_sonda.is_some(),
                "de un punto que no está bien se pregunta la salud"
            );
        }
        let con_plazo = self.rotacion.llamadas.values().filter(|l| l.intento.is_some()).count();
        assert_eq!(con_plazo, self.rotacion.plazos.len());
        assert_eq!(con_plazo, self.rotacion.llamadas.len(), "ninguna llamada espera sin plazo");
    }

    /// Desde aquí todo va bien: en poco tiempo no queda nada pendiente, todo está CERRADO y se vuelve a servir.
    fn sanar(mut self) {
        for endpoint in 0..2 {
            if self.rotacion.endpoints[endpoint].enlace == Enlace::Caido || self.cerrado[endpoint] {
                self.cerrado[endpoint] = false;
                self.rotacion.on_desconectado(endpoint, self.now);
                self.rotacion.on_conectado(endpoint, self.now);
                self.actuar();
            }
        }
        for _ in 0..4 {
            while !self.recibido.iter().all(VecDeque::is_empty) {
                self.hacer(Jugada::Servir(0));
                self.hacer(Jugada::Servir(1));
            }
            self.hacer(Jugada::Esperar(SALUD));
        }
        assert!(self.llamadas.values().all(|seguida| seguida.fin.is_some()), "toda llamada acaba");
        let nueva = self.llamar();
        self.hacer(Jugada::Servir(0));
        self.hacer(Jugada::Servir(1));
        assert_eq!(self.llamadas[&nueva].fin, Some(Final::Servida));
        assert!(self.rotacion.endpoints.iter().all(|p| p.breaker.sano() && p.enlace == Enlace::Arriba));
        assert!(self.rotacion.llamadas.is_empty() && self.rotacion.poll_timeout().is_none(), "no queda nada");
    }
}

/// Recorre en profundidad todas las secuencias de `hondo` sucesos, con dos llamadas como mucho.
fn recorrer(mundo: &Mundo, hondo: u32, ops: &mut Vec<Jugada>, vistas: &mut u32) {
    *vistas += 1;
    // Si algo falla, la secuencia que lo provocó queda en la salida de la prueba.
    let r = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| mundo.clone().sanar()));
    assert!(r.is_ok(), "al sanar tras {ops:?}");
    if hondo == 0 {
        return;
    }
    for op in OPS {
        let sin_efecto = match op {
            Jugada::Llamar => mundo.llamadas.len() >= 2,
            Jugada::Servir(p) | Jugada::Fallar(p) | Jugada::FallarEnElAire(p) | Jugada::NoEntender(p) => {
                mundo.recibido[p].is_empty()
            }
            Jugada::Desconectar(p) => mundo.rotacion.endpoints[p].enlace == Enlace::Caido,
            Jugada::Cerrar(p) => mundo.cerrado[p],
            Jugada::Restablecer(p) => mundo.rotacion.endpoints[p].breaker.estado() != EstadoBreaker::Abierto,
            _ => false,
        };
        if sin_efecto {
            continue;
        }
        ops.push(op);
        let mut despues = mundo.clone();
        despues.avisos.clear();
        let r = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| despues.hacer(op)));
        assert!(r.is_ok(), "tras {ops:?}");
        recorrer(&despues, hondo - 1, ops, vistas);
        ops.pop();
    }
}

#[test]
fn toda_secuencia_corta_desde_el_arranque_cumple_las_reglas() {
    let mut vistas = 0;
    recorrer(&Mundo::new(), 4, &mut Vec::new(), &mut vistas);
    assert!(vistas > 5_000, "{vistas}");
}

#[test]
fn toda_secuencia_corta_con_los_dos_endpoints_conectados_cumple_las_reglas() {
    let mut vistas = 0;
    recorrer(&Mundo::conectado(), 5, &mut Vec::new(), &mut vistas);
    assert!(vistas > 100_000, "{vistas}");
}

#[test]
fn toda_secuencia_corta_con_un_circuito_abierto_cumple_las_reglas() {
    let mut mundo = Mundo::con(&[Jugada::Basura(0), Jugada::Basura(0), Jugada::Basura(0), Jugada::Llamar]);
    assert_eq!(mundo.rotacion.estados().next(), Some(EstadoBreaker::Abierto));
    mundo.avisos.clear();
    recorrer(&mundo, 4, &mut Vec::new(), &mut 0);
    let mut mundo = Mundo::con(&[
        Jugada::Basura(0),
        Jugada::Basura(0),
        Jugada::Basura(0),
        Jugada::Esperar(SALUD),
        Jugada::Servir(0),
    ]);
    assert_eq!(mundo.rotacion.estados().next(), Some(EstadoBreaker::MedioAbierto));
    mundo.avisos.clear();
    recorrer(&mundo, 4, &mut Vec::new(), &mut 0);
}

mod con_nombre;
