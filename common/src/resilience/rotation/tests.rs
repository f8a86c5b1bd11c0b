//! Toda secuencia corta de sucesos con dos puntos y dos llamadas, y los casos con nombre.

use std::{collections::BTreeMap, time::Duration};

use super::*;

const SALUD: Duration = Duration::from_millis(100);
const PLAZO: Duration = Duration::from_secs(3);
const FALLO: Veredicto = Veredicto::Fallo { nada_hecho: true };

/// Lo que le puede pasar a la máquina. Los puntos contestan por orden de llegada.
#[derive(Clone, Copy, Debug)]
enum Op {
    Llamar,
    Conectar(usize),
    Desconectar(usize),
    /// El punto contesta bien a lo primero que tiene, llamada o sonda.
    Servir(usize),
    Fallar(usize),
    FallarEnElAire(usize),
    NoEntender(usize),
    /// El siguiente envío al punto no sale.
    Cerrar(usize),
    Basura(usize),
    Restablecer(usize),
    Esperar(Duration),
}

const OPS: [Op; 21] = [
    Op::Llamar,
    Op::Conectar(0),
    Op::Conectar(1),
    Op::Desconectar(0),
    Op::Desconectar(1),
    Op::Servir(0),
    Op::Servir(1),
    Op::Fallar(0),
    Op::Fallar(1),
    Op::FallarEnElAire(0),
    Op::FallarEnElAire(1),
    Op::NoEntender(0),
    Op::NoEntender(1),
    Op::Cerrar(0),
    Op::Basura(0),
    Op::Basura(1),
    Op::Restablecer(0),
    Op::Restablecer(1),
    Op::Esperar(SALUD),
    Op::Esperar(PLAZO),
    Op::Esperar(Duration::from_secs(10)),
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

/// La máquina con dos puntos de mentira. Comprueba las reglas en cada acción.
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
    fn nuevo() -> Self {
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
        let mut mundo = Self::nuevo();
        mundo.hacer(Op::Conectar(0));
        mundo.hacer(Op::Conectar(1));
        mundo
    }

    fn con(ops: &[Op]) -> Self {
        let mut mundo = Self::conectado();
        for op in ops {
            mundo.hacer(*op);
        }
        mundo
    }

    fn hacer(&mut self, op: Op) {
        let now = self.now;
        match op {
            Op::Llamar => {
                self.llamar();
            }
            Op::Conectar(p) => {
                self.cerrado[p] = false;
                self.rotacion.on_conectado(p, now);
            }
            Op::Desconectar(p) => self.rotacion.on_desconectado(p, now),
            Op::Servir(p) => self.contestar(p, Veredicto::Servida),
            Op::Fallar(p) => self.contestar(p, FALLO),
            Op::FallarEnElAire(p) => self.contestar(p, Veredicto::Fallo { nada_hecho: false }),
            Op::NoEntender(p) => self.no_entender(p),
            Op::Cerrar(p) => self.cerrado[p] = true,
            Op::Basura(p) => self.rotacion.on_basura(p, now),
            Op::Restablecer(p) => {
                let abierto = self.rotacion.puntos[p].breaker.estado() == EstadoBreaker::Abierto;
                assert_eq!(self.rotacion.on_reset(p, now), abierto);
            }
            Op::Esperar(cuanto) => self.esperar(cuanto),
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

    fn contestar(&mut self, punto: usize, veredicto: Veredicto) {
        let Some(numero) = self.recibido[punto].pop_front() else { return };
        let entregar = self.rotacion.on_respuesta(punto, numero, veredicto, self.now);
        if let Some(seguida) = self.llamadas.get_mut(&numero) {
            if matches!(veredicto, FALLO | Veredicto::NoEntendida) {
                seguida.en_el_aire -= 1;
            }
            let espera = seguida.fin.is_none();
            let servida = veredicto == Veredicto::Servida;
            assert_eq!(entregar, espera && servida, "una respuesta buena, por tardía que sea, se entrega una vez");
            if entregar {
                seguida.fin = Some(Final::Servida);
            }
        } else {
            assert!(!entregar, "una sonda no se entrega");
        }
    }

    /// El punto contesta que no entiende lo primero que tiene: con una llamada, su circuito no se entera.
    fn no_entender(&mut self, punto: usize) {
        let de_sonda = self.recibido[punto].front().is_some_and(|numero| !self.llamadas.contains_key(numero));
        let circuito =
            |yo: &Self| (yo.rotacion.puntos[punto].breaker.estado(), yo.rotacion.puntos[punto].breaker.sano());
        let antes = circuito(self);
        self.contestar(punto, Veredicto::NoEntendida);
        assert!(de_sonda || circuito(self) == antes, "no entender no es un fallo");
    }

    /// Deja pasar el tiempo como la cáscara: despertando cuando la máquina lo pide.
    fn esperar(&mut self, cuanto: Duration) {
        let fin = self.now + cuanto;
        while let Some(cuando) = self.rotacion.poll_timeout().filter(|cuando| *cuando <= fin) {
            self.now = self.now.max(cuando);
            self.rotacion.on_plazo(self.now);
            self.actuar();
            assert!(self.rotacion.poll_timeout().is_none_or(|otro| otro > self.now), "la alarma no puede dar vueltas");
        }
        self.now = fin;
    }

    fn actuar(&mut self) {
        while let Some(accion) = self.rotacion.poll_accion() {
            match accion {
                Accion::Enviar { punto, llamada } => self.enviar(punto, llamada),
                Accion::Sondear { punto, peticion } => self.sondear(punto, peticion),
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

    fn enviar(&mut self, punto: usize, llamada: u64) {
        let estado = self.rotacion.puntos[punto].breaker.estado();
        if self.cerrado[punto] {
            return self.rotacion.on_no_enviado(punto, llamada, self.now);
        }
        assert_ne!(estado, EstadoBreaker::Abierto, "a un punto ABIERTO no se le envía");
        let seguida = self.llamadas.get_mut(&llamada).expect("se hizo");
        assert!(seguida.fin.is_none(), "lo acabado no se envía");
        seguida.envios += 1;
        seguida.en_el_aire += 1;
        assert!(seguida.envios <= 4, "dos vueltas como mucho");
        self.recibido[punto].push_back(llamada);
    }

    fn sondear(&mut self, punto: usize, peticion: u64) {
        if self.cerrado[punto] {
            self.rotacion.on_no_enviado(punto, peticion, self.now);
        } else {
            self.recibido[punto].push_back(peticion);
        }
    }

    /// Lo que ha de valer siempre, entre suceso y suceso.
    fn comprobar(&self) {
        for (numero, punto) in self.rotacion.puntos.iter().enumerate() {
            let vigentes = self.rotacion.vivas_en(numero).filter(|(_, llamada)| {
                let permit = &llamada.intento.as_ref().expect("está en vuelo").permit;
                punto.breaker.clone().on_failure(permit.clone(), self.now)
            });
            let sonda = punto.sonda.iter().filter(|s| punto.breaker.clone().on_failure(s.permit.clone(), self.now));
            let permisos = vigentes.count() + sonda.count();
            let breaker = &punto.breaker;
            if breaker.estado() == EstadoBreaker::MedioAbierto {
                let prestado = usize::from(breaker.poll_timeout().is_some());
                assert_eq!(permisos, prestado, "el permiso de MEDIO_ABIERTO está en un sitio y solo en uno");
            }
            if breaker.estado() == EstadoBreaker::Abierto {
                assert_eq!(permisos, 0, "en ABIERTO no hay permiso que valga");
            }
            assert!(
                (breaker.sano() && punto.enlace == Enlace::Arriba)
                    || punto.sonda.is_some()
                    || punto.proxima_sonda.is_some(),
                "de un punto que no está bien se pregunta la salud"
            );
        }
        let con_plazo = self.rotacion.llamadas.values().filter(|l| l.intento.is_some()).count();
        assert_eq!(con_plazo, self.rotacion.plazos.len());
        assert_eq!(con_plazo, self.rotacion.llamadas.len(), "ninguna llamada espera sin plazo");
    }

    /// Desde aquí todo va bien: en poco tiempo no queda nada pendiente, todo está CERRADO y se vuelve a servir.
    fn sanar(mut self) {
        for punto in 0..2 {
            if self.rotacion.puntos[punto].enlace == Enlace::Caido || self.cerrado[punto] {
                self.cerrado[punto] = false;
                self.rotacion.on_desconectado(punto, self.now);
                self.rotacion.on_conectado(punto, self.now);
                self.actuar();
            }
        }
        for _ in 0..4 {
            while !self.recibido.iter().all(VecDeque::is_empty) {
                self.hacer(Op::Servir(0));
                self.hacer(Op::Servir(1));
            }
            self.hacer(Op::Esperar(SALUD));
        }
        assert!(self.llamadas.values().all(|seguida| seguida.fin.is_some()), "toda llamada acaba");
        let nueva = self.llamar();
        self.hacer(Op::Servir(0));
        self.hacer(Op::Servir(1));
        assert_eq!(self.llamadas[&nueva].fin, Some(Final::Servida));
        assert!(self.rotacion.puntos.iter().all(|p| p.breaker.sano() && p.enlace == Enlace::Arriba));
        assert!(self.rotacion.llamadas.is_empty() && self.rotacion.poll_timeout().is_none(), "no queda nada");
    }
}

/// Recorre en profundidad todas las secuencias de `hondo` sucesos, con dos llamadas como mucho.
fn recorrer(mundo: &Mundo, hondo: u32, ops: &mut Vec<Op>, vistas: &mut u32) {
    *vistas += 1;
    // Si algo falla, la secuencia que lo provocó queda en la salida de la prueba.
    let r = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| mundo.clone().sanar()));
    assert!(r.is_ok(), "al sanar tras {ops:?}");
    if hondo == 0 {
        return;
    }
    for op in OPS {
        let sin_efecto = match op {
            Op::Llamar => mundo.llamadas.len() >= 2,
            Op::Servir(p) | Op::Fallar(p) | Op::FallarEnElAire(p) | Op::NoEntender(p) => mundo.recibido[p].is_empty(),
            Op::Desconectar(p) => mundo.rotacion.puntos[p].enlace == Enlace::Caido,
            Op::Cerrar(p) => mundo.cerrado[p],
            Op::Restablecer(p) => mundo.rotacion.puntos[p].breaker.estado() != EstadoBreaker::Abierto,
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
    recorrer(&Mundo::nuevo(), 4, &mut Vec::new(), &mut vistas);
    assert!(vistas > 5_000, "{vistas}");
}

#[test]
fn toda_secuencia_corta_con_los_dos_puntos_conectados_cumple_las_reglas() {
    let mut vistas = 0;
    recorrer(&Mundo::conectado(), 5, &mut Vec::new(), &mut vistas);
    assert!(vistas > 100_000, "{vistas}");
}

#[test]
fn toda_secuencia_corta_con_un_circuito_abierto_cumple_las_reglas() {
    let mut mundo = Mundo::con(&[Op::Basura(0), Op::Basura(0), Op::Basura(0), Op::Llamar]);
    assert_eq!(mundo.rotacion.estados().next(), Some(EstadoBreaker::Abierto));
    mundo.avisos.clear();
    recorrer(&mundo, 4, &mut Vec::new(), &mut 0);
    let mut mundo = Mundo::con(&[Op::Basura(0), Op::Basura(0), Op::Basura(0), Op::Esperar(SALUD), Op::Servir(0)]);
    assert_eq!(mundo.rotacion.estados().next(), Some(EstadoBreaker::MedioAbierto));
    mundo.avisos.clear();
    recorrer(&mundo, 4, &mut Vec::new(), &mut 0);
}

mod con_nombre;
