//! Quién puede conocer a quién.

use crate::fuentes::{CRATES, fuentes, ninguna, texto};

#[test]
fn los_datos_fluyen_en_un_solo_sentido_dentro_de_common() {
    let prohibido = [
        ("common/src/dominio", &["crate::mensajes", "crate::resilience", "crate::transport", "crate::process"][..]),
        ("common/src/resilience", &["crate::transport", "crate::process"][..]),
        ("common/src/mensajes", &["crate::resilience", "crate::transport", "crate::process"][..]),
        ("common/src/transport", &["crate::process"][..]),
    ];
    let malas: Vec<_> = fuentes()
        .iter()
        .flat_map(|f| {
            prohibido
                .iter()
                .filter(|(sitio, _)| f.esta_en(&[sitio]))
                .flat_map(|(_, partes)| f.lineas_con(partes))
                .collect::<Vec<_>>()
        })
        .collect();
    ninguna("dependencia en sentido contrario", &malas);
}

#[test]
fn ningun_servicio_depende_de_otro() {
    for servicio in ["gestor_carga", "gestor_almacenamiento", "actores", "common"] {
        let manifiesto = texto(&format!("{servicio}/Cargo.toml"));
        let dependencias = manifiesto.split("[dev-dependencies]").next().expect("siempre hay una parte");
        for otro in CRATES.iter().filter(|c| **c != servicio && **c != "common") {
            assert!(!dependencias.contains(&format!("\n{otro}")), "{servicio} depende de {otro}");
        }
    }
}
