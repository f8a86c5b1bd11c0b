//! El PostgreSQL embebido, con servidores de verdad.

#[allow(dead_code, reason = "lo comparten las pruebas del lanzador")]
mod comun;

use std::{
    convert::Infallible,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anaquel::postgres::{Cluster, Rol};
use sqlx::{Connection, Executor, PgConnection};

#[tokio::test]
async fn cada_prueba_tiene_su_base_copiada_de_la_plantilla() {
    let cluster = Cluster::compartido().expect("arranca");
    let migrar = async |url: String| -> Result<(), sqlx::Error> {
        let mut c = PgConnection::connect(&url).await?;
        c.execute("CREATE TABLE libros (isbn text PRIMARY KEY); GRANT SELECT, INSERT ON libros TO anaquel_servicio")
            .await?;
        Ok(())
    };
    let una = cluster.base_migrada(migrar).await.expect("se crea");
    let otra = cluster.base_migrada(async |_| Ok::<(), Infallible>(())).await.expect("se crea");
    let mut c = PgConnection::connect(&una.url_servicio).await.expect("conecta");
    c.execute("INSERT INTO libros VALUES ('1')").await.expect("puede escribir");
    assert!(c.execute("DROP TABLE libros").await.is_err(), "el servicio no posee nada");
    let mut c = PgConnection::connect(&otra.url_servicio).await.expect("conecta");
    let n: i64 = sqlx::query_scalar("SELECT count(*) FROM libros").fetch_one(&mut c).await.expect("lee");
    assert_eq!(n, 0);
}

#[tokio::test]
async fn el_duenio_puede_trabajar_como_el_servicio_y_al_soltar_no_queda_nada() {
    let cluster = Cluster::desechable().expect("arranca");
    let dir = cluster.dir().to_owned();
    let mut c = PgConnection::connect(&cluster.url(Rol::Migracion, anaquel::postgres::BASE)).await.expect("conecta");
    c.execute("CREATE TABLE t (x int); SET ROLE anaquel_servicio").await.expect("administra al servicio");
    drop(cluster);
    assert!(!dir.exists(), "{} sigue ahí", dir.display());
    let pid = fs::read_to_string(dir.join("data/postmaster.pid"));
    assert!(pid.is_err());
}

#[test]
fn matar_al_duenio_no_deja_procesos_y_lo_suyo_se_barre() {
    let ejemplo = Path::new(env!("CARGO_BIN_EXE_anaquel")).with_file_name("examples").join("cluster_desechable");
    let mut duenio =
        Command::new(ejemplo).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("el ejemplo está");
    let mut dir = String::new();
    BufReader::new(duenio.stdout.take().expect("es nuestra")).read_line(&mut dir).expect("lo dice");
    let dir = PathBuf::from(dir.trim());
    let servidor: u32 = fs::read_to_string(dir.join("data/postmaster.pid"))
        .ok()
        .and_then(|t| t.lines().next()?.parse().ok())
        .expect("está en marcha");
    let todos = [vec![servidor], common::process::hijos::de(servidor)].concat();
    assert!(todos.len() > 1 && comun::vive(servidor), "{todos:?}");
    duenio.kill().expect("vive");
    duenio.wait().expect("es hijo nuestro");
    comun::esperar("no queda nada en marcha", || (!todos.iter().any(|p| comun::vive(*p))).then_some(()));
    drop(Cluster::desechable().expect("arranca"));
    assert!(!dir.exists(), "{} no se barrió", dir.display());
}
