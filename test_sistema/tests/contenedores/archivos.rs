//! Los archivos de compose, el Dockerfile y lo que montan.

use std::collections::{BTreeMap, BTreeSet};

use anaquel::postgres::{AJUSTES_COMUNES, AJUSTES_DURADEROS, ORDENES_DE_ARRANQUE};

use crate::{
    compose::{ARCHIVOS, Compose, Servicio, texto, todos},
    leer,
};

/// Lo que el lanzador da a PostgreSQL y un contenedor no: allí solo se entra por su zócalo.
const SOLO_DEL_LANZADOR: [&str; 2] = ["listen_addresses", "unix_socket_permissions"];

#[test]
fn cada_maquina_tiene_sus_servicios_y_cada_contenedor_se_llama_como_el_suyo() {
    let esperados = [
        &[
            "postgres",
            "gestor_almacenamiento",
            "backup_almacen",
            "gestor_carga",
            "actor_prestamo_pc1",
            "actor_devolucion_pc1",
        ][..],
        &["almacen_pc2", "actor_prestamo_pc2", "actor_devolucion_pc2"],
    ];
    for (archivo, esperados) in ARCHIVOS.iter().zip(esperados) {
        let servicios = Compose::de(archivo).servicios();
        let nombres: Vec<_> = servicios.iter().map(|s| s.nombre.as_str()).collect();
        assert_eq!(nombres, esperados);
        for servicio in &servicios {
            assert_eq!(servicio.yaml["container_name"].as_str(), Some(servicio.nombre.as_str()));
        }
    }
}

#[test]
fn ningun_contenedor_puede_con_la_maquina_ni_con_los_demas() {
    for servicio in todos() {
        let (nombre, yaml) = (&servicio.nombre, &servicio.yaml);
        assert_eq!(yaml["restart"].as_str(), Some("unless-stopped"), "{nombre}");
        assert_eq!(yaml["read_only"].as_bool(), Some(true), "{nombre}");
        assert_eq!(yaml["init"].as_bool(), Some(true), "{nombre}: sin él, un SIGTERM nada más arrancar se pierde");
        assert_eq!(servicio.lista("cap_drop"), ["ALL"], "{nombre}");
        assert_eq!(servicio.lista("security_opt"), ["no-new-privileges:true"], "{nombre}");
        assert!(servicio.lista("cap_add").is_empty() || !servicio.es_nuestro(), "{nombre}");
        assert!(yaml["mem_limit"].as_str().is_some_and(|limite| limite.ends_with(['m', 'g'])), "{nombre}");
        assert!(yaml["pids_limit"].as_i64().is_some(), "{nombre}");
        assert!(yaml["stop_grace_period"].as_str().is_some(), "{nombre}");
        assert_eq!(yaml["logging"]["driver"].as_str(), Some("json-file"), "{nombre}");
        for tope in ["max-size", "max-file"] {
            assert!(yaml["logging"]["options"][tope].as_str().is_some(), "{nombre}: {tope}");
        }
        for prohibida in ["privileged", "network_mode", "pid", "ipc", "devices", "user"] {
            assert!(yaml[prohibida].is_badvalue(), "{nombre}: {prohibida}");
        }
    }
}

#[test]
fn a_cada_contenedor_se_le_pregunta_a_el_mismo_si_esta_listo_y_se_arranca_por_salud() {
    for archivo in ARCHIVOS {
        let servicios = Compose::de(archivo).servicios();
        let nombres: BTreeSet<_> = servicios.iter().map(|s| s.nombre.clone()).collect();
        for servicio in &servicios {
            let salud = &servicio.yaml["healthcheck"];
            let prueba: Vec<_> = salud["test"].as_vec().expect("tiene comprobación").iter().map(texto).collect();
            if servicio.es_nuestro() {
                assert_eq!(prueba, ["CMD".to_owned(), servicio.programa(), "salud".to_owned()], "{}", servicio.nombre);
            } else {
                assert_eq!(prueba[..2], ["CMD", "pg_isready"], "{}", servicio.nombre);
            }
            for plazo in ["interval", "timeout", "start_period"] {
                assert!(salud[plazo].as_str().is_some(), "{}: {plazo}", servicio.nombre);
            }
            for (antes, condicion) in servicio.yaml["depends_on"].as_hash().into_iter().flatten() {
                assert!(nombres.contains(&texto(antes)), "{} depende de {antes:?}", servicio.nombre);
                assert_eq!(condicion["condition"].as_str(), Some("service_healthy"), "{}", servicio.nombre);
            }
        }
    }
}

#[test]
fn los_secretos_solo_estan_en_archivos_que_git_y_la_imagen_ignoran() {
    let hechos = leer("herramientas/secretos");
    for archivo in ARCHIVOS {
        let compose = Compose::de(archivo);
        for (nombre, secreto) in compose.todo["secrets"].as_hash().expect("hay secretos") {
            let nombre = texto(nombre);
            assert_eq!(secreto["file"].as_str(), Some(format!("./secretos/{nombre}").as_str()), "{archivo}");
            assert!(hechos.contains(&nombre), "«make secretos» no hace {nombre}");
        }
        for servicio in compose.servicios() {
            for (nombre, valor) in servicio.entorno() {
                comprobar_que_no_es_un_secreto(&servicio, &nombre, &valor);
            }
        }
    }
    assert!(leer(".gitignore").lines().any(|linea| linea == "/secretos"));
    let ignorado = leer(".dockerignore");
    let mut reglas = ignorado.lines().filter(|linea| !linea.starts_with('#'));
    assert_eq!(reglas.next(), Some("*"), "en la imagen solo entra lo que se nombra");
    assert!(!reglas.any(|regla| regla.contains("secretos") || regla.contains(".env")));
}

fn comprobar_que_no_es_un_secreto(servicio: &Servicio, nombre: &str, valor: &str) {
    let de_quien = &servicio.nombre;
    if let Some(secreto) = valor.strip_prefix("/run/secrets/") {
        assert!(["_ARCHIVO", "_FILE"].iter().any(|fin| nombre.ends_with(fin)), "{de_quien}: {nombre}");
        assert!(servicio.lista("secrets").iter().any(|suyo| suyo == secreto), "a {de_quien} no se le monta {secreto}");
        return;
    }
    let delicado = ["PASS", "CLAVE", "TOKEN", "SECRET"].iter().any(|parte| nombre.contains(parte));
    assert!(!delicado, "{de_quien}: {nombre} está escrito en el archivo de compose");
    if let Some((quien, _)) = valor.split_once("://").and_then(|(_, resto)| resto.split_once('@')) {
        assert!(!quien.contains(':'), "{de_quien}: {nombre} lleva una clave en la URL");
    }
}

#[test]
fn solo_se_publica_lo_que_necesita_la_otra_maquina_o_quien_opera() {
    let esperados = BTreeMap::from([
        ("postgres", &["5432:5432"][..]),
        ("gestor_almacenamiento", &["5570:5570"]),
        ("backup_almacen", &["5571:5571"]),
        ("gestor_carga", &["5555:5555", "5556:5556", "5557:5557", "127.0.0.1:5655:5655"]),
        ("almacen_pc2", &["5572:5572"]),
    ]);
    for servicio in todos() {
        let puertos = servicio.lista("ports");
        assert_eq!(
            puertos,
            esperados.get(servicio.nombre.as_str()).copied().unwrap_or_default(),
            "{}",
            servicio.nombre
        );
        let abiertos = servicio.entorno().into_iter().filter(|(nombre, _)| nombre.ends_with("_BIND"));
        for (nombre, valor) in abiertos {
            let puerto = valor.strip_prefix("0.0.0.0:").unwrap_or_else(|| panic!("{nombre}: {valor}"));
            assert!(puertos.contains(&format!("{puerto}:{puerto}")), "{}: {nombre}", servicio.nombre);
        }
    }
}

#[test]
fn cada_vecino_que_se_nombra_tiene_direccion_y_atiende_en_ese_puerto() {
    let atienden: BTreeMap<String, String> = todos().iter().flat_map(quien_atiende).collect();
    for (archivo, la_otra) in ARCHIVOS.iter().zip(["pc2", "pc1"]) {
        let servicios = Compose::de(archivo).servicios();
        for servicio in &servicios {
            let conocidos: BTreeMap<_, _> = servicio
                .lista("extra_hosts")
                .into_iter()
                .filter_map(|linea| linea.split_once(':').map(|(nombre, ip)| (nombre.to_owned(), ip.to_owned())))
                .collect();
            for (nombre, ip) in &conocidos {
                let vecino = servicios.iter().find(|s| s.nombre == *nombre);
                let red = vecino.and_then(|v| v.yaml["networks"].as_hash()).and_then(|redes| redes.values().next());
                let suya = red.map(|red| texto(&red["ipv4_address"]));
                let esperada = suya.unwrap_or_else(|| format!("${{{}_HOST:-host-gateway}}", la_otra.to_uppercase()));
                assert_eq!(*ip, esperada, "{nombre}, visto desde {}", servicio.nombre);
            }
            for direccion in a_quien_llama(servicio) {
                let (host, puerto) = direccion.rsplit_once(':').expect("host:puerto");
                assert!(conocidos.contains_key(host), "{} no conoce a {host}", servicio.nombre);
                let quien = atienden.get(puerto).unwrap_or_else(|| panic!("nadie atiende en {puerto}"));
                assert!(host == quien || host.starts_with("pc"), "en {direccion} atiende {quien}");
            }
        }
    }
}

/// Los puertos en que atiende un servicio, con su nombre.
fn quien_atiende(servicio: &Servicio) -> Vec<(String, String)> {
    let puertos = servicio.lista("ports");
    puertos.iter().filter_map(|p| p.rsplit(':').next()).map(|p| (p.to_owned(), servicio.nombre.clone())).collect()
}

/// Las direcciones a las que llama un servicio.
fn a_quien_llama(servicio: &Servicio) -> Vec<String> {
    let mut direcciones = Vec::new();
    for (nombre, valor) in servicio.entorno() {
        if nombre.ends_with("_ENDPOINTS") || nombre.ends_with("_ADDR") && nombre != "HTTP_ADDR" {
            direcciones.extend(valor.split(',').map(str::to_owned));
        } else if let Some((_, resto)) = valor.strip_prefix("postgres://").and_then(|url| url.split_once('@')) {
            direcciones.extend(resto.split('/').next().map(str::to_owned));
        }
    }
    direcciones
}

#[test]
fn postgresql_corre_con_los_ajustes_y_los_roles_del_lanzador() {
    let postgres = todos().into_iter().find(|s| s.nombre == "postgres").expect("está");
    let dados: BTreeSet<String> =
        postgres.lista("command").iter().filter_map(|a| a.strip_prefix("-c").map(str::to_owned)).collect();
    for ajuste in AJUSTES_COMUNES.iter().chain(AJUSTES_DURADEROS) {
        let nombre = ajuste.split('=').next().expect("siempre hay uno");
        assert_eq!(dados.contains(*ajuste), !SOLO_DEL_LANZADOR.contains(&nombre), "{ajuste}");
    }
    let sin_claves: String = leer("docker/postgres/roles.sql")
        .lines()
        .filter(|linea| !linea.starts_with("--") && !linea.starts_with('\\'))
        .map(|linea| {
            linea.replace(" PASSWORD :'clave_servicio'", "").replace(" PASSWORD :'clave_migracion'", "") + "\n"
        })
        .collect();
    assert_eq!(sin_claves, ORDENES_DE_ARRANQUE);
}

#[test]
fn el_dockerfile_sirve_al_constructor_clasico_y_conoce_cada_crate() {
    let dockerfile = leer("docker/Dockerfile");
    for solo_de_buildkit in ["# syntax", "--mount", "<<", "--link"] {
        assert!(!dockerfile.contains(solo_de_buildkit), "{solo_de_buildkit}");
    }
    for base in ["ARG IMAGEN_DE_RUST=rust:1.95-bookworm\n", "ARG IMAGEN_DE_DEBIAN=debian:bookworm-slim\n"] {
        assert!(dockerfile.contains(base), "{base}");
    }
    let (manifiesto, ignorado) = (leer("Cargo.toml"), leer(".dockerignore"));
    let miembros =
        manifiesto.split("members = [").nth(1).and_then(|resto| resto.split(']').next()).expect("hay miembros");
    let miembros: Vec<_> = miembros.split(',').map(|m| m.trim().trim_matches('"')).filter(|m| !m.is_empty()).collect();
    assert!(miembros.len() >= 6);
    for miembro in miembros {
        assert!(dockerfile.contains(&format!("COPY {miembro}/Cargo.toml {miembro}/\n")), "falta {miembro}");
        // El constructor clásico no entiende un comodín a mitad de una excepción: cada uno, por su nombre.
        let entra = [format!("!{miembro}"), format!("!{miembro}/Cargo.toml")];
        assert!(ignorado.lines().any(|regla| entra.iter().any(|e| e == regla)), "{miembro} no entra en el contexto");
    }
    let ultima = dockerfile.rsplit("\nFROM ").next().expect("siempre hay una");
    assert!(ultima.starts_with("scratch\n") && ultima.contains("\nUSER 10001:10001\n"), "{ultima}");
}
