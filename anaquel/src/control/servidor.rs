//! El lado de la suite: atiende a quien pregunta, unos pocos a la vez y con plazo para todo.

use std::{io, path::Path, sync::Arc, time::Duration};

use common::tiempos::{INICIO, MARGEN_DE_PARADA};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::Semaphore,
    time::timeout,
};

use super::{Fila, LINEA_MAX, Mandato, RespuestaDelLanzador, ZOCALO};
use crate::{
    supervisor::{EstadoDeProceso, Mando, PedidoAlSupervisor, machine::Fase},
    zocalo::{self, Ruta},
};

/// Conversaciones a la vez; las demás esperan en el zócalo.
const A_LA_VEZ: usize = 16;
/// Cuánto tiene quien conecta para decir qué quiere, y para recoger la respuesta.
const PLAZO_DE_LINEA: Duration = Duration::from_secs(5);

/// El zócalo de control de una suite.
pub struct Control {
    oyente: UnixListener,
    mando: Mando,
    /// Un proceso que no es nuestro pero se nombra como los demás.
    ajeno: Option<Fila>,
}

impl Control {
    /// Abre el zócalo en el directorio de la suite. Quien llama tiene su cerrojo: uno viejo se quita.
    ///
    /// # Errors
    /// Si no se puede crear ahí.
    pub fn abrir(var: &Path, mando: Mando, ajeno: Option<Fila>) -> io::Result<Self> {
        let ruta = Ruta::new(var, ZOCALO)?;
        zocalo::quitar_el_viejo(&ruta.ruta)?;
        let oyente = UnixListener::bind(&ruta.ruta)?;
        zocalo::cerrar_a_los_demas(&ruta.ruta)?;
        Ok(Self { oyente, mando, ajeno })
    }

    /// Atiende hasta que se suelta.
    pub async fn atender(self) {
        let (este, turnos) = (Arc::new(self), Arc::new(Semaphore::new(A_LA_VEZ)));
        loop {
            let Ok(turno) = Arc::clone(&turnos).acquire_owned().await else { return };
            let Ok((zocalo, _)) = este.oyente.accept().await else {
                // Sin descriptores: los que hay se liberarán.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let este = Arc::clone(&este);
            tokio::spawn(async move {
                if let Err(e) = este.conversar(zocalo).await {
                    tracing::debug!("control: {e}");
                }
                drop(turno);
            });
        }
    }

    async fn conversar(&self, mut zocalo: UnixStream) -> io::Result<()> {
        let mut linea = String::new();
        let (lee, mut escribe) = zocalo.split();
        timeout(PLAZO_DE_LINEA, BufReader::new(lee.take(LINEA_MAX)).read_line(&mut linea)).await??;
        let respuesta = match serde_json::from_str(&linea) {
            Ok(orden) => self.responder(orden).await,
            Err(e) => RespuestaDelLanzador::Desconocido { mensaje: format!("la orden no se entiende: {e}") },
        };
        let mut linea = serde_json::to_string(&respuesta)?;
        linea.push('\n');
        timeout(PLAZO_DE_LINEA, escribe.write_all(linea.as_bytes())).await?
    }

    async fn responder(&self, orden: Mandato) -> RespuestaDelLanzador {
        match orden {
            Mandato::Estado => RespuestaDelLanzador::Estado { filas: self.filas().await },
            Mandato::Parar { nombre } => match self.buscar(&nombre) {
                Ok(i) => self.parar(i).await,
                Err(respuesta) => respuesta,
            },
            Mandato::Iniciar { nombre } => match self.buscar(&nombre) {
                Ok(i) => self.iniciar(i).await,
                Err(respuesta) => respuesta,
            },
        }
    }

    fn buscar(&self, nombre: &str) -> Result<usize, RespuestaDelLanzador> {
        if self.ajeno.as_ref().is_some_and(|a| a.nombre == nombre) {
            let mensaje = format!("{nombre} no es de esta suite (se dio DATABASE_URL): párelo e inícielo donde corre");
            return Err(RespuestaDelLanzador::Fallo { mensaje });
        }
        let nombres: Vec<&str> = self.mando.fichas.iter().map(|f| f.nombre).collect();
        nombres.iter().position(|n| *n == nombre).ok_or_else(|| {
            let mensaje = format!("no hay un proceso llamado {nombre}. Son: {}", nombres.join(", "));
            RespuestaDelLanzador::Desconocido { mensaje }
        })
    }

    async fn parar(&self, i: usize) -> RespuestaDelLanzador {
        let ficha = &self.mando.fichas[i];
        if self.foto(i).fase == Fase::Parado {
            return RespuestaDelLanzador::Hecho { mensaje: format!("{} ya estaba parado", ficha.nombre) };
        }
        self.mando.pedir(PedidoAlSupervisor::Parar(i)).await;
        let plazo = ficha.perfil.plazo_de_parada + MARGEN_DE_PARADA;
        if self.esperar(i, plazo, |f| f.fase == Fase::Parado).await {
            RespuestaDelLanzador::Hecho {
                mensaje: format!("{} parado; queda así hasta «anaquel iniciar»", ficha.nombre),
            }
        } else {
            RespuestaDelLanzador::Fallo { mensaje: format!("{} no paró en {} s", ficha.nombre, plazo.as_secs()) }
        }
    }

    async fn iniciar(&self, i: usize) -> RespuestaDelLanzador {
        let nombre = self.mando.fichas[i].nombre;
        let listo = |f: &EstadoDeProceso| matches!(f.fase, Fase::EnMarcha { listo: true, .. });
        let antes = self.foto(i);
        if listo(&antes) {
            let pid = antes.pid.unwrap_or_default();
            return RespuestaDelLanzador::Hecho { mensaje: format!("{nombre} ya estaba en marcha (pid {pid})") };
        }
        self.mando.pedir(PedidoAlSupervisor::Iniciar(i)).await;
        if self.esperar(i, INICIO, listo).await {
            let pid = self.foto(i).pid.unwrap_or_default();
            return RespuestaDelLanzador::Hecho { mensaje: format!("{nombre} en marcha y listo (pid {pid})") };
        }
        let plazo = INICIO.as_secs();
        RespuestaDelLanzador::Fallo {
            mensaje: format!("{nombre} no está listo en {plazo} s; se sigue intentando. Mire log/{nombre}.log"),
        }
    }

    fn foto(&self, i: usize) -> EstadoDeProceso {
        self.mando.fotos.borrow()[i]
    }

    /// Espera a que un proceso esté como se quiere.
    async fn esperar(&self, i: usize, plazo: Duration, como: impl Fn(&EstadoDeProceso) -> bool) -> bool {
        let mut fotos = self.mando.fotos.clone();
        timeout(plazo, fotos.wait_for(|f| como(&f[i]))).await.is_ok_and(|r| r.is_ok())
    }

    /// El estado de todos; a los que viven se les pregunta, a la vez, si están listos ahora.
    async fn filas(&self) -> Vec<Fila> {
        let fotos = self.mando.fotos.borrow().clone();
        let preguntas: Vec<_> = fotos
            .iter()
            .enumerate()
            .map(|(i, foto)| {
                let (mando, pid) = (self.mando.clone(), foto.pid);
                tokio::spawn(async move {
                    match pid {
                        Some(pid) => mando.fichas[i].sonda.mirar(pid).await,
                        None => false,
                    }
                })
            })
            .collect();
        let mut filas: Vec<Fila> = self.ajeno.iter().cloned().collect();
        for (i, pregunta) in preguntas.into_iter().enumerate() {
            let listo = pregunta.await.unwrap_or(false);
            filas.push(fila(self.mando.fichas[i].nombre, &fotos[i], listo, &self.mando.fichas[i].direcciones));
        }
        filas
    }
}

fn fila(nombre: &str, foto: &EstadoDeProceso, listo: bool, direcciones: &str) -> Fila {
    let estado = match foto.fase {
        Fase::EnEspera => "espera a postgres",
        Fase::Parado => "parado",
        Fase::Pendiente { .. } => "murió; se rearranca",
        Fase::EnMarcha { .. } if listo => "listo",
        Fase::EnMarcha { listo: false, .. } => "arrancando",
        Fase::EnMarcha { listo: true, .. } => "en marcha, no está listo",
        Fase::Parando { .. } => "parando",
    };
    Fila {
        nombre: nombre.to_owned(),
        estado: estado.to_owned(),
        pid: foto.pid,
        reinicios: foto.reinicios,
        desde_s: Some(foto.desde.elapsed().as_secs()),
        direcciones: direcciones.to_owned(),
    }
}
