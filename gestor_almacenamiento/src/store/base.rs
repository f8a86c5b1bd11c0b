//! Decide a qué base se entra, con qué rol y con qué plazos; la migra y la espera al arrancar.

use std::{
    fs,
    time::{Duration, Instant},
};

use common::{
    process::config::{AjusteInvalido, Ajustes, invalido},
    tiempos,
};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};

use super::{fallo::Culpa, migraciones};

const DATABASE_URL: &str = "DATABASE_URL";
const DATABASE_URL_MIGRACION: &str = "DATABASE_URL_MIGRACION";
/// La clave de quien entra, en un archivo y no en la URL: el entorno de un proceso lo ve quien mire su contenedor.
const CLAVE_ARCHIVO: &str = "DATABASE_URL_CLAVE_ARCHIVO";
const CLAVE_ARCHIVO_MIGRACION: &str = "DATABASE_URL_MIGRACION_CLAVE_ARCHIVO";
const URL_DE_EJEMPLO: &str = "postgres://anaquel_servicio@127.0.0.1:5432/anaquel";
/// El rol con el que trabaja el servicio, entre con quien entre.
const ROL: &str = "anaquel_servicio";

/// Los planes se hacen una vez y siempre por índice: con pocas filas, o recién cargadas, el planificador elegiría recorrer
/// tablas que después crecen.
const DEL_SERVICIO: [(&str, &str); 11] = [
    ("role", ROL),
    ("tcp_keepalives_idle", "1"),
    ("tcp_keepalives_interval", "1"),
    ("tcp_keepalives_count", "3"),
    ("plan_cache_mode", "force_generic_plan"),
    ("jit", "off"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("enable_material", "off"),
    ("TimeZone", "UTC"),
];

/// Los plazos que la base pone al servicio.
const PLAZOS: [(&str, Duration); 4] = [
    ("lock_timeout", tiempos::FILA_AJENA),
    ("statement_timeout", tiempos::SENTENCIA),
    ("idle_in_transaction_session_timeout", tiempos::SENTENCIA),
    ("tcp_user_timeout", tiempos::CONEXION_MUDA),
];

/// Cada cuánto se intenta de nuevo una base que no está, y cada cuánto se dice.
const REINTENTO: Duration = Duration::from_millis(100);
const AVISO: Duration = Duration::from_secs(3);

/// Las migraciones que la base puede llevar por delante de este programa: con más, nadie lo ha probado.
const POR_DELANTE_MAX: i64 = 1;

/// Una base de datos, con sus dos entradas.
#[derive(Clone)]
pub struct Base {
    /// La del servicio: mínimo privilegio y plazos cortos.
    pub servicio: PgConnectOptions,
    pub migracion: PgConnectOptions,
    espera: Duration,
    /// El ajuste del que salió `migracion`.
    ajuste_del_duenio: &'static str,
}

impl Base {
    /// La que dicen `DATABASE_URL` (o `DB_HOST`, `DB_PORT`, `DB_NAME`, `DB_USER`, `DB_PASS`), `DATABASE_URL_MIGRACION`, los
    /// archivos con sus claves y `ESPERA_BASE_MS`.
    pub fn de_ajustes(ajustes: &Ajustes) -> Result<Self, AjusteInvalido> {
        let entrada = match ajustes.texto(DATABASE_URL) {
            Some(url) => de_url(DATABASE_URL, &url)?,
            None => de_partes(ajustes)?,
        };
        let entrada = con_clave(entrada, ajustes, CLAVE_ARCHIVO)?;
        let (ajuste_del_duenio, migracion) = match ajustes.texto(DATABASE_URL_MIGRACION) {
            Some(url) => {
                let duenio = de_url(DATABASE_URL_MIGRACION, &url)?;
                (DATABASE_URL_MIGRACION, con_clave(duenio, ajustes, CLAVE_ARCHIVO_MIGRACION)?)
            }
            None if ajustes.texto(CLAVE_ARCHIVO_MIGRACION).is_some() => {
                let motivo = format!("no hay {DATABASE_URL_MIGRACION} a la que darle la clave");
                return Err(invalido(CLAVE_ARCHIVO_MIGRACION, motivo, "Dé esa URL, o quite el ajuste"));
            }
            None => (DATABASE_URL, entrada.clone()),
        };
        Ok(Self {
            servicio: entrada.options(DEL_SERVICIO).options(PLAZOS.map(|(nombre, plazo)| (nombre, plazo.as_millis()))),
            migracion,
            ajuste_del_duenio,
            espera: ajustes.milisegundos("ESPERA_BASE_MS", tiempos::ESPERA_BASE_MS)?,
        })
    }

    /// Espera a que la base conteste y la deja migrada; varios a la vez van uno tras otro.
    ///
    /// # Errors
    /// [`AjusteInvalido`] que nombra la URL: no contestó a tiempo, no admite a quien entra, o no se deja migrar.
    pub async fn preparar(&self) -> Result<(), AjusteInvalido> {
        let mut duenio = self.esperar(&self.migracion, self.ajuste_del_duenio).await?;
        let no_migrada = |motivo: String| {
            let motivo = format!("no se pudo migrar la base: {motivo}");
            invalido(DATABASE_URL_MIGRACION, motivo, "Dé la URL del dueño de las tablas")
        };
        // Con plazo: otro que migraba pudo quedarse parado con el cerrojo.
        tokio::time::timeout(self.espera, migraciones::todas().run(&mut duenio))
            .await
            .map_err(|_| no_migrada("otro la está migrando y no acaba".into()))?
            .map_err(|e| no_migrada(e.to_string()))?;
        let delante = por_delante(&mut duenio).await.map_err(|e| no_migrada(e.to_string()))?;
        if delante > POR_DELANTE_MAX {
            let motivo = format!("la base va {delante} migraciones por delante de este programa, y solo admite una");
            return Err(invalido(self.ajuste_del_duenio, motivo, "Ponga una versión más nueva de este programa"));
        }
        // Ya migrada: cómo se despida da igual.
        let _ = duenio.close().await;
        let servicio = self.esperar(&self.servicio, DATABASE_URL).await?;
        let _ = servicio.close().await;
        Ok(())
    }

    async fn esperar(&self, opciones: &PgConnectOptions, ajuste: &str) -> Result<PgConnection, AjusteInvalido> {
        let donde = format!("{}:{}", opciones.get_host(), opciones.get_port());
        let (inicio, mut avisado) = (Instant::now(), Instant::now());
        loop {
            let queda = self.espera.saturating_sub(inicio.elapsed());
            let error = match tokio::time::timeout(queda, PgConnection::connect_with(opciones)).await {
                Ok(Ok(conexion)) => return Ok(conexion),
                Ok(Err(e)) => e,
                Err(_) => sqlx::Error::PoolTimedOut,
            };
            let motivo = match Culpa::de(&error) {
                Culpa::Conexion(motivo) if !queda.is_zero() => motivo,
                otra => {
                    let motivo = otra.motivo();
                    let texto = format!("la base de datos de {donde} no sirve o no contesta: {motivo}");
                    return Err(invalido(
                        ajuste,
                        texto,
                        &format!("Arránquela, o dé su URL, por ejemplo {URL_DE_EJEMPLO}"),
                    ));
                }
            };
            if avisado.elapsed() >= AVISO {
                avisado = Instant::now();
                tracing::warn!(
                    "esperando a la base de datos de {donde} desde hace {} s: {motivo}",
                    inicio.elapsed().as_secs()
                );
            }
            tokio::time::sleep(REINTENTO.min(queda)).await;
        }
    }
}

/// Las migraciones de la base que este programa no trae.
async fn por_delante(duenio: &mut PgConnection) -> sqlx::Result<i64> {
    let ultima = migraciones::todas().iter().map(|m| m.version).max();
    let sql = "-- base::por_delante
        SELECT count(*) FROM _sqlx_migrations WHERE version > $1";
    sqlx::query_scalar(sql).bind(ultima).fetch_one(duenio).await
}

/// El texto de la URL no se repite en el error: lleva la contraseña.
fn de_url(ajuste: &str, url: &str) -> Result<PgConnectOptions, AjusteInvalido> {
    let url = url.trim();
    let mala = |motivo: &str| {
        let motivo = format!("no es una URL de PostgreSQL: {motivo}");
        invalido(ajuste, motivo, &format!("Escriba, por ejemplo, {URL_DE_EJEMPLO}"))
    };
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(mala("no empieza por postgres://"));
    }
    url.parse::<PgConnectOptions>().map(comun).map_err(|e| mala(&e.to_string()))
}

fn de_partes(ajustes: &Ajustes) -> Result<PgConnectOptions, AjusteInvalido> {
    let texto = |nombre: &str, por_defecto: &str| ajustes.texto(nombre).unwrap_or_else(|| por_defecto.to_owned());
    let opciones = PgConnectOptions::new_without_pgpass()
        .host(&texto("DB_HOST", "127.0.0.1"))
        .port(ajustes.valor("DB_PORT", "5432", "Escriba un puerto, por ejemplo 5432")?)
        .database(&texto("DB_NAME", "anaquel"))
        .username(&texto("DB_USER", ROL));
    Ok(comun(match ajustes.texto("DB_PASS") {
        Some(clave) => opciones.password(&clave),
        None => opciones,
    }))
}

/// Con la clave que haya en el archivo que nombra `ajuste`, si lo nombra; manda sobre la de la URL.
fn con_clave(opciones: PgConnectOptions, ajustes: &Ajustes, ajuste: &str) -> Result<PgConnectOptions, AjusteInvalido> {
    let Some(archivo) = ajustes.texto(ajuste) else { return Ok(opciones) };
    let mala = |motivo: &str| {
        let salida = "Nombre un archivo que se pueda leer, con la clave en una línea";
        invalido(ajuste, format!("{archivo}: {motivo}"), salida)
    };
    let texto = fs::read_to_string(archivo.trim()).map_err(|e| mala(&e.to_string()))?;
    let clave = texto.trim_end_matches(['\r', '\n']);
    if clave.is_empty() {
        return Err(mala("está vacío"));
    }
    if clave.contains('\n') {
        return Err(mala("tiene más de una línea"));
    }
    Ok(opciones.password(clave))
}

fn comun(opciones: PgConnectOptions) -> PgConnectOptions {
    use sqlx::ConnectOptions;
    opciones.application_name("gestor_almacenamiento").disable_statement_logging()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use sqlx::ConnectOptions as _;

    use super::*;

    const URL: &str = "postgres://servicio@base:5432/anaquel";
    const URL_DEL_DUENIO: &str = "postgres://duenio:otra@base:5432/anaquel";

    fn archivo(texto: &str) -> tempfile::NamedTempFile {
        let mut archivo = tempfile::NamedTempFile::new().expect("archivo");
        archivo.write_all(texto.as_bytes()).expect("escrito");
        archivo
    }

    fn clave(opciones: &PgConnectOptions) -> Option<String> {
        opciones.to_url_lossy().password().map(str::to_owned)
    }

    #[test]
    fn cada_clave_sale_de_su_archivo_y_manda_sobre_la_de_la_url() {
        let (servicio, duenio) = (archivo("delservicio\n"), archivo("delduenio\r\n"));
        let ruta = |archivo: &tempfile::NamedTempFile| archivo.path().display().to_string();
        let base = Base::de_ajustes(&Ajustes::de_pares(&[
            (DATABASE_URL, URL),
            (CLAVE_ARCHIVO, &ruta(&servicio)),
            (DATABASE_URL_MIGRACION, URL_DEL_DUENIO),
            (CLAVE_ARCHIVO_MIGRACION, &ruta(&duenio)),
        ]))
        .expect("vale");
        assert_eq!(clave(&base.servicio).as_deref(), Some("delservicio"));
        assert_eq!(clave(&base.migracion).as_deref(), Some("delduenio"));
    }

    #[test]
    fn sin_archivos_vale_la_clave_de_la_url_o_la_de_db_pass() {
        let pares = [(DATABASE_URL, URL), (DATABASE_URL_MIGRACION, URL_DEL_DUENIO)];
        let base = Base::de_ajustes(&Ajustes::de_pares(&pares)).expect("vale");
        assert_eq!((clave(&base.servicio), clave(&base.migracion).as_deref()), (None, Some("otra")));
        let base = Base::de_ajustes(&Ajustes::de_pares(&[("DB_PASS", "suelta")])).expect("vale");
        assert_eq!(clave(&base.servicio).as_deref(), Some("suelta"));
    }

    #[test]
    fn un_archivo_que_no_trae_una_clave_se_dice_con_su_ajuste_y_sin_su_contenido() {
        let (vacio, dos_lineas) = (archivo("\n"), archivo("secreta\nsobra\n"));
        let rutas = [vacio.path(), dos_lineas.path(), std::path::Path::new("/no/existe")];
        for (ajuste, ruta) in [CLAVE_ARCHIVO, CLAVE_ARCHIVO_MIGRACION].iter().flat_map(|a| rutas.map(|r| (*a, r))) {
            let ruta = ruta.display().to_string();
            let pares = [(DATABASE_URL, URL), (DATABASE_URL_MIGRACION, URL_DEL_DUENIO), (ajuste, &ruta)];
            let linea = Base::de_ajustes(&Ajustes::de_pares(&pares)).err().expect("no vale").to_string();
            assert!(linea.contains(&format!("ajuste {ajuste}: {ruta}")), "{linea}");
            assert!(!linea.contains("secreta") && !linea.contains('\n'), "{linea}");
        }
    }

    #[test]
    fn una_clave_del_duenio_sin_su_url_no_se_ignora() {
        let clave = archivo("clave");
        let ruta = clave.path().display().to_string();
        let pares = [(DATABASE_URL, URL), (CLAVE_ARCHIVO_MIGRACION, &ruta)];
        let linea = Base::de_ajustes(&Ajustes::de_pares(&pares)).err().expect("no vale").to_string();
        assert!(linea.contains(CLAVE_ARCHIVO_MIGRACION) && linea.contains(DATABASE_URL_MIGRACION), "{linea}");
    }
}
