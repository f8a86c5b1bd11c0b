//! El primer préstamo de una suite recién levantada.

use std::time::Duration;

use anyhow::{Context as _, bail};
use common::{
    dominio::{Comando, EjemplarId, Objeto, UsuarioId},
    transport::{Cliente, Contexto},
};
use juicio::historia::Historia;
use taller::{base::Base, carga::cierre::pedir_comando, suite::Suite};
use tokio::time::Instant;

use crate::{medida::Medidas, pausa::apuntar, reparto::PRIMERO};

/// Presta algo del catálogo de muestra; dice cuánto tardó en prestarlo, sin lo que tardó en elegirlo.
///
/// # Errors
/// Si no hay nada que prestar, o no se presta.
pub async fn primer_prestamo_libre(
    suite: &Suite,
    contexto: &Contexto,
    medidas: &mut Medidas,
) -> anyhow::Result<Duration> {
    let disponible = Base::abrir(&suite.base_de_datos()?).await?.disponible().await?;
    let (Some((ejemplar, _)), Some(usuario)) = (disponible.ejemplares.first(), disponible.usuarios.first()) else {
        bail!("la suite no tiene catálogo. Corra el banco desde la carpeta del proyecto, donde está datos/");
    };
    let reloj = Instant::now();
    prestar(suite, contexto, *ejemplar, *usuario, medidas).await?;
    Ok(reloj.elapsed())
}

/// Presta el primer ejemplar del banco.
///
/// # Errors
/// Si no se presta.
pub async fn primer_prestamo(suite: &Suite, contexto: &Contexto, medidas: &mut Medidas) -> anyhow::Result<()> {
    let ejemplar = format!("B{PRIMERO}").parse().context("ejemplar del banco")?;
    let usuario = format!("V{PRIMERO}").parse().context("usuario del banco")?;
    prestar(suite, contexto, ejemplar, usuario, medidas).await
}

async fn prestar(
    suite: &Suite,
    contexto: &Contexto,
    ejemplar: EjemplarId,
    usuario: UsuarioId,
    medidas: &mut Medidas,
) -> anyhow::Result<()> {
    let mut cliente = Cliente::conectar(contexto, suite.clientes().as_ref())?;
    let mut historia = Historia::default();
    let prestamo = Comando::Prestamo { usuario, objeto: Objeto::Ejemplar(ejemplar), sede: None };
    let (id, respuesta) = pedir_comando(&mut cliente, &prestamo, &mut historia).await?;
    let decidido = historia.registro(id).is_some_and(|r| r.decidida.is_some());
    apuntar(&historia, medidas);
    if decidido { Ok(()) } else { bail!("el primer préstamo no se decidió: {}", String::from_utf8_lossy(&respuesta)) }
}
