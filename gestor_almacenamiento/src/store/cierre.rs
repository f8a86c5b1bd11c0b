//! Decide en contra de operaciones que nadie decidió: su fila dice `anulada` o `apartada`, y quien llegue después con su id
//! recibe eso. Si ya estaban decididas, vale lo decidido.

use common::{
    dominio::{Codigo, Estado},
    mensajes::{Cierre, Expediente, Fin, Orden, Respuesta},
    process::puntos_de_muerte::{self, Punto},
};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::{
    escritura::{Desenlaces, Escribible, a_tiempo_de_guardar, a_tiempo_de_leer, desenlaces, momento, sin_decidir},
    foto::{self, Foto, columna},
    guardado::{self, Decidida},
};
use crate::sumandos::Sumandos;

/// Lo que lee quien pidió una operación que se anula.
const ANULADA: &str = "La operación no se hizo ni se hará; si aún la quiere, pídala con un id nuevo";

impl Escribible for Cierre {
    async fn escribir(c: &mut PgConnection, trozo: &[Self], guardando: &mut bool) -> sqlx::Result<Desenlaces> {
        let ids: Vec<Uuid> = columna(trozo, |e| e.orden.id.uuid());
        let foto = a_tiempo_de_leer(foto::leer_ids(c, &ids)).await?;
        let nuevos = sin_decidir(&foto, trozo);
        let decididas: Vec<_> = nuevos.iter().map(|cierre| terminar(&foto, cierre)).collect();
        if !nuevos.is_empty() {
            *guardando = true;
            puntos_de_muerte::pasar(Punto::AlmacenAntesDeGuardar);
            a_tiempo_de_guardar(guardar(c, &foto, &decididas, &nuevos)).await?;
            puntos_de_muerte::pasar(Punto::AlmacenGuardadaSinContestar);
        }
        Ok(desenlaces(foto, trozo, decididas))
    }
}

fn terminar<'a>(foto: &Foto, cierre: &'a Cierre) -> Decidida<'a> {
    let orden = &cierre.orden;
    let respuesta = |estado, codigo| Respuesta::nueva(Some(orden.id.uuid()), estado, codigo, momento(foto, orden));
    let (estado, respuesta) = match &cierre.fin {
        Fin::Anular(codigo) => ("anulada", respuesta(Estado::Error, *codigo).con_mensaje(ANULADA)),
        Fin::Apartar(_) => ("apartada", respuesta(Estado::Pendiente, Codigo::EnRevision)),
    };
    Decidida { orden, estado, respuesta: respuesta.guardada(), sede: orden.comando.sede() }
}

/// Las filas de `operaciones` y, de lo que se aparta, su expediente: todo o nada.
async fn guardar(
    c: &mut PgConnection,
    foto: &Foto,
    decididas: &[Decidida<'_>],
    cierres: &[&Cierre],
) -> sqlx::Result<()> {
    let expedientes: Vec<_> = cierres.iter().filter_map(|c| Some((&c.orden, expediente(&c.fin)?))).collect();
    let mut tx = c.begin().await?;
    let hecho = async {
        guardado::guardar(&mut tx, foto, decididas.iter().collect(), Sumandos::default()).await?;
        if expedientes.is_empty() { Ok(()) } else { anotar(&mut tx, &expedientes).await }
    };
    match hecho.await {
        Ok(()) => tx.commit().await,
        // Se deshace ya: en la conexión que se devuelve no queda nadie esperando por estas filas.
        Err(error) => tx.rollback().await.and(Err(error)),
    }
}

fn expediente(fin: &Fin) -> Option<&Expediente> {
    match fin {
        Fin::Apartar(expediente) => Some(expediente),
        Fin::Anular(_) => None,
    }
}

async fn anotar(c: &mut PgConnection, apartadas: &[(&Orden, &Expediente)]) -> sqlx::Result<()> {
    let sql = "-- cierre::anotar
        INSERT INTO apartadas (id, huella, comando, motivo, historia, aceptada)
        SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])";
    sqlx::query(sql)
        .bind(columna(apartadas, |(orden, _)| orden.id.uuid()))
        .bind(columna(apartadas, |(orden, _)| orden.huella.as_bytes().as_slice()))
        .bind(columna(apartadas, |(orden, _)| json(&orden.comando)))
        .bind(columna(apartadas, |(_, expediente)| expediente.motivo.as_str()))
        .bind(columna(apartadas, |(_, expediente)| json(&expediente.historia)))
        .bind(columna(apartadas, |(orden, _)| orden.aceptada.fecha()))
        .execute(c)
        .await
        .map(drop)
}

fn json(valor: &impl serde::Serialize) -> String {
    serde_json::to_string(valor).expect("un mensaje siempre es JSON")
}
