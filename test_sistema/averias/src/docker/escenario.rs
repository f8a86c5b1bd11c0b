//! La demostración en marcha: con qué se pide, con qué se mira, y lo que se va anotando.

use std::{collections::BTreeMap, fs, time::Duration};

use anyhow::{Context as _, bail};
use common::{
    dominio::Comando,
    mensajes::Solicitud,
    transport::{
        Contexto, Endpoint,
        cliente::{Cliente, Paciencia},
    },
};
use juicio::{
    auditoria::Sembrados,
    historia::{Historia, Vista},
};
use taller::{
    base::{Base, Disponible},
    carga::{Carga, Plan, cierre::pedir_comando},
    funcional::{self, Libreta},
};
use tokio::time::sleep;
use uuid::Uuid;

use super::{
    maquinas::Maquinas,
    motor::{LARGA, docker},
    plan,
};

/// Clientes de la carga, y lo que descansa cada uno entre dos pedidos: unos centenares de operaciones por segundo, que dejan
/// máquina para los contenedores.
const CLIENTES: usize = 32;
const REPOSO: Duration = Duration::from_millis(50);
/// Lo que se mira quién guarda.
const MIRAR_QUIEN: Duration = Duration::from_secs(1);
/// Éxitos que demuestran que se trabaja, y lo que pueden tardar.
const EXITOS: usize = 200;
const TRABAJAR_MAX: Duration = Duration::from_secs(20);
/// Lo que se mira después de romper algo, por lo menos.
const VENTANA: Duration = Duration::from_secs(2);
/// Lo que puede tardar todo en volver a la calma.
pub(super) const CALMA_MAX: Duration = Duration::from_mins(1);
const CLAVE: &str = "secretos/clave_servicio";

/// Algo que se rompió bajo carga, y entre cuándo y cuándo, desde el principio de la carga, se mide.
pub(super) struct RoturaMedida {
    pub que: String,
    pub limite: Option<Duration>,
    pub desde: Duration,
    pub hasta: Duration,
}

/// Lo que se necesita en cada práctica.
pub(super) struct Escenario<'a> {
    pub maquinas: &'a Maquinas,
    pub endpoint: Endpoint,
    pub contexto: Contexto,
    pub base: Base,
    pub sembrados: Sembrados,
    /// Lo que se pide a mano, fuera de la carga.
    pub a_mano: Historia,
    pub ventanas: Vec<RoturaMedida>,
    pub tropiezos: Vec<String>,
}

/// La base de las máquinas levantadas, como la ve el servicio: solo se lee.
pub(super) async fn abrir_base() -> anyhow::Result<Base> {
    let clave =
        fs::read_to_string(CLAVE).with_context(|| format!("no se puede leer {CLAVE}. Hágala con «make secretos»"))?;
    let url = format!("postgres://anaquel_servicio:{}@127.0.0.1:5432/anaquel", clave.trim());
    Ok(Base::abrir(&url).await?)
}

impl<'a> Escenario<'a> {
    /// Con las máquinas levantadas y el catálogo cargado.
    pub async fn new(maquinas: &'a Maquinas, endpoint: Endpoint) -> anyhow::Result<Self> {
        let base = abrir_base().await?;
        let sembrados = base.sembrados().await?;
        Ok(Self {
            maquinas,
            endpoint,
            contexto: Contexto::new(),
            base,
            sembrados,
            a_mano: Historia::default(),
            ventanas: Vec::new(),
            tropiezos: Vec::new(),
        })
    }

    /// Lo que puede usar la carga y, aparte, lo que queda para lo demás.
    pub async fn disponible(&self) -> anyhow::Result<(Disponible, Disponible)> {
        let (carga, resto) = plan::repartir(self.base.disponible().await?);
        if [&carga, &resto].iter().any(|d| d.ejemplares.is_empty() || d.usuarios.is_empty()) {
            bail!("la base no tiene el catálogo de muestra, datos/libros_10k.csv");
        }
        Ok((carga, resto))
    }

    /// Pone a trabajar a los clientes, y espera a que trabajen.
    pub async fn cargar(&self, tolerante: bool, semilla: u64) -> anyhow::Result<Carga> {
        let disponible = self.disponible().await?.0;
        let plan = Plan { clientes: CLIENTES, disponible, solo_calientes: false, reposo: REPOSO, tolerante, semilla };
        let carga = Carga::empezar(&self.contexto, self.endpoint.as_ref(), plan)?;
        anyhow::ensure!(carga.esperar_exitos(EXITOS, TRABAJAR_MAX, |_| true).await, "la carga no arranca");
        Ok(carga)
    }

    /// Rompe algo bajo carga y espera a que se vuelva a trabajar; apunta la ventana en que se mide.
    pub async fn romper(
        &mut self,
        carga: &Carga,
        que: &str,
        limite: Option<Duration>,
        romper: impl Future<Output = anyhow::Result<()>>,
    ) -> anyhow::Result<()> {
        println!("  {que}");
        let desde = carga.transcurrido();
        romper.await?;
        let trabaja = carga.esperar_exitos(EXITOS, TRABAJAR_MAX, |_| true).await;
        sleep(VENTANA.saturating_sub(carga.transcurrido().saturating_sub(desde))).await;
        self.ventanas.push(RoturaMedida { que: que.to_owned(), limite, desde, hasta: carga.transcurrido() });
        if !trabaja {
            self.tropiezo(format!("tras «{que}» no se volvió a trabajar"));
        }
        Ok(())
    }

    /// Espera a que todo esté como al principio.
    pub async fn calma(&mut self) -> anyhow::Result<()> {
        if let Err(e) = self.maquinas.esperar_calma(CALMA_MAX).await {
            self.tropiezo(e.to_string());
        }
        Ok(())
    }

    /// El gestor de almacenamiento en uso: el que más guarda. La base ve de dónde viene cada conexión; lo que viene de la
    /// segunda máquina entra por el puerto publicado, y no con la dirección de su contenedor.
    pub async fn almacen_en_uso(&self) -> anyhow::Result<&'static str> {
        let cuentas = self.base.guardan(MIRAR_QUIEN).await?;
        let vistos = self.maquinas.vistos().await?;
        let de = |ip: &str| {
            let visto = vistos.iter().find(|v| v.ip.is_some_and(|suya| suya.to_string() == ip))?;
            plan::PC1.into_iter().find(|nombre| *nombre == visto.nombre)
        };
        let mut por_nombre: BTreeMap<&str, usize> = BTreeMap::new();
        for (ip, cuantos) in &cuentas {
            *por_nombre.entry(de(ip).unwrap_or("almacen_pc2")).or_default() += cuantos;
        }
        let en_uso = por_nombre.into_iter().max_by_key(|(_, cuantos)| *cuantos);
        Ok(en_uso.context("con la carga en marcha nadie guarda nada")?.0)
    }

    /// La prueba funcional, también bajo carga: no comparten ni ejemplares ni usuarios.
    pub async fn funcional(&mut self, cuando: &str) -> anyhow::Result<()> {
        let resumen = funcional::correr(self.endpoint.as_ref(), &mut Libreta::callada()).await?;
        println!("  prueba funcional {cuando}: {} comprobaciones bien, {} mal", resumen.bien, resumen.mal.len());
        self.tropiezos.extend(resumen.mal.into_iter().map(|mal| format!("prueba funcional {cuando}: {mal}")));
        Ok(())
    }

    /// Pide `comando` con un id nuevo, y lo apunta en la historia que se audita.
    pub async fn operar(&mut self, comando: &Comando) -> anyhow::Result<(Uuid, Vista)> {
        let mut cliente = Cliente::conectar(&self.contexto, self.endpoint.as_ref())?;
        let (id, cuerpo) = pedir_comando(&mut cliente, comando, &mut self.a_mano).await?;
        Ok((id, Vista::leer(&cuerpo).context("el gestor no contestó una respuesta")?))
    }

    /// Qué fue de una operación.
    pub async fn preguntar_por(&mut self, id: Uuid) -> anyhow::Result<Vista> {
        let mut cliente = Cliente::conectar(&self.contexto, self.endpoint.as_ref())?;
        let contestacion = cliente.pedir(&Solicitud::por(id).escribir(), Paciencia::de_persona()).await?;
        self.a_mano.vista(&contestacion.cuerpo);
        Vista::leer(&contestacion.cuerpo).context("el gestor no contestó una respuesta")
    }

    /// Apunta algo que no salió como debía, y lo dice.
    pub fn tropiezo(&mut self, texto: String) {
        println!("  ✘ {texto}");
        self.tropiezos.push(texto);
    }

    /// Comprueba y lo dice.
    pub fn comprobar(&mut self, que: &str, bien: bool) {
        if bien {
            println!("  ✔ {que}");
        } else {
            self.tropiezo(que.to_owned());
        }
    }
}

/// Una orden de `docker` sobre un contenedor, de las que se escriben a mano.
pub(super) async fn mandar(orden: &str, contenedor: &str) -> anyhow::Result<()> {
    docker(&[orden, contenedor], LARGA).await?;
    Ok(())
}
