//! La suborden `demo`: levanta una suite propia, la carga, mata sus procesos de verdad y audita. Acaba con un informe.

mod clasicas;
mod muertes;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, bail};
use common::transport::{Contexto, Endpoint};
use juicio::{
    auditoria::Sembrados,
    historia::Historia,
    informe::{Cuentas, Muertes},
};
use taller::{
    base::Base,
    carga::{Carga, Plan, cierre},
    carpeta::{guardar, vaciar},
    funcional::{self, Libreta},
    suite::Suite,
};
use tokio::time::Instant;

/// Clientes de la carga.
const CLIENTES: usize = 64;
/// Operaciones que hay que reconocer, por lo menos, para que la demostración valga.
const OPERACIONES_MIN: u64 = 20_000;
/// Lo que puede durar una pausa donde otro proceso toma el relevo.
const PAUSA_MAX: Duration = Duration::from_millis(500);

/// Dónde se hace.
#[derive(Clone, Debug, clap::Args)]
pub struct Argumentos {
    /// El directorio donde queda el informe; la suite de la demostración vive en su carpeta `demo`
    #[arg(long, env = "ANAQUEL_VAR", default_value = "var")]
    var: PathBuf,
}

/// La demostración en marcha.
struct Demo<'a> {
    suite: &'a Suite,
    contexto: Contexto,
    endpoint: Endpoint,
    base: Base,
    sembrados: Sembrados,
    historia: Historia,
    /// Lo que no salió como debía, además de lo que diga la auditoría.
    tropiezos: Vec<String>,
}

/// Hace la demostración; `true` si no se perdió ni se dobló nada, no hubo errores y las pausas fueron cortas.
///
/// # Errors
/// Si la suite no se puede levantar o la demostración no puede seguir.
pub async fn correr(pedido: &Argumentos) -> anyhow::Result<bool> {
    let principio = Instant::now();
    let var = pedido.var.join("demo");
    vaciar(&var).with_context(|| format!("no se puede vaciar {}", var.display()))?;
    titulo("Se levanta una suite propia y se carga el catálogo");
    let suite = Suite::levantar(&var, None).await?;
    println!("  clientes en {}, registros en {}", suite.clientes(), var.join("log").display());
    let hecho = tokio::select! {
        hecho = simulacros(&suite) => hecho,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrumpida; la suite se apagó")),
    };
    let apagada = suite.apagar().await;
    let (informe, mut tropiezos) = hecho?;
    match apagada {
        Ok(estado) if estado.success() => {}
        Ok(estado) => tropiezos.push(format!("la suite se apagó con {estado}")),
        Err(e) => tropiezos.push(e.to_string()),
    }
    let ruta = pedido.var.join("informe.json");
    guardar(&ruta, &informe).with_context(|| format!("no se puede escribir el informe en {}", ruta.display()))?;
    Ok(concluir(&informe, &tropiezos, principio.elapsed(), &ruta.display().to_string()))
}

async fn simulacros(suite: &Suite) -> anyhow::Result<(Muertes, Vec<String>)> {
    let base = Base::abrir(&suite.base_de_datos()?).await?;
    let sembrados = base.sembrados().await?;
    let mut demo = Demo {
        suite,
        contexto: Contexto::new(),
        endpoint: suite.clientes(),
        base,
        sembrados,
        historia: Historia::default(),
        tropiezos: Vec::new(),
    };
    demo.funcional("Prueba funcional").await?;
    titulo(&format!("Muertes con kill -9, con {CLIENTES} clientes pidiendo sin parar"));
    let fallos = demo.muertes().await?;
    demo.prueba_1().await?;
    demo.prueba_2().await?;
    titulo("Auditoría: lo reconocido contra lo que hay en PostgreSQL");
    let veredicto = cierre::cerrar(demo.endpoint.as_ref(), &demo.base, &mut demo.historia, &demo.sembrados).await?;
    let informe = Muertes { cuentas: Cuentas::de(&demo.historia, &veredicto), fallos };
    demo.tropiezos.extend(veredicto.hallazgos);
    demo.tropiezos.extend(demo.historia.textos_de_errores.iter().map(|texto| format!("error: {texto}")));
    Ok((informe, demo.tropiezos))
}

impl Demo<'_> {
    async fn funcional(&mut self, que: &str) -> anyhow::Result<()> {
        titulo(que);
        let resumen = funcional::correr(self.endpoint.as_ref(), &mut Libreta::callada()).await?;
        println!("  {} comprobaciones bien, {} mal", resumen.bien, resumen.mal.len());
        self.tropiezos.extend(resumen.mal);
        Ok(())
    }

    async fn empezar_carga(&self) -> anyhow::Result<Carga> {
        let disponible = self.base.disponible().await?;
        if disponible.ejemplares.is_empty() || disponible.usuarios.is_empty() {
            bail!("la suite no tiene catálogo. Corra la demostración desde la carpeta del proyecto, donde está datos/");
        }
        let plan = Plan {
            clientes: CLIENTES,
            disponible,
            solo_calientes: false,
            reposo: Duration::ZERO,
            tolerante: false,
            semilla: 7,
        };
        Ok(Carga::empezar(&self.contexto, self.endpoint.as_ref(), plan)?)
    }

    /// Apunta algo que no salió como debía, y lo dice.
    fn tropiezo(&mut self, texto: String) {
        println!("  ✘ {texto}");
        self.tropiezos.push(texto);
    }

    /// Comprueba y lo dice.
    fn comprobar(&mut self, que: &str, bien: bool) {
        if bien {
            println!("  ✔ {que}");
        } else {
            self.tropiezo(que.to_owned());
        }
    }
}

fn titulo(texto: &str) {
    println!("\n▸ {texto}");
}

fn concluir(informe: &Muertes, tropiezos: &[String], duro: Duration, ruta: &str) -> bool {
    titulo("Informe");
    print!("{}", informe.tabla());
    let mut peros = informe.cuentas.faltas(OPERACIONES_MIN);
    peros.extend(tropiezos.iter().cloned());
    for pero in &peros {
        println!("  ✘ {pero}");
    }
    let bien = peros.is_empty();
    println!("\n  {} en {:.0} s; {ruta}", if bien { "✔ todo cuadra," } else { "✘ NO cuadra," }, duro.as_secs_f64());
    bien
}
