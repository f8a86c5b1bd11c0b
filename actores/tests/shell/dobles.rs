//! Un gestor de carga y un almacén falsos, con zócalos reales, y el programa de verdad como hijo.

use std::{
    future::Future,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use common::{
    dominio::{Codigo, Comando, Estado, Huella, OperacionId},
    mensajes::{
        CuerpoPeticion, CuerpoResultado, Desenlace, Evento, Informe, Instante, Orden, Peticion, Respuesta, Resultado,
        ResultadoEscritura, codificar, descifrar,
    },
    transport::{Contexto, Endpoint, ErrorDeTransporte, Frame, Socket, puertos::puerto_libre},
};

/// Plazo de todo lo que una prueba espera.
pub const PLAZO: Duration = Duration::from_secs(10);

pub async fn con_plazo<T>(que: &str, espera: impl Future<Output = T>) -> T {
    tokio::time::timeout(PLAZO, espera).await.unwrap_or_else(|_| panic!("no llegó a tiempo: {que}"))
}

/// Una dirección en la que nadie escucha.
pub fn direccion_libre() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, puerto_libre()).into()
}

fn endpoint(addr: SocketAddr) -> Endpoint {
    addr.to_string().parse().expect("dirección")
}

/// El programa, que muere con la prueba.
pub struct Actor {
    hijo: Child,
    pub http: SocketAddr,
}

impl Actor {
    pub fn lanzar(gestores: &[&GestorFalso], almacenes: &[SocketAddr]) -> Self {
        let juntar = |addrs: Vec<String>| addrs.join(",");
        let http = direccion_libre();
        let hijo = Command::new(env!("CARGO_BIN_EXE_actor_prestamo"))
            .env_remove("ANAQUEL_CONFIG")
            .env("GESTOR_CARGA_PUB_ADDR", juntar(gestores.iter().map(|g| g.eventos_addr.to_string()).collect()))
            .env("GESTOR_CARGA_INFORMES_ADDR", juntar(gestores.iter().map(|g| g.informes_addr.to_string()).collect()))
            .env("GESTOR_ALMACENAMIENTO_ENDPOINTS", juntar(almacenes.iter().map(ToString::to_string).collect()))
            .env("HTTP_ADDR", http.to_string())
            .stderr(Stdio::null())
            .spawn()
            .expect("el programa está construido");
        Self { hijo, http }
    }

    pub fn senialar(&self, senial: &str) {
        let pid = self.hijo.id().to_string();
        let estado = Command::new("kill").args([senial, &pid]).status().expect("kill existe");
        assert!(estado.success());
    }

    /// Espera a que acabe.
    pub async fn esperar(mut self) -> ExitStatus {
        let espera = tokio::task::spawn_blocking(move || {
            let estado = self.hijo.wait().expect("es hijo nuestro");
            drop(self);
            estado
        });
        con_plazo("el final del actor", espera).await.expect("no entra en pánico")
    }

    /// Estado y cuerpo de una página.
    pub async fn pedir(&self, ruta: &str) -> (u16, String) {
        let (addr, ruta) = (self.http, ruta.to_owned());
        tokio::task::spawn_blocking(move || {
            let mut conexion = TcpStream::connect(addr).expect("atiende HTTP");
            conexion.set_read_timeout(Some(PLAZO)).expect("plazo");
            write!(conexion, "GET {ruta} HTTP/1.1\r\nHost: actor\r\nConnection: close\r\n\r\n").expect("pide");
            let mut texto = String::new();
            conexion.read_to_string(&mut texto).expect("contesta");
            let estado = texto.split(' ').nth(1).and_then(|n| n.parse().ok()).expect("estado HTTP");
            (estado, texto)
        })
        .await
        .expect("no entra en pánico")
    }

    /// Pide una página hasta que cumpla algo.
    pub async fn esperar_pagina(&self, ruta: &str, vale: impl Fn(u16, &str) -> bool) -> String {
        con_plazo(ruta, async {
            let mut tic = tokio::time::interval(Duration::from_millis(20));
            loop {
                tic.tick().await;
                let (estado, texto) = self.pedir(ruta).await;
                if vale(estado, &texto) {
                    return texto;
                }
            }
        })
        .await
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let _ya_acabo = self.hijo.kill();
        let _recogido = self.hijo.wait();
    }
}

/// XPUB y ROUTER, como un gestor de carga.
pub struct GestorFalso {
    pub eventos: Socket,
    pub informes: Socket,
    pub eventos_addr: SocketAddr,
    pub informes_addr: SocketAddr,
}

impl GestorFalso {
    pub fn new() -> Self {
        Self::en(direccion_libre(), direccion_libre()).expect("escucha")
    }

    /// El que vuelve a las mismas direcciones. Un proceso que otra prueba lance ahora las hereda hasta su exec: se insiste.
    pub async fn que_vuelve(eventos_addr: SocketAddr, informes_addr: SocketAddr) -> Self {
        let insistir = async {
            loop {
                match Self::en(eventos_addr, informes_addr) {
                    Ok(gestor) => return gestor,
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        };
        con_plazo("las direcciones libres", insistir).await
    }

    fn en(eventos_addr: SocketAddr, informes_addr: SocketAddr) -> Result<Self, ErrorDeTransporte> {
        let contexto = Contexto::new();
        let eventos = contexto.xpub(&endpoint(eventos_addr))?;
        let informes = contexto.router(&endpoint(informes_addr))?;
        Ok(Self { eventos, informes, eventos_addr, informes_addr })
    }

    /// Espera la llegada (`true`) o la marcha de un actor; devuelve su tema.
    pub async fn presencia(&mut self) -> (bool, String) {
        let cuadros = con_plazo("una presencia", self.eventos.recv()).await.expect("zócalo");
        let tema = String::from_utf8(cuadros[0][1..].to_vec()).expect("texto");
        (cuadros[0][0] == 1, tema)
    }

    pub async fn llegada(&mut self) -> String {
        let (llega, tema) = self.presencia().await;
        assert!(llega && tema.starts_with("prestamo|"), "{tema}");
        tema
    }

    pub fn publicar(&mut self, tema: &str, ordenes: &[Orden]) {
        let evento = codificar(&Evento { gestor: "g1".into(), ordenes: ordenes.to_vec() });
        self.eventos.try_send(&[tema.as_bytes(), &evento]).expect("sale");
    }

    /// El siguiente informe que trae algún desenlace.
    pub async fn informe(&mut self) -> Informe {
        loop {
            let informe = self.cualquier_informe().await;
            if !informe.resultados.is_empty() {
                return informe;
            }
        }
    }

    pub async fn cualquier_informe(&mut self) -> Informe {
        let cuadros = con_plazo("un informe", self.informes.recv()).await.expect("zócalo");
        assert_eq!((cuadros.len(), cuadros[1].len()), (3, 0), "[identidad][vacío][JSON]");
        descifrar(&cuadros[2]).expect("informe")
    }

    /// Los desenlaces de `cuantos` operaciones, en los informes que hagan falta.
    pub async fn desenlaces(&mut self, cuantos: usize) -> Vec<(OperacionId, Desenlace)> {
        let mut todos = Vec::new();
        while todos.len() < cuantos {
            todos.extend(self.informe().await.resultados.into_iter().map(|r| (r.id, r.desenlace)));
        }
        todos
    }
}

/// ROUTER, como un gestor de almacenamiento.
pub struct AlmacenFalso {
    pub router: Socket,
    pub addr: SocketAddr,
}

/// Una lista que el actor pidió escribir.
pub struct Pedida {
    pub identidad: Frame,
    pub peticion: u64,
    pub ordenes: Vec<Orden>,
}

impl AlmacenFalso {
    pub fn new() -> Self {
        let addr = direccion_libre();
        Self { router: Contexto::new().router(&endpoint(addr)).expect("escucha"), addr }
    }

    /// La siguiente lista; entretanto dice que está sano a quien pregunte.
    pub async fn pedida(&mut self) -> Pedida {
        loop {
            let mut cuadros = con_plazo("una petición", self.router.recv()).await.expect("zócalo");
            let Peticion { peticion, cuerpo, .. } = descifrar(&cuadros[2]).expect("petición");
            match cuerpo {
                CuerpoPeticion::Escribir(ordenes) => {
                    return Pedida { identidad: cuadros.swap_remove(0), peticion, ordenes };
                }
                _ => self.enviar(&cuadros[0], peticion, CuerpoResultado::Sano),
            }
        }
    }

    pub fn aplicar(&mut self, pedida: &Pedida) {
        let escritas = pedida.ordenes.iter().map(aplicada).collect();
        self.enviar(&pedida.identidad, pedida.peticion, CuerpoResultado::Escritas(escritas));
    }

    /// Dice que la petición es de otra versión.
    pub fn no_entender(&mut self, pedida: &Pedida) {
        self.enviar(&pedida.identidad, pedida.peticion, CuerpoResultado::NoEntendida { motivo: "¿reserva?".into() });
    }

    fn enviar(&mut self, identidad: &[u8], peticion: u64, cuerpo: CuerpoResultado) {
        let bytes = codificar(&Resultado { peticion, cuerpo });
        self.router.try_send(&[identidad, b"", &bytes]).expect("el actor sigue ahí");
    }
}

fn aplicada(orden: &Orden) -> ResultadoEscritura {
    let respuesta = Respuesta::new(Some(orden.id.uuid()), Estado::Aplicada, Codigo::Ok, orden.aceptada.fecha());
    ResultadoEscritura { id: orden.id, huella: orden.huella, desenlace: Desenlace::Decidida(respuesta.guardada()) }
}

pub fn orden(numero: u32) -> Orden {
    let texto = format!(r#"{{"operacion":"prestamo","usuario":"U0001","ejemplar":"E{numero:06}"}}"#);
    let comando: Comando = serde_json::from_str(&texto).expect("comando");
    let id = OperacionId::parse(&format!("01890a5d-ac96-774b-bcce-{numero:012}")).expect("v7");
    Orden { id, huella: Huella::de(&comando), aceptada: Instante(0), intento: 0, sola: false, comando }
}

pub fn sola(numero: u32) -> Orden {
    Orden { sola: true, intento: 1, ..orden(numero) }
}
