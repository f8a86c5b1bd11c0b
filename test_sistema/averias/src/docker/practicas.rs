//! Lo que se rompe bajo carga teniendo relevo: la Prueba 1, muertes, la actualización de un servicio cada vez, un corte de
//! red y la segunda máquina entera. Aquí ningún cliente recibe un error.

use std::time::Duration;

use juicio::historia::Historia;
use taller::carga::{Carga, cierre};
use tokio::time::sleep;

use super::{
    escenario::{Escenario, mandar},
    maquinas::{DOS, UNO, gestor},
    motor::{CORTA, docker},
    plan::{ACTUALIZAR, DE_PRESTAMO, MATAR_MAX, PARAR_MAX, PC2},
    respaldo::{self, Respaldo},
    titulo,
};

/// Lo que dura un corte o una máquina parada.
const ROTO: Duration = Duration::from_secs(4);
/// Lo que tarda el gestor de carga en dejar de ver a quien ya no llega, como mucho.
const VER_MAX: Duration = Duration::from_secs(10);
const MIRADA: Duration = Duration::from_millis(100);

impl Escenario<'_> {
    /// Todo lo que tiene relevo, bajo una misma carga; devuelve lo que vieron los clientes y la copia que se hizo entretanto.
    pub(super) async fn con_relevo(&mut self, carpeta: &str) -> anyhow::Result<(Historia, Respaldo)> {
        let carga = self.cargar(false, 7).await?;
        self.prueba_1(&carga).await?;
        self.muertes(&carga).await?;
        self.actualizar(&carga).await?;
        self.cortar_la_red(&carga).await?;
        self.segunda_maquina(&carga).await?;
        titulo("Copia de la base, bajo carga");
        let respaldo = respaldo::respaldar(&carga, carpeta).await?;
        let mut historia = carga.terminar().await;
        self.cerrar(&mut historia).await?;
        Ok((historia, respaldo))
    }

    /// Deja decidir lo prometido y devuelve lo prestado. Lo que la auditoría encuentre se dirá al final, con todo.
    pub(super) async fn cerrar(&mut self, historia: &mut Historia) -> anyhow::Result<()> {
        cierre::cerrar(self.endpoint.as_ref(), &self.base, historia, &self.sembrados).await?;
        Ok(())
    }

    /// Se para el gestor de almacenamiento en uso y la prueba sigue verde; vuelve, y también.
    async fn prueba_1(&mut self, carga: &Carga) -> anyhow::Result<()> {
        titulo("Prueba 1: se para el gestor de almacenamiento en uso");
        self.funcional("con todo").await?;
        let almacen = self.almacen_en_uso().await?;
        let que = format!("docker stop {almacen} (en uso)");
        self.romper(carga, &que, Some(PARAR_MAX), mandar("stop", almacen)).await?;
        self.funcional("sin él").await?;
        self.romper(carga, &format!("docker start {almacen}"), None, mandar("start", almacen)).await?;
        self.calma().await?;
        self.funcional("cuando vuelve").await
    }

    async fn muertes(&mut self, carga: &Carga) -> anyhow::Result<()> {
        titulo("Muertes: docker kill");
        let almacen = self.almacen_en_uso().await?;
        for (contenedor, dicho, limite) in [(almacen, "(en uso)", Some(MATAR_MAX)), (DE_PRESTAMO[0], "", None)] {
            let que = format!("docker kill {contenedor} {dicho}");
            self.romper(carga, que.trim_end(), limite, mandar("kill", contenedor)).await?;
            mandar("start", contenedor).await?;
            self.calma().await?;
        }
        Ok(())
    }

    /// Un servicio cada vez, como quien pone una versión nueva: se vuelve a crear su contenedor y se espera a que esté sano.
    async fn actualizar(&mut self, carga: &Carga) -> anyhow::Result<()> {
        titulo("Actualización: se vuelve a crear cada servicio, de uno en uno");
        for servicio in ACTUALIZAR {
            let maquina = if PC2.contains(&servicio) { DOS } else { UNO };
            let (maquinas, args) =
                (self.maquinas, ["up", "-d", "--no-build", "--no-deps", "--force-recreate", servicio]);
            let antes = self.identidad(servicio).await?;
            let crear = async { Ok(maquinas.compose(maquina, &args).await?) };
            self.romper(carga, &format!("up -d --no-deps --force-recreate {servicio}"), None, crear).await?;
            self.calma().await?;
            if self.identidad(servicio).await? == antes {
                self.tropiezo(format!("{servicio} es el mismo contenedor de antes"));
            }
        }
        Ok(())
    }

    async fn identidad(&self, servicio: &str) -> anyhow::Result<Option<String>> {
        let vistos = self.maquinas.vistos().await?;
        Ok(vistos.into_iter().find(|v| v.nombre == servicio).map(|v| v.id))
    }

    /// Las dos máquinas son este motor: cortar la red entre las dos es sacar de la suya a los contenedores de la segunda.
    async fn cortar_la_red(&mut self, carga: &Carga) -> anyhow::Result<()> {
        titulo("Corte de la red entre las dos máquinas");
        let mut enlaces = Vec::new();
        for visto in self.maquinas.vistos().await?.into_iter().filter(|v| PC2.contains(&v.nombre.as_str())) {
            let ip = visto.ip.map(|ip| ip.to_string());
            enlaces.extend(ip.map(|ip| (visto.nombre, ip)));
        }
        let red = DOS.red;
        let cortar = async {
            for (nombre, _) in &enlaces {
                docker(&["network", "disconnect", red, nombre], CORTA).await?;
            }
            Ok(())
        };
        self.romper(carga, &format!("docker network disconnect {red} (los tres)"), None, cortar).await?;
        let solo_uno = self.ve_actores(1).await;
        self.comprobar("el gestor de carga deja de ver a los actores de la segunda", solo_uno);
        sleep(ROTO).await;
        let unir = async {
            for (nombre, ip) in &enlaces {
                docker(&["network", "connect", "--ip", ip, red, nombre], CORTA).await?;
            }
            Ok(())
        };
        self.romper(carga, &format!("docker network connect {red}"), None, unir).await?;
        self.calma().await
    }

    async fn segunda_maquina(&mut self, carga: &Carga) -> anyhow::Result<()> {
        titulo("La segunda máquina, entera");
        let maquinas = self.maquinas;
        let parar = async { Ok(maquinas.compose(DOS, &["stop"]).await?) };
        self.romper(carga, "stop de la segunda máquina", None, parar).await?;
        let solo_uno = self.ve_actores(1).await;
        self.comprobar("el gestor de carga solo ve a los actores de la primera", solo_uno);
        sleep(ROTO).await;
        let iniciar = async { Ok(maquinas.compose(DOS, &["start"]).await?) };
        self.romper(carga, "start de la segunda máquina", None, iniciar).await?;
        self.calma().await
    }

    /// Si el gestor de carga llega a ver ese número de actores de cada tópico.
    async fn ve_actores(&self, cuantos: u64) -> bool {
        let fin = tokio::time::Instant::now() + VER_MAX;
        while tokio::time::Instant::now() < fin {
            let actores = &gestor("/estado").await["actores"];
            if actores["prestamo"] == cuantos && actores["devolucion"] == cuantos {
                return true;
            }
            sleep(MIRADA).await;
        }
        false
    }
}
