//! Migraciones y permisos.

use anaquel::postgres::{Cluster, Rol};
use common::process::config::Ajustes;
use gestor_almacenamiento::store::{Base, Conexiones};
use sqlx::{Connection, Executor, PgConnection, error::DatabaseError};

use crate::comun::{biblioteca, entrada};

#[tokio::test]
async fn cuatro_gestores_migran_a_la_vez_la_misma_base() {
    let base = Cluster::compartido().expect("hay PostgreSQL").base_vacia().await.expect("se crea");
    let una = entrada(&base);
    let (a, b, c, d) = tokio::join!(una.preparar(), una.preparar(), una.preparar(), una.preparar());
    for hecho in [a, b, c, d] {
        hecho.expect("migra");
    }
}

#[tokio::test]
async fn cuatro_bases_de_un_cluster_sin_rol_se_migran_a_la_vez() {
    let cluster = Cluster::desechable().expect("hay PostgreSQL");
    let mut bases = Vec::new();
    for _ in 0..4 {
        bases.push(cluster.base_vacia().await.expect("se crea"));
    }
    let url = cluster.url(Rol::Administrador, "postgres");
    let mut administrador = PgConnection::connect(&url).await.expect("conecta");
    administrador.execute("DROP ROLE anaquel_servicio").await.expect("nadie depende de él");
    let preparar = async |i: usize| {
        let ajustes = Ajustes::de_pares(&[("DATABASE_URL", &bases[i].url_migracion)]);
        Base::de_ajustes(&ajustes).expect("ajustes").preparar().await
    };
    let (a, b, c, d) = tokio::join!(preparar(0), preparar(1), preparar(2), preparar(3));
    for hecho in [a, b, c, d] {
        hecho.expect("migra");
    }
}

#[tokio::test]
async fn el_servicio_no_posee_nada_ni_entrando_con_la_url_del_duenio() {
    let b = biblioteca().await;
    for url in [&b.base.url_servicio, &b.base.url_migracion] {
        let base = Base::de_ajustes(&Ajustes::de_pares(&[("DATABASE_URL", url)])).expect("ajustes");
        let mut prestada = Conexiones::a(base.servicio, 1).tomar().await.expect("entra");
        for prohibido in [
            "DROP TABLE operaciones",
            "ALTER TABLE prestamos ADD x int",
            "TRUNCATE prestamos",
            "DELETE FROM operaciones",
            "DELETE FROM prestamos",
            "INSERT INTO libros VALUES ('x', 'x', 'x')",
            "UPDATE usuarios SET categoria = 'DOCENTE'",
            "UPDATE prestamos SET usuario_id = 'U2'",
            "UPDATE operaciones SET huella = huella",
            "UPDATE horizonte SET desde = now()",
            "CREATE TABLE mia (x int)",
            "SELECT * FROM _sqlx_migrations",
        ] {
            let error = prestada.conexion.execute(prohibido).await.expect_err(prohibido);
            let codigo = error.as_database_error().and_then(DatabaseError::code).unwrap_or_default();
            assert_eq!(codigo, "42501", "{prohibido}: {error}");
        }
        prestada.conexion.execute("SELECT FROM prestamos").await.expect("puede leer");
    }
}

#[tokio::test]
async fn toda_sentencia_va_por_indice_aunque_las_tablas_crezcan_despues() {
    let b = biblioteca().await;
    let mut prestada = b.conexiones.tomar().await.expect("entra");
    for sql in [
        "EXPLAIN UPDATE operaciones AS o SET estado = n.estado
            FROM unnest(ARRAY[]::uuid[], ARRAY[]::text[]) AS n (id, estado) WHERE o.id = n.id",
        "EXPLAIN SELECT ejemplar_id FROM ejemplares WHERE ejemplar_id = ANY('{E1}') OR isbn = ANY('{L1}')
            ORDER BY ejemplar_id FOR NO KEY UPDATE",
        "EXPLAIN SELECT count(*) FROM prestamos WHERE usuario_id = ANY('{U1}') AND devuelto IS NULL",
        "EXPLAIN SELECT FROM prestamos WHERE ejemplar_id = ANY('{E1}') AND devuelto IS NULL",
    ] {
        let plan: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut prestada.conexion).await.expect(sql);
        assert!(!plan.iter().any(|l| l.contains("Seq Scan") || l.contains("Hash Join")), "{sql}:\n{}", plan.join("\n"));
    }
}

#[tokio::test]
async fn la_base_rechaza_un_segundo_prestamo_abierto_del_mismo_ejemplar_haga_lo_que_haga_el_codigo() {
    let b = biblioteca().await;
    let mut prestada = b.conexiones.tomar().await.expect("entra");
    let sql = "INSERT INTO prestamos (prestamo_id, ejemplar_id, isbn, usuario_id, desde, vence)
        VALUES (gen_random_uuid(), 'E1', 'L1', 'U1', now(), now() + interval '14 days')";
    prestada.conexion.execute(sql).await.expect("el primero cabe");
    let error = prestada.conexion.execute(sql).await.expect_err("el segundo no");
    let indice = error.as_database_error().and_then(DatabaseError::constraint);
    assert_eq!(indice, Some("prestamo_abierto_por_ejemplar"), "{error}");
}
