//! Un cliente simulado: pide, se cansa de esperar, repite con el mismo id, a veces por dos sitios a la vez, y a veces
//! lo deja sin saber qué fue.

use std::collections::VecDeque;

use common::{
    dominio::{Codigo, Comando, Estado, Objeto, OperacionId, Tipo},
    mensajes::RespuestaGuardada,
};
use juicio::azar::Azar;
use uuid::Uuid;

use crate::{
    catalogo::{ejemplar, isbn, usuario},
    cronica::{corto, en_palabras},
    enlace::A,
    entorno::Entorno,
    mensajes::{Contestado, Mensaje},
    perfil::Perfil,
    reloj::{MS, SEG, Us},
    sucesos::{Entrante, Quien},
};

/// Envíos de una misma operación, como mucho.
const ENVIOS_MAX: u32 = 8;

/// La operación que tiene entre manos.
#[derive(Debug)]
struct Entre {
    op: usize,
    id: OperacionId,
    comando: Comando,
    acepta_pendiente: bool,
    envios: u32,
    repetir: Us,
}

/// Un cliente.
#[derive(Debug)]
pub struct Cliente {
    n: usize,
    quedan: usize,
    desvio: i64,
    entre: Option<Entre>,
    proxima: Us,
}

impl Cliente {
    /// Uno con su plan.
    pub fn new(n: usize, perfil: &Perfil, azar: &mut Azar) -> Self {
        let desvio = if perfil.desvio == 0 {
            0
        } else {
            i64::try_from(azar.siguiente() % perfil.desvio.unsigned_abs()).unwrap_or(0) - perfil.desvio / 2
        };
        Self { n, quedan: perfil.operaciones, desvio, entre: None, proxima: 0 }
    }

    fn quien(&self) -> Quien {
        Quien::Cliente(self.n)
    }

    /// Qué le queda por hacer.
    pub fn que_falta(&self) -> Option<String> {
        let entre = self.entre.as_ref().map(|e| format!("el cliente {} espera por {}", self.n, corto(e.id)));
        entre.or_else(|| (self.quedan > 0).then(|| format!("al cliente {} le quedan {}", self.n, self.quedan)))
    }

    /// Mira lo que le contestaron y sigue con lo suyo.
    pub fn turno(&mut self, e: &mut Entorno, entrantes: VecDeque<Entrante>) {
        for entrante in entrantes {
            if let Entrante::Mensaje { mensaje: Mensaje::Respuesta { envio, que }, .. } = entrante {
                self.contestan(e, envio, &que);
            }
        }
        match &self.entre {
            Some(entre) if entre.repetir <= e.ahora => self.insistir(e),
            None if self.quedan > 0 && self.proxima <= e.ahora => self.empezar(e),
            _ => {}
        }
        let cuando = self.entre.as_ref().map(|entre| entre.repetir).or((self.quedan > 0).then_some(self.proxima));
        if let Some(cuando) = cuando {
            e.despertar(self.quien(), cuando);
        }
    }

    fn empezar(&mut self, e: &mut Entorno) {
        self.quedan -= 1;
        let comando = inventar(e);
        let id = self.nuevo_id(e);
        let op = e.juez.pedir(e.ahora, id, comando);
        let (venenosas, asesinas) = (e.perfil.venenosas, e.perfil.asesinas);
        let (venenosa, asesina) = (e.azar.por_ciento(venenosas), e.azar.por_ciento(asesinas));
        let en_almacen = e.azar.por_ciento(50);
        e.juez.marcar(id, venenosa, asesina.then_some(en_almacen));
        // Si nada salió hacia el almacenamiento, a quien no acepta pendiente se le contesta error: vale porque ningún zócalo
        // dobla un mensaje. Las semillas que sí los doblan no lo prueban.
        let acepta_pendiente = e.azar.por_ciento(75) || e.perfil.trafico.dobles > 0;
        self.entre = Some(Entre { op, id, comando, acepta_pendiente, envios: 0, repetir: e.ahora });
        self.insistir(e);
    }

    /// Alguien usa el mismo id para otra cosa.
    fn con_otro_contenido(&self, e: &mut Entorno, id: OperacionId, suyo: Comando) {
        let comando = inventar(e);
        if comando == suyo {
            return;
        }
        let op = e.juez.pedir(e.ahora, id, comando);
        self.enviar(e, op, id, comando, true);
    }

    fn nuevo_id(&self, e: &mut Entorno) -> OperacionId {
        let ms = u128::try_from(e.hora(self.desvio).0 / 1_000).expect("posterior a 1970");
        let numero = u128::from(e.juez.numero());
        let azar = u128::from(e.azar.siguiente() & 0x3fff_ffff_ffff) << 16;
        let bits = ms << 80 | 0x7 << 76 | 0b10 << 62 | azar & !(0b11 << 62) | numero;
        OperacionId::try_new(Uuid::from_u128(bits)).expect("un UUIDv7")
    }

    /// Envía, o repite, o lo deja.
    fn insistir(&mut self, e: &mut Entorno) {
        let Some(mut entre) = self.entre.take() else { return };
        if entre.envios >= ENVIOS_MAX {
            e.anotar(self.quien(), || format!("deja {} sin saber qué fue", corto(entre.id)));
            return self.descansar(e);
        }
        let veces = if e.azar.por_ciento(8) { 2 } else { 1 };
        let mut enviadas = 0;
        for _ in 0..veces {
            enviadas += u32::from(self.enviar(e, entre.op, entre.id, entre.comando, entre.acepta_pendiente));
        }
        if e.azar.por_ciento(4) {
            self.con_otro_contenido(e, entre.id, entre.comando);
        }
        entre.envios += enviadas;
        entre.repetir = if enviadas == 0 { e.ahora + 100 * MS } else { e.ahora + e.entre(2_500 * MS, 6 * SEG) };
        self.entre = Some(entre);
    }

    fn enviar(&self, e: &mut Entorno, op: usize, id: OperacionId, comando: Comando, acepta_pendiente: bool) -> bool {
        let suyos: Vec<_> = e.de(self.quien()).into_iter().filter(|n| e.enlaces[*n].visto[A]).collect();
        if suyos.is_empty() {
            return false;
        }
        let n = *e.azar.uno_de(&suyos);
        let envio = e.juez.enviar(op);
        let gestor = e.enlaces[n].extremos[1];
        e.anotar(self.quien(), || {
            let firme = if acepta_pendiente { "" } else { ", sin aceptar pendiente" };
            format!("envía {} (envío {envio}) al {gestor}: {}{firme}", corto(id), en_palabras(&comando))
        });
        e.enviar(n, A, Mensaje::Solicitud { envio, id, comando, acepta_pendiente })
    }

    fn contestan(&mut self, e: &mut Entorno, envio: usize, que: &Contestado) {
        let op = e.juez.al_recibir(e.ahora, envio, que);
        let Some(entre) = self.entre.as_mut().filter(|entre| entre.op == op) else { return };
        let (estado, insiste) = match que {
            Contestado::Guardada(RespuestaGuardada { codigo, .. }) => {
                let final_ = *codigo != Codigo::OperacionCaducada;
                (if final_ { Estado::Aplicada } else { Estado::Incierta }, 0)
            }
            Contestado::Propia(Estado::Pendiente, _) => (Estado::Pendiente, 60),
            Contestado::Propia(Estado::Incierta, _) => (Estado::Incierta, 80),
            Contestado::Propia(estado, Codigo::Saturado) => (*estado, 70),
            Contestado::Propia(estado, _) => (*estado, 0),
        };
        e.anotar(Quien::Cliente(self.n), || format!("recibe {estado} de {} (envío {envio})", corto(entre.id)));
        if e.azar.por_ciento(insiste) {
            let dentro = e.entre(50 * MS, 4 * SEG);
            entre.repetir = e.ahora + dentro;
        } else {
            self.entre = None;
            self.descansar(e);
        }
    }

    fn descansar(&mut self, e: &mut Entorno) {
        let largo = 2 * e.perfil.tormenta / Us::try_from(e.perfil.operaciones).expect("pocas");
        let dentro = if e.azar.por_ciento(40) { e.entre(0, 20 * MS) } else { e.entre(0, largo) };
        self.proxima = e.ahora + dentro;
    }
}

/// Algo que pedir: casi siempre sobre pocas copias, para que se estorben.
fn inventar(e: &mut Entorno) -> Comando {
    let titulo = e.azar.menor_que(e.perfil.copias.len());
    let copia = e.azar.menor_que(e.perfil.copias[titulo]);
    let objeto = match e.azar.menor_que(20) {
        0 => Objeto::Ejemplar("E99".parse().expect("un ejemplar que no existe")),
        1..=4 => Objeto::Libro(isbn(titulo)),
        _ => Objeto::Ejemplar(ejemplar(titulo, copia)),
    };
    let tipo = match e.azar.menor_que(20) {
        0..=8 => Tipo::Prestamo,
        9..=15 => Tipo::Devolucion,
        _ => Tipo::Renovacion,
    };
    let usuario = usuario(e.azar.menor_que(e.perfil.usuarios));
    let anonima = tipo == Tipo::Devolucion && matches!(objeto, Objeto::Ejemplar(_)) && e.azar.por_ciento(50);
    Comando::new(tipo, (!anonima).then_some(usuario), objeto, None).expect("una orden completa")
}
