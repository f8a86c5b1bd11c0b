//! Un gestor de carga simulado: la máquina real, y un shell que hace con los enlaces y el diario lo que ella manda.

use std::collections::{BTreeMap, HashSet, VecDeque};

use common::{
    dominio::{Clave, Codigo, Estado, OperacionId},
    mensajes::{CuerpoPeticion, Orden, RespuestaGuardada, Topico},
    resilience::{Entrega, EstadoBreaker},
};
use gestor_carga::machine::{Accion, Contestacion, Limites, LlamadaDirecta, Machine, aceptar, limites};
use juicio::azar::Azar;

use crate::{
    cronica::{corto, lista},
    diario::Diario,
    enlace::{A, B, Clase},
    entorno::{Entorno, Proceso},
    juez::Demora,
    llamadas::Llamadas,
    mensajes::{Contestado, Mensaje},
    perfil::{Perfil, topico},
    reloj::Us,
    sucesos::{Entrante, Quien},
};

/// Más sucesos que estos a la vez no pasan en la simulación.
const SITIO_DEL_DIARIO: usize = 100_000;

/// A quién se contesta: por qué conexión, y a cuál de sus envíos. No se puede copiar: se gasta al contestar.
#[derive(Debug)]
pub struct Sobre {
    enlace: usize,
    encarnacion: u32,
    envio: usize,
    desde: Us,
    parado_antes: Us,
}

/// Lo que vive mientras vive el proceso.
#[derive(Debug)]
struct Vivo {
    machine: Machine<Sobre>,
    almacen: Llamadas<LlamadaDirecta>,
    proximo_tic: Us,
    /// En el último tic había algún circuito sin cerrar.
    en_guardia: bool,
    /// El orden de llegada de cada clave, llevado aparte.
    colas: BTreeMap<Clave, VecDeque<OperacionId>>,
    /// Las que trajo el diario: son las únicas que pueden pasar del límite.
    cargadas: usize,
}

/// Un gestor.
#[derive(Debug)]
pub struct Gestor {
    n: usize,
    limites: Limites,
    desvio: i64,
    pub diario: Diario,
    vivo: Option<Vivo>,
}

impl Gestor {
    /// Uno que no ha arrancado.
    pub fn new(n: usize, perfil: &Perfil, azar: &mut Azar) -> Self {
        let mut limites = Limites::default();
        if perfil.justo {
            limites = Limites { ventana: 3, lista: 2, operaciones: 8, ..limites };
        }
        let desvio = if perfil.desvio == 0 {
            0
        } else {
            i64::try_from(azar.siguiente() % perfil.desvio.unsigned_abs()).unwrap_or(0)
        };
        Self { n, limites, desvio, diario: Diario::new(n), vivo: None }
    }

    fn quien(&self) -> Quien {
        Quien::Gestor(self.n)
    }

    /// Arranca con lo que hay en el disco.
    pub fn arrancar(&mut self, e: &mut Entorno) {
        let filas = self.diario.abrir(e);
        if !filas.is_empty() {
            let ordenes: Vec<_> = filas.iter().map(|(_, orden)| *orden).collect();
            e.anotar(self.quien(), || format!("su diario trae {}", lista(&ordenes)));
        }
        let mut colas: BTreeMap<Clave, VecDeque<OperacionId>> = BTreeMap::new();
        let mut vistas = HashSet::new();
        for (_, orden) in filas.iter().filter(|(_, orden)| vistas.insert(orden.id)) {
            colas.entry(orden.comando.objeto()).or_default().push_back(orden.id);
        }
        let cargadas = filas.len();
        self.vivo = Some(Vivo {
            machine: Machine::new(e.instante(), self.limites, filas),
            almacen: Llamadas::new(e, self.quien()),
            proximo_tic: e.ahora + tic(),
            en_guardia: false,
            colas,
            cargadas,
        });
    }

    /// Qué queda por hacer.
    pub fn que_falta(&self) -> Option<String> {
        let operaciones = self.vivo.as_ref().map_or(1, |v| v.machine.foto().operaciones);
        let filas = self.diario.por_hacer();
        (operaciones + filas > 0).then(|| {
            format!("el gestor {} tiene {operaciones} operaciones sin decidir y {filas} filas en el diario", self.n)
        })
    }

    /// Mira lo que le llegó y gira.
    pub fn turno(&mut self, e: &mut Entorno, entrantes: VecDeque<Entrante>) {
        for entrante in entrantes {
            self.atender(e, entrante);
        }
        self.entregas(e);
        self.tic(e);
        self.girar(e);
        self.comprobar(e);
        self.programar(e);
    }

    fn atender(&mut self, e: &mut Entorno, entrante: Entrante) {
        let now = e.instante();
        let quien = self.quien();
        let Some(vivo) = &mut self.vivo else { return };
        let Some(entrante) = vivo.almacen.atender(e, entrante) else { return };
        match entrante {
            Entrante::Mensaje { enlace, encarnacion, mensaje } => self.mensaje(e, enlace, encarnacion, mensaje),
            Entrante::Abierta { enlace, vida } if e.enlaces[enlace].clase == Clase::Eventos => {
                let (topico, instancia) = nombre(e, enlace, vida);
                e.anotar(quien, || format!("ve llegar a {topico}|{instancia}"));
                vivo.machine.on_actor_presente(now, topico, &instancia);
            }
            Entrante::Perdida { enlace, vida } if e.enlaces[enlace].clase == Clase::Eventos => {
                let (topico, instancia) = nombre(e, enlace, vida);
                if vivo.machine.on_actor_ausente(now, topico, &instancia) {
                    e.anotar(quien, || format!("pierde a {topico}|{instancia}"));
                }
            }
            Entrante::Diario(aviso) => vivo.machine.on_diario(aviso),
            _ => {}
        }
    }

    fn mensaje(&mut self, e: &mut Entorno, enlace: usize, encarnacion: u32, mensaje: Mensaje) {
        let now = e.instante();
        let quien = self.quien();
        let Some(vivo) = &mut self.vivo else { return };
        match mensaje {
            Mensaje::Solicitud { envio, id, comando, acepta_pendiente } => {
                let Proceso { vida, parado_total: parado_antes, .. } = *e.proceso(quien);
                let remite = Sobre { enlace, encarnacion, envio, desde: e.ahora, parado_antes };
                e.juez.al_entregar(envio, self.n, vida);
                let Ok(orden) = aceptar(id.uuid(), comando, e.hora(self.desvio)) else {
                    let invalida = Contestacion::Propia(Estado::Error, Codigo::SolicitudInvalida);
                    return self.responder(e, &remite, id, invalida);
                };
                let nueva = vivo.machine.noticia(id).is_none();
                vivo.machine.on_solicitud(now, orden, remite, acepta_pendiente);
                if nueva && vivo.machine.noticia(id).is_some() {
                    vivo.colas.values_mut().for_each(|cola| cola.retain(|otra| *otra != id));
                    vivo.colas.entry(comando.objeto()).or_default().push_back(id);
                }
            }
            Mensaje::Informe(resultados) => {
                for resultado in resultados {
                    vivo.machine.on_desenlace(now, resultado);
                }
            }
            _ => {}
        }
    }

    /// Los finales de las llamadas directas.
    fn entregas(&mut self, e: &mut Entorno) {
        let now = e.instante();
        let Some(vivo) = &mut self.vivo else { return };
        vivo.almacen.on_timeout(e);
        while let Some(Entrega { tag, resultado }) = vivo.almacen.entrega() {
            tag.acabar(resultado).for_each(|resultado| vivo.machine.on_desenlace(now, resultado));
        }
    }

    fn tic(&mut self, e: &mut Entorno) {
        let Some(vivo) = &mut self.vivo else { return };
        if e.ahora >= vivo.proximo_tic {
            vivo.proximo_tic = e.ahora + tic();
            vivo.en_guardia = vivo.almacen.estados().any(sin_cerrar);
            vivo.machine.on_circuitos(e.instante(), vivo.almacen.estados());
        }
    }

    fn girar(&mut self, e: &mut Entorno) {
        let Some(vivo) = &mut self.vivo else { return };
        vivo.machine.girar(e.instante());
        while let Some(accion) = self.vivo.as_mut().and_then(|v| v.machine.poll_accion()) {
            if e.muere_aqui(self.quien()) {
                return;
            }
            self.ejecutar(e, accion);
        }
    }

    fn ejecutar(&mut self, e: &mut Entorno, accion: Accion<Sobre>) {
        let quien = self.quien();
        match accion {
            Accion::Publicar { topico, instancia, ordenes } => {
                e.anotar(quien, || format!("publica a {topico}|{instancia}: {}", lista(&ordenes)));
                self.comprobar_orden(e, &ordenes);
                self.publicar(e, topico, &instancia, ordenes);
            }
            Accion::Llamar { ordenes } => {
                e.anotar(quien, || format!("llama al almacenamiento: {}", lista(&ordenes)));
                self.comprobar_orden(e, &ordenes);
                self.llamar(e, LlamadaDirecta::escribir(ordenes));
            }
            Accion::Terminar { cierres } => {
                let ordenes: Vec<_> = cierres.iter().map(|c| c.orden).collect();
                e.anotar(quien, || format!("pide terminar con {}", lista(&ordenes)));
                self.llamar(e, LlamadaDirecta::terminar(cierres, e.instante(), e.hora(self.desvio)));
            }
            Accion::Responder { a, id, contestacion } => self.responder(e, &a, id, contestacion),
            Accion::Anotar { num, orden } => self.diario.escribir(e, num, orden),
            Accion::Borrar { num } => self.diario.borrar(e, num),
            Accion::AlBuzon { num, orden, fin } => self.diario.al_buzon(e, num, orden, fin.codigo),
            Accion::Renunciada { id, fin } => e.anotar(quien, || format!("renuncia a {}: {fin:?}", corto(id))),
            Accion::Reasignada { id, motivo } => e.anotar(quien, || format!("{} se reasigna: {motivo}", corto(id))),
        }
    }

    fn llamar(&mut self, e: &mut Entorno, (llamada, cuerpo): (LlamadaDirecta, CuerpoPeticion)) {
        if let Some(vivo) = &mut self.vivo {
            vivo.almacen.llamar(e, llamada, cuerpo);
        }
    }

    fn publicar(&self, e: &mut Entorno, topico: Topico, instancia: &str, ordenes: Vec<Orden>) {
        let quien = self.quien();
        let suyo = |n: &usize| {
            let enlace = &e.enlaces[*n];
            enlace.extremos[B] == quien
                && enlace.clase == Clase::Eventos
                && nombre(e, *n, enlace.vida) == (topico, instancia.to_owned())
        };
        // Sin suscriptor, el publicador lo tira.
        if let Some(n) = (0..e.enlaces.len()).find(suyo) {
            e.enviar(n, B, Mensaje::Evento(ordenes));
        }
    }

    fn responder(&mut self, e: &mut Entorno, a: &Sobre, id: OperacionId, contestacion: Contestacion) {
        let que = match contestacion {
            Contestacion::Decidida(guardada) => Contestado::Guardada(guardada),
            Contestacion::Propia(estado, codigo) => Contestado::Propia(estado, codigo),
        };
        e.anotar(self.quien(), || format!("contesta a su envío {} de {}: {}", a.envio, corto(id), en_palabras(&que)));
        let parado = e.proceso(self.quien()).parado_total - a.parado_antes;
        let tardo = (e.ahora - a.desde).saturating_sub(parado);
        let en_diario = self.diario.disco.values().find(|o| o.id == id).map(|o| o.huella);
        let limite = Us::try_from(self.limites.plazo.as_micros()).expect("segundos");
        let demora = Demora { tardo, plazo: limite };
        e.juez.al_responder(self.n, a.envio, id, &que, demora, en_diario);
        if e.enlaces[a.enlace].encarnacion == a.encarnacion {
            e.enviar(a.enlace, B, Mensaje::Respuesta { envio: a.envio, que });
        }
    }

    /// De cada clave sale una cada vez, y en el orden en que llegaron.
    fn comprobar_orden(&mut self, e: &mut Entorno, ordenes: &[Orden]) {
        let Some(vivo) = &mut self.vivo else { return };
        for orden in ordenes {
            let cola = vivo.colas.entry(orden.comando.objeto()).or_default();
            cola.retain(|id| vivo.machine.noticia(*id).is_some());
            if cola.front() != Some(&orden.id) {
                let primera = cola.front().map_or("ninguna".into(), |id| corto(*id));
                e.juez.romper(format!(
                    "el gestor {} saca {} de {} y la primera de su clave es {primera}",
                    self.n,
                    corto(orden.id),
                    orden.comando.objeto()
                ));
            }
        }
    }

    fn comprobar(&mut self, e: &mut Entorno) {
        let Some(vivo) = &mut self.vivo else { return };
        let foto = vivo.machine.foto();
        if foto.operaciones > self.limites.operaciones.max(vivo.cargadas) || foto.en_vuelo > self.limites.ventana {
            e.juez.romper(format!("el gestor {} se pasa de sus límites: {foto:?}", self.n));
        }
        if self.diario.en_cola() > SITIO_DEL_DIARIO {
            e.juez.romper(format!("el diario del gestor {} crece sin fin", self.n));
        }
        if foto.esperas > 0 && vivo.machine.poll_timeout().is_none() {
            e.juez.romper(format!("alguien espera al gestor {} y no hay plazo que venza", self.n));
        }
    }

    fn programar(&mut self, e: &mut Entorno) {
        let Some(vivo) = &mut self.vivo else { return };
        let machine = vivo.machine.poll_timeout().map(|cuando| e.us_de(cuando));
        let tic = vivo.en_guardia || vivo.almacen.estados().any(sin_cerrar);
        let plazos = [machine, vivo.almacen.plazo(e), tic.then_some(vivo.proximo_tic.max(e.ahora))];
        if let Some(cuando) = plazos.into_iter().flatten().min() {
            e.despertar(self.quien(), cuando);
        }
    }
}

/// Cada cuánto se mira si un circuito se cerró.
fn tic() -> Us {
    Us::try_from(limites::TIC.as_micros()).expect("milisegundos")
}

fn sin_cerrar(breaker: EstadoBreaker) -> bool {
    breaker != EstadoBreaker::Cerrado
}

/// El actor que hay al otro lado de una suscripción.
fn nombre(e: &Entorno, enlace: usize, vida: u32) -> (Topico, String) {
    let Quien::Actor(n) = e.enlaces[enlace].extremos[A] else { unreachable!("solo los actores se suscriben") };
    (topico(n), format!("{n}.{vida}"))
}

fn en_palabras(que: &Contestado) -> String {
    match que {
        Contestado::Guardada(RespuestaGuardada { codigo, .. }) => format!("decidida, {codigo}"),
        Contestado::Propia(estado, codigo) => format!("{estado} ({codigo})"),
    }
}
