//! Lo que un día halló una semilla, con la escena puesta a mano: no depende de qué azar le toque a nadie.
//!
//! Lo que hallaron las semillas 147, 10180 y 20624 está con la máquina del gestor:
//! `al_recuperarse_el_diario_no_queda_en_el_la_fila_de_una_escritura_que_fallo`.

use common::{
    dominio::{Codigo, Comando, Estado, Huella, Objeto, OperacionId, Tipo},
    mensajes::{CuerpoPeticion, CuerpoResultado, Desenlace, Instante, Orden, Peticion, Respuesta},
};
use gestor_almacenamiento::machine::Decidida;
use juicio::azar::Azar;
use uuid::Uuid;

use crate::{
    catalogo::{ejemplar, usuario},
    comprobacion::promesas,
    enlace::{A, Clase, Trafico},
    fallos,
    juez::{Demora, Juez},
    mensajes::{Contestado, Mensaje},
    mundo::Mundo,
    perfil::Perfil,
    planificador::suceder,
    reloj::{MS, SEG},
    sucesos::{Entrante, Quien, Reparacion, Suceso},
};

fn id(n: u128) -> OperacionId {
    // Del 1 de enero de 2026, cuando empieza toda simulación.
    OperacionId::try_new(Uuid::from_u128(1_767_225_600_000 << 80 | 7 << 76 | 0b10 << 62 | n)).expect("un UUIDv7")
}

fn prestar(copia: usize) -> Comando {
    Comando::new(Tipo::Prestamo, Some(usuario(0)), Objeto::Ejemplar(ejemplar(0, copia)), None).expect("completo")
}

/// Un mundo de uno de cada, en calma y sin nadie en marcha: lo que pase en él es lo que diga la prueba.
struct Escena(Mundo);

impl Escena {
    fn new() -> Self {
        let perfil = Perfil {
            gestores: 1,
            actores: 1,
            almacenes: 1,
            clientes: 1,
            operaciones: 1,
            usuarios: 1,
            copias: vec![2],
            tormenta: 0,
            cada: SEG,
            averias: Vec::new(),
            trafico: Trafico { latencia: 50, picos: 0, dobles: 0, descartes: 0 },
            muertes_a_medias: 0,
            venenosas: 0,
            asesinas: 0,
            justo: false,
            fsync: 200,
            desvio: 0,
        };
        let mut mundo = Mundo::con(perfil, Azar::con_semilla(0), false);
        mundo.entorno.tormenta = false;
        Self(mundo)
    }

    /// Arranca un proceso, y pasa lo que tenga que pasar hasta que acabe de conectar.
    fn arrancar(&mut self, quien: Quien) {
        self.0.arrancar(quien);
        self.pasar(|_| None::<()>, 100 * MS);
    }

    /// Pasan las cosas hasta que una es la que se espera, o ese tiempo.
    fn pasar<T>(&mut self, mut es: impl FnMut(&Suceso) -> Option<T>, dura: u64) -> Option<T> {
        let fin = self.0.entorno.ahora + dura;
        while self.0.entorno.ahora < fin {
            let suceso = self.0.entorno.siguiente()?;
            let hallado = es(&suceso);
            suceder(&mut self.0, suceso);
            if hallado.is_some() {
                return hallado;
            }
        }
        None
    }

    /// Pide algo al almacén por la conexión del gestor, y espera lo que conteste.
    fn pedir_al_almacen(&mut self, numero: u64, cuerpo: CuerpoPeticion) -> CuerpoResultado {
        let e = &mut self.0.entorno;
        let enlace = (0..e.enlaces.len())
            .find(|n| e.enlaces[*n].clase == Clase::Almacen && e.enlaces[*n].extremos[A] == Quien::Gestor(0))
            .expect("el gestor llega al almacén");
        let encarnacion = e.enlaces[enlace].encarnacion;
        let mensaje = Mensaje::Peticion(Box::new(Peticion { peticion: numero, plazo_ms: 3_000, cuerpo }));
        e.entregar(Quien::Almacen(0), Entrante::Mensaje { enlace, encarnacion, mensaje });
        let suya = |suceso: &Suceso| match suceso {
            Suceso::Llega { hacia: A, mensaje: Mensaje::Resultado(r), .. } if r.peticion == numero => {
                Some(r.cuerpo.clone())
            }
            _ => None,
        };
        self.pasar(suya, 10 * SEG).expect("el almacén contesta a tiempo")
    }
}

#[test]
fn un_almacen_sin_lotes_que_decidir_vuelve_a_estar_sano_cuando_postgres_se_reinicia() {
    let mut escena = Escena::new();
    escena.arrancar(Quien::Almacen(0));
    escena.arrancar(Quien::Gestor(0));
    let comando = prestar(0);
    let orden = Orden {
        id: id(1),
        huella: Huella::de(&comando),
        aceptada: escena.0.entorno.hora(0),
        intento: 0,
        sola: false,
        comando,
    };
    // Decide algo, y se queda con una conexión a la base.
    let resultado = escena.pedir_al_almacen(1_001, CuerpoPeticion::Escribir(vec![orden]));
    let CuerpoResultado::Escritas(escritas) = resultado else { panic!("{resultado:?}") };
    assert!(matches!(escritas[0].desenlace, Desenlace::Decidida(_)));

    let Mundo { base, entorno, .. } = &mut escena.0;
    base.caer(entorno);
    fallos::arreglar(&mut escena.0, Reparacion::BaseArranca);
    // Desde entonces solo se le pregunta por su salud: no hay lote que tropiece con la conexión muerta y la cambie.
    let salud = escena.pedir_al_almacen(1_002, CuerpoPeticion::Salud);
    assert!(matches!(salud, CuerpoResultado::Sano), "semilla 13167: {salud:?}");
}

#[test]
fn el_error_a_un_envio_no_acusa_a_lo_que_se_contesto_a_otro_envio_de_lo_mismo() {
    let (mut juez, comando) = (Juez::default(), prestar(0));
    let respuesta = Respuesta::new(Some(id(1).uuid()), Estado::Aplicada, Codigo::Ok, chrono::DateTime::UNIX_EPOCH);
    let respuesta = respuesta.guardada();
    let aceptada = Instante(0);
    let orden = Orden { id: id(1), huella: Huella::de(&comando), aceptada, intento: 0, sola: false, comando };
    let decidida = Decidida { orden, estado: "aplicada", respuesta: respuesta.clone(), sede: None, expediente: None };
    juez.al_confirmar(&decidida);

    // Dos veces se usa un id ajeno para lo mismo: un gestor lo aplica; otro, que lo tiene con otro contenido, lo niega.
    let negada = Contestado::Propia(Estado::Error, Codigo::ConflictoDeId);
    for (gestor, que) in [Contestado::Guardada(respuesta), negada].into_iter().enumerate() {
        let op = juez.pedir(0, id(1), comando);
        let envio = juez.enviar(op);
        juez.al_entregar(envio, gestor, 1);
        juez.al_responder(gestor, envio, id(1), &que, Demora { tardo: MS, plazo: SEG }, None);
        juez.al_recibir(MS, envio, &que);
    }
    assert_eq!((juez.falta.take(), promesas(&juez)), (None, Ok(())), "semilla 12665");
}
