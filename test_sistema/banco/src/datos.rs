//! Los ejemplares, usuarios y préstamos del banco: cómo son y cómo se cargan, con COPY, junto a lo que haya.

use std::fmt::Write as _;

use anaquel::postgres::{Instalacion, Rol};
use sqlx::{Connection, PgConnection};
use uuid::{NoContext, Timestamp, Uuid};

use crate::reparto::{PRIMERO, Tamano};

/// Ejemplares de cada título.
const POR_TITULO: usize = 8;
const SEDES: [&str; 2] = ["CENTRO", "NORTE"];
/// De cada diez usuarios, siete estudian, dos enseñan y uno investiga.
const CATEGORIAS: [&str; 10] = [
    "ESTUDIANTE",
    "ESTUDIANTE",
    "ESTUDIANTE",
    "ESTUDIANTE",
    "ESTUDIANTE",
    "ESTUDIANTE",
    "ESTUDIANTE",
    "DOCENTE",
    "DOCENTE",
    "INVESTIGADOR",
];
/// Bytes que se juntan antes de enviarlos.
const TROZO: usize = 1 << 20;
/// Filas por COPY: una carga interrumpida no retiene millones.
const FILAS_POR_COPY: usize = 500_000;

/// Una tabla por cargar: cuántas filas y cómo es cada una.
struct Tabla {
    copia: &'static str,
    filas: usize,
    fila: fn(usize, &mut String),
}

fn tablas(tamano: Tamano) -> [Tabla; 6] {
    let copias = tamano.ejemplares.max(tamano.renovables);
    [
        Tabla {
            copia: "COPY libros (isbn, titulo, autores) FROM STDIN",
            filas: copias.div_ceil(POR_TITULO),
            fila: libro,
        },
        Tabla { copia: "COPY ejemplares FROM STDIN", filas: tamano.ejemplares, fila: |n, t| ejemplar('B', n, t) },
        Tabla { copia: "COPY ejemplares FROM STDIN", filas: tamano.renovables, fila: |n, t| ejemplar('R', n, t) },
        Tabla { copia: "COPY usuarios FROM STDIN", filas: tamano.usuarios, fila: |n, t| usuario('V', n, t) },
        Tabla { copia: "COPY usuarios FROM STDIN", filas: tamano.renovables, fila: |n, t| usuario('R', n, t) },
        Tabla {
            copia: "COPY prestamos (prestamo_id, ejemplar_id, isbn, usuario_id, desde, vence) FROM STDIN",
            filas: tamano.renovables,
            fila: prestamo,
        },
    ]
}

fn isbn(titulo: usize) -> usize {
    9_790_000_000_000 + titulo
}

fn libro(n: usize, texto: &mut String) {
    let _ = writeln!(texto, "{}\tTítulo del banco {n}\tAutoría del banco {}", isbn(n), n / 3);
}

fn ejemplar(serie: char, n: usize, texto: &mut String) {
    let _ = writeln!(texto, "{serie}{}\t{}\t{}", PRIMERO + n, isbn(n / POR_TITULO), SEDES[n % SEDES.len()]);
}

fn usuario(serie: char, n: usize, texto: &mut String) {
    let categoria = CATEGORIAS[n % CATEGORIAS.len()];
    let _ = writeln!(texto, "{serie}{}\tUsuario del banco {n}\t{categoria}\tf", PRIMERO + n);
}

fn prestamo(n: usize, texto: &mut String) {
    let (id, numero, isbn) = (Uuid::now_v7(), PRIMERO + n, isbn(n / POR_TITULO));
    let _ = writeln!(texto, "{id}\tR{numero}\t{isbn}\tR{numero}\t2026-01-01T00:00:00Z\t2026-01-15T00:00:00Z");
}

/// Cuántas filas hay que cargar.
pub fn filas(tamano: Tamano) -> u64 {
    tablas(tamano).iter().map(|t| u64::try_from(t.filas).unwrap_or(u64::MAX)).sum()
}

/// Carga la base con todo y la deja como si llevara tiempo en uso. Llama a `progreso` con las filas que va cargando.
pub async fn cargar(instalacion: &Instalacion, base: &str, tamano: Tamano, progreso: impl Fn(u64)) -> sqlx::Result<()> {
    let mut conexion = PgConnection::connect(&instalacion.url(Rol::Administrador, base)).await?;
    // Las claves ajenas de estas filas las cumple quien las inventa: comprobarlas de una en una triplica la carga.
    let sql = "-- datos::sin_comprobar
        SET session_replication_role = replica";
    sqlx::raw_sql(sql).execute(&mut conexion).await?;
    let sql = "-- datos::sedes
        INSERT INTO sedes VALUES ('CENTRO', 'Sede Centro'), ('NORTE', 'Sede Norte') ON CONFLICT DO NOTHING";
    sqlx::raw_sql(sql).execute(&mut conexion).await?;
    for tabla in tablas(tamano) {
        copiar(&mut conexion, tabla.copia, tabla.filas, tabla.fila, &progreso).await?;
    }
    // Sin esto, el autovacuum lo haría en mitad de la medida.
    let sql = "VACUUM (ANALYZE)";
    sqlx::raw_sql(sql).execute(&mut conexion).await?;
    // Una base que lleva tiempo en uso tiene en memoria lo que le cabe: con diez millones de ejemplares, leerlos por primera
    // vez no acaba en lo que dura la medida.
    let sql = "-- datos::calentar
        CREATE EXTENSION IF NOT EXISTS pg_prewarm;
        SELECT pg_prewarm(c::regclass) FROM unnest(
            ARRAY['usuarios', 'usuarios_pkey', 'ejemplares', 'ejemplares_pkey']) AS c";
    sqlx::raw_sql(sql).execute(&mut conexion).await?;
    conexion.close().await
}

/// Operaciones de hace `dias`, decididas y guardadas, que nadie repetirá: lo que se poda.
pub async fn envejecer(
    instalacion: &Instalacion,
    base: &str,
    cuantas: usize,
    dias: u64,
    progreso: impl Fn(u64),
) -> sqlx::Result<()> {
    let mut conexion = PgConnection::connect(&instalacion.url(Rol::Administrador, base)).await?;
    let hoy = u64::try_from(chrono::Utc::now().timestamp()).unwrap_or(0);
    let segundo = hoy.saturating_sub(dias * 86_400);
    let copia = "COPY operaciones (id, huella, tipo, estado, codigo, respuesta, aceptada) FROM STDIN";
    copiar(&mut conexion, copia, cuantas, |n, texto| operacion(segundo, n, texto), &progreso).await?;
    conexion.close().await
}

fn operacion(segundo: u64, n: usize, texto: &mut String) {
    let nanos = u32::try_from(n % 1000 * 1_000_000).unwrap_or(0);
    let id = Uuid::new_v7(Timestamp::from_unix(NoContext, segundo + u64::try_from(n / 1000).unwrap_or(0), nanos));
    let _ = writeln!(
        texto,
        "{id}\t\\\\x000102030405060708090a0b0c0d0e0f\tprestamo\taplicada\tOK\t{{\"id\":\"{id}\",\"exito\":true,\
         \"estado\":\"aplicada\",\"codigo\":\"OK\",\"mensaje\":\"B{PRIMERO} prestado a V{PRIMERO}\",\"datos\":\
         {{\"prestamo\":\"{id}\",\"usuario\":\"V{PRIMERO}\",\"ejemplar\":\"B{PRIMERO}\",\"renovaciones\":0}}}}\t\
         2026-01-01T00:00:00Z"
    );
}

/// COPY de `filas` filas.
pub(super) async fn copiar(
    conexion: &mut PgConnection,
    copia: &str,
    filas: usize,
    fila: impl Fn(usize, &mut String),
    progreso: &impl Fn(u64),
) -> sqlx::Result<()> {
    let mut texto = String::with_capacity(TROZO + 1024);
    for desde in (0..filas).step_by(FILAS_POR_COPY) {
        let mut entrada = conexion.copy_in_raw(copia).await?;
        let mut sin_decir = 0;
        for n in desde..filas.min(desde + FILAS_POR_COPY) {
            fila(n, &mut texto);
            sin_decir += 1;
            if texto.len() >= TROZO {
                entrada.send(texto.as_bytes()).await?;
                texto.clear();
                progreso(std::mem::take(&mut sin_decir));
            }
        }
        entrada.send(texto.as_bytes()).await?;
        texto.clear();
        entrada.finish().await?;
        progreso(sin_decir);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cada_fila_tiene_sus_columnas_y_acaba_en_una_linea() {
        let tamano = Tamano { ejemplares: 20, usuarios: 20, renovables: 8 };
        let columnas = [3, 3, 3, 4, 4, 6];
        for (tabla, columnas) in tablas(tamano).iter().zip(columnas) {
            let mut texto = String::new();
            (tabla.fila)(11, &mut texto);
            assert!(texto.ends_with('\n') && texto.matches('\n').count() == 1, "{texto}");
            assert_eq!(texto.split('\t').count(), columnas, "{texto}");
        }
        assert_eq!(filas(tamano), 3 + 20 + 8 + 20 + 8 + 8);
    }

    #[test]
    fn una_operacion_vieja_es_una_respuesta_y_su_id_es_de_entonces() {
        let mut texto = String::new();
        operacion(1_700_000_000, 2_500, &mut texto);
        let columnas: Vec<&str> = texto.trim_end().split('\t').collect();
        let id: Uuid = columnas[0].parse().expect("uuid");
        assert_eq!(id.get_timestamp().expect("v7").to_unix(), (1_700_000_002, 500_000_000));
        serde_json::from_str::<serde_json::Value>(columnas[5]).expect("json");
    }
}
