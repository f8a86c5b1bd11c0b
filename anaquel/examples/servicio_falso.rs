//! Un servicio de mentira para probar el lanzador sin los demás programas: contesta por HTTP que está listo.
//!
//! Con `FALSO_MUERE` igual a su nombre de programa, se queja y acaba; con `FALSO_CALLA`, contesta por HTTP pero no da
//! señales de vida; con `importar`, dice qué cargaría.

use std::{
    env,
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    process::ExitCode,
    thread,
};

use common::process::watchdog::Vigilante;

fn main() -> ExitCode {
    let argumentos: Vec<String> = env::args().collect();
    let programa = Path::new(&argumentos[0]).file_name().unwrap_or_default().to_os_string();
    if env::var_os("FALSO_MUERE").as_ref() == Some(&programa) {
        eprintln!("ajuste FALSO_MUERE: está puesto. Quítelo");
        return ExitCode::from(2);
    }
    if let [_, orden, csv] = &argumentos[..]
        && orden == "importar"
    {
        println!("importado {csv}");
        return ExitCode::SUCCESS;
    }
    if env::var_os("FALSO_CALLA").as_ref() != Some(&programa) {
        dar_senales();
    }
    let addr = env::var("HTTP_ADDR").expect("HTTP_ADDR lo pone el lanzador");
    for conexion in TcpListener::bind(addr).expect("el puerto está libre").incoming().flatten() {
        let mut conexion = conexion;
        // Quien pregunta pudo irse.
        let _ = conexion.read(&mut [0; 1024]);
        let _ = conexion.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    ExitCode::SUCCESS
}

fn dar_senales() {
    let vigilante = Vigilante::del_entorno().expect("se llega a él").expect("lo pone el lanzador");
    thread::spawn(move || {
        loop {
            vigilante.dar_senal();
            thread::sleep(vigilante.cada());
        }
    });
}
