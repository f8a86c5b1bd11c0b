//! Decide qué peticiones de escritura van juntas en una transacción, y cuáles ya no tienen a quién contestar.

use std::{
    collections::{HashSet, VecDeque},
    time::{Duration, Instant},
};

use common::{
    dominio::{Huella, OperacionId},
    mensajes::{Cierre, Fin, LISTA_MAX, Orden},
};

/// Operaciones en espera, como mucho; la petición que no cabe se rechaza en el acto.
pub const COLA_MAX: usize = 8 * 1024;

/// Todo se empareja por id y huella.
pub type Clave = (OperacionId, Huella);

/// Lo que se pide de una operación.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encargo {
    pub orden: Orden,
    /// Cómo terminar con ella si nadie la decidió; nada, si hay que decidirla.
    pub fin: Option<Fin>,
}

impl From<Orden> for Encargo {
    fn from(orden: Orden) -> Self {
        Self { orden, fin: None }
    }
}

impl From<Cierre> for Encargo {
    fn from(Cierre { orden, fin }: Cierre) -> Self {
        Self { orden, fin: Some(fin) }
    }
}

impl<T: Clone + Into<Encargo>> From<&T> for Encargo {
    fn from(pedido: &T) -> Self {
        pedido.clone().into()
    }
}

/// Una petición en espera. `R` es el remite: a quién y cómo se le contesta.
#[derive(Debug)]
pub struct EnEspera<R> {
    pub remite: R,
    /// Lo que hay que escribir: todo decidir, o todo terminar.
    pub encargos: Vec<Encargo>,
    /// Cuándo deja de esperar quien la envió.
    pub hasta: Instant,
}

/// Las peticiones que se juntan mientras corre la transacción anterior.
#[derive(Debug)]
pub struct Cola<R> {
    peticiones: VecDeque<EnEspera<R>>,
    operaciones: usize,
}

/// Por qué una petición no entra.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoCabe {
    #[error("la lista lleva más de {LISTA_MAX} operaciones")]
    ListaLarga,
    #[error("saturado: ya esperan {COLA_MAX} operaciones")]
    Saturado,
}

/// Lo que sale de la cola.
#[derive(Debug)]
pub struct Lote<R> {
    /// Las peticiones que van juntas, en orden de llegada.
    pub peticiones: Vec<EnEspera<R>>,
    /// Cuántas se descartaron por el camino: quien las envió ya las pidió en otra parte.
    pub vencidas: usize,
}

impl<R> Default for Cola<R> {
    fn default() -> Self {
        Self { peticiones: VecDeque::new(), operaciones: 0 }
    }
}

impl<R> Cola<R> {
    /// Pone una petición a la espera.
    ///
    /// # Errors
    /// La petición y por qué no cabe.
    pub fn entrar(
        &mut self,
        remite: R,
        encargos: Vec<Encargo>,
        llegada: Instant,
        plazo: Duration,
    ) -> Result<(), (R, NoCabe)> {
        let cuantas = encargos.len();
        if cuantas > LISTA_MAX {
            return Err((remite, NoCabe::ListaLarga));
        }
        if self.operaciones + cuantas > COLA_MAX {
            return Err((remite, NoCabe::Saturado));
        }
        self.operaciones += cuantas;
        self.peticiones.push_back(EnEspera { remite, encargos, hasta: llegada + plazo });
        Ok(())
    }

    /// Lo que va en la siguiente transacción: todo lo que quepa en [`LISTA_MAX`] operaciones. Una petición con alguna
    /// operación `sola` no lleva compañía, y lo que termina operaciones no va con lo que las decide.
    pub fn siguiente(&mut self, ahora: Instant) -> Lote<R> {
        let mut lote = Lote { peticiones: Vec::new(), vencidas: 0 };
        let mut operaciones = 0;
        while let Some(primera) = self.peticiones.front() {
            let (cuantas, sola) = (primera.encargos.len(), primera.encargos.iter().any(|e| e.orden.sola));
            let vencida = primera.hasta <= ahora;
            let no_cabe = sola || operaciones + cuantas > LISTA_MAX;
            let aparte = |p: &EnEspera<R>| no_cabe || termina(&p.encargos) != termina(&primera.encargos);
            if !vencida && lote.peticiones.first().is_some_and(aparte) {
                break;
            }
            let peticion = self.peticiones.pop_front().expect("acabamos de verla");
            self.operaciones -= cuantas;
            if vencida {
                lote.vencidas += 1;
                continue;
            }
            operaciones += cuantas;
            lote.peticiones.push(peticion);
            if sola {
                break;
            }
        }
        lote
    }

    /// Todo lo que espera, para despedirlo.
    pub fn vaciar(&mut self) -> impl Iterator<Item = EnEspera<R>> {
        self.operaciones = 0;
        self.peticiones.drain(..)
    }

    /// Si no espera nadie.
    pub fn esta_vacia(&self) -> bool {
        self.peticiones.is_empty()
    }
}

fn termina(encargos: &[Encargo]) -> bool {
    encargos.iter().any(|e| e.fin.is_some())
}

/// Parte un lote en las listas que se deciden una tras otra: casi siempre una. Lo repetido va una vez; el mismo id con
/// otro contenido, en una transacción posterior; y si alguna va `sola`, cada una en la suya.
pub fn tandas(mut encargos: Vec<Encargo>) -> Vec<Vec<Encargo>> {
    let mut vistas: HashSet<Clave> = HashSet::with_capacity(encargos.len());
    let sola = encargos.iter().any(|e| e.orden.sola);
    encargos.retain(|e| vistas.insert((e.orden.id, e.orden.huella)));
    if sola {
        return encargos.into_iter().map(|e| vec![e]).collect();
    }
    let mut tandas: Vec<(HashSet<OperacionId>, Vec<Encargo>)> = Vec::new();
    for encargo in encargos {
        let id = encargo.orden.id;
        match tandas.iter_mut().find(|(ids, _)| !ids.contains(&id)) {
            Some((ids, tanda)) => {
                ids.insert(id);
                tanda.push(encargo);
            }
            None => tandas.push((HashSet::from([id]), vec![encargo])),
        }
    }
    tandas.into_iter().map(|(_, tanda)| tanda).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use common::{
        dominio::{Codigo, Comando, Objeto, Tipo},
        mensajes::Instante,
    };
    use uuid::Uuid;

    use super::*;

    const PLAZO: Duration = Duration::from_secs(3);

    /// La orden con id `n`, sobre el ejemplar dado.
    pub(crate) fn orden(n: u128, ejemplar: &str) -> Encargo {
        let id = OperacionId::try_new(Uuid::from_u128(0x7 << 76 | 0b10 << 62 | n)).expect("v7");
        let objeto = Objeto::Ejemplar(ejemplar.parse().expect("ejemplar"));
        let usuario = Some("U1".parse().expect("usuario"));
        let comando = Comando::new(Tipo::Prestamo, usuario, objeto, None).expect("completo");
        Orden { id, huella: Huella::de(&comando), aceptada: Instante(0), intento: 0, sola: false, comando }.into()
    }

    fn sola(mut encargo: Encargo) -> Encargo {
        encargo.orden.sola = true;
        encargo
    }

    fn ordenes(cuantas: usize) -> Vec<Encargo> {
        (0..cuantas).map(|n| orden(n as u128, "E1")).collect()
    }

    fn remites(lote: &Lote<u32>) -> Vec<u32> {
        lote.peticiones.iter().map(|p| p.remite).collect()
    }

    #[test]
    fn lo_que_se_junto_va_junto_hasta_llenar_la_lista_y_en_su_orden() {
        let (mut cola, ahora) = (Cola::default(), Instant::now());
        for (remite, cuantas) in [(1, 100), (2, 100), (3, 56), (4, 1), (5, 256)] {
            cola.entrar(remite, ordenes(cuantas), ahora, PLAZO).expect("cabe");
        }
        assert_eq!(remites(&cola.siguiente(ahora)), [1, 2, 3]);
        assert_eq!(remites(&cola.siguiente(ahora)), [4]);
        assert_eq!(remites(&cola.siguiente(ahora)), [5]);
        assert!(cola.esta_vacia() && cola.siguiente(ahora).peticiones.is_empty());
    }

    #[test]
    fn una_peticion_sola_no_lleva_compania() {
        let (mut cola, ahora) = (Cola::default(), Instant::now());
        let sola = vec![sola(orden(9, "E9"))];
        for (remite, lista) in [(1, ordenes(1)), (2, sola), (3, ordenes(1)), (4, ordenes(1))] {
            cola.entrar(remite, lista, ahora, PLAZO).expect("cabe");
        }
        assert_eq!(remites(&cola.siguiente(ahora)), [1]);
        assert_eq!(remites(&cola.siguiente(ahora)), [2]);
        assert_eq!(remites(&cola.siguiente(ahora)), [3, 4]);
    }

    #[test]
    fn lo_que_termina_operaciones_no_va_con_lo_que_las_decide_y_se_guarda_el_orden() {
        let (mut cola, ahora) = (Cola::default(), Instant::now());
        let cierre = |n| Encargo { fin: Some(Fin::Anular(Codigo::SinActores)), ..orden(n, "E1") };
        let cierres = || vec![cierre(7), cierre(8)];
        for (remite, lista) in [(1, ordenes(1)), (2, cierres()), (3, cierres()), (4, ordenes(1))] {
            cola.entrar(remite, lista, ahora, PLAZO).expect("cabe");
        }
        assert_eq!(remites(&cola.siguiente(ahora)), [1]);
        assert_eq!(remites(&cola.siguiente(ahora)), [2, 3]);
        assert_eq!(remites(&cola.siguiente(ahora)), [4]);
    }

    #[test]
    fn lo_vencido_se_descarta_y_deja_su_sitio() {
        let (mut cola, ahora) = (Cola::default(), Instant::now());
        cola.entrar(1, ordenes(200), ahora, Duration::from_millis(1)).expect("cabe");
        cola.entrar(2, ordenes(200), ahora, PLAZO).expect("cabe");
        let lote = cola.siguiente(ahora + Duration::from_millis(1));
        assert_eq!((remites(&lote), lote.vencidas), (vec![2], 1));
    }

    #[test]
    fn lo_que_no_cabe_se_devuelve_con_su_motivo() {
        let (mut cola, ahora) = (Cola::default(), Instant::now());
        assert_eq!(cola.entrar(0, ordenes(LISTA_MAX + 1), ahora, PLAZO), Err((0, NoCabe::ListaLarga)));
        for remite in 0..u32::try_from(COLA_MAX / LISTA_MAX).expect("cabe") {
            cola.entrar(remite, ordenes(LISTA_MAX), ahora, PLAZO).expect("cabe");
        }
        assert_eq!(cola.entrar(99, ordenes(1), ahora, PLAZO), Err((99, NoCabe::Saturado)));
        cola.siguiente(ahora);
        cola.entrar(99, ordenes(1), ahora, PLAZO).expect("ya hay sitio");
        assert_eq!(cola.vaciar().count(), COLA_MAX / LISTA_MAX);
        cola.entrar(1, ordenes(LISTA_MAX), ahora, PLAZO).expect("vacía otra vez");
    }

    #[test]
    fn lo_repetido_va_una_vez_y_el_mismo_id_con_otro_contenido_despues() {
        let (una, ajena, otra) = (orden(1, "E1"), orden(1, "E2"), orden(2, "E3"));
        let lote = [&una, &ajena, &una, &otra, &ajena].map(Clone::clone).into();
        assert_eq!(tandas(lote), [vec![una, otra], vec![ajena]]);
        assert!(tandas(Vec::new()).is_empty());
    }

    #[test]
    fn si_alguna_va_sola_cada_una_va_en_su_transaccion() {
        let (una, sola) = (orden(1, "E1"), sola(orden(2, "E2")));
        assert_eq!(tandas(vec![una.clone(), sola.clone()]), [vec![una], vec![sola]]);
    }
}
