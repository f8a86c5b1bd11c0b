//! Un gestor de almacenamiento simulado: la cola y la máquina de un lote son las reales; aquí solo está por dónde llega lo que se
//! pide, y los viajes a la base con lo que tardan y cómo se cortan.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use common::{
    mensajes::{CuerpoPeticion, CuerpoResultado, Peticion, Resultado},
    tiempos::{FOTO, PETICION, SALUD_DE_LA_BASE},
};
use gestor_almacenamiento::{
    lote::{Cola, EnEspera, Encargo},
    machine::{Culpa, Nombrado, PasoDeVuelta, Vuelta, nada_hecho},
};

use crate::{
    cronica::corto,
    enlace::B,
    entorno::Entorno,
    mensajes::{DeBase, Mensaje, Trabajo},
    reloj::{MS, Us},
    sucesos::{Entrante, Quien, Suceso},
};

/// A quién se contesta.
#[derive(Debug)]
struct Sobre {
    enlace: usize,
    encarnacion: u32,
    peticion: u64,
}

/// Un lote que se está decidiendo.
#[derive(Debug)]
struct EnCurso {
    peticiones: Vec<EnEspera<Sobre>>,
    vuelta: Vuelta,
    /// La conexión de este viaje ya estaba abierta antes de la foto.
    usada: bool,
}

#[derive(Debug, Default)]
struct Vivo {
    cola: Cola<Sobre>,
    en_curso: Option<EnCurso>,
    salud: HashMap<u64, Sobre>,
    conexion: Option<u32>,
    viaje: u64,
    numero: u64,
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
    pub fn new(n: usize) -> Self {
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
            self.en_curso().vuelta.on_espera();
            self.seguir(e);
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
            Entrante::VenceBase { numero } => self.de_base(e, numero, DeBase::se_corto()),
            _ => {}
        }
    }

    fn peticion(&mut self, e: &mut Entorno, enlace: usize, encarnacion: u32, peticion: Peticion) {
        let Peticion { peticion: numero, plazo_ms, cuerpo } = peticion;
        let remite = Sobre { enlace, encarnacion, peticion: numero };
        match cuerpo {
            CuerpoPeticion::Escribir(ordenes) => self.encolar(e, remite, ordenes, plazo_ms),
            CuerpoPeticion::Terminar(cierres) => self.encolar(e, remite, cierres, plazo_ms),
            CuerpoPeticion::Salud => {
                let numero = self.enviar(e, Trabajo::Salud, SALUD_DE_LA_BASE);
                self.vivo.salud.insert(numero, remite);
            }
            _ => {}
        }
    }

    fn encolar(&mut self, e: &mut Entorno, remite: Sobre, pedidos: Vec<impl Into<Encargo>>, plazo_ms: u32) {
        let plazo = Duration::from_millis(plazo_ms.into());
        let encargos = pedidos.into_iter().map(Into::into).collect();
        if let Err((remite, motivo)) = self.vivo.cola.entrar(remite, encargos, e.instante(), plazo) {
            contestar(e, &remite, CuerpoResultado::Fallo(nada_hecho(motivo.to_string())));
        }
    }

    /// Manda un viaje a la base; si no contesta a tiempo, se da por perdido.
    fn enviar(&mut self, e: &mut Entorno, trabajo: Trabajo, plazo: Duration) -> u64 {
        self.vivo.numero += 1;
        let numero = self.vivo.numero;
        let vida = e.proceso(self.quien()).vida;
        // La salud se pregunta por otra conexión y, si resulta que murió, por una nueva (`consultas::salud`).
        let generacion = if matches!(trabajo, Trabajo::Salud) { None } else { self.vivo.conexion };
        let llega = e.ahora + camino(e);
        e.poner(llega, Suceso::EnBase { almacen: self.n, vida, numero, generacion, trabajo });
        let vence = e.us_de(e.instante() + plazo);
        e.poner(vence, Suceso::VenceBase { almacen: self.n, vida, numero });
        numero
    }

    fn lanzar(&mut self, e: &mut Entorno) {
        while self.vivo.en_curso.is_none() && !self.vivo.cola.esta_vacia() {
            let peticiones = self.vivo.cola.siguiente(e.instante()).peticiones;
            if peticiones.is_empty() {
                continue;
            }
            let encargos: Vec<_> = peticiones.iter().flat_map(|p| p.encargos.iter().cloned()).collect();
            if self.muere_por(e, &encargos) {
                return;
            }
            let vuelta = Vuelta::new(e.instante(), encargos);
            self.vivo.en_curso = Some(EnCurso { peticiones, vuelta, usada: false });
            self.seguir(e);
        }
    }

    fn muere_por(&self, e: &mut Entorno, encargos: &[Encargo]) -> bool {
        // Se muere decidiéndola; apartarla no la ejecuta.
        let asesina = |o: &&Encargo| o.fin.is_none() && e.juez.es_asesina_del_almacen(o.orden.id);
        let id = encargos.iter().find(asesina).map(|o| o.orden.id).filter(|_| e.tormenta);
        id.inspect(|id| e.matar(self.quien(), &format!("por atender {}", corto(*id)))).is_some()
    }

    fn en_curso(&mut self) -> &mut EnCurso {
        self.vivo.en_curso.as_mut().expect("solo se viaja por un lote")
    }

    /// Hace lo que la máquina del lote dice que toca.
    fn seguir(&mut self, e: &mut Entorno) {
        let conectado = self.vivo.conexion.is_some();
        let en_curso = self.en_curso();
        let (trabajo, plazo) = match en_curso.vuelta.paso() {
            PasoDeVuelta::Leer(trozo) => {
                en_curso.usada = conectado;
                (Trabajo::Foto(trozo.iter().map(Nombrado::from).collect()), FOTO)
            }
            PasoDeVuelta::Guardar(lote) => (Trabajo::Guardar(Box::new(lote.clone())), PETICION),
            PasoDeVuelta::Esperar(cuanto) => {
                self.vivo.hasta = Some(e.us_de(e.instante() + cuanto));
                return;
            }
            PasoDeVuelta::Acabar => return self.acabar(e),
        };
        self.vivo.viaje = self.enviar(e, trabajo, plazo);
    }

    fn de_base(&mut self, e: &mut Entorno, numero: u64, que: DeBase) {
        if let Some(remite) = self.vivo.salud.remove(&numero) {
            let sana = matches!(que, DeBase::Sana);
            let cuerpo = if sana { CuerpoResultado::Sano } else { CuerpoResultado::Fallo(nada_hecho("sin base")) };
            return contestar(e, &remite, cuerpo);
        }
        if numero != self.vivo.viaje {
            return;
        }
        self.vivo.viaje = 0;
        if e.muere_aqui(self.quien()) {
            return;
        }
        if matches!(que, DeBase::No(Culpa::Conexion(_))) {
            self.vivo.conexion = None;
        }
        let EnCurso { vuelta, usada, .. } = self.en_curso();
        match que {
            DeBase::Foto(foto) => vuelta.on_foto(*foto),
            DeBase::Guardado => vuelta.on_guardado(),
            DeBase::No(culpa) => vuelta.on_tropiezo(e.instante(), culpa, *usada),
            DeBase::Sana => unreachable!("la salud se pregunta con su propio número"),
        }
        self.seguir(e);
    }

    fn acabar(&mut self, e: &mut Entorno) {
        let Some(EnCurso { peticiones, vuelta, .. }) = self.vivo.en_curso.take() else { return };
        let decidido = vuelta.decidido();
        for peticion in &peticiones {
            if e.muere_aqui(self.quien()) {
                return;
            }
            contestar(e, &peticion.remite, decidido.resultado(&peticion.encargos));
        }
        e.despertar(self.quien(), e.ahora);
    }
}

/// Lo que tarda un trabajo en llegar a la base.
fn camino(e: &mut Entorno) -> Us {
    if e.tormenta && e.azar.por_ciento(2) { e.entre(0, 300 * MS) } else { e.entre(30, 1_500) }
}

fn contestar(e: &mut Entorno, remite: &Sobre, cuerpo: CuerpoResultado) {
    if e.enlaces[remite.enlace].encarnacion == remite.encarnacion {
        let resultado = Resultado { peticion: remite.peticion, cuerpo };
        e.enviar(remite.enlace, B, Mensaje::Resultado(Box::new(resultado)));
    }
}
