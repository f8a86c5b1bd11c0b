//! Los clientes de la cadena, en bucle cerrado: cada uno con su conexión, o los de una sede por la misma. Decide qué
//! cuenta como medido y qué como error.

use std::{cell::RefCell, rc::Rc, time::Duration};

use common::{
    dominio::{Codigo, Estado, Tipo},
    mensajes::{Pedido, Solicitud},
    transport::{Contexto, Endpoint, ErrorDeTransporte, Frame, Socket},
};
use juicio::{estadistica::rondas::Ritmo, historia::Vista};
use taller::carga::ampliar_descriptores;
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};
use uuid::Uuid;

use crate::reparto::{Reparto, Turno};

/// Lo que puede tardar una respuesta antes de ser un error.
const PLAZO: Duration = Duration::from_secs(10);
/// Textos de errores que se guardan; los demás solo se cuentan.
const CON_TEXTO: usize = 5;

/// Una operación reconocida, en lo mínimo que hace falta para auditarla.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acuse {
    pub id: Uuid,
    pub tipo: Tipo,
    pub estado: Estado,
    pub codigo: Codigo,
}

/// Respuestas que no deciden, y lo que no se respondió.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fallos {
    pub cuantos: u64,
    /// Los primeros, con su texto.
    pub textos: Vec<String>,
}

impl Fallos {
    fn apuntar(&mut self, texto: impl FnOnce() -> String) {
        self.cuantos += 1;
        if self.textos.len() < CON_TEXTO {
            self.textos.push(texto());
        }
    }

    /// Suma los de otro tramo.
    pub fn sumar(&mut self, otros: Self) {
        self.cuantos += otros.cuantos;
        let caben = CON_TEXTO.saturating_sub(self.textos.len());
        self.textos.extend(otros.textos.into_iter().take(caben));
    }
}

/// Un tramo de medida.
#[derive(Clone, Copy, Debug)]
pub struct Tramo {
    pub reparto: Reparto,
    /// Por cuántas conexiones; cada cliente usa una.
    pub conexiones: usize,
    /// Cuánto dura; lo primero no se mide.
    pub dura: Duration,
    pub calentar: Duration,
    pub semilla: u64,
}

/// Lo que salió de un tramo.
#[derive(Debug)]
pub struct Salida {
    pub ritmo: Ritmo,
    /// El hueco más largo entre dos respuestas de lo medido.
    pub hueco: Duration,
    pub rechazadas: u64,
    /// Todo lo que se reconoció, también sin medir.
    pub acuses: Vec<Acuse>,
    pub fallos: Fallos,
}

/// Lo que comparten los clientes de un tramo.
struct Comun {
    desde: Instant,
    hasta: Instant,
    cuaderno: RefCell<Cuaderno>,
}

#[derive(Default)]
struct Cuaderno {
    esperas_us: Vec<u32>,
    ultima: Option<Instant>,
    hueco: Duration,
    rechazadas: u64,
    acuses: Vec<Acuse>,
    fallos: Fallos,
}

/// Corre un tramo entero y espera a que cada cliente acabe lo suyo. Necesita un `LocalSet`.
///
/// # Errors
/// [`ErrorDeTransporte`] si no se pueden abrir las conexiones.
///
/// # Panics
/// Si un cliente entra en pánico.
pub async fn correr(contexto: &Contexto, endpoint: &Endpoint, tramo: Tramo) -> Result<Salida, ErrorDeTransporte> {
    let conexiones = tramo.conexiones.min(tramo.reparto.clientes);
    ampliar_descriptores(conexiones);
    let zocalos = (0..conexiones).map(|_| contexto.dealer_de_cliente(endpoint)).collect::<Result<Vec<_>, _>>()?;
    let inicio = Instant::now();
    let (desde, hasta) = (inicio + tramo.calentar, inicio + tramo.dura);
    let comun = Rc::new(Comun { desde, hasta, cuaderno: RefCell::default() });
    let mut tareas = JoinSet::new();
    for (numero, zocalo) in zocalos.into_iter().enumerate() {
        let suyos = (numero..tramo.reparto.clientes).step_by(conexiones);
        let puestos = suyos.map(|n| Puesto::new(Turno::new(tramo.reparto, n, tramo.semilla), inicio)).collect();
        tareas.spawn_local(Conexion { zocalo, puestos, comun: Rc::clone(&comun) }.pedir_sin_parar());
    }
    while let Some(fin) = tareas.join_next().await {
        fin.expect("una conexión del banco no entra en pánico");
    }
    let comun = Rc::into_inner(comun).expect("las conexiones ya acabaron");
    Ok(comun.cuaderno.into_inner().cerrar((hasta - desde).as_secs_f64()))
}

/// Un cliente y lo que tiene pedido.
struct Puesto {
    turno: Turno,
    id: Uuid,
    tipo: Option<Tipo>,
    salida: Instant,
    espera: bool,
}

impl Puesto {
    fn new(turno: Turno, ahora: Instant) -> Self {
        Self { turno, id: Uuid::nil(), tipo: None, salida: ahora, espera: false }
    }
}

/// Los clientes que van por una conexión. Cada petición lleva el puesto de su cliente en un cuadro del sobre, que vuelve.
struct Conexion {
    zocalo: Socket,
    puestos: Vec<Puesto>,
    comun: Rc<Comun>,
}

impl Conexion {
    /// Cada cliente pide hasta que acabe el tramo; entonces, si tiene algo prestado, lo devuelve.
    async fn pedir_sin_parar(mut self) {
        for puesto in 0..self.puestos.len() {
            if !self.pedir(puesto, Instant::now()).await {
                return self.rendirse();
            }
        }
        while self.puestos.iter().any(|p| p.espera) {
            let Ok(Ok(cuadros)) = timeout(PLAZO, self.zocalo.recv()).await else { return self.rendirse() };
            let ahora = Instant::now();
            let Some(puesto) = self.recibir(&cuadros, ahora) else { continue };
            let sigue = ahora < self.comun.hasta || self.puestos[puesto].turno.a_medias();
            if sigue && !self.pedir(puesto, ahora).await {
                return self.rendirse();
            }
        }
    }

    /// `false` si no sale a tiempo.
    async fn pedir(&mut self, numero: usize, ahora: Instant) -> bool {
        let puesto = &mut self.puestos[numero];
        puesto.id = Uuid::now_v7();
        let pedido = puesto.turno.siguiente();
        puesto.tipo = if let Pedido::Comando(comando) = pedido { Some(comando.tipo()) } else { None };
        (puesto.salida, puesto.espera) = (ahora, true);
        let cuadros: [&[u8]; 3] = [&numero.to_le_bytes(), b"", &Solicitud::new(puesto.id, pedido).escribir()];
        matches!(timeout(PLAZO, self.zocalo.send(&cuadros)).await, Ok(Ok(())))
    }

    /// Anota la respuesta; dice de qué puesto es.
    fn recibir(&mut self, cuadros: &[Frame], ahora: Instant) -> Option<usize> {
        let [numero, .., cuerpo] = cuadros else { return None };
        let numero = usize::from_le_bytes((&numero[..]).try_into().ok()?);
        let puesto = self.puestos.get_mut(numero)?;
        puesto.espera = false;
        let mut cuaderno = self.comun.cuaderno.borrow_mut();
        let decide = cuaderno.anotar(puesto.id, puesto.tipo, cuerpo);
        if decide && ahora >= self.comun.desde && ahora < self.comun.hasta {
            cuaderno.medir(puesto.salida, ahora);
        }
        Some(numero)
    }

    /// Lo que conteste después ya no se podría emparejar.
    fn rendirse(&self) {
        let mut cuaderno = self.comun.cuaderno.borrow_mut();
        for puesto in self.puestos.iter().filter(|p| p.espera) {
            cuaderno.fallos.apuntar(|| format!("sin respuesta en {} s: {}", PLAZO.as_secs(), puesto.id));
        }
    }
}

impl Cuaderno {
    /// Anota una respuesta; `true` si decide lo que se pidió.
    fn anotar(&mut self, id: Uuid, tipo: Option<Tipo>, respuesta: &[u8]) -> bool {
        let vista = Vista::leer(respuesta).filter(|v| v.decidida() && (tipo.is_none() || v.id == Some(id)));
        let Some(vista) = vista else {
            self.fallos.apuntar(|| String::from_utf8_lossy(respuesta).into_owned());
            return false;
        };
        self.rechazadas += u64::from(vista.estado == Estado::Rechazada);
        if let Some(tipo) = tipo {
            self.acuses.push(Acuse { id, tipo, estado: vista.estado, codigo: vista.codigo });
        }
        true
    }

    fn medir(&mut self, salida: Instant, llegada: Instant) {
        self.esperas_us.push(u32::try_from((llegada - salida).as_micros()).unwrap_or(u32::MAX));
        if let Some(ultima) = self.ultima.replace(llegada) {
            self.hueco = self.hueco.max(llegada - ultima);
        }
    }

    fn cerrar(self, segundos: f64) -> Salida {
        Salida {
            ritmo: Ritmo::de(self.esperas_us, segundos),
            hueco: self.hueco,
            rechazadas: self.rechazadas,
            acuses: self.acuses,
            fallos: self.fallos,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn respuesta(id: Uuid, estado: &str, codigo: &str) -> Vec<u8> {
        format!(r#"{{"id":"{id}","exito":false,"estado":"{estado}","codigo":"{codigo}","datos":{{}}}}"#).into_bytes()
    }

    #[test]
    fn solo_lo_decidido_con_su_id_se_da_por_reconocido() {
        let (id, otro) = (Uuid::now_v7(), Uuid::now_v7());
        let mut cuaderno = Cuaderno::default();
        let prestamo = Some(Tipo::Prestamo);
        assert!(cuaderno.anotar(id, prestamo, &respuesta(id, "aplicada", "OK")));
        assert!(cuaderno.anotar(id, prestamo, &respuesta(id, "rechazada", "EJEMPLAR_PRESTADO")));
        assert!(cuaderno.anotar(id, None, br#"{"id":null,"exito":true,"estado":"aplicada","codigo":"OK"}"#));
        for mala in [
            respuesta(otro, "aplicada", "OK"),
            respuesta(id, "pendiente", "SIN_ACTORES"),
            respuesta(id, "incierta", "SIN_RESPUESTA"),
            b"hola".to_vec(),
        ] {
            assert!(!cuaderno.anotar(id, prestamo, &mala));
        }
        assert_eq!((cuaderno.acuses.len(), cuaderno.rechazadas, cuaderno.fallos.cuantos), (2, 1, 4));
    }

    #[test]
    fn el_hueco_es_lo_mas_que_se_estuvo_sin_ninguna_respuesta() {
        let cero = Instant::now();
        let en = |ms| cero + Duration::from_millis(ms);
        let mut cuaderno = Cuaderno::default();
        for (salida, llegada) in [(0, 10), (5, 12), (12, 60), (60, 61)] {
            cuaderno.medir(en(salida), en(llegada));
        }
        let salida = cuaderno.cerrar(1.0);
        assert_eq!(salida.hueco, Duration::from_millis(48));
        assert!((salida.ritmo.ops_s - 4.0).abs() < 1e-9);
    }

    #[test]
    fn de_los_fallos_se_guarda_el_texto_de_los_primeros() {
        let mut fallos = Fallos::default();
        for n in 0..20 {
            fallos.apuntar(|| n.to_string());
        }
        let mut suma = Fallos { cuantos: 1, textos: vec!["x".into()] };
        suma.sumar(fallos);
        assert_eq!((suma.cuantos, suma.textos.len()), (21, CON_TEXTO));
    }
}
