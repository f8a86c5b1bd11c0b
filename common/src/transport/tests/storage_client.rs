//! El cliente rotatorio contra endpoints de mentira con zócalos de verdad.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::{sync::mpsc, task::JoinHandle};

use super::{a_tiempo, direccion_libre};
use crate::{
    dominio::{Codigo, Consulta, Estado},
    mensajes::{self, Administrada, CuerpoPeticion, CuerpoResultado, Fallo, Peticion, Respuesta, Resultado},
    resilience::{
        EstadoBreaker, breaker,
        rotation::{Config, SinServicio},
    },
    transport::{Contexto, Endpoint, Entrega, Frame, Socket, StorageClient},
};

/// Qué hace un endpoint con lo que le llega.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Conducta {
    Servir,
    Callar,
    Negarse,
    /// Contesta a la salud, y a lo demás con algo de otra clase.
    Desvariar,
    /// Contesta a la salud, y a lo demás con algo que no es un resultado.
    Ensuciar,
    /// Contesta a la salud, y de lo demás, que no lo entiende.
    NoEntender,
    /// Contesta lo que se le pide y muere en el acto.
    ServirYMorir,
}

/// Un endpoint de mentira. Al soltarlo muere, con sus conexiones.
struct Almacen {
    direccion: Endpoint,
    conducta: Arc<Mutex<Conducta>>,
    /// Lo que recibe, salvo la salud.
    recibido: mpsc::UnboundedReceiver<u64>,
    tarea: JoinHandle<()>,
}

impl Almacen {
    fn en(direccion: &Endpoint, conducta: Conducta) -> Self {
        let router = Contexto::new().router(direccion).expect("escucha");
        let conducta = Arc::new(Mutex::new(conducta));
        let (avisar, recibido) = mpsc::unbounded_channel();
        let tarea = tokio::spawn(atender(router, conducta.clone(), avisar));
        Self { direccion: direccion.clone(), conducta, recibido, tarea }
    }

    fn new(conducta: Conducta) -> Self {
        Self::en(&direccion_libre(), conducta)
    }

    fn ahora(&self, conducta: Conducta) {
        *self.conducta.lock().expect("nadie falla con él") = conducta;
    }

    /// Mata el endpoint y espera a que su zócalo se haya soltado.
    async fn morir(self) -> Endpoint {
        self.tarea.abort();
        let _cancelada = self.tarea.await;
        self.direccion
    }
}

async fn atender(mut router: Socket, conducta: Arc<Mutex<Conducta>>, avisar: mpsc::UnboundedSender<u64>) {
    let mut guardadas: Vec<(Vec<Frame>, Peticion)> = Vec::new();
    loop {
        let cuadros = router.recv().await.expect("recibe");
        let peticion: Peticion = mensajes::descifrar(cuadros.last().expect("hay cuerpo")).expect("petición");
        let conducta = *conducta.lock().expect("nadie falla con él");
        if peticion.cuerpo != CuerpoPeticion::Salud {
            let _nadie_mira = avisar.send(peticion.peticion);
        }
        guardadas.push((cuadros, peticion));
        if conducta == Conducta::Callar {
            continue;
        }
        // Lo callado se contesta, tarde, en cuanto deja de callar.
        for (cuadros, peticion) in guardadas.drain(..) {
            let bytes = contestacion(&peticion, conducta);
            router.try_send(&[&cuadros[0], b"", &bytes]).expect("responde");
        }
        if conducta == Conducta::ServirYMorir {
            return;
        }
    }
}

fn contestacion(peticion: &Peticion, conducta: Conducta) -> Vec<u8> {
    let servida = match &peticion.cuerpo {
        CuerpoPeticion::Salud => CuerpoResultado::Sano,
        CuerpoPeticion::Escribir(_) | CuerpoPeticion::Terminar(_) => CuerpoResultado::Escritas(Vec::new()),
        CuerpoPeticion::Administrar(_) => CuerpoResultado::Administrada(Administrada::NoExiste),
        CuerpoPeticion::Consultar(_) => CuerpoResultado::Consultada(
            Respuesta::new(None, Estado::Aplicada, Codigo::Ok, chrono::DateTime::UNIX_EPOCH).guardada(),
        ),
    };
    let de_salud = peticion.cuerpo == CuerpoPeticion::Salud;
    let cuerpo = match conducta {
        Conducta::Negarse => CuerpoResultado::Fallo(Fallo { nada_hecho: true, motivo: "sin base".into() }),
        Conducta::NoEntender if !de_salud => CuerpoResultado::NoEntendida { motivo: "de otra versión".into() },
        Conducta::Desvariar if !de_salud => CuerpoResultado::Sano,
        Conducta::Ensuciar if !de_salud => return b"{\"peticion\":".to_vec(),
        _ => servida,
    };
    mensajes::codificar(&Resultado { peticion: peticion.peticion, cuerpo })
}

/// Los plazos de siempre, acortados para no esperar.
fn config() -> Config {
    Config { plazo: Duration::from_secs(10), cada_salud: Duration::from_millis(20), ..Config::default() }
}

fn cliente(direcciones: &[&Endpoint], config: Config) -> StorageClient {
    let direcciones: Vec<_> = direcciones.iter().map(|d| (*d).clone()).collect();
    StorageClient::con_config(&Contexto::new(), &direcciones, config).expect("conecta")
}

/// Un cliente con dos endpoints sanos, que está en el primero: el segundo nace cuando ya se le echa en falta.
async fn dos_endpoints(config: Config) -> (Almacen, Almacen, StorageClient) {
    let (mut a, direccion_b) = (Almacen::new(Conducta::Servir), direccion_libre());
    let mut cliente = cliente(&[&a.direccion, &direccion_b], config);
    servida_al_fin(&mut cliente).await;
    hasta_que(&mut cliente, &[EstadoBreaker::Cerrado, EstadoBreaker::Abierto]).await;
    let b = Almacen::en(&direccion_b, Conducta::Servir);
    hasta_que(&mut cliente, &[EstadoBreaker::Cerrado; 2]).await;
    while a.recibido.try_recv().is_ok() {}
    (a, b, cliente)
}

fn consulta() -> CuerpoPeticion {
    CuerpoPeticion::Consultar(Consulta::Ejemplar("E000001".parse().expect("ejemplar")))
}

/// Llama hasta que alguien sirve: al arrancar aún no hay conexiones.
async fn servida_al_fin(cliente: &mut StorageClient) {
    a_tiempo(async {
        loop {
            cliente.llamar(0, consulta());
            if cliente.siguiente().await.resultado.is_ok() {
                return;
            }
            // Sin servicio: deja que el cliente atienda sus conexiones, y otra vez.
            let _sin_llamadas = tokio::time::timeout(Duration::from_millis(5), cliente.siguiente()).await;
        }
    })
    .await;
}

/// Atiende al cliente, sin llamadas, hasta que sus breakers estén como se dice.
async fn hasta_que(cliente: &mut StorageClient, esperados: &[EstadoBreaker]) {
    a_tiempo(async {
        while cliente.estados().iter().map(|(_, estado)| *estado).collect::<Vec<_>>() != esperados {
            let _sin_llamadas = tokio::time::timeout(Duration::from_millis(5), cliente.siguiente()).await;
        }
    })
    .await;
}

async fn siguiente(cliente: &mut StorageClient) -> Entrega {
    a_tiempo(cliente.siguiente()).await
}

/// Atiende al cliente hasta que el endpoint ha recibido `cuantas` llamadas.
async fn recibidas(cliente: &mut StorageClient, almacen: &mut Almacen, cuantas: usize) {
    a_tiempo(async {
        for _ in 0..cuantas {
            tokio::select! {
                entrega = cliente.siguiente() => panic!("nadie ha contestado: {entrega:?}"),
                numero = almacen.recibido.recv() => assert!(numero.is_some()),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn al_morir_el_endpoint_en_uso_todo_lo_que_estaba_alli_lo_sirve_el_otro_en_seguida() {
    let (mut a, _b, mut cliente) = dos_endpoints(config()).await;
    a.ahora(Conducta::Callar);
    for tag in 1..=100 {
        cliente.llamar(tag, consulta());
    }
    recibidas(&mut cliente, &mut a, 100).await;
    a.morir().await;
    let muerte = Instant::now();
    let mut finales: HashMap<u64, u32> = HashMap::new();
    for _ in 0..100 {
        let entrega = siguiente(&mut cliente).await;
        assert!(entrega.resultado.is_ok());
        *finales.entry(entrega.tag).or_default() += 1;
    }
    let pausa = muerte.elapsed();
    println!("pausa al morir el punto en uso: {pausa:?}");
    assert!(pausa < Duration::from_millis(500), "{pausa:?}");
    assert!(finales.len() == 100 && finales.values().all(|veces| *veces == 1));
    hasta_que(&mut cliente, &[EstadoBreaker::Abierto, EstadoBreaker::Cerrado]).await;
}

#[tokio::test]
async fn si_un_endpoint_contesta_y_muere_en_el_acto_la_llamada_acaba_bien_y_una_vez() {
    let (a, _b, mut cliente) = dos_endpoints(config()).await;
    a.ahora(Conducta::ServirYMorir);
    cliente.llamar(1, consulta());
    let Almacen { tarea, .. } = a;
    a_tiempo(tarea).await.expect("contesta y muere");
    let entrega = siguiente(&mut cliente).await;
    assert!(entrega.tag == 1 && entrega.resultado.is_ok());
    // Una segunda entrega llegaría antes que la de esta llamada.
    cliente.llamar(2, consulta());
    assert_eq!(siguiente(&mut cliente).await.tag, 2);
}

#[tokio::test]
async fn sin_respuesta_a_tiempo_contesta_el_otro() {
    let (a, _b, mut cliente) = dos_endpoints(Config { plazo: Duration::from_millis(150), ..config() }).await;
    a.ahora(Conducta::Callar);
    let inicio = Instant::now();
    cliente.llamar(1, consulta());
    assert!(siguiente(&mut cliente).await.resultado.is_ok());
    assert!(inicio.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn la_respuesta_tardia_de_un_intento_que_vencio_se_entrega() {
    let (mut a, mut b, mut cliente) = dos_endpoints(Config { plazo: Duration::from_secs(1), ..config() }).await;
    a.ahora(Conducta::Callar);
    b.ahora(Conducta::Callar);
    cliente.llamar(1, consulta());
    recibidas(&mut cliente, &mut a, 1).await;
    recibidas(&mut cliente, &mut b, 1).await;
    // La sonda de salud del que venció hace de campana: al llegar, contesta también lo que calló.
    a.ahora(Conducta::Servir);
    let entrega = siguiente(&mut cliente).await;
    assert!(entrega.tag == 1 && entrega.resultado.is_ok());
}

#[tokio::test]
async fn si_nadie_escucha_se_dice_en_seguida_que_nada_se_envio() {
    let direcciones = [direccion_libre(), direccion_libre()];
    let mut cliente = StorageClient::conectar(&Contexto::new(), &direcciones).expect("conecta");
    let inicio = Instant::now();
    for tag in 0..100 {
        cliente.llamar(tag, consulta());
        let entrega = siguiente(&mut cliente).await;
        assert_eq!(entrega.tag, tag);
        assert_eq!(entrega.resultado.expect_err("nadie"), SinServicio::NadaHecho);
    }
    assert!(inicio.elapsed() < Duration::from_millis(500), "{:?}", inicio.elapsed());
}

#[tokio::test]
async fn si_todos_se_niegan_nada_se_hizo_y_la_buena_salud_los_cierra_solos() {
    let (a, b, mut cliente) = dos_endpoints(config()).await;
    a.ahora(Conducta::Negarse);
    b.ahora(Conducta::Negarse);
    cliente.llamar(1, consulta());
    let entrega = siguiente(&mut cliente).await;
    assert_eq!(entrega.resultado.expect_err("se niegan"), SinServicio::NadaHecho);
    hasta_que(&mut cliente, &[EstadoBreaker::Abierto; 2]).await;
    let inicio = Instant::now();
    a.ahora(Conducta::Servir);
    b.ahora(Conducta::Servir);
    hasta_que(&mut cliente, &[EstadoBreaker::Cerrado; 2]).await;
    assert!(inicio.elapsed() < breaker::Config::default().cooldown, "no hizo falta esperar la apertura");
    cliente.llamar(2, consulta());
    assert!(siguiente(&mut cliente).await.resultado.is_ok());
}

#[tokio::test]
async fn si_muere_el_unico_endpoint_queda_la_duda_y_al_volver_se_sirve_otra_vez() {
    let mut a = Almacen::new(Conducta::Servir);
    let mut cliente = cliente(&[&a.direccion], config());
    servida_al_fin(&mut cliente).await;
    while a.recibido.try_recv().is_ok() {}
    a.ahora(Conducta::Callar);
    cliente.llamar(1, consulta());
    recibidas(&mut cliente, &mut a, 1).await;
    let direccion = a.morir().await;
    let entrega = siguiente(&mut cliente).await;
    assert_eq!(entrega.resultado.expect_err("murió"), SinServicio::EnElAire);
    hasta_que(&mut cliente, &[EstadoBreaker::Abierto]).await;
    let _de_vuelta = Almacen::en(&direccion, Conducta::Servir);
    let vuelta = Instant::now();
    servida_al_fin(&mut cliente).await;
    println!("servicio {:?} después de volver el único punto", vuelta.elapsed());
    hasta_que(&mut cliente, &[EstadoBreaker::Cerrado]).await;
}

#[tokio::test]
async fn lo_que_no_es_una_respuesta_cuenta_como_fallo_y_contesta_el_otro() {
    for conducta in [Conducta::Desvariar, Conducta::Ensuciar] {
        let (a, _b, mut cliente) = dos_endpoints(Config { plazo: Duration::from_secs(1), ..config() }).await;
        a.ahora(conducta);
        for tag in 1..=3 {
            cliente.llamar(tag, consulta());
            let entrega = siguiente(&mut cliente).await;
            assert!(matches!(entrega.resultado, Ok(CuerpoResultado::Consultada(_))));
        }
    }
}

#[tokio::test]
async fn una_escritura_recibe_su_contestacion_y_cancelar_la_espera_no_pierde_nada() {
    let a = Almacen::new(Conducta::Servir);
    let mut cliente = cliente(&[&a.direccion], config());
    servida_al_fin(&mut cliente).await;
    for tag in 1..=200 {
        cliente.llamar(tag, CuerpoPeticion::Escribir(Vec::new()));
    }
    let mut vistos = Vec::new();
    while vistos.len() < 200 {
        tokio::select! {
            biased;
            () = tokio::task::yield_now() => {}
            entrega = cliente.siguiente() => {
                assert!(matches!(entrega.resultado, Ok(CuerpoResultado::Escritas(_))));
                vistos.push(entrega.tag);
            }
        }
    }
    vistos.sort_unstable();
    assert_eq!(vistos, (1..=200).collect::<Vec<_>>());
}

#[tokio::test]
async fn lo_que_un_endpoint_dice_que_no_entiende_lo_sirve_el_otro_en_seguida_y_los_circuitos_siguen_cerrados() {
    let (mut a, b, mut cliente) = dos_endpoints(config()).await;
    a.ahora(Conducta::NoEntender);
    let inicio = Instant::now();
    for tag in 1..=10 {
        cliente.llamar(tag, consulta());
        let entrega = siguiente(&mut cliente).await;
        assert!(entrega.tag == tag && entrega.resultado.is_ok());
        assert!(a.recibido.try_recv().is_ok(), "se sigue preguntando primero a quien sirve a los demás");
    }
    b.ahora(Conducta::NoEntender);
    cliente.llamar(11, consulta());
    assert_eq!(siguiente(&mut cliente).await.resultado.expect_err("nadie"), SinServicio::NoEntendida);
    assert!(inicio.elapsed() < Duration::from_secs(1), "{:?}", inicio.elapsed());
    let estados: Vec<_> = cliente.estados().into_iter().map(|(_, estado)| estado).collect();
    assert_eq!(estados, [EstadoBreaker::Cerrado; 2]);
}
