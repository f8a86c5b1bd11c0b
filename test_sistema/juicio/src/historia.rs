//! Lo que los clientes vieron: qué se reconoció de cada operación, cuándo y cuánto tardó.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use common::{
    dominio::{Codigo, Comando, Estado, Huella, Tipo},
    mensajes::descifrar,
};
use serde::Deserialize;
use uuid::Uuid;

/// Errores que se guardan con su texto; los demás solo se cuentan.
const ERRORES_CON_TEXTO: usize = 20;

/// Lo que de una respuesta interesa a quien compara.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Vista {
    pub id: Option<Uuid>,
    pub exito: bool,
    pub estado: Estado,
    pub codigo: Codigo,
}

impl Vista {
    /// Lo que dice `cuerpo`; `None` si no es una respuesta.
    pub fn leer(cuerpo: &[u8]) -> Option<Self> {
        descifrar(cuerpo).ok()
    }

    /// Si está decidida: hecha o rechazada, y guardada.
    pub fn decidida(&self) -> bool {
        matches!(self.estado, Estado::Aplicada | Estado::Rechazada)
    }
}

/// El resumen de una respuesta: dos respuestas distintas no coinciden (por azar, una vez en 2^64).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResumenDeBytes(u64);

impl ResumenDeBytes {
    /// El de estos bytes.
    pub fn de(cuerpo: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        cuerpo.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// Lo que se sabe de una operación por sus respuestas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registro {
    pub tipo: Tipo,
    pub huella: Huella,
    /// La decisión que se reconoció, con el resumen de sus bytes.
    pub decidida: Option<(Estado, Codigo, ResumenDeBytes)>,
    /// Se respondió `pendiente`: está prometida.
    pub prometida: bool,
    /// Se respondió `error` a su único envío: no puede haberse hecho.
    pub negada: bool,
    /// Lo que se pidió, palabra por palabra, si se guardó para comprobar el orden.
    pub comando: Option<Comando>,
    /// Cuándo se supo su decisión, en milisegundos desde 1970, si se anotó.
    pub sabida_ms: Option<u64>,
}

impl Registro {
    /// Si el sistema se comprometió a algo con ella.
    pub fn reconocida(&self) -> bool {
        self.decidida.is_some() || self.prometida
    }
}

/// Una respuesta, para medir.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Muestra {
    /// Cuándo llegó, desde el principio de la carga.
    pub llegada: Duration,
    /// Cuánto tardó desde el primer envío.
    pub latencia: Duration,
    /// A qué; `None` es una consulta.
    pub tipo: Option<Tipo>,
    /// Si se hizo lo que se pedía.
    pub exito: bool,
    pub estado: Estado,
    /// Hubo que repetirla porque no llegaba.
    pub repetida: bool,
}

/// Todo lo que vieron los clientes de una carga.
#[derive(Debug, Default)]
pub struct Historia {
    registros: HashMap<Uuid, Registro>,
    pub muestras: Vec<Muestra>,
    pub contradicciones: Vec<Uuid>,
    pub errores: u64,
    /// Los primeros, con su texto.
    pub textos_de_errores: Vec<String>,
    /// Consultas con un error claro mientras nadie podía atenderlas.
    pub consultas_sin_servicio: u64,
    /// Lo que no se pudo atender mientras se esperaba que pasara, por su código.
    pub sin_atender: BTreeMap<Codigo, u64>,
    /// Operaciones y consultas que no tuvieron respuesta mientras se esperaba que pasara.
    pub sin_respuesta: u64,
    /// Veces que se respondió `pendiente` a quien había dicho que no lo quería.
    pub promesas_no_queridas: u64,
}

impl Historia {
    /// Anota que se va a pedir una operación; va antes de cualquier respuesta suya.
    pub fn pedida(&mut self, id: Uuid, tipo: Tipo, huella: Huella) {
        let registro =
            Registro { tipo, huella, decidida: None, prometida: false, negada: false, comando: None, sabida_ms: None };
        self.registros.insert(id, registro);
    }

    /// Guarda lo que se pidió en `id`, ya pedida, para comprobar después el orden.
    pub fn seguir(&mut self, id: Uuid, comando: Comando) {
        if let Some(registro) = self.registros.get_mut(&id) {
            registro.comando = Some(comando);
        }
    }

    /// Anota cuándo se supo en qué quedó `id`; solo cuenta la primera vez.
    pub fn sabida(&mut self, id: Uuid, ms: u64) {
        if let Some(registro) = self.registros.get_mut(&id).filter(|r| r.decidida.is_some()) {
            registro.sabida_ms.get_or_insert(ms);
        }
    }

    /// Anota lo que se respondió a una operación pedida aquí; de las demás no hay nada que comparar. Las respuestas que
    /// no deciden ni prometen no cambian nada.
    pub fn vista(&mut self, cuerpo: &[u8]) {
        let Some(vista) = Vista::leer(cuerpo) else { return };
        let Some((id, registro)) = vista.id.and_then(|id| Some((id, self.registros.get_mut(&id)?))) else { return };
        if vista.estado == Estado::Pendiente {
            registro.prometida = true;
        }
        if !vista.decidida() {
            return;
        }
        let esta = (vista.estado, vista.codigo, ResumenDeBytes::de(cuerpo));
        match registro.decidida {
            None => registro.decidida = Some(esta),
            Some(otra) if otra != esta => self.contradicciones.push(id),
            Some(_) => {}
        }
    }

    /// Anota que el único envío de `id` acabó en `error`.
    pub fn negada(&mut self, id: Uuid) {
        if let Some(registro) = self.registros.get_mut(&id) {
            registro.negada = true;
        }
    }

    /// Anota un error que el cliente no causó.
    pub fn error(&mut self, texto: impl FnOnce() -> String) {
        self.errores += 1;
        if self.textos_de_errores.len() < ERRORES_CON_TEXTO {
            self.textos_de_errores.push(texto());
        }
    }

    /// Cada operación pedida y lo que se sabe de ella.
    pub fn registros(&self) -> impl Iterator<Item = (&Uuid, &Registro)> {
        self.registros.iter()
    }

    /// Lo que se sabe de `id`.
    pub fn registro(&self, id: Uuid) -> Option<&Registro> {
        self.registros.get(&id)
    }

    /// Lo que ya está decidido a la vista de los clientes, y nada más: sirve para auditar lo que se guardó hasta aquí.
    pub fn decididas(&self) -> Self {
        let suyas = self.registros.iter().filter(|(_, r)| r.decidida.is_some());
        Self { registros: suyas.map(|(id, r)| (*id, r.clone())).collect(), ..Self::default() }
    }

    /// Operaciones reconocidas que quedaron en promesa y cuya decisión no se ha visto.
    pub fn por_decidir(&self) -> Vec<Uuid> {
        self.registros.iter().filter(|(_, r)| r.prometida && r.decidida.is_none()).map(|(id, _)| *id).collect()
    }

    /// Cuántas operaciones se reconocieron.
    pub fn reconocidas(&self) -> usize {
        self.registros.values().filter(|r| r.reconocida()).count()
    }

    /// El hueco más largo entre dos éxitos que toca `[desde, hasta]`, entre las muestras que `cuenta` acepta. Sin ningún
    /// éxito posterior, llega hasta el final.
    pub fn pausa(&self, desde: Duration, hasta: Duration, cuenta: impl Fn(&Muestra) -> bool) -> Duration {
        let mut anterior = Duration::ZERO;
        let mut mayor = Duration::ZERO;
        for muestra in self.muestras.iter().filter(|m| m.exito && cuenta(m)) {
            if muestra.llegada >= desde && anterior <= hasta {
                mayor = mayor.max(muestra.llegada.saturating_sub(anterior));
            }
            anterior = muestra.llegada;
        }
        mayor.max(hasta.saturating_sub(anterior))
    }

    /// Cuántas respuestas de `[desde, hasta]` tardaron más que `umbral` o hubo que repetir.
    pub fn afectadas(&self, desde: Duration, hasta: Duration, umbral: Duration) -> usize {
        let en_ventana = self.muestras.iter().filter(|m| m.llegada >= desde && m.llegada <= hasta);
        en_ventana.filter(|m| m.repetida || m.latencia > umbral).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn muestra(llegada_ms: u64, exito: bool) -> Muestra {
        let llegada = Duration::from_millis(llegada_ms);
        Muestra {
            llegada,
            latencia: Duration::from_millis(1),
            tipo: None,
            exito,
            estado: Estado::Aplicada,
            repetida: false,
        }
    }

    fn con_llegadas(llegadas: &[(u64, bool)]) -> Historia {
        Historia { muestras: llegadas.iter().map(|(ms, exito)| muestra(*ms, *exito)).collect(), ..Historia::default() }
    }

    #[test]
    fn la_pausa_es_el_hueco_mas_largo_entre_exitos_que_toca_la_ventana() {
        let ms = Duration::from_millis;
        let historia = con_llegadas(&[(10, true), (500, true), (510, true), (600, false), (720, true), (730, true)]);
        assert_eq!(
            historia.pausa(ms(505), ms(720), |_| true),
            ms(210),
            "los rechazos no cuentan; el hueco de antes, tampoco"
        );
        assert_eq!(historia.pausa(ms(100), ms(720), |_| true), ms(490), "la muerte cayó dentro de un hueco");
        assert_eq!(historia.pausa(ms(725), ms(2000), |_| true), ms(1270), "nadie volvió a responder");
    }

    #[test]
    fn dos_decisiones_distintas_de_un_id_se_contradicen_y_dos_iguales_no() {
        let mut historia = Historia::default();
        let id = Uuid::now_v7();
        let huella = Huella::from_bytes(&[1; 16]).expect("16 bytes");
        historia.pedida(id, Tipo::Prestamo, huella);
        let cuerpo = |estado: &str, codigo: &str| {
            format!(r#"{{"id":"{id}","exito":false,"estado":"{estado}","codigo":"{codigo}"}}"#).into_bytes()
        };
        historia.vista(&cuerpo("pendiente", "SIN_ACTORES"));
        assert_eq!(historia.por_decidir(), [id]);
        historia.vista(&cuerpo("aplicada", "OK"));
        historia.vista(&cuerpo("aplicada", "OK"));
        historia.vista(&cuerpo("incierta", "SIN_RESPUESTA"));
        assert!(historia.contradicciones.is_empty() && historia.por_decidir().is_empty());
        historia.vista(&cuerpo("rechazada", "EJEMPLAR_PRESTADO"));
        assert_eq!(historia.contradicciones, [id]);
    }
}
