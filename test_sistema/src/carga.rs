//! La suborden `carga`: carga una suite en marcha, muestra cómo va, audita y deja el informe.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, bail};
use common::{
    mensajes::{Pedido, Solicitud},
    process::progreso::Progreso,
    transport::{
        Contexto, Endpoint,
        cliente::{Cliente, Paciencia},
    },
};
use juicio::informe::{Cuentas, Muertes, Ritmo};
use serde::Serialize;
use taller::{
    base::Base,
    carga::{CLIENTES_MAX, Carga, Plan, cierre},
    carpeta::guardar,
    suite::url_de_la_base,
};
use tokio::time::sleep;

/// Cada cuánto se mueve la barra.
const TIC: Duration = Duration::from_millis(100);

/// Cómo se carga.
#[derive(Clone, Debug, clap::Args)]
pub struct Argumentos {
    /// Clientes en bucle cerrado, cada uno con su conexión
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=i64::try_from(CLIENTES_MAX).unwrap_or(1)))]
    clientes: u16,
    /// Cuánto dura
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    segundos: u64,
    /// Dónde dejar el informe en JSON
    #[arg(long)]
    informe: Option<PathBuf>,
    /// La base que se audita; sin ella, la de la suite de ANAQUEL_VAR
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    base: Option<String>,
    /// El directorio de la suite
    #[arg(long, env = "ANAQUEL_VAR", default_value = "var")]
    var: PathBuf,
}

/// El informe de una carga: el de siempre, y a qué ritmo fue.
#[derive(Serialize)]
struct Medida<'a> {
    clientes: u16,
    segundos: u64,
    #[serde(flatten)]
    ritmo: Ritmo,
    #[serde(flatten)]
    informe: &'a Muertes,
    hallazgos: &'a [String],
}

/// Carga, audita y muestra; `true` si no se perdió ni se dobló nada y no hubo errores.
///
/// # Errors
/// Si no hay suite, o no se llega a su base.
pub async fn correr(gestores: &[Endpoint], pedido: &Argumentos) -> anyhow::Result<bool> {
    let url = match &pedido.base {
        Some(url) => url.clone(),
        None => url_de_la_base(&pedido.var.join("anaquel.env")).context(
            "no se sabe dónde está la base que se audita: dé DATABASE_URL, o el directorio de la suite en ANAQUEL_VAR",
        )?,
    };
    let contexto = Contexto::new();
    let salud = Solicitud::new(uuid::Uuid::now_v7(), Pedido::Salud).escribir();
    Cliente::conectar(&contexto, gestores)?.pedir(&salud, Paciencia::de_persona()).await?;
    let base = Base::abrir(&url).await.context("ajuste DATABASE_URL")?;
    let (disponible, sembrados) = (base.disponible().await?, base.sembrados().await?);
    if disponible.ejemplares.is_empty() || disponible.usuarios.is_empty() {
        bail!(
            "no hay ejemplares y usuarios libres. Cargue el catálogo: gestor_almacenamiento importar datos/libros_10k.csv"
        );
    }
    let semilla = uuid::Uuid::now_v7().as_u64_pair().1;
    let plan = Plan {
        clientes: usize::from(pedido.clientes),
        disponible,
        solo_calientes: false,
        reposo: Duration::ZERO,
        tolerante: false,
        semilla,
    };
    let carga = Carga::empezar(&contexto, gestores, plan)?;
    tokio::select! {
        () = mostrar(&carga, Duration::from_secs(pedido.segundos)) => {}
        _ = tokio::signal::ctrl_c() => println!("interrumpida: se cierra y se audita lo hecho"),
    }
    let duro = carga.transcurrido();
    let mut historia = carga.terminar().await;
    let ritmo = Ritmo::de(&historia, duro);
    let veredicto = cierre::cerrar(gestores, &base, &mut historia, &sembrados).await?;
    let informe = Muertes { cuentas: Cuentas::de(&historia, &veredicto), fallos: Vec::new() };
    print!("{}", informe.tabla());
    println!(
        "\n  {} respuestas/s con {} clientes; p50 {} ms, p99 {} ms, máxima {} ms",
        ritmo.respuestas_por_segundo, pedido.clientes, ritmo.p50_ms, ritmo.p99_ms, ritmo.max_ms
    );
    for texto in veredicto.hallazgos.iter().chain(&historia.textos_de_errores) {
        println!("  ✘ {texto}");
    }
    if let Some(ruta) = &pedido.informe {
        let segundos = duro.as_secs();
        let medida =
            Medida { clientes: pedido.clientes, segundos, ritmo, informe: &informe, hallazgos: &veredicto.hallazgos };
        guardar(ruta, &medida).with_context(|| format!("no se puede escribir el informe en {}", ruta.display()))?;
        println!("  informe en {}", ruta.display());
    }
    Ok(informe.cuentas.faltas(0).is_empty())
}

/// La barra, hasta que pase `dura`.
async fn mostrar(carga: &Carga, dura: Duration) {
    let barra = Progreso::de_segundos(dura.as_secs());
    while carga.transcurrido() < dura {
        let (hace, respuestas) = (carga.transcurrido(), carga.respuestas());
        barra.hasta(hace.as_secs());
        let por_segundo = u128::try_from(respuestas).unwrap_or(0) * 1000 / hace.as_millis().max(1);
        barra.decir(format!("{respuestas} respuestas · {por_segundo}/s"));
        sleep(TIC.min(dura.saturating_sub(hace))).await;
    }
}
