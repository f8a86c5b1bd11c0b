//! Migraciones y permisos.

use anaquel::postgres::{Cluster, Rol};
use common::{dominio::Codigo, process::config::Ajustes};
use gestor_almacenamiento::store::{Base, Conexiones, apartadas, consultas, foto};
use sqlx::{Connection, Executor, PgConnection, error::DatabaseError};

use crate::comun::{biblioteca, codigo, devolucion, entrada, prestamo, renovacion};

/// Con sus parámetros.
const SENTENCIAS: [(&str, &str); 6] = [
    (foto::FOTO, "ARRAY[gen_random_uuid()], '{E1}', '{U1}', '{L1}'"),
    (consultas::EJEMPLAR, "'E1'"),
    (consultas::LIBRO, "'L1', 10"),
    (consultas::USUARIO, "'U1', 10"),
    (consultas::OPERACION, "gen_random_uuid()"),
    (apartadas::UNA, "gen_random_uuid()"),
];

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
            "UPDATE usuarios SET bloqueado = false",
            "UPDATE ejemplares SET sede_id = 'CENTRO'",
            "UPDATE prestamos SET usuario_id = 'U2'",
            "UPDATE operaciones SET respuesta = ''",
            "UPDATE horizonte SET desde = now()",
            "UPDATE operaciones SET estado = 'anulada'",
            "UPDATE apartadas SET nota = ''",
            "DELETE FROM apartadas",
            "DELETE FROM sumandos",
            "UPDATE cuentas SET cuantas = 0",
            "INSERT INTO cuentas VALUES ('prestamo', 'OK', '', 1)",
            "INSERT INTO prestamos_por_libro VALUES ('L1', 1)",
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

/// Las sentencias que corren con cada lote y cada consulta, preparadas como lo están en el servicio.
#[tokio::test]
async fn toda_sentencia_caliente_va_por_indice_aunque_las_tablas_crezcan_despues() {
    let b = biblioteca().await;
    let mut prestada = b.conexiones.tomar().await.expect("entra");
    for (i, (sql, parametros)) in SENTENCIAS.into_iter().enumerate() {
        let preparar = format!("PREPARE s{i} AS {}", sql.split_once('\n').expect("su nombre va en la primera línea").1);
        prestada.conexion.execute(sqlx::AssertSqlSafe(preparar)).await.expect(sql);
        let explicar = sqlx::AssertSqlSafe(format!("EXPLAIN EXECUTE s{i} ({parametros})"));
        let plan: Vec<String> = sqlx::query_scalar(explicar).fetch_all(&mut prestada.conexion).await.expect(sql);
        let malas = ["Seq Scan", "Hash Join", "Merge Join", "Materialize"];
        // La tabla horizonte tiene una fila.
        let mala = plan.iter().find(|l| malas.iter().any(|m| l.contains(m)) && !l.contains("horizonte"));
        assert_eq!(mala, None, "{sql}:\n{}", plan.join("\n"));
        // Un índice sin condición se recorre entero: barato solo mientras la tabla es pequeña.
        let con = |que: &str| plan.iter().filter(|l| l.contains(que)).count();
        let indices = con("Index Scan") + con("Index Only Scan");
        assert!(indices > 0 && indices == con("Index Cond"), "{sql}:\n{}", plan.join("\n"));
    }
}

/// Lo que corre dentro de `guardar_lote` no se puede explicar desde fuera, pero la base cuenta las filas que lee cada
/// recorrido, de tabla o de índice.
#[tokio::test]
async fn lo_que_lee_un_lote_no_crece_con_las_tablas() {
    let b = biblioteca().await;
    for primero in [1, 101, 201] {
        let lote: Vec<_> = (primero..primero + 100).map(|n| prestamo(&format!("U{n}"), &format!("E{n}"))).collect();
        b.decidir(&lote).await;
    }
    let leidas = "SELECT (SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE relname <> 'horizonte')::bigint
        + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes)::bigint";
    // Al cerrarse, cada conexión deja sus cuentas.
    let cuentas = async || {
        b.cerrar().await;
        b.abrir().await;
        b.contar(leidas).await
    };
    let antes = cuentas().await;
    let lote = [prestamo("U1", "E901"), prestamo("U2", "L480"), renovacion("U3", "E3"), devolucion("", "E4")];
    let decidido = b.decidir(&lote).await;
    assert!(lote.iter().all(|o| codigo(&decidido, o) == Codigo::Ok));
    let de_un_lote = cuentas().await - antes;
    assert!((1..60).contains(&de_un_lote), "leyó {de_un_lote} filas, con cientos en cada tabla");
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
