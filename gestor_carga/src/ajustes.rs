//! Los ajustes del gestor, con sus valores por defecto, y lo que se hace con ellos al abrir.

use std::{net::SocketAddr, path::PathBuf};

use common::{
    process::config::{ALMACENAMIENTO, AjusteInvalido, Ajustes, invalido},
    resilience::Backoff,
    tiempos::{self, DelGestor},
    transport::{Contexto, Endpoint, ErrorDeTransporte, Socket, StorageClient},
};

use crate::{
    diario, http,
    machine::{
        Limites,
        limites::{FALLOS_DEFINIDOS_MAX, MUERTES_MAX},
    },
    service::Zocalos,
};

const CLIENTES: &str = "GESTOR_CARGA_BIND";
const EVENTOS: &str = "GESTOR_CARGA_PUB_BIND";
const INFORMES: &str = "GESTOR_CARGA_INFORMES_BIND";

/// El texto de `--help`.
pub const AYUDA: &str = "
Ajustes (del entorno o, en minúsculas, del TOML que nombre ANAQUEL_CONFIG; el entorno manda):
  GESTOR_CARGA_BIND                dónde se atiende a los clientes [127.0.0.1:5555]
  GESTOR_CARGA_PUB_BIND            dónde se publican los eventos a los actores [127.0.0.1:5556]
  GESTOR_CARGA_INFORMES_BIND       dónde se reciben los informes de los actores [127.0.0.1:5557]
  GESTOR_ALMACENAMIENTO_ENDPOINTS  puntos de almacenamiento, separados por comas [127.0.0.1:5570,127.0.0.1:5571]
  GESTOR_CARGA_DIARIO              archivo de lo prometido [var/gestor_carga/diario.redb]
  GESTOR_CARGA_TOKEN_ARCHIVO       archivo con el token que piden las órdenes por HTTP; sin él no se admite ninguna
  PLAZO_RESPUESTA_MS               cuánto espera un cliente, en milisegundos [2000]
  REINTENTO_BASE_MS                espera tras el primer fallo definido de una operación, en milisegundos [1000]
  REINTENTO_FACTOR                 por cuánto se multiplica de un fallo al siguiente, de 1 a 100; ±20 % de azar [2.0]
  REINTENTO_TOPE_MS                lo que esa espera no pasa, en milisegundos [60000]
  FALLOS_DEFINIDOS_MAX             fallos definidos tras los que una operación se aparta [3]
  MUERTES_A_SOLAS_MAX              muertes de quien la atendía a solas tras las que se aparta [5]
  HTTP_ADDR                        dirección de /salud, /listo, /metrics, /estado y /openapi.json [127.0.0.1:5655]
  RUST_LOG                         detalle del registro [info]

Salida: 0 bien, 2 una orden o un ajuste mal escritos, 1 cualquier otro fallo; en «operar», 1 el gestor dijo que no, 3 nadie
contestó o el gestor no puede ahora: se puede repetir.";

/// Los ajustes ya leídos.
pub struct AjustesGestor {
    clientes: Endpoint,
    eventos: Endpoint,
    informes: Endpoint,
    almacen: Vec<Endpoint>,
    pub diario: PathBuf,
    /// Los plazos y topes de la máquina.
    pub limites: Limites,
    /// El archivo del token de quien administra.
    pub token: Option<PathBuf>,
    pub http: SocketAddr,
}

impl AjustesGestor {
    /// Los lee.
    pub fn leer(ajustes: &Ajustes) -> Result<Self, AjusteInvalido> {
        Ok(Self {
            clientes: ajustes.endpoint(CLIENTES, "127.0.0.1:5555")?,
            eventos: ajustes.endpoint(EVENTOS, "127.0.0.1:5556")?,
            informes: ajustes.endpoint(INFORMES, "127.0.0.1:5557")?,
            almacen: ajustes.almacenamiento()?,
            diario: ajustes.ruta(diario::AJUSTE, "var/gestor_carga/diario.redb"),
            limites: leer_limites(ajustes)?,
            token: ajustes.texto(http::token::AJUSTE).map(PathBuf::from),
            http: ajustes.http("127.0.0.1:5655")?,
        })
    }

    /// Abre los zócalos.
    ///
    /// # Errors
    /// [`AjusteInvalido`] que nombra el ajuste del que no se pudo abrir.
    pub fn abrir(&self, contexto: &Contexto) -> Result<Zocalos, AjusteInvalido> {
        let salida = "Dé una dirección host:puerto libre de esta máquina, o pare a quien la usa";
        let abierto =
            |nombre: &str, socket: Result<Socket, ErrorDeTransporte>| socket.map_err(|e| invalido(nombre, e, salida));
        Ok(Zocalos {
            clientes: abierto(CLIENTES, contexto.router_publico(&self.clientes))?,
            eventos: abierto(EVENTOS, contexto.xpub(&self.eventos))?,
            informes: abierto(INFORMES, contexto.router(&self.informes))?,
            almacen: StorageClient::conectar(contexto, &self.almacen)
                .map_err(|e| invalido(ALMACENAMIENTO, e, "Escriba host:puerto separados por comas"))?,
        })
    }
}

fn leer_limites(ajustes: &Ajustes) -> Result<Limites, AjusteInvalido> {
    let plazos = DelGestor::de(ajustes.milisegundos("PLAZO_RESPUESTA_MS", tiempos::RESPUESTA_MS)?)?;
    Ok(Limites {
        reintento: leer_reintento(ajustes)?,
        definidos: al_menos_uno(ajustes, "FALLOS_DEFINIDOS_MAX", FALLOS_DEFINIDOS_MAX)?,
        muertes: al_menos_uno(ajustes, "MUERTES_A_SOLAS_MAX", MUERTES_MAX)?,
        ..Limites::con_plazos(plazos)
    })
}

fn leer_reintento(ajustes: &Ajustes) -> Result<Backoff, AjusteInvalido> {
    let salida = "Escriba un número de 1 a 100, por ejemplo 2.0";
    let factor = ajustes.valor::<f64>("REINTENTO_FACTOR", "2.0", salida)?;
    if !(1.0..=100.0).contains(&factor) {
        return Err(invalido("REINTENTO_FACTOR", format!("{factor} no vale"), salida));
    }
    let base = ajustes.milisegundos("REINTENTO_BASE_MS", 1_000)?;
    let tope = ajustes.milisegundos("REINTENTO_TOPE_MS", 60_000)?;
    tiempos::comprobar_reintento(base, tope)?;
    Ok(Backoff { base, factor, tope })
}

fn al_menos_uno(ajustes: &Ajustes, nombre: &str, por_defecto: u32) -> Result<u32, AjusteInvalido> {
    let salida = format!("Escriba un número desde 1, por ejemplo {por_defecto}");
    match ajustes.valor(nombre, &por_defecto.to_string(), &salida)? {
        0 => Err(invalido(nombre, "no puede ser cero", &salida)),
        n => Ok(n),
    }
}
