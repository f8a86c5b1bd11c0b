//! La orden `banco-grande`: la misma carga sobre pocas filas y sobre muchas, a turnos; lo que se nota una poda; y lo
//! que cuestan mil clientes conectados de los que trabajan 64.

mod conectados;
mod disco;
mod informe;
mod poda;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anaquel::postgres::BASE;
use anyhow::Context as _;
use common::{
    process::{interrupcion::Interrupcion, progreso::Progreso},
    transport::Contexto,
};
use juicio::{estadistica::rondas::Ritmo, informe::Informe};
use taller::{carga::ampliar_descriptores, carpeta::guardar, suite::Suite};

use self::informe::{BancoGrande, Escala, Presencia};
use crate::{
    apagar,
    auditoria::{self, Cuadre},
    borrar_lo_anterior,
    cadena::{self, Salida, Tramo},
    datos, marca,
    medida::Medidas,
    reparto::{Caso, Reparto, Tamano},
    titulo,
};

/// Clientes en bucle cerrado de cada comparación.
const CLIENTES: [usize; 2] = [64, 256];
const RONDAS: usize = 3;
/// Con cuántos clientes se poda, y cuántos trabajan de los conectados.
const OCUPADOS: usize = 64;
/// Cuántos se conectan en total.
const CONECTADOS: usize = 1_000;
const PEQUENA: Tamano = Tamano { ejemplares: 65_536, usuarios: 10_000, renovables: 0 };
/// Operaciones viejas que se podan.
const VIEJAS: usize = 200_000;

/// Mide la misma carga sobre pocas filas y sobre muchas, una poda, y mil clientes conectados; audita
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "banco-grande")]
pub struct Argumentos {
    /// Ejemplares de la suite grande
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(u32).range(1_000..=50_000_000))]
    ejemplares: u32,
    /// Usuarios de la suite grande
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..=50_000_000))]
    usuarios: u32,
    /// Cuánto dura cada tramo; su primer cuarto calienta y no se mide
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    segundos: u64,
    /// El directorio donde queda banco-grande.json; las suites viven en su carpeta `banco`, que se vacía al empezar
    #[arg(long, env = "ANAQUEL_VAR", default_value = "var")]
    var: PathBuf,
}

impl Argumentos {
    fn tamano(&self) -> Tamano {
        let numero = |n: u32| usize::try_from(n).expect("32 bits caben");
        Tamano { ejemplares: numero(self.ejemplares), usuarios: numero(self.usuarios), renovables: 0 }
    }

    fn dura(&self) -> Duration {
        Duration::from_secs(self.segundos)
    }
}

/// Una suite con sus datos y lo que reconoció.
struct Lado {
    suite: Suite,
    tamano: Tamano,
    contexto: Contexto,
    medidas: Medidas,
}

/// Las dos suites, y lo que dura un tramo.
struct Suites {
    pequena: Lado,
    grande: Lado,
    dura: Duration,
    semilla: u64,
}

/// Mide y audita; `true` si en las dos lo reconocido está, una vez, y nada quedó sin decidir.
///
/// # Errors
/// Si no hay sitio, las suites no se pueden levantar o el banco no puede seguir.
pub async fn correr(pedido: &Argumentos) -> anyhow::Result<bool> {
    let dir = pedido.var.join("banco");
    borrar_lo_anterior(&dir).with_context(|| format!("no se puede vaciar {}", dir.display()))?;
    disco::comprobar(&pedido.var, pedido.tamano(), VIEJAS)?;
    // Antes de levantarlas: el gestor hereda el límite, y tiene una conexión por cliente.
    ampliar_descriptores(2 * CONECTADOS);
    let mut interrupcion = Interrupcion::atender()?;
    titulo("Se levantan dos suites propias, la pequeña y la grande");
    let mut esto = Suites {
        pequena: Lado::levantar(&dir.join("pequena"), PEQUENA).await?,
        grande: Lado::levantar(&dir.join("grande"), pedido.tamano()).await?,
        dura: pedido.dura(),
        semilla: 0,
    };
    let mut medido = BancoGrande::new(PEQUENA, pedido.tamano());
    let fin = interrupcion.hasta(esto.todo(&dir, &mut medido)).await;
    let apagadas = apagar(esto.pequena.suite).await.and(apagar(esto.grande.suite).await);
    medido.juzgar();
    let informe = Informe::de(medido);
    print!("{}", informe.texto());
    fin?;
    apagadas?;
    let ruta = pedido.var.join("banco-grande.json");
    guardar(&ruta, &informe).with_context(|| format!("no se puede escribir {}", ruta.display()))?;
    println!("\n  {}; todo, en {}", marca(informe.vale()), ruta.display());
    Ok(informe.vale())
}

impl Lado {
    async fn levantar(var: &Path, tamano: Tamano) -> anyhow::Result<Self> {
        let suite = Suite::levantar(var, None).await?;
        Ok(Self { suite, tamano, contexto: Contexto::new(), medidas: Medidas::default() })
    }

    /// Corre un tramo, y se queda con lo que reconoció.
    async fn correr(&mut self, clientes: usize, dura: Duration, semilla: u64) -> anyhow::Result<Salida> {
        let reparto = Reparto { caso: Caso::Separados, clientes, tamano: self.tamano, paso: 0 };
        let tramo = Tramo { reparto, conexiones: reparto.clientes, dura, calentar: dura / 4, semilla };
        let mut salida = cadena::correr(&self.contexto, &self.suite.clientes(), tramo).await?;
        self.medidas.sumar(std::mem::take(&mut salida.acuses), std::mem::take(&mut salida.fallos));
        Ok(salida)
    }

    async fn auditar(&self) -> anyhow::Result<Cuadre> {
        Ok(auditoria::auditar(&self.suite.postgres()?, &self.medidas.acuses).await?)
    }
}

impl Suites {
    async fn todo(&mut self, dir: &Path, informe: &mut BancoGrande) -> anyhow::Result<()> {
        informe.carga_s = self.cargar().await?.as_secs();
        titulo("La misma carga sobre las dos, a turnos");
        for clientes in CLIENTES {
            let escala = self.comparar(clientes).await?;
            println!("{}", escala.texto());
            informe.escala.push(escala);
        }
        titulo(&format!("Se podan {VIEJAS} operaciones viejas de la grande, con {OCUPADOS} clientes"));
        self.semilla += 1;
        let poda = poda::medir(&mut self.grande, OCUPADOS, self.semilla, dir).await?;
        println!("{}", poda.texto());
        informe.poda = Some(poda);
        titulo(&format!("{CONECTADOS} clientes conectados, {OCUPADOS} ocupados"));
        let conectados = self.conectados().await?;
        println!("{}", conectados.texto());
        informe.conectados = Some(conectados);
        titulo("Auditoría: lo reconocido contra lo que hay en PostgreSQL");
        for (nombre, lado) in [("pequena", &self.pequena), ("grande", &self.grande)] {
            let veredicto = lado.auditar().await?;
            println!("  {nombre}:\n{veredicto}");
            informe.auditoria.insert(nombre.to_owned(), veredicto);
            informe.fallos.sumar(lado.medidas.fallos.clone());
        }
        Ok(())
    }

    async fn cargar(&self) -> anyhow::Result<Duration> {
        let Tamano { ejemplares, usuarios, .. } = self.grande.tamano;
        titulo(&format!("Se cargan {ejemplares} ejemplares y {usuarios} usuarios, y otra con {}", PEQUENA.ejemplares));
        let reloj = Instant::now();
        let viejas = u64::try_from(VIEJAS).unwrap_or(0);
        let progreso = Progreso::de_filas(datos::filas(self.grande.tamano) + datos::filas(PEQUENA) + viejas);
        for lado in [&self.pequena, &self.grande] {
            datos::cargar(&lado.suite.postgres()?, BASE, lado.tamano, |n| progreso.avanzar(n)).await?;
        }
        let dias = poda::DIAS;
        datos::envejecer(&self.grande.suite.postgres()?, BASE, VIEJAS, dias, |n| progreso.avanzar(n)).await?;
        drop(progreso);
        println!("  en {} s", reloj.elapsed().as_secs());
        Ok(reloj.elapsed())
    }

    /// Las dos a turnos; cada ronda empieza la otra.
    async fn comparar(&mut self, clientes: usize) -> anyhow::Result<Escala> {
        let progreso = self.barra(&format!("{clientes} clientes"));
        let (mut pequena, mut grande) = (Vec::new(), Vec::new());
        for ronda in 0..RONDAS {
            for turno in 0..2 {
                self.semilla += 1;
                let es_pequena = (ronda + turno) % 2 == 0;
                let lado = if es_pequena { &mut self.pequena } else { &mut self.grande };
                let salida = lado.correr(clientes, self.dura, self.semilla).await?;
                if es_pequena {
                    pequena.push(salida.ritmo);
                } else {
                    grande.push(salida.ritmo);
                }
                progreso.avanzar(self.dura.as_secs());
            }
        }
        Ok(Escala::de(clientes, &pequena, &grande))
    }

    /// Los ocupados solos, y con los demás mirando, a turnos.
    async fn conectados(&mut self) -> anyhow::Result<Presencia> {
        let progreso = self.barra("ocupados solos y con los demás");
        let (mut solos, mut con_los_demas): (Vec<Ritmo>, Vec<Ritmo>) = (Vec::new(), Vec::new());
        for ronda in 0..RONDAS {
            for turno in 0..2 {
                self.semilla += 1;
                let van_solos = (ronda + turno) % 2 == 0;
                let endpoint = self.pequena.suite.clientes();
                let otros = if van_solos { 0 } else { CONECTADOS - OCUPADOS };
                let conectados = conectados::conectar(&endpoint, otros).await?;
                let salida = self.pequena.correr(OCUPADOS, self.dura, self.semilla).await?;
                drop(conectados);
                if van_solos {
                    solos.push(salida.ritmo);
                } else {
                    con_los_demas.push(salida.ritmo);
                }
                progreso.avanzar(self.dura.as_secs());
            }
        }
        Ok(Presencia::de(CONECTADOS, OCUPADOS, &solos, &con_los_demas))
    }

    fn barra(&self, que: &str) -> Progreso {
        let progreso = Progreso::de_segundos(self.dura.as_secs() * 2 * u64::try_from(RONDAS).unwrap_or(1));
        progreso.decir(que.to_owned());
        progreso
    }
}
