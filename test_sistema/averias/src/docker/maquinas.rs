//! Las dos máquinas de la demostración: dos proyectos de compose en este motor, con nombres que no son de nadie más. Al
//! soltarlas, pase lo que pase, no queda nada suyo.

use std::{fs::File, net::SocketAddr, process::Stdio, time::Duration};

use common::process::http::cliente as http;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{
    inspeccion::{self, ContenedorVisto},
    motor::{CORTA, Error, LARGA, Motor, docker},
    plan::{PC1, PC2},
};

/// La etiqueta que compose pone en cuanto crea.
const ETIQUETA: &str = "com.docker.compose.project";
/// Cada cuánto se mira lo que no avisa.
const MIRADA: Duration = Duration::from_millis(250);
/// Lo que tarda el motor en acabar de crear lo que ya le habían pedido.
const REZAGADOS: Duration = Duration::from_secs(1);
/// Dónde contesta el gestor de carga a quien lo opera desde esta máquina.
const HTTP_DEL_GESTOR: &str = "127.0.0.1:5655";

/// Una de las dos máquinas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Maquina {
    pub proyecto: &'static str,
    archivos: [&'static str; 2],
    pub red: &'static str,
}

/// La primera.
pub const UNO: Maquina = Maquina {
    proyecto: "anaquel-demo-pc1",
    archivos: ["docker-compose.pc1.yml", "docker/demo.pc1.yml"],
    red: "anaquel_demo_pc1",
};
/// La segunda.
pub const DOS: Maquina = Maquina {
    proyecto: "anaquel-demo-pc2",
    archivos: ["docker-compose.pc2.yml", "docker/demo.pc2.yml"],
    red: "anaquel_demo_pc2",
};

/// Las dos, levantadas o por levantar.
pub struct Maquinas {
    motor: Motor,
    recogidas: bool,
    _turno: File,
}

impl Maquinas {
    /// Comprueba que los nombres están libres y recoge lo que dejara una demostración que no pudo recoger lo suyo.
    ///
    /// # Errors
    /// Si hay contenedores de otro con esos nombres, otra demostración en marcha, o el motor no contesta.
    pub async fn preparar(motor: Motor) -> anyhow::Result<Self> {
        let turno = File::create(std::env::temp_dir().join("anaquel-docker-demo.cerrojo"))?;
        anyhow::ensure!(
            turno.try_lock().is_ok(),
            "hay otra demostración con contenedores en marcha. Espere a que acabe"
        );
        let formato = format!("{{{{.Names}}}}\t{{{{.Label \"{ETIQUETA}\"}}}}");
        let hay = docker(&["ps", "-a", "--format", &formato], CORTA).await?.salida;
        if let Some(suyo) = ajeno(&hay) {
            anyhow::bail!(
                "ya hay un contenedor que se llama {suyo}, y no es de la demostración. Si son los de Anaquel, quítelos con \
                 «make docker-abajo», que conserva sus datos, y repita"
            );
        }
        let maquinas = Self { motor, recogidas: false, _turno: turno };
        maquinas.recoger().await?;
        Ok(maquinas)
    }

    /// Levanta las dos; vuelve cuando compose las da por levantadas.
    pub async fn levantar(&self) -> Result<(), Error> {
        for maquina in [UNO, DOS] {
            self.compose(maquina, &["up", "-d", "--no-build"]).await?;
        }
        Ok(())
    }

    /// Una orden de compose sobre una máquina.
    pub async fn compose(&self, maquina: Maquina, args: &[&str]) -> Result<(), Error> {
        self.motor.compose(maquina.proyecto, maquina.archivos, args, LARGA).await.map(drop)
    }

    /// Cómo están los contenedores que existen, de los de las dos máquinas.
    pub async fn vistos(&self) -> Result<Vec<ContenedorVisto>, Error> {
        let mut vistos = Vec::new();
        for maquina in [UNO, DOS] {
            let ids = de_la_etiqueta("ps", &["-a", "-q"], maquina).await?;
            if ids.is_empty() {
                continue;
            }
            let args: Vec<&str> = std::iter::once("inspect").chain(ids.iter().map(String::as_str)).collect();
            let json = docker(&args, CORTA).await?.salida;
            let leidos = inspeccion::leer(&json);
            vistos.extend(leidos.map_err(|e| Error::Sistema { orden: "docker inspect".into(), causa: e.into() })?);
        }
        Ok(vistos)
    }

    /// Espera a que todo esté sano, los circuitos cerrados y los actores a la vista; si no, dice lo primero que faltaba.
    ///
    /// # Errors
    /// Lo que faltaba al vencer el plazo, o [`Error`].
    pub async fn esperar_calma(&self, plazo: Duration) -> anyhow::Result<()> {
        let fin = Instant::now() + plazo;
        loop {
            let Some(falta) = self.falta().await? else { return Ok(()) };
            anyhow::ensure!(Instant::now() < fin, "no pasó en {} s: {falta}", plazo.as_secs());
            sleep(MIRADA).await;
        }
    }

    async fn falta(&self) -> Result<Option<String>, Error> {
        let vistos = self.vistos().await?;
        for nombre in PC1.into_iter().chain(PC2) {
            if !vistos.iter().any(|v| v.nombre == nombre && v.sano) {
                return Ok(Some(format!("{nombre} está sano")));
            }
        }
        Ok(inquietud(&gestor("/estado").await, &gestor("/fault-tolerance/circuit-breakers").await))
    }

    /// Borra los contenedores, las redes y los volúmenes de los dos proyectos.
    ///
    /// # Errors
    /// [`Error`] si algo no se dejó borrar.
    pub async fn recoger(&self) -> Result<(), Error> {
        for maquina in [DOS, UNO] {
            for (que, listar, borrar) in RECOGER {
                let cosas = de_la_etiqueta(que, listar, maquina).await?;
                if !cosas.is_empty() {
                    let args: Vec<&str> = borrar.iter().copied().chain(cosas.iter().map(String::as_str)).collect();
                    docker(&args, LARGA).await?;
                }
            }
        }
        Ok(())
    }

    /// Lo mismo, y ya no queda nada que recoger al soltarlas.
    pub async fn despedir(mut self) -> Result<(), Error> {
        self.recoger().await?;
        // Lo que el motor estuviera creando por una orden que se cortó aparece después.
        sleep(REZAGADOS).await;
        self.recoger().await?;
        self.recogidas = true;
        Ok(())
    }
}

/// De cada clase de cosa: cómo se llama, cómo se listan las de un proyecto y cómo se borran. Las redes y los volúmenes, cuando
/// ya no hay contenedor que los use.
const RECOGER: [(&str, &[&str], &[&str]); 3] = [
    ("ps", &["-a", "-q"], &["rm", "-f", "-v"]),
    ("network", &["ls", "-q"], &["network", "rm"]),
    ("volume", &["ls", "-q"], &["volume", "rm"]),
];

impl Drop for Maquinas {
    /// Un pánico o un error a mitad: aquí no se puede esperar con el runtime, así que se espera a mano.
    fn drop(&mut self) {
        if self.recogidas {
            return;
        }
        for maquina in [DOS, UNO] {
            for (que, listar, borrar) in RECOGER {
                let filtro = format!("label={ETIQUETA}={}", maquina.proyecto);
                let mut orden = std::process::Command::new("docker");
                orden.arg(que).args(listar).args(["--filter", &filtro]).stderr(Stdio::null());
                let hay = orden.output().map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
                if !hay.trim().is_empty() {
                    let mut orden = std::process::Command::new("docker");
                    let _ = orden.args(borrar).args(hay.split_whitespace()).stdout(Stdio::null()).status();
                }
            }
        }
    }
}

async fn de_la_etiqueta(que: &str, listar: &[&str], maquina: Maquina) -> Result<Vec<String>, Error> {
    let filtro = format!("label={ETIQUETA}={}", maquina.proyecto);
    let args: Vec<&str> = std::iter::once(que).chain(listar.iter().copied()).chain(["--filter", &filtro]).collect();
    let hay = docker(&args, CORTA).await?.salida;
    Ok(hay.split_whitespace().map(str::to_owned).collect())
}

/// Lo que el gestor de carga contesta en una ruta, si contesta.
pub async fn gestor(ruta: &str) -> Value {
    let addr: SocketAddr = HTTP_DEL_GESTOR.parse().expect("IP y puerto");
    let pagina = http::obtener(addr, ruta).await;
    pagina.ok().and_then(|(_, cuerpo)| serde_json::from_str(&cuerpo).ok()).unwrap_or_default()
}

/// El primer contenedor con uno de nuestros nombres que no es de la demostración, en lo que lista `docker ps`.
fn ajeno(lista: &str) -> Option<&str> {
    let nuestros = [UNO.proyecto, DOS.proyecto];
    lista.lines().filter_map(|l| l.split_once('\t')).find_map(|(nombre, proyecto)| {
        let es_nombre_nuestro = PC1.iter().chain(&PC2).any(|n| *n == nombre);
        (es_nombre_nuestro && !nuestros.contains(&proyecto)).then_some(nombre)
    })
}

/// Lo que el gestor aún no ve bien: un actor que falta o un circuito que no está cerrado.
fn inquietud(estado: &Value, circuitos: &Value) -> Option<String> {
    for topico in ["prestamo", "devolucion"] {
        if estado["actores"][topico] != 2 {
            return Some(format!("el gestor de carga ve a los dos actores de {topico}"));
        }
    }
    let de_actores = circuitos["actores"].as_array().into_iter().flatten().map(|actor| &actor["circuitos"]);
    for suyos in std::iter::once(&circuitos["gestor"]).chain(de_actores) {
        match suyos.as_array().map(|c| c.iter().find(|c| c["estado"] != "CERRADO")) {
            Some(None) => {}
            Some(Some(abierto)) => return Some(format!("el circuito de {} está cerrado", abierto["endpoint"])),
            None => return Some("el gestor de carga dice cómo están los circuitos".to_owned()),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn un_contenedor_de_otro_con_uno_de_nuestros_nombres_se_dice_y_los_demas_no_estorban() {
        assert_eq!(ajeno("otro\t\npostgres\tanaquel-demo-pc1\n"), None);
        assert_eq!(ajeno("gestor_carga\tanaquel-pc1\n"), Some("gestor_carga"));
        assert_eq!(ajeno("postgres\t\n"), Some("postgres"));
    }

    #[test]
    fn hay_calma_con_los_cuatro_actores_y_todos_los_circuitos_cerrados() {
        let estado = json!({"actores": {"prestamo": 2, "devolucion": 2}});
        let circuito = |estado: &str| json!([{"endpoint": "pc2:5572", "estado": estado}]);
        let de = |gestor: &str, actor: &str| json!({"gestor": circuito(gestor), "actores": [{"circuitos": circuito(actor)}]});
        assert_eq!(inquietud(&estado, &de("CERRADO", "CERRADO")), None);
        for circuitos in [de("ABIERTO", "CERRADO"), de("CERRADO", "MEDIO_ABIERTO"), Value::Null] {
            assert!(inquietud(&estado, &circuitos).is_some(), "{circuitos}");
        }
        let uno = json!({"actores": {"prestamo": 1, "devolucion": 2}});
        assert!(inquietud(&uno, &de("CERRADO", "CERRADO")).expect("falta uno").contains("prestamo"));
    }
}
