//! Varios a la vez sobre la misma operación: quien termina con ella, quien la recupera, quien la cierra y quien la escribe.

use common::{
    dominio::Codigo,
    mensajes::{Administracion, Administrada, Cierre, Orden, administracion::Resolucion},
};
use gestor_almacenamiento::store::{Conexiones, administracion, escritura};
use sqlx::Executor;

use crate::comun::{Biblioteca, anular, apartar, biblioteca, bytes, esperar_bloqueados, hacer, prestamo};

async fn escribir(gestor: &Conexiones, orden: Orden) -> String {
    bytes(&escritura::decidir(gestor, &[orden]).await, &orden)
}

async fn terminar(gestor: &Conexiones, cierre: Cierre) -> String {
    let orden = cierre.orden;
    bytes(&escritura::decidir(gestor, &[cierre]).await, &orden)
}

async fn administrar(gestor: &Conexiones, que: Administracion) -> Administrada {
    administracion::administrar(gestor, &que).await.expect("contesta")
}

fn cerrar(orden: Orden, nota: &str) -> Administracion {
    Administracion::Cerrar { id: orden.id, nota: nota.into() }
}

/// Los préstamos son los de las operaciones aplicadas, y las cuentas cuadran.
async fn nada_se_doblo(b: &Biblioteca) {
    let aplicadas = b.contar("SELECT count(*) FROM operaciones WHERE estado = 'aplicada'").await;
    let suyos = "SELECT count(*) FROM prestamos JOIN operaciones ON id = prestamo_id WHERE estado = 'aplicada'";
    assert_eq!(b.contar(suyos).await, aplicadas);
    assert_eq!(b.contar("SELECT count(*) FROM prestamos").await, aplicadas);
    b.las_cuentas_cuadran().await;
}

#[tokio::test]
async fn entre_quien_la_escribe_y_quien_termina_con_ella_gana_uno_y_todos_reciben_lo_mismo() {
    let b = biblioteca().await;
    let (uno, otro) = (b.conexiones.clone(), b.otro_gestor());
    for n in 1..=40 {
        let orden = prestamo(&format!("U{n}"), &format!("E{n}"));
        let (a, b, c, d) = tokio::join!(
            escribir(&uno, orden),
            terminar(&otro, apartar(orden)),
            terminar(&uno, anular(orden, Codigo::SinRespuesta)),
            escribir(&otro, orden),
        );
        assert!(a == b && b == c && c == d, "{a}\n{b}\n{c}\n{d}");
    }
    assert_eq!(b.contar("SELECT count(*) FROM operaciones").await, 40);
    let sueltas = "SELECT count(*) FROM apartadas JOIN operaciones USING (id) WHERE estado = 'apartada'";
    let apartadas = b.contar("SELECT count(*) FROM operaciones WHERE estado = 'apartada'").await;
    assert_eq!((b.contar(sueltas).await, b.contar("SELECT count(*) FROM apartadas").await), (apartadas, apartadas));
    nada_se_doblo(&b).await;
}

#[tokio::test]
async fn recuperarla_dos_veces_cerrarla_y_escribirla_a_la_vez_la_resuelve_una_vez() {
    let b = biblioteca().await;
    let (uno, otro) = (b.conexiones.clone(), b.otro_gestor());
    let (mut recuperadas, mut cerradas) = (0, 0);
    for n in 1..=40 {
        let orden = prestamo(&format!("U{n}"), &format!("E{n}"));
        let en_revision = terminar(&uno, apartar(orden)).await;
        let recuperar = || Administracion::Recuperar(orden.id);
        // Por turnos, quien cierra empieza antes o después.
        let (primera, segunda, cierre, gemela) = if n % 2 == 0 {
            tokio::join!(
                administrar(&uno, recuperar()),
                administrar(&otro, recuperar()),
                administrar(&otro, cerrar(orden, "no")),
                escribir(&otro, orden),
            )
        } else {
            let (cierre, primera, segunda, gemela) = tokio::join!(
                administrar(&otro, cerrar(orden, "no")),
                administrar(&uno, recuperar()),
                administrar(&otro, recuperar()),
                escribir(&uno, orden),
            );
            (primera, segunda, cierre, gemela)
        };
        let guardada = escribir(&uno, orden).await;
        assert!(gemela == guardada || gemela == en_revision, "{gemela}");
        let es_la_guardada =
            |que: &Administrada| matches!(que, Administrada::Decidida(suya) if suya.cuerpo.get() == guardada);
        let perdio = |que: &Administrada| matches!(que, Administrada::YaResuelta(Resolucion::Cerrada { .. }));
        match &cierre {
            Administrada::Decidida(_) => {
                cerradas += 1;
                assert!(es_la_guardada(&cierre) && perdio(&primera) && perdio(&segunda), "{primera:?} {segunda:?}");
            }
            Administrada::YaResuelta(Resolucion::Recuperada { codigo: Codigo::Ok, .. }) => {
                recuperadas += 1;
                assert!(es_la_guardada(&primera) && es_la_guardada(&segunda), "{primera:?} {segunda:?}");
            }
            _ => panic!("{cierre:?}"),
        }
    }
    assert_eq!(recuperadas + cerradas, 40);
    assert_eq!(b.contar("SELECT count(*) FROM prestamos").await, recuperadas);
    nada_se_doblo(&b).await;
}

#[tokio::test]
async fn quien_pierde_la_carrera_espera_y_ve_lo_que_hizo_quien_la_gano() {
    let b = biblioteca().await;
    let orden = prestamo("U1", "E1");
    b.terminar(&apartar(orden)).await;
    let mut ajeno = b.duenio().await;
    ajeno.execute("BEGIN").await.expect("empieza");
    let cierra =
        format!("SELECT resolver_apartada('{}', 'cerrada', 'anulada', 'ERROR_INTERNO', '{{}}', 'primera')", orden.id);
    hacer(&mut ajeno, cierra).await;
    let gestor = b.conexiones.clone();
    let recuperar = tokio::spawn(async move { administrar(&gestor, Administracion::Recuperar(orden.id)).await });
    esperar_bloqueados(&b, 1).await;
    ajeno.execute("COMMIT").await.expect("confirma");
    let hecho = recuperar.await.expect("acaba");
    assert!(
        matches!(&hecho, Administrada::YaResuelta(Resolucion::Cerrada { nota, .. }) if nota == "primera"),
        "{hecho:?}"
    );
    assert_eq!(b.contar("SELECT count(*) FROM prestamos").await, 0);
}

#[tokio::test]
async fn recuperar_y_prestar_el_mismo_ejemplar_a_la_vez_deja_un_prestamo() {
    let b = biblioteca().await;
    let (uno, otro) = (b.conexiones.clone(), b.otro_gestor());
    for n in 1..=30 {
        let (apartada, rival) = (prestamo("U1", &format!("E{n}")), prestamo("U2", &format!("E{n}")));
        terminar(&uno, apartar(apartada)).await;
        let (recuperada, prestada) =
            tokio::join!(administrar(&uno, Administracion::Recuperar(apartada.id)), escribir(&otro, rival));
        let Administrada::Decidida(recuperada) = recuperada else { panic!("{recuperada:?}") };
        let concedidos = [recuperada.cuerpo.get(), &prestada].iter().filter(|r| r.contains("\"OK\"")).count();
        assert!(concedidos <= 1, "{recuperada:?} {prestada}");
    }
    let dobles = "SELECT count(*) FROM (SELECT FROM prestamos WHERE devuelto IS NULL GROUP BY ejemplar_id HAVING count(*) > 1) AS d";
    assert_eq!(b.contar(dobles).await, 0);
    nada_se_doblo(&b).await;
}
