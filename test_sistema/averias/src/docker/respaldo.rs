//! La copia de la base y su restauración en un volumen vacío, con los mismos guiones que usa una persona.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use juicio::historia::Historia;
use taller::carga::Carga;
use tokio::time::Instant;

use super::{
    escenario::{Escenario, abrir_base, mandar},
    maquinas::{DOS, UNO},
    motor::{Error, LARGA, docker, guion},
    titulo,
};

const DATOS: &str = "/var/lib/postgresql/data";
/// Como empiezan los volúmenes que se pueden borrar.
const DE_LA_DEMO: &str = "anaquel_demo";
const SANO_MAX: Duration = Duration::from_mins(1);
const MIRADA: Duration = Duration::from_millis(250);
/// El estado de salida con que «restaurar» se niega.
const SE_NIEGA: i32 = 2;

/// Una copia hecha bajo carga.
pub(super) struct Respaldo {
    archivo: String,
    /// Lo que los clientes sabían decidido antes de que empezara: tiene que estar.
    antes: Historia,
}

/// Copia la base mientras se trabaja.
pub(super) async fn respaldar(carga: &Carga, carpeta: &str) -> anyhow::Result<Respaldo> {
    let antes = carga.decididas();
    let dicho = guion("herramientas/respaldar", &[carpeta], LARGA).await?;
    println!("  {}", dicho.salida.trim());
    let archivo = dicho.salida.split_whitespace().next().context("«respaldar» no dijo qué archivo hizo")?.to_owned();
    Ok(Respaldo { archivo, antes })
}

impl Escenario<'_> {
    /// Borra la base con su volumen, la restaura de la copia y comprueba que está todo lo que había. Devuelve cuántas
    /// operaciones se comprobaron.
    pub(super) async fn restaurar(&mut self, respaldo: &Respaldo) -> anyhow::Result<usize> {
        titulo("Restauración en un volumen vacío");
        self.maquinas.compose(DOS, &["stop"]).await?;
        self.maquinas.compose(UNO, &["stop"]).await?;
        self.vaciar().await?;
        let dicho = guion("herramientas/restaurar", &[&respaldo.archivo], LARGA).await?;
        println!("  {}", dicho.salida.trim());
        let otra_vez = guion("herramientas/restaurar", &[&respaldo.archivo], LARGA).await;
        let se_niega = matches!(otra_vez, Err(Error::Orden { estado: Some(SE_NIEGA), .. }));
        self.comprobar("una base con datos no se reemplaza si no se dice", se_niega);
        self.maquinas.compose(UNO, &["start"]).await?;
        self.maquinas.compose(DOS, &["start"]).await?;
        self.calma().await?;
        self.base = abrir_base().await?;
        let veredicto = self.base.auditar(&respaldo.antes, &self.sembrados).await?;
        let (antes, dobles) = (respaldo.antes.reconocidas(), self.base.dobles().await?);
        let que = format!("las {antes} operaciones decididas antes de la copia están, y una vez");
        self.comprobar(&que, veredicto.limpio() && dobles == 0);
        self.tropiezos.extend(veredicto.hallazgos);
        self.funcional("sobre lo restaurado").await?;
        Ok(antes)
    }

    /// Quita PostgreSQL con su volumen, y lo levanta con otro.
    async fn vaciar(&mut self) -> anyhow::Result<()> {
        let vistos = self.maquinas.vistos().await?;
        let postgres = vistos.iter().find(|v| v.nombre == "postgres").context("no está el contenedor postgres")?;
        let volumen = postgres.volumen(DATOS).context("postgres no tiene su volumen")?;
        ensure!(volumen.starts_with(DE_LA_DEMO), "el volumen {volumen} no es de la demostración, y no se borra");
        println!("  docker rm postgres; docker volume rm {volumen}");
        mandar("rm", "postgres").await?;
        docker(&["volume", "rm", volumen], LARGA).await?;
        self.maquinas.compose(UNO, &["up", "-d", "--no-build", "--no-deps", "postgres"]).await?;
        let fin = Instant::now() + SANO_MAX;
        while !self.maquinas.vistos().await?.iter().any(|v| v.nombre == "postgres" && v.sano) {
            ensure!(Instant::now() < fin, "PostgreSQL no está sano, con el volumen vacío, en {} s", SANO_MAX.as_secs());
            tokio::time::sleep(MIRADA).await;
        }
        Ok(())
    }
}
