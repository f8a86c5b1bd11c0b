//! El gestor como hijo, un cliente, un actor y un almacenamiento falsos.

use std::{
    fs::Permissions,
    future::Future,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use common::{
    dominio::{Codigo, Consulta, Estado, Tipo},
    mensajes::{
        self, Administrada, Cierre, Circuito, CuerpoPeticion, CuerpoResultado, DatosEjemplar, Desenlace, Evento, Fin,
        Informe, Orden, Peticion, Respuesta, RespuestaGuardada, Resultado, ResultadoEscritura, ResultadoInforme,
        Topico,
    },
    transport::{Contexto, Endpoint, Socket, puertos::puerto_libre},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, timeout},
};
use uuid::Uuid;

/// Lo que se espera por cualquier suceso antes de dar la prueba por fallada.
pub const PACIENCIA: Duration = Duration::from_secs(20);

/// El token de los gestores de prueba.
pub const TOKEN: &str = "un-token-de-prueba-0123456789";

/// Espera con plazo.
pub async fn pronto<T>(que: &str, futuro: impl Future<Output = T>) -> T {
    timeout(PACIENCIA, futuro).await.unwrap_or_else(|_| panic!("no llegó a tiempo: {que}"))
}

pub fn local(puerto: u16) -> Endpoint {
    format!("127.0.0.1:{puerto}").parse().expect("dirección")
}

/// Dónde está cada cosa de un gestor; sobrevive a sus rearranques.
pub struct Sitio {
    pub carpeta: TempDir,
    pub clientes: u16,
    pub eventos: u16,
    pub informes: u16,
    pub http: u16,
    pub almacen: u16,
}

impl Sitio {
    pub fn new() -> Self {
        let carpeta = tempfile::tempdir().expect("carpeta");
        let archivo = carpeta.path().join("token");
        std::fs::write(&archivo, format!("{TOKEN}\n")).expect("escrito");
        std::fs::set_permissions(archivo, Permissions::from_mode(0o600)).expect("permisos");
        Self {
            carpeta,
            clientes: puerto_libre(),
            eventos: puerto_libre(),
            informes: puerto_libre(),
            http: puerto_libre(),
            almacen: puerto_libre(),
        }
    }

    pub fn diario(&self) -> PathBuf {
        self.carpeta.path().join("nueva").join("diario.redb")
    }

    pub fn token(&self) -> PathBuf {
        self.carpeta.path().join("token")
    }

    pub fn orden(&self) -> Command {
        let direccion = |puerto: u16| format!("127.0.0.1:{puerto}");
        let mut orden = Command::new(env!("CARGO_BIN_EXE_gestor_carga"));
        orden
            .env_clear()
            .env("GESTOR_CARGA_BIND", direccion(self.clientes))
            .env("GESTOR_CARGA_PUB_BIND", direccion(self.eventos))
            .env("GESTOR_CARGA_INFORMES_BIND", direccion(self.informes))
            .env("HTTP_ADDR", direccion(self.http))
            .env("GESTOR_ALMACENAMIENTO_ENDPOINTS", direccion(self.almacen))
            .env("GESTOR_CARGA_DIARIO", self.diario())
            .env("GESTOR_CARGA_TOKEN_ARCHIVO", self.token())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        orden
    }

    pub async fn arrancar(&self) -> Gestor {
        let mut gestor = Gestor::de(self.orden());
        gestor.linea("gestor de carga en marcha").await;
        gestor
    }
}

/// Un gestor en marcha; muere con la prueba.
pub struct Gestor {
    hijo: Child,
    lineas: mpsc::UnboundedReceiver<String>,
}

impl Gestor {
    pub fn de(mut orden: Command) -> Self {
        let mut hijo = orden.spawn().expect("el gestor arranca");
        let salida = BufReader::new(hijo.stderr.take().expect("con tubería"));
        let (tx, lineas) = mpsc::unbounded_channel();
        std::thread::spawn(move || salida.lines().map_while(Result::ok).try_for_each(|linea| tx.send(linea)));
        Self { hijo, lineas }
    }

    /// Espera una línea del registro que contenga `parte`.
    pub async fn linea(&mut self, parte: &str) -> String {
        let busca = async {
            while let Some(linea) = self.lineas.recv().await {
                if linea.contains(parte) {
                    return Some(linea);
                }
            }
            None
        };
        pronto(parte, busca).await.unwrap_or_else(|| panic!("el gestor terminó sin decir «{parte}»"))
    }

    /// Lo que dijo, entero, y cómo terminó.
    pub async fn final_de(mut self) -> (ExitStatus, Vec<String>) {
        let todas = async {
            let mut todas = Vec::new();
            while let Some(linea) = self.lineas.recv().await {
                todas.push(linea);
            }
            todas
        };
        let todas = pronto("el final del gestor", todas).await;
        (self.hijo.wait().expect("terminó"), todas)
    }

    /// Los límites del proceso, como los dice el sistema.
    pub fn limites(&self) -> String {
        std::fs::read_to_string(format!("/proc/{}/limits", self.hijo.id())).expect("vive")
    }

    /// `kill -9`.
    pub fn matar(mut self) {
        self.hijo.kill().expect("vive");
        self.hijo.wait().expect("terminó");
    }

    pub fn terminar(&self) {
        let pid = self.hijo.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
    }
}

impl Drop for Gestor {
    fn drop(&mut self) {
        let _ = self.hijo.kill();
        let _ = self.hijo.wait();
    }
}

/// Un cliente DEALER; con el cuadro vacío delante, lo mismo que envía un REQ.
pub struct Cliente(Socket);

impl Cliente {
    pub fn de(sitio: &Sitio) -> Self {
        Self(Contexto::new().dealer(&local(sitio.clientes)).expect("cliente"))
    }

    pub async fn enviar(&mut self, solicitud: &Value) {
        self.enviar_bytes(solicitud.to_string().as_bytes()).await;
    }

    pub async fn enviar_bytes(&mut self, bytes: &[u8]) {
        pronto("enviar", self.0.send(&[b"", bytes])).await.expect("enviado");
    }

    pub async fn recibir(&mut self) -> Respuesta {
        mensajes::descifrar(&self.recibir_cuadros().await[1]).expect("una respuesta")
    }

    pub async fn recibir_cuadros(&mut self) -> Vec<Vec<u8>> {
        let cuadros = pronto("la respuesta", self.0.recv()).await.expect("recibida");
        cuadros.iter().map(|c| c.to_vec()).collect()
    }

    pub async fn pedir(&mut self, solicitud: &Value) -> Respuesta {
        self.enviar(solicitud).await;
        self.recibir().await
    }

    pub async fn enviar_cuadros(&mut self, cuadros: &[&[u8]]) {
        pronto("enviar", self.0.send(cuadros)).await.expect("enviado");
    }

    /// Comprueba que no llegó ni llega otra respuesta antes de la de una `salud`.
    pub async fn nada_mas(&mut self) {
        let salud = self.pedir(&json!({"operacion": "salud"})).await;
        assert!(salud.datos.get("operaciones").is_some(), "no es la de la salud: {salud:?}");
    }
}

pub fn prestamo(id: Uuid, ejemplar: &str) -> Value {
    json!({"id": id, "operacion": "prestamo", "usuario": "U0001", "ejemplar": ejemplar})
}

pub fn aplicada(orden: &Orden) -> RespuestaGuardada {
    Respuesta::new(Some(orden.id.uuid()), Estado::Aplicada, Codigo::Ok, orden.aceptada.fecha())
        .con_datos(json!({"intento": orden.intento}))
        .guardada()
}

/// Un actor que hace lo que la prueba le diga.
pub struct Actor {
    sub: Socket,
    informes: Socket,
    pub instancia: String,
}

impl Actor {
    /// Uno nuevo, ya presente para el gestor.
    pub async fn presente(sitio: &Sitio, gestor: &mut Gestor, topico: Topico) -> Self {
        let contexto = Contexto::new();
        let instancia = Uuid::now_v7().to_string();
        let sub = contexto.sub(&local(sitio.eventos)).expect("sub");
        let propio = topico.de_instancia(&instancia);
        sub.suscribir(&propio).expect("suscrito");
        let informes = contexto.dealer(&local(sitio.informes)).expect("dealer");
        gestor.linea(&format!("actor presente: {propio}")).await;
        Self { sub, informes, instancia }
    }

    pub async fn evento(&mut self) -> Evento {
        let cuadros = pronto("un evento", self.sub.recv()).await.expect("recibido");
        mensajes::descifrar(&cuadros[1]).expect("un evento")
    }

    /// La única orden del siguiente evento.
    pub async fn orden(&mut self) -> Orden {
        let evento = self.evento().await;
        assert_eq!(evento.ordenes.len(), 1, "{evento:?}");
        evento.ordenes[0]
    }

    pub async fn informar(&mut self, orden: &Orden, desenlace: Desenlace) {
        let resultado = ResultadoInforme { id: orden.id, huella: orden.huella, intento: orden.intento, desenlace };
        self.informar_lista(vec![resultado]).await;
    }

    pub async fn aplicar(&mut self, orden: &Orden) {
        self.informar(orden, Desenlace::Decidida(aplicada(orden))).await;
    }

    /// Informa con un desenlace escrito a mano.
    pub async fn informar_raro(&mut self, orden: &Orden, desenlace: &str) {
        let resultado = ResultadoInforme {
            id: orden.id,
            huella: orden.huella,
            intento: orden.intento,
            desenlace: Desenlace::SinAlmacenamiento,
        };
        let informe = Informe { actor: self.instancia.clone(), resultados: vec![resultado], circuitos: Vec::new() };
        let informe = String::from_utf8(mensajes::codificar(&informe)).expect("UTF-8");
        let informe = informe.replace(r#""sin_almacenamiento""#, desenlace);
        pronto("informar", self.informes.send(&[b"", informe.as_bytes()])).await.expect("enviado");
    }

    async fn informar_lista(&mut self, resultados: Vec<ResultadoInforme>) {
        self.enviar(Informe { actor: self.instancia.clone(), resultados, circuitos: Vec::new() }).await;
    }

    /// Cuenta sus circuitos.
    pub async fn contar(&mut self, circuitos: Vec<Circuito>) {
        self.enviar(Informe { actor: self.instancia.clone(), resultados: Vec::new(), circuitos }).await;
    }

    async fn enviar(&mut self, informe: Informe) {
        let informe = mensajes::codificar(&informe);
        pronto("informar", self.informes.send(&[b"", &informe])).await.expect("enviado");
    }

    /// Aplica todo lo que le llegue, hasta que se suelte el asa.
    pub fn aplicar_todo(mut self) -> TareaDePrueba {
        TareaDePrueba(tokio::spawn(async move {
            loop {
                let evento = self.sub.recv().await.expect("recibido");
                let evento: Evento = mensajes::descifrar(&evento[1]).expect("un evento");
                let resultado = |orden: &Orden| ResultadoInforme {
                    id: orden.id,
                    huella: orden.huella,
                    intento: orden.intento,
                    desenlace: Desenlace::Decidida(aplicada(orden)),
                };
                self.informar_lista(evento.ordenes.iter().map(resultado).collect()).await;
            }
        }))
    }
}

/// Una tarea que termina con su asa.
pub struct TareaDePrueba(JoinHandle<()>);

impl Drop for TareaDePrueba {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// En qué deja a una operación con la que se le pide terminar.
pub fn terminada(cierre: &Cierre) -> RespuestaGuardada {
    let (estado, codigo) = match &cierre.fin {
        Fin::Anular(codigo) => (Estado::Error, *codigo),
        Fin::Apartar(_) => (Estado::Pendiente, Codigo::EnRevision),
    };
    let datos = match &cierre.fin {
        Fin::Anular(_) => json!({}),
        Fin::Apartar(expediente) => json!({"motivo": expediente.motivo, "historia": expediente.historia}),
    };
    let orden = &cierre.orden;
    Respuesta::new(Some(orden.id.uuid()), estado, codigo, orden.aceptada.fecha()).con_datos(datos).guardada()
}

/// Se termina con todas como se pidió.
pub fn terminadas(cierres: &[Cierre]) -> CuerpoResultado {
    escritas(cierres, |cierre| (cierre.orden, terminada(cierre)))
}

fn escritas<T>(lista: &[T], una: impl Fn(&T) -> (Orden, RespuestaGuardada)) -> CuerpoResultado {
    let escrita = |cosa: &T| {
        let (Orden { id, huella, .. }, respuesta) = una(cosa);
        ResultadoEscritura { id, huella, desenlace: Desenlace::Decidida(respuesta) }
    };
    CuerpoResultado::Escritas(lista.iter().map(escrita).collect())
}

/// Un almacenamiento que contesta a todo lo que pide un cliente.
pub fn almacen(sitio: &Sitio) -> TareaDePrueba {
    almacen_que(sitio, a_los_clientes)
}

/// Un almacenamiento que contesta lo que la prueba le diga.
pub fn almacen_que(
    sitio: &Sitio,
    contestar: impl Fn(CuerpoPeticion) -> CuerpoResultado + Send + 'static,
) -> TareaDePrueba {
    let mut router = Contexto::new().router(&local(sitio.almacen)).expect("router");
    TareaDePrueba(tokio::spawn(async move {
        loop {
            let cuadros = router.recv().await.expect("recibido");
            let peticion: Peticion = mensajes::descifrar(&cuadros[2]).expect("una petición");
            let cuerpo = contestar(peticion.cuerpo);
            let resultado = mensajes::codificar(&Resultado { peticion: peticion.peticion, cuerpo });
            // Un cliente que ya no está no molesta.
            let _ = router.try_send(&[&cuadros[0], b"", &resultado]);
        }
    }))
}

fn a_los_clientes(cuerpo: CuerpoPeticion) -> CuerpoResultado {
    match cuerpo {
        CuerpoPeticion::Salud => CuerpoResultado::Sano,
        CuerpoPeticion::Consultar(consulta) => {
            let respuesta = Respuesta::new(None, Estado::Aplicada, Codigo::Ok, chrono::DateTime::UNIX_EPOCH);
            let respuesta = respuesta.con_mensaje(consulta.nombre());
            CuerpoResultado::Consultada(match consulta {
                Consulta::Ejemplar(ejemplar) => respuesta.con_datos(DatosEjemplar::de(ejemplar)).guardada(),
                _ => respuesta.guardada(),
            })
        }
        CuerpoPeticion::Escribir(ordenes) => escritas(&ordenes, |orden| {
            assert_eq!(orden.comando.tipo(), Tipo::Renovacion, "lo demás va por actores");
            (*orden, aplicada(orden))
        }),
        CuerpoPeticion::Terminar(cierres) => terminadas(&cierres),
        CuerpoPeticion::Administrar(_) => CuerpoResultado::Administrada(Administrada::Cuentas(Vec::new())),
    }
}

/// La respuesta entera a una petición HTTP: cabecera y cuerpo.
pub fn pedir_http(puerto: u16, metodo: &str, ruta: &str, cabeceras: &str, cuerpo: &str) -> String {
    let mut conexion = TcpStream::connect(("127.0.0.1", puerto)).expect("conecta");
    conexion.set_read_timeout(Some(PACIENCIA)).expect("plazo");
    let largo = cuerpo.len();
    let texto = format!(
        "{metodo} {ruta} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {largo}\r\n{cabeceras}\r\n{cuerpo}"
    );
    conexion.write_all(texto.as_bytes()).expect("escribe");
    let mut respuesta = String::new();
    conexion.read_to_string(&mut respuesta).expect("lee");
    respuesta
}

/// Repite una pregunta hasta que la respuesta valga; cada vez es un viaje de ida y vuelta, no una pausa a ciegas.
pub async fn hasta_que(
    cliente: &mut Cliente,
    solicitud: &Value,
    vale: impl Fn(&Respuesta) -> bool,
) -> (Respuesta, Duration) {
    let desde = Instant::now();
    let insiste = async {
        loop {
            let respuesta = cliente.pedir(solicitud).await;
            if vale(&respuesta) {
                return respuesta;
            }
        }
    };
    let respuesta = pronto("la respuesta que vale", insiste).await;
    (respuesta, desde.elapsed())
}
