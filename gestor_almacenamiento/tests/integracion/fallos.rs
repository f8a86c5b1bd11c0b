//! La base, o una operación, que no puede.

use common::{
    dominio::Codigo,
    mensajes::{Desenlace, Fallo},
};
use gestor_almacenamiento::store::{consultas, escritura};
use sqlx::Executor;

use crate::comun::{biblioteca, codigo, esperar_bloqueados, hacer, prestamo, prestar_sin_confirmar};

/// Termina las conexiones del servicio en esta base.
const MATAR: &str = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()";

#[tokio::test]
async fn una_operacion_que_no_se_puede_escribir_falla_sola() {
    let b = biblioteca().await;
    b.duenio().await.execute("ALTER TABLE prestamos ADD CHECK (usuario_id <> 'U7')").await.expect("veta");
    let lote: Vec<_> = (1..=12).map(|n| prestamo(&format!("U{n}"), &format!("E{n}"))).collect();
    let decidido = b.decidir(&lote).await;
    assert!(decidido.fallo.is_none());
    for orden in &lote {
        match &decidido.desenlaces[&(orden.id, orden.huella)] {
            Desenlace::NoEscrita { motivo } => {
                assert_eq!(orden.id, lote[6].id);
                assert!(motivo.starts_with("23514"), "{motivo}");
            }
            _ => assert_eq!(codigo(&decidido, orden), Codigo::Ok),
        }
    }
    assert_eq!(b.contar("SELECT count(*) FROM operaciones").await, 11, "la fallida no queda decidida");
}

#[tokio::test]
async fn una_conexion_cortada_a_mitad_no_hace_nada_y_se_repite_por_otra() {
    let b = biblioteca().await;
    assert_eq!(b.pedir(&prestamo("U2", "E2")).await.codigo, Codigo::Ok);
    let mut ajeno = b.duenio().await;
    ajeno.execute("BEGIN").await.expect("empieza");
    hacer(&mut ajeno, prestar_sin_confirmar("U8", "E1")).await;
    let orden = prestamo("U1", "E1");
    let conexiones = b.conexiones.clone();
    let lote = tokio::spawn(async move { escritura::decidir(&conexiones, &[orden]).await });
    esperar_bloqueados(&b, 1).await;
    ajeno.execute(MATAR).await.expect("mata");
    ajeno.execute("ROLLBACK").await.expect("suelta");
    assert_eq!(codigo(&lote.await.expect("acaba"), &orden), Codigo::Ok);
    assert_eq!(b.contar("SELECT count(*) FROM prestamos WHERE ejemplar_id = 'E1'").await, 1);
}

#[tokio::test]
async fn un_guardado_en_el_aire_se_resuelve_preguntando_con_los_mismos_ids() {
    let b = biblioteca().await;
    // El COMMIT espera a un cerrojo que tenemos: ahí se corta la conexión.
    b.duenio()
        .await
        .execute(
            "CREATE FUNCTION esperar() RETURNS trigger LANGUAGE plpgsql AS
                $$BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN NULL; END$$;
            CREATE CONSTRAINT TRIGGER espera AFTER INSERT ON prestamos DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION esperar()",
        )
        .await
        .expect("prepara");
    let mut ajeno = b.duenio().await;
    ajeno.execute("SELECT pg_advisory_lock(7)").await.expect("toma el cerrojo");
    let orden = prestamo("U1", "E1");
    let conexiones = b.conexiones.clone();
    let lote = tokio::spawn(async move { escritura::decidir(&conexiones, &[orden]).await });
    esperar_bloqueados(&b, 1).await;
    ajeno.execute(MATAR).await.expect("mata");
    ajeno.execute("SELECT pg_advisory_unlock(7)").await.expect("suelta");
    assert_eq!(codigo(&lote.await.expect("acaba"), &orden), Codigo::Ok);
    assert_eq!(b.contar("SELECT count(*) FROM prestamos").await, 1);
}

#[tokio::test]
async fn sin_base_el_fallo_es_inmediato_y_nada_se_hizo_y_al_volver_sirve_sola() {
    let b = biblioteca().await;
    assert_eq!(b.pedir(&prestamo("U1", "E1")).await.codigo, Codigo::Ok);
    consultas::salud(&b.conexiones).await.expect("sana");
    b.cerrar().await;
    let antes = std::time::Instant::now();
    let orden = prestamo("U2", "E2");
    let Some(Fallo { nada_hecho: true, motivo }) = b.decidir(&[orden]).await.fallo else { panic!("debía fallar") };
    assert!(!motivo.is_empty());
    assert!(consultas::salud(&b.conexiones).await.is_err());
    assert!(antes.elapsed().as_millis() < 400, "tardó {:?}", antes.elapsed());

    b.abrir().await;
    consultas::salud(&b.conexiones).await.expect("sana otra vez");
    assert_eq!(b.pedir(&orden).await.codigo, Codigo::Ok);
}

#[tokio::test]
async fn una_fila_retenida_demasiado_es_un_fallo_del_punto_sin_nada_hecho() {
    let b = biblioteca().await;
    let mut ajeno = b.duenio().await;
    ajeno.execute("BEGIN").await.expect("empieza");
    hacer(&mut ajeno, prestar_sin_confirmar("U8", "E1")).await;
    let antes = std::time::Instant::now();
    let fallo = b.decidir(&[prestamo("U1", "E1")]).await.fallo.expect("no puede");
    assert!(fallo.nada_hecho && fallo.motivo.starts_with("55P03"), "{fallo:?}");
    assert!(antes.elapsed().as_millis() < 3_000, "por debajo de lo que espera quien llama");
    assert_eq!(b.contar("SELECT count(*) FROM operaciones").await, 0);
}

#[tokio::test]
async fn una_tabla_que_falta_es_un_fallo_del_punto_y_no_de_la_operacion() {
    let b = biblioteca().await;
    b.duenio().await.execute("REVOKE SELECT ON usuarios FROM anaquel_servicio").await.expect("revoca");
    let fallo = b.decidir(&[prestamo("U1", "E1"), prestamo("U2", "E2")]).await.fallo.expect("no puede");
    assert!(fallo.nada_hecho && fallo.motivo.starts_with("42501"), "{fallo:?}");
}
