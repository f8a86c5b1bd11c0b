//! Las cuentas: siempre lo que hay en las operaciones y en los préstamos.

use std::sync::atomic::{AtomicBool, Ordering};

use anaquel::postgres::Cluster;
use common::{
    dominio::{Codigo, Tipo},
    mensajes::{Administracion, Administrada, administracion::Cuenta},
};
use gestor_almacenamiento::store::{Conexiones, administracion, escritura};
use sqlx::{Connection, Executor, PgConnection};

use crate::comun::{Biblioteca, anular, apartar, biblioteca, con_id, devolucion, entrada, hacer, prestamo, renovacion};

async fn cuentas(b: &Biblioteca) -> Vec<Cuenta> {
    match b.administrar(Administracion::Cuentas).await {
        Administrada::Cuentas(cuentas) => cuentas,
        otra => panic!("{otra:?}"),
    }
}

fn cuenta(tipo: Tipo, codigo: Codigo, sede: &str, cuantas: u64) -> Cuenta {
    let sede = (!sede.is_empty()).then(|| sede.parse().expect("sede"));
    Cuenta { tipo, codigo, sede, cuantas }
}

#[tokio::test]
async fn cada_operacion_se_cuenta_una_vez_con_su_codigo_en_la_sede_de_su_ejemplar() {
    let b = biblioteca().await;
    let repetida = prestamo("U1", "E1");
    let ajena = con_id(repetida.id, prestamo("U2", "E2").comando);
    let lote = [repetida, prestamo("U2", "E1"), prestamo("U2", "E2"), repetida, ajena, devolucion("", "E2")];
    b.decidir(&lote).await;
    b.decidir(&lote).await;
    b.pedir(&devolucion("", "E999999")).await;
    b.terminar(&anular(renovacion("U1", "E1"), Codigo::SinActores)).await;
    let esperadas = [
        cuenta(Tipo::Devolucion, Codigo::EjemplarDesconocido, "", 1),
        cuenta(Tipo::Devolucion, Codigo::Ok, "NORTE", 1),
        cuenta(Tipo::Prestamo, Codigo::EjemplarPrestado, "CENTRO", 1),
        cuenta(Tipo::Prestamo, Codigo::Ok, "CENTRO", 1),
        cuenta(Tipo::Prestamo, Codigo::Ok, "NORTE", 1),
        cuenta(Tipo::Renovacion, Codigo::SinActores, "", 1),
    ];
    assert_eq!(cuentas(&b).await, esperadas);
    b.las_cuentas_cuadran().await;
    b.consolidar().await;
    assert_eq!(b.contar("SELECT count(*) FROM sumandos").await, 0);
    assert_eq!(cuentas(&b).await, esperadas);
    b.las_cuentas_cuadran().await;
    let que = Administracion::MasPrestados { cuantos: 1 };
    let Administrada::MasPrestados(libros) = b.administrar(que).await else { panic!("libros") };
    assert_eq!((&*libros[0].titulo, libros[0].prestamos), ("Título 1", 2));
}

#[tokio::test]
async fn lo_que_no_se_pudo_escribir_no_se_cuenta() {
    let b = biblioteca().await;
    b.duenio().await.execute("ALTER TABLE prestamos ADD CHECK (usuario_id <> 'U7')").await.expect("veta");
    let lote: Vec<_> = (1..=12).map(|n| prestamo(&format!("U{n}"), &format!("E{n}"))).collect();
    b.decidir(&lote).await;
    assert_eq!(cuentas(&b).await.iter().map(|c| c.cuantas).sum::<u64>(), 11);
    b.las_cuentas_cuadran().await;
}

/// Escribe lotes de toda clase y tamaño, con ids que otro gestor también escribe.
async fn escribir(gestor: Conexiones, vueltas: u32) {
    for n in 0..vueltas {
        let usuario = format!("U{}", n % 40 + 1);
        let lote: Vec<_> = (1..=n % 7 + 1).map(|e| prestamo(&usuario, &format!("L{}", n % 5 * 10 + e))).collect();
        escritura::decidir(&gestor, &lote).await;
        let vuelta: Vec<_> =
            lote.iter().flat_map(|o| [*o, devolucion(&usuario, &o.comando.objeto().to_string()[5..])]).collect();
        escritura::decidir(&gestor, &vuelta).await;
        if n % 10 == 0 {
            escritura::decidir(&gestor, &[apartar(prestamo(&usuario, "E999"))]).await;
        }
    }
}

#[tokio::test]
async fn consolidar_por_varios_a_la_vez_mientras_se_escribe_no_dobla_ni_pierde() {
    let b = biblioteca().await;
    let (uno, otro, acabado) = (b.otro_gestor(), b.otro_gestor(), AtomicBool::new(false));
    let consolidar = async |gestor: &Conexiones| {
        let mut veces = 0;
        while !acabado.load(Ordering::Relaxed) {
            administracion::consolidar(gestor).await.expect("consolida");
            veces += 1;
        }
        veces
    };
    let leer = async {
        let mut antes = 0;
        while !acabado.load(Ordering::Relaxed) {
            let ahora = cuentas(&b).await.iter().map(|c| c.cuantas).sum::<u64>();
            assert!(ahora >= antes, "de {antes} a {ahora}: se leyó a medio consolidar");
            antes = ahora;
        }
    };
    let escriben = async {
        tokio::join!(escribir(uno.clone(), 60), escribir(otro.clone(), 60));
        acabado.store(true, Ordering::Relaxed);
    };
    let (x, y, (), ()) = tokio::join!(consolidar(&uno), consolidar(&otro), leer, escriben);
    assert!(x > 0 && y > 0);
    b.las_cuentas_cuadran().await;
    b.consolidar().await;
    assert_eq!(b.contar("SELECT count(*) FROM sumandos").await, 0);
    b.las_cuentas_cuadran().await;
}

#[tokio::test]
async fn una_consolidacion_a_medias_que_muere_no_cambia_nada_y_otra_no_la_espera() {
    let b = biblioteca().await;
    b.pedir(&prestamo("U1", "E1")).await;
    let mut ajeno = b.duenio().await;
    ajeno.execute("BEGIN; SELECT consolidar_cuentas(10)").await.expect("empieza");
    b.consolidar().await;
    b.las_cuentas_cuadran().await;
    b.pedir(&prestamo("U2", "E2")).await;
    ajeno.execute("ROLLBACK").await.expect("muere");
    b.las_cuentas_cuadran().await;
    b.consolidar().await;
    assert_eq!(b.contar("SELECT count(*) FROM sumandos").await, 0);
    b.las_cuentas_cuadran().await;
}

/// Las operaciones de antes de que se contara, y las del código que aún no cuenta.
#[tokio::test]
async fn una_base_que_ya_existe_empieza_contando_lo_que_hay_y_el_codigo_anterior_sigue_contando() {
    let base = Cluster::compartido().expect("hay PostgreSQL").base_vacia().await.expect("se crea");
    let mut duenio = PgConnection::connect(&base.url_migracion).await.expect("conecta");
    for antes in [
        include_str!("../../../migrations/0001_esquema.sql"),
        include_str!("../../../migrations/0002_un_viaje_para_leer_y_otro_para_escribir.sql"),
    ] {
        duenio.execute(antes).await.expect("migra");
    }
    let catalogo = "INSERT INTO sedes VALUES ('CENTRO', 'Centro');
        INSERT INTO libros (isbn, titulo, autores) VALUES ('L1', 'Uno', 'Autora'), ('L2', 'Dos', 'Autora');
        INSERT INTO ejemplares VALUES ('E1', 'L1', 'CENTRO'), ('E2', 'L2', 'CENTRO')";
    duenio.execute(catalogo).await.expect("carga");
    // Como lo llama el código anterior: un préstamo concedido y una devolución rechazada.
    let guardar = |n: u32| {
        format!(
            r#"SELECT guardar_lote(
                ARRAY['018e0000-0000-7000-8000-00000000000{n}', '018e0000-0000-7000-8000-00000000001{n}']::uuid[],
                ARRAY['\x00', '\x00']::bytea[], ARRAY['prestamo', 'devolucion'], ARRAY['aplicada', 'rechazada'],
                ARRAY['OK', 'DEVOLUCION_TARDIA'],
                ARRAY['{{"datos":{{"ejemplar":"E{n}","sede":"CENTRO"}}}}', '{{"datos":{{}}}}'], ARRAY[now(), now()],
                (SELECT desde FROM horizonte), '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}',
                ARRAY['018e0000-0000-7000-8000-00000000000{n}']::uuid[], ARRAY['E{n}'], ARRAY['L{n}'], ARRAY['U1'],
                ARRAY[{n}]::smallint[], ARRAY[now()], ARRAY[now() + interval '14 days'], ARRAY[0]::smallint[],
                ARRAY[NULL]::timestamptz[], ARRAY[NULL]::uuid[])"#
        )
    };
    hacer(&mut duenio, guardar(1)).await;
    duenio.execute(include_str!("../../../migrations/0003_apartadas_y_cuentas.sql")).await.expect("migra");
    let b = Biblioteca { conexiones: Conexiones::a(entrada(&base).servicio, 2), base };
    let con = |n| {
        [cuenta(Tipo::Devolucion, Codigo::DevolucionTardia, "", n), cuenta(Tipo::Prestamo, Codigo::Ok, "CENTRO", n)]
    };
    assert_eq!(cuentas(&b).await, con(1));
    let mut servicio = b.conexiones.tomar().await.expect("entra");
    hacer(&mut servicio.conexion, guardar(2)).await;
    assert_eq!(cuentas(&b).await, con(2));
    b.las_cuentas_cuadran().await;
    b.consolidar().await;
    b.las_cuentas_cuadran().await;
}
