//! Lo que vale como contestación y cómo acaba una llamada, con los endpoints de mentira.

use std::time::Duration;

use super::*;
use crate::mensajes::{Administrada, Respuesta};

/// Lo que se mandó enviar: a quién y qué.
#[derive(Default)]
struct Apuntes {
    enviadas: Vec<(usize, Peticion)>,
    sin_conexion: bool,
    saturado: u32,
    basura: u32,
}

impl Endpoints for Apuntes {
    type Escrita = Peticion;

    fn escribir(&self, peticion: Peticion) -> Peticion {
        peticion
    }

    fn enviar(&mut self, endpoint: usize, escrita: &Peticion) -> bool {
        self.enviadas.push((endpoint, escrita.clone()));
        !self.sin_conexion
    }

    fn contar(&mut self, noticia: Noticia<'_>) {
        self.saturado += u32::from(matches!(noticia, Noticia::Saturado));
        self.basura += u32::from(matches!(noticia, Noticia::Basura(_)));
    }
}

/// Dos endpoints conectados y una llamada en el primero.
fn una_llamada(config: Config) -> (StorageCalls<char, Peticion>, Apuntes, Instant) {
    let (now, mut a) = (Instant::now(), Apuntes::default());
    let mut calls = StorageCalls::new(config, 2, now);
    (0..2).for_each(|endpoint| calls.on_conectado(now, endpoint, &mut a));
    a.enviadas.clear();
    calls.llamar(now, 'x', CuerpoPeticion::Escribir(Vec::new()), &mut a);
    assert_eq!(a.enviadas.len(), 1);
    (calls, a, now)
}

fn resultado(a: &Apuntes, cuerpo: CuerpoResultado) -> ResultadoLeido {
    ResultadoLeido::Entendido(Resultado { peticion: a.enviadas[0].1.peticion, cuerpo })
}

fn final_de(calls: &mut StorageCalls<char, Peticion>) -> Option<(char, Result<CuerpoResultado, SinServicio>)> {
    calls.poll_entrega().map(|Entrega { tag, resultado }| (tag, resultado))
}

#[test]
fn lo_que_es_de_otra_clase_no_es_una_contestacion_y_se_pregunta_a_otro_lo_mismo() {
    let guardada = Respuesta::new(
        None,
        crate::dominio::Estado::Aplicada,
        crate::dominio::Codigo::Ok,
        chrono::DateTime::UNIX_EPOCH,
    )
    .guardada();
    let de_otra_clase = [
        CuerpoResultado::Sano,
        CuerpoResultado::Consultada(guardada),
        CuerpoResultado::Administrada(Administrada::NoExiste),
    ];
    for cuerpo in de_otra_clase {
        let (mut calls, mut a, now) = una_llamada(Config::default());
        let recibido = resultado(&a, cuerpo);
        calls.on_recibido(now, 0, recibido, &mut a);
        assert!(final_de(&mut calls).is_none());
        assert_eq!((a.basura, a.enviadas.len(), a.enviadas[1].0), (1, 2, 1));
        assert_eq!(a.enviadas[0].1, a.enviadas[1].1, "los bytes de antes, con el mismo número");
    }
}

#[test]
fn la_contestacion_vale_una_vez_y_trae_lo_que_puso_quien_llamo() {
    let (mut calls, mut a, now) = una_llamada(Config::default());
    let recibido = resultado(&a, CuerpoResultado::Escritas(Vec::new()));
    let otra_vez = resultado(&a, CuerpoResultado::Escritas(Vec::new()));
    calls.on_recibido(now, 0, recibido, &mut a);
    calls.on_recibido(now, 0, otra_vez, &mut a);
    assert!(matches!(final_de(&mut calls), Some(('x', Ok(CuerpoResultado::Escritas(_))))));
    assert!(final_de(&mut calls).is_none());
}

#[test]
fn lo_que_no_sale_por_ninguna_conexion_acaba_en_seguida_y_nada_se_hizo() {
    let (now, mut a) = (Instant::now(), Apuntes { sin_conexion: true, ..Apuntes::default() });
    let mut calls = StorageCalls::new(Config::default(), 2, now);
    (0..2).for_each(|endpoint| calls.on_conectado(now, endpoint, &mut a));
    calls.llamar(now, 'x', CuerpoPeticion::Escribir(Vec::new()), &mut a);
    let fin = final_de(&mut calls);
    assert!(matches!(fin, Some(('x', Err(SinServicio::NadaHecho)))), "{fin:?}");
}

#[test]
fn lo_que_salio_y_no_volvio_no_se_sabe() {
    let (mut calls, mut a, now) = una_llamada(Config::default());
    let mut ahora = now;
    while let Some(cuando) = calls.poll_timeout().filter(|cuando| *cuando <= now + Duration::from_mins(1)) {
        ahora = ahora.max(cuando);
        calls.on_timeout(ahora, &mut a);
        if let Some(fin) = final_de(&mut calls) {
            return assert!(matches!(fin, ('x', Err(SinServicio::EnElAire))), "{fin:?}");
        }
    }
    panic!("toda llamada acaba");
}

#[test]
fn de_mas_no_se_empieza_ninguna_y_se_cuenta() {
    let (mut calls, mut a, now) = una_llamada(Config { llamadas_max: 1, ..Config::default() });
    calls.llamar(now, 'y', CuerpoPeticion::Escribir(Vec::new()), &mut a);
    assert!(matches!(final_de(&mut calls), Some(('y', Err(SinServicio::NadaHecho)))));
    assert_eq!((a.saturado, a.enviadas.len()), (1, 1));
}
