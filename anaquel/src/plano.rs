//! El plano de una suite: qué procesos tiene, con qué direcciones, con qué entorno y en qué archivos. Puro.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

/// El PostgreSQL embebido.
pub const POSTGRES: &str = "postgres";
/// Los procesos de la suite, con los nombres que tienen en los compose.
pub const NOMBRES: [&str; 8] = [
    POSTGRES,
    "gestor_carga",
    "gestor_almacenamiento",
    "backup_almacen",
    "actor_prestamo_1",
    "actor_prestamo_2",
    "actor_devolucion_1",
    "actor_devolucion_2",
];
/// El ajuste con el directorio de la suite.
pub const ANAQUEL_VAR: &str = "ANAQUEL_VAR";
/// Su valor por defecto.
pub const VAR: &str = "var";
/// El ajuste con el puerto de los clientes; los demás guardan su distancia con él.
pub const ANAQUEL_PUERTO_BASE: &str = "ANAQUEL_PUERTO_BASE";
/// Su valor por defecto.
pub const PUERTO_BASE: u16 = 5555;
/// El ajuste con la dirección HTTP del gestor de carga, para quien lo opera.
pub const GESTOR_CARGA_HTTP: &str = "GESTOR_CARGA_HTTP";
/// El ajuste con el archivo del token, para el gestor y para quien lo opera.
pub const TOKEN_ARCHIVO: &str = "GESTOR_CARGA_TOKEN_ARCHIVO";
/// El ajuste con las direcciones por las que el gestor y los actores llegan a los dos almacenes, si no es directamente.
pub const ANAQUEL_ALMACENES: &str = "ANAQUEL_ALMACENES";

const EVENTOS: u16 = 1;
const INFORMES: u16 = 2;
const ALMACENES: [u16; 2] = [15, 16];
const HTTP: u16 = 100;
/// La mayor distancia a la base que se usa.
const ULTIMO: u16 = HTTP + 6;

/// Quién se para antes al apagar: quien recibe trabajo antes que quien lo sirve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Etapa {
    Gestor,
    Actores,
    Almacenes,
    Base,
}

/// El mayor puerto base que deja sitio a los demás.
pub const PUERTO_BASE_MAX: u16 = u16::MAX - ULTIMO;

/// La base no deja sitio a los demás puertos.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ajuste ANAQUEL_PUERTO_BASE: {0} no vale. Escriba un puerto de 1024 a {PUERTO_BASE_MAX}")]
pub struct PuertoBaseInvalido(pub u16);

/// Dónde está una suite: su directorio y su puerto base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plano {
    var: PathBuf,
    base: u16,
    /// Por dónde se llega a los almacenes, si hay algo en medio.
    desvio: Option<[SocketAddr; 2]>,
}

/// Un proceso de la suite que no es PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Servicio {
    pub nombre: &'static str,
    pub programa: &'static str,
    pub etapa: Etapa,
    /// Dónde contesta `/salud`, `/listo` y `/metrics`.
    pub http: SocketAddr,
    /// Dónde escucha ZeroMQ, si escucha.
    pub zocalos: Vec<SocketAddr>,
    pub entorno: Vec<(&'static str, String)>,
}

/// Las direcciones de la base de datos.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Urls {
    /// Para los servicios (`DATABASE_URL`).
    pub servicio: String,
    /// Para quien migra (`DATABASE_URL_MIGRACION`); sin ella, la misma.
    pub migracion: Option<String>,
}

impl Plano {
    /// # Errors
    /// Si la base es un puerto privilegiado o no deja sitio a los demás.
    pub fn new(var: impl Into<PathBuf>, base: u16) -> Result<Self, PuertoBaseInvalido> {
        if (1024..=PUERTO_BASE_MAX).contains(&base) {
            Ok(Self { var: var.into(), base, desvio: None })
        } else {
            Err(PuertoBaseInvalido(base))
        }
    }

    /// El mismo, con algo en medio entre los almacenes y quien los llama.
    pub fn con_desvio(self, desvio: [SocketAddr; 2]) -> Self {
        Self { desvio: Some(desvio), ..self }
    }

    /// Las direcciones que hay en medio, si las hay, como ajuste.
    pub fn desvio(&self) -> Option<String> {
        self.desvio.map(|[uno, otro]| format!("{uno},{otro}"))
    }

    /// El directorio de la suite.
    pub fn var(&self) -> &Path {
        &self.var
    }

    /// El puerto base: el de los clientes.
    pub const fn base(&self) -> u16 {
        self.base
    }

    /// El archivo con el pid de un proceso en marcha.
    pub fn pid(&self, nombre: &str) -> PathBuf {
        self.var.join("pids").join(format!("{nombre}.pid"))
    }

    /// El registro de un proceso.
    pub fn registro(&self, nombre: &str) -> PathBuf {
        self.var.join("log").join(format!("{nombre}.log"))
    }

    /// Los datos de PostgreSQL.
    pub fn datos(&self) -> PathBuf {
        self.var.join(POSTGRES)
    }

    /// El diario del gestor de carga.
    pub fn diario(&self) -> PathBuf {
        self.var.join("gestor_carga").join("diario.redb")
    }

    /// El token que piden las órdenes por HTTP.
    pub fn token(&self) -> PathBuf {
        self.var.join("gestor_carga").join("token")
    }

    /// Los ajustes de la suite en marcha, para `source`.
    pub fn ajustes(&self) -> PathBuf {
        self.var.join("anaquel.env")
    }

    /// El cerrojo que tiene la suite en marcha.
    pub fn cerrojo(&self) -> PathBuf {
        self.var.join("anaquel.lock")
    }

    /// Dónde escucha el gestor de carga a los clientes.
    pub fn clientes(&self) -> SocketAddr {
        self.local(0)
    }

    /// Dónde publica los eventos.
    pub fn eventos(&self) -> SocketAddr {
        self.local(EVENTOS)
    }

    /// Dónde escucha los informes de los actores.
    pub fn informes(&self) -> SocketAddr {
        self.local(INFORMES)
    }

    /// Por dónde llegan a los almacenes quienes los llaman, separados por comas.
    pub fn almacenes(&self) -> String {
        self.desvio.unwrap_or_else(|| self.escuchan_almacenes()).map(|a| a.to_string()).join(",")
    }

    /// Dónde escuchan los dos almacenes.
    pub fn escuchan_almacenes(&self) -> [SocketAddr; 2] {
        ALMACENES.map(|d| self.local(d))
    }

    fn local(&self, distancia: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.base + distancia).into()
    }

    /// Los servicios, en el orden de [`NOMBRES`].
    pub fn servicios(&self, urls: &Urls) -> Vec<Servicio> {
        let mut servicios = vec![self.gestor_carga(), self.almacen(0, urls), self.almacen(1, urls)];
        servicios.extend((3..7).map(|n| self.actor(n)));
        servicios
    }

    fn gestor_carga(&self) -> Servicio {
        let zocalos = vec![self.clientes(), self.eventos(), self.informes()];
        let entorno = vec![
            ("GESTOR_CARGA_BIND", zocalos[0].to_string()),
            ("GESTOR_CARGA_PUB_BIND", zocalos[1].to_string()),
            ("GESTOR_CARGA_INFORMES_BIND", zocalos[2].to_string()),
            ("GESTOR_ALMACENAMIENTO_ENDPOINTS", self.almacenes()),
            ("GESTOR_CARGA_DIARIO", self.diario().display().to_string()),
            (TOKEN_ARCHIVO, self.token().display().to_string()),
        ];
        self.servicio(0, "gestor_carga", Etapa::Gestor, zocalos, entorno)
    }

    fn almacen(&self, cual: u16, urls: &Urls) -> Servicio {
        let zocalo = self.local(ALMACENES[usize::from(cual)]);
        let mut entorno = urls.entorno();
        entorno.push(("GESTOR_ALMACENAMIENTO_BIND", zocalo.to_string()));
        self.servicio(1 + cual, "gestor_almacenamiento", Etapa::Almacenes, vec![zocalo], entorno)
    }

    fn actor(&self, numero: u16) -> Servicio {
        let programa = if numero < 5 { "actor_prestamo" } else { "actor_devolucion" };
        let entorno = vec![
            ("GESTOR_CARGA_PUB_ADDR", self.eventos().to_string()),
            ("GESTOR_CARGA_INFORMES_ADDR", self.informes().to_string()),
            ("GESTOR_ALMACENAMIENTO_ENDPOINTS", self.almacenes()),
        ];
        self.servicio(numero, programa, Etapa::Actores, Vec::new(), entorno)
    }

    /// El servicio número `numero` (PostgreSQL no cuenta).
    fn servicio(
        &self,
        numero: u16,
        programa: &'static str,
        etapa: Etapa,
        zocalos: Vec<SocketAddr>,
        mut entorno: Vec<(&'static str, String)>,
    ) -> Servicio {
        let http = self.local(HTTP + numero);
        entorno.push(("HTTP_ADDR", http.to_string()));
        Servicio { nombre: NOMBRES[usize::from(numero) + 1], programa, etapa, http, zocalos, entorno }
    }

    /// Los ajustes con que un cliente, una prueba o una auditoría encuentran la suite.
    pub fn ajustes_de_cliente(&self, urls: &Urls) -> Vec<(&'static str, String)> {
        let mut pares = vec![
            (ANAQUEL_VAR, self.var.display().to_string()),
            (ANAQUEL_PUERTO_BASE, self.base.to_string()),
            ("GESTOR_CARGA_HOST", self.clientes().ip().to_string()),
            ("GESTOR_CARGA_PORT", self.base.to_string()),
            (GESTOR_CARGA_HTTP, self.local(HTTP).to_string()),
            (TOKEN_ARCHIVO, self.token().display().to_string()),
            ("GESTOR_ALMACENAMIENTO_ENDPOINTS", self.almacenes()),
        ];
        pares.extend(urls.entorno());
        pares
    }
}

impl Urls {
    /// Como ajustes.
    pub fn entorno(&self) -> Vec<(&'static str, String)> {
        let mut pares = vec![("DATABASE_URL", self.servicio.clone())];
        pares.extend(self.migracion.clone().map(|url| ("DATABASE_URL_MIGRACION", url)));
        pares
    }

    /// La dirección de los servicios sin usuario ni clave, para mostrarla.
    pub fn visible(&self) -> String {
        let (esquema, resto) = self.servicio.split_once("://").unwrap_or(("postgres", &self.servicio));
        let resto = resto.rsplit_once('@').map_or(resto, |(_, r)| r);
        let (base, ajustes) = resto.split_once('?').unwrap_or((resto, ""));
        let zocalo = ajustes.split('&').find(|a| a.starts_with("host="));
        zocalo.map_or_else(|| format!("{esquema}://{base}"), |z| format!("{esquema}://{base}?{z}"))
    }
}

/// Los ajustes como los lee una shell.
pub fn escribir_ajustes(pares: &[(&'static str, String)]) -> String {
    pares.iter().fold(String::new(), |texto, (nombre, valor)| {
        texto + "export " + nombre + "='" + &valor.replace('\'', r"'\''") + "'\n"
    })
}

/// Lo que [`escribir_ajustes`] escribió.
pub fn leer_ajustes(texto: &str) -> Vec<(String, String)> {
    texto
        .lines()
        .filter_map(|linea| {
            let (nombre, valor) = linea.strip_prefix("export ")?.split_once('=')?;
            let valor = valor.strip_prefix('\'')?.strip_suffix('\'')?;
            Some((nombre.to_owned(), valor.replace(r"'\''", "'")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn urls() -> Urls {
        Urls { servicio: "postgres://yo:clave@localhost:5432/anaquel?host=/a%20b&x=y".into(), migracion: None }
    }

    #[test]
    fn cada_puerto_guarda_su_distancia_con_la_base_y_ninguno_se_repite() {
        let plano = Plano::new("var", 7000).expect("vale");
        let servicios = plano.servicios(&urls());
        let mut puertos = HashSet::new();
        for (i, s) in servicios.iter().enumerate() {
            assert_eq!(s.nombre, NOMBRES[i + 1]);
            assert_eq!(usize::from(s.http.port()), 7100 + i);
            assert!(puertos.insert(s.http) && s.zocalos.iter().all(|z| puertos.insert(*z)), "{}", s.nombre);
        }
        assert_eq!(plano.almacenes(), "127.0.0.1:7015,127.0.0.1:7016");
        assert_eq!(servicios[3].programa, "actor_prestamo");
        assert_eq!(servicios[6].programa, "actor_devolucion");
    }

    #[test]
    fn con_algo_en_medio_los_almacenes_escuchan_donde_siempre_y_los_demas_van_por_el_desvio() {
        let desvio = [SocketAddr::from((Ipv4Addr::LOCALHOST, 40_001)), (Ipv4Addr::LOCALHOST, 40_002).into()];
        let plano = Plano::new("var", 7000).expect("vale").con_desvio(desvio);
        assert_eq!(plano.almacenes(), "127.0.0.1:40001,127.0.0.1:40002");
        for servicio in plano.servicios(&urls()) {
            let llama = servicio.entorno.iter().find(|(n, _)| *n == "GESTOR_ALMACENAMIENTO_ENDPOINTS");
            assert!(llama.is_none_or(|(_, v)| *v == plano.almacenes()), "{}", servicio.nombre);
        }
        assert_eq!(plano.servicios(&urls())[1].zocalos, [SocketAddr::from((Ipv4Addr::LOCALHOST, 7015))]);
    }

    #[test]
    fn una_base_que_no_deja_sitio_se_rechaza_con_su_ajuste() {
        for base in [0, 80, 65_430, u16::MAX] {
            let error = Plano::new("var", base).expect_err("no vale").to_string();
            assert!(error.contains("ANAQUEL_PUERTO_BASE") && error.contains("65429"), "{error}");
        }
        Plano::new("var", 65_429).expect("cabe justo");
    }

    #[test]
    fn los_ajustes_escritos_se_leen_igual() {
        let plano = Plano::new("/tmp/l'étagère", 5555).expect("vale");
        let pares = plano.ajustes_de_cliente(&urls());
        let leidos = leer_ajustes(&escribir_ajustes(&pares));
        assert_eq!(leidos, pares.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect::<Vec<_>>());
    }

    #[test]
    fn la_clave_de_la_base_no_se_muestra() {
        assert_eq!(urls().visible(), "postgres://localhost:5432/anaquel?host=/a%20b");
    }
}
