//! Lo que no tiene relevo: la Prueba 2, sin actores de préstamo, y la primera máquina entera. Lo que se promete sobrevive.

use std::time::Duration;

use common::dominio::{Comando, EjemplarId, Estado, Objeto, UsuarioId};
use juicio::historia::Historia;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{
    escenario::{Escenario, mandar},
    maquinas::{UNO, gestor},
    plan::DE_PRESTAMO,
    titulo,
};

/// Lo que puede tardar una promesa.
const PENDIENTE_MAX: Duration = Duration::from_secs(1);
/// Lo que puede tardar en aplicarse, desde que se manda levantar el actor.
const APLICARSE_MAX: Duration = Duration::from_secs(15);
/// Lo que está parada la primera máquina.
const PARADA: Duration = Duration::from_secs(3);
/// Promesas que se hacen antes de pararla.
const PROMESAS: usize = 10;
/// Filas de una página del buzón.
const PAGINA: usize = 500;
const MIRADA: Duration = Duration::from_millis(50);

impl Escenario<'_> {
    /// Las dos, bajo una carga que admite que algo no se pueda atender; devuelve lo que vieron los clientes.
    pub(super) async fn sin_relevo(&mut self) -> anyhow::Result<Historia> {
        let carga = self.cargar(true, 8).await?;
        let resto = self.disponible().await?.1;
        let ejemplares: Vec<EjemplarId> = resto.ejemplares.iter().rev().map(|(e, _)| *e).collect();
        let usuarios: Vec<UsuarioId> = resto.usuarios.iter().rev().copied().collect();
        anyhow::ensure!(ejemplares.len() > PROMESAS && usuarios.len() > PROMESAS, "no queda con qué probar");
        let sin_cumplir = self.prueba_2(ejemplares[0], [usuarios[0], usuarios[1]]).await?;
        let libres = ejemplares[1..].iter().zip(&usuarios[2..]);
        self.primera_maquina(libres.map(|(e, u)| (*e, *u)).take(PROMESAS).collect(), sin_cumplir).await?;
        let mut historia = carga.terminar().await;
        self.cerrar(&mut historia).await?;
        let mut a_mano = std::mem::take(&mut self.a_mano);
        let cerrado = self.cerrar(&mut a_mano).await;
        self.a_mano = a_mano;
        cerrado.map(|()| historia)
    }

    /// Sin actores de préstamo el gestor promete, y no se bloquea. Devuelve la promesa que no se pudo cumplir.
    async fn prueba_2(&mut self, ejemplar: EjemplarId, [uno, otro]: [UsuarioId; 2]) -> anyhow::Result<Uuid> {
        titulo("Prueba 2: se paran los actores de préstamo");
        let prestamo = |usuario| Comando::Prestamo { usuario, objeto: Objeto::Ejemplar(ejemplar), sede: None };
        let devolucion = Comando::Devolucion { usuario: None, objeto: Objeto::Ejemplar(ejemplar), sede: None };
        let [de_pc1, de_pc2] = DE_PRESTAMO;
        println!("  docker stop {de_pc1}");
        mandar("stop", de_pc1).await?;
        let vista = self.operar(&prestamo(uno)).await?.1;
        self.comprobar("con uno parado, el préstamo se aplica", vista.estado == Estado::Aplicada);
        self.operar(&devolucion).await?;
        println!("  docker stop {de_pc2}");
        mandar("stop", de_pc2).await?;
        let desde = Instant::now();
        let (id, vista) = self.operar(&prestamo(uno)).await?;
        let tardo = desde.elapsed();
        let que = format!("con los dos parados, queda pendiente en menos de 1 s ({} ms)", tardo.as_millis());
        self.comprobar(&que, vista.estado == Estado::Pendiente && tardo < PENDIENTE_MAX);
        let (carta, vista) = self.operar(&prestamo(otro)).await?;
        self.comprobar("otro que pide el mismo ejemplar, también", vista.estado == Estado::Pendiente);
        println!("  docker start {de_pc1}");
        let desde = Instant::now();
        mandar("start", de_pc1).await?;
        let aplicada = self.acaba(id).await? == Estado::Aplicada;
        let que = format!("vuelto un actor, el primero se aplica solo ({} ms)", desde.elapsed().as_millis());
        self.comprobar(&que, aplicada);
        let rechazada = self.acaba(carta).await? == Estado::Rechazada && en_el_buzon(carta).await;
        self.comprobar("el segundo ya no se puede, y queda en el buzón para una persona", rechazada);
        println!("  docker start {de_pc2}");
        mandar("start", de_pc2).await?;
        self.calma().await?;
        self.operar(&devolucion).await?;
        Ok(carta)
    }

    /// En qué queda una promesa.
    async fn acaba(&mut self, id: Uuid) -> anyhow::Result<Estado> {
        let fin = Instant::now() + APLICARSE_MAX;
        loop {
            let estado = self.preguntar_por(id).await?.estado;
            if estado != Estado::Pendiente || Instant::now() > fin {
                return Ok(estado);
            }
            sleep(MIRADA).await;
        }
    }

    /// Se para todo lo de la primera máquina con promesas sin cumplir, y vuelve con ellas.
    async fn primera_maquina(&mut self, pedidos: Vec<(EjemplarId, UsuarioId)>, carta: Uuid) -> anyhow::Result<()> {
        titulo("La primera máquina, entera");
        for actor in DE_PRESTAMO {
            mandar("stop", actor).await?;
        }
        let mut ids = Vec::new();
        for (ejemplar, usuario) in pedidos {
            let (id, vista) =
                self.operar(&Comando::Prestamo { usuario, objeto: Objeto::Ejemplar(ejemplar), sede: None }).await?;
            if vista.estado != Estado::Pendiente {
                self.tropiezo(format!("sin actores de préstamo, {id} quedó {}", vista.estado));
            }
            ids.push(id);
        }
        println!("  stop de la primera máquina, con {} promesas sin cumplir", ids.len());
        self.maquinas.compose(UNO, &["stop"]).await?;
        sleep(PARADA).await;
        println!("  start de la primera máquina");
        let desde = Instant::now();
        self.maquinas.compose(UNO, &["start"]).await?;
        mandar("start", DE_PRESTAMO[1]).await?;
        self.calma().await?;
        println!("  en calma a los {} s", desde.elapsed().as_secs());
        let faltan = self.base.esperar_decisiones(&ids, APLICARSE_MAX).await?;
        let malas = self.base.no_aplicadas(&ids).await?;
        let que = format!("las {} promesas se cumplieron: estaban en el volumen del diario", ids.len());
        self.comprobar(&que, faltan.is_empty() && malas.is_empty());
        let sigue = en_el_buzon(carta).await;
        self.comprobar("el buzón conserva lo que tenía", sigue);
        Ok(())
    }
}

/// Si el buzón del gestor de carga tiene esa carta.
async fn en_el_buzon(id: Uuid) -> bool {
    let (id, mut desde) = (id.to_string(), 0);
    loop {
        let pagina = gestor(&format!("/fault-tolerance/inbox?desde={desde}&cuantas={PAGINA}")).await;
        let filas = pagina["filas"].as_array().map_or(&[][..], Vec::as_slice);
        if filas.iter().any(|carta| carta["id"] == id) {
            return true;
        }
        if filas.len() < PAGINA {
            return false;
        }
        desde += PAGINA;
    }
}
