//! Dos gestores de almacenamiento a la vez sobre las mismas filas.

use std::collections::HashSet;

use common::{dominio::Codigo, mensajes::Orden};
use gestor_almacenamiento::store::{Conexiones, escritura};
use sqlx::Executor;
use tokio::task::JoinSet;

use crate::comun::{
    Biblioteca, biblioteca, bytes, codigo, devolucion, esperar_bloqueados, hacer, prestamo, prestar_sin_confirmar,
    renovacion, respuesta,
};

/// Cada orden en su lote, todas a la vez, por los gestores por turno; en el orden de las órdenes.
async fn a_la_vez(gestores: &[Conexiones], ordenes: &[Orden]) -> Vec<Codigo> {
    let mut tareas = JoinSet::new();
    for (i, orden) in ordenes.iter().copied().enumerate() {
        let gestor = gestores[i % gestores.len()].clone();
        tareas.spawn(async move { (i, codigo(&escritura::decidir(&gestor, &[orden]).await, &orden)) });
    }
    let mut codigos = tareas.join_all().await;
    codigos.sort_unstable_by_key(|(i, _)| *i);
    codigos.into_iter().map(|(_, codigo)| codigo).collect()
}

fn cuantos(codigos: &[Codigo], codigo: Codigo) -> usize {
    codigos.iter().filter(|c| **c == codigo).count()
}

fn dos(b: &Biblioteca) -> [Conexiones; 2] {
    [b.conexiones.clone(), b.otro_gestor()]
}

#[tokio::test]
async fn el_mismo_id_por_dos_gestores_a_la_vez_da_los_mismos_bytes_y_un_efecto() {
    let b = biblioteca().await;
    let otro = b.otro_gestor();
    for vuelta in 0..20 {
        let ordenes: Vec<_> = (0..16).map(|n| prestamo("U9", &format!("E{}", vuelta * 16 + n + 1))).collect();
        let del_reves: Vec<_> = ordenes.iter().rev().copied().collect();
        let (por_uno, por_otro) =
            tokio::join!(escritura::decidir(&b.conexiones, &ordenes), escritura::decidir(&otro, &del_reves));
        for orden in &ordenes {
            assert_eq!(bytes(&por_uno, orden), bytes(&por_otro, orden));
        }
        let devueltas: Vec<_> = ordenes.iter().map(|o| devolucion("", &o.comando.objeto().to_string()[9..])).collect();
        b.decidir(&devueltas).await;
    }
    assert_eq!(b.contar("SELECT count(*) FROM operaciones WHERE tipo = 'prestamo'").await, 20 * 16);
    assert_eq!(b.contar("SELECT count(*) FROM prestamos").await, 20 * 15, "el límite de U9 es 15");
}

#[tokio::test]
async fn de_muchos_que_piden_el_mismo_ejemplar_a_la_vez_solo_uno_se_lo_lleva() {
    let b = biblioteca().await;
    let ordenes: Vec<_> = (1..=40).map(|n| prestamo(&format!("U{n}"), "E1")).collect();
    let codigos = a_la_vez(&dos(&b), &ordenes).await;
    assert_eq!((cuantos(&codigos, Codigo::Ok), cuantos(&codigos, Codigo::EjemplarPrestado)), (1, 39));
}

#[tokio::test]
async fn por_isbn_a_la_vez_se_llevan_ejemplares_distintos_y_no_sobra_ninguno() {
    let b = biblioteca().await;
    let mut ordenes: Vec<_> = (1..=6).map(|n| prestamo(&format!("U{n}"), "L1")).collect();
    // Y quien nombra uno de ellos, entre medias.
    ordenes.insert(3, prestamo("U7", "E2"));
    let codigos = a_la_vez(&dos(&b), &ordenes).await;
    assert_eq!(cuantos(&codigos, Codigo::Ok), 2, "{codigos:?}");
    assert_eq!(b.contar("SELECT count(DISTINCT ejemplar_id) FROM prestamos WHERE devuelto IS NULL").await, 2);
}

#[tokio::test]
async fn el_limite_de_un_usuario_se_cumple_aunque_pida_por_todas_partes_a_la_vez() {
    let b = biblioteca().await;
    let ordenes: Vec<_> = (1..=30).map(|n| prestamo("U1", &format!("E{n}"))).collect();
    let codigos = a_la_vez(&dos(&b), &ordenes).await;
    assert_eq!((cuantos(&codigos, Codigo::Ok), cuantos(&codigos, Codigo::LimiteDePrestamos)), (5, 25));
}

#[tokio::test]
async fn un_ejemplar_muy_pedido_y_devuelto_por_dos_gestores_nunca_tiene_dos_prestamos() {
    let b = biblioteca().await;
    let gestores = dos(&b);
    let mut tareas = JoinSet::new();
    for (i, gestor) in gestores.into_iter().enumerate() {
        tareas.spawn(async move {
            let mut prestados = HashSet::new();
            for n in 0..60 {
                let lote = [prestamo(&format!("U{}", i + 1), "L3"), prestamo(&format!("U{}", i + 3), "E6")];
                let decidido = escritura::decidir(&gestor, &lote).await;
                for orden in &lote {
                    let respuesta = respuesta(&decidido, orden);
                    if respuesta.codigo == Codigo::Ok {
                        prestados.insert(orden.id);
                    }
                }
                let que = if n % 2 == 0 { "E5" } else { "E6" };
                escritura::decidir(&gestor, &[devolucion("", que)]).await;
            }
            prestados.len()
        });
    }
    let concedidos: usize = tareas.join_all().await.into_iter().sum();
    assert_eq!(b.contar("SELECT count(*) FROM prestamos").await, i64::try_from(concedidos).expect("cabe"));
    let solapados = "SELECT count(*) FROM prestamos a JOIN prestamos b ON a.ejemplar_id = b.ejemplar_id
        AND a.prestamo_id < b.prestamo_id AND a.devuelto IS NULL AND b.devuelto IS NULL";
    assert_eq!(b.contar(solapados).await, 0);
}

#[tokio::test]
async fn dos_que_se_esperan_el_uno_al_otro_no_se_quedan_asi_y_el_lote_se_repite() {
    let b = biblioteca().await;
    let (orden, vecina) = (prestamo("U1", "E1"), prestamo("U2", "E2"));
    let mut ajeno = b.administrador().await;
    // Que no sea él quien lo vea.
    ajeno.execute("SET deadlock_timeout = '20s'").await.expect("puede");
    // Toma los préstamos al revés que nosotros: primero el segundo.
    ajeno.execute("BEGIN").await.expect("empieza");
    hacer(&mut ajeno, prestar_sin_confirmar("U2", "E2")).await;
    let conexiones = b.conexiones.clone();
    let lote = tokio::spawn(async move { escritura::decidir(&conexiones, &[orden, vecina]).await });
    esperar_bloqueados(&b, 1).await;
    hacer(&mut ajeno, prestar_sin_confirmar("U1", "E1")).await;
    ajeno.execute("ROLLBACK").await.expect("deshace");
    let decidido = lote.await.expect("acaba");
    assert_eq!((codigo(&decidido, &orden), codigo(&decidido, &vecina)), (Codigo::Ok, Codigo::Ok));
    assert_eq!(b.contar("SELECT count(*) FROM prestamos").await, 2);
}

#[tokio::test]
async fn si_un_gemelo_decidio_otra_cosa_entre_la_foto_y_el_guardado_vale_lo_suyo() {
    let b = biblioteca().await;
    let orden = prestamo("U1", "E1");
    let (id, huella) = (orden.id.uuid(), orden.huella);
    let suya = format!(r#"{{"id":"{id}","exito":false,"estado":"rechazada","codigo":"EJEMPLAR_PRESTADO"}}"#);
    let mut ajeno = b.duenio().await;
    ajeno.execute("BEGIN").await.expect("empieza");
    let decide = format!(
        "INSERT INTO operaciones (id, huella, tipo, estado, codigo, respuesta, aceptada)
         VALUES ('{id}', '\\x{huella}', 'prestamo', 'rechazada', 'EJEMPLAR_PRESTADO', '{suya}', now())"
    );
    hacer(&mut ajeno, decide).await;
    let conexiones = b.conexiones.clone();
    let lote = tokio::spawn(async move { escritura::decidir(&conexiones, &[orden]).await });
    esperar_bloqueados(&b, 1).await;
    ajeno.execute("COMMIT").await.expect("confirma");
    assert_eq!(bytes(&lote.await.expect("acaba"), &orden), suya);
    assert_eq!(b.contar("SELECT count(*) FROM prestamos").await, 0);
}

#[tokio::test]
async fn lo_decidido_con_una_foto_que_ya_no_vale_se_decide_otra_vez() {
    let b = biblioteca().await;
    let (prestada, renovada) = (prestamo("U3", "E3"), prestamo("U4", "E4"));
    b.decidir(&[prestada, renovada]).await;
    let mut ajeno = b.duenio().await;
    // El cambio ajeno está hecho y sin confirmar cuando leemos, y se confirma mientras esperamos por él.
    let casos: [(String, Orden, Codigo); 3] = [
        (
            "UPDATE prestamos SET renovaciones = 2 WHERE ejemplar_id = 'E4'".into(),
            renovacion("U4", "E4"),
            Codigo::LimiteDeRenovaciones,
        ),
        (
            "UPDATE prestamos SET devuelto = now(), devolucion_id = gen_random_uuid() WHERE ejemplar_id = 'E3'".into(),
            devolucion("", "E3"),
            Codigo::SinPrestamo,
        ),
        (prestar_sin_confirmar("U6", "E5"), prestamo("U5", "E5"), Codigo::EjemplarPrestado),
    ];
    for (cambio, orden, esperado) in casos {
        ajeno.execute("BEGIN").await.expect("empieza");
        hacer(&mut ajeno, cambio.clone()).await;
        let conexiones = b.conexiones.clone();
        let lote = tokio::spawn(async move { escritura::decidir(&conexiones, &[orden]).await });
        esperar_bloqueados(&b, 1).await;
        ajeno.execute("COMMIT").await.expect("confirma");
        assert_eq!(codigo(&lote.await.expect("acaba"), &orden), esperado, "{cambio}");
    }
}
