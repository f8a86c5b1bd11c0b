//! Lo que una persona hace con las operaciones apartadas: verlas, recuperarlas o cerrarlas.
//!
//! Resolver una es un lote con un efecto más, sobre su fila de `operaciones`: la primera que la ve apartada la cambia, y las demás la
//! encuentran resuelta. Quien repite lo que ya se hizo recibe lo mismo; quien quería otra cosa, cómo se resolvió.

use chrono::{DateTime, Utc};
use common::{
    dominio::{Codigo, Comando, Estado, Huella, OperacionId, SedeId},
    mensajes::{
        Administrada, MotivoDeApartar, Orden, Respuesta,
        administracion::{Apartada, Resolucion},
    },
    process::puntos_de_muerte::{self, Punto},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    foto::{self, de_codigo, ilegible},
    guardado,
};
use crate::machine::{
    Decidida, Foto, LoteDecidido, Nombrado, Resuelta,
    pliegue::{decidir_una, momento},
};

/// Filas en una página, como mucho.
const PAGINA_MAX: u32 = 500;
/// Bytes de las historias de una página: quien la recibe admite 4 MiB en total.
const HISTORIAS_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Lo que lee quien pidió una operación que se cierra.
const CERRADA: &str = "La operación se revisó: no se hizo ni se hará; si aún la quiere, pídala con un id nuevo";

/// La sentencia de una página de las que nadie resolvió, de la más reciente a la más antigua.
pub const ABIERTAS: &str = "-- apartadas::abiertas
    SELECT id, huella, comando, motivo, historia, aceptada, apartada, resolucion, codigo, nota, resuelta
    FROM apartadas WHERE resuelta IS NULL ORDER BY apartada DESC, id DESC OFFSET $1 LIMIT $2";
/// Lo mismo, de todas.
pub const TODAS: &str = "-- apartadas::todas
    SELECT id, huella, comando, motivo, historia, aceptada, apartada, resolucion, codigo, nota, resuelta
    FROM apartadas ORDER BY apartada DESC, id DESC OFFSET $1 LIMIT $2";
/// La sentencia de una sola.
pub const UNA: &str = "-- apartadas::una
    SELECT id, huella, comando, motivo, historia, aceptada, apartada, resolucion, codigo, nota, resuelta
    FROM apartadas WHERE id = $1";

struct Fila {
    id: Uuid,
    huella: Vec<u8>,
    comando: String,
    motivo: String,
    historia: String,
    aceptada: DateTime<Utc>,
    apartada: DateTime<Utc>,
    resolucion: Option<String>,
    codigo: Option<String>,
    nota: Option<String>,
    resuelta: Option<DateTime<Utc>>,
}

de_columnas!(Fila: id, huella, comando, motivo, historia, aceptada, apartada, resolucion, codigo, nota, resuelta);

/// Una página de las apartadas.
pub(super) async fn pagina(
    c: &mut PgConnection,
    solo_abiertas: bool,
    desde: u32,
    cuantas: u32,
) -> sqlx::Result<Administrada> {
    let total = "-- apartadas::total
        SELECT count(*) FROM apartadas WHERE resuelta IS NULL OR NOT $1";
    let total: i64 = sqlx::query_scalar(total).bind(solo_abiertas).fetch_one(&mut *c).await?;
    let sql = if solo_abiertas { ABIERTAS } else { TODAS };
    let pagina = sqlx::query_as(sql).bind(i64::from(desde)).bind(i64::from(cuantas.min(PAGINA_MAX)));
    let filas: Vec<Fila> = pagina.fetch_all(c).await?;
    let mut bytes = 0;
    let caben = filas.into_iter().enumerate().take_while(|(i, fila)| {
        bytes += fila.historia.len();
        // Una siempre: la que no quepa con otra se ve sola.
        *i == 0 || bytes <= HISTORIAS_BYTES_MAX
    });
    let filas = caben.map(|(_, fila)| fila.apartada()).collect::<sqlx::Result<_>>()?;
    Ok(Administrada::Apartadas { filas, total: u64::try_from(total).unwrap_or(0) })
}

/// Una apartada, resuelta o no.
pub(super) async fn una(c: &mut PgConnection, id: OperacionId) -> sqlx::Result<Administrada> {
    match buscar(c, id).await? {
        Some(fila) => Ok(Administrada::Apartada(Box::new(fila.apartada()?))),
        None => Ok(Administrada::NoExiste),
    }
}

/// La decide de nuevo, con su aceptación de entonces y lo que hay ahora, y lo escribe todo en una transacción.
pub(super) async fn recuperar(c: &mut PgConnection, id: OperacionId) -> sqlx::Result<Administrada> {
    let Some(fila) = buscar(c, id).await? else { return Ok(Administrada::NoExiste) };
    match fila.resolucion()? {
        Some(Resolucion::Recuperada { .. }) => return lo_guardado(c, id).await,
        Some(cerrada) => return Ok(Administrada::YaResuelta(cerrada)),
        None => {}
    }
    let orden = fila.orden()?;
    let mut foto = foto::leer(c, &[Nombrado { id, comando: Some(orden.comando) }]).await?;
    let Decidida { estado, respuesta, sede, .. } = decidir_una(&mut foto, &orden.into());
    let resuelta = Resuelta { id, como: "recuperada", estado, respuesta, nota: None };
    resolver(c, &foto, &orden.comando, sede, resuelta).await
}

/// Da por bueno que no se hará.
pub(super) async fn cerrar(c: &mut PgConnection, id: OperacionId, nota: &str) -> sqlx::Result<Administrada> {
    // PostgreSQL no guarda un NUL, y por él no ha de fallar lo que se le pide.
    let nota = nota.replace('\0', "\u{fffd}");
    let Some(fila) = buscar(c, id).await? else { return Ok(Administrada::NoExiste) };
    match fila.resolucion()? {
        Some(Resolucion::Cerrada { nota: suya, .. }) if suya == nota => return lo_guardado(c, id).await,
        Some(otra) => return Ok(Administrada::YaResuelta(otra)),
        None => {}
    }
    let orden = fila.orden()?;
    let foto = foto::leer(c, &[Nombrado { id, comando: None }]).await?;
    let respuesta = Respuesta::new(Some(id.uuid()), Estado::Error, Codigo::ErrorInterno, momento(&foto, &orden));
    let respuesta = respuesta.con_mensaje(CERRADA).guardada();
    let resuelta = Resuelta { id, como: "cerrada", estado: "anulada", respuesta, nota: Some(nota) };
    resolver(c, &foto, &orden.comando, orden.comando.sede(), resuelta).await
}

/// Cambia la fila si nadie la cambió, y escribe con ella lo que se decidió sobre `foto`.
async fn resolver(
    c: &mut PgConnection,
    foto: &Foto,
    comando: &Comando,
    sede: Option<SedeId>,
    resuelta: Resuelta,
) -> sqlx::Result<Administrada> {
    let respuesta = resuelta.respuesta.clone();
    let mut lote = LoteDecidido::new(foto, Vec::new());
    // Se contó al apartarla, con la sede que pedía.
    lote.sumandos.ya_no(comando.tipo(), Codigo::EnRevision, comando.sede());
    lote.sumandos.decidida(comando.tipo(), respuesta.codigo, sede);
    lote.resuelta = Some(resuelta);
    puntos_de_muerte::pasar(Punto::AlmacenAntesDeGuardar);
    guardado::guardar(c, &lote).await?;
    puntos_de_muerte::pasar(Punto::AlmacenGuardadaSinContestar);
    Ok(Administrada::Decidida(respuesta))
}

async fn buscar(c: &mut PgConnection, id: OperacionId) -> sqlx::Result<Option<Fila>> {
    sqlx::query_as(UNA).bind(id.uuid()).fetch_optional(c).await
}

/// La respuesta de una operación resuelta; ninguna, si la están podando.
async fn lo_guardado(c: &mut PgConnection, id: OperacionId) -> sqlx::Result<Administrada> {
    let mut foto = foto::leer(c, &[Nombrado { id, comando: None }]).await?;
    let guardada = foto.decididas.remove(&id);
    Ok(guardada.map_or(Administrada::NoExiste, |(_, respuesta)| Administrada::Decidida(respuesta)))
}

impl Fila {
    fn comando(&self) -> sqlx::Result<Comando> {
        serde_json::from_str(&self.comando).map_err(ilegible)
    }

    fn id(&self) -> sqlx::Result<OperacionId> {
        OperacionId::try_new(self.id).map_err(ilegible)
    }

    fn orden(&self) -> sqlx::Result<Orden> {
        Ok(Orden {
            id: self.id()?,
            huella: Huella::from_bytes(&self.huella).ok_or_else(|| ilegible("una huella no mide 16 bytes"))?,
            aceptada: self.aceptada.into(),
            intento: 0,
            sola: true,
            comando: self.comando()?,
        })
    }

    fn resolucion(&self) -> sqlx::Result<Option<Resolucion>> {
        let Some(cuando) = self.resuelta else { return Ok(None) };
        let resolucion = match (self.resolucion.as_deref(), &self.codigo, &self.nota) {
            (Some("recuperada"), Some(codigo), _) => Resolucion::Recuperada { codigo: de_codigo(codigo)?, cuando },
            (Some("cerrada"), _, Some(nota)) => Resolucion::Cerrada { nota: nota.clone(), cuando },
            (otra, ..) => return Err(ilegible(format!("«{otra:?}» no es una resolución"))),
        };
        Ok(Some(resolucion))
    }

    fn apartada(&self) -> sqlx::Result<Apartada> {
        let motivo = MotivoDeApartar::TODOS.into_iter().find(|m| m.as_str() == self.motivo);
        Ok(Apartada {
            id: self.id()?,
            comando: self.comando()?,
            motivo: motivo.ok_or_else(|| ilegible(format!("«{}» no es un motivo", self.motivo)))?,
            historia: serde_json::from_str(&self.historia).map_err(ilegible)?,
            aceptada: self.aceptada,
            apartada: self.apartada,
            resolucion: self.resolucion()?,
        })
    }
}
