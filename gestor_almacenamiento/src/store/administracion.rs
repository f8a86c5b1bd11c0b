//! Atiende lo que pide una persona, con los mismos tropiezos que un lote: si otro se cruzó se empieza otra vez, y si la
//! conexión se perdió se pregunta por otra. Todo se puede repetir.

use std::time::Instant;

use common::{
    mensajes::{Administracion, Administrada, Fallo},
    tiempos::{self, CRUCES_MAX, RESPIRO, VUELTAS},
};
use sqlx::PgConnection;

use super::{
    Conexiones, apartadas, cuentas,
    fallo::{Culpa, nada_hecho},
};

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
    match cuentas::consolidar(&mut prestada.conexion).await {
        Ok(()) => {
            conexiones.devolver(prestada);
            Ok(())
        }
        Err(error) => {
            let culpa = Culpa::de(&error);
            if matches!(culpa, Culpa::Conexion(_)) {
                conexiones.olvidar();
            } else {
                conexiones.devolver(prestada);
            }
            Err(nada_hecho(culpa.motivo()))
        }
    }
}

fn cambia(que: &Administracion) -> bool {
    matches!(que, Administracion::Recuperar(_) | Administracion::Cerrar { .. })
}

async fn insistir(conexiones: &Conexiones, que: &Administracion) -> Result<Administrada, Fallo> {
    let (inicio, mut cruces, mut en_el_aire) = (Instant::now(), 0, false);
    loop {
        let fallo = |motivo, en_el_aire: bool| Fallo { nada_hecho: !en_el_aire, motivo };
        let mut prestada = match conexiones.tomar().await {
            Ok(prestada) => prestada,
            Err(e) => return Err(fallo(Culpa::de(&e).motivo(), en_el_aire)),
        };
        let usada = prestada.usada;
        let error = match hacer(&mut prestada.conexion, que).await {
            Ok(hecho) => {
                conexiones.devolver(prestada);
                return Ok(hecho);
            }
            Err(error) => error,
        };
        let (culpa, hay_tiempo) = (Culpa::de(&error), inicio.elapsed() < VUELTAS);
        if let Culpa::Conexion(motivo) = culpa {
            conexiones.olvidar();
            en_el_aire |= cambia(que);
            if !(usada || en_el_aire) || !hay_tiempo {
                return Err(fallo(motivo, en_el_aire));
            }
            continue;
        }
        conexiones.devolver(prestada);
        match culpa {
            Culpa::Cruce(_) if cruces < CRUCES_MAX && hay_tiempo => {
                tokio::time::sleep(RESPIRO * cruces).await;
                cruces += 1;
            }
            Culpa::Operacion(motivo) if cambia(que) && !en_el_aire => return Ok(Administrada::NoEscrita { motivo }),
            otra => return Err(fallo(otra.motivo(), en_el_aire)),
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
