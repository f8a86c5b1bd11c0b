//! La máquina y, a su lado, lo que tiene que ser verdad: quién espera, qué hay en el disco, qué está fuera.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    time::{Duration, Instant},
};

use common::{
    dominio::{Codigo, Comando, Estado, Huella, OperacionId, Tipo},
    mensajes::{Desenlace, Instante, MotivoDeApartar, Orden, Respuesta, RespuestaGuardada, ResultadoInforme, Topico},
    resilience::EstadoBreaker,
};
use uuid::Uuid;

use crate::machine::{Accion, Aviso, Contestacion, Fin, Limites, Machine, Num, PorTerminar};

/// Quien espera una respuesta.
pub type Quien = u32;

/// Lo que se contestó a alguien.
pub type LoDicho = (Estado, Codigo);

/// Una lista que salió.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salida {
    /// El actor; `None`, llamada directa.
    pub actor: Option<String>,
    pub ordenes: Vec<Orden>,
}

#[derive(Clone, Debug)]
enum EnDisco {
    Escribir(Num, Orden),
    Borrar(Num),
    AlBuzon(Num, OperacionId, Codigo),
}

/// La máquina bajo prueba y su modelo.
#[derive(Clone, Debug)]
pub struct Banco {
    pub machine: Machine<Quien>,
    pub now: Instant,
    limites: Limites,
    siguiente: Quien,
    /// Quien espera, por qué operación, desde cuándo y si le vale `pendiente`.
    esperan: HashMap<Quien, (OperacionId, Instant, bool)>,
    pub contestadas: BTreeMap<Quien, LoDicho>,
    pub presentes: BTreeSet<(Topico, String)>,
    /// Lo último publicado de cada operación sin decidir.
    pub fuera: BTreeMap<OperacionId, Orden>,
    pub salidas: Vec<Salida>,
    /// Lo último que se pidió al almacenamiento de cada operación con la que se está terminando.
    pub cerrando: BTreeMap<OperacionId, PorTerminar>,
    /// Entregas de las que no se sabe si llegaron al almacenamiento, y de cuáles se supo que no.
    sin_aclarar: HashMap<OperacionId, u32>,
    aclaradas: BTreeSet<(OperacionId, u32)>,
    /// Fallos definidos y muertes o dudas de cada operación.
    definidos: HashMap<OperacionId, u32>,
    dudas: HashMap<OperacionId, u32>,
    decididas: BTreeMap<OperacionId, Codigo>,
    /// Lo que ha de ir al buzón, y lo que fue.
    toca_buzon: BTreeSet<OperacionId>,
    pub buzon: BTreeMap<OperacionId, Codigo>,
    /// Por clave, las que llegaron y no están decididas, en orden.
    colas: HashMap<String, VecDeque<OperacionId>>,
    /// Lo mandado al disco y sin hacer.
    al_disco: VecDeque<EnDisco>,
    pub disco: BTreeMap<Num, Orden>,
    pub averiado: bool,
    borrados_pendientes: Vec<EnDisco>,
    prometidas: BTreeSet<OperacionId>,
    /// El cliente que acaba de pedir, mientras se atiende su solicitud.
    pidiendo: Option<Quien>,
    despidiendo: bool,
}

/// El id número `n`; su tiempo es siempre el mismo.
pub fn id(n: u64) -> OperacionId {
    let uuid = Uuid::from_u128(0x0189_0a5d_ac96_774b_8cce_b302_0000_0000 | u128::from(n));
    OperacionId::try_new(uuid).expect("v7")
}

/// Una orden de ese tipo sobre el ejemplar `clave`.
pub fn orden(n: u64, tipo: Tipo, clave: u32) -> Orden {
    let ejemplar = format!("E{clave}").parse().expect("ejemplar");
    let usuario = "U1".parse().expect("usuario");
    let objeto = common::dominio::Objeto::Ejemplar(ejemplar);
    let comando = Comando::new(tipo, Some(usuario), objeto, None).expect("comando");
    Orden { id: id(n), huella: Huella::de(&comando), aceptada: Instante(1), intento: 0, sola: false, comando }
}

pub fn prestamo(n: u64, clave: u32) -> Orden {
    orden(n, Tipo::Prestamo, clave)
}

pub fn decidida(id: OperacionId) -> RespuestaGuardada {
    con_codigo(id, Codigo::Ok)
}

fn con_codigo(id: OperacionId, codigo: Codigo) -> RespuestaGuardada {
    Respuesta::new(Some(id.uuid()), estado_de(codigo), codigo, chrono::DateTime::UNIX_EPOCH).guardada()
}

/// En qué deja el almacenamiento a una operación con ese código.
fn estado_de(codigo: Codigo) -> Estado {
    match codigo {
        Codigo::Ok => Estado::Aplicada,
        Codigo::EnRevision => Estado::Pendiente,
        Codigo::SinActores | Codigo::AlmacenamientoNoDisponible | Codigo::SinRespuesta => Estado::Error,
        _ => Estado::Rechazada,
    }
}

impl Banco {
    pub fn new() -> Self {
        Self::con(Limites::default(), Vec::new())
    }

    pub fn con(limites: Limites, filas: Vec<(Num, Orden)>) -> Self {
        let now = Instant::now();
        let mut banco = Self {
            machine: Machine::new(now, limites, filas.clone()),
            now,
            limites,
            siguiente: 0,
            esperan: HashMap::new(),
            contestadas: BTreeMap::new(),
            presentes: BTreeSet::new(),
            fuera: BTreeMap::new(),
            salidas: Vec::new(),
            cerrando: BTreeMap::new(),
            sin_aclarar: HashMap::new(),
            aclaradas: BTreeSet::new(),
            definidos: HashMap::new(),
            dudas: HashMap::new(),
            decididas: BTreeMap::new(),
            toca_buzon: BTreeSet::new(),
            buzon: BTreeMap::new(),
            colas: HashMap::new(),
            al_disco: VecDeque::new(),
            disco: filas.iter().copied().collect(),
            averiado: false,
            borrados_pendientes: Vec::new(),
            prometidas: BTreeSet::new(),
            pidiendo: None,
            despidiendo: false,
        };
        for (_, orden) in filas {
            if banco.prometidas.insert(orden.id) {
                banco.llega(&orden);
            }
        }
        banco.girar();
        banco
    }

    // ---- entradas ----

    pub fn pedir(&mut self, orden: Orden) -> Quien {
        self.pedir_como(orden, true)
    }

    /// Quien no acepta `pendiente`.
    pub fn pedir_ya(&mut self, orden: Orden) -> Quien {
        self.pedir_como(orden, false)
    }

    fn pedir_como(&mut self, orden: Orden, acepta: bool) -> Quien {
        let quien = self.siguiente;
        self.siguiente += 1;
        self.esperan.insert(quien, (orden.id, self.now, acepta));
        let nueva = self.machine.noticia(orden.id).is_none();
        self.pidiendo = Some(quien);
        self.machine.on_solicitud(self.now, orden, quien, acepta);
        if nueva && self.machine.noticia(orden.id).is_some() {
            self.decididas.remove(&orden.id);
            self.llega(&orden);
        }
        self.girar();
        self.pidiendo = None;
        quien
    }

    pub fn llega_actor(&mut self, topico: Topico, nombre: &str) {
        self.presentes.insert((topico, nombre.to_owned()));
        self.machine.on_actor_presente(self.now, topico, nombre);
        self.girar();
    }

    pub fn se_va_actor(&mut self, topico: Topico, nombre: &str) {
        let estaba = self.presentes.remove(&(topico, nombre.to_owned()));
        for id in self.fuera.keys() {
            *self.dudas.entry(*id).or_default() += 1;
        }
        assert_eq!(self.machine.on_actor_ausente(self.now, topico, nombre), estaba);
        self.girar();
    }

    pub fn informar(&mut self, orden: &Orden, desenlace: Desenlace) {
        self.apuntar(orden, &desenlace);
        let resultado = ResultadoInforme { id: orden.id, huella: orden.huella, intento: orden.intento, desenlace };
        self.machine.on_desenlace(self.now, resultado);
        self.girar();
    }

    pub fn aplicar(&mut self, orden: &Orden) {
        self.informar(orden, Desenlace::Decidida(decidida(orden.id)));
    }

    pub fn rechazar(&mut self, orden: &Orden) {
        self.informar(orden, Desenlace::Decidida(con_codigo(orden.id, Codigo::EjemplarPrestado)));
    }

    /// El almacenamiento termina con ella como se le pidió.
    pub fn cerrar(&mut self, id: OperacionId) {
        let PorTerminar { orden, fin, .. } = self.cerrando[&id].clone();
        let codigo = match fin {
            Fin::Anular(codigo) => codigo,
            Fin::Apartar(_) => Codigo::EnRevision,
        };
        self.informar(&orden, Desenlace::Decidida(con_codigo(id, codigo)));
    }

    pub fn vuelve_el_almacen(&mut self) {
        use EstadoBreaker::{Abierto, Cerrado};
        self.machine.on_circuitos(self.now, [Abierto].into_iter());
        self.machine.on_circuitos(self.now, [Cerrado].into_iter());
        self.girar();
    }

    /// El disco hace todo lo mandado.
    pub fn escribir(&mut self) {
        for comando in std::mem::take(&mut self.al_disco) {
            match comando {
                EnDisco::Escribir(num, orden) => {
                    self.disco.insert(num, orden);
                    self.machine.on_diario(Aviso::Escritas(vec![num]));
                }
                EnDisco::Borrar(num) => drop(self.disco.remove(&num)),
                EnDisco::AlBuzon(num, id, codigo) => {
                    self.disco.remove(&num);
                    self.buzon.insert(id, codigo);
                }
            }
        }
        self.comprobar_promesas();
        self.girar();
    }

    /// El disco falla con todo lo mandado.
    pub fn averiar(&mut self) {
        self.averia(false);
    }

    /// El disco falla, y aun así lo que se mandó escribir quedó en él.
    pub fn averiar_dejando_las_filas(&mut self) {
        self.averia(true);
    }

    fn averia(&mut self, quedan: bool) {
        for comando in std::mem::take(&mut self.al_disco) {
            self.averiado = true;
            match comando {
                EnDisco::Escribir(num, orden) => {
                    if quedan {
                        self.disco.insert(num, orden);
                    }
                    self.machine.on_diario(Aviso::Fallidas(vec![num]));
                }
                otro => self.borrados_pendientes.push(otro),
            }
        }
        self.girar();
    }

    /// Como el hilo del diario: lo que se mandó mientras no se podía escribir falla, y los borrados van antes que lo nuevo.
    pub fn recuperar(&mut self) {
        self.averia(false);
        self.al_disco.extend(std::mem::take(&mut self.borrados_pendientes));
        self.averiado = false;
        self.escribir();
        self.machine.on_diario(Aviso::Recuperado);
        self.girar();
    }

    pub fn pasar(&mut self, tiempo: Duration) {
        let fin = self.now + tiempo;
        while let Some(plazo) = self.machine.poll_timeout().filter(|plazo| *plazo <= fin) {
            self.now = self.now.max(plazo);
            self.girar();
            let siguiente = self.machine.poll_timeout();
            assert!(siguiente.is_none_or(|s| s > self.now), "un plazo vencido que sigue armado gira para siempre");
        }
        self.now = fin;
        self.girar();
    }

    /// Hasta el siguiente plazo.
    pub fn hasta_el_plazo(&mut self) {
        if let Some(plazo) = self.machine.poll_timeout() {
            self.now = self.now.max(plazo);
            self.girar();
        }
    }

    pub fn hay_por_escribir(&self) -> bool {
        !self.al_disco.is_empty()
    }

    // ---- el modelo ----

    fn llega(&mut self, orden: &Orden) {
        self.colas.entry(orden.comando.objeto().to_string()).or_default().push_back(orden.id);
    }

    fn apuntar(&mut self, orden: &Orden, desenlace: &Desenlace) {
        match desenlace {
            Desenlace::Decidida(respuesta) => self.decidir(orden, respuesta.codigo),
            Desenlace::NoEscrita { .. } => *self.definidos.entry(orden.id).or_default() += 1,
            Desenlace::Incierta => *self.dudas.entry(orden.id).or_default() += 1,
            Desenlace::NoEntendida { .. } => {
                *self.definidos.entry(orden.id).or_default() += 1;
                self.aclarar(orden);
            }
            Desenlace::SinAlmacenamiento => self.aclarar(orden),
        }
    }

    /// De ese intento se supo que nada se hizo.
    fn aclarar(&mut self, orden: &Orden) {
        if self.aclaradas.insert((orden.id, orden.intento))
            && let Some(sin_aclarar) = self.sin_aclarar.get_mut(&orden.id)
        {
            *sin_aclarar -= 1;
        }
    }

    fn decidir(&mut self, orden: &Orden, codigo: Codigo) {
        if self.machine.noticia(orden.id).is_some() && self.prometidas.contains(&orden.id) && codigo != Codigo::Ok {
            self.toca_buzon.insert(orden.id);
        }
        let cola = self.colas.entry(orden.comando.objeto().to_string()).or_default();
        cola.retain(|otra| *otra != orden.id);
        self.decididas.insert(orden.id, codigo);
        self.olvidar(orden.id);
        self.prometidas.remove(&orden.id);
    }

    /// Ya no está en la máquina.
    fn olvidar(&mut self, id: OperacionId) {
        self.fuera.remove(&id);
        self.cerrando.remove(&id);
        self.sin_aclarar.remove(&id);
        self.aclaradas.retain(|(otra, _)| *otra != id);
        self.definidos.remove(&id);
        self.dudas.remove(&id);
    }

    fn girar(&mut self) {
        self.machine.girar(self.now);
        while let Some(accion) = self.machine.poll_accion() {
            self.comprobar(accion);
        }
        self.comprobar_reposo();
    }

    fn comprobar(&mut self, accion: Accion<Quien>) {
        match accion {
            Accion::Publicar { topico, instancia, ordenes } => {
                let actor = instancia.to_string();
                assert!(self.presentes.contains(&(topico, actor.clone())), "se publica a quien no está");
                assert!(ordenes.iter().all(|o| Topico::de(o.comando.tipo()) == Some(topico)));
                self.sale(Some(actor), ordenes);
            }
            Accion::Llamar { ordenes } => {
                assert!(ordenes.iter().all(|o| o.comando.tipo() == Tipo::Renovacion));
                self.sale(None, ordenes);
            }
            Accion::Responder { a, id, contestacion } => self.contestan(a, id, &contestacion),
            Accion::Anotar { num, orden } => self.al_disco.push_back(EnDisco::Escribir(num, orden)),
            Accion::Borrar { num } => self.al_disco.push_back(EnDisco::Borrar(num)),
            Accion::AlBuzon { num, orden, fin } => {
                assert!(self.toca_buzon.remove(&orden.id), "al buzón sin haberse prometido, o habiéndose aplicado");
                self.al_disco.push_back(EnDisco::AlBuzon(num, orden.id, fin.codigo));
            }
            Accion::Terminar { cierres } => self.terminan(cierres),
            Accion::Reasignada { .. } | Accion::Renunciada { .. } => {}
        }
    }

    fn terminan(&mut self, cierres: Vec<PorTerminar>) {
        assert!(!cierres.is_empty() && cierres.len() <= self.limites.lista);
        for cierre in cierres {
            let id = cierre.orden.id;
            let veces = |cuenta: &HashMap<OperacionId, u32>| cuenta.get(&id).copied().unwrap_or(0);
            match cierre.fin {
                Fin::Anular(_) => assert!(!self.prometidas.contains(&id), "se anula lo prometido"),
                Fin::Apartar(MotivoDeApartar::FallosDefinidos) => {
                    assert!(veces(&self.definidos) >= self.limites.definidos && !cierre.historia.is_empty());
                }
                // La primera duda solo la deja sola.
                Fin::Apartar(MotivoDeApartar::Muertes) => assert!(veces(&self.dudas) > self.limites.muertes),
            }
            let cola = &self.colas[&cierre.orden.comando.objeto().to_string()];
            assert_eq!(cola.front(), Some(&id), "se termina con una que no es la primera de su clave");
            self.fuera.remove(&id);
            self.cerrando.insert(id, cierre);
            *self.sin_aclarar.entry(id).or_default() += 1;
        }
    }

    fn sale(&mut self, actor: Option<String>, ordenes: Vec<Orden>) {
        assert!(!ordenes.is_empty() && ordenes.len() <= self.limites.lista);
        assert!(ordenes.len() == 1 || ordenes.iter().all(|o| !o.sola), "las que van solas no llevan vecinas");
        for orden in &ordenes {
            let cola = &self.colas[&orden.comando.objeto().to_string()];
            assert_eq!(cola.front(), Some(&orden.id), "sale una que no es la primera de su clave");
            assert!(!self.cerrando.contains_key(&orden.id), "sale otra vez una con la que se está terminando");
            self.fuera.insert(orden.id, *orden);
            *self.sin_aclarar.entry(orden.id).or_default() += 1;
        }
        self.salidas.push(Salida { actor, ordenes });
    }

    fn contestan(&mut self, a: Quien, id: OperacionId, contestacion: &Contestacion) {
        let (suya, desde, acepta) = self.esperan.remove(&a).expect("dos respuestas a una solicitud");
        assert_eq!(suya, id);
        let tardo = self.now - desde;
        assert!(tardo <= 2 * self.limites.plazo, "esperó {tardo:?}");
        let contestado = match contestacion {
            Contestacion::Decidida(guardada) => {
                assert_eq!(self.decididas.get(&id), Some(&guardada.codigo), "decidida sin que nadie la decidiera");
                self.contestadas.insert(a, (estado_de(guardada.codigo), guardada.codigo));
                return;
            }
            Contestacion::Propia(estado, codigo) => (*estado, *codigo),
        };
        match contestado.0 {
            Estado::Pendiente => {
                assert!(acepta, "pendiente a quien no lo acepta");
                assert!(self.disco.values().any(|orden| orden.id == id), "pendiente sin estar en el diario");
                self.prometidas.insert(id);
            }
            Estado::Error if self.pidiendo == Some(a) => {
                assert!(matches!(contestado.1, Codigo::Saturado | Codigo::ConflictoDeId));
            }
            Estado::Error => self.error_de_quien_esperaba(id, acepta),
            Estado::Incierta => {
                let a_tiempo = tardo >= self.limites.plazo || self.despidiendo;
                assert!(contestado.1 == Codigo::Saturado || a_tiempo, "incierta antes de tiempo");
            }
            Estado::Aplicada | Estado::Rechazada => panic!("el gestor no decide"),
        }
        self.contestadas.insert(a, contestado);
    }

    /// Nada salió hacia el almacenamiento ni saldrá, y nadie quedó prometido.
    fn error_de_quien_esperaba(&mut self, id: OperacionId, acepta: bool) {
        assert!(!acepta, "error a quien acepta pendiente");
        assert_eq!(self.sin_aclarar.get(&id).copied().unwrap_or(0), 0, "error, y algo pudo llegar al almacenamiento");
        assert!(self.machine.noticia(id).is_none(), "error, y la operación sigue");
        // De una anterior con el mismo id, ya decidida, puede quedar una fila por borrar.
        let por_borrar = |num: Num| {
            let borra = |otro: &EnDisco| matches!(otro, EnDisco::Borrar(n) | EnDisco::AlBuzon(n, ..) if *n == num);
            self.al_disco.iter().chain(&self.borrados_pendientes).any(borra)
        };
        let viva = |(num, orden): (&Num, &Orden)| orden.id == id && !por_borrar(*num);
        assert!(!self.disco.iter().any(viva), "error, y está en el diario");
        self.colas.values_mut().for_each(|cola| cola.retain(|otra| *otra != id));
        self.olvidar(id);
    }

    /// Lo que ha de ser verdad entre suceso y suceso.
    fn comprobar_reposo(&mut self) {
        let foto = self.machine.foto();
        assert!(foto.en_vuelo <= self.limites.ventana);
        assert_eq!(foto.esperas, self.esperan.len(), "alguien se quedó sin respuesta y sin plazo");
        assert!(self.toca_buzon.is_empty(), "lo prometido y no aplicado desaparece en silencio");
        let plazo = self.machine.poll_timeout();
        if !self.esperan.is_empty() {
            let plazo = plazo.expect("alguien espera y no hay plazo armado");
            assert!(plazo <= self.now + self.limites.plazo);
        }
        let sin_decidir: usize = self.colas.values().map(VecDeque::len).sum();
        assert_eq!(foto.operaciones, sin_decidir, "la tabla y el modelo no coinciden");
        if foto.en_vuelo > 0 {
            assert!(plazo.is_some(), "algo está fuera y nadie lo reclamará");
        }
    }

    fn comprobar_promesas(&self) {
        let escritas: BTreeSet<_> = self.disco.values().map(|orden| orden.id).collect();
        assert!(self.prometidas.is_subset(&escritas), "una promesa que no está en el disco");
    }

    /// Con actores, almacenamiento y disco, todo acaba decidido, contestado y fuera del diario.
    pub fn terminar_bien(&mut self) {
        if self.averiado {
            self.recuperar();
        }
        for topico in Topico::TODOS {
            self.llega_actor(topico, "de-guardia");
        }
        for _ in 0..200 {
            self.escribir();
            for orden in self.fuera.clone().into_values() {
                self.aplicar(&orden);
            }
            for id in self.cerrando.clone().into_keys() {
                self.cerrar(id);
            }
            if self.machine.foto().operaciones == 0 {
                break;
            }
            self.hasta_el_plazo();
        }
        self.escribir();
        assert_eq!(self.machine.foto().operaciones, 0, "algo quedó sin decidir");
        assert!(self.esperan.is_empty(), "alguien quedó sin respuesta");
        assert!(self.disco.is_empty(), "algo quedó en el diario: {:?}", self.disco);
        assert_eq!(self.contestadas.len(), usize::try_from(self.siguiente).expect("cabe"));
    }

    /// El gestor se va: promete lo que puede.
    pub fn despedir(&mut self) {
        self.despidiendo = true;
        self.machine.anotar_todo();
        self.girar();
    }

    /// Muere y arranca otro con lo que hay en el disco: lo prometido sigue prometido.
    pub fn rearrancar(&self) -> Self {
        let filas: Vec<_> = self.disco.iter().map(|(num, orden)| (*num, *orden)).collect();
        self.comprobar_promesas();
        Self { buzon: self.buzon.clone(), ..Self::con(self.limites, filas) }
    }
}
