//! La API de operación y la orden `operar`, contra una suite en marcha: todo lo que muestran es de verdad.

use std::process::Output;

use anaquel::postgres::{BASE, Rol};
use common::{
    dominio::{Comando, Estado, Objeto},
    process::http::cliente::{self, PeticionHttp},
};
use juicio::historia::Historia;
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};
use taller::{base::Disponible, suite::programa};

use crate::banco::{Banco, PLAZO, con_suite};

const NADIE: &str = "01890a5d-ac96-774b-bcce-b302099a8004";
const RAIZ: &str = "/fault-tolerance";
/// Mientras esté, ningún préstamo se puede escribir: un fallo definido, de la operación y no de la base.
const VENENO: &str = "
    CREATE FUNCTION veneno() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN RAISE EXCEPTION 'veneno de la prueba' USING ERRCODE = '22003'; END$$;
    CREATE TRIGGER veneno BEFORE INSERT ON prestamos FOR EACH ROW EXECUTE FUNCTION veneno()";
const ANTIDOTO: &str = "DROP TRIGGER veneno ON prestamos; DROP FUNCTION veneno()";

/// Lo que el gestor contesta por HTTP.
async fn pedir(banco: &Banco, metodo: &str, ruta: &str, token: Option<&str>, cuerpo: &str) -> (u16, Value) {
    let gestor = banco.suite.http("gestor_carga").expect("es de la suite");
    let peticion = PeticionHttp { metodo, ruta, token, cuerpo, plazo: PLAZO };
    let (codigo, texto) = cliente::pedir(gestor, peticion).await.expect("contesta");
    (codigo, serde_json::from_str(&texto).unwrap_or_else(|e| panic!("{ruta}: {e}: {texto}")))
}

async fn mirar(banco: &Banco, ruta: &str) -> Value {
    let (codigo, valor) = pedir(banco, "GET", &format!("{RAIZ}{ruta}"), None, "").await;
    assert_eq!(codigo, 200, "{ruta}: {valor}");
    valor
}

fn token(banco: &Banco) -> String {
    let token = std::fs::read_to_string(banco.suite.plano().token()).expect("la suite tiene token");
    token.trim().to_owned()
}

/// `gestor_carga operar …`, como lo escribe una persona.
async fn operar(banco: &Banco, argumentos: &[&str]) -> Output {
    operar_con("gestor_carga", banco, argumentos).await
}

async fn operar_con(nombre: &str, banco: &Banco, argumentos: &[&str]) -> Output {
    let mut orden = std::process::Command::new(programa(nombre).expect("está construido"));
    orden.arg("operar").args(argumentos);
    orden.env("GESTOR_CARGA_HTTP", banco.suite.http("gestor_carga").expect("es de la suite").to_string());
    orden.env("GESTOR_CARGA_TOKEN_ARCHIVO", banco.suite.plano().token());
    tokio::task::spawn_blocking(move || orden.output()).await.expect("hilo").expect("corre")
}

/// Una orden que sale bien y dice eso.
async fn dice(banco: &Banco, argumentos: &[&str], parte: &str) {
    let salida = operar(banco, argumentos).await;
    let texto = String::from_utf8_lossy(&salida.stdout);
    assert!(salida.status.success() && texto.contains(parte), "{argumentos:?}: falta «{parte}»: {salida:?}");
}

/// Una orden que sale con ese estado y se queja con eso.
async fn se_queja(banco: &Banco, argumentos: &[&str], estado: i32, parte: &str) {
    let salida = operar(banco, argumentos).await;
    let texto = String::from_utf8_lossy(&salida.stderr);
    assert!(salida.status.code() == Some(estado) && texto.contains(parte), "{argumentos:?}: {salida:?}");
}

fn un_prestamo(disponible: &Disponible, n: usize) -> Comando {
    let (ejemplar, usuario) = (disponible.ejemplares[n].0, disponible.usuarios[n]);
    Comando::Prestamo { usuario, objeto: Objeto::Ejemplar(ejemplar), sede: None }
}

#[test]
fn lo_que_muestra_la_api_es_lo_que_paso() {
    con_suite(async |banco| {
        let mut historia = Historia::default();
        let disponible = banco.base.disponible().await.expect("la base contesta");
        let antes = contadas(&mirar(banco, "/stats").await);
        let (id, vista, _) = banco.pedir(&un_prestamo(&disponible, 0), &mut historia).await;
        assert_eq!(vista.estado, Estado::Aplicada);
        let despues = mirar(banco, "/stats").await;
        assert_eq!(contadas(&despues), antes + 1, "{despues}");
        assert_eq!(despues["gestor"]["actoresPrestamo"], 2, "{despues}");
        let tarea = mirar(banco, &format!("/tasks/{id}")).await;
        assert_eq!((&tarea["estado"], &tarea["respuesta"]["codigo"]), (&json!("COMPLETADA"), &json!("OK")));
        banco
            .hasta_que("los actores cuentan sus circuitos", async || {
                let circuitos = mirar(banco, "/circuit-breakers").await;
                let cerrados = |lista: &Value| {
                    let lista = lista.as_array().expect("lista");
                    lista.len() == 2 && lista.iter().all(|c| c["estado"] == "CERRADO")
                };
                let actores = circuitos["actores"].as_array().expect("actores");
                cerrados(&circuitos["gestor"])
                    && actores.len() == 4
                    && actores.iter().all(|a| cerrados(&a["circuitos"]))
            })
            .await;
        let tablero = mirar(banco, "/dashboard").await;
        assert!(tablero["estadisticas"]["almacen"]["masPrestados"][0]["prestamos"].is_u64(), "{tablero}");
        assert_eq!(tablero["apartadas"]["datos"]["total"], 0, "{tablero}");
        for (metodo, ruta, estado, codigo) in [
            ("GET", format!("{RAIZ}/tasks/{NADIE}"), 404, "OPERACION_DESCONOCIDA"),
            ("GET", format!("{RAIZ}/tasks/hola"), 400, "ID_INVALIDO"),
            ("POST", format!("{RAIZ}/dead-letter-queue/{NADIE}/recover"), 401, "NO_AUTORIZADO"),
        ] {
            let (dicho, error) = pedir(banco, metodo, &ruta, None, "").await;
            assert_eq!((dicho, &error["codigo"]), (estado, &json!(codigo)), "{ruta}");
        }
        let recuperar = format!("{RAIZ}/dead-letter-queue/{NADIE}/recover");
        let (codigo, error) = pedir(banco, "POST", &recuperar, Some(&token(banco)), "").await;
        assert_eq!((codigo, &error["codigo"]), (404, &json!("APARTADA_DESCONOCIDA")));
        se_queja(banco, &["recuperar", NADIE], 1, "APARTADA_DESCONOCIDA").await;
        se_queja(banco, &["tareas", "--token-archivo", "/no", "--http", "127.0.0.1:1"], 3, "GESTOR_CARGA_HTTP").await;
        se_queja(banco, &["recuperar", NADIE, "--token-archivo", "/no"], 2, "GESTOR_CARGA_TOKEN_ARCHIVO").await;
        dice(banco, &["tarea", &id.to_string()], "COMPLETADA").await;
        dice(banco, &["cuentas"], "prestamo").await;
        dice(banco, &["circuitos"], "CERRADO").await;
        dice(banco, &["buzon"], "No hay ninguna").await;
        let (nueva, vieja) =
            (operar(banco, &["circuitos"]).await, operar_con("test_sistema", banco, &["circuitos"]).await);
        assert_eq!((&nueva.stdout, nueva.status), (&vieja.stdout, vieja.status), "el nombre de antes hace lo mismo");
        assert!(
            String::from_utf8_lossy(&vieja.stderr).contains("gestor_carga operar"),
            "y dice el de ahora: {vieja:?}"
        );
    });
}

/// Préstamos concedidos, según las cuentas.
fn contadas(stats: &Value) -> u64 {
    let cuentas = stats["almacen"]["cuentas"].as_array().unwrap_or_else(|| panic!("hay cuentas: {stats}"));
    let prestamos = cuentas.iter().filter(|c| c["tipo"] == "prestamo" && c["codigo"] == "OK");
    prestamos.map(|c| c["cuantas"].as_u64().expect("un número")).sum()
}

#[test]
fn lo_que_no_se_puede_escribir_se_aparta_se_ve_y_una_persona_lo_recupera_o_lo_cierra() {
    con_suite(async |banco| {
        let mut historia = Historia::default();
        let disponible = banco.base.disponible().await.expect("la base contesta");
        let url = banco.suite.postgres().expect("la embebida").url(Rol::Migracion, BASE);
        let mut duenio = PgConnection::connect(&url).await.expect("entra");
        duenio.execute(VENENO).await.expect("se envenena");
        let mut ids = Vec::new();
        for n in 0..2 {
            let (id, vista, _) = banco.pedir(&un_prestamo(&disponible, n), &mut historia).await;
            assert_eq!(vista.estado, Estado::Pendiente, "{vista:?}");
            ids.push(id);
        }
        banco.hasta_que("las dos se apartan", async || mirar(banco, "/dead-letter-queue").await["total"] == 2).await;
        let [primera, segunda] = [ids[0].to_string(), ids[1].to_string()];
        se_queja(banco, &["recuperar", &primera], 1, "SIGUE_APARTADA").await;
        se_queja(banco, &["reintentar", &primera], 1, "ESTA_APARTADA").await;
        duenio.execute(ANTIDOTO).await.expect("se cura");
        duenio.close().await.expect("sale");
        let tarea = mirar(banco, &format!("/tasks/{primera}")).await;
        assert_eq!(tarea["estado"], "APARTADA", "{tarea}");
        assert!(tarea["expediente"]["historia"].as_array().is_some_and(|h| !h.is_empty()), "{tarea}");
        banco.hasta_que("las dos están en el buzón", async || mirar(banco, "/inbox").await["total"] == 2).await;
        dice(banco, &["apartadas"], &primera).await;
        dice(banco, &["recuperar", &primera], "aplicada (OK)").await;
        dice(banco, &["recuperar", &primera], "aplicada (OK)").await;
        se_queja(banco, &["reintentar", &primera], 1, "YA_DECIDIDA").await;
        dice(banco, &["cerrar", &segunda, "--nota", "la pidió en papel"], "CERRADA").await;
        se_queja(banco, &["recuperar", &segunda], 1, "la pidió en papel").await;
        assert_eq!(banco.preguntar_por(ids[0]).await.estado, Estado::Aplicada);
        assert_eq!(banco.preguntar_por(ids[1]).await.estado, Estado::Error);
        dice(banco, &["cerrar-buzon", &primera, "--nota", "vista"], "CERRADA").await;
        dice(banco, &["cerrar-buzon", &primera, "--nota", "vista"], "CERRADA").await;
        se_queja(banco, &["cerrar-buzon", &primera, "--nota", "otra"], 1, "YA_RESUELTA").await;
        dice(banco, &["buzon", "--desde", "100"], "en total hay 1").await;
        assert_eq!(mirar(banco, "/inbox").await["total"], 1);
        assert_eq!(mirar(banco, "/dead-letter-queue").await["total"], 0);
        assert_eq!(mirar(banco, "/dead-letter-queue?todas=true").await["total"], 2);
    });
}

#[test]
fn restablecer_un_circuito_abierto_lo_prueba_antes_de_tiempo() {
    con_suite(async |banco| {
        let punto = banco.suite.plano().almacenes().split(',').next().expect("hay dos").to_owned();
        banco.suite.parar("gestor_almacenamiento").await.expect("se para");
        let estado = async || mirar(banco, "/circuit-breakers").await["gestor"][0]["estado"].clone();
        banco.hasta_que("el circuito se abre", async || estado().await == "ABIERTO").await;
        dice(banco, &["restablecer", &punto], "ABIERTO → ").await;
        banco.hasta_que("sigue caído y se vuelve a abrir", async || estado().await == "ABIERTO").await;
        banco.suite.iniciar("gestor_almacenamiento").await.expect("arranca");
        dice(banco, &["restablecer", &punto], "→").await;
        banco.hasta_que("el circuito se cierra", async || estado().await == "CERRADO").await;
        se_queja(banco, &["restablecer", "127.0.0.1:1"], 1, "ENDPOINT_DESCONOCIDO").await;
    });
}
