//! El final de una carga: espera a que lo prometido se decida, devuelve lo que quedó prestado y audita.

use std::time::Duration;

use common::{
    dominio::{Comando, Huella, Objeto, Tipo},
    mensajes::Solicitud,
    transport::{
        Contexto, Endpoint,
        cliente::{Cliente, Paciencia, SinRespuesta},
    },
};
use juicio::{
    auditoria::{Sembrados, Veredicto},
    historia::Historia,
};
use uuid::Uuid;

use crate::base::{Base, Error};

/// Lo que se espera a que se decida lo prometido.
const DECIDIR_MAX: Duration = Duration::from_secs(15);
/// Promesas por las que además se pregunta al gestor, como haría quien las recibió.
const PREGUNTAS: usize = 64;

/// Por qué no se pudo cerrar.
#[derive(Debug, thiserror::Error)]
pub enum NoCierra {
    #[error(transparent)]
    Base(#[from] Error),
    #[error(transparent)]
    Gestor(#[from] SinRespuesta),
}

/// Cierra la carga y da su veredicto. Lo que se devuelve aquí se añade a la historia.
///
/// # Errors
/// [`NoCierra`] si la base o el gestor no contestan.
pub async fn cerrar(
    gestores: &[Endpoint],
    base: &Base,
    historia: &mut Historia,
    sembrados: &Sembrados,
) -> Result<Veredicto, NoCierra> {
    let prometidas = historia.por_decidir();
    // Lo que no se decida a tiempo lo dirá la auditoría, por su nombre.
    base.esperar_decisiones(&prometidas, DECIDIR_MAX).await?;
    let mut cliente = Cliente::conectar(&Contexto::new(), gestores).map_err(SinRespuesta::from)?;
    for id in prometidas.into_iter().take(PREGUNTAS) {
        let contestacion = cliente.pedir(&Solicitud::por(id).escribir(), Paciencia::de_persona()).await?;
        historia.vista(&contestacion.cuerpo);
    }
    let prestamos: Vec<Uuid> =
        historia.registros().filter(|(_, r)| r.tipo == Tipo::Prestamo).map(|(id, _)| *id).collect();
    for (_, ejemplar) in base.abiertos(&prestamos).await? {
        let comando = Comando::Devolucion { usuario: None, objeto: Objeto::Ejemplar(ejemplar), sede: None };
        pedir_comando(&mut cliente, &comando, historia).await?;
    }
    // Una devolución puede haber quedado en promesa.
    base.esperar_decisiones(&historia.por_decidir(), DECIDIR_MAX).await?;
    Ok(base.auditar(historia, sembrados).await?)
}

/// Pide `comando` con un id nuevo hasta que se lo reconozcan, y lo apunta; devuelve el id y la respuesta.
pub async fn pedir_comando(
    cliente: &mut Cliente,
    comando: &Comando,
    historia: &mut Historia,
) -> Result<(Uuid, Vec<u8>), SinRespuesta> {
    let id = Uuid::now_v7();
    historia.pedida(id, comando.tipo(), Huella::de(comando));
    let cuerpo = Solicitud::new(id, *comando).escribir();
    let contestacion = cliente.pedir(&cuerpo, Paciencia::insistente(DECIDIR_MAX)).await?;
    historia.vista(&contestacion.cuerpo);
    Ok((id, contestacion.cuerpo))
}
