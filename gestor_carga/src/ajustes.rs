//! Los ajustes del gestor, con sus valores por defecto, y lo que se hace con ellos al abrir.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use common::{
    process::config::{AjusteInvalido, Ajustes, invalido},
    transport::{Contexto, Endpoint, ErrorDeTransporte, Socket, StorageClient},
};

use crate::{http, journal, machine::limites::PLAZO_RESPUESTA_MS, service::Zocalos};

const CLIENTES: &str = "GESTOR_CARGA_BIND";
const EVENTOS: &str = "GESTOR_CARGA_PUB_BIND";
const INFORMES: &str = "GESTOR_CARGA_INFORMES_BIND";
const ALMACEN: &str = "GESTOR_ALMACENAMIENTO_ENDPOINTS";

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
  HTTP_ADDR                        dirección de /salud, /listo, /metrics, /estado y /openapi.json [127.0.0.1:5655]
  RUST_LOG                         detalle del registro [info]

Salida: 0 bien, 2 una orden o un ajuste mal escritos, 1 cualquier otro fallo.";

/// Los ajustes ya leídos.
pub struct AjustesGestor {
    clientes: Endpoint,
    eventos: Endpoint,
    informes: Endpoint,
    almacen: Vec<Endpoint>,
    /// El archivo del diario.
    pub diario: PathBuf,
    /// Lo que espera un cliente.
    pub plazo: Duration,
    /// El archivo del token de quien administra.
    pub token: Option<PathBuf>,
    /// Dónde se atiende HTTP.
    pub http: SocketAddr,
}

impl AjustesGestor {
    /// Los lee.
    ///
    /// # Errors
    /// [`AjusteInvalido`].
    pub fn leer(ajustes: &Ajustes) -> Result<Self, AjusteInvalido> {
        Ok(Self {
            clientes: ajustes.endpoint(CLIENTES, "127.0.0.1:5555")?,
            eventos: ajustes.endpoint(EVENTOS, "127.0.0.1:5556")?,
            informes: ajustes.endpoint(INFORMES, "127.0.0.1:5557")?,
            almacen: ajustes.endpoints(ALMACEN, "127.0.0.1:5570,127.0.0.1:5571")?,
            diario: ajustes.ruta(journal::AJUSTE, "var/gestor_carga/diario.redb"),
            plazo: ajustes.milisegundos("PLAZO_RESPUESTA_MS", PLAZO_RESPUESTA_MS)?,
            token: ajustes.texto(http::token::AJUSTE).map(PathBuf::from),
            http: ajustes.valor(
                common::process::http::HTTP_ADDR,
                "127.0.0.1:5655",
                "Escriba IP:puerto, por ejemplo 127.0.0.1:5655",
            )?,
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
                .map_err(|e| invalido(ALMACEN, e, "Escriba host:puerto separados por comas"))?,
        })
    }
}
