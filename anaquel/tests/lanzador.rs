//! El lanzador con procesos de verdad: PostgreSQL propio y servicios de mentira.

mod comun;

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt};

use anaquel::plano::{NOMBRES, leer_ajustes};
use common::{process::hijos, tiempos::RONDA};
use comun::{Sitio, directorio, esperar, matar, vive};

#[test]
fn se_anuncia_una_vez_y_al_apagar_no_queda_nada() {
    let sitio = Sitio::con_falsos();
    fs::create_dir(sitio.dir.path().join("datos")).expect("se crea");
    fs::write(sitio.dir.path().join("datos/libros_10k.csv"), "").expect("se escribe");
    let suite = sitio.servir();
    for nombre in NOMBRES {
        let (fila, pid) = (sitio.fila(nombre), sitio.pid(nombre).expect("tiene pid"));
        assert!(fila.contains(" listo ") && fila.contains(&pid.to_string()) && vive(pid), "{fila}");
        assert!(sitio.plano.registro(nombre).exists());
    }
    let ajustes = leer_ajustes(&fs::read_to_string(sitio.plano.ajustes()).expect("se escribió"));
    assert!(ajustes.iter().any(|(n, v)| n == "GESTOR_CARGA_PORT" && *v == sitio.plano.base().to_string()));
    let registro = fs::read_to_string(sitio.dir.path().join("anaquel.log")).expect("se escribió");
    assert!(registro.contains("importado datos/libros_10k.csv"), "{registro}");
    suite.apagar();
    assert!(!sitio.plano.ajustes().exists() && sitio.pid("postgres").is_none());
    let (codigo, queja) = sitio.mal(&["estado"]);
    assert!(codigo == 1 && queja.contains("anaquel servir"), "{codigo} {queja}");
}

#[test]
fn matar_al_lanzador_no_deja_nada_y_otro_arranca_en_seguida() {
    let sitio = Sitio::con_falsos();
    sitio.servir().matar_sin_aviso();
    // El cerrojo, los puertos, el zócalo y el PostgreSQL del muerto no estorban. La base sigue siendo la propia aunque la
    // terminal tenga los ajustes de la suite anterior.
    let ajustes = leer_ajustes(&fs::read_to_string(sitio.plano.ajustes()).expect("quedaron"));
    let url = ajustes.into_iter().find(|(n, _)| n == "DATABASE_URL").expect("está").1;
    let sitio = sitio.con("DATABASE_URL", url);
    let suite = sitio.servir();
    assert!(sitio.fila("postgres").contains(" listo "));
    suite.apagar();
}

#[test]
fn el_postgres_muerto_vuelve() {
    let sitio = Sitio::con_falsos();
    let suite = sitio.servir();
    let pid = sitio.pid("postgres").expect("tiene pid");
    matar(pid, libc::SIGKILL);
    esperar("postgres vuelve", || {
        (sitio.pid("postgres")? != pid && sitio.fila("postgres").contains(" listo ")).then_some(())
    });
    assert!(sitio.fila("postgres").split_whitespace().any(|c| c == "1"), "un rearranque: el cerrojo viejo no cuenta");
    suite.apagar();
}

#[test]
fn el_postgres_parado_con_todos_sus_procesos_se_da_por_muerto_y_vuelve() {
    let sitio = Sitio::con_falsos();
    let suite = sitio.servir();
    let pid = sitio.pid("postgres").expect("tiene pid");
    for parado in [vec![pid], hijos::de(pid)].concat() {
        matar(parado, libc::SIGSTOP);
    }
    esperar("postgres vuelve sin que nadie lo despierte", || {
        (sitio.pid("postgres")? != pid && sitio.fila("postgres").contains(" listo ")).then_some(())
    });
    suite.apagar();
}

#[test]
fn un_solo_proceso_de_postgres_parado_es_postgres_parado() {
    let sitio = Sitio::con_falsos();
    let suite = sitio.servir();
    let pid = sitio.pid("postgres").expect("tiene pid");
    matar(hijos::de(pid)[0], libc::SIGSTOP);
    esperar("postgres vuelve sin que nadie lo despierte", || {
        (sitio.pid("postgres")? != pid && sitio.fila("postgres").contains(" listo ")).then_some(())
    });
    suite.apagar();
}

#[test]
fn con_el_lanzador_parado_se_sabe_en_seguida_que_no_contesta() {
    let sitio = Sitio::con_falsos().sin_postgres();
    let suite = sitio.servir();
    matar(suite.pid(), libc::SIGSTOP);
    let (codigo, queja) = sitio.mal(&["estado"]);
    matar(suite.pid(), libc::SIGCONT);
    assert!(codigo == 1 && queja.contains("no contestó"), "{codigo} {queja}");
    suite.apagar();
}

#[test]
fn el_gestor_parado_se_da_por_muerto_y_vuelve() {
    let sitio = Sitio::con_falsos().sin_postgres();
    let suite = sitio.servir();
    let pid = sitio.pid("gestor_carga").expect("tiene pid");
    matar(pid, libc::SIGSTOP);
    esperar("el gestor vuelve sin que nadie lo despierte", || {
        (sitio.pid("gestor_carga")? != pid && sitio.fila("gestor_carga").contains(" listo ")).then_some(())
    });
    suite.apagar();
    let registro = fs::read_to_string(sitio.dir.path().join("anaquel.log")).expect("se escribió");
    assert!(registro.contains("gestor_carga no da señales de vida"), "{registro}");
}

#[test]
fn a_quien_contesta_pero_no_da_senales_de_vida_se_le_da_por_muerto() {
    let sitio = Sitio::con_falsos().sin_postgres().con("FALSO_CALLA", "gestor_carga");
    let suite = sitio.servir();
    let pid = sitio.pid("gestor_carga").expect("tiene pid");
    esperar("el gestor se lanza otra vez", || sitio.pid("gestor_carga").filter(|p| *p != pid));
    suite.apagar();
}

#[test]
fn quien_tiene_relevo_puede_pararse_un_rato_y_seguir_siendo_el_mismo() {
    let sitio = Sitio::con_falsos().sin_postgres();
    let suite = sitio.servir();
    let parados = ["gestor_almacenamiento", "actor_prestamo_1"].map(|n| sitio.pid(n).expect("tiene pid"));
    for pid in parados {
        matar(pid, libc::SIGSTOP);
    }
    let gestor = sitio.pid("gestor_carga").expect("tiene pid");
    matar(gestor, libc::SIGSTOP);
    esperar("al gestor, que no tiene relevo, se le da por muerto", || {
        sitio.pid("gestor_carga").filter(|p| *p != gestor)
    });
    for pid in parados {
        matar(pid, libc::SIGCONT);
    }
    assert_eq!(["gestor_almacenamiento", "actor_prestamo_1"].map(|n| sitio.pid(n).expect("sigue")), parados);
    suite.apagar();
}

#[test]
fn quien_tiene_relevo_y_no_despierta_se_da_al_cabo_por_muerto() {
    let sitio = Sitio::con_falsos().sin_postgres();
    let suite = sitio.servir();
    let pid = sitio.pid("backup_almacen").expect("tiene pid");
    matar(pid, libc::SIGSTOP);
    esperar("el almacén vuelve sin que nadie lo despierte", || sitio.pid("backup_almacen").filter(|p| *p != pid));
    suite.apagar();
}

#[test]
fn parar_al_lanzador_no_mata_a_quien_el_no_oyo() {
    let sitio = Sitio::con_falsos();
    let suite = sitio.servir();
    let pids = || NOMBRES.map(|nombre| sitio.pid(nombre).expect("tiene pid"));
    let antes = pids();
    for _ in 0..3 {
        matar(suite.pid(), libc::SIGSTOP);
        // Más de lo que se aguanta a cualquiera sin relevo; parado no hay nada que mirar.
        std::thread::sleep(RONDA * 8);
        matar(suite.pid(), libc::SIGCONT);
        // Lo que contesta ya pasó por las rondas que se le acumularon.
        std::thread::sleep(RONDA * 2);
        assert!(NOMBRES.iter().all(|nombre| sitio.fila(nombre).contains(" listo ")));
    }
    assert_eq!(pids(), antes);
    suite.apagar();
}

#[test]
fn lo_que_muere_vuelve_y_lo_parado_queda_parado() {
    let sitio = Sitio::con_falsos().sin_postgres();
    let suite = sitio.servir();
    let pid = sitio.pid("actor_prestamo_1").expect("tiene pid");
    matar(pid, libc::SIGKILL);
    esperar("el actor vuelve", || sitio.pid("actor_prestamo_1").filter(|p| *p != pid && vive(*p)));

    let pid = sitio.pid("backup_almacen").expect("tiene pid");
    assert!(sitio.bien(&["parar", "backup_almacen"]).contains("parado"));
    assert!(!vive(pid) && sitio.pid("backup_almacen").is_none());
    assert!(sitio.fila("backup_almacen").contains(" parado "));
    assert!(sitio.bien(&["parar", "backup_almacen"]).contains("ya estaba"));
    sitio.bien(&["iniciar", "backup_almacen"]);
    assert!(sitio.pid("backup_almacen").is_some_and(vive));
    assert!(sitio.fila("backup_almacen").contains(" listo "));
    assert!(sitio.bien(&["iniciar", "backup_almacen"]).contains("ya estaba"));

    let (codigo, queja) = sitio.mal(&["parar", "gestor"]);
    assert!(codigo == 2 && queja.contains("actor_devolucion_2"), "{queja}");
    let fila = sitio.fila("postgres");
    assert!(fila.contains("ajeno") && !fila.contains("secreto"), "{fila}");
    let (codigo, queja) = sitio.mal(&["parar", "postgres"]);
    assert!(codigo == 1 && queja.contains("DATABASE_URL"), "{queja}");
    suite.apagar();
}

#[test]
fn dos_suites_no_comparten_directorio_ni_puertos() {
    let sitio = Sitio::con_falsos().sin_postgres();
    let suite = sitio.servir();
    let (codigo, queja) = sitio.mal(&["servir"]);
    assert!(codigo == 1 && queja.contains("ANAQUEL_VAR"), "{queja}");
    let otra = sitio.dir.path().join("otra").display().to_string();
    let sitio_con_otro_var = sitio.orden(&["servir"]).env("ANAQUEL_VAR", otra).output().expect("se lanza");
    let queja = String::from_utf8_lossy(&sitio_con_otro_var.stderr).into_owned();
    assert!(queja.contains("ANAQUEL_PUERTO_BASE"), "{queja}");
    let otro_sitio = Sitio::con_falsos().sin_postgres();
    otro_sitio.servir().apagar();
    suite.apagar();
}

#[test]
fn cada_tropiezo_de_la_puerta_es_una_linea_que_nombra_el_ajuste() {
    let sitio = Sitio::con_falsos().sin_postgres();
    let ocupado = TcpListener::bind(("127.0.0.1", sitio.plano.base() + 103)).expect("está libre");
    let (codigo, queja) = sitio.mal(&["servir"]);
    assert!(codigo == 1 && queja.contains("ANAQUEL_PUERTO_BASE") && queja.contains("actor_prestamo_1"), "{queja}");
    drop(ocupado);

    let archivo = sitio.dir.path().join("archivo");
    fs::write(&archivo, "").expect("se escribe");
    let casos = [
        ("ANAQUEL_VAR", archivo.join("var").display().to_string(), 1),
        ("ANAQUEL_PUERTO_BASE", "80".to_owned(), 2),
        ("ANAQUEL_PUERTO_BASE", "muchos".to_owned(), 2),
    ];
    for (nombre, valor, esperado) in casos {
        let salida = sitio.orden(&["servir"]).env(nombre, valor).output().expect("se lanza");
        let queja = String::from_utf8_lossy(&salida.stderr).into_owned();
        assert_eq!((salida.status.code(), queja.lines().count()), (Some(esperado), 1), "{queja}");
        assert!(queja.contains(nombre), "{queja}");
    }
    let (_, queja) = sitio.mal(&["servir", "--catalogo", "no-esta.csv"]);
    assert!(queja.contains("--catalogo"), "{queja}");

    let sin_postgres = Sitio::con_falsos().con("PG_BINDIR", "/dev");
    let (_, queja) = sin_postgres.mal(&["servir"]);
    assert!(queja.contains("PG_BINDIR") && queja.contains("paquete postgresql"), "{queja}");

    let (codigo, queja) = sitio.mal(&["servir", "--volar"]);
    assert!(codigo == 2 && queja.contains("--volar"), "{queja}");

    let solo = directorio();
    fs::copy(comun::lanzador(), solo.path().join("anaquel")).expect("se copia");
    let (_, queja) = Sitio::new(solo.path()).mal(&["servir"]);
    assert!(queja.contains("make construir") && queja.contains("actor_devolucion"), "{queja}");
}

#[test]
fn un_servicio_que_no_arranca_se_nombra_con_lo_que_dijo() {
    let sitio = Sitio::con_falsos().sin_postgres().con("FALSO_MUERE", "actor_devolucion");
    let (codigo, queja) = sitio.mal(&["servir"]);
    assert!(codigo == 1 && queja.contains("actor_devolucion_") && queja.contains("ajuste FALSO_MUERE"), "{queja}");
}

#[test]
fn un_directorio_de_ruta_larguisima_sirve_igual() {
    let mut sitio = Sitio::con_falsos();
    let largo = sitio.dir.path().join("una_carpeta_de_nombre_largo/".repeat(6)).join("var");
    sitio.plano = anaquel::plano::Plano::new(largo, sitio.plano.base()).expect("vale");
    let suite = sitio.servir();
    sitio.bien(&["parar", "postgres"]);
    sitio.bien(&["iniciar", "postgres"]);
    let fila = sitio.fila("postgres");
    let zocalo = fila.rsplit_once("host=").expect("dice su zócalo").1.to_owned();
    assert!(fs::exists(&zocalo).expect("se puede mirar") && zocalo.len() < 90, "{zocalo}");
    suite.apagar();
    assert!(!fs::exists(&zocalo).expect("se puede mirar"), "{zocalo} quedó");
}

#[test]
#[expect(unsafe_code, reason = "geteuid solo está en libc")]
fn si_la_cuenta_de_postgres_no_alcanza_el_directorio_los_datos_se_desvian() {
    let sitio = Sitio::con_falsos();
    fs::set_permissions(sitio.dir.path(), fs::Permissions::from_mode(0o700)).expect("es nuestro");
    sitio.servir().apagar();
    // SAFETY: geteuid no falla ni toca memoria.
    let somos_root = unsafe { libc::geteuid() } == 0;
    assert_eq!(sitio.plano.datos().is_symlink(), somos_root, "solo root baja de cuenta");
    sitio.servir().apagar();
}

#[test]
fn la_suite_de_verdad_arranca_se_repara_y_se_apaga() {
    let programas = comun::lanzador().parent().expect("tiene directorio");
    assert!(programas.join("gestor_carga").exists(), "faltan los programas: cargo build --workspace --bins");
    let sitio = Sitio::new(programas);
    let suite = sitio.servir();
    for nombre in NOMBRES {
        let pid = sitio.pid(nombre).expect("tiene pid");
        matar(pid, libc::SIGKILL);
        esperar("vuelve y está listo", || {
            (sitio.pid(nombre)? != pid && sitio.fila(nombre).contains(" listo ")).then_some(())
        });
    }
    suite.apagar();
}
