//! Mueve la máquina de un lote contra la base: dos viajes por trozo, por una misma conexión.
//!
//! Entre un viaje y otro no hay transacción abierta: un gestor de almacenamiento parado no retiene nada.

use std::time::Instant;

use common::{
    mensajes::Desenlace,
    process::puntos_de_muerte::{self, Punto},
    tiempos::{FOTO, PETICION},
};
use sqlx::PgConnection;
use tokio::time::{sleep, timeout};

use super::{Conexiones, fallo::Culpa, foto, guardado};
pub use crate::machine::Decidido;
use crate::{
    lote::Encargo,
    machine::{Nombrado, PasoDeVuelta, Vuelta},
};

/// Escribe `encargos`, en su orden.
pub async fn decidir(conexiones: &Conexiones, encargos: impl IntoIterator<Item: Into<Encargo>>) -> Decidido {
    let mut vuelta = Vuelta::new(Instant::now(), encargos.into_iter().map(Into::into).collect());
    loop {
        match vuelta.paso() {
            PasoDeVuelta::Leer(_) | PasoDeVuelta::Guardar(_) => viajar(conexiones, &mut vuelta).await,
            PasoDeVuelta::Esperar(cuanto) => {
                metrics::counter!("anaquel_lotes_repetidos_total").increment(1);
                sleep(cuanto).await;
                vuelta.on_espera();
            }
            PasoDeVuelta::Acabar => break,
        }
    }
    let decidido = vuelta.decidido();
    for ((id, _), desenlace) in &decidido.desenlaces {
        if let Desenlace::NoEscrita { motivo } = desenlace {
            tracing::error!("la operación {id} no se puede escribir: {motivo}");
        }
    }
    decidido
}

/// Los dos viajes de un trozo. Si algo va mal y la conexión ya no vale, la suelta.
async fn viajar(conexiones: &Conexiones, vuelta: &mut Vuelta) {
    let mut prestada = match conexiones.tomar().await {
        Ok(prestada) => prestada,
        Err(e) => return vuelta.on_tropiezo(Instant::now(), Culpa::Conexion(e.to_string()), false),
    };
    let usada = prestada.usada;
    let hecho = dos_viajes(&mut prestada.conexion, vuelta).await.map_err(|e| Culpa::de(&e));
    conexiones.recoger(prestada, hecho.as_ref().err());
    if let Err(culpa) = hecho {
        vuelta.on_tropiezo(Instant::now(), culpa, usada);
    }
}

async fn dos_viajes(c: &mut PgConnection, vuelta: &mut Vuelta) -> sqlx::Result<()> {
    if let PasoDeVuelta::Leer(trozo) = vuelta.paso() {
        let nombrado: Vec<_> = trozo.iter().map(Nombrado::from).collect();
        let foto = timeout(FOTO, foto::leer(c, &nombrado)).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
        vuelta.on_foto(foto);
    }
    if let PasoDeVuelta::Guardar(lote) = vuelta.paso() {
        puntos_de_muerte::pasar(Punto::AlmacenAntesDeGuardar);
        timeout(PETICION, guardado::guardar(c, lote)).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
        puntos_de_muerte::pasar(Punto::AlmacenGuardadaSinContestar);
        vuelta.on_guardado();
    }
    Ok(())
}
