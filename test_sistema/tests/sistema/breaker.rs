//! Las transiciones de un breaker, del endpoint parado y de ningún otro, se ven en el registro y en `/metrics`.

use taller::metricas::metrica;

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
        let servicios = ["gestor_carga", "actor_prestamo_1"];
        let antes = servicios.map(|servicio| banco.suite.registro(servicio).len());
        let de = |endpoint: &str| format!("endpoint=\"{endpoint}\"");
        let del_sano = async |servicio: &str, cual: &str| {
            let pagina = banco.suite.metricas(servicio).await.expect("contesta");
            metrica(&pagina, cual, &[&de(sano)]).unwrap_or_default()
        };
        let mut transiciones = Vec::new();
        for servicio in servicios {
            // Al arrancar pudo abrirse: los servicios salen a la vez, y un almacén que tarda aún no escucha.
            let cerrado = async || del_sano(servicio, "anaquel_breaker_estado").await < 0.5;
            banco.hasta_que(&format!("{servicio}: el circuito del sano está cerrado"), cerrado).await;
            transiciones.push(del_sano(servicio, "anaquel_breaker_transiciones_total").await);
        }
        let circuito = |estado: &str| format!("circuito {estado} para {parado}");
        banco.suite.parar("gestor_almacenamiento").await.expect("se para");
        for (servicio, desde) in servicios.into_iter().zip(antes) {
            esperar(banco, servicio, desde, &[circuito("ABIERTO")]).await;
        }
        banco.suite.iniciar("gestor_almacenamiento").await.expect("arranca");
        let restablecida = format!("conexión restablecida con {parado}");
        for ((servicio, desde), suyas) in servicios.into_iter().zip(antes).zip(transiciones) {
            // Quien se despide aún puede contestar a una sonda: el cierre que se espera es el de después de volver.
            esperar(banco, servicio, desde, &[circuito("ABIERTO"), restablecida.clone(), circuito("CERRADO")]).await;
            esperar(banco, servicio, desde, &["ABIERTO", "MEDIO_ABIERTO", "CERRADO"].map(circuito)).await;
            let pagina = banco.suite.metricas(servicio).await.expect("contesta");
            assert_eq!(metrica(&pagina, "anaquel_breaker_estado", &[&de(parado)]), Some(0.0), "{servicio}");
            for estado in ["ABIERTO", "MEDIO_ABIERTO", "CERRADO"] {
                let a = format!("a=\"{estado}\"");
                let contadas = metrica(&pagina, "anaquel_breaker_transiciones_total", &[&de(parado), &a]);
                assert!(contadas.is_some_and(|n| n > 0.0), "{servicio}: {estado}");
            }
            let suyas = del_sano(servicio, "anaquel_breaker_transiciones_total").await - suyas;
            assert!(suyas < 0.5, "{servicio}: el breaker del sano se movió {suyas} veces");
        }
        banco.auditar(carga).await;
    });
}

/// Espera a que el registro de un servicio, de `desde` en adelante, diga esas cosas en ese orden.
async fn esperar(banco: &Banco, servicio: &str, desde: usize, lineas: &[String]) {
    banco
        .hasta_que(&format!("{servicio}: {}", lineas.join(" → ")), async || {
            let registro = banco.suite.registro(servicio);
            let mut resto = &registro[desde..];
            lineas.iter().all(|linea| match resto.find(linea.as_str()) {
                Some(donde) => {
                    resto = &resto[donde + linea.len()..];
                    true
                }
                None => false,
            })
        })
        .await;
}
