//! La orden `operar`: lo que la API de un gestor de carga muestra y admite, en tablas y frases para una persona.

mod mostrar;
mod tabla;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use common::{
    process::{
        config::{AjusteInvalido, invalido},
        http::cliente::{self, PeticionHttp},
        orden::MAL_ESCRITO,
    },
    transport::Endpoint,
};
use serde_json::{Value, json};
use uuid::Uuid;

use self::mostrar::leida;
use crate::http::{error::ErrorHttp, token::AJUSTE as TOKEN_ARCHIVO};

/// El ajuste con la dirección HTTP del gestor que se opera.
const GESTOR_CARGA_HTTP: &str = "GESTOR_CARGA_HTTP";
/// Donde «anaquel servir» deja el token.
const TOKEN_POR_DEFECTO: &str = "var/gestor_carga/token";
/// Más de lo que el gestor espera por el almacenamiento.
const PLAZO: Duration = Duration::from_secs(8);
/// Hecho.
const HECHO: u8 = 0;
/// El gestor dijo que no.
const NEGADO: u8 = 1;
/// Nadie contestó, o el gestor no puede ahora.
const SIN_RESPUESTA: u8 = 3;

/// A quién se pregunta y qué.
#[derive(Clone, Debug, clap::Args)]
pub struct Argumentos {
    /// La dirección HTTP del gestor de carga
    #[arg(long, global = true, env = GESTOR_CARGA_HTTP, default_value = "127.0.0.1:5655", value_name = "IP:PUERTO")]
    http: SocketAddr,
    /// El archivo con el token que piden las órdenes que cambian algo; sin él, el de «anaquel servir»
    #[arg(long, global = true, env = TOKEN_ARCHIVO, value_name = "ARCHIVO")]
    token_archivo: Option<PathBuf>,
    /// Muestra la respuesta tal como llegó
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    orden: OrdenDeOperar,
}

/// Una página de una lista.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Pagina {
    /// Cuántas filas se saltan
    #[arg(long, default_value_t = 0)]
    desde: u32,
    /// Cuántas caben
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    cuantas: u32,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum OrdenDeOperar {
    /// Las operaciones sin decidir, por orden de llegada
    Tareas {
        /// Solo las que están así
        #[arg(long, value_parser = ["PENDIENTE", "ASIGNADA", "EN_CURSO", "REINTENTO"])]
        estado: Option<String>,
        /// Solo las de este tipo
        #[arg(long, value_parser = ["prestamo", "devolucion", "renovacion"])]
        tipo: Option<String>,
        /// Solo las que nombran esta copia
        #[arg(long)]
        ejemplar: Option<common::dominio::EjemplarId>,
        /// Solo las que nombran este título
        #[arg(long, conflicts_with = "ejemplar")]
        isbn: Option<common::dominio::Isbn>,
        #[command(flatten)]
        pagina: Pagina,
    },
    Tarea {
        id: Uuid,
    },
    /// Las operaciones apartadas, de la más reciente a la más antigua
    Apartadas {
        /// También las que alguien ya resolvió
        #[arg(long)]
        todas: bool,
        #[command(flatten)]
        pagina: Pagina,
    },
    /// Lo prometido que no se aplicó y nadie ha cerrado
    Buzon(Pagina),
    /// Las filas del diario que no se entienden: se prometieron y nadie las decidirá solo
    Ilegibles(Pagina),
    /// Los circuitos del gestor y de los actores
    Circuitos,
    /// Los números del gestor, las cuentas de lo decidido y los libros más prestados
    Cuentas,
    /// Decide de nuevo, ahora, una operación apartada
    Recuperar {
        id: Uuid,
    },
    /// Da por no hecha una operación apartada
    Cerrar {
        id: Uuid,
        /// Por qué
        #[arg(long)]
        nota: String,
    },
    CerrarBuzon {
        id: Uuid,
        /// Por qué
        #[arg(long)]
        nota: String,
    },
    /// Adelanta el siguiente intento de una operación
    Reintentar {
        id: Uuid,
    },
    /// Restablece el circuito de un punto de almacenamiento
    Restablecer {
        /// El punto, como lo muestra «operar circuitos»
        endpoint: Endpoint,
    },
}

/// Lo que se pide al gestor.
struct PedidoHttp {
    metodo: &'static str,
    ruta: String,
    cuerpo: String,
}

/// Pide y muestra; devuelve el estado de salida.
pub async fn correr(argumentos: &Argumentos) -> u8 {
    let pedido = argumentos.orden.pedido();
    let archivo = argumentos.token_archivo.as_deref().unwrap_or(Path::new(TOKEN_POR_DEFECTO));
    let token = match (pedido.metodo == "POST").then(|| leer_token(archivo)).transpose() {
        Ok(token) => token,
        Err(e) => {
            eprintln!("gestor_carga: {e}");
            return MAL_ESCRITO;
        }
    };
    let PedidoHttp { metodo, ruta, cuerpo } = &pedido;
    let peticion = PeticionHttp { metodo, ruta, token: token.as_deref(), cuerpo, plazo: PLAZO };
    let (codigo, texto) = match cliente::pedir(argumentos.http, peticion).await {
        Ok(contestado) => contestado,
        Err(e) => {
            eprintln!("gestor_carga: {} no contesta: {e}. {}", argumentos.http, salida_del_ajuste());
            return SIN_RESPUESTA;
        }
    };
    let mostrado = match codigo {
        _ if argumentos.json => serde_json::from_str(&texto).map(|valor: Value| format!("{valor}\n")),
        200 => argumentos.orden.mostrar(&texto),
        _ => Ok(String::new()),
    };
    let queja = (codigo != 200).then(|| serde_json::from_str::<ErrorHttp>(&texto)).transpose();
    let (Ok(mostrado), Ok(queja)) = (mostrado, queja) else {
        eprintln!("gestor_carga: {} no habla como un gestor de carga. {}", argumentos.http, salida_del_ajuste());
        return SIN_RESPUESTA;
    };
    print!("{mostrado}");
    if let Some(ErrorHttp { codigo, mensaje, .. }) = queja {
        eprintln!("gestor_carga: {mensaje} ({codigo})");
    }
    salida(codigo)
}

fn salida_del_ajuste() -> String {
    format!(
        "Dé en {GESTOR_CARGA_HTTP} (o en --http) la dirección HTTP de un gestor en marcha: con «anaquel servir», «source var/anaquel.env»"
    )
}

fn salida(codigo: u16) -> u8 {
    match codigo {
        200 => HECHO,
        500.. => SIN_RESPUESTA,
        400 | 401 | 403 | 413 | 422 => MAL_ESCRITO,
        _ => NEGADO,
    }
}

fn leer_token(archivo: &Path) -> Result<String, AjusteInvalido> {
    let no_vale = |motivo: &dyn std::fmt::Display| {
        let salida = "Nombre el archivo con el token del gestor; el de «anaquel servir» es var/gestor_carga/token";
        invalido(TOKEN_ARCHIVO, format!("{}: {motivo}", archivo.display()), salida)
    };
    let texto = fs::read_to_string(archivo).map_err(|e| no_vale(&e))?;
    let token = texto.trim();
    if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(no_vale(&"lo que hay no es un token"));
    }
    Ok(token.to_owned())
}

impl OrdenDeOperar {
    fn pedido(&self) -> PedidoHttp {
        let mirar = |ruta: String| PedidoHttp { metodo: "GET", ruta, cuerpo: String::new() };
        let ordenar = |ruta: String| PedidoHttp { metodo: "POST", ruta, cuerpo: String::new() };
        let con_nota =
            |ruta: String, nota: &str| PedidoHttp { cuerpo: json!({"nota": nota}).to_string(), ..ordenar(ruta) };
        let raiz = "/fault-tolerance";
        match self {
            Self::Tareas { estado, tipo, ejemplar, isbn, pagina } => {
                let filtro =
                    |nombre: &str, valor: Option<String>| valor.map_or_else(String::new, |v| format!("&{nombre}={v}"));
                let filtros = filtro("estado", estado.clone())
                    + &filtro("tipo", tipo.clone())
                    + &filtro("ejemplar", ejemplar.map(|e| e.to_string()))
                    + &filtro("isbn", isbn.map(|i| i.to_string()));
                mirar(format!("{raiz}/tasks?{}{filtros}", pagina.parametros()))
            }
            Self::Tarea { id } => mirar(format!("{raiz}/tasks/{id}")),
            Self::Apartadas { todas, pagina } => {
                mirar(format!("{raiz}/dead-letter-queue?{}&todas={todas}", pagina.parametros()))
            }
            Self::Buzon(pagina) => mirar(format!("{raiz}/inbox?{}", pagina.parametros())),
            Self::Ilegibles(pagina) => mirar(format!("{raiz}/unreadable?{}", pagina.parametros())),
            Self::Circuitos => mirar(format!("{raiz}/circuit-breakers")),
            Self::Cuentas => mirar(format!("{raiz}/stats")),
            Self::Recuperar { id } => ordenar(format!("{raiz}/dead-letter-queue/{id}/recover")),
            Self::Cerrar { id, nota } => con_nota(format!("{raiz}/dead-letter-queue/{id}/close"), nota),
            Self::CerrarBuzon { id, nota } => con_nota(format!("{raiz}/inbox/{id}/close"), nota),
            Self::Reintentar { id } => ordenar(format!("{raiz}/tasks/{id}/retry")),
            Self::Restablecer { endpoint } => ordenar(format!("{raiz}/circuit-breakers/{endpoint}/reset")),
        }
    }

    fn mostrar(&self, texto: &str) -> serde_json::Result<String> {
        match self {
            Self::Tareas { .. } => leida(texto, mostrar::tareas),
            Self::Tarea { .. } => leida(texto, mostrar::tarea),
            Self::Apartadas { .. } => leida(texto, mostrar::apartadas),
            Self::Buzon(_) => leida(texto, mostrar::buzon),
            Self::Ilegibles(_) => leida(texto, mostrar::ilegibles),
            Self::Circuitos => leida(texto, mostrar::circuitos),
            Self::Cuentas => leida(texto, mostrar::cuentas),
            Self::Recuperar { .. } => leida(texto, mostrar::decidida),
            Self::Cerrar { .. } | Self::CerrarBuzon { .. } | Self::Reintentar { .. } => leida(texto, mostrar::hecho),
            Self::Restablecer { .. } => leida(texto, mostrar::restablecido),
        }
    }
}

impl Pagina {
    fn parametros(self) -> String {
        format!("desde={}&cuantas={}", self.desde, self.cuantas)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(clap::Parser)]
    struct Mandato {
        #[command(flatten)]
        argumentos: Argumentos,
    }

    #[test]
    fn las_tareas_se_piden_por_titulo_y_no_por_titulo_y_copia_a_la_vez() {
        let de = |filtros: &[&str]| Mandato::try_parse_from(["operar", "tareas"].iter().chain(filtros));
        let mandato = de(&["--isbn", "9780061120084"]).unwrap_or_else(|e| panic!("{e}"));
        let ruta = mandato.argumentos.orden.pedido().ruta;
        assert_eq!(ruta, "/fault-tolerance/tasks?desde=0&cuantas=50&isbn=9780061120084");
        assert!(de(&["--isbn", "9780061120084", "--ejemplar", "E000123"]).is_err());
    }
}
