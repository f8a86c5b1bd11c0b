//! Decide qué se sabe de una operación mientras no está decidida.

use std::{borrow::Cow, time::Instant};

use common::{
    dominio::{Clave, Huella, OperacionId, Tipo},
    mensajes::{Orden, Topico},
    resilience::Backoff,
};

use super::{
    historia::{Historia, recortar},
    limites::{DEFINIDOS_MAX, ESPERA_FALLO, ESPERA_SIN_ALMACEN, ESPERAS_MAX, MUERTES_MAX},
    presencia::ActorNum,
};

/// El número de orden de llegada de una operación; también el de su fila en el diario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Num(pub u64);

/// Por dónde sale una operación.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Ruta {
    /// Publicada a un actor del tópico.
    Actor(Topico),
    /// Por llamada directa al almacenamiento.
    Directa,
}

impl Ruta {
    pub(super) const TODAS: [Self; 3] = [Self::Actor(Topico::Prestamo), Self::Actor(Topico::Devolucion), Self::Directa];

    pub(super) fn de(tipo: Tipo) -> Self {
        Topico::de(tipo).map_or(Self::Directa, Self::Actor)
    }

    pub(super) fn indice(self) -> usize {
        match self {
            Self::Actor(Topico::Prestamo) => 0,
            Self::Actor(Topico::Devolucion) => 1,
            Self::Directa => 2,
        }
    }
}

/// A quién se dio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Destino {
    Actor(ActorNum),
    /// Una de las llamadas directas que caben a la vez.
    Directo(usize),
}

/// Dónde está la operación. La fase `Anulando` (pedir al almacenamiento que decida en contra) tendrá aquí su sitio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fase {
    EnCola(Turno),
    EnVuelo { destino: Destino, reentrega: Instant },
}

/// Qué espera la que está en cola.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turno {
    /// Hay otra de su clave delante.
    Detras,
    /// Es la primera de su clave y está en la fila de las nuevas o en la de las viejas.
    Lista { nueva: bool },
    /// Es la primera, pero no saldrá antes de `hasta`; `soltable`, si basta con que el almacenamiento vuelva.
    Aplazada { hasta: Instant, soltable: bool },
}

/// Qué hay de la operación en el diario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Diario {
    No,
    Escribiendo,
    Si,
    Averiado,
}

/// Alguien que espera la respuesta.
#[derive(Clone, Debug)]
pub(super) struct Espera<W> {
    pub(super) quien: W,
    pub(super) vence: Instant,
    /// Ya venció una vez, con el diario a medio escribir.
    pub(super) vencida: bool,
}

/// Una operación sin decidir.
#[derive(Clone, Debug)]
pub(super) struct Op<W> {
    /// Su intento y si va sola se llevan aquí mismo: es lo que se publica.
    pub(super) orden: Orden,
    pub(super) fase: Fase,
    pub(super) diario: Diario,
    pub(super) esperas: Vec<Espera<W>>,
    /// A quién se dio la última vez.
    pub(super) ultimo: Option<Destino>,
    /// Cuándo toca escribirla en el diario si se sabe que no hay a dónde ir.
    pub(super) anotable: Instant,
    /// Veces que no halló almacenamiento.
    sin_almacen: u32,
    /// Veces que quedó incierta, no se pudo escribir o nadie informó.
    fallos: u32,
    definidos: u32,
    muertes: u32,
    /// Por qué volvió a la cola la última vez.
    pub(super) causa: Option<Cow<'static, str>>,
    pub(super) historia: Historia,
}

impl<W> Op<W> {
    pub(super) fn nueva(orden: Orden, diario: Diario, anotable: Instant) -> Self {
        Self {
            orden,
            fase: Fase::EnCola(Turno::Detras),
            diario,
            esperas: Vec::new(),
            ultimo: None,
            anotable,
            sin_almacen: 0,
            fallos: 0,
            definidos: 0,
            muertes: 0,
            causa: None,
            historia: Historia::default(),
        }
    }

    pub(super) fn es(&self, huella: Huella) -> bool {
        self.orden.huella == huella
    }

    pub(super) fn id(&self) -> OperacionId {
        self.orden.id
    }

    pub(super) fn clave(&self) -> Clave {
        self.orden.comando.objeto()
    }

    pub(super) fn ruta(&self) -> Ruta {
        Ruta::de(self.orden.comando.tipo())
    }

    pub(super) fn en_vuelo(&self) -> bool {
        matches!(self.fase, Fase::EnVuelo { .. })
    }

    /// Está en el diario.
    pub(super) fn prometida(&self) -> bool {
        self.diario == Diario::Si
    }

    /// Un fallo que cuenta: se recuerda.
    fn fallar(&mut self, now: Instant, que: Cow<'static, str>) {
        self.historia.anotar(self.orden.intento, now, que.clone());
        self.causa = Some(que);
    }

    pub(super) fn cabe_otra_espera(&self) -> bool {
        self.esperas.len() < ESPERAS_MAX
    }

    /// No había almacenamiento: otro actor, y pronto.
    pub(super) fn sin_almacen(&mut self, now: Instant) -> Turno {
        self.causa = Some("no había almacenamiento".into());
        self.orden.intento += 1;
        self.sin_almacen += 1;
        self.aplazar(now, ESPERA_SIN_ALMACEN, self.sin_almacen, true)
    }

    /// No se sabe qué fue de ella. Si ya iba sola, quien la atendía pudo morir por ella: eso no lo cura que el
    /// almacenamiento vuelva.
    pub(super) fn incierta(&mut self, now: Instant) -> Turno {
        self.fallar(now, "salió hacia el almacenamiento y no volvió respuesta".into());
        self.orden.intento += 1;
        self.fallos += 1;
        let primera = !self.orden.sola;
        self.contar_muerte();
        self.aplazar(now, ESPERA_FALLO, self.fallos, primera)
    }

    /// El almacenamiento funciona y esta no se pudo escribir.
    pub(super) fn no_escrita(&mut self, now: Instant, motivo: &str) -> Turno {
        self.fallar(now, format!("no se pudo escribir: {}", recortar(motivo)).into());
        self.orden.intento += 1;
        self.fallos += 1;
        self.definidos += 1;
        self.aplazar(now, ESPERA_FALLO, self.fallos, false)
    }

    /// Nadie informó.
    pub(super) fn sin_informe(&mut self, now: Instant) -> Turno {
        self.causa = Some("nadie informó de ella".into());
        self.orden.intento += 1;
        self.fallos += 1;
        self.aplazar(now, ESPERA_FALLO, self.fallos, false)
    }

    /// Se perdió el actor que la tenía: sale en seguida hacia otro, salvo que ya haya matado a demasiados.
    pub(super) fn actor_perdido(&mut self, now: Instant) -> Option<Turno> {
        self.fallar(now, "se perdió el actor que la tenía".into());
        self.contar_muerte();
        self.en_el_limite().then(|| self.aplazar(now, ESPERA_FALLO, self.fallos, false))
    }

    fn contar_muerte(&mut self) {
        if self.orden.sola {
            self.muertes += 1;
        }
        self.orden.sola = true;
    }

    /// Llegó a un límite: aquí se apartará.
    fn en_el_limite(&self) -> bool {
        self.definidos >= DEFINIDOS_MAX || self.muertes >= MUERTES_MAX
    }

    fn aplazar(&self, now: Instant, backoff: Backoff, veces: u32, soltable: bool) -> Turno {
        let limite = self.en_el_limite();
        let n = if limite { u32::MAX } else { veces.saturating_sub(1) };
        let hasta = now + backoff.espera(n, self.semilla());
        Turno::Aplazada { hasta, soltable: soltable && !limite }
    }

    /// Los bits altos son el reloj del cliente; los bajos, azar.
    #[allow(clippy::cast_possible_truncation)]
    fn semilla(&self) -> u64 {
        self.id().uuid().as_u128() as u64
    }
}
