use std::net::TcpListener;

use crate::apoyo::{Cliente, Gestor, Sitio, pedir_http};

/// Arranca con esos cambios en el entorno; ha de terminar mal, con una sola línea que contenga esas partes.
async fn no_arranca(sitio: &Sitio, cambios: &[(&str, &str)], codigo: i32, partes: &[&str]) {
    let mut orden = sitio.orden();
    orden.env("RUST_LOG", "off").envs(cambios.iter().copied());
    let (salida, lineas) = Gestor::de(orden).final_de().await;
    assert_eq!(salida.code(), Some(codigo), "{lineas:?}");
    assert_eq!(lineas.len(), 1, "{lineas:?}");
    for parte in partes {
        assert!(lineas[0].contains(parte), "falta «{parte}»: {}", lineas[0]);
    }
}

#[tokio::test]
async fn un_ajuste_malo_se_dice_en_una_linea_que_lo_nombra() {
    let sitio = Sitio::new();
    for (nombre, valor) in [
        ("GESTOR_CARGA_BIND", "hola"),
        ("GESTOR_CARGA_PUB_BIND", "127.0.0.1:0"),
        ("GESTOR_CARGA_INFORMES_BIND", "udp://127.0.0.1:1"),
        ("GESTOR_ALMACENAMIENTO_ENDPOINTS", ","),
        ("GESTOR_ALMACENAMIENTO_ENDPOINTS", "a:1,b:1,c:1,d:1,e:1"),
        ("PLAZO_RESPUESTA_MS", "0"),
        ("PLAZO_RESPUESTA_MS", "1300"),
        ("PLAZO_RESPUESTA_MS", "4000"),
        ("REINTENTO_BASE_MS", "x"),
        ("REINTENTO_BASE_MS", "60001"),
        ("REINTENTO_FACTOR", "0.5"),
        ("REINTENTO_FACTOR", "NaN"),
        ("REINTENTO_TOPE_MS", "0"),
        ("FALLOS_DEFINIDOS_MAX", "0"),
        ("MUERTES_A_SOLAS_MAX", "-1"),
        ("HTTP_ADDR", "x"),
        ("ANAQUEL_CONFIG", "/no/existe.toml"),
    ] {
        no_arranca(&sitio, &[(nombre, valor)], 2, &[nombre]).await;
    }
    assert!(!sitio.diario().exists(), "no se toca el disco antes de saber que los ajustes valen");
}

#[tokio::test]
async fn un_puerto_ocupado_se_dice_con_el_ajuste_que_lo_cambia() {
    let sitio = Sitio::new();
    for (nombre, puerto) in [
        ("GESTOR_CARGA_BIND", sitio.clientes),
        ("GESTOR_CARGA_PUB_BIND", sitio.eventos),
        ("GESTOR_CARGA_INFORMES_BIND", sitio.informes),
        ("HTTP_ADDR", sitio.http),
    ] {
        let _ocupado = TcpListener::bind(("127.0.0.1", puerto)).expect("libre");
        no_arranca(&sitio, &[], 1, &[nombre, &puerto.to_string()]).await;
    }
}

#[tokio::test]
async fn un_diario_que_no_se_puede_escribir_o_que_usa_otro_se_dice() {
    let sitio = Sitio::new();
    let archivo = sitio.carpeta.path().join("archivo");
    std::fs::write(&archivo, "no es una carpeta").expect("escrito");
    let debajo = archivo.join("diario.redb");
    no_arranca(&sitio, &[("GESTOR_CARGA_DIARIO", debajo.to_str().expect("UTF-8"))], 1, &["GESTOR_CARGA_DIARIO"]).await;
    let texto = archivo.to_str().expect("UTF-8");
    no_arranca(&sitio, &[("GESTOR_CARGA_DIARIO", texto)], 1, &["GESTOR_CARGA_DIARIO"]).await;

    let _gestor = sitio.arrancar().await;
    let otro = Sitio::new();
    let suyo = sitio.diario();
    let suyo = suyo.to_str().expect("UTF-8");
    no_arranca(&otro, &[("GESTOR_CARGA_DIARIO", suyo)], 1, &["GESTOR_CARGA_DIARIO", "otro gestor"]).await;
}

#[tokio::test]
async fn http_dice_que_vive_que_esta_listo_y_como_esta() {
    let sitio = Sitio::new();
    let _gestor = sitio.arrancar().await;
    Cliente::de(&sitio).nada_mas().await;
    for (ruta, parte) in [
        ("/salud", "200 OK"),
        ("/listo", "200 OK"),
        ("/estado", r#""diario":"bien""#),
        ("/metrics", "anaquel_operaciones_total{operacion=\"salud\",estado=\"aplicada\",codigo=\"OK\"} 1"),
    ] {
        let respuesta = pedir_http(sitio.http, "GET", ruta, "", "");
        assert!(respuesta.contains(parte), "{ruta}: {respuesta}");
    }
}

#[tokio::test]
async fn la_orden_salud_dice_si_el_gestor_que_corre_esta_listo() {
    let sitio = Sitio::new();
    let salud = || sitio.orden().arg("salud").output().expect("corre");
    let sin_nadie = salud();
    let linea = String::from_utf8(sin_nadie.stderr).expect("UTF-8");
    assert_eq!((sin_nadie.status.code(), linea.lines().count()), (Some(1), 1), "{linea}");
    assert!(linea.contains(&sitio.http.to_string()), "{linea}");
    let _gestor = sitio.arrancar().await;
    Cliente::de(&sitio).nada_mas().await;
    assert!(salud().status.success());
}

#[tokio::test]
async fn la_ayuda_nombra_cada_ajuste_y_lo_que_no_se_entiende_sale_con_2() {
    let sitio = Sitio::new();
    let ayuda = sitio.orden().arg("--help").stdout(std::process::Stdio::piped()).output().expect("corre");
    assert!(ayuda.status.success());
    let texto = String::from_utf8(ayuda.stdout).expect("UTF-8");
    for ajuste in [
        "GESTOR_CARGA_BIND",
        "GESTOR_CARGA_DIARIO",
        "GESTOR_CARGA_TOKEN_ARCHIVO",
        "PLAZO_RESPUESTA_MS",
        "REINTENTO_BASE_MS",
        "REINTENTO_FACTOR",
        "REINTENTO_TOPE_MS",
        "FALLOS_DEFINIDOS_MAX",
        "MUERTES_A_SOLAS_MAX",
        "HTTP_ADDR",
    ] {
        assert!(texto.contains(ajuste), "{texto}");
    }
    assert_eq!(sitio.orden().arg("hola").output().expect("corre").status.code(), Some(2));
}

#[tokio::test]
async fn el_limite_de_conexiones_se_sube_hasta_donde_deja_el_sistema() {
    let sitio = Sitio::new();
    let gestor = sitio.arrancar().await;
    let limites = gestor.limites();
    let archivos = limites.lines().find_map(|l| l.strip_prefix("Max open files")).expect("lo dice");
    let numeros: Vec<u64> = archivos.split_whitespace().take(2).map(|n| n.parse().unwrap_or(u64::MAX)).collect();
    assert!(numeros[0] >= numeros[1].min(16 * 1024), "{archivos}");
}

#[tokio::test]
async fn un_archivo_de_token_que_no_vale_se_dice_y_uno_que_leen_otros_se_avisa() {
    let sitio = Sitio::new();
    no_arranca(
        &sitio,
        &[("GESTOR_CARGA_TOKEN_ARCHIVO", "/no/existe")],
        1,
        &["GESTOR_CARGA_TOKEN_ARCHIVO", "/no/existe"],
    )
    .await;
    let abierto = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(sitio.token(), abierto).expect("permisos");
    let mut gestor = Gestor::de(sitio.orden());
    let aviso = gestor.linea("chmod 600").await;
    assert!(!aviso.contains(crate::apoyo::TOKEN), "el token no va al registro: {aviso}");
}
