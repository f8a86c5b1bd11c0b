//! Un cliente de la carga: decide qué pedir, y si lo que le respondieron es lo que podían responderle.

use std::{rc::Rc, time::Duration};

use common::{
    dominio::{Codigo, Comando, Consulta, EjemplarId, Estado, Objeto, Tipo, UsuarioId},
    mensajes::Solicitud,
    transport::cliente::{Cliente, Contestacion, Paciencia, SinRespuesta},
};
use juicio::{
    auditoria::Efecto,
    azar::Azar,
    historia::{Muestra, Vista},
};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::Comun;

/// Ejemplares que un cliente tiene a la vez, como mucho.
const EN_MANO_MAX: usize = 3;
/// De cada cien pedidos: consultas, renovaciones y préstamos por ISBN.
const CONSULTAS: usize = 6;
const RENOVACIONES: usize = 10;
const POR_ISBN: usize = 8;
/// De cada cien préstamos, los que van a los ejemplares que se disputan todos.
const A_LOS_CALIENTES: usize = 50;
/// De cada cien escrituras: las que vencen enseguida y se repiten, las que se envían dos veces sin esperar, y las que se
/// repiten después de su respuesta.
const IMPACIENTES: usize = 3;
const DOBLES: usize = 3;
const REPETIDAS: usize = 3;
/// De cada cien escrituras, las que no aceptan que se les prometa nada: o se decide, o no se hace.
const SIN_PENDIENTE: usize = 3;
/// Lo que espera un impaciente antes de repetir.
const IMPACIENCIA: Duration = Duration::from_millis(2);
/// Lo que insiste un cliente antes de darse por no atendido.
const INSISTENCIA: Duration = Duration::from_secs(20);
/// Entre dos envíos de una operación incierta.
const TRAS_INCIERTA: Duration = Duration::from_millis(20);

/// Un préstamo que el cliente sabe suyo.
#[derive(Clone, Copy)]
struct EnMano {
    ejemplar: EjemplarId,
    usuario: UsuarioId,
}

#[derive(serde::Deserialize)]
struct ConDatos {
    datos: Efecto,
}

pub(super) struct Solicitante {
    cliente: Cliente,
    comun: Rc<Comun>,
    usuarios: Vec<UsuarioId>,
    azar: Azar,
    en_mano: Vec<EnMano>,
}

impl Solicitante {
    pub(super) fn new(cliente: Cliente, comun: Rc<Comun>, usuarios: Vec<UsuarioId>, azar: Azar) -> Self {
        Self { cliente, comun, usuarios, azar, en_mano: Vec::new() }
    }

    /// Pide hasta que se le diga que pare; entonces devuelve lo que tiene.
    pub(super) async fn correr(mut self) {
        if self.usuarios.is_empty() || self.comun.calientes.is_empty() {
            return;
        }
        while !self.comun.parar.get() {
            self.paso().await;
            if !self.comun.reposo.is_zero() {
                sleep(self.comun.reposo).await;
            }
            // Un bucle cerrado que siempre encuentra su respuesta lista no dejaría pasar a los demás.
            tokio::task::yield_now().await;
        }
        while let Some(suyo) = self.en_mano.pop() {
            self.devolver(suyo).await;
        }
    }

    async fn paso(&mut self) {
        if self.azar.por_ciento(CONSULTAS) {
            return self.consultar().await;
        }
        let llenas = self.en_mano.len() >= EN_MANO_MAX;
        if !self.en_mano.is_empty() && (llenas || self.azar.por_ciento(45)) {
            let cual = self.azar.menor_que(self.en_mano.len());
            let suyo = self.en_mano.swap_remove(cual);
            self.devolver(suyo).await;
        } else if !self.en_mano.is_empty() && self.azar.por_ciento(RENOVACIONES) {
            let suyo = *self.azar.uno_de(&self.en_mano);
            self.renovar(suyo).await;
        } else {
            self.tomar_prestado().await;
        }
    }

    async fn tomar_prestado(&mut self) {
        let comun = Rc::clone(&self.comun);
        let caliente = self.azar.por_ciento(A_LOS_CALIENTES);
        let (ejemplar, isbn) = *self.azar.uno_de(if caliente { &comun.calientes } else { &comun.frios });
        let usuario = *self.azar.uno_de(&self.usuarios);
        let objeto = if self.azar.por_ciento(POR_ISBN) { Objeto::Libro(isbn) } else { Objeto::Ejemplar(ejemplar) };
        let Some(respuesta) = self.operar(Comando::Prestamo { usuario, objeto, sede: None }).await else { return };
        let Some(vista) = Vista::leer(&respuesta) else { return };
        if vista.exito {
            let suyo = serde_json::from_slice::<ConDatos>(&respuesta).ok().and_then(|r| r.datos.ejemplar);
            match suyo {
                Some(ejemplar) => self.en_mano.push(EnMano { ejemplar, usuario }),
                None => self.error(|| format!("un préstamo aplicado no dice de qué ejemplar: {}", texto(&respuesta))),
            }
        } else {
            let esperados =
                [Codigo::EjemplarPrestado, Codigo::SinEjemplares, Codigo::LimiteDePrestamos, Codigo::UsuarioBloqueado];
            self.comprobar_rechazo(vista, &esperados, &respuesta);
        }
    }

    async fn devolver(&mut self, EnMano { ejemplar, usuario }: EnMano) {
        let usuario = self.azar.por_ciento(50).then_some(usuario);
        let comando = Comando::Devolucion { usuario, objeto: Objeto::Ejemplar(ejemplar), sede: None };
        let Some(respuesta) = self.operar(comando).await else { return };
        if let Some(vista) = Vista::leer(&respuesta) {
            self.comprobar_rechazo(vista, &[], &respuesta);
        }
    }

    async fn renovar(&mut self, EnMano { ejemplar, usuario }: EnMano) {
        let comando = Comando::Renovacion { usuario, objeto: Objeto::Ejemplar(ejemplar), sede: None };
        let Some(respuesta) = self.operar(comando).await else { return };
        if let Some(vista) = Vista::leer(&respuesta) {
            self.comprobar_rechazo(vista, &[Codigo::LimiteDeRenovaciones], &respuesta);
        }
    }

    /// Un rechazo que no puede ser, dado lo que se reconoció antes a este cliente, es un error del sistema.
    fn comprobar_rechazo(&self, vista: Vista, esperados: &[Codigo], respuesta: &[u8]) {
        if vista.estado == Estado::Rechazada && !esperados.contains(&vista.codigo) {
            self.error(|| format!("rechazo que contradice lo reconocido: {}", texto(respuesta)));
        }
    }

    /// Pide una operación nueva, a veces de mala manera; la respuesta, si la hubo.
    async fn operar(&mut self, comando: Comando) -> Option<Vec<u8>> {
        let id = Uuid::now_v7();
        let acepta_pendiente = !self.azar.por_ciento(SIN_PENDIENTE);
        let cuerpo = Solicitud { acepta_pendiente, ..Solicitud::new(id, comando) }.escribir();
        self.comun.pedida(id, comando);
        let mut paciencia = Paciencia::insistente(INSISTENCIA);
        let mut mala_manera = true;
        match self.azar.menor_que(100) {
            n if n < IMPACIENTES => paciencia.primero = IMPACIENCIA,
            // Si no sale, el envío de verdad ya lo dirá.
            n if n < IMPACIENTES + DOBLES => drop(self.cliente.soltar(&cuerpo, IMPACIENCIA).await),
            _ => mala_manera = false,
        }
        let respuesta = self.insistir(id, Some(comando.tipo()), &cuerpo, paciencia, mala_manera).await;
        if !acepta_pendiente
            && respuesta.as_deref().and_then(Vista::leer).is_some_and(|v| v.estado == Estado::Pendiente)
        {
            self.comun.historia.borrow_mut().promesas_no_queridas += 1;
        }
        if respuesta.is_some() && self.azar.por_ciento(REPETIDAS) {
            match self.cliente.pedir(&cuerpo, Paciencia::insistente(INSISTENCIA)).await {
                Ok(otra) => self.comun.historia.borrow_mut().vista(&otra.cuerpo),
                Err(e) => drop(self.sin_respuesta(id, &e)),
            }
        }
        for rezagada in self.cliente.rezagadas() {
            self.comun.historia.borrow_mut().vista(&rezagada);
        }
        respuesta
    }

    /// Pide lo mismo hasta que la respuesta diga algo, y la anota.
    async fn insistir(
        &mut self,
        id: Uuid,
        tipo: Option<Tipo>,
        cuerpo: &[u8],
        paciencia: Paciencia,
        mala_manera: bool,
    ) -> Option<Vec<u8>> {
        let desde = Instant::now();
        let mut envios = 0;
        loop {
            let contestacion = match self.cliente.pedir(cuerpo, paciencia).await {
                Ok(contestacion) => contestacion,
                Err(e) => return self.sin_respuesta(id, &e),
            };
            envios += contestacion.envios;
            let Some(vista) = Vista::leer(&contestacion.cuerpo) else {
                self.error(|| format!("no es una respuesta: {}", texto(&contestacion.cuerpo)));
                return None;
            };
            if vista.estado == Estado::Incierta && desde.elapsed() < INSISTENCIA {
                sleep(TRAS_INCIERTA).await;
                continue;
            }
            let repetida = envios > 1 && !mala_manera;
            self.anotar(desde, tipo, &vista, &contestacion, repetida);
            if vista.estado == Estado::Error && envios == 1 && !mala_manera {
                self.comun.historia.borrow_mut().negada(id);
            }
            return Some(contestacion.cuerpo);
        }
    }

    fn anotar(&self, desde: Instant, tipo: Option<Tipo>, vista: &Vista, contestacion: &Contestacion, repetida: bool) {
        let latencia = desde.elapsed();
        let mut historia = self.comun.historia.borrow_mut();
        let muestra = Muestra {
            llegada: self.comun.inicio.elapsed(),
            latencia,
            tipo,
            exito: vista.exito,
            estado: vista.estado,
            repetida,
        };
        historia.muestras.push(muestra);
        self.comun.hay_muestra.notify_waiters();
        if tipo.is_some() {
            historia.vista(&contestacion.cuerpo);
            vista.id.into_iter().for_each(|id| historia.sabida(id, ahora_ms()));
        }
        if matches!(vista.estado, Estado::Error | Estado::Incierta) {
            let sin_servicio = tipo.is_none() && vista.codigo == Codigo::AlmacenamientoNoDisponible;
            if sin_servicio && self.comun.sin_relevo.get() {
                historia.consultas_sin_servicio += 1;
            } else if self.comun.tolerante {
                *historia.sin_atender.entry(vista.codigo).or_default() += 1;
            } else {
                historia.error(|| texto(&contestacion.cuerpo));
            }
        }
    }

    fn sin_respuesta(&self, id: Uuid, motivo: &SinRespuesta) -> Option<Vec<u8>> {
        if self.comun.tolerante {
            self.comun.historia.borrow_mut().sin_respuesta += 1;
        } else {
            self.error(|| format!("{id} no tuvo respuesta: {motivo}"));
        }
        None
    }

    async fn consultar(&mut self) {
        let (ejemplar, isbn) = *self.azar.uno_de(&self.comun.calientes);
        let usuario = *self.azar.uno_de(&self.usuarios);
        let id = Uuid::now_v7();
        let consulta = match self.azar.menor_que(3) {
            0 => Consulta::Ejemplar(ejemplar),
            1 => Consulta::Libro(isbn),
            _ => Consulta::Usuario(usuario),
        };
        let cuerpo = Solicitud::new(id, consulta).escribir();
        self.insistir(id, None, &cuerpo, Paciencia::insistente(INSISTENCIA), false).await;
    }

    fn error(&self, que: impl FnOnce() -> String) {
        self.comun.historia.borrow_mut().error(que);
    }
}

/// Los milisegundos desde 1970, por arriba: lo que se supo en este, se supo antes del siguiente.
fn ahora_ms() -> u64 {
    u64::try_from(chrono::Utc::now().timestamp_millis()).unwrap_or(0) + 1
}

fn texto(cuerpo: &[u8]) -> String {
    String::from_utf8_lossy(cuerpo).into_owned()
}
