//! Las reglas una por una, y sobre todas las secuencias cortas y muchas largas: nunca dos préstamos abiertos de un
//! ejemplar, nunca más del límite, y plegar en lote da lo mismo que plegar de una en una.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::*;
use crate::dominio::Estado;

/// El tiempo de la primera operación de cada prueba.
const INICIO_MS: u64 = 1_700_000_000_000;

fn e<T: std::str::FromStr<Err: std::fmt::Debug>>(texto: &str) -> T {
    texto.parse().expect("identificador válido")
}

fn id(ms: u64, resto: u64) -> OperacionId {
    let alto = u128::from(ms) << 80 | 0x7 << 76;
    OperacionId::try_new(uuid::Uuid::from_u128(alto | 0b10 << 62 | u128::from(resto))).expect("v7")
}

fn momento(ms: u64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(i64::try_from(ms).expect("cabe")).expect("fecha")
}

fn objeto(texto: &str) -> Objeto {
    if texto.starts_with('E') { Objeto::Ejemplar(e(texto)) } else { Objeto::Libro(e(texto)) }
}

fn prestar(usuario: &str, que: &str) -> Comando {
    Comando::Prestamo { usuario: e(usuario), objeto: objeto(que), sede: None }
}

fn prestar_en(usuario: &str, que: &str, sede: &str) -> Comando {
    Comando::Prestamo { usuario: e(usuario), objeto: objeto(que), sede: Some(e(sede)) }
}

fn devolver(usuario: &str, que: &str) -> Comando {
    let usuario = (!usuario.is_empty()).then(|| e(usuario));
    Comando::Devolucion { usuario, objeto: objeto(que), sede: None }
}

fn renovar(usuario: &str, que: &str) -> Comando {
    Comando::Renovacion { usuario: e(usuario), objeto: objeto(que), sede: None }
}

/// La base entera, en memoria.
#[derive(Clone, Debug, PartialEq)]
struct Base {
    reglamento: Reglamento,
    libros: Vec<Isbn>,
    ejemplares: BTreeMap<EjemplarId, Ejemplar>,
    usuarios: BTreeMap<UsuarioId, Usuario>,
    prestamos: BTreeMap<OperacionId, Prestamo>,
}

impl Base {
    /// `L1` tiene `E1` y `E2` en CENTRO y `E3` en NORTE; `L2` tiene `E4`…`E20`; `L9`, ninguno. `UE`, `UF` estudian, `UD`
    /// enseña, `UI` investiga y `UB` está bloqueado.
    fn new() -> Self {
        let ejemplar = |n: u32, isbn: &str, sede: &str| {
            let id = e(&format!("E{n}"));
            (id, Ejemplar { id, isbn: e(isbn), sede: e(sede) })
        };
        let mut ejemplares =
            BTreeMap::from([ejemplar(1, "L1", "CENTRO"), ejemplar(2, "L1", "CENTRO"), ejemplar(3, "L1", "NORTE")]);
        ejemplares.extend((4..=20).map(|n| ejemplar(n, "L2", "CENTRO")));
        let usuario = |texto: &str, categoria, bloqueado| {
            let id = e(texto);
            (id, Usuario { id, categoria, bloqueado, ranuras: Ranuras::default() })
        };
        let usuarios = BTreeMap::from([
            usuario("UE", Categoria::Estudiante, false),
            usuario("UF", Categoria::Estudiante, false),
            usuario("UD", Categoria::Docente, false),
            usuario("UI", Categoria::Investigador, false),
            usuario("UB", Categoria::Estudiante, true),
        ]);
        Self {
            reglamento: Reglamento::VIGENTE,
            libros: vec![e("L1"), e("L2"), e("L9")],
            ejemplares,
            usuarios,
            prestamos: BTreeMap::new(),
        }
    }

    fn abiertos(&self) -> impl Iterator<Item = &Prestamo> {
        self.prestamos.values().filter(|p| p.cierre.is_none())
    }

    fn abiertos_de(&self, usuario: UsuarioId) -> u32 {
        u32::try_from(self.abiertos().filter(|p| p.usuario == usuario).count()).expect("cabe")
    }

    fn ranuras_de(&self, usuario: UsuarioId) -> Ranuras {
        let suyas = self.abiertos().filter(|p| p.usuario == usuario);
        Ranuras::de_bits(suyas.fold(0, |bits, p| bits | 1 << p.ranura))
    }

    /// Solo lo que nombran las operaciones, como lo carga el almacenamiento.
    fn cargar(&self, operaciones: &[Operacion]) -> Filas {
        let nombra = |que: Objeto| operaciones.iter().any(|o| o.comando.objeto() == que);
        let mut filas = Filas::default();
        for isbn in self.libros.iter().filter(|l| nombra(Objeto::Libro(**l))) {
            filas.con_libro(*isbn);
        }
        for ejemplar in self.ejemplares.values() {
            if nombra(Objeto::Ejemplar(ejemplar.id)) || nombra(Objeto::Libro(ejemplar.isbn)) {
                filas.con_ejemplar(*ejemplar);
            }
        }
        for usuario in self.usuarios.values() {
            if operaciones.iter().any(|o| o.comando.usuario() == Some(usuario.id)) {
                filas.con_usuario(Usuario { ranuras: self.ranuras_de(usuario.id), ..*usuario });
            }
        }
        for prestamo in self.abiertos() {
            filas.con_prestamo(*prestamo);
        }
        filas
    }

    fn plegar(&mut self, operaciones: &[Operacion]) -> Vec<Veredicto> {
        let mut filas = self.cargar(operaciones);
        let veredictos = operaciones.iter().map(|o| decidir(&self.reglamento, &mut filas, o)).collect();
        let Cambios { nuevos, cambiados } = filas.cambios();
        for nuevo in nuevos {
            assert_eq!(self.prestamos.insert(nuevo.id, nuevo), None, "un préstamo nuevo no existía");
        }
        for Cambiado { prestamo, renovaciones_leidas } in cambiados {
            let antes = self.prestamos.insert(prestamo.id, prestamo).expect("un préstamo cambiado existía");
            assert_eq!((antes.cierre, antes.renovaciones), (None, renovaciones_leidas), "se escribe sobre lo leído");
        }
        veredictos
    }

    /// Pide una cosa en el milisegundo `ms` de la prueba.
    fn pedir(&mut self, ms: u64, comando: Comando) -> Veredicto {
        self.plegar(&[operacion(ms, comando)]).remove(0)
    }

    fn codigo(&mut self, ms: u64, comando: Comando) -> Codigo {
        self.pedir(ms, comando).codigo
    }

    fn comprobar(&self) {
        let mut ejemplares = std::collections::BTreeSet::new();
        for prestamo in self.abiertos() {
            assert!(ejemplares.insert(prestamo.ejemplar), "{} tiene dos préstamos abiertos", prestamo.ejemplar);
        }
        for usuario in self.usuarios.values() {
            let limite = Reglamento::VIGENTE.condiciones(e("CENTRO"), usuario.categoria).prestamos_max;
            assert!(self.abiertos_de(usuario.id) <= limite, "{} pasa de su límite", usuario.id);
            let ocupadas = self.ranuras_de(usuario.id).ocupadas();
            assert_eq!(ocupadas, self.abiertos_de(usuario.id), "{} tiene dos abiertos en una ranura", usuario.id);
        }
        for p in self.prestamos.values() {
            assert!(p.renovaciones <= 2);
            assert_eq!(p.vence - p.desde, TimeDelta::days(14 + 7 * i64::from(p.renovaciones)));
            assert!(p.cierre.is_none_or(|c| c.devuelto >= p.desde));
        }
    }
}

fn operacion(ms: u64, comando: Comando) -> Operacion {
    Operacion { id: id(INICIO_MS + ms, ms), comando, momento: momento(INICIO_MS + ms) }
}

#[test]
fn un_prestamo_dura_dos_semanas_y_cada_renovacion_suma_una_desde_el_vencimiento() {
    let mut base = Base::new();
    let concedido = base.pedir(0, prestar("UE", "E1"));
    assert_eq!((concedido.estado, concedido.codigo), (Estado::Aplicada, Codigo::Ok));
    let dia = |dias| Some(momento(INICIO_MS) + TimeDelta::days(dias));
    assert_eq!(concedido.datos.vence, dia(14));
    assert_eq!(base.pedir(1, renovar("UE", "E1")).datos.vence, dia(21));
    let segunda = base.pedir(2, renovar("UE", "L1"));
    assert_eq!((segunda.datos.vence, segunda.datos.renovaciones), (dia(28), Some(2)));
    let tercera = base.pedir(3, renovar("UE", "E1"));
    assert_eq!((tercera.estado, tercera.codigo), (Estado::Rechazada, Codigo::LimiteDeRenovaciones));
    assert_eq!(tercera.datos.vence, dia(28));
}

#[test]
fn cada_categoria_tiene_su_limite_y_devolver_deja_sitio() {
    for (usuario, limite) in [("UE", 5), ("UD", 10), ("UI", 15)] {
        let mut base = Base::new();
        for n in 0..limite {
            assert_eq!(base.codigo(n, prestar(usuario, &format!("E{}", n + 4))), Codigo::Ok);
        }
        let sobra = base.pedir(50, prestar(usuario, "E1"));
        assert_eq!(sobra.codigo, Codigo::LimiteDePrestamos);
        assert_eq!(sobra.datos.limite, Some(u32::try_from(limite).expect("cabe")));
        assert_eq!(base.codigo(51, devolver("", "E4")), Codigo::Ok);
        assert_eq!(base.codigo(52, prestar(usuario, "E1")), Codigo::Ok);
    }
}

#[test]
fn cada_negativa_tiene_su_codigo() {
    let mut base = Base::new();
    assert_eq!(base.codigo(0, prestar("UE", "E1")), Codigo::Ok);
    for (comando, codigo) in [
        (prestar("UX", "E2"), Codigo::UsuarioDesconocido),
        (prestar("UB", "E2"), Codigo::UsuarioBloqueado),
        (prestar("UE", "E99"), Codigo::EjemplarDesconocido),
        (prestar("UE", "E1"), Codigo::EjemplarPrestado),
        (prestar("UF", "E1"), Codigo::EjemplarPrestado),
        (prestar("UE", "L7"), Codigo::LibroDesconocido),
        (prestar("UE", "L9"), Codigo::SinEjemplares),
        (prestar_en("UE", "L2", "NORTE"), Codigo::SinEjemplares),
        (devolver("", "E99"), Codigo::EjemplarDesconocido),
        (devolver("", "E2"), Codigo::SinPrestamo),
        (devolver("UF", "E1"), Codigo::SinPrestamo),
        (devolver("UX", "E1"), Codigo::UsuarioDesconocido),
        (devolver("UE", "L2"), Codigo::SinPrestamo),
        (devolver("UE", "L7"), Codigo::LibroDesconocido),
        (renovar("UX", "E1"), Codigo::UsuarioDesconocido),
        (renovar("UB", "E1"), Codigo::UsuarioBloqueado),
        (renovar("UF", "E1"), Codigo::SinPrestamo),
        (renovar("UE", "E2"), Codigo::SinPrestamo),
        (renovar("UE", "E99"), Codigo::EjemplarDesconocido),
        (renovar("UE", "L9"), Codigo::SinPrestamo),
    ] {
        let antes = base.clone();
        let veredicto = base.pedir(1, comando);
        assert_eq!((veredicto.estado, veredicto.codigo), (Estado::Rechazada, codigo), "{comando:?}");
        assert_eq!(base, antes, "un no, no cambia nada: {comando:?}");
    }
}

#[test]
fn un_bloqueado_devuelve_pero_ni_pide_ni_renueva() {
    let mut base = Base::new();
    base.codigo(0, prestar("UE", "E1"));
    base.usuarios.get_mut(&e("UE")).expect("está").bloqueado = true;
    assert_eq!(base.codigo(1, renovar("UE", "E1")), Codigo::UsuarioBloqueado);
    assert_eq!(base.codigo(2, prestar("UE", "E2")), Codigo::UsuarioBloqueado);
    assert_eq!(base.codigo(3, devolver("UE", "L1")), Codigo::Ok);
}

#[test]
fn por_isbn_se_presta_el_ejemplar_libre_de_id_menor_de_la_sede_que_se_diga() {
    let mut base = Base::new();
    let ejemplar = |v: Veredicto| v.datos.ejemplar.map(|x| x.to_string());
    assert_eq!(ejemplar(base.pedir(0, prestar_en("UE", "L1", "NORTE"))).as_deref(), Some("E3"));
    assert_eq!(ejemplar(base.pedir(1, prestar("UE", "L1"))).as_deref(), Some("E1"));
    assert_eq!(ejemplar(base.pedir(2, prestar("UF", "L1"))).as_deref(), Some("E2"));
    assert_eq!(base.codigo(3, prestar("UF", "L1")), Codigo::SinEjemplares);
    assert_eq!(ejemplar(base.pedir(4, devolver("UE", "L1"))).as_deref(), Some("E3"), "el más antiguo de los suyos");
    assert_eq!(ejemplar(base.pedir(5, devolver("UE", "L1"))).as_deref(), Some("E1"));
}

#[test]
fn una_devolucion_pedida_antes_que_el_prestamo_abierto_no_lo_cierra() {
    let mut base = Base::new();
    assert_eq!(base.codigo(10, prestar("UE", "E1")), Codigo::Ok);
    for comando in [devolver("", "E1"), devolver("UE", "E1"), devolver("UE", "L1")] {
        assert_eq!(base.codigo(9, comando), Codigo::DevolucionTardia);
    }
    assert_eq!(base.codigo(10, devolver("", "E1")), Codigo::Ok, "en el mismo milisegundo no hay orden que leer");
}

#[test]
fn nada_se_devuelve_antes_de_haberse_prestado() {
    let mut base = Base::new();
    base.codigo(10, prestar("UE", "E1"));
    let atrasada = Operacion { momento: momento(INICIO_MS - 5_000), ..operacion(11, devolver("", "E1")) };
    let veredicto = base.plegar(&[atrasada]).remove(0);
    assert_eq!(veredicto.datos.devuelto, Some(momento(INICIO_MS + 10)));
}

#[test]
fn en_un_lote_lo_que_se_presta_se_renueva_se_devuelve_y_se_vuelve_a_prestar() {
    let mut base = Base::new();
    let lote: Vec<_> = [prestar("UE", "E1"), renovar("UE", "E1"), devolver("", "E1"), prestar("UF", "L1")]
        .into_iter()
        .enumerate()
        .map(|(i, comando)| operacion(i as u64, comando))
        .collect();
    assert!(base.plegar(&lote).iter().all(|v| v.codigo == Codigo::Ok));
    assert_eq!(base.prestamos.len(), 2);
    assert_eq!(base.abiertos().map(|p| p.usuario).collect::<Vec<_>>(), [e("UF")]);
}

#[test]
fn los_datos_de_un_prestamo_son_estos() {
    let veredicto = Base::new().pedir(0, prestar("UE", "L1"));
    insta::assert_snapshot!(veredicto.mensaje, @"E1 prestado a UE hasta el 28/11/2023");
    insta::assert_snapshot!(serde_json::to_string(&veredicto.datos).expect("json"), @r#"{"prestamo":"018bcfe5-6800-7000-8000-000000000000","usuario":"UE","ejemplar":"E1","isbn":"L1","sede":"CENTRO","vence":"2023-11-28T22:13:20.000000Z","renovaciones":0}"#);
}

/// Lo que se pide en las secuencias: dos usuarios (uno, a un préstamo de su límite) y un título de dos ejemplares libres.
fn alfabeto() -> Vec<(u64, Comando)> {
    vec![
        (5, prestar("UE", "E1")),
        (5, prestar("UF", "E1")),
        (5, prestar("UE", "L1")),
        (5, prestar_en("UF", "L1", "NORTE")),
        (5, devolver("", "E1")),
        (5, devolver("UF", "L1")),
        (5, renovar("UE", "L1")),
        // Pedida antes que todas las demás.
        (0, devolver("", "E1")),
    ]
}

fn secuencia(base: &Base, pasos: &[(u64, Comando)]) -> Vec<Operacion> {
    let primera = base.prestamos.len() as u64;
    let con_id = |(i, (ms, comando)): (usize, &(u64, Comando))| Operacion {
        id: id(INICIO_MS + ms, primera + i as u64 + 100),
        ..operacion(*ms, *comando)
    };
    pasos.iter().enumerate().map(con_id).collect()
}

/// Pliega en lote y de una en una, y compara.
fn comparar(base: &Base, operaciones: &[Operacion]) {
    let (mut en_lote, mut una_a_una) = (base.clone(), base.clone());
    let veredictos = en_lote.plegar(operaciones);
    let sueltos: Vec<_> = operaciones
        .iter()
        .map(|o| {
            let veredicto = una_a_una.plegar(std::slice::from_ref(o)).remove(0);
            una_a_una.comprobar();
            veredicto
        })
        .collect();
    assert_eq!(veredictos, sueltos, "{operaciones:#?}");
    assert_eq!(en_lote, una_a_una, "{operaciones:#?}");
}

#[test]
fn toda_secuencia_corta_da_lo_mismo_en_lote_que_de_una_en_una() {
    const LARGO: u32 = 5;
    let mut base = Base::new();
    for n in 0..4 {
        assert_eq!(base.codigo(n, prestar("UE", &format!("E{}", n + 4))), Codigo::Ok);
    }
    let alfabeto = alfabeto();
    for numero in 0..alfabeto.len().pow(LARGO) {
        let mut resto = numero;
        let pasos: Vec<_> = (0..LARGO)
            .map(|_| {
                let paso = alfabeto[resto % alfabeto.len()];
                resto /= alfabeto.len();
                paso
            })
            .collect();
        comparar(&base, &secuencia(&base, &pasos));
    }
}

fn comando_cualquiera() -> impl Strategy<Value = (u64, Comando)> {
    let usuario = prop::sample::select(vec!["UE", "UF", "UD", "UI", "UB", "UX"]);
    let que = prop_oneof![
        (1..=21_u32).prop_map(|n| format!("E{n}")),
        prop::sample::select(vec!["L1", "L2", "L9", "L7"]).prop_map(str::to_owned),
    ];
    let sede = prop::option::of(prop::sample::select(vec!["CENTRO", "NORTE", "SUR"]));
    (0..50_u64, 0..4_u8, usuario, que, sede).prop_map(|(ms, clase, usuario, que, sede)| {
        let comando = match clase {
            0 | 1 => Comando::Prestamo { usuario: e(usuario), objeto: objeto(&que), sede: sede.map(e) },
            2 if que.starts_with('E') && sede.is_some() => devolver("", &que),
            2 => devolver(usuario, &que),
            _ => renovar(usuario, &que),
        };
        (ms, comando)
    })
}

proptest! {
    #[test]
    fn cualquier_secuencia_da_lo_mismo_en_lote_que_de_una_en_una(pasos in prop::collection::vec(comando_cualquiera(), 0..80)) {
        let base = Base::new();
        comparar(&base, &secuencia(&base, &pasos));
    }
}

#[test]
fn lo_que_se_permite_lo_dice_el_reglamento_con_que_se_decide() {
    let mut base = Base::new();
    base.reglamento = Reglamento { plazo: TimeDelta::days(3), prestamos_max: [1, 2, 2], ..Reglamento::VIGENTE };
    let concedido = base.pedir(1, prestar("UE", "E4"));
    assert_eq!(concedido.datos.vence, Some(momento(INICIO_MS + 1) + TimeDelta::days(3)));
    assert_eq!(base.codigo(2, prestar("UE", "E5")), Codigo::LimiteDePrestamos);
    assert_eq!(base.codigo(3, prestar("UD", "E5")), Codigo::Ok);
}

#[test]
fn la_ranura_que_se_toma_es_la_primera_libre_y_nunca_hay_mas_de_64() {
    assert_eq!(Ranuras::default().libre(), Some(0));
    assert_eq!(Ranuras::de_bits(0b1011).libre(), Some(2));
    assert_eq!((Ranuras::de_bits(u64::MAX).libre(), Ranuras::de_bits(u64::MAX).ocupadas()), (None, 64));
    for categoria in Categoria::TODAS {
        assert!(Reglamento::VIGENTE.condiciones(e("CENTRO"), categoria).prestamos_max <= 64);
    }
}
