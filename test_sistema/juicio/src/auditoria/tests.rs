use common::dominio::{Codigo, Comando};

use super::*;

/// Una historia y lo guardado, que cuadran: un préstamo renovado y devuelto, otro abierto, uno rechazado y uno sembrado.
struct Caso {
    historia: Historia,
    sembrados: Sembrados,
    operaciones: Vec<FilaOperacion>,
    prestamos: Vec<FilaPrestamo>,
}

const PRESTAMO: usize = 0;
const RENOVACION: usize = 1;
const DEVOLUCION: usize = 2;
const ABIERTO: usize = 3;
const RECHAZADO: usize = 4;
const PROMETIDO: usize = 5;

fn comando(tipo: &str, ejemplar: &str) -> Comando {
    serde_json::from_str(&format!(r#"{{"operacion":"{tipo}","usuario":"U0001","ejemplar":"{ejemplar}"}}"#))
        .expect("comando")
}

fn cuerpo(id: Uuid, estado: Estado, codigo: Codigo) -> Vec<u8> {
    let exito = codigo == Codigo::Ok;
    format!(r#"{{"id":"{id}","exito":{exito},"estado":"{estado}","codigo":"{codigo}","datos":{{}}}}"#).into_bytes()
}

impl Caso {
    fn sano() -> Self {
        let sembrado = Uuid::now_v7();
        let mut caso = Self {
            historia: Historia::default(),
            sembrados: [sembrado].into_iter().collect(),
            operaciones: vec![],
            prestamos: vec![],
        };
        caso.prestamos.push(fila_de_prestamo(sembrado, "E000009"));
        let prestamo = caso.operar("prestamo", "E000001", Codigo::Ok);
        let renovacion = caso.operar("renovacion", "E000001", Codigo::Ok);
        let devolucion = caso.operar("devolucion", "E000001", Codigo::Ok);
        let abierto = caso.operar("prestamo", "E000002", Codigo::Ok);
        caso.operar("prestamo", "E000001", Codigo::EjemplarPrestado);
        let prometido = caso.operar("prestamo", "E000003", Codigo::Ok);
        let huella = caso.operaciones[PROMETIDO].huella;
        caso.historia.pedida(prometido, Tipo::Prestamo, huella);
        caso.historia.vista(&cuerpo(prometido, Estado::Pendiente, Codigo::SinActores));
        let _ = renovacion;
        caso.operaciones[RENOVACION].efecto.prestamo = Some(prestamo);
        let mut fila = fila_de_prestamo(prestamo, "E000001");
        (fila.renovaciones, fila.devolucion) = (1, Some(devolucion));
        caso.prestamos.push(fila);
        caso.prestamos.push(fila_de_prestamo(abierto, "E000002"));
        caso.prestamos.push(fila_de_prestamo(prometido, "E000003"));
        caso
    }

    /// Pide, responde y guarda una operación.
    fn operar(&mut self, tipo: &str, ejemplar: &str, codigo: Codigo) -> Uuid {
        let (id, comando) = (Uuid::now_v7(), comando(tipo, ejemplar));
        let (tipo, huella) = (comando.tipo(), Huella::de(&comando));
        let estado = if codigo == Codigo::Ok { Estado::Aplicada } else { Estado::Rechazada };
        self.historia.pedida(id, tipo, huella);
        self.historia.vista(&cuerpo(id, estado, codigo));
        self.operaciones.push(FilaOperacion {
            id,
            tipo,
            huella,
            destino: Destino::de(estado),
            aceptada_ms: 0,
            respuesta: Some(ResumenDeBytes::de(&cuerpo(id, estado, codigo))),
            efecto: Efecto::default(),
        });
        id
    }

    fn auditar(&self) -> Veredicto {
        let mut auditor = Auditor::new(&self.historia, &self.sembrados);
        self.operaciones.iter().for_each(|fila| auditor.operacion(fila));
        self.prestamos.iter().for_each(|fila| auditor.prestamo(fila));
        auditor.concluir()
    }

    fn prestamo(&mut self, operacion: usize) -> &mut FilaPrestamo {
        let id = self.operaciones[operacion].id;
        self.prestamos.iter_mut().find(|p| p.id == id).expect("está")
    }
}

fn fila_de_prestamo(id: Uuid, ejemplar: &str) -> FilaPrestamo {
    let (ejemplar, usuario) = (ejemplar.parse().expect("ejemplar"), "U0001".parse().expect("usuario"));
    FilaPrestamo { id, ejemplar, usuario, renovaciones: 0, devolucion: None }
}

/// Estropea un caso sano y comprueba cuántas pérdidas y dobles se hallan.
#[track_caller]
fn detecta(perdidas: u64, duplicadas: u64, estropear: impl FnOnce(&mut Caso)) {
    let mut caso = Caso::sano();
    estropear(&mut caso);
    let veredicto = caso.auditar();
    assert_eq!((veredicto.perdidas, veredicto.duplicadas), (perdidas, duplicadas), "{:#?}", veredicto.hallazgos);
    assert_eq!(veredicto.hallazgos.len() as u64, perdidas + duplicadas);
}

#[test]
fn una_historia_que_cuadra_no_tiene_hallazgos() {
    detecta(0, 0, |_| {});
}

#[test]
fn una_operacion_reconocida_y_no_guardada_es_una_perdida() {
    detecta(1, 0, |caso| {
        caso.operaciones.remove(RECHAZADO);
    });
}

#[test]
fn un_prestamo_reconocido_del_que_no_queda_nada_es_una_perdida() {
    detecta(1, 0, |caso| {
        let id = caso.operaciones.remove(ABIERTO).id;
        caso.prestamos.retain(|p| p.id != id);
    });
}

#[test]
fn una_promesa_que_nadie_guardo_o_decidio_es_una_perdida() {
    detecta(1, 0, |caso| {
        let id = caso.operaciones.remove(PROMETIDO).id;
        caso.prestamos.retain(|p| p.id != id);
    });
    detecta(1, 0, |caso| {
        let id = caso.operaciones[PROMETIDO].id;
        caso.operaciones[PROMETIDO].destino = None;
        caso.prestamos.retain(|p| p.id != id);
    });
}

#[test]
fn una_respuesta_distinta_de_la_guardada_es_una_perdida() {
    detecta(1, 0, |caso| caso.operaciones[RECHAZADO].respuesta = Some(ResumenDeBytes::de(b"otra")));
    detecta(1, 0, |caso| caso.operaciones[RECHAZADO].huella = Huella::de(&comando("prestamo", "E000007")));
}

#[test]
fn dos_respuestas_distintas_a_un_mismo_id_son_una_perdida() {
    detecta(1, 0, |caso| {
        let id = caso.operaciones[RECHAZADO].id;
        caso.historia.vista(&cuerpo(id, Estado::Rechazada, Codigo::UsuarioBloqueado));
    });
}

#[test]
fn una_operacion_aplicada_sin_su_efecto_es_una_perdida() {
    detecta(1, 0, |caso| {
        let id = caso.operaciones[ABIERTO].id;
        caso.prestamos.retain(|p| p.id != id);
    });
    detecta(1, 0, |caso| caso.prestamo(PRESTAMO).devolucion = None);
    detecta(1, 0, |caso| caso.prestamo(PRESTAMO).renovaciones = 0);
}

#[test]
fn un_efecto_sin_operacion_aplicada_es_un_doble() {
    detecta(0, 1, |caso| caso.prestamos.push(fila_de_prestamo(Uuid::now_v7(), "E000008")));
    detecta(0, 1, |caso| caso.prestamo(ABIERTO).devolucion = Some(Uuid::now_v7()));
    detecta(0, 1, |caso| caso.prestamo(PRESTAMO).renovaciones = 2);
}

#[test]
fn una_operacion_rechazada_que_tuvo_efecto_es_un_doble() {
    detecta(0, 1, |caso| {
        let id = caso.operaciones[RECHAZADO].id;
        caso.prestamos.push(fila_de_prestamo(id, "E000008"));
    });
}

#[test]
fn una_devolucion_que_cierra_dos_prestamos_es_un_doble() {
    detecta(0, 1, |caso| {
        let devolucion = caso.operaciones[DEVOLUCION].id;
        caso.prestamo(ABIERTO).devolucion = Some(devolucion);
    });
}

#[test]
fn un_ejemplar_con_dos_prestamos_abiertos_es_un_doble() {
    detecta(0, 1, |caso| {
        let ejemplar = caso.prestamo(PROMETIDO).ejemplar;
        caso.prestamo(ABIERTO).ejemplar = ejemplar;
    });
}

#[test]
fn un_efecto_en_otro_ejemplar_que_el_respondido_es_una_perdida() {
    detecta(1, 0, |caso| caso.operaciones[ABIERTO].efecto.ejemplar = Some("E000007".parse().expect("ejemplar")));
}

#[test]
fn una_operacion_que_recibio_error_y_se_aplico_es_un_doble() {
    detecta(0, 1, |caso| {
        let FilaOperacion { id, huella, tipo, .. } = caso.operaciones[ABIERTO];
        caso.historia.pedida(id, tipo, huella);
        caso.historia.negada(id);
    });
}
