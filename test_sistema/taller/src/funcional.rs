//! La prueba funcional: cada operación y cada respuesta posible, contra una suite en marcha. Una línea por comprobación.
//!
//! Se puede repetir: elige preguntando lo que está libre, y devuelve todo lo que toma.

mod consultas;
mod eleccion;
mod invalidas;
mod libreta;
mod prestamos;
mod rechazos;
mod repeticiones;

use std::time::Duration;

use common::{
    dominio::{Codigo, Comando, Consulta, EjemplarId, Estado, Isbn, Objeto, UsuarioId},
    mensajes::{Pedido, Respuesta, Solicitud, descifrar},
    transport::{
        Contexto, Endpoint,
        cliente::{Cliente, Paciencia, SinRespuesta},
    },
};
use serde_json::Value;
use uuid::{NoContext, Timestamp, Uuid};

pub use self::libreta::{Libreta, Resumen};
use self::{eleccion::Eleccion, libreta::Comprobacion};

/// Lo que se espera a que haya suite.
const HAY_SUITE: Duration = Duration::from_secs(3);

/// Por qué no se pudo empezar.
#[derive(Debug, thiserror::Error)]
pub enum NoEmpieza {
    #[error(transparent)]
    SinSuite(#[from] SinRespuesta),
    /// Responde, pero no hay con qué probar.
    #[error("{0}")]
    SinMateria(String),
}

/// Una respuesta, con sus bytes.
struct Recibida {
    cuerpo: Vec<u8>,
    respuesta: Respuesta,
}

/// La prueba en marcha.
struct Prueba<'a> {
    cliente: Cliente,
    /// Otro cliente, con otra conexión.
    otro: Cliente,
    libreta: &'a mut Libreta,
    /// Lo que habría que devolver si algo se tuerce.
    tomados: Vec<EjemplarId>,
}

/// Hace todas las comprobaciones y las apunta en `libreta`.
///
/// # Errors
/// [`NoEmpieza`] si no hay suite o le falta con qué probarla.
pub async fn correr(gestores: &[Endpoint], libreta: &mut Libreta) -> Result<Resumen, NoEmpieza> {
    let contexto = Contexto::new();
    let mut cliente = Cliente::conectar(&contexto, gestores).map_err(SinRespuesta::from)?;
    let otro = Cliente::conectar(&contexto, gestores).map_err(SinRespuesta::from)?;
    let paciencia = Paciencia { primero: HAY_SUITE, repetido: HAY_SUITE, total: HAY_SUITE };
    cliente.pedir(&solicitud_nueva(Pedido::Salud).escribir(), paciencia).await?;
    let mut prueba = Prueba { cliente, otro, libreta, tomados: Vec::new() };
    let eleccion = prueba.elegir().await.map_err(NoEmpieza::SinMateria)?;
    prueba.todo(&eleccion).await;
    prueba.limpiar().await;
    Ok(prueba.libreta.resumen())
}

impl Prueba<'_> {
    async fn todo(&mut self, eleccion: &Eleccion) {
        self.consultas(eleccion).await;
        self.prestamo_con_renovaciones(eleccion).await;
        self.por_isbn(eleccion).await;
        self.disputa(eleccion).await;
        self.rechazos(eleccion).await;
        self.repeticiones(eleccion).await;
        self.invalidas(eleccion).await;
        let (a, b) = (eleccion.usuario, eleccion.otro_usuario);
        for usuario in [a, b] {
            let abiertos = self.preguntar(solicitud_nueva(Consulta::Usuario(usuario))).await;
            let bien = abiertos.and_then(|r| r.dato("abiertos", &Value::from(0)));
            self.libreta.apuntar(&format!("{usuario} queda sin préstamos, como estaba"), bien);
        }
    }

    /// Pide y lee la respuesta.
    async fn preguntar(&mut self, solicitud: Solicitud) -> Result<Recibida, String> {
        self.enviar(&solicitud.escribir()).await
    }

    async fn enviar(&mut self, cuerpo: &[u8]) -> Result<Recibida, String> {
        let contestacion = self.cliente.pedir(cuerpo, Paciencia::de_persona()).await;
        let recibida = leer(contestacion.map(|c| c.cuerpo))?;
        self.recordar(&recibida);
        Ok(recibida)
    }

    /// Lleva la cuenta de lo que se tiene.
    fn recordar(&mut self, recibida: &Recibida) {
        let datos = &recibida.respuesta.datos;
        let Some(ejemplar) = datos["ejemplar"].as_str().and_then(|e| e.parse().ok()) else { return };
        if !recibida.respuesta.exito || datos.get("prestamo").is_none() || datos.get("situacion").is_some() {
            return;
        }
        self.tomados.retain(|tomado| *tomado != ejemplar);
        if datos["devuelto"].is_null() {
            self.tomados.push(ejemplar);
        }
    }

    /// Pide y comprueba en qué queda; devuelve la respuesta si quedó en eso.
    async fn espera(&mut self, que: &str, pide: Solicitud, estado: Estado, codigo: Codigo) -> Option<Recibida> {
        let recibida = self.preguntar(pide).await.and_then(|r| r.queda(estado, codigo));
        self.anotar(que, recibida)
    }

    async fn aplica(&mut self, que: &str, pide: Solicitud) -> Option<Recibida> {
        self.espera(que, pide, Estado::Aplicada, Codigo::Ok).await
    }

    async fn rechaza(&mut self, que: &str, pide: Solicitud, codigo: Codigo) {
        self.espera(&format!("{que}: {codigo}"), pide, Estado::Rechazada, codigo).await;
    }

    fn anotar<T>(&mut self, que: &str, hallado: Result<T, String>) -> Option<T> {
        match hallado {
            Ok(valor) => {
                self.libreta.apuntar(que, Ok(()));
                Some(valor)
            }
            Err(motivo) => {
                self.libreta.apuntar(que, Err(motivo));
                None
            }
        }
    }

    /// Devuelve lo que quedó tomado porque algo se torció.
    async fn limpiar(&mut self) {
        for ejemplar in std::mem::take(&mut self.tomados) {
            let devuelto = self.preguntar(devolucion(ejemplar)).await;
            self.libreta.apuntar(&format!("se devuelve {ejemplar}, que quedó tomado"), devuelto.map(drop));
        }
    }

    async fn tomar(&mut self, que: &str, usuario: UsuarioId, ejemplar: EjemplarId) -> Option<Recibida> {
        self.aplica(que, prestamo(usuario, ejemplar)).await
    }

    async fn devolver(&mut self, que: &str, ejemplar: EjemplarId) -> Option<Recibida> {
        self.aplica(que, devolucion(ejemplar)).await
    }
}

/// Una solicitud de `pedido` con un id nuevo.
fn solicitud_nueva(pedido: impl Into<Pedido>) -> Solicitud {
    Solicitud::new(Uuid::now_v7(), pedido)
}

fn prestamo(usuario: UsuarioId, objeto: impl Into<Objeto>) -> Solicitud {
    solicitud_nueva(Comando::Prestamo { usuario, objeto: objeto.into(), sede: None })
}

fn renovacion(usuario: UsuarioId, objeto: impl Into<Objeto>) -> Solicitud {
    solicitud_nueva(Comando::Renovacion { usuario, objeto: objeto.into(), sede: None })
}

/// La de quien trae un ejemplar, sin decir de quién es.
fn devolucion(ejemplar: EjemplarId) -> Solicitud {
    solicitud_nueva(Comando::Devolucion { usuario: None, objeto: ejemplar.into(), sede: None })
}

/// Un id como si se hubiera creado `desfase` segundos después de ahora; antes, si es negativo.
fn id_desfasado(desfase: i64) -> Uuid {
    let (segundos, nanos) = Uuid::now_v7().get_timestamp().map_or((0, 0), |t| t.to_unix());
    Uuid::new_v7(Timestamp::from_unix(NoContext, segundos.saturating_add_signed(desfase), nanos))
}

fn leer(contestacion: Result<Vec<u8>, SinRespuesta>) -> Result<Recibida, String> {
    let cuerpo = contestacion.map_err(|e| e.to_string())?;
    let respuesta = descifrar(&cuerpo).map_err(|e| format!("no es una respuesta: {e}"))?;
    Ok(Recibida { cuerpo, respuesta })
}

impl Recibida {
    fn queda(self, estado: Estado, codigo: Codigo) -> Result<Self, String> {
        let Respuesta { estado: e, codigo: c, exito, mensaje, .. } = &self.respuesta;
        if (*e, *c) != (estado, codigo) {
            return Err(format!("se esperaba {estado} ({codigo}) y quedó {e} ({c}): {mensaje}"));
        }
        let debido = estado == Estado::Aplicada;
        if *exito == debido { Ok(self) } else { Err(format!("«exito» es {exito}")) }
    }

    fn dato(&self, nombre: &str, esperado: &Value) -> Comprobacion {
        let valor = &self.respuesta.datos[nombre];
        if valor == esperado { Ok(()) } else { Err(format!("«{nombre}» es {valor} y se esperaba {esperado}")) }
    }

    fn texto<T: std::str::FromStr>(&self, nombre: &str) -> Result<T, String> {
        let texto = self.respuesta.datos[nombre].as_str().and_then(|t| t.parse().ok());
        texto.ok_or_else(|| format!("la respuesta no trae «{nombre}»: {}", self.respuesta.datos))
    }

    fn isbn(&self) -> Result<Isbn, String> {
        self.texto("isbn")
    }
}
