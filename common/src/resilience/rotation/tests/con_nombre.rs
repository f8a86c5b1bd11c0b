//! Los casos que una persona querría leer.

use super::*;

fn fin(mundo: &Mundo, llamada: u64) -> Option<Final> {
    mundo.llamadas[&llamada].fin
}

fn se_perdio(mundo: &Mundo, llamada: u64, algo_enviado: bool) -> bool {
    let porque = if algo_enviado { SinServicio::EnElAire } else { SinServicio::NadaHecho };
    fin(mundo, llamada) == Some(Final::Abandonada(porque))
}

fn circuitos(mundo: &Mundo) -> Vec<(usize, EstadoBreaker, Motivo)> {
    let de = |aviso: &Aviso| match *aviso {
        Aviso::Circuito { endpoint, estado, motivo } => Some((endpoint, estado, motivo)),
        _ => None,
    };
    mundo.avisos.iter().filter_map(de).collect()
}

#[test]
fn mientras_un_endpoint_funciona_no_se_cambia() {
    let mut mundo = Mundo::conectado();
    for _ in 0..100 {
        mundo.hacer(Jugada::Llamar);
        assert!(mundo.recibido[1].is_empty());
        mundo.hacer(Jugada::Servir(0));
    }
    let rotaciones = mundo.avisos.iter().filter(|a| matches!(a, Aviso::Rotacion { .. })).count();
    assert_eq!(rotaciones, 1, "solo el primer uso se anuncia");
}

#[test]
fn antes_de_la_primera_conexion_la_llamada_acaba_en_seguida_y_no_cuenta_fallos() {
    let mut mundo = Mundo::new();
    for _ in 0..10 {
        let llamada = mundo.llamar();
        assert!(se_perdio(&mundo, llamada, false));
    }
    assert!(mundo.rotacion.endpoints.iter().all(|p| p.breaker.sano()));
}

#[test]
fn un_endpoint_que_nunca_conecta_acaba_abierto_por_su_mala_salud_y_se_dice_una_vez() {
    let mut mundo = Mundo::new();
    mundo.hacer(Jugada::Conectar(0));
    mundo.hacer(Jugada::Esperar(Duration::from_secs(5)));
    assert_eq!(circuitos(&mundo), [(1, EstadoBreaker::Abierto, Motivo::SinConexion)]);
    assert!(mundo.rotacion.endpoints[0].breaker.sano(), "el otro no se entera");
}

#[test]
fn al_perderse_la_conexion_todo_va_al_otro_endpoint_y_cuenta_un_fallo() {
    let mut mundo = Mundo::conectado();
    let llamadas: Vec<u64> = (0..5).map(|_| mundo.llamar()).collect();
    mundo.hacer(Jugada::Desconectar(0));
    assert_eq!(Vec::from(mundo.recibido[1].clone()), llamadas, "los mismos números, en el mismo orden");
    assert!(mundo.avisos.contains(&Aviso::Desconectado { endpoint: 0, llamadas: 5 }));
    assert_eq!(circuitos(&mundo), [], "un fallo no abre");
    for _ in 0..5 {
        mundo.hacer(Jugada::Servir(1));
    }
    assert!(llamadas.iter().all(|l| fin(&mundo, *l) == Some(Final::Servida)));
}

#[test]
fn el_envio_que_no_sale_y_la_desconexion_que_lo_explica_son_un_solo_fallo() {
    let mut mundo = Mundo::con(&[Jugada::Llamar, Jugada::Cerrar(0), Jugada::Llamar, Jugada::Llamar]);
    mundo.hacer(Jugada::Desconectar(0));
    mundo.hacer(Jugada::Conectar(0));
    mundo.rotacion.on_basura(0, mundo.now);
    assert_eq!(mundo.rotacion.estados().next(), Some(EstadoBreaker::Cerrado), "van dos fallos");
    mundo.rotacion.on_basura(0, mundo.now);
    assert_eq!(mundo.rotacion.estados().next(), Some(EstadoBreaker::Abierto), "y con este, tres");
}

#[test]
fn lo_que_contesto_antes_de_irse_no_se_repite_en_otra_parte() {
    let mundo = Mundo::con(&[Jugada::Llamar, Jugada::Servir(0), Jugada::Desconectar(0)]);
    assert!(mundo.recibido[1].is_empty());
}

#[test]
fn sin_respuesta_en_su_plazo_va_al_otro_y_la_tardia_tambien_vale() {
    let mut mundo = Mundo::conectado();
    let llamada = mundo.llamar();
    mundo.hacer(Jugada::Esperar(PLAZO));
    assert!(mundo.avisos.contains(&Aviso::SinRespuesta { endpoint: 0, espera: PLAZO }));
    assert_eq!(mundo.recibido[1], [llamada]);
    mundo.hacer(Jugada::Servir(0));
    assert_eq!(fin(&mundo, llamada), Some(Final::Servida));
    mundo.hacer(Jugada::Servir(1));
    assert!(mundo.rotacion.endpoints[1].breaker.sano(), "el intento que sobró devolvió su permiso");
}

#[test]
fn lo_que_nadie_contesta_acaba_con_duda_en_lo_que_tardan_dos_vueltas() {
    let mut mundo = Mundo::conectado();
    let llamada = mundo.llamar();
    mundo.hacer(Jugada::Esperar(PLAZO * 2));
    assert_eq!(fin(&mundo, llamada), None);
    mundo.hacer(Jugada::Esperar(PLAZO * 2));
    assert!(se_perdio(&mundo, llamada, true));
}

#[test]
fn si_todos_contestan_que_no_pueden_se_sabe_que_nada_se_hizo() {
    let mut mundo = Mundo::conectado();
    let llamadas: Vec<u64> = (0..4).map(|_| mundo.llamar()).collect();
    for endpoint in [0, 1, 0, 1] {
        for _ in 0..4 {
            mundo.hacer(Jugada::Fallar(endpoint));
        }
    }
    assert!(llamadas.iter().all(|l| se_perdio(&mundo, *l, false)));
    assert!(circuitos(&mundo).is_empty(), "cuatro llamadas que fallan a la vez son un fallo por vuelta, y van dos");
}

#[test]
fn al_abrirse_por_fallos_lo_que_aun_espera_contestacion_no_se_da_por_perdido() {
    let mut mundo = Mundo::con(&[Jugada::Basura(0), Jugada::Basura(0), Jugada::Desconectar(1)]);
    let llamadas = [mundo.llamar(), mundo.llamar()];
    mundo.hacer(Jugada::Fallar(0));
    assert_eq!(mundo.rotacion.estados().next(), Some(EstadoBreaker::Abierto));
    assert!(se_perdio(&mundo, llamadas[0], false));
    assert_eq!(fin(&mundo, llamadas[1]), None);
    mundo.hacer(Jugada::Fallar(0));
    assert!(se_perdio(&mundo, llamadas[1], false));
}

#[test]
fn un_commit_en_el_aire_deja_la_llamada_en_duda() {
    let mut mundo = Mundo::conectado();
    let llamada = mundo.llamar();
    mundo.hacer(Jugada::FallarEnElAire(0));
    for _ in 0..3 {
        mundo.hacer(Jugada::Fallar(1));
        mundo.hacer(Jugada::Fallar(0));
    }
    assert!(se_perdio(&mundo, llamada, true));
}

#[test]
fn en_medio_abierto_pasa_una_lista_y_su_exito_cierra() {
    let mut mundo = Mundo::con(&[Jugada::Basura(0), Jugada::Basura(0), Jugada::Basura(0), Jugada::Desconectar(1)]);
    mundo.hacer(Jugada::Esperar(SALUD));
    mundo.hacer(Jugada::Servir(0));
    let [primera, segunda] = [mundo.llamar(), mundo.llamar()];
    assert_eq!(mundo.recibido[0], [primera]);
    assert!(se_perdio(&mundo, segunda, false), "nadie espera a que pruebe otro");
    mundo.hacer(Jugada::Servir(0));
    assert_eq!(fin(&mundo, primera), Some(Final::Servida));
    assert_eq!(
        circuitos(&mundo)[..],
        [
            (0, EstadoBreaker::Abierto, Motivo::Basura),
            (0, EstadoBreaker::MedioAbierto, Motivo::Exito),
            (0, EstadoBreaker::Cerrado, Motivo::Exito),
        ]
    );
}

#[test]
fn un_endpoint_que_vuelve_se_cierra_solo_aunque_nadie_lo_use() {
    let mut mundo = Mundo::con(&[Jugada::Desconectar(0), Jugada::Esperar(Duration::from_secs(2))]);
    assert_eq!(mundo.rotacion.estados().next(), Some(EstadoBreaker::Abierto));
    mundo.hacer(Jugada::Conectar(0));
    mundo.hacer(Jugada::Servir(0));
    mundo.hacer(Jugada::Esperar(SALUD));
    mundo.hacer(Jugada::Servir(0));
    assert_eq!(mundo.rotacion.estados().next(), Some(EstadoBreaker::Cerrado));
    mundo.hacer(Jugada::Llamar);
    assert!(mundo.recibido[0].is_empty() && mundo.recibido[1].len() == 1, "se queda donde estaba");
}

#[test]
fn con_la_capacidad_llena_no_se_admite_otra_llamada() {
    let mut mundo = Mundo::conectado();
    for _ in 0..8 {
        mundo.llamar();
    }
    assert_eq!(mundo.rotacion.on_llamada(mundo.now), None);
    mundo.hacer(Jugada::Servir(0));
    assert!(mundo.rotacion.on_llamada(mundo.now).is_some());
}

#[test]
fn restablecer_un_circuito_abierto_lo_prueba_en_seguida_y_si_esta_sano_se_cierra() {
    let mut mundo = Mundo::con(&[Jugada::Basura(0), Jugada::Basura(0), Jugada::Basura(0)]);
    mundo.hacer(Jugada::Restablecer(0));
    mundo.hacer(Jugada::Servir(0));
    let de_cero: Vec<_> = circuitos(&mundo).into_iter().filter(|(endpoint, ..)| *endpoint == 0).collect();
    assert_eq!(
        de_cero,
        [
            (0, EstadoBreaker::Abierto, Motivo::Basura),
            (0, EstadoBreaker::MedioAbierto, Motivo::Administrador),
            (0, EstadoBreaker::Cerrado, Motivo::Exito)
        ]
    );
}

#[test]
fn con_todos_los_endpoints_callados_a_todos_se_les_pregunta_y_la_llamada_acaba_antes_de_que_la_reentreguen() {
    use crate::tiempos::{ENDPOINTS_MAX, LLAMADA, REENTREGA};
    for cuantos in 1..=ENDPOINTS_MAX as usize {
        let inicio = Instant::now();
        let mut rotacion = Rotacion::new(Config::default(), cuantos, inicio);
        (0..cuantos).for_each(|endpoint| rotacion.on_conectado(endpoint, inicio));
        let llamada = rotacion.on_llamada(inicio).expect("hay sitio");
        let (mut preguntados, mut acabo) = (Vec::new(), None);
        let mut now = inicio;
        while acabo.is_none() {
            while let Some(accion) = rotacion.poll_accion() {
                match accion {
                    Accion::Enviar { endpoint, .. } => preguntados.push(endpoint),
                    Accion::Abandonar { llamada: cual, porque: SinServicio::EnElAire } if cual == llamada => {
                        acabo = Some(now);
                    }
                    _ => {}
                }
            }
            now = rotacion.poll_timeout().map_or(now, |cuando| now.max(cuando));
            rotacion.on_timeout(now);
        }
        let duro = acabo.expect("acabó") - inicio;
        assert!(duro <= LLAMADA && duro < REENTREGA, "con {cuantos}: {duro:?}");
        assert!((0..cuantos).all(|endpoint| preguntados.contains(&endpoint)), "con {cuantos}: {preguntados:?}");
    }
}

#[test]
fn lo_que_un_endpoint_no_entiende_va_al_otro_sin_contarle_un_fallo_ni_mover_a_los_demas() {
    let mut mundo = Mundo::conectado();
    for _ in 0..10 {
        let nueva = mundo.llamar();
        mundo.hacer(Jugada::NoEntender(0));
        assert_eq!(Vec::from(mundo.recibido[1].clone()), [nueva]);
        mundo.hacer(Jugada::Servir(1));
        assert_eq!(fin(&mundo, nueva), Some(Final::Servida));
        let de_siempre = mundo.llamar();
        mundo.hacer(Jugada::Servir(0));
        assert_eq!(fin(&mundo, de_siempre), Some(Final::Servida), "las demás siguen en el primero");
    }
    assert_eq!(circuitos(&mundo), []);
    assert!(mundo.rotacion.endpoints.iter().all(|p| p.breaker.sano()));
}

#[test]
fn si_ninguno_la_entiende_se_dice_y_si_el_otro_no_esta_se_espera_por_el() {
    let mut mundo = Mundo::conectado();
    let nadie = mundo.llamar();
    mundo.hacer(Jugada::NoEntender(0));
    mundo.hacer(Jugada::NoEntender(1));
    assert_eq!(fin(&mundo, nadie), Some(Final::Abandonada(SinServicio::NoEntendida)));
    mundo.hacer(Jugada::Desconectar(1));
    let quiza = mundo.llamar();
    mundo.hacer(Jugada::NoEntender(0));
    assert!(se_perdio(&mundo, quiza, false), "el que falta quizá la entienda");
}

#[test]
fn si_de_un_intento_no_se_sabe_que_los_demas_no_la_entiendan_no_quita_la_duda() {
    let mut mundo = Mundo::con(&[Jugada::Llamar, Jugada::Esperar(PLAZO), Jugada::NoEntender(1)]);
    let llamada = *mundo.llamadas.keys().next().expect("la hay");
    mundo.recibido[0].clear();
    mundo.hacer(Jugada::Esperar(PLAZO));
    mundo.hacer(Jugada::Esperar(PLAZO));
    assert!(se_perdio(&mundo, llamada, true), "{:?}", fin(&mundo, llamada));
}
