//! Los puertos mientras otro hilo lanza procesos. En su propio programa: un proceso recién lanzado hereda, hasta su exec, los
//! oyentes de todos los hilos, y una prueba vecina que cierra un puerto y lo vuelve a abrir lo hallaría ocupado.

use std::{
    net::{Ipv4Addr, TcpListener},
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
};

use common::transport::puertos::Tramo;

#[test]
fn un_tramo_reservado_se_puede_abrir_aunque_otro_hilo_este_lanzando_procesos() {
    let acabado = AtomicBool::new(false);
    std::thread::scope(|hilos| {
        hilos.spawn(|| {
            while !acabado.load(Ordering::Relaxed) {
                Command::new("true").status().expect("hay «true»");
            }
        });
        let abiertos = (0..200).all(|semilla| {
            let tramo = Tramo::reservar(semilla).expect("hay");
            TcpListener::bind((Ipv4Addr::LOCALHOST, tramo.base() + 3)).is_ok()
        });
        acabado.store(true, Ordering::Relaxed);
        assert!(abiertos);
    });
}
