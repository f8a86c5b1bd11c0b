//! El cliente ante gestores de mentira, con zócalos de verdad: a quien calla o muere lo sustituye otro, con el mismo id.

use std::{collections::HashMap, time::Duration};

use tokio::{sync::mpsc, task::JoinHandle, time::Instant};
use uuid::Uuid;

use super::{a_tiempo, direccion_libre};
use crate::{
    mensajes::{Pedido, Solicitud},
    transport::{
        Cliente, Contexto, Endpoint,
        cliente::{Paciencia, SinRespuesta},
    },
};

/// Lo que hace un gestor de mentira con cada solicitud.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trato {
    Contesta,
    Calla,
}

/// Un gestor de mentira: dice por `oidas` qué id le pidieron, y contesta «yo» y el número de efectos que llevaba hechos.
/// Al soltar su tarea muere, y su zócalo con él.
fn gestor(endpoint: &Endpoint, trato: Trato, oidas: mpsc::UnboundedSender<Uuid>) -> JoinHandle<()> {
    let mut router = Contexto::new().router(endpoint).expect("escucha");
    tokio::spawn(async move {
        let mut efectos = HashMap::new();
        loop {
            let cuadros = router.recv().await.expect("recibe");
            let solicitud = Solicitud::leer(cuadros.last().expect("hay cuerpo")).expect("es una solicitud");
            let id = solicitud.id.expect("lleva id");
            *efectos.entry(id).or_insert(0_u32) += 1;
            oidas.send(id).expect("hay quien oiga");
            if trato == Trato::Contesta {
                let respuesta = format!("{id} {}", efectos.len());
                let sobre = cuadros[..cuadros.len() - 1].iter().map(|cuadro| &cuadro[..]);
                router.try_send(&sobre.chain([respuesta.as_bytes()]).collect::<Vec<_>>()).expect("sigue ahí");
            }
        }
    })
}

fn salud() -> (Uuid, Vec<u8>) {
    let id = Uuid::now_v7();
    (id, Solicitud::new(id, Pedido::Salud).escribir())
}

fn paciencia(ms: u64) -> Paciencia {
    let espera = Duration::from_millis(ms);
    Paciencia { primero: espera, repetido: espera, total: espera }
}

#[tokio::test]
async fn lo_que_un_gestor_calla_lo_contesta_otro_con_el_mismo_id() {
    let (mudo, vivo) = (direccion_libre(), direccion_libre());
    let (oidas_mudo, mut del_mudo) = mpsc::unbounded_channel();
    let (oidas_vivo, mut del_vivo) = mpsc::unbounded_channel();
    gestor(&mudo, Trato::Calla, oidas_mudo);
    let mut cliente = Cliente::conectar(&Contexto::new(), &[mudo, vivo.clone()]).expect("conecta");
    let (id, cuerpo) = salud();
    let respondido = async {
        // El segundo llega cuando el primero ya tiene la solicitud.
        assert_eq!(a_tiempo(del_mudo.recv()).await, Some(id));
        gestor(&vivo, Trato::Contesta, oidas_vivo);
    };
    let (contestacion, ()) = tokio::join!(cliente.pedir(&cuerpo, paciencia(6_000)), respondido);
    let contestacion = contestacion.expect("el otro contesta");
    assert_eq!(contestacion.cuerpo, format!("{id} 1").as_bytes(), "un solo efecto");
    assert_eq!((contestacion.envios, del_vivo.recv().await), (2, Some(id)));
    let (otro_id, cuerpo) = salud();
    let otra = cliente.pedir(&cuerpo, paciencia(6_000)).await.expect("el otro contesta");
    assert_eq!((otra.cuerpo, otra.envios), (format!("{otro_id} 2").into_bytes(), 1), "se queda en quien contesta");
}

#[tokio::test]
async fn a_un_gestor_que_muere_con_la_solicitud_lo_sustituye_otro_sin_esperar_su_plazo() {
    let (mortal, vivo) = (direccion_libre(), direccion_libre());
    let (oidas, mut del_mortal) = mpsc::unbounded_channel();
    let (oidas_vivo, _del_vivo) = mpsc::unbounded_channel();
    let muere = gestor(&mortal, Trato::Calla, oidas);
    let mut cliente = Cliente::conectar(&Contexto::new(), &[mortal, vivo.clone()]).expect("conecta");
    let (id, cuerpo) = salud();
    let desde = Instant::now();
    let relevo = async {
        assert_eq!(a_tiempo(del_mortal.recv()).await, Some(id));
        muere.abort();
        gestor(&vivo, Trato::Contesta, oidas_vivo);
    };
    let (contestacion, ()) = tokio::join!(cliente.pedir(&cuerpo, paciencia(40_000)), relevo);
    assert_eq!(contestacion.expect("el otro contesta").cuerpo, format!("{id} 1").as_bytes());
    assert!(desde.elapsed() < Duration::from_secs(10), "no esperó su parte del plazo: {:?}", desde.elapsed());
}

#[tokio::test]
async fn si_nadie_contesta_se_dice_en_el_plazo_a_quienes_se_pidio_y_con_que_ajuste_se_cambia() {
    let (mudo, ausente) = (direccion_libre(), direccion_libre());
    let contexto = Contexto::new();
    let desde = Instant::now();
    let mut cliente = Cliente::conectar(&contexto, &[mudo.clone(), ausente.clone()]).expect("conecta");
    let error = cliente.pedir(&salud().1, paciencia(200)).await.expect_err("no hay nadie");
    assert_eq!(error, SinRespuesta::SinConexion(vec![mudo.clone(), ausente.clone()]));
    let (oidas, mut del_mudo) = mpsc::unbounded_channel();
    gestor(&mudo, Trato::Calla, oidas);
    let callado = cliente.pedir(&salud().1, paciencia(2_000)).await.expect_err("nadie contesta");
    assert!(del_mudo.recv().await.is_some());
    for texto in [error.to_string(), callado.to_string()] {
        assert!([&mudo, &ausente].iter().all(|e| texto.contains(&e.to_string())), "{texto}");
        assert!(texto.contains("GESTOR_CARGA_ENDPOINTS"), "{texto}");
    }
    assert!(desde.elapsed() < Duration::from_secs(10), "{:?}", desde.elapsed());
    let uno = Cliente::conectar(&contexto, ausente.as_ref()).expect("conecta").pedir(&salud().1, paciencia(50)).await;
    let texto = uno.expect_err("no hay nadie").to_string();
    assert!(texto.contains("GESTOR_CARGA_HOST y GESTOR_CARGA_PORT"), "{texto}");
}
