//! El servicio por su zócalo: peticiones, basura, plazos y apagado.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use common::{
    dominio::{Codigo, Consulta},
    mensajes::{
        Administracion, Administrada, CuerpoPeticion, CuerpoResultado, Desenlace, Peticion, Resultado, codificar,
        descifrar,
    },
    transport::{Contexto, Endpoint, Socket},
};
use sqlx::Executor;

use crate::{
    comun::{Biblioteca, anular, apartar, biblioteca, esperar_bloqueados, hacer, prestamo, prestar_sin_confirmar},
    programa::Programa,
};

const PLAZO: Duration = Duration::from_secs(5);

/// Un cliente del servicio.
pub struct Cliente {
    socket: Socket,
    siguiente: u64,
}

impl Cliente {
    pub fn de(programa: &Programa) -> Self {
        let endpoint: Endpoint = format!("127.0.0.1:{}", programa.puerto).parse().expect("dirección");
        Self { socket: Contexto::new().dealer(&endpoint).expect("conecta"), siguiente: 0 }
    }

    pub async fn enviar(&mut self, plazo_ms: u32, cuerpo: CuerpoPeticion) -> u64 {
        self.siguiente += 1;
        let bytes = codificar(&Peticion { peticion: self.siguiente, plazo_ms, cuerpo });
        self.enviar_cuadros(&[b"", &bytes]).await;
        self.siguiente
    }

    async fn enviar_cuadros(&mut self, cuadros: &[&[u8]]) {
        tokio::time::timeout(PLAZO, self.socket.send(cuadros)).await.expect("a tiempo").expect("sale");
    }

    async fn recibir(&mut self) -> Resultado {
        let cuadros = tokio::time::timeout(PLAZO, self.socket.recv()).await.expect("a tiempo").expect("llega");
        assert_eq!((cuadros.len(), cuadros[0].len()), (2, 0), "el sobre vuelve como fue");
        descifrar(&cuadros[1]).expect("es un resultado")
    }

    pub async fn pedir(&mut self, cuerpo: CuerpoPeticion) -> CuerpoResultado {
        let peticion = self.enviar(3_000, cuerpo).await;
        let resultado = self.recibir().await;
        assert_eq!(resultado.peticion, peticion);
        resultado.cuerpo
    }
}

impl Cliente {
    /// Lo que contesta, o nada si el servicio murió antes.
    pub async fn intentar(
        &mut self,
        cuerpo: CuerpoPeticion,
        mut murio: impl FnMut() -> bool,
    ) -> Option<CuerpoResultado> {
        self.enviar(3_000, cuerpo).await;
        let (mut mirada, limite) =
            (tokio::time::interval(Duration::from_millis(5)), tokio::time::Instant::now() + PLAZO);
        loop {
            tokio::select! {
                cuadros = self.socket.recv() => {
                    let resultado: Resultado = descifrar(&cuadros.expect("llega")[1]).expect("es un resultado");
                    return Some(resultado.cuerpo);
                }
                _ = mirada.tick() => if murio() { return None },
                () = tokio::time::sleep_until(limite) => panic!("ni contesta ni muere"),
            }
        }
    }
}

fn codigos(cuerpo: &CuerpoResultado) -> Vec<Codigo> {
    let CuerpoResultado::Escritas(escritas) = cuerpo else { panic!("{cuerpo:?}") };
    let codigo = |d: &Desenlace| match d {
        Desenlace::Decidida(guardada) => guardada.codigo,
        otro => panic!("{otro:?}"),
    };
    escritas.iter().map(|e| codigo(&e.desenlace)).collect()
}

async fn en_marcha() -> (Biblioteca, Programa, Cliente) {
    let b = biblioteca().await;
    let programa = Programa::arrancar(&b.base);
    let cliente = Cliente::de(&programa);
    (b, programa, cliente)
}

fn metricas(programa: &Programa) -> String {
    let mut http = TcpStream::connect(("127.0.0.1", programa.http)).expect("atiende");
    http.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("pide");
    let mut texto = String::new();
    http.read_to_string(&mut texto).expect("contesta");
    texto
}

#[tokio::test]
async fn escribe_consulta_y_dice_que_esta_sano() {
    let (_b, _programa, mut cliente) = en_marcha().await;
    let lista = vec![prestamo("U1", "E1"), prestamo("U2", "E1"), prestamo("U2", "L2")];
    let escritas = cliente.pedir(CuerpoPeticion::Escribir(lista.clone())).await;
    assert_eq!(codigos(&escritas), [Codigo::Ok, Codigo::EjemplarPrestado, Codigo::Ok]);
    let CuerpoResultado::Escritas(escritas) = escritas else { unreachable!() };
    let ids: Vec<_> = escritas.iter().map(|e| (e.id, e.huella)).collect();
    assert_eq!(ids, lista.iter().map(|o| (o.id, o.huella)).collect::<Vec<_>>());

    let consulta = CuerpoPeticion::Consultar(Consulta::Operacion(lista[0].id.uuid()));
    let CuerpoResultado::Consultada(guardada) = cliente.pedir(consulta).await else { panic!("debía contestar") };
    let Desenlace::Decidida(escrita) = &escritas[0].desenlace else { unreachable!() };
    assert_eq!(guardada.cuerpo.get(), escrita.cuerpo.get());
    assert!(matches!(cliente.pedir(CuerpoPeticion::Salud).await, CuerpoResultado::Sano));
    assert!(
        matches!(cliente.pedir(CuerpoPeticion::Escribir(vec![])).await, CuerpoResultado::Escritas(l) if l.is_empty())
    );
}

#[tokio::test]
async fn termina_con_operaciones_y_atiende_a_una_persona() {
    let (b, _programa, mut cliente) = en_marcha().await;
    let (anulada, apartada) = (prestamo("U1", "E1"), prestamo("U2", "E3"));
    let lista = vec![anular(anulada, Codigo::SinActores), apartar(apartada)];
    let terminadas = cliente.pedir(CuerpoPeticion::Terminar(lista)).await;
    assert_eq!(codigos(&terminadas), [Codigo::SinActores, Codigo::EnRevision]);
    let escritas = cliente.pedir(CuerpoPeticion::Escribir(vec![anulada, apartada])).await;
    assert_eq!(codigos(&escritas), [Codigo::SinActores, Codigo::EnRevision]);
    let que = Administracion::Recuperar(apartada.id);
    let recuperada = cliente.pedir(CuerpoPeticion::Administrar(que)).await;
    let CuerpoResultado::Administrada(Administrada::Decidida(guardada)) = recuperada else { panic!("{recuperada:?}") };
    assert_eq!(guardada.codigo, Codigo::Ok);
    assert_eq!(b.contar("SELECT count(*) FROM prestamos").await, 1);
    b.las_cuentas_cuadran().await;
}

#[tokio::test]
async fn la_basura_se_cuenta_y_nadie_mas_la_nota() {
    let (_b, programa, mut cliente) = en_marcha().await;
    let mut malo = Cliente::de(&programa);
    let enorme = vec![b'x'; 100_000];
    let basura: [&[&[u8]]; 8] = [
        &[b""],
        &[b"hola"],
        &[b"", b"{}"],
        &[b"", b"\xff\xfe"],
        &[b"", b"[1,2"],
        &[b"", br#"{"plazo_ms":1,"cuerpo":"bailar"}"#],
        &[b"", br#"{"peticion":"1","plazo_ms":1,"cuerpo":"salud"}"#],
        &[b"a", b"b", &enorme],
    ];
    for cuadros in basura {
        malo.enviar_cuadros(cuadros).await;
    }
    // Lo del mismo zócalo llega en orden: cuando contesta, la basura ya pasó.
    assert!(matches!(malo.pedir(CuerpoPeticion::Salud).await, CuerpoResultado::Sano));
    assert_eq!(codigos(&cliente.pedir(CuerpoPeticion::Escribir(vec![prestamo("U1", "E1")])).await), [Codigo::Ok]);
    let linea = r#"anaquel_mensajes_descartados_total{motivo="peticion"} 8"#;
    let metricas = metricas(&programa);
    assert!(metricas.contains(linea), "{metricas}");
}

#[tokio::test]
async fn lo_que_no_se_entiende_y_tiene_numero_se_contesta_en_seguida_y_nada_se_hizo() {
    let (b, _programa, mut cliente) = en_marcha().await;
    for (numero, cuerpo) in [
        (41, r#""bailar""#),
        (42, r#"{"reservar":[{"id":"x"}]}"#),
        (43, r#"{"escribir":[{"id":"x"}]}"#),
        (44, r#"{"consultar":{"estante":"A1"}}"#),
    ] {
        let json = format!(r#"{{"peticion":{numero},"plazo_ms":3000,"cuerpo":{cuerpo},"de_otra_version":true}}"#);
        let desde = std::time::Instant::now();
        cliente.enviar_cuadros(&[b"", json.as_bytes()]).await;
        let Resultado { peticion, cuerpo } = cliente.recibir().await;
        assert!(matches!(cuerpo, CuerpoResultado::NoEntendida { .. }) && peticion == numero, "{cuerpo:?}");
        assert!(desde.elapsed() < Duration::from_secs(1), "{:?}", desde.elapsed());
    }
    assert_eq!(b.contar("SELECT count(*) FROM operaciones").await, 0);
}

#[tokio::test]
async fn una_orden_que_no_se_entiende_se_contesta_con_sus_vecinas_que_se_deciden() {
    let (b, _programa, mut cliente) = en_marcha().await;
    let lista = vec![prestamo("U1", "E1"), prestamo("U2", "E3"), prestamo("U3", "E5")];
    let bytes = codificar(&Peticion { peticion: 7, plazo_ms: 3_000, cuerpo: CuerpoPeticion::Escribir(lista.clone()) });
    // La primera, de otra versión.
    let bytes = String::from_utf8(bytes).expect("UTF-8").replacen(r#":"prestamo""#, r#":"reserva""#, 1);
    cliente.enviar_cuadros(&[b"", bytes.as_bytes()]).await;
    let Resultado { peticion: 7, cuerpo: CuerpoResultado::Escritas(escritas) } = cliente.recibir().await else {
        panic!("debía contestar la lista")
    };
    let de = |n: usize| {
        &escritas.iter().find(|e| e.id == lista[n].id && e.huella == lista[n].huella).expect("está").desenlace
    };
    assert!(matches!(de(0), Desenlace::NoEntendida { motivo } if motivo.contains("reserva")), "{:?}", de(0));
    assert!((1..3).all(|n| matches!(de(n), Desenlace::Decidida(g) if g.codigo == Codigo::Ok)), "{escritas:?}");
    assert_eq!(b.contar("SELECT count(*) FROM operaciones").await, 2);
    b.las_cuentas_cuadran().await;
}

#[tokio::test]
async fn una_lista_demasiado_larga_se_rechaza_sin_hacer_nada() {
    let (b, _programa, mut cliente) = en_marcha().await;
    let larga: Vec<_> = (0..257).map(|n| prestamo("U1", &format!("E{}", n + 1))).collect();
    let CuerpoResultado::Fallo(fallo) = cliente.pedir(CuerpoPeticion::Escribir(larga)).await else { panic!("cabe") };
    assert!(fallo.nada_hecho);
    assert_eq!(b.contar("SELECT count(*) FROM operaciones").await, 0);
}

#[tokio::test]
async fn lo_que_espera_mas_que_su_plazo_se_descarta_y_lo_demas_se_decide() {
    let (b, _programa, mut cliente) = en_marcha().await;
    let mut ajeno = b.duenio().await;
    ajeno.execute("BEGIN").await.expect("empieza");
    hacer(&mut ajeno, prestar_sin_confirmar("U8", "E1")).await;
    let primera = cliente.enviar(3_000, CuerpoPeticion::Escribir(vec![prestamo("U1", "E1")])).await;
    esperar_bloqueados(&b, 1).await;
    cliente.enviar(0, CuerpoPeticion::Escribir(vec![prestamo("U2", "E2")])).await;
    let tercera = cliente.enviar(3_000, CuerpoPeticion::Escribir(vec![prestamo("U3", "E3")])).await;
    // Las consultas no esperan a la transacción.
    let salud = cliente.enviar(3_000, CuerpoPeticion::Salud).await;
    assert_eq!(cliente.recibir().await.peticion, salud);
    ajeno.execute("ROLLBACK").await.expect("suelta");
    assert_eq!(cliente.recibir().await.peticion, primera);
    assert_eq!(cliente.recibir().await.peticion, tercera);
    assert_eq!(b.contar("SELECT count(*) FROM operaciones").await, 2);
}

#[tokio::test]
async fn sigterm_acaba_lo_que_esta_en_vuelo_y_despide_lo_que_espera() {
    let (b, mut programa, mut cliente) = en_marcha().await;
    let mut ajeno = b.duenio().await;
    ajeno.execute("BEGIN").await.expect("empieza");
    hacer(&mut ajeno, prestar_sin_confirmar("U8", "E1")).await;
    let en_vuelo = cliente.enviar(3_000, CuerpoPeticion::Escribir(vec![prestamo("U1", "E1")])).await;
    esperar_bloqueados(&b, 1).await;
    let espera = cliente.enviar(3_000, CuerpoPeticion::Escribir(vec![prestamo("U2", "E2")])).await;
    let salud = cliente.enviar(3_000, CuerpoPeticion::Salud).await;
    assert_eq!(cliente.recibir().await.peticion, salud, "y por tanto la anterior ya está en cola");
    programa.terminar();
    let despedida = cliente.recibir().await;
    assert_eq!(despedida.peticion, espera);
    assert!(matches!(despedida.cuerpo, CuerpoResultado::Fallo(f) if f.nada_hecho));
    ajeno.execute("ROLLBACK").await.expect("suelta");
    let acabada = cliente.recibir().await;
    assert_eq!((acabada.peticion, codigos(&acabada.cuerpo)), (en_vuelo, vec![Codigo::Ok]));
    assert_eq!(programa.esperar(), Some(0));
    assert_eq!(b.contar("SELECT count(*) FROM operaciones").await, 1);
}

#[tokio::test]
async fn cuando_la_base_vuelve_el_servicio_tambien_y_la_salud_lo_dice() {
    let (b, mut programa, mut cliente) = en_marcha().await;
    b.cerrar().await;
    let fallo = cliente.pedir(CuerpoPeticion::Salud).await;
    assert!(matches!(fallo, CuerpoResultado::Fallo(f) if f.nada_hecho));
    let fallo = cliente.pedir(CuerpoPeticion::Escribir(vec![prestamo("U1", "E1")])).await;
    assert!(matches!(fallo, CuerpoResultado::Fallo(f) if f.nada_hecho));
    programa.leer_hasta("la base de datos no sirve");
    b.abrir().await;
    assert!(matches!(cliente.pedir(CuerpoPeticion::Salud).await, CuerpoResultado::Sano));
    assert_eq!(codigos(&cliente.pedir(CuerpoPeticion::Escribir(vec![prestamo("U1", "E1")])).await), [Codigo::Ok]);
}
