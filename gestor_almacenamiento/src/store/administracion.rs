//! Atiende lo que pide una persona, con los mismos tropiezos que un lote: si otro se cruzó se empieza otra vez, y si la
//! conexión se perdió se pregunta por otra. Todo se puede repetir.

use std::time::Instant;

use common::{
    mensajes::{Administracion, Administrada, Fallo},
    tiempos,
};
use sqlx::PgConnection;

use super::{
    Conexiones, apartadas, cuentas,
    fallo::{Culpa, nada_hecho},
};
use crate::machine::{Intentos, Otra};

/// Hace lo que se pide.
///
/// # Errors
/// [`Fallo`] si la base no contesta.
pub async fn administrar(conexiones: &Conexiones, que: &Administracion) -> Result<Administrada, Fallo> {
    let no_se_sabe = || Fallo { nada_hecho: !cambia(que), motivo: "la base no contesta a tiempo".into() };
    tokio::time::timeout(tiempos::PETICION, insistir(conexiones, que)).await.unwrap_or_else(|_| Err(no_se_sabe()))
}

/// Pasa a las cuentas lo que esté por sumar.
///
/// # Errors
/// [`Fallo`] si la base no contesta; lo que no se sumó sigue ahí.
pub async fn consolidar(conexiones: &Conexiones) -> Result<(), Fallo> {
    let mut prestada = conexiones.tomar().await.map_err(|e| nada_hecho(Culpa::de(&e).motivo()))?;
    let hecho = cuentas::consolidar(&mut prestada.conexion).await.map_err(|e| Culpa::de(&e));
    conexiones.recoger(prestada, hecho.as_ref().err());
    hecho.map_err(|culpa| nada_hecho(culpa.motivo()))
}

fn cambia(que: &Administracion) -> bool {
    matches!(que, Administracion::Recuperar(_) | Administracion::Cerrar { .. })
}

async fn insistir(conexiones: &Conexiones, que: &Administracion) -> Result<Administrada, Fallo> {
    let mut intentos = Intentos::desde(Instant::now());
    loop {
        let mut prestada = match conexiones.tomar().await {
            Ok(prestada) => prestada,
            Err(e) => return Err(intentos.fallo(Culpa::de(&e).motivo())),
        };
        let usada = prestada.usada;
        let hecho = hacer(&mut prestada.conexion, que).await.map_err(|e| Culpa::de(&e));
        conexiones.recoger(prestada, hecho.as_ref().err());
        let culpa = match hecho {
            Ok(hecho) => return Ok(hecho),
            Err(culpa) => culpa,
        };
        match (intentos.tropezar(Instant::now(), &culpa, usada, cambia(que)), culpa) {
            (Otra::EnSeguida, _) => {}
            (Otra::Tras(respiro), _) => tokio::time::sleep(respiro).await,
            (Otra::No, Culpa::Operacion(motivo)) if cambia(que) && !intentos.en_el_aire() => {
                return Ok(Administrada::NoEscrita { motivo });
            }
            (Otra::No, otra) => return Err(intentos.fallo(otra.motivo())),
        }
    }
}

async fn hacer(c: &mut PgConnection, que: &Administracion) -> sqlx::Result<Administrada> {
    match que {
        Administracion::Apartadas { solo_abiertas, desde, cuantas } => {
            apartadas::pagina(c, *solo_abiertas, *desde, *cuantas).await
        }
        Administracion::Apartada(id) => apartadas::una(c, *id).await,
        Administracion::Recuperar(id) => apartadas::recuperar(c, *id).await,
        Administracion::Cerrar { id, nota } => apartadas::cerrar(c, *id, nota).await,
        Administracion::Cuentas => cuentas::todas(c).await,
        Administracion::MasPrestados { cuantos } => cuentas::mas_prestados(c, *cuantos).await,
    }
}
