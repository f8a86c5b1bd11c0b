//! El programa entero: cómo arranca, cómo dice que no puede y cómo se apaga.

use std::{
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use anaquel::postgres::Base;
use common::transport::puertos::puerto_libre;

/// Un programa en marcha; al soltarlo, muere.
pub struct Programa {
    hijo: Child,
    registro: BufReader<std::process::ChildStderr>,
    pub puerto: u16,
    pub http: u16,
}

/// El programa, sin más ajustes que los dados.
fn orden(ajustes: &[(&str, String)]) -> Command {
    let mut orden = Command::new(env!("CARGO_BIN_EXE_gestor_almacenamiento"));
    orden.env_clear().envs(ajustes.iter().map(|(n, v)| (n, v))).stdin(Stdio::null());
    orden.stdout(Stdio::piped()).stderr(Stdio::piped());
    orden
}

impl Programa {
    /// Arranca sobre una base y espera a que lo diga.
    pub fn arrancar(base: &Base) -> Self {
        Self::arrancar_con(base, &[])
    }

    /// Lo mismo, con algún ajuste más.
    pub fn arrancar_con(base: &Base, otros: &[(&str, String)]) -> Self {
        let (puerto, http) = (puerto_libre(), puerto_libre());
        let mut hijo = orden(&[
            ("DATABASE_URL", base.url_servicio.clone()),
            ("DATABASE_URL_MIGRACION", base.url_migracion.clone()),
            ("GESTOR_ALMACENAMIENTO_BIND", format!("127.0.0.1:{puerto}")),
            ("HTTP_ADDR", format!("127.0.0.1:{http}")),
        ])
        .envs(otros.iter().map(|(n, v)| (n, v)))
        .spawn()
        .expect("arranca");
        let mut registro = BufReader::new(hijo.stderr.take().expect("con tubería"));
        leer_hasta(&mut registro, "listo en");
        Self { hijo, registro, puerto, http }
    }

    /// Espera a que el registro diga `texto`.
    pub fn leer_hasta(&mut self, texto: &str) {
        leer_hasta(&mut self.registro, texto);
    }

    /// Manda SIGTERM.
    pub fn terminar(&self) {
        let hecho = Command::new("kill").arg(self.hijo.id().to_string()).status().expect("hay kill");
        assert!(hecho.success());
    }

    /// Si lo mató una señal.
    pub fn murio(&mut self) -> bool {
        self.hijo.try_wait().expect("se puede esperar").is_some_and(|estado| estado.code().is_none())
    }

    /// Espera a que acabe; dice con qué salida.
    pub fn esperar(&mut self) -> Option<i32> {
        let limite = Instant::now() + Duration::from_secs(5);
        loop {
            if let Some(estado) = self.hijo.try_wait().expect("se puede esperar") {
                return estado.code();
            }
            assert!(Instant::now() < limite, "no acaba");
            std::thread::yield_now();
        }
    }
}

impl Drop for Programa {
    fn drop(&mut self) {
        // Si ya acabó, no hay a quién matar.
        let _ = self.hijo.kill();
        let _ = self.hijo.wait();
    }
}

fn leer_hasta(registro: &mut impl BufRead, texto: &str) {
    let mut todo = String::new();
    loop {
        let leido = registro.read_line(&mut todo).expect("se puede leer");
        assert!(leido > 0, "acabó sin decir «{texto}»:\n{todo}");
        if todo.lines().next_back().is_some_and(|l| l.contains(texto)) {
            return;
        }
    }
}

fn correr(argumentos: &[&str], ajustes: &[(&str, String)]) -> (Option<i32>, String, Duration) {
    let inicio = Instant::now();
    let Output { status, stderr, .. } = orden(ajustes).args(argumentos).output().expect("corre");
    (status.code(), String::from_utf8(stderr).expect("UTF-8"), inicio.elapsed())
}

fn base_ausente() -> String {
    format!("postgres://alguien:secretisima@127.0.0.1:{}/anaquel", puerto_libre())
}

#[test]
fn un_ajuste_mal_escrito_es_una_linea_que_lo_nombra_y_salida_2() {
    for (nombre, valor) in [
        ("GESTOR_ALMACENAMIENTO_BIND", "hola"),
        ("HTTP_ADDR", "hola"),
        ("ESPERA_BASE_MS", "pronto"),
        ("DATABASE_URL", "hola secretisima"),
        ("DATABASE_URL_MIGRACION", "mysql:secretisima"),
        ("DB_PORT", "puerto"),
        ("DATABASE_URL_CLAVE_ARCHIVO", "/no/existe"),
    ] {
        let (salida, error, _) = correr(&[], &[(nombre, valor.to_owned())]);
        assert_eq!((salida, error.lines().count()), (Some(2), 1), "{error}");
        assert!(error.contains(nombre) && !error.contains("secretisima"), "{error}");
    }
    assert_eq!(correr(&["bailar"], &[]).0, Some(2));
}

#[test]
fn sin_base_espera_lo_dicho_y_sale_1_nombrando_la_url_sin_la_clave() {
    let ajustes = [
        ("DATABASE_URL", base_ausente()),
        ("ESPERA_BASE_MS", "400".to_owned()),
        ("HTTP_ADDR", format!("127.0.0.1:{}", puerto_libre())),
        ("GESTOR_ALMACENAMIENTO_BIND", format!("127.0.0.1:{}", puerto_libre())),
    ];
    let (salida, error, duracion) = correr(&[], &ajustes);
    assert_eq!(salida, Some(1), "{error}");
    let ultima = error.lines().next_back().expect("una línea");
    assert!(ultima.contains("DATABASE_URL") && !error.contains("secretisima"), "{error}");
    assert!(duracion >= Duration::from_millis(400) && duracion < Duration::from_secs(3), "{duracion:?}");
}

#[test]
fn mientras_espera_a_la_base_sigterm_lo_apaga_bien() {
    let mut hijo = orden(&[
        ("DATABASE_URL", base_ausente()),
        ("HTTP_ADDR", format!("127.0.0.1:{}", puerto_libre())),
        ("GESTOR_ALMACENAMIENTO_BIND", format!("127.0.0.1:{}", puerto_libre())),
    ])
    .spawn()
    .expect("arranca");
    let mut registro = BufReader::new(hijo.stderr.take().expect("con tubería"));
    leer_hasta(&mut registro, "esperando a la base de datos");
    let mut programa = Programa { hijo, registro, puerto: 0, http: 0 };
    programa.terminar();
    assert_eq!(programa.esperar(), Some(0));
}

#[tokio::test]
async fn la_orden_salud_dice_si_el_que_corre_sirve() {
    let salud = |http: u16| correr(&["salud"], &[("HTTP_ADDR", format!("127.0.0.1:{http}"))]);
    let (salida, error, _) = salud(puerto_libre());
    assert_eq!((salida, error.lines().count()), (Some(1), 1), "{error}");

    let b = crate::comun::biblioteca().await;
    let programa = Programa::arrancar(&b.base);
    let limite = Instant::now() + Duration::from_secs(5);
    while salud(programa.http).0 != Some(0) {
        assert!(Instant::now() < limite, "no llega a estar listo");
    }
}

#[tokio::test]
async fn un_puerto_ocupado_es_una_linea_que_lo_nombra_y_salida_1() {
    let b = crate::comun::biblioteca().await;
    let ocupado = TcpListener::bind("127.0.0.1:0").expect("hay puertos");
    let ocupado = ocupado.local_addr().expect("dirección");
    let libre = format!("127.0.0.1:{}", puerto_libre());
    for (nombre, bind, http) in [
        ("GESTOR_ALMACENAMIENTO_BIND", ocupado.to_string(), libre.clone()),
        ("HTTP_ADDR", libre.clone(), ocupado.to_string()),
    ] {
        let (salida, error, _) = correr(
            &[],
            &[
                ("DATABASE_URL", b.base.url_servicio.clone()),
                ("DATABASE_URL_MIGRACION", b.base.url_migracion.clone()),
                ("GESTOR_ALMACENAMIENTO_BIND", bind),
                ("HTTP_ADDR", http),
            ],
        );
        assert_eq!(salida, Some(1), "{error}");
        assert!(error.lines().next_back().is_some_and(|l| l.contains(nombre)), "{error}");
    }
}

#[tokio::test]
async fn podar_dice_cuantas_olvido() {
    let b = crate::comun::biblioteca().await;
    b.pedir(&crate::comun::prestamo("U1", "E1")).await;
    let mut hijo = orden(&[("DATABASE_URL", b.base.url_migracion.clone())])
        .args(["podar", "--antes-de", "2999-01-01"])
        .spawn()
        .expect("arranca");
    let mut salida = String::new();
    hijo.stdout.take().expect("con tubería").read_to_string(&mut salida).expect("UTF-8");
    assert!(hijo.wait().expect("acaba").success());
    assert!(salida.starts_with("1 operaciones olvidadas"), "{salida}");
    assert_eq!(b.contar("SELECT count(*) FROM operaciones").await, 0);
}
