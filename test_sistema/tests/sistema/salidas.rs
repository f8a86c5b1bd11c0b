//! Cómo se va cada proceso cuando se le pide, y quién más puede hablar con la suite.

use std::process::{Command, Stdio};

use anaquel::plano::NOMBRES;
use common::transport::Contexto;
use serde_json::{Value, json};
use taller::funcional::{self, Libreta};
use tokio::time::timeout;

use crate::banco::{Banco, PLAZO, con_suite};

#[test]
fn cada_servicio_sale_con_cero_al_recibir_sigterm_bajo_carga_y_nadie_lo_nota() {
    con_suite(async |banco| {
        let carga = banco.cargar(16).await;
        for nombre in NOMBRES.into_iter().filter(|n| *n != "postgres") {
            assert!(carga.esperar_exitos(50, PLAZO, |_| true).await, "antes de parar {nombre} ya no se trabajaba");
            let pid = banco.suite.pid(nombre).expect("está en marcha");
            banco.suite.parar(nombre).await.expect("se para");
            let lanzador = std::fs::read_to_string(banco.suite.plano().var().join("anaquel.log")).expect("su registro");
            let paro = format!("{nombre} paró (pid {pid}, exit status: 0)");
            assert!(lanzador.contains(&paro), "{nombre} no salió con 0");
            banco.suite.iniciar(nombre).await.expect("arranca");
            banco.suite.esperar_vuelta(nombre, pid, PLAZO).await.expect("está listo");
        }
        banco.auditar(carga).await;
    });
}

#[test]
fn la_prueba_funcional_sale_verde_y_un_cliente_de_python_con_un_req_tambien_se_atiende() {
    con_suite(async |banco| {
        let resumen = funcional::correr(banco.endpoint().as_ref(), &mut Libreta::callada()).await.expect("hay suite");
        assert!(resumen.verde() && resumen.bien > 80, "{:#?}", resumen.mal);
        let disponible = banco.base.disponible().await.expect("la base contesta");
        let (isbn, usuario) = (disponible.ejemplares[0].1, disponible.usuarios[0]);
        for operacion in ["prestamo", "renovacion", "devolucion"] {
            let solicitud = json!({"operacion": operacion, "isbn": isbn, "usuario": usuario});
            let respuesta = pedir_con_req(banco, &solicitud).await;
            assert_eq!(respuesta["estado"], "aplicada", "{respuesta}");
        }
    });
}

const GUION: &str = "\
import json, sys, zmq
s = zmq.Context().socket(zmq.REQ)
s.setsockopt(zmq.RCVTIMEO, 10000)
s.connect(sys.argv[1])
s.send_json(json.loads(sys.argv[2]))
print(json.dumps(s.recv_json()))
";

/// Con pyzmq si está en esta máquina; si no, con los mismos cuadros que pone un REQ (RFC 28 de ZeroMQ).
async fn pedir_con_req(banco: &Banco, solicitud: &Value) -> Value {
    let endpoint = banco.endpoint();
    if let Some(python) = con_pyzmq() {
        let mut orden = Command::new(python);
        orden.args(["-c", GUION, &endpoint.tcp(), &solicitud.to_string()]).stdin(Stdio::null());
        let salida = tokio::task::spawn_blocking(move || orden.output()).await.expect("acaba").expect("se lanza");
        assert!(salida.status.success(), "{}", String::from_utf8_lossy(&salida.stderr));
        return serde_json::from_slice(&salida.stdout).expect("json");
    }
    let mut req = Contexto::new().dealer(&endpoint).expect("un zócalo");
    req.send(&[b"", solicitud.to_string().as_bytes()]).await.expect("sale");
    let cuadros = timeout(PLAZO, req.recv()).await.expect("a tiempo").expect("llega");
    assert!(cuadros.len() == 2 && cuadros[0].is_empty(), "un REQ descartaría {} cuadros", cuadros.len());
    serde_json::from_slice(&cuadros[1]).expect("json")
}

fn con_pyzmq() -> Option<&'static str> {
    ["/usr/bin/python3", "python3"].into_iter().find(|python| {
        let mut orden = Command::new(python);
        orden.args(["-c", "import zmq"]).stdout(Stdio::null()).stderr(Stdio::null());
        orden.status().is_ok_and(|estado| estado.success())
    })
}
