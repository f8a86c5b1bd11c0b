//! Las mismas órdenes, con los mismos ids, por los dos gestores de almacenamiento a la vez: una decisión, dos respuestas
//! iguales.

use std::{cell::RefCell, rc::Rc, time::Duration};

use common::{
    dominio::{Comando, EjemplarId, Huella, Objeto, OperacionId, Tipo, UsuarioId},
    mensajes::{
        CuerpoPeticion, CuerpoResultado, Desenlace, Instante, Orden, Peticion, Resultado, codificar, descifrar,
    },
    transport::{Contexto, Endpoint, Socket},
};
use juicio::{azar::Azar, historia::Historia};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use crate::banco::{Banco, PLAZO, USUARIOS_APARTE};

/// Órdenes de cada envío, como mucho.
const LISTA: usize = 8;
/// Cuánto espera un actor.
const PLAZO_MS: u32 = 3_000;

/// Uno que hace de actor con los dos almacenes.
pub struct Gemelos {
    almacenes: [Socket; 2],
    ejemplares: Vec<EjemplarId>,
    usuarios: Vec<UsuarioId>,
    azar: Azar,
    peticion: u64,
}

/// `cuantos` que disputan los mismos ejemplares que la carga, con usuarios de nadie más.
pub async fn gemelos(banco: &Banco, cuantos: usize) -> Vec<Gemelos> {
    let disponible = banco.base.disponible().await.expect("la base contesta");
    let ejemplares: Vec<EjemplarId> = disponible.ejemplares.iter().take(40).map(|(e, _)| *e).collect();
    let almacenes = banco.suite.plano().almacenes();
    let endpoints: Vec<Endpoint> = almacenes.split(',').map(|a| a.parse().expect("una dirección")).collect();
    (0..cuantos)
        .map(|n| Gemelos {
            almacenes: [0, 1].map(|i| Contexto::new().dealer(&endpoints[i]).expect("un zócalo")),
            ejemplares: ejemplares.clone(),
            usuarios: disponible
                .usuarios
                .iter()
                .rev()
                .skip(n)
                .step_by(cuantos)
                .take(USUARIOS_APARTE / cuantos)
                .copied()
                .collect(),
            azar: Azar::con_semilla(n as u64),
            peticion: 0,
        })
        .collect()
}

/// Envían hasta que pase `dura`; lo que se decidió.
pub async fn enviar_gemelos(todos: Vec<Gemelos>, dura: Duration) -> Historia {
    let historia = Rc::new(RefCell::new(Historia::default()));
    let fin = Instant::now() + dura;
    let tareas: Vec<_> = todos
        .into_iter()
        .map(|mut g| {
            let historia = Rc::clone(&historia);
            tokio::task::spawn_local(async move {
                while Instant::now() < fin {
                    g.enviar(&historia).await;
                }
            })
        })
        .collect();
    for tarea in tareas {
        tarea.await.expect("los gemelos no entran en pánico");
    }
    Rc::into_inner(historia).expect("ya acabaron").into_inner()
}

impl Gemelos {
    async fn enviar(&mut self, historia: &RefCell<Historia>) {
        let ordenes: Vec<Orden> = (0..=self.azar.menor_que(LISTA)).map(|_| self.orden()).collect();
        for orden in &ordenes {
            historia.borrow_mut().pedida(orden.id.uuid(), orden.comando.tipo(), orden.huella);
        }
        self.peticion += 1;
        let cuerpo = CuerpoPeticion::Escribir(ordenes);
        let bytes = codificar(&Peticion { peticion: self.peticion, plazo_ms: PLAZO_MS, cuerpo });
        let [uno, otro] = &mut self.almacenes;
        for resultado in <[_; 2]>::from(tokio::join!(llamar(uno, &bytes), llamar(otro, &bytes))) {
            let CuerpoResultado::Escritas(escritas) = resultado.cuerpo else {
                panic!("un almacén sano escribe, y contestó {:?}", resultado.cuerpo)
            };
            for escrita in escritas {
                let Desenlace::Decidida(respuesta) = escrita.desenlace else {
                    panic!("{} quedó {:?}", escrita.id, escrita.desenlace)
                };
                // La segunda vez, la historia la compara con la primera byte a byte.
                historia.borrow_mut().vista(respuesta.cuerpo.get().as_bytes());
            }
        }
    }

    fn orden(&mut self) -> Orden {
        let tipo = *self.azar.uno_de(&[Tipo::Prestamo, Tipo::Prestamo, Tipo::Devolucion, Tipo::Renovacion]);
        let objeto = Objeto::Ejemplar(*self.azar.uno_de(&self.ejemplares));
        // También al devolver: sin usuario cerraría préstamos de la carga, que los cree suyos.
        let usuario = *self.azar.uno_de(&self.usuarios);
        let comando = Comando::new(tipo, Some(usuario), objeto, None).expect("completo");
        Orden {
            id: OperacionId::try_new(Uuid::now_v7()).expect("v7"),
            huella: Huella::de(&comando),
            aceptada: Instante::from(chrono::Utc::now()),
            intento: 0,
            sola: false,
            comando,
        }
    }
}

async fn llamar(almacen: &mut Socket, bytes: &[u8]) -> Resultado {
    let llamada = async {
        almacen.send(&[b"", bytes]).await.expect("sale");
        almacen.recv().await.expect("llega")
    };
    let cuadros = timeout(PLAZO, llamada).await.expect("un almacén sano contesta");
    descifrar(cuadros.last().expect("algún cuadro")).expect("un resultado")
}
