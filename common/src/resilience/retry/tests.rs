use super::*;

const S: Duration = Duration::from_secs(1);

/// Un rumbo con todos conectados.
fn conectados(cuantos: usize) -> Rumbo {
    let mut rumbo = Rumbo::new(cuantos);
    (0..cuantos).for_each(|gestor| rumbo.on_abierta(gestor));
    rumbo
}

#[test]
fn con_un_gestor_se_repite_al_mismo_al_vencer_cada_espera_y_el_plazo_manda() {
    let (mut rumbo, t0) = (Rumbo::new(1), Instant::now());
    let paciencia = Paciencia { primero: S, repetido: 3 * S, total: 6 * S };
    let mut retry = Retry::new(paciencia, t0);
    assert_eq!(retry.paso(&rumbo, t0), Paso::Esperar(t0 + 6 * S), "sin conexión no se envía");
    rumbo.on_abierta(0);
    assert_eq!(retry.paso(&rumbo, t0), Paso::Enviar(0));
    retry.on_enviado(&mut rumbo, 0, t0);
    assert_eq!(retry.paso(&rumbo, t0), Paso::Esperar(t0 + S));
    assert_eq!(retry.paso(&rumbo, t0 + S), Paso::Enviar(0));
    retry.on_enviado(&mut rumbo, 0, t0 + S);
    assert_eq!(retry.paso(&rumbo, t0 + 2 * S), Paso::Esperar(t0 + 4 * S));
    retry.on_enviado(&mut rumbo, 0, t0 + 4 * S);
    assert_eq!(retry.paso(&rumbo, t0 + 5 * S), Paso::Esperar(t0 + 6 * S), "el plazo, antes que la espera");
    assert_eq!(retry.paso(&rumbo, t0 + 6 * S), Paso::Rendirse);
    assert_eq!(retry.envios(), 3);
}

#[test]
fn lo_enviado_por_una_conexion_perdida_se_repite_en_cuanto_hay_otra() {
    let (mut rumbo, t0) = (conectados(1), Instant::now());
    let mut retry = Retry::new(Paciencia::de_persona(), t0);
    retry.on_enviado(&mut rumbo, 0, t0);
    rumbo.on_perdida(0);
    assert_eq!(retry.paso(&rumbo, t0), Paso::Esperar(t0 + 4 * S));
    rumbo.on_abierta(0);
    assert_eq!(retry.paso(&rumbo, t0), Paso::Enviar(0));
}

#[test]
fn a_quien_se_pierde_lo_sustituye_otro_en_seguida_y_ahi_se_queda() {
    let (mut rumbo, t0) = (conectados(3), Instant::now());
    let mut retry = Retry::new(Paciencia::insistente(9 * S), t0);
    assert_eq!(retry.paso(&rumbo, t0), Paso::Enviar(0));
    retry.on_enviado(&mut rumbo, 0, t0);
    rumbo.on_perdida(0);
    rumbo.on_perdida(1);
    assert_eq!(retry.paso(&rumbo, t0), Paso::Enviar(2));
    retry.on_enviado(&mut rumbo, 2, t0);
    rumbo.on_abierta(0);
    let siguiente = Retry::new(Paciencia::insistente(9 * S), t0);
    assert_eq!(siguiente.paso(&rumbo, t0), Paso::Enviar(2), "el que contesta, aunque vuelva el primero");
}

#[test]
fn quien_calla_no_agota_el_plazo_de_los_demas() {
    let (mut rumbo, t0) = (Rumbo::new(2), Instant::now());
    rumbo.on_abierta(0);
    let mut retry = Retry::new(Paciencia::de_persona(), t0);
    retry.on_enviado(&mut rumbo, 0, t0);
    assert_eq!(retry.paso(&rumbo, t0), Paso::Esperar(t0 + 4 * S), "de momento no hay otro");
    rumbo.on_abierta(1);
    assert_eq!(retry.paso(&rumbo, t0), Paso::Esperar(t0 + 2 * S), "el que llega tiene su parte");
    assert_eq!(retry.paso(&rumbo, t0 + 2 * S), Paso::Enviar(1));
    retry.on_enviado(&mut rumbo, 1, t0 + 2 * S);
    assert_eq!(retry.paso(&rumbo, t0 + 2 * S), Paso::Esperar(t0 + 4 * S));
    assert_eq!(retry.paso(&rumbo, t0 + 4 * S), Paso::Rendirse);
}

/// Con cada secuencia de hasta seis sucesos: nunca se envía a quien no está, ni se espera más allá del plazo, ni se queda
/// sin enviar habiendo a quién.
#[test]
fn ninguna_secuencia_de_llegadas_e_idas_deja_la_solicitud_parada() {
    const SUCESOS: usize = 5;
    for numero in 0..SUCESOS.pow(6) {
        let (mut rumbo, t0) = (Rumbo::new(2), Instant::now());
        let mut retry = Retry::new(Paciencia::insistente(7 * S), t0);
        let (mut now, mut resto) = (t0, numero);
        for _ in 0..6 {
            match resto % SUCESOS {
                gestor @ (0 | 1) => rumbo.on_abierta(gestor),
                2 => rumbo.on_perdida(0),
                3 => rumbo.on_perdida(1),
                _ => now += 2 * S,
            }
            resto /= SUCESOS;
            match retry.paso(&rumbo, now) {
                Paso::Enviar(gestor) => {
                    assert!(rumbo.conexiones[gestor].is_some() && now < retry.fin());
                    retry.on_enviado(&mut rumbo, gestor, now);
                    assert!(matches!(retry.paso(&rumbo, now), Paso::Esperar(_)), "no envía sin parar");
                }
                Paso::Esperar(hasta) => {
                    assert!(now < hasta && hasta <= retry.fin());
                    let espera_a = retry.ultimo.filter(|e| e.conexion == rumbo.conexiones[e.gestor]);
                    assert!(espera_a.is_some() || rumbo.conexiones.iter().all(Option::is_none));
                }
                Paso::Rendirse => assert!(now >= retry.fin()),
            }
        }
    }
}
