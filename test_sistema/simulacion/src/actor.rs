//! Un actor simulado: la máquina real, y un shell que lleva sus llamadas e informes a los enlaces.

use std::collections::VecDeque;

use actores::machine::{Final, Limites, Machine};
use common::{
    mensajes::{CuerpoPeticion, LISTA_MAX, Orden, ResultadoInforme},
    resilience::Entrega,
};

use crate::{
    cronica::{corto, lista},
    enlace::{A, Clase},
    entorno::Entorno,
    llamadas::Llamadas,
    mensajes::Mensaje,
    perfil::Perfil,
    sucesos::{Entrante, Quien},
};

#[derive(Debug)]
struct ActorVivo {
    machine: Machine,
    almacen: Llamadas<u64>,
    /// De cada gestor, su suscripción, su conexión de informes y lo que aún no pudo salir por ella.
    gestores: Vec<(usize, usize, Option<Vec<ResultadoInforme>>)>,
}

/// Un actor.
#[derive(Debug)]
pub struct Actor {
    n: usize,
    limites: Limites,
    vivo: Option<ActorVivo>,
}

impl Actor {
    /// Uno que no ha arrancado.
    pub fn new(n: usize, perfil: &Perfil) -> Self {
        let limites = if perfil.justo {
            Limites { cola: 4, llamadas: 1, lista: 2, informes: 3 }
        } else {
            Limites { cola: 8_192, llamadas: 2, lista: LISTA_MAX, informes: 4_096 }
        };
        Self { n, limites, vivo: None }
    }

    fn quien(&self) -> Quien {
        Quien::Actor(self.n)
    }

    /// Arranca con las manos vacías.
    pub fn arrancar(&mut self, e: &mut Entorno) {
        let quien = self.quien();
        let suyos = |clase: Clase| {
            let es_suyo = |n: &usize| e.enlaces[*n].extremos[A] == quien && e.enlaces[*n].clase == clase;
            (0..e.enlaces.len()).filter(es_suyo).collect::<Vec<_>>()
        };
        let (eventos, informes) = (suyos(Clase::Eventos), suyos(Clase::Informes));
        let gestores: Vec<_> = eventos.into_iter().zip(informes).map(|(ev, inf)| (ev, inf, None)).collect();
        self.vivo = Some(ActorVivo {
            machine: Machine::new(gestores.len(), self.limites),
            almacen: Llamadas::new(e, quien),
            gestores,
        });
    }

    /// Mira lo que le llegó, llama e informa.
    pub fn turno(&mut self, e: &mut Entorno, entrantes: VecDeque<Entrante>) {
        for entrante in entrantes {
            self.atender(e, entrante);
            if !e.proceso(self.quien()).vivo {
                return;
            }
        }
        self.entregas(e);
        self.despachar(e);
        let Some(vivo) = &self.vivo else { return };
        if vivo.machine.en_cola() > self.limites.cola || vivo.machine.en_vuelo() > self.limites.llamadas {
            e.juez.romper(format!("el actor {} se pasa de sus límites", self.n));
        }
        if let Some(cuando) = vivo.almacen.plazo(e) {
            e.despertar(self.quien(), cuando);
        }
    }

    fn atender(&mut self, e: &mut Entorno, entrante: Entrante) {
        let quien = self.quien();
        let Some(vivo) = &mut self.vivo else { return };
        if let Some(Entrante::Mensaje { mensaje: Mensaje::Evento(ordenes), enlace, .. }) =
            vivo.almacen.atender(e, entrante)
            && !muere_por(e, quien, &ordenes)
            && let Some(gestor) = vivo.gestores.iter().position(|(eventos, ..)| *eventos == enlace)
        {
            vivo.machine.on_evento(gestor, ordenes);
        }
    }

    fn entregas(&mut self, e: &mut Entorno) {
        let Some(vivo) = &mut self.vivo else { return };
        vivo.almacen.on_timeout(e);
        while let Some(Entrega { tag, resultado }) = vivo.almacen.entrega() {
            vivo.machine.on_final(tag, Final::de(resultado));
        }
    }

    fn despachar(&mut self, e: &mut Entorno) {
        let quien = self.quien();
        while let Some(llamada) = self.vivo.as_mut().and_then(|v| v.machine.poll_llamada()) {
            if e.muere_aqui(quien) {
                return;
            }
            e.anotar(quien, || format!("llama al almacenamiento: {}", lista(&llamada.ordenes)));
            let Some(vivo) = &mut self.vivo else { return };
            vivo.almacen.llamar(e, llamada.tag, CuerpoPeticion::Escribir(llamada.ordenes));
            // Lo que no halló a dónde ir acaba aquí mismo.
            self.entregas(e);
        }
        let Some(vivo) = &mut self.vivo else { return };
        for (gestor, (_, enlace, por_salir)) in vivo.gestores.iter_mut().enumerate() {
            // Lo que no pudo salir prueba otra vez antes que lo siguiente.
            *por_salir = por_salir.take().and_then(|informe| informar(e, quien, gestor, *enlace, informe));
            vivo.machine.informar_a(gestor, por_salir, |informe| informar(e, quien, gestor, *enlace, informe));
        }
    }
}

/// Envía un informe; lo devuelve si no sale, o si se muere antes de enviarlo.
fn informar(
    e: &mut Entorno,
    quien: Quien,
    gestor: usize,
    enlace: usize,
    informe: Vec<ResultadoInforme>,
) -> Option<Vec<ResultadoInforme>> {
    if !e.proceso(quien).vivo || e.muere_aqui(quien) {
        return Some(informe);
    }
    e.anotar(quien, || format!("informa al gestor {gestor}: {}", en_palabras(&informe)));
    (!e.enviar(enlace, A, Mensaje::Informe(informe.clone()))).then_some(informe)
}

/// Una operación que mata a quien la atiende, mientras dure la tormenta.
fn muere_por(e: &mut Entorno, quien: Quien, ordenes: &[Orden]) -> bool {
    let asesina = ordenes.iter().find(|o| e.juez.es_asesina(o.id)).map(|o| o.id);
    let Some(id) = asesina.filter(|_| e.tormenta) else { return false };
    e.matar(quien, &format!("por atender {}", corto(id)));
    true
}

fn en_palabras(informe: &[ResultadoInforme]) -> String {
    let que = |r: &ResultadoInforme| {
        let desenlace = match &r.desenlace {
            common::mensajes::Desenlace::Decidida(guardada) => format!("decidida, {}", guardada.codigo),
            common::mensajes::Desenlace::NoEscrita { .. } => "no escrita".into(),
            common::mensajes::Desenlace::NoEntendida { .. } => "no entendida".into(),
            common::mensajes::Desenlace::SinAlmacenamiento => "sin almacenamiento".into(),
            common::mensajes::Desenlace::Incierta => "incierta".into(),
        };
        format!("{} (intento {}) {desenlace}", corto(r.id), r.intento)
    };
    informe.iter().map(que).collect::<Vec<_>>().join(", ")
}
