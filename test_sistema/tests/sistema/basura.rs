//! Basura en todos los puertos: quien pide bien no lo nota.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anaquel::plano::NOMBRES;
use common::transport::{Contexto, Endpoint};
use juicio::azar::Azar;
use taller::{
    basura::{mensajes, soltar, tcp_crudo},
    metricas::metrica,
};

use crate::banco::{Banco, PLAZO, con_suite};

/// De sobra para que quien no da turno calle demasiado.
const INUNDACION: Duration = Duration::from_secs(5);

#[test]
fn la_basura_en_todos_los_puertos_no_la_nota_quien_pide_bien() {
    con_suite(async |banco| {
        let pids: Vec<u32> = NOMBRES.iter().map(|n| banco.suite.pid(n).expect("está en marcha")).collect();
        let carga = banco.cargar(16).await;
        let mut azar = Azar::con_semilla(3);
        for (direccion, habla_zeromq) in puertos(banco) {
            tcp_crudo(direccion, &mut azar).expect("escucha");
            let endpoint: Endpoint = direccion.to_string().parse().expect("una dirección");
            // Por HTTP no saldría ninguno: con uno se sabe.
            for cuadros in mensajes(&mut azar).iter().take(if habla_zeromq { usize::MAX } else { 1 }) {
                // Un zócalo por mensaje: si el otro lado corta, no se lleva a los demás por delante.
                let dealer = Contexto::new().dealer(&endpoint).expect("un zócalo");
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

#[test]
fn quien_pide_sin_leer_ni_esperar_no_deja_sin_turno_al_gestor() {
    con_suite(async |banco| {
        let pid = banco.suite.pid("gestor_carga").expect("está en marcha");
        let clientes = banco.suite.clientes();
        let inundado = std::thread::spawn(move || inundar(&clientes, Instant::now() + INUNDACION));
        while !inundado.is_finished() {
            banco.suite.metricas("gestor_carga").await.expect("contesta entretanto");
        }
        assert!(inundado.join().expect("acaba") > 10_000, "apenas se le pidió");
        let carga = banco.cargar(4).await;
        assert!(carga.esperar_exitos(20, PLAZO, |_| true).await, "después no se trabaja");
        assert_eq!(banco.suite.pid("gestor_carga").expect("sigue en marcha"), pid, "se le dio por muerto");
        banco.auditar(carga).await;
    });
}

/// Pide lo que no significa nada, tan deprisa como se deja y sin leer lo que contesten; da cuántas veces.
fn inundar(clientes: &Endpoint, hasta: Instant) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    // Un zócalo se abre dentro del runtime que lo va a esperar.
    let _dentro = runtime.enter();
    let mut dealer = Contexto::new().dealer_de_cliente(clientes).expect("un zócalo");
    let mut enviados = 0;
    while Instant::now() < hasta {
        match dealer.try_send(&[b"", b"nada"]) {
            Ok(()) => enviados += 1,
            Err(_) => std::thread::yield_now(),
        }
    }
    enviados
}

/// Todas las direcciones en que la suite escucha, y si ahí se habla ZeroMQ.
fn puertos(banco: &Banco) -> Vec<(SocketAddr, bool)> {
    let servicios = banco.suite.servicios();
    servicios.into_iter().flat_map(|s| s.zocalos.into_iter().map(|z| (z, true)).chain([(s.http, false)])).collect()
}
