//! El zócalo: los clientes más sencillos, lo que sobra, la presencia y los despertares.

use super::{a_tiempo, direccion_libre};
use crate::transport::{Conexion, Contexto, Frame, Monitor, Socket, socket::CUADROS_MAX, socket::NoEnviado};

fn textos(cuadros: &[Frame]) -> Vec<&[u8]> {
    cuadros.iter().map(|cuadro| &cuadro[..]).collect()
}

async fn conexion(monitor: &mut Monitor) -> Conexion {
    a_tiempo(std::future::poll_fn(|cx| monitor.poll_conexion(cx))).await.expect("el monitor vive")
}

#[tokio::test]
async fn un_cliente_con_un_req_corriente_es_servido() {
    let contexto = Contexto::new();
    let direccion = direccion_libre();
    let mut router = contexto.router_publico(&direccion).expect("escucha");
    let cliente = std::thread::spawn(move || {
        let req = zmq::Context::new().socket(zmq::REQ).expect("zócalo");
        req.set_rcvtimeo(20_000).expect("opción");
        req.connect(&direccion.tcp()).expect("conecta");
        req.send("hola", 0).expect("envía");
        req.recv_string(0).expect("recibe").expect("UTF-8")
    });
    let pedido = a_tiempo(router.recv()).await.expect("recibe");
    let mut cuadros = textos(&pedido);
    assert_eq!(&cuadros[1..], [b"", b"hola".as_slice()]);
    *cuadros.last_mut().expect("hay cuerpo") = b"adios";
    router.try_send(&cuadros).expect("responde");
    assert_eq!(cliente.join().expect("el cliente termina"), "adios");
}

#[tokio::test]
async fn un_mensaje_con_demasiados_cuadros_se_descarta_entero_y_el_siguiente_llega() {
    let contexto = Contexto::new();
    let direccion = direccion_libre();
    let mut router = contexto.router(&direccion).expect("escucha");
    let mut dealer = contexto.dealer(&direccion).expect("conecta");
    let con_identidad_sobran = [b"x".as_slice(); CUADROS_MAX];
    a_tiempo(dealer.send(&con_identidad_sobran)).await.expect("envía");
    a_tiempo(dealer.send(&con_identidad_sobran[1..])).await.expect("envía");
    let recibido = a_tiempo(router.recv()).await.expect("recibe");
    assert_eq!(recibido.len(), CUADROS_MAX);
}

#[tokio::test]
async fn responder_a_quien_ya_no_esta_se_dice() {
    let contexto = Contexto::new();
    let mut router = contexto.router(&direccion_libre()).expect("escucha");
    assert_eq!(router.try_send(&[b"nadie", b"", b"hola"]), Err(NoEnviado::Ausente));
}

#[tokio::test]
async fn un_actor_se_anuncia_al_suscribirse_y_se_despide_al_irse() {
    let direccion = direccion_libre();
    let mut xpub = Contexto::new().xpub(&direccion).expect("escucha");
    let sub = Contexto::new().sub(&direccion).expect("conecta");
    sub.suscribir("prestamo|a1").expect("se suscribe");
    let alta = a_tiempo(xpub.recv()).await.expect("recibe");
    assert_eq!(textos(&alta), [b"\x01prestamo|a1"]);
    drop(sub);
    let baja = a_tiempo(xpub.recv()).await.expect("recibe");
    assert_eq!(textos(&baja), [b"\x00prestamo|a1"]);
}

#[tokio::test]
async fn dos_que_se_anuncian_con_el_mismo_nombre_se_anuncian_los_dos() {
    let direccion = direccion_libre();
    let mut xpub = Contexto::new().xpub(&direccion).expect("escucha");
    let subs = [(); 2].map(|()| {
        let sub = Contexto::new().sub(&direccion).expect("conecta");
        sub.suscribir("prestamo").expect("se suscribe");
        sub
    });
    for _ in &subs {
        let alta = a_tiempo(xpub.recv()).await.expect("recibe");
        assert_eq!(textos(&alta), [b"\x01prestamo"]);
    }
}

#[tokio::test]
async fn sin_conexion_un_dealer_no_acepta_y_espera_a_que_la_haya() {
    let contexto = Contexto::new();
    let direccion = direccion_libre();
    let mut dealer = contexto.dealer(&direccion).expect("conecta");
    assert_eq!(dealer.try_send(&[b"", b"hola"]), Err(NoEnviado::Lleno));
    let mut router = contexto.router(&direccion).expect("escucha");
    a_tiempo(dealer.send(&[b"", b"hola"])).await.expect("envía");
    assert_eq!(&textos(&a_tiempo(router.recv()).await.expect("recibe"))[1..], [b"", b"hola".as_slice()]);
}

#[tokio::test]
async fn el_monitor_ve_cada_llegada_y_cada_ida() {
    let direccion = direccion_libre();
    let (dealer, mut monitor) = Contexto::new().dealer_vigilado(&direccion).expect("conecta");
    for _ in 0..3 {
        let router = Contexto::new().router(&direccion).expect("escucha");
        assert_eq!(conexion(&mut monitor).await, Conexion::Abierta);
        drop(router);
        assert_eq!(conexion(&mut monitor).await, Conexion::Perdida);
    }
    drop(dealer);
}

#[tokio::test]
async fn soltar_un_zocalo_vigilado_mientras_muere_su_par_no_detiene_el_contexto() {
    let contexto = Contexto::new();
    for _ in 0..100 {
        let direccion = direccion_libre();
        let router = Contexto::new().router(&direccion).expect("escucha");
        let mut vigilados: Vec<_> = (0..8).map(|_| contexto.dealer_vigilado(&direccion).expect("conecta")).collect();
        for (_, monitor) in &mut vigilados {
            assert_eq!(conexion(monitor).await, Conexion::Abierta);
        }
        let muerte = std::thread::spawn(move || drop(router));
        drop(vigilados);
        muerte.join().expect("muere");
    }
}

/// El eco de un ROUTER: devuelve cada mensaje a quien lo envió.
async fn eco(mut router: Socket, cuantos: u32) -> Socket {
    for _ in 0..cuantos {
        let cuadros = router.recv().await.expect("recibe");
        router.try_send(&textos(&cuadros)).expect("responde");
    }
    router
}

#[tokio::test]
async fn ningun_despertar_se_pierde_de_uno_en_uno_ni_a_rafagas() {
    const VUELTAS: u32 = 2_000;
    const RAFAGA: u32 = 20;
    let direccion = direccion_libre();
    let router = Contexto::new().router(&direccion).expect("escucha");
    let mut dealer = Contexto::new().dealer(&direccion).expect("conecta");
    let servidor = tokio::spawn(eco(router, VUELTAS * (1 + RAFAGA)));
    a_tiempo(async {
        for vuelta in 0..VUELTAS {
            for cuantos in [1, RAFAGA] {
                for _ in 0..cuantos {
                    dealer.send(&[b"", &vuelta.to_le_bytes()]).await.expect("envía");
                }
                for _ in 0..cuantos {
                    let vuelto = dealer.recv().await.expect("recibe");
                    assert_eq!(textos(&vuelto), [b"", vuelta.to_le_bytes().as_slice()]);
                }
            }
        }
    })
    .await;
    drop(a_tiempo(servidor).await);
}
