//! Las migraciones, dentro del programa: una línea por archivo de `migrations/`.
//!
//! Sin la macro de sqlx, que trae a la construcción un centenar de unidades para leer una carpeta.

use sqlx::{
    SqlStr,
    migrate::{Migration, MigrationType, Migrator},
};

/// Su número, qué hace y su texto. El número y el texto no cambian una vez publicados: la base recuerda su resumen.
const TODAS: [(i64, &str, &str); 4] = [
    (1, "esquema", include_str!("../../../migrations/0001_esquema.sql")),
    (
        2,
        "un viaje para leer y otro para escribir",
        include_str!("../../../migrations/0002_un_viaje_para_leer_y_otro_para_escribir.sql"),
    ),
    (3, "apartadas y cuentas", include_str!("../../../migrations/0003_apartadas_y_cuentas.sql")),
    (
        4,
        "un lote con efectos por su nombre",
        include_str!("../../../migrations/0004_un_lote_con_efectos_por_su_nombre.sql"),
    ),
];

/// Todas, en su orden.
///
/// Una que este programa no conoce no lo para: la trajo la versión siguiente, y cada migración deja trabajar al código de
/// la anterior.
pub fn todas() -> Migrator {
    let una = |(numero, que, texto): &(i64, &'static str, &'static str)| {
        Migration::new(*numero, (*que).into(), MigrationType::Simple, SqlStr::from_static(texto), false)
    };
    let mut migraciones = Migrator::with_migrations(TODAS.iter().map(una).collect());
    migraciones.set_ignore_missing(true);
    migraciones
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs, path::Path};

    use super::*;

    #[test]
    fn cada_archivo_de_la_carpeta_de_migraciones_esta_y_con_su_nombre() {
        let carpeta = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
        let en_disco: BTreeMap<String, String> = fs::read_dir(carpeta)
            .expect("está la carpeta")
            .flatten()
            .map(|e| (e.file_name().to_string_lossy().into_owned(), fs::read_to_string(e.path()).expect("se lee")))
            .collect();
        let dentro: BTreeMap<String, String> = todas()
            .iter()
            .map(|m| (format!("{:04}_{}.sql", m.version, m.description.replace(' ', "_")), m.sql.as_str().to_owned()))
            .collect();
        assert_eq!(dentro, en_disco);
    }
}
