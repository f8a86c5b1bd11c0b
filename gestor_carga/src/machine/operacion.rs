//! Decide qué se sabe de una operación mientras no está decidida.

use std::{borrow::Cow, time::Instant};

use common::{
    dominio::{Clave, Codigo, Huella, OperacionId, Tipo},
    mensajes::{MotivoDeApartar, Orden, Topico},
    resilience::Backoff,
};

use super::{
    historia::{Historia, recortar},
    limites::{ESPERA_INCIERTA, ESPERA_SIN_ALMACEN, ESPERAS_MAX, Limites},
    presencia::ActorNum,
};

/// El número de orden de llegada de una operación; también el de su fila en el diario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Num(pub u64);

/// Por dónde sale una operación.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Ruta {
    Actor(Topico),
    Directa,
    /// Por llamada directa también, para terminar con ella.
    Cierre,
}

impl Ruta {
    pub(super) const TODAS: [Self; RUTAS] =
        [Self::Actor(Topico::Prestamo), Self::Actor(Topico::Devolucion), Self::Directa, Self::Cierre];

    pub(super) fn de(tipo: Tipo) -> Self {
        Topico::de(tipo).map_or(Self::Directa, Self::Actor)
    }

    pub(super) fn indice(self) -> usize {
        match self {
            Self::Actor(Topico::Prestamo) => 0,
            Self::Actor(Topico::Devolucion) => 1,
            Self::Directa => 2,
            Self::Cierre => 3,
        }
    }
}

/// Cuántas rutas hay.
pub(super) const RUTAS: usize = 4;

/// A quién se dio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Destino {
    Actor(ActorNum),
    /// Una de las llamadas directas que caben a la vez.
    Directo(usize),
    /// Una de las llamadas para terminar que caben a la vez.
    Cierre(usize),
}

/// Cómo se quiere terminar con una operación. El almacenamiento decide: si ya estaba decidida, vale lo decidido.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fin {
    /// Que no se haga: venció el plazo de quien no acepta `pendiente`.
    Anular(Codigo),
    Apartar(MotivoDeApartar),
}

/// Dónde está la operación. La fase `Anulando` de las tablas es una operación con [`Op::fin`]: espera su turno y sale como
/// las demás, por su propia ruta.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fase {
    EnCola(Turno),
    EnVuelo { destino: Destino, reentrega: Instant },
}

/// Qué espera la que está en cola.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turno {
    Detras,
    /// Es la primera de su clave y está en la fila de las nuevas o en la de las viejas.
    Lista {
        nueva: bool,
    },
    /// Es la primera, pero no saldrá antes de `hasta`; `soltable`, si basta con que el almacenamiento vuelva.
    Aplazada {
        hasta: Instant,
        soltable: bool,
    },
}

/// Qué hay de la operación en el diario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EnDiario {
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
    /// Si le vale `pendiente`.
    pub(super) acepta: bool,
    /// Ya venció una vez, con el diario a medio escribir o mientras el almacenamiento decide si la anula.
    pub(super) vencida: bool,
}

/// Una operación sin decidir.
#[derive(Clone, Debug)]
pub(super) struct Op<W> {
    /// Su intento y si va sola se llevan aquí mismo: es lo que se publica.
    pub(super) orden: Orden,
    pub(super) fase: Fase,
    pub(super) diario: EnDiario,
    /// Ya no se intenta: se está terminando con ella.
    pub(super) fin: Option<Fin>,
    /// Se contestó `pendiente` a alguien, o eso hay que creer: estaba en el diario al arrancar.
    pub(super) prometida: bool,
    /// Alguna entrega pudo llegar al almacenamiento: ya no se puede decir que no se hizo nada.
    pub(super) salio: bool,
    pub(super) esperas: Vec<Espera<W>>,
    /// A quién se dio la última vez.
    pub(super) ultimo: Option<Destino>,
    /// Cuándo toca escribirla en el diario si se sabe que no hay a dónde ir.
    pub(super) anotable: Instant,
    sin_almacen: u32,
    /// Veces que quedó incierta, no se pudo escribir o nadie informó.
    fallos: u32,
    definidos: u32,
    muertes: u32,
    /// Buenas noticias del almacenamiento que había cuando quedó incierta por última vez.
    buenas_entonces: u64,
    /// Por qué volvió a la cola la última vez.
    pub(super) causa: Option<Cow<'static, str>>,
    pub(super) historia: Historia,
}

impl<W> Op<W> {
    pub(super) fn new(orden: Orden, diario: EnDiario, anotable: Instant) -> Self {
        Self {
            orden,
            fase: Fase::EnCola(Turno::Detras),
            diario,
            fin: None,
            prometida: diario == EnDiario::Si,
            salio: false,
            esperas: Vec::new(),
            ultimo: None,
            anotable,
            sin_almacen: 0,
            fallos: 0,
            definidos: 0,
            muertes: 0,
            buenas_entonces: 0,
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

    /// Por dónde se decide.
    pub(super) fn ruta(&self) -> Ruta {
        Ruta::de(self.orden.comando.tipo())
    }

    /// Por dónde sale ahora.
    pub(super) fn salida(&self) -> Ruta {
        if self.fin.is_some() { Ruta::Cierre } else { self.ruta() }
    }

    /// Se está pidiendo que no se haga: ya no se promete.
    pub(super) fn anulando(&self) -> bool {
        matches!(self.fin, Some(Fin::Anular(_)))
    }

    pub(super) fn en_vuelo(&self) -> bool {
        matches!(self.fase, Fase::EnVuelo { .. })
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

    /// No se sabe qué fue de ella. Si ya iba sola y desde la otra vez el almacenamiento dio señales de vida (`buenas`
    /// noticias hasta hoy), quien la atendía pudo morir por ella, y eso no lo cura que el almacenamiento vuelva. Sin
    /// esas señales no es más que una caída, que no cuenta por larga que sea.
    pub(super) fn incierta(&mut self, now: Instant, buenas: u64) -> Turno {
        self.fallar(now, "salió hacia el almacenamiento y no volvió respuesta".into());
        self.orden.intento += 1;
        self.fallos += 1;
        self.salio = true;
        let cuenta = self.orden.sola && self.fin.is_none() && buenas > self.buenas_entonces;
        self.buenas_entonces = buenas;
        self.muertes += u32::from(cuenta);
        self.orden.sola = true;
        self.aplazar(now, ESPERA_INCIERTA, self.fallos, !cuenta)
    }

    /// El almacenamiento funciona y esta no se pudo escribir.
    pub(super) fn no_escrita(&mut self, now: Instant, motivo: &str, reintento: Backoff) -> Turno {
        self.fallar(now, format!("no se pudo escribir: {}", recortar(motivo)).into());
        self.orden.intento += 1;
        self.definidos += 1;
        self.salio = true;
        self.aplazar(now, reintento, self.definidos, false)
    }

    /// Quien la recibió no la entiende: es de otra versión, y nada se hizo. La próxima vez va sola y a otro: de una lista
    /// de la que se entiende algo, nadie lleva el resto a otra parte.
    pub(super) fn no_entendida(&mut self, now: Instant, motivo: &str, reintento: Backoff) -> Turno {
        self.fallar(now, format!("no se entendió: {}", recortar(motivo)).into());
        self.orden.intento += 1;
        self.orden.sola = true;
        self.definidos += 1;
        self.aplazar(now, reintento, self.definidos, false)
    }

    /// Nadie informó: no dice nada de ella.
    pub(super) fn sin_informe(&mut self, now: Instant) -> Turno {
        self.causa = Some("nadie informó de ella".into());
        self.orden.intento += 1;
        self.fallos += 1;
        self.salio = true;
        self.aplazar(now, ESPERA_INCIERTA, self.fallos, true)
    }

    /// Se perdió el actor que la tenía: sale en seguida hacia otro, sola. Cuenta si ya iba sola y no es que el
    /// almacenamiento calle para todos: durante una caída las operaciones viven en manos de los actores.
    pub(super) fn actor_perdido(&mut self, now: Instant, almacen_mudo: bool) {
        self.fallar(now, "se perdió el actor que la tenía".into());
        self.salio = true;
        self.muertes += u32::from(self.orden.sola && !almacen_mudo);
        self.orden.sola = true;
    }

    /// Por qué hay que apartarla, si llegó a un límite.
    pub(super) fn limite(&self, limites: &Limites) -> Option<MotivoDeApartar> {
        if self.fin.is_some() {
            None
        } else if self.definidos >= limites.definidos {
            Some(MotivoDeApartar::FallosDefinidos)
        } else {
            (self.muertes >= limites.muertes).then_some(MotivoDeApartar::Muertes)
        }
    }

    /// Ya no se intenta más. Los informes de sus entregas solo cuentan si traen la decisión: el intento es otro.
    pub(super) fn renunciar(&mut self, fin: Fin) {
        self.fin = Some(fin);
        self.orden.intento += 1;
        self.fallos = 0;
        self.sin_almacen = 0;
    }

    fn aplazar(&self, now: Instant, backoff: Backoff, veces: u32, soltable: bool) -> Turno {
        let hasta = now + backoff.espera(veces.saturating_sub(1), self.semilla());
        Turno::Aplazada { hasta, soltable }
    }

    /// Los bits altos son el reloj del cliente; los bajos, azar.
    #[allow(clippy::cast_possible_truncation)]
    fn semilla(&self) -> u64 {
        self.id().uuid().as_u128() as u64
    }
}
