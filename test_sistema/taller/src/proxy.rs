//! Un proxy TCP de la prueba: deja pasar, corta, retrasa, o calla sin cerrar, según se le diga.
//!
//! Vive en un hilo suyo: la carga de la prueba no le quita el turno.

use std::{io, net::SocketAddr, thread, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    runtime,
    sync::watch,
    task::LocalSet,
    time::sleep,
};

/// Lo que se lee de una vez.
const TROZO: usize = 64 * 1024;

/// Qué hace con lo que pasa por él.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modo {
    Abierto,
    /// Cierra las conexiones que hay y las que lleguen.
    Cortado,
    /// Lo deja pasar más tarde, en su orden.
    Retrasado(Duration),
    /// Acepta conexiones y no las cierra, pero no pasa nada; al abrirse, pasa lo que quedó esperando.
    Callado,
}

/// Un proxy en marcha; deja de escuchar al soltarlo.
pub struct Proxy {
    direccion: SocketAddr,
    modo: watch::Sender<Modo>,
}

impl Proxy {
    /// Escucha en un puerto de esta máquina y lleva a `destino`.
    ///
    /// # Errors
    /// Si no puede escuchar o no se le da un hilo.
    pub fn abrir(destino: SocketAddr) -> io::Result<Self> {
        let oyente = std::net::TcpListener::bind((destino.ip(), 0))?;
        oyente.set_nonblocking(true)?;
        let direccion = oyente.local_addr()?;
        let (modo, visto) = watch::channel(Modo::Abierto);
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name("proxy".into()).spawn(move || {
            LocalSet::new().block_on(&runtime, escuchar(oyente, destino, visto));
        })?;
        Ok(Self { direccion, modo })
    }

    /// Dónde escucha.
    pub fn direccion(&self) -> SocketAddr {
        self.direccion
    }

    /// Desde ahora, así.
    pub fn poner(&self, modo: Modo) {
        self.modo.send_replace(modo);
    }
}

async fn escuchar(oyente: std::net::TcpListener, destino: SocketAddr, mut modo: watch::Receiver<Modo>) {
    let Ok(oyente) = TcpListener::from_std(oyente) else { return };
    loop {
        tokio::select! {
            Ok((cliente, _)) = oyente.accept() => {
                tokio::task::spawn_local(llevar(cliente, destino, modo.clone()));
            }
            cambio = modo.changed() => if cambio.is_err() { return },
        }
    }
}

/// Lleva una conexión hasta que acabe por un lado o se corte.
async fn llevar(cliente: TcpStream, destino: SocketAddr, modo: watch::Receiver<Modo>) {
    let mut vigia = modo.clone();
    let corte = async {
        // Sin quien mande ya no hay quien corte: se acaba igual.
        let _ = vigia.wait_for(|m| *m == Modo::Cortado).await;
    };
    tokio::select! {
        biased;
        () = corte => {}
        () = juntar(&cliente, destino, &modo) => {}
    }
}

async fn juntar(cliente: &TcpStream, destino: SocketAddr, modo: &watch::Receiver<Modo>) {
    if paso(&mut modo.clone()).await.is_none() {
        return;
    }
    let Ok(servidor) = TcpStream::connect(destino).await else { return };
    // Son mensajes cortos que alguien espera.
    let _ = (cliente.set_nodelay(true), servidor.set_nodelay(true));
    tokio::select! {
        _ = bombear(cliente, &servidor, modo.clone()) => {}
        _ = bombear(&servidor, cliente, modo.clone()) => {}
    }
}

/// Espera a que se pueda pasar; con cuánto retraso. `None` si ya nadie manda.
async fn paso(modo: &mut watch::Receiver<Modo>) -> Option<Duration> {
    match *modo.wait_for(|m| *m != Modo::Callado).await.ok()? {
        Modo::Retrasado(cuanto) => Some(cuanto),
        Modo::Abierto | Modo::Cortado | Modo::Callado => Some(Duration::ZERO),
    }
}

/// Pasa lo de un lado al otro hasta que uno acabe.
async fn bombear(de: &TcpStream, a: &TcpStream, mut modo: watch::Receiver<Modo>) -> io::Result<()> {
    let mut trozo = vec![0; TROZO];
    loop {
        de.readable().await?;
        if paso(&mut modo).await.is_none() {
            return Ok(());
        }
        let leidos = match de.try_read(&mut trozo) {
            Ok(0) => return Ok(()),
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => continue,
            Err(e) => return Err(e),
        };
        let Some(retraso) = paso(&mut modo).await else { return Ok(()) };
        if !retraso.is_zero() {
            sleep(retraso).await;
        }
        escribir(a, &trozo[..leidos]).await?;
    }
}

async fn escribir(a: &TcpStream, mut resto: &[u8]) -> io::Result<()> {
    while !resto.is_empty() {
        a.writable().await?;
        match a.try_write(resto) {
            Ok(n) => resto = &resto[n..],
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::{TcpListener, TcpStream},
        time::Instant,
    };

    use super::*;

    const PLAZO: Duration = Duration::from_secs(5);
    /// Lo que basta para ver que no llega nada: es lo contrario de un plazo, y cuanto más corto, menos prueba.
    const SILENCIO: Duration = Duration::from_millis(150);

    /// Un servidor que repite lo que oye, y un proxy hacia él.
    fn eco() -> Proxy {
        let oyente = TcpListener::bind("127.0.0.1:0").expect("un puerto");
        let destino = oyente.local_addr().expect("su dirección");
        thread::spawn(move || {
            for mut conexion in oyente.incoming().map_while(Result::ok) {
                thread::spawn(move || {
                    let mut trozo = [0; 64];
                    while let Ok(n @ 1..) = conexion.read(&mut trozo) {
                        if conexion.write_all(&trozo[..n]).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Proxy::abrir(destino).expect("un proxy")
    }

    fn conectar(proxy: &Proxy) -> TcpStream {
        let conexion = TcpStream::connect(proxy.direccion()).expect("escucha");
        conexion.set_read_timeout(Some(PLAZO)).expect("un plazo");
        conexion
    }

    fn ida_y_vuelta(conexion: &mut TcpStream) -> io::Result<[u8; 4]> {
        conexion.write_all(b"hola")?;
        let mut oido = [0; 4];
        conexion.read_exact(&mut oido)?;
        Ok(oido)
    }

    #[test]
    fn abierto_deja_pasar_y_retrasado_tarda_lo_que_se_le_dice_en_cada_sentido() {
        let proxy = eco();
        let mut conexion = conectar(&proxy);
        assert_eq!(&ida_y_vuelta(&mut conexion).expect("pasa"), b"hola");
        let retraso = Duration::from_millis(60);
        proxy.poner(Modo::Retrasado(retraso));
        let desde = Instant::now();
        assert_eq!(&ida_y_vuelta(&mut conexion).expect("pasa"), b"hola");
        assert!(desde.elapsed() >= retraso * 2, "tardó {:?}", desde.elapsed());
    }

    #[test]
    fn cortado_cierra_la_conexion_que_hay_y_la_que_llega_y_abierto_admite_otra() {
        let proxy = eco();
        let mut conexion = conectar(&proxy);
        ida_y_vuelta(&mut conexion).expect("pasa");
        proxy.poner(Modo::Cortado);
        assert!(matches!(conexion.read(&mut [0; 4]), Ok(0) | Err(_)), "la conexión sigue");
        let mut otra = conectar(&proxy);
        assert!(ida_y_vuelta(&mut otra).is_err(), "una conexión nueva pasa");
        proxy.poner(Modo::Abierto);
        assert_eq!(&ida_y_vuelta(&mut conectar(&proxy)).expect("pasa"), b"hola");
    }

    #[test]
    fn callado_ni_contesta_ni_cierra_y_al_abrirse_pasa_lo_que_esperaba() {
        let proxy = eco();
        let mut vieja = conectar(&proxy);
        ida_y_vuelta(&mut vieja).expect("pasa");
        proxy.poner(Modo::Callado);
        let mut nueva = conectar(&proxy);
        for conexion in [&mut vieja, &mut nueva] {
            conexion.set_read_timeout(Some(SILENCIO)).expect("un plazo");
            let error = ida_y_vuelta(conexion).expect_err("no pasa nada");
            assert!(matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{error}");
        }
        proxy.poner(Modo::Abierto);
        for mut conexion in [vieja, nueva] {
            conexion.set_read_timeout(Some(PLAZO)).expect("un plazo");
            let mut oido = [0; 4];
            conexion.read_exact(&mut oido).expect("lo que esperaba, llega");
            assert_eq!(&oido, b"hola");
        }
    }
}
