//! Un gestor de almacenamiento simulado: la cola y las tandas reales y las reglas reales, y los dos viajes de cada lote
//! (foto y guardado) con sus repeticiones, como en `store::escritura`.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use common::{
    dominio::{
        Codigo, Estado, Huella, OperacionId,
        reglas::{self, Operacion},
    },
    mensajes::{
        CuerpoPeticion, CuerpoResultado, Desenlace, Fallo, Fin, Orden, Peticion, Respuesta, RespuestaGuardada,
        Resultado, ResultadoEscritura,
    },
};
use gestor_almacenamiento::lote::{Cola, EnEspera, Encargo, Trabajo as Pedido, tandas};

use crate::{
    cronica::corto,
    enlace::B,
    entorno::Entorno,
    mensajes::{DeBase, FilaOperacion, Foto, Lote, Mensaje, Trabajo},
    reloj::{MS, SEG, Us},
    sucesos::{Entrante, Quien, Suceso},
};

/// Cuánto se espera a la base en cada viaje.
const FOTO_MAX: Us = 2_200 * MS;
const GUARDADO_MAX: Us = 2_500 * MS;
/// Desde cuándo no se empieza otra vuelta.
const VUELTAS_MAX: Us = 2 * SEG;
const CRUCES_MAX: u64 = 10;
const RESPIRO: Us = 5 * MS;

/// A quién se contesta.
#[derive(Debug)]
struct Remite {
    enlace: usize,
    encarnacion: u32,
    peticion: u64,
}

/// Una operación de un lote, y cómo se quiere terminar con ella, si es eso lo que se pide.
#[derive(Clone, Debug)]
struct Encomienda {
    orden: Orden,
    fin: Option<Fin>,
}

impl Encargo for Encomienda {
    fn orden(&self) -> &Orden {
        &self.orden
    }
}

fn encomiendas(pedido: &Pedido) -> Vec<Encomienda> {
    match pedido {
        Pedido::Escribir(ordenes) => ordenes.iter().map(|o| Encomienda { orden: *o, fin: None }).collect(),
        Pedido::Terminar(cierres) => {
            cierres.iter().map(|c| Encomienda { orden: c.orden, fin: Some(c.fin.clone()) }).collect()
        }
    }
}

type Clave = (OperacionId, Huella);

/// Un lote que se está decidiendo.
#[derive(Debug)]
struct EnCurso {
    peticiones: Vec<EnEspera<Remite>>,
    trozos: Vec<Vec<Encomienda>>,
    desenlaces: HashMap<Clave, Desenlace>,
    inicio: Us,
    cruces: u64,
    en_el_aire: bool,
    guardando: Option<(Box<Foto>, Vec<FilaOperacion>)>,
    usada: bool,
}

#[derive(Debug, Default)]
struct Vivo {
    cola: Cola<Remite>,
    en_curso: Option<EnCurso>,
    salud: HashMap<u64, Remite>,
    conexion: Option<u32>,
    /// El viaje que se espera.
    viaje: u64,
    numero: u64,
    /// Un respiro antes de repetir.
    hasta: Option<Us>,
}

/// Un gestor de almacenamiento.
#[derive(Debug)]
pub struct Almacen {
    n: usize,
    vivo: Vivo,
}

impl Almacen {
    /// Uno que no ha arrancado.
    #[must_use]
    pub fn nuevo(n: usize) -> Self {
        Self { n, vivo: Vivo::default() }
    }

    fn quien(&self) -> Quien {
        Quien::Almacen(self.n)
    }

    /// Arranca sin nada a medias.
    pub fn arrancar(&mut self, _: &mut Entorno) {
        self.vivo = Vivo::default();
    }

    /// Mira lo que le llegó y empieza lo que pueda.
    pub fn turno(&mut self, e: &mut Entorno, entrantes: VecDeque<Entrante>) {
        for entrante in entrantes {
            self.atender(e, entrante);
            if !e.proceso(self.quien()).vivo {
                return;
            }
        }
        if self.vivo.hasta.is_some_and(|hasta| hasta <= e.ahora) {
            self.vivo.hasta = None;
            self.pedir_foto(e);
        }
        self.lanzar(e);
        if let Some(hasta) = self.vivo.hasta {
            e.despertar(self.quien(), hasta);
        }
    }

    fn atender(&mut self, e: &mut Entorno, entrante: Entrante) {
        match entrante {
            Entrante::Mensaje { enlace, encarnacion, mensaje: Mensaje::Peticion(peticion) } => {
                self.peticion(e, enlace, encarnacion, *peticion);
            }
            Entrante::DeBase { numero, generacion, que } => {
                if matches!(que, DeBase::Foto(_)) {
                    self.vivo.conexion = Some(generacion);
                }
                self.de_base(e, numero, que);
            }
            Entrante::VenceBase { numero } => self.de_base(e, numero, DeBase::SeCorto),
            _ => {}
        }
    }

    fn peticion(&mut self, e: &mut Entorno, enlace: usize, encarnacion: u32, peticion: Peticion) {
        let Peticion { peticion: numero, plazo_ms, cuerpo } = peticion;
        let remite = Remite { enlace, encarnacion, peticion: numero };
        match cuerpo {
            CuerpoPeticion::Escribir(ordenes) => self.encolar(e, remite, Pedido::Escribir(ordenes), plazo_ms),
            CuerpoPeticion::Terminar(cierres) => self.encolar(e, remite, Pedido::Terminar(cierres), plazo_ms),
            CuerpoPeticion::Salud => {
                let numero = self.enviar(e, Trabajo::Salud, SEG);
                self.vivo.salud.insert(numero, remite);
            }
            _ => {}
        }
    }

    fn encolar(&mut self, e: &mut Entorno, remite: Remite, pedido: Pedido, plazo_ms: u32) {
        let plazo = Duration::from_millis(plazo_ms.into());
        if let Err((remite, motivo)) = self.vivo.cola.entrar(remite, pedido, e.instante(), plazo) {
            contestar(e, &remite, fallo(true, motivo.to_string()));
        }
    }

    /// Manda un viaje a la base; si no contesta a tiempo, se da por perdido.
    fn enviar(&mut self, e: &mut Entorno, trabajo: Trabajo, plazo: Us) -> u64 {
        self.vivo.numero += 1;
        let numero = self.vivo.numero;
        let vida = e.proceso(self.quien()).vida;
        // La salud se pregunta por otra conexión y, si resulta que murió, por una nueva (`consultas::salud`).
        let generacion = if matches!(trabajo, Trabajo::Salud) { None } else { self.vivo.conexion };
        let llega = e.ahora + camino(e);
        e.poner(llega, Suceso::EnBase { almacen: self.n, vida, numero, generacion, trabajo });
        e.poner(e.ahora + plazo, Suceso::VenceBase { almacen: self.n, vida, numero });
        numero
    }

    fn lanzar(&mut self, e: &mut Entorno) {
        while self.vivo.en_curso.is_none() && !self.vivo.cola.esta_vacia() {
            let peticiones = self.vivo.cola.siguiente(e.instante()).peticiones;
            if peticiones.is_empty() {
                continue;
            }
            let encargos: Vec<_> = peticiones.iter().flat_map(|p| encomiendas(&p.trabajo)).collect();
            if self.muere_por(e, &encargos) {
                return;
            }
            let mut trozos = tandas(&encargos);
            trozos.reverse();
            self.vivo.en_curso = Some(EnCurso {
                peticiones,
                trozos,
                desenlaces: HashMap::new(),
                inicio: e.ahora,
                cruces: 0,
                en_el_aire: false,
                guardando: None,
                usada: false,
            });
            self.siguiente_trozo(e);
        }
    }

    fn muere_por(&self, e: &mut Entorno, encargos: &[Encomienda]) -> bool {
        // Se muere decidiéndola; apartarla no la ejecuta.
        let asesina = |o: &&Encomienda| o.fin.is_none() && e.juez.es_asesina_del_almacen(o.orden.id);
        let id = encargos.iter().find(asesina).map(|o| o.orden.id).filter(|_| e.tormenta);
        id.inspect(|id| e.matar(self.quien(), &format!("por atender {}", corto(*id)))).is_some()
    }

    fn siguiente_trozo(&mut self, e: &mut Entorno) {
        let Some(en_curso) = &mut self.vivo.en_curso else { return };
        (en_curso.cruces, en_curso.en_el_aire) = (0, false);
        if en_curso.trozos.is_empty() { self.acabar(e, None) } else { self.pedir_foto(e) }
    }

    fn pedir_foto(&mut self, e: &mut Entorno) {
        let Some(en_curso) = &mut self.vivo.en_curso else { return };
        en_curso.guardando = None;
        en_curso.usada = self.vivo.conexion.is_some();
        let trozo = en_curso.trozos.last().expect("hay un trozo por decidir").iter().map(|o| o.orden).collect();
        self.vivo.viaje = self.enviar(e, Trabajo::Foto(trozo), FOTO_MAX);
    }

    fn de_base(&mut self, e: &mut Entorno, numero: u64, que: DeBase) {
        if let Some(remite) = self.vivo.salud.remove(&numero) {
            let cuerpo =
                if matches!(que, DeBase::Sana) { CuerpoResultado::Sano } else { fallo(true, "sin base".into()) };
            return contestar(e, &remite, cuerpo);
        }
        if numero != self.vivo.viaje {
            return;
        }
        self.vivo.viaje = 0;
        if e.muere_aqui(self.quien()) {
            return;
        }
        match que {
            DeBase::Foto(foto) => self.con_foto(e, foto),
            DeBase::Guardado => self.guardado(e),
            otra => self.tropezar(e, &otra),
        }
    }

    fn con_foto(&mut self, e: &mut Entorno, mut foto: Box<Foto>) {
        let Some(en_curso) = &mut self.vivo.en_curso else { return };
        let nuevas = plegar(&mut foto, en_curso.trozos.last().expect("el trozo de la foto"));
        let lote = Lote { decididas: nuevas.clone(), cambios: foto.filas.cambios(), horizonte: foto.horizonte };
        let vacio = nuevas.is_empty();
        en_curso.guardando = Some((foto, nuevas));
        if vacio {
            return self.guardado(e);
        }
        self.vivo.viaje = self.enviar(e, Trabajo::Guardar(Box::new(lote)), GUARDADO_MAX);
    }

    fn guardado(&mut self, e: &mut Entorno) {
        let Some(en_curso) = &mut self.vivo.en_curso else { return };
        let (foto, nuevas) = en_curso.guardando.take().expect("se guarda después de la foto");
        let trozo = en_curso.trozos.pop().expect("el trozo guardado");
        en_curso.desenlaces.extend(desenlaces(*foto, &trozo, nuevas));
        self.siguiente_trozo(e);
    }

    /// Como `Vuelta::trozo`: qué se repite, qué se parte y qué es del punto.
    fn tropezar(&mut self, e: &mut Entorno, que: &DeBase) {
        let se_corto = matches!(que, DeBase::SeCorto);
        if se_corto {
            self.vivo.conexion = None;
        }
        let Some(en_curso) = &mut self.vivo.en_curso else { return };
        let en_el_aire = en_curso.guardando.is_some() && se_corto;
        en_curso.en_el_aire |= en_el_aire;
        let hay_tiempo = e.ahora - en_curso.inicio < VUELTAS_MAX;
        match que {
            DeBase::Cruce if en_curso.cruces < CRUCES_MAX && hay_tiempo => {
                let respiro = RESPIRO * en_curso.cruces;
                en_curso.cruces += 1;
                self.vivo.hasta = Some(e.ahora + respiro);
            }
            DeBase::SeCorto if (en_curso.usada || en_el_aire) && hay_tiempo => self.pedir_foto(e),
            DeBase::NoSePuede => self.partir(e),
            _ => {
                let nada_hecho = !en_curso.en_el_aire;
                self.acabar(e, Some(&Fallo { nada_hecho, motivo: format!("{que:?}") }));
            }
        }
    }

    fn partir(&mut self, e: &mut Entorno) {
        let Some(en_curso) = &mut self.vivo.en_curso else { return };
        let mut trozo = en_curso.trozos.pop().expect("el que no se pudo");
        if let [sola] = &trozo[..] {
            let motivo = "no se puede escribir".to_owned();
            en_curso.desenlaces.insert((sola.orden.id, sola.orden.huella), Desenlace::NoEscrita { motivo });
        } else {
            let segunda = trozo.split_off(trozo.len() / 2);
            en_curso.trozos.extend([segunda, trozo]);
        }
        self.siguiente_trozo(e);
    }

    fn acabar(&mut self, e: &mut Entorno, fallo: Option<&Fallo>) {
        let Some(en_curso) = self.vivo.en_curso.take() else { return };
        for peticion in &en_curso.peticiones {
            if e.muere_aqui(self.quien()) {
                return;
            }
            let ordenes: Vec<_> = peticion.trabajo.ordenes().copied().collect();
            contestar(e, &peticion.remite, resultado(&ordenes, &en_curso.desenlaces, fallo));
        }
        e.despertar(self.quien(), e.ahora);
    }
}

/// Lo que tarda un trabajo en llegar a la base.
fn camino(e: &mut Entorno) -> Us {
    if e.tormenta && e.azar.por_ciento(2) { e.entre(0, 300 * MS) } else { e.entre(30, 1_500) }
}

fn contestar(e: &mut Entorno, remite: &Remite, cuerpo: CuerpoResultado) {
    if e.enlaces[remite.enlace].encarnacion == remite.encarnacion {
        let resultado = Resultado { peticion: remite.peticion, cuerpo };
        e.enviar(remite.enlace, B, Mensaje::Resultado(Box::new(resultado)));
    }
}

fn fallo(nada_hecho: bool, motivo: String) -> CuerpoResultado {
    CuerpoResultado::Fallo(Fallo { nada_hecho, motivo })
}

fn plegar(foto: &mut Foto, encargos: &[Encomienda]) -> Vec<FilaOperacion> {
    let horizonte_ms = u64::try_from(foto.horizonte.timestamp_millis()).unwrap_or(0);
    let nuevas = encargos.iter().filter(|e| e.orden.id.milisegundos() >= horizonte_ms);
    let sin_decidir: Vec<_> = nuevas.filter(|e| !foto.decididas.contains_key(&e.orden.id)).collect();
    sin_decidir.into_iter().map(|encargo| decidir(foto, encargo)).collect()
}

fn decidir(foto: &mut Foto, Encomienda { orden, fin }: &Encomienda) -> FilaOperacion {
    let momento = orden.aceptada.fecha().min(foto.ahora);
    let propia = |estado, codigo| Respuesta::nueva(Some(orden.id.uuid()), estado, codigo, momento).guardada();
    let (estado, respuesta, motivo) = match fin {
        Some(Fin::Anular(codigo)) => ("anulada", propia(Estado::Error, *codigo), None),
        Some(Fin::Apartar(e)) => ("apartada", propia(Estado::Pendiente, Codigo::EnRevision), Some(e.motivo)),
        None => {
            let operacion = Operacion { id: orden.id, comando: orden.comando, momento };
            let respuesta = Respuesta::decidida(&operacion, reglas::decidir(&mut foto.filas, &operacion));
            (respuesta.estado.as_str(), respuesta.guardada(), None)
        }
    };
    FilaOperacion { orden: *orden, estado, respuesta, motivo }
}

fn desenlaces(mut foto: Foto, encargos: &[Encomienda], nuevas: Vec<FilaOperacion>) -> Vec<(Clave, Desenlace)> {
    let mut decididas = nuevas.into_iter().peekable();
    let uno = |Encomienda { orden, .. }: &Encomienda| {
        let respuesta = match decididas.next_if(|d| d.orden.id == orden.id) {
            Some(nueva) => nueva.respuesta,
            None => match foto.decididas.remove(&orden.id) {
                Some((huella, guardada)) if huella == orden.huella => guardada,
                Some(_) => sin_guardar(orden, Estado::Error, Codigo::ConflictoDeId),
                None => sin_guardar(orden, Estado::Incierta, Codigo::OperacionCaducada),
            },
        };
        ((orden.id, orden.huella), Desenlace::Decidida(respuesta))
    };
    encargos.iter().map(uno).collect()
}

fn sin_guardar(orden: &Orden, estado: Estado, codigo: Codigo) -> RespuestaGuardada {
    Respuesta::nueva(Some(orden.id.uuid()), estado, codigo, orden.aceptada.fecha()).guardada()
}

/// Lo que fue de una petición: todo decidido, o el fallo.
fn resultado(ordenes: &[Orden], desenlaces: &HashMap<Clave, Desenlace>, fallo: Option<&Fallo>) -> CuerpoResultado {
    let desenlace = |o: &Orden| desenlaces.get(&(o.id, o.huella));
    let con = |o: &Orden| {
        let desenlace = desenlace(o)?.clone();
        Some(ResultadoEscritura { id: o.id, huella: o.huella, desenlace })
    };
    if let Some(escritas) = ordenes.iter().map(con).collect() {
        return CuerpoResultado::Escritas(escritas);
    }
    let ninguna = ordenes.iter().all(|o| desenlace(o).is_none());
    let fallo = fallo.cloned().unwrap_or(Fallo { nada_hecho: true, motivo: "quedó sin decidir".into() });
    CuerpoResultado::Fallo(Fallo { nada_hecho: fallo.nada_hecho && ninguna, motivo: fallo.motivo })
}
