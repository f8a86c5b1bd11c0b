//! Mira la página como una persona: Chromium la pinta en dos anchos, y un guion que solo va en la copia de la prueba mide
//! que nada se sale, se corta ni se pisa.
//!
//! Chromium no hace ventanas de menos de 500 puntos, así que cada ancho es un marco de una página que los contiene.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use resvg::tiny_skia::{Pixmap, PremultipliedColorU8};
use serde_json::Value;

/// Lo que puede tardar el navegador en pintar una página.
const PLAZO: Duration = Duration::from_secs(90);
const ANCHOS: [u32; 2] = [360, 1280];
/// El alto de los marcos: más que la página.
const ALTO: u32 = 12_000;

/// Si quien mira prefiere lo claro o lo oscuro.
#[derive(Clone, Copy, Debug)]
pub struct Tema {
    nombre: &'static str,
    /// El valor con que Chromium lo entiende.
    ajuste: u8,
    /// El color de la primera serie de los gráficos.
    serie: (u8, u8, u8),
    fondo: (u8, u8, u8),
}

pub const TEMAS: [Tema; 2] = [
    Tema { nombre: "claro", ajuste: 1, serie: (0x00, 0x72, 0xb2), fondo: (0xff, 0xfe, 0xfb) },
    Tema { nombre: "oscuro", ajuste: 0, serie: (0x56, 0xb4, 0xe9), fondo: (0x1b, 0x1d, 0x1f) },
];

const MIDE: &str = include_str!("mide.js");

/// Comprueba la página con un tema.
pub fn mirar(pagina: &Path, tema: Tema) {
    let carpeta = pagina.parent().expect("está en una carpeta");
    let html = fs::read_to_string(pagina).expect("la página");
    let copia = html.replace("</body>", &format!("<script>{MIDE}</script></body>"));
    fs::write(carpeta.join("copia.html"), copia).expect("se escribe");
    let (marcos, captura) = (carpeta.join("marcos.html"), carpeta.join(format!("captura-{}.png", tema.nombre)));
    fs::write(&marcos, pagina_de_marcos()).expect("se escribe");
    let (dom, registro) = pintar(&marcos, &captura, tema);
    assert!(!registro.contains("CONSOLE"), "en {}, la consola dice:\n{registro}", tema.nombre);
    for ancho in ANCHOS {
        let veredicto = veredicto(&dom, ancho);
        let quejas = veredicto["quejas"].as_array().expect("las hay o no");
        assert!(quejas.is_empty(), "en {} a {ancho} puntos:\n{quejas:#?}", tema.nombre);
        assert_eq!(veredicto["graficos"], 6, "en {} a {ancho} puntos", tema.nombre);
        assert!(veredicto["letras"].as_u64() > Some(3_000), "apenas hay texto: {veredicto}");
    }
    comprobar_colores(&captura, tema);
    if let Ok(destino) = env::var("CAPTURAS") {
        fs::copy(&captura, Path::new(&destino).join(format!("{}.png", tema.nombre))).expect("se copia");
    }
}

fn pagina_de_marcos() -> String {
    let marcos = ANCHOS
        .map(|ancho| format!("<iframe src=\"copia.html\" width=\"{ancho}\" height=\"{ALTO}\"></iframe>\n"))
        .concat();
    format!(
        "<!DOCTYPE html><meta charset=\"utf-8\"><style>body{{margin:0;display:flex}}iframe{{border:0;flex:none}}pre{{display:none}}</style>{marcos}\
         <script>addEventListener('message',m=>{{const p=document.createElement('pre');p.textContent='VEREDICTO'+m.data+'FIN';\
         document.body.append(p)}})</script>"
    )
}

/// Lo que se midió a un ancho.
fn veredicto(dom: &str, ancho: u32) -> Value {
    dom.split("VEREDICTO")
        .skip(1)
        .filter_map(|resto| resto.split("FIN").next())
        .map(|json| json.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
        .filter_map(|json| serde_json::from_str::<Value>(&json).ok())
        .find(|v| v["ancho"] == ancho)
        .unwrap_or_else(|| {
            panic!("la página no se midió a {ancho} puntos:\n{}", dom.chars().take(2_000).collect::<String>())
        })
}

/// El DOM y el registro del navegador después de pintar una página en una imagen.
fn pintar(pagina: &Path, captura: &Path, tema: Tema) -> (String, String) {
    let carpeta = captura.parent().expect("está en una carpeta");
    let (dom, registro) = (carpeta.join("dom.html"), carpeta.join("registro"));
    let hijo = Command::new(chromium())
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--dump-dom"])
        .args(["--disable-dev-shm-usage", "--enable-logging=stderr", "--force-device-scale-factor=1"])
        .arg("--virtual-time-budget=4000")
        .arg(format!("--window-size={},{ALTO}", ANCHOS.iter().sum::<u32>()))
        .arg(format!("--blink-settings=preferredColorScheme={}", tema.ajuste))
        .arg(format!("--user-data-dir={}", carpeta.join("perfil").display()))
        .arg(format!("--screenshot={}", captura.display()))
        .arg(format!("file://{}", pagina.display()))
        .stdin(Stdio::null())
        .stdout(fs::File::create(&dom).expect("se crea"))
        .stderr(fs::File::create(&registro).expect("se crea"))
        .spawn()
        .expect("Chromium arranca");
    esperar(hijo, &registro);
    let leer = |ruta: &Path| String::from_utf8_lossy(&fs::read(ruta).expect("se lee")).into_owned();
    (leer(&dom), leer(&registro))
}

fn esperar(mut hijo: Child, registro: &Path) {
    let fin = Instant::now() + PLAZO;
    loop {
        match hijo.try_wait().expect("es un hijo") {
            Some(estado) if estado.success() => return,
            Some(estado) => panic!("Chromium acabó con {estado}: {}", fs::read_to_string(registro).unwrap_or_default()),
            None if Instant::now() > fin => {
                let _ = hijo.kill();
                let _ = hijo.wait();
                panic!("Chromium no acabó en {PLAZO:?}: {}", fs::read_to_string(registro).unwrap_or_default());
            }
            None => thread::sleep(Duration::from_millis(50)),
        }
    }
}

fn chromium() -> PathBuf {
    let nombres = ["chromium", "chromium-browser", "google-chrome"];
    let rutas = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&rutas)
        .flat_map(|carpeta| nombres.map(|nombre| carpeta.join(nombre)))
        .find(|ruta| ruta.is_file())
        .expect("no hay Chromium en el PATH: «herramientas/preparar --pruebas» lo instala")
}

/// La captura tiene el fondo del tema y, en cada ancho, bastantes puntos del color de la primera serie.
fn comprobar_colores(captura: &Path, tema: Tema) {
    let imagen = Pixmap::load_png(captura).expect("es un PNG");
    let es =
        |punto: &PremultipliedColorU8, (r, g, b): (u8, u8, u8)| (punto.red(), punto.green(), punto.blue()) == (r, g, b);
    let ancho = usize::try_from(imagen.width()).expect("cabe");
    let mut desde = 0;
    for cuantos in ANCHOS {
        let hasta = desde + usize::try_from(cuantos).expect("cabe");
        let puntos = || imagen.pixels().chunks(ancho).flat_map(|fila| &fila[desde..hasta]);
        assert!(puntos().filter(|p| es(p, tema.fondo)).count() > 100_000, "{tema:?} a {cuantos}: no es su fondo");
        assert!(puntos().filter(|p| es(p, tema.serie)).count() > 3_000, "{tema:?} a {cuantos}: no se ven los gráficos");
        desde = hasta;
    }
}
