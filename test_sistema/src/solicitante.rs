//! La suborden `solicitante`: un proceso que lee un archivo de peticiones, las pide una a una, muestra cada respuesta y
//! acaba con un resumen. Repetida con el mismo archivo, pide con los mismos ids.

pub mod corrida;
mod cuaderno;
pub mod medida;
pub mod peticiones;
pub mod reloj;
mod ventana;

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, Utc};
use common::{
    dominio::{Estado, EtiquetaInvalida, UsuarioId},
    mensajes::{Pedido, Respuesta, Solicitud, descifrar},
    process::orden::MAL_ESCRITO,
    transport::{
        Contexto, Endpoint,
        cliente::{Cliente, Paciencia, SinRespuesta},
    },
};
use juicio::azar::Azar;
use tokio::time::{Instant, sleep, timeout_at};
use uuid::Uuid;

use self::{
    corrida::{Corrida, contenido, nota::Lugar},
    cuaderno::{Cuaderno, Desenlace},
    peticiones::{BYTES_MAX, Peticion},
    reloj::ahora_us,
    ventana::Ventana,
};
use crate::generar::surtido::sedes;

/// Lo que se insiste con cada petición.
const INSISTENCIA: Duration = Duration::from_secs(20);
/// Entre dos envíos de una operación incierta.
const TRAS_INCIERTA: Duration = Duration::from_millis(20);

/// Qué se pide, y cómo.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AYUDA)]
pub struct Argumentos {
    /// El archivo de peticiones
    #[arg(long)]
    archivo: PathBuf,
    /// Quién pide: dos con el mismo archivo y otro nombre son otras operaciones
    #[arg(long, default_value = "solicitante", value_parser = nombre)]
    nombre: String,
    /// Empieza otra corrida: otras operaciones, aunque el archivo sea el mismo
    #[arg(long, conflicts_with = "corrida")]
    nueva: bool,
    /// Cuándo empezó la corrida (2026-05-04T10:00:00Z), si no ha de anotarse junto al archivo
    #[arg(long)]
    corrida: Option<DateTime<Utc>>,
    /// Lo que piensa, de media, entre una respuesta y la petición siguiente: entre nada y el doble; 0, nada
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=60_000))]
    pausa_ms: u64,
    /// De dónde sale el azar de esa pausa
    #[arg(long, default_value_t = 1)]
    semilla: u64,
    /// Pide durante este tiempo y para; sin él, hasta el final del archivo
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    segundos: Option<u64>,
    /// Dónde dejar cada petición con sus tiempos, en CSV, en lugar de mostrarlas; así, acabar es acabar bien
    #[arg(long)]
    medidas: Option<PathBuf>,
    /// Conecta, dice «listo» y no empieza hasta leer por la entrada el instante (reloj monótono, en microsegundos)
    #[arg(long, requires = "medidas")]
    a_la_senal: bool,
}

const AYUDA: &str = "\
El archivo tiene una petición por línea, «PRESTAMO usuario isbn-o-ejemplar sede», «DEVOLUCION …» o «RENOVACION …»; lo que
sigue a # es comentario. Si una línea está mal, se dicen todas las que lo están y no se pide nada.

Los ids salen del contenido del archivo, de la línea, del nombre y del instante en que empezó la corrida, que queda en
ARCHIVO.NOMBRE.corrida: la misma orden otra vez sigue donde quedó, y no hace nada dos veces.

Estado de salida: 0 todo decidido; 1 algo acabó en error o sin respuesta; 2 orden o archivo mal escritos; 3 algo quedó
pendiente, o se interrumpió: repetir la misma orden es seguro.";

fn nombre(texto: &str) -> Result<String, EtiquetaInvalida> {
    texto.parse::<UsuarioId>().map(|n| n.to_string())
}

/// Pide todo; devuelve el estado de salida.
///
/// # Errors
/// Si no hay archivo, o no hay suite, o el archivo se acaba antes que la ventana.
pub async fn correr(gestores: &[Endpoint], pedido: &Argumentos) -> anyhow::Result<u8> {
    let bytes = match leer(&pedido.archivo) {
        Ok(bytes) => bytes,
        Err(e) => {
            eprintln!("test_sistema: no se puede leer {}: {e}", pedido.archivo.display());
            return Ok(MAL_ESCRITO);
        }
    };
    let peticiones = match peticiones::leer(&bytes, &sedes()) {
        Ok(peticiones) => peticiones,
        Err(faltas) => {
            for falta in &faltas {
                eprintln!("{}: {falta}", pedido.archivo.display());
            }
            eprintln!("test_sistema: {} está mal escrito; no se pidió nada", pedido.archivo.display());
            return Ok(MAL_ESCRITO);
        }
    };
    let corrida = empezar(pedido, &bytes)?;
    let mut cliente = Cliente::conectar(&Contexto::new(), gestores)?;
    let salud = Solicitud::new(Uuid::now_v7(), Pedido::Salud).escribir();
    cliente.pedir(&salud, Paciencia::de_persona()).await?;
    let mut cuaderno = Cuaderno::abrir(pedido.medidas.as_deref())?;
    let ventana = Ventana::abrir(pedido.segundos, pedido.a_la_senal)?;
    let solicitante = Solicitante { cliente, corrida, ventana, pausa: Pausa::de(pedido) };
    let interrumpido = tokio::select! {
        hecho = solicitante.pedir_todo(&peticiones, &mut cuaderno) => {
            hecho?;
            false
        }
        _ = tokio::signal::ctrl_c() => true,
    };
    cuaderno.cerrar(interrumpido)
}

/// El archivo, o lo bastante de él para ver que es demasiado largo.
fn leer(ruta: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let tope = u64::try_from(BYTES_MAX).unwrap_or(u64::MAX);
    File::open(ruta)?.take(tope + 1).read_to_end(&mut bytes)?;
    if bytes.len() > BYTES_MAX {
        return Err(io::Error::other(format!("tiene más de {BYTES_MAX} bytes. Reparta sus líneas en varios archivos")));
    }
    Ok(bytes)
}

/// La corrida que dice la orden, o la nota.
fn empezar(pedido: &Argumentos, bytes: &[u8]) -> anyhow::Result<Corrida> {
    let contenido = contenido(bytes);
    if let Some(inicio) = pedido.corrida {
        return Ok(Corrida::new(contenido, pedido.nombre.clone(), inicio));
    }
    let lugar = Lugar::de(&pedido.archivo, &pedido.nombre);
    let (inicio, sigue) = lugar.inicio(&contenido, pedido.nueva, Utc::now())?;
    if sigue {
        println!(
            "Sigue la corrida que empezó el {}: lo ya pedido no se hace otra vez. Para empezar otra, --nueva",
            inicio.format("%Y-%m-%d a las %H:%M:%S UTC")
        );
    }
    Ok(Corrida::new(contenido, pedido.nombre.clone(), inicio))
}

/// Lo que se piensa entre una respuesta y la petición siguiente.
struct Pausa {
    media_us: u64,
    azar: Azar,
}

impl Pausa {
    fn de(pedido: &Argumentos) -> Self {
        Self { media_us: pedido.pausa_ms * 1_000, azar: Azar::con_semilla(pedido.semilla) }
    }

    /// Entre nada y el doble de la media, por igual.
    fn siguiente(&mut self) -> Duration {
        let tope = usize::try_from(2 * self.media_us).unwrap_or(0);
        Duration::from_micros(u64::try_from(self.azar.menor_que(tope + 1)).unwrap_or(0))
    }
}

struct Solicitante {
    cliente: Cliente,
    corrida: Corrida,
    ventana: Ventana,
    pausa: Pausa,
}

impl Solicitante {
    /// Pide en orden, hasta el final del archivo o de la ventana.
    async fn pedir_todo(mut self, peticiones: &[Peticion], cuaderno: &mut Cuaderno) -> anyhow::Result<()> {
        for peticion in peticiones {
            if self.ventana.cerrada() {
                return Ok(());
            }
            let inicio = ahora_us();
            let desenlace = self.pedir(peticion).await?;
            let respuesta = desenlace.respondida().then(ahora_us);
            cuaderno.anotar(
                peticion,
                self.ventana.desde(inicio),
                respuesta.map(|r| self.ventana.desde(r)),
                &desenlace,
            )?;
            let pausa = self.pausa.siguiente();
            if !pausa.is_zero() {
                sleep(pausa.min(self.ventana.queda())).await;
            }
        }
        anyhow::ensure!(
            !self.ventana.con_fin() || self.ventana.cerrada(),
            "el archivo se acabó antes que los segundos. Genere uno con más peticiones, o dé menos segundos"
        );
        Ok(())
    }

    /// Pide una, con el mismo id, hasta que la respuesta diga algo o se acabe el tiempo.
    async fn pedir(&mut self, peticion: &Peticion) -> Result<Desenlace, SinRespuesta> {
        let cuerpo = Solicitud::new(self.corrida.id(peticion.linea), peticion.comando).escribir();
        let fin = self.ventana.fin().min(Instant::now() + INSISTENCIA);
        let mut ultima = Desenlace::SinRespuesta;
        loop {
            let paciencia = Paciencia::insistente(fin.saturating_duration_since(Instant::now()));
            let Ok(contestada) = timeout_at(fin, self.cliente.pedir(&cuerpo, paciencia)).await else {
                return Ok(ultima);
            };
            let respuesta = match contestada {
                Ok(contestacion) => descifrar::<Respuesta>(&contestacion.cuerpo),
                Err(SinRespuesta::SinConexion(_) | SinRespuesta::Vencida { .. }) => return Ok(ultima),
                Err(otro) => return Err(otro),
            };
            let Ok(respuesta) = respuesta else { return Ok(ultima) };
            let incierta = respuesta.estado == Estado::Incierta;
            ultima = Desenlace::Respondida(Box::new(respuesta));
            if !incierta || Instant::now() + TRAS_INCIERTA >= fin {
                return Ok(ultima);
            }
            sleep(TRAS_INCIERTA).await;
        }
    }
}
