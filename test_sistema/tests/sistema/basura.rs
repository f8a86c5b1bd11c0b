//! Basura en todos los puertos: quien pide bien no lo nota.

use std::{
    io::Write,
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anaquel::plano::NOMBRES;
use common::{
    mensajes::MENSAJE_BYTES_MAX,
    transport::{Contexto, Endpoint, Socket},
};
use test_sistema::{azar::Azar, http::metrica};
use tokio::time::timeout;

use crate::banco::{Banco, PLAZO, con_suite};

/// Lo que se espera a que un envío de basura salga: a quien ya cortó no hay que esperarlo.
const SALIR_MAX: Duration = Duration::from_millis(300);

#[test]
fn la_basura_en_todos_los_puertos_no_la_nota_quien_pide_bien() {
    con_suite(async |banco| {
        let pids: Vec<u32> = NOMBRES.iter().map(|n| banco.suite.pid(n).expect("está en marcha")).collect();
        let carga = banco.cargar(16).await;
        let mut azar = Azar::con_semilla(3);
        for (direccion, habla_zeromq) in puertos(banco) {
            tcp_crudo(direccion, &mut azar);
            let endpoint: Endpoint = direccion.to_string().parse().expect("una dirección");
            // Por HTTP no saldría ninguno: con uno se sabe.
            for cuadros in mensajes(&mut azar).iter().take(if habla_zeromq { usize::MAX } else { 1 }) {
                // Un zócalo por mensaje: si el otro lado corta, no se lleva a los demás por delante.
                let dealer = Contexto::nuevo().dealer(&endpoint).expect("un zócalo");
                soltar(dealer, cuadros).await;
            }
            assert!(carga.esperar_exitos(20, PLAZO, |_| true).await, "con basura en {direccion} no se trabaja");
        }
        for (nombre, pid) in NOMBRES.iter().zip(pids) {
            assert_eq!(banco.suite.pid(nombre).expect("sigue en marcha"), pid, "{nombre} murió");
        }
        for nombre in ["gestor_carga", "gestor_almacenamiento", "backup_almacen"] {
            let pagina = banco.suite.metricas(nombre).await.expect("contesta");
            let descartados = metrica(&pagina, "anaquel_mensajes_descartados_total", &[]).unwrap_or(0.0);
            assert!(descartados > 0.0, "{nombre} no contó la basura");
        }
        banco.auditar(carga).await;
    });
}

/// Todas las direcciones en que la suite escucha, y si ahí se habla ZeroMQ.
fn puertos(banco: &Banco) -> Vec<(SocketAddr, bool)> {
    let servicios = banco.suite.servicios();
    servicios.into_iter().flat_map(|s| s.zocalos.into_iter().map(|z| (z, true)).chain([(s.http, false)])).collect()
}

/// Conexiones que no hablan ZeroMQ ni HTTP: mudas, a medias, con ruido, que se van.
fn tcp_crudo(direccion: SocketAddr, azar: &mut Azar) {
    for largo in [0, 1, 10, 64, 4096] {
        let mut conexion = TcpStream::connect(direccion).expect("escucha");
        let ruido: Vec<u8> = (0..largo).map(|_| azar.siguiente().to_le_bytes()[0]).collect();
        // Que corte a mitad es su derecho.
        let _ = conexion.write_all(&ruido);
        let _ = conexion.write_all(b"GET / HTTP/9.9\r\n\r\n\xff\xfe");
    }
}

/// Mensajes que se entregan enteros y no significan nada.
fn mensajes(azar: &mut Azar) -> Vec<Vec<Vec<u8>>> {
    let ruido: Vec<u8> = (0..2_000).map(|_| azar.siguiente().to_le_bytes()[0]).collect();
    let vacio = Vec::new();
    let peticion = |cuerpo: &str| format!(r#"{{"peticion":1,"plazo_ms":3000,"cuerpo":{cuerpo}}}"#).into_bytes();
    vec![
        vec![vacio.clone()],
        vec![vacio.clone(), vacio.clone()],
        vec![ruido.clone()],
        vec![vacio.clone(), ruido.clone()],
        vec![ruido.clone(); 7],
        vec![b"x".to_vec(); 40],
        vec![vacio.clone(), b"{".to_vec()],
        vec![vacio.clone(), b"[]".to_vec()],
        vec![vacio.clone(), b"null".to_vec()],
        vec![vacio.clone(), br#"{"operacion":{"a":[1]},"id":7}"#.to_vec()],
        vec![vacio.clone(), peticion(r#"{"escribir":[{"id":"x"}]}"#)],
        vec![vacio.clone(), peticion(r#"{"escribir":[]}"#)],
        vec![vacio.clone(), br#"{"actor":"nadie","resultados":[]}"#.to_vec()],
        vec![vacio.clone(), vec![b'['; 60_000]],
        vec![vacio.clone(), vec![b' '; MENSAJE_BYTES_MAX + 1]],
        // Para el XPUB: suscripciones sin sentido.
        vec![b"\x01prestamo|".to_vec()],
        vec![b"\x01\xff\xfe|\x00".to_vec()],
        vec![b"\x00nadie".to_vec()],
    ]
}

/// Envía si se puede, y se va sin esperar respuesta.
async fn soltar(mut dealer: Socket, cuadros: &[Vec<u8>]) {
    let cuadros: Vec<&[u8]> = cuadros.iter().map(Vec::as_slice).collect();
    // A un puerto que no habla ZeroMQ no sale nunca.
    let _ = timeout(SALIR_MAX, dealer.send(&cuadros)).await;
}
