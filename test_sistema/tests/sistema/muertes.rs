//! kill -9 a cada proceso, bajo carga: nada se pierde, nada se dobla, y la pausa es corta.

use std::time::Duration;

use anaquel::plano::NOMBRES;
use common::dominio::Tipo;

use crate::banco::{PLAZO, con_suite};

/// Lo que puede durar la pausa donde otro proceso toma el relevo.
const CON_RELEVO: Duration = Duration::from_millis(500);
/// Y donde hay que esperar a que se levante otra vez; PostgreSQL, además, rehace lo que no había escrito.
const SIN_RELEVO: Duration = Duration::from_secs(3);
/// Lo que puede costar un reinicio de PostgreSQL que se apagó bien.
const REINICIO: Duration = Duration::from_secs(1);
const EXITOS: usize = 100;

#[test]
fn la_muerte_de_cada_proceso_bajo_carga_no_pierde_ni_dobla_nada_y_la_pausa_es_corta() {
    con_suite(async |banco| {
        let carga = banco.cargar(32).await;
        assert!(carga.esperar_exitos(EXITOS, PLAZO, |_| true).await, "la carga no arranca");
        let mut casos: Vec<(Vec<&str>, Option<Tipo>, Duration)> = NOMBRES
            .into_iter()
            .map(|nombre| {
                let tipo = match nombre {
                    n if n.starts_with("actor_prestamo") => Some(Tipo::Prestamo),
                    n if n.starts_with("actor_devolucion") => Some(Tipo::Devolucion),
                    _ => None,
                };
                (vec![nombre], tipo, if nombre == "postgres" { SIN_RELEVO } else { CON_RELEVO })
            })
            .collect();
        casos.push((vec!["actor_devolucion_1", "actor_devolucion_2"], Some(Tipo::Devolucion), SIN_RELEVO));
        casos.push((vec!["gestor_almacenamiento", "backup_almacen"], None, SIN_RELEVO));
        let mut ventanas = Vec::new();
        for (procesos, tipo, maxima) in casos {
            carga.sin_relevo(maxima > CON_RELEVO);
            let desde = carga.transcurrido();
            let pids: Vec<u32> = procesos.iter().map(|p| banco.suite.matar(p).expect("está en marcha")).collect();
            let vuelve = carga.esperar_exitos(EXITOS, PLAZO, |m| tipo.is_none_or(|t| m.tipo == Some(t))).await;
            assert!(vuelve, "tras matar {procesos:?} no se volvió a trabajar");
            for (proceso, pid) in procesos.iter().zip(pids) {
                banco.suite.esperar_vuelta(proceso, pid, PLAZO).await.expect("vuelve solo");
            }
            ventanas.push((procesos, tipo, maxima, desde, carga.transcurrido()));
        }
        let historia = banco.auditar(carga).await;
        for (procesos, tipo, maxima, desde, hasta) in ventanas {
            let pausa = historia.pausa(desde, hasta, |m| tipo.is_none_or(|t| m.tipo == Some(t)));
            println!("{procesos:?}: pausa de {} ms", pausa.as_millis());
            assert!(pausa < maxima, "{procesos:?}: pausa de {} ms", pausa.as_millis());
        }
    });
}

#[test]
fn un_reinicio_de_postgres_bajo_carga_cuesta_menos_de_un_segundo() {
    con_suite(async |banco| {
        let carga = banco.cargar(32).await;
        assert!(carga.esperar_exitos(EXITOS, PLAZO, |_| true).await, "la carga no arranca");
        carga.sin_relevo(true);
        let (desde, pid) = (carga.transcurrido(), banco.suite.pid("postgres").expect("está en marcha"));
        banco.suite.parar("postgres").await.expect("se para");
        banco.suite.iniciar("postgres").await.expect("arranca");
        banco.suite.esperar_vuelta("postgres", pid, PLAZO).await.expect("vuelve");
        assert!(carga.esperar_exitos(EXITOS, PLAZO, |_| true).await, "no se volvió a trabajar");
        let hasta = carga.transcurrido();
        let pausa = banco.auditar(carga).await.pausa(desde, hasta, |_| true);
        println!("reinicio de postgres: pausa de {} ms", pausa.as_millis());
        assert!(pausa < REINICIO, "pausa de {} ms", pausa.as_millis());
    });
}
