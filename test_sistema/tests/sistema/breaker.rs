//! Las transiciones de un breaker, del endpoint parado y de ningún otro, se ven en el registro y en `/metrics`.

use test_sistema::http::metrica;

use crate::banco::{Banco, PLAZO, con_suite};

/// El puerto del primer gestor de almacenamiento, desde la base.
const PRIMERO: u16 = 15;

#[test]
fn las_transiciones_del_breaker_del_almacen_parado_se_ven_en_el_registro_y_en_las_metricas() {
    con_suite(async |banco| {
        let endpoints: Vec<String> = banco.suite.plano().almacenes().split(',').map(str::to_owned).collect();
        let (parado, sano) = (&endpoints[0], &endpoints[1]);
        assert!(parado.ends_with(&format!(":{}", banco.suite.plano().base() + PRIMERO)));
        let carga = banco.cargar(16).await;
        assert!(carga.esperar_exitos(100, PLAZO, |_| true).await, "la carga no arranca");
        banco.suite.parar("gestor_almacenamiento").await.expect("se para");
        for servicio in ["gestor_carga", "actor_prestamo_1"] {
            esperar(banco, servicio, parado, "ABIERTO").await;
        }
        banco.suite.iniciar("gestor_almacenamiento").await.expect("arranca");
        for servicio in ["gestor_carga", "actor_prestamo_1"] {
            esperar(banco, servicio, parado, "MEDIO_ABIERTO").await;
            esperar(banco, servicio, parado, "CERRADO").await;
            let registro = banco.suite.registro(servicio);
            assert!(registro.contains(&format!("conexión restablecida con {parado}")), "{servicio}");
            let pagina = banco.suite.metricas(servicio).await.expect("contesta");
            let de = |endpoint: &str| format!("endpoint=\"{endpoint}\"");
            assert_eq!(metrica(&pagina, "anaquel_breaker_estado", &[&de(parado)]), Some(0.0), "{servicio}");
            let ajenas = metrica(&pagina, "anaquel_breaker_transiciones_total", &[&de(sano)]);
            assert!(ajenas.is_none_or(|n| n < 1.0), "{servicio}: el breaker del sano se movió");
        }
        banco.auditar(carga).await;
    });
}

/// Espera la transición en el registro y en las métricas.
async fn esperar(banco: &Banco, servicio: &str, endpoint: &str, estado: &str) {
    let linea = format!("circuito {estado} para {endpoint}");
    let etiquetas = [format!("endpoint=\"{endpoint}\""), format!("a=\"{estado}\"")];
    let etiquetas: Vec<&str> = etiquetas.iter().map(String::as_str).collect();
    banco
        .hasta_que(&format!("{servicio}: {linea}"), async || {
            let pagina = banco.suite.metricas(servicio).await.unwrap_or_default();
            let contada = metrica(&pagina, "anaquel_breaker_transiciones_total", &etiquetas).is_some_and(|n| n > 0.0);
            contada && banco.suite.registro(servicio).contains(&linea)
        })
        .await;
}
