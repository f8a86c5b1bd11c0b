//! Se actualiza un gestor de almacenamiento cada vez: mientras queda alguno de la versión anterior, lo que manda a la base
//! tiene que seguir sirviendo después de la migración de la nueva.
//!
//! De cada migración está anotado en `tests/sentencias` qué mandaba el código que la traía; lo de la última es lo de hoy.

use std::{collections::BTreeMap, fs, path::PathBuf};

use anaquel::postgres::{self, Cluster};
use chrono::{DateTime, Duration, Utc};
use common::{
    dominio::{Codigo, Estado},
    mensajes::{Orden, Respuesta},
};
use gestor_almacenamiento::store::{Conexiones, migraciones};
use serde_json::json;
use sqlx::{
    AssertSqlSafe, Column, Connection, Executor, PgConnection, Row, SqlSafeStr, Statement, error::DatabaseError,
    postgres::PgRow,
};
use uuid::Uuid;

use crate::comun::{Biblioteca, CATALOGO, entrada, hacer, prestamo};

/// Los módulos cuyas sentencias corren mientras se sirve. Importar y podar son órdenes sueltas, que migran antes de empezar.
const SIRVEN: [&str; 5] = ["apartadas", "consultas", "cuentas", "foto", "guardado"];

fn ultima() -> i64 {
    migraciones::todas().iter().map(|m| m.version).max().expect("hay migraciones")
}

fn archivo(version: i64) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/sentencias/{version:04}.sql"))
}

/// Las sentencias anotadas de una versión, por su nombre.
fn anotadas(version: i64) -> BTreeMap<String, String> {
    let ruta = archivo(version);
    let texto = fs::read_to_string(&ruta).unwrap_or_else(|e| panic!("{}: {e}", ruta.display()));
    texto
        .split(";\n")
        .map(str::trim)
        .filter(|s| !s.is_empty())
        .map(|s| {
            let (nombre, sql) = s.split_once('\n').expect("su nombre va en la primera línea");
            (nombre.trim_start_matches("-- ").to_owned(), sql.to_owned())
        })
        .collect()
}

/// Las sentencias del código de hoy: cada texto de las fuentes que empieza por su nombre.
fn de_hoy() -> String {
    let mut todas = Vec::new();
    for modulo in SIRVEN {
        let ruta = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("src/store/{modulo}.rs"));
        let fuente = fs::read_to_string(&ruta).expect("las fuentes se pueden leer");
        for texto in fuente.split("\"-- ").skip(1) {
            let sql = texto.split('"').next().expect("siempre hay uno");
            let lineas: Vec<&str> = sql.lines().map(str::trim).collect();
            todas.push(format!("-- {}", lineas.join("\n")));
        }
    }
    todas.join(";\n\n") + ";\n"
}

#[test]
fn lo_que_manda_el_codigo_de_hoy_esta_anotado_para_la_migracion_que_venga() {
    let (ruta, hoy) = (archivo(ultima()), de_hoy());
    if fs::read_to_string(&ruta).is_ok_and(|anotado| anotado == hoy) {
        return;
    }
    let copia = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("sentencias_de_hoy.sql");
    fs::write(&copia, &hoy).expect("se puede escribir");
    panic!(
        "lo que el código manda a la base no es lo anotado en {}. Si esa migración aún no se publicó (o lo de hoy sirve igual \
         sobre la anterior), copie ahí {}; si ya se publicó, lo que cambia va con una migración nueva",
        ruta.display(),
        copia.display()
    );
}

/// Una base como la dejaba la versión anterior, con catálogo.
async fn base_anterior() -> postgres::Base {
    let base = Cluster::compartido().expect("hay PostgreSQL").base_vacia().await.expect("se crea");
    let mut duenio = PgConnection::connect(&base.url_migracion).await.expect("conecta");
    migraciones::todas().run_to(ultima() - 1, &mut duenio).await.expect("migra");
    duenio.execute(CATALOGO).await.expect("carga");
    base
}

async fn migrar_a_la_de_hoy(base: &postgres::Base) {
    entrada(base).preparar().await.expect("migra");
}

/// Un gestor de almacenamiento de la versión anterior: una conexión abierta, con sus sentencias preparadas.
struct Anterior {
    conexion: PgConnection,
    sentencias: BTreeMap<String, String>,
}

impl Anterior {
    async fn de(base: &postgres::Base) -> Self {
        let conexion = PgConnection::connect_with(&entrada(base).servicio).await.expect("entra");
        Self { conexion, sentencias: anotadas(ultima() - 1) }
    }

    fn sql(&self, nombre: &str) -> AssertSqlSafe<String> {
        AssertSqlSafe(self.sentencias[nombre].clone())
    }

    /// Lo que leía para decidir una operación.
    async fn foto(&mut self, id: Uuid, ejemplar: &str, usuario: &str) -> PgRow {
        let sql = sqlx::query(self.sql("foto::leer")).bind(vec![id]).bind(vec![ejemplar]).bind(vec![usuario]);
        sql.bind(Vec::<&str>::new()).fetch_one(&mut self.conexion).await.expect("la foto se lee")
    }

    /// Concede un préstamo como lo concedía.
    async fn prestar(&mut self, orden: &Orden, ejemplar: &str, usuario: &str) -> Result<(), sqlx::Error> {
        let foto = self.foto(orden.id.uuid(), ejemplar, usuario).await;
        let horizonte: DateTime<Utc> = foto.try_get(1).expect("horizonte");
        let (isbn, sede): (String, String) = (foto.try_get(6).expect("isbn"), foto.try_get(8).expect("sede"));
        let (id, desde) = (orden.id.uuid(), orden.aceptada.fecha());
        let datos = json!({"prestamo": id, "ejemplar": ejemplar, "isbn": isbn, "sede": &sede, "usuario": usuario});
        let respuesta = Respuesta::new(Some(id), Estado::Aplicada, Codigo::Ok, desde).con_datos(datos).guardada();
        let decididas = sqlx::query(self.sql("guardado::guardar"))
            .bind(vec![id])
            .bind(vec![orden.huella.as_bytes().as_slice()])
            .bind(vec!["prestamo"])
            .bind(vec!["aplicada"])
            .bind(vec!["OK"])
            .bind(vec![respuesta.cuerpo.get()])
            .bind(vec![desde])
            .bind(horizonte);
        let sin_cambiados = decididas
            .bind(Vec::<Uuid>::new())
            .bind(Vec::<i16>::new())
            .bind(Vec::<DateTime<Utc>>::new())
            .bind(Vec::<i16>::new())
            .bind(Vec::<DateTime<Utc>>::new())
            .bind(Vec::<Uuid>::new());
        let con_nuevos = sin_cambiados
            .bind(vec![id])
            .bind(vec![ejemplar])
            .bind(vec![isbn.as_str()])
            .bind(vec![usuario])
            .bind(vec![0_i16])
            .bind(vec![desde])
            .bind(vec![desde + Duration::days(14)])
            .bind(vec![0_i16])
            .bind(vec![None::<DateTime<Utc>>])
            .bind(vec![None::<Uuid>]);
        let con_sumandos = con_nuevos
            .bind(vec!["prestamo"])
            .bind(vec!["OK"])
            .bind(vec![sede])
            .bind(vec![1_i32])
            .bind(vec![isbn.as_str()])
            .bind(vec![1_i32]);
        con_sumandos.execute(&mut self.conexion).await.map(drop)
    }
}

#[tokio::test]
async fn todo_lo_que_mandaba_el_codigo_anterior_se_prepara_sobre_el_esquema_de_hoy_y_da_lo_mismo() {
    let base = base_anterior().await;
    let sentencias = anotadas(ultima() - 1);
    assert!(sentencias.len() >= 7, "{:?}", sentencias.keys());
    let antes = preparadas(&base, &sentencias).await;
    migrar_a_la_de_hoy(&base).await;
    assert_eq!(preparadas(&base, &sentencias).await, antes);
}

/// De cada sentencia, los tipos de lo que pide y de lo que da, como los ve el rol del servicio.
async fn preparadas(base: &postgres::Base, sentencias: &BTreeMap<String, String>) -> Vec<(String, String, String)> {
    let mut c = PgConnection::connect_with(&entrada(base).servicio).await.expect("entra");
    let mut tipos = Vec::new();
    for (nombre, sql) in sentencias {
        let preparada = c.prepare(AssertSqlSafe(sql.clone()).into_sql_str()).await;
        let preparada = preparada.unwrap_or_else(|e| panic!("{nombre}: {e}"));
        let da: Vec<_> = preparada.columns().iter().map(|c| format!("{} {}", c.name(), c.type_info())).collect();
        tipos.push((nombre.clone(), format!("{:?}", preparada.parameters()), da.join(", ")));
    }
    tipos
}

#[tokio::test]
async fn una_conexion_del_codigo_anterior_sigue_decidiendo_mientras_se_migra_y_despues() {
    let base = base_anterior().await;
    let mut anterior = Anterior::de(&base).await;
    let (antes, despues) = (prestamo("U1", "E1"), prestamo("U2", "E2"));
    anterior.prestar(&antes, "E1", "U1").await.expect("lo de siempre");
    migrar_a_la_de_hoy(&base).await;

    // La misma conexión, con lo que preparó antes: lee, decide, y un id ya decidido no se decide otra vez.
    anterior.prestar(&despues, "E2", "U2").await.expect("después de migrar");
    let repetida = anterior.prestar(&despues, "E4", "U2").await.expect_err("ya está decidida");
    let codigo = repetida.as_database_error().and_then(DatabaseError::code).map(std::borrow::Cow::into_owned);
    assert_eq!(codigo.as_deref(), Some("AN001"), "{repetida}");
    let foto = anterior.foto(despues.id.uuid(), "E2", "U2").await;
    assert_eq!(foto.try_get::<Uuid, _>(9).expect("préstamo"), despues.id.uuid());

    // Y el código de hoy da por suyo lo que aquel decidió, cuentas incluidas.
    let b = Biblioteca { conexiones: Conexiones::a(entrada(&base).servicio, 2), base };
    for (orden, ejemplar) in [(antes, "E1"), (despues, "E2")] {
        let respuesta = b.pedir(&orden).await;
        assert_eq!((respuesta.codigo, respuesta.datos["ejemplar"].as_str()), (Codigo::Ok, Some(ejemplar)));
    }
    assert_eq!(b.pedir(&prestamo("U3", "E2")).await.codigo, Codigo::EjemplarPrestado);
    b.las_cuentas_cuadran().await;
}

/// Un proceso de la versión anterior que se vuelve a levantar encuentra una migración que no conoce.
#[tokio::test]
async fn se_arranca_con_la_base_una_migracion_por_delante_y_con_dos_no() {
    let base = Cluster::compartido().expect("hay PostgreSQL").base_vacia().await.expect("se crea");
    migrar_a_la_de_hoy(&base).await;
    let mut duenio = PgConnection::connect(&base.url_migracion).await.expect("conecta");
    for (delante, sirve) in [(1, true), (2, false)] {
        let futura = ultima() + delante;
        let anotar = format!(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES ({futura}, 'futura', true, '', 0)"
        );
        hacer(&mut duenio, anotar).await;
        let preparada = entrada(&base).preparar().await.map_err(|e| e.to_string());
        assert_eq!(preparada.is_ok(), sirve, "{preparada:?}");
        if let Err(motivo) = preparada {
            assert!(motivo.contains("2 migraciones por delante"), "{motivo}");
        }
    }
}
