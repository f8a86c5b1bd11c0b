//! Una biblioteca pequeña en una base propia, y cómo pedirle cosas.

use std::{collections::BTreeMap, time::Duration};

use anaquel::postgres::{self, Cluster};
use chrono::Utc;
use common::{
    dominio::{Codigo, Comando, Huella, Objeto, OperacionId, Tipo},
    mensajes::{
        Administracion, Administrada, Cierre, Desenlace, Expediente, FalloAnotado, Fin, Instante, MotivoDeApartar,
        Orden, Respuesta, administracion::LibroPrestado,
    },
    process::config::Ajustes,
};
use gestor_almacenamiento::store::{
    Base, Conexiones, administracion,
    escritura::{self, Decidido},
};
use sqlx::{Connection, Executor, PgConnection};
use uuid::Uuid;

/// Ejemplares `E1`…`E1000`: el título `L{n}` tiene dos, `E{2n-1}` en CENTRO y `E{2n}` en NORTE. Usuarios `U1`…`U300`: por
/// `n % 10`, 0 DOCENTE, 9 INVESTIGADOR y los demás ESTUDIANTE; cada `n % 50 == 0`, bloqueado. `L0` no tiene ejemplares.
pub const CATALOGO: &str = "
    INSERT INTO sedes VALUES ('CENTRO', 'Centro'), ('NORTE', 'Norte');
    INSERT INTO libros (isbn, titulo, autores) SELECT 'L' || n, 'Título ' || n, 'Autora' FROM generate_series(0, 500) AS n;
    INSERT INTO ejemplares SELECT 'E' || n, 'L' || (n + 1) / 2, CASE WHEN n % 2 = 1 THEN 'CENTRO' ELSE 'NORTE' END
        FROM generate_series(1, 1000) AS n;
    INSERT INTO usuarios SELECT 'U' || n, 'Usuario ' || n,
        CASE n % 10 WHEN 0 THEN 'DOCENTE' WHEN 9 THEN 'INVESTIGADOR' ELSE 'ESTUDIANTE' END, n % 50 = 0
        FROM generate_series(1, 300) AS n;
    ANALYZE";

/// Una base de prueba y una entrada a ella.
pub struct Biblioteca {
    pub base: postgres::Base,
    pub conexiones: Conexiones,
}

/// Una biblioteca nueva.
pub async fn biblioteca() -> Biblioteca {
    let cluster = Cluster::compartido().expect("hay PostgreSQL");
    let base = cluster.base_migrada(migrar).await.expect("se crea la base");
    let conexiones = Conexiones::a(entrada(&base).servicio, 4);
    Biblioteca { base, conexiones }
}

async fn migrar(url: String) -> Result<(), String> {
    let ajustes = Ajustes::de_pares(&[("DATABASE_URL", &url)]);
    Base::de_ajustes(&ajustes).expect("ajustes").preparar().await.map_err(|e| e.to_string())?;
    let cargar = async {
        let mut duenio = PgConnection::connect(&url).await?;
        duenio.execute(CATALOGO).await?;
        duenio.close().await
    };
    cargar.await.map_err(|e: sqlx::Error| e.to_string())
}

/// La base como la ve el programa.
pub fn entrada(base: &postgres::Base) -> Base {
    let ajustes =
        Ajustes::de_pares(&[("DATABASE_URL", &base.url_servicio), ("DATABASE_URL_MIGRACION", &base.url_migracion)]);
    Base::de_ajustes(&ajustes).expect("ajustes")
}

impl Biblioteca {
    /// Otro gestor de almacenamiento de la misma base.
    pub fn otro_gestor(&self) -> Conexiones {
        Conexiones::a(entrada(&self.base).servicio, 4)
    }

    /// Una conexión del dueño, para mirar y estropear.
    pub async fn duenio(&self) -> PgConnection {
        PgConnection::connect(&self.base.url_migracion).await.expect("conecta")
    }

    /// Una conexión del administrador del clúster.
    pub async fn administrador(&self) -> PgConnection {
        let url = Cluster::compartido().expect("hay PostgreSQL").url(postgres::Rol::Administrador, &self.base.nombre);
        PgConnection::connect(&url).await.expect("conecta")
    }

    /// Cierra la base a todos y corta a quien esté en ella.
    pub async fn cerrar(&self) {
        let nombre = &self.base.nombre;
        administrar(format!("ALTER DATABASE {nombre} ALLOW_CONNECTIONS false")).await;
        administrar(format!("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{nombre}'"))
            .await;
    }

    /// La abre otra vez.
    pub async fn abrir(&self) {
        administrar(format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", self.base.nombre)).await;
    }

    /// Decide un lote.
    pub async fn decidir(&self, ordenes: &[Orden]) -> Decidido {
        escritura::decidir(&self.conexiones, ordenes).await
    }

    /// Decide una operación y da su respuesta.
    pub async fn pedir(&self, orden: &Orden) -> Respuesta {
        respuesta(&self.decidir(&[*orden]).await, orden)
    }

    /// Termina con una operación y da su respuesta.
    pub async fn terminar(&self, cierre: &Cierre) -> Respuesta {
        respuesta(&escritura::decidir(&self.conexiones, std::slice::from_ref(cierre)).await, &cierre.orden)
    }

    /// Lo que pide una persona.
    pub async fn administrar(&self, que: Administracion) -> Administrada {
        administracion::administrar(&self.conexiones, &que).await.expect("contesta")
    }

    /// Pasa a las cuentas lo pendiente.
    pub async fn consolidar(&self) {
        administracion::consolidar(&self.conexiones).await.expect("consolida");
    }

    /// Comprueba que las cuentas son lo que se cuenta en `operaciones`, y los préstamos por libro, lo que en `prestamos`.
    pub async fn las_cuentas_cuadran(&self) {
        let Administrada::Cuentas(cuentas) = self.administrar(Administracion::Cuentas).await else { panic!("cuentas") };
        let mut por_codigo: BTreeMap<(String, String), i64> = BTreeMap::new();
        for c in cuentas {
            let clave = (c.tipo.as_str().to_owned(), c.codigo.as_str().to_owned());
            *por_codigo.entry(clave).or_default() += i64::try_from(c.cuantas).expect("cabe");
        }
        let mut duenio = self.duenio().await;
        let sql = "SELECT tipo, codigo, count(*) FROM operaciones GROUP BY 1, 2";
        let hay: Vec<(String, String, i64)> = sqlx::query_as(sql).fetch_all(&mut duenio).await.expect(sql);
        assert_eq!(por_codigo, hay.into_iter().map(|(t, c, n)| ((t, c), n)).collect());

        let que = Administracion::MasPrestados { cuantos: 1_000 };
        let Administrada::MasPrestados(libros) = self.administrar(que).await else { panic!("libros") };
        let veces = |l: &LibroPrestado| (l.isbn.to_string(), i64::try_from(l.prestamos).expect("cabe"));
        let sql = r#"SELECT isbn, count(*) FROM prestamos GROUP BY 1 ORDER BY 2 DESC, isbn COLLATE "C""#;
        let hay: Vec<(String, i64)> = sqlx::query_as(sql).fetch_all(&mut duenio).await.expect(sql);
        assert_eq!(libros.iter().map(veces).collect::<Vec<_>>(), hay);
    }

    /// Un número de la base.
    pub async fn contar(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&mut self.duenio().await).await.expect(sql)
    }
}

async fn administrar(orden: String) {
    let cluster = Cluster::compartido().expect("hay PostgreSQL");
    let url = cluster.url(postgres::Rol::Administrador, "postgres");
    let mut administrador = PgConnection::connect(&url).await.expect("conecta");
    administrador.execute(sqlx::AssertSqlSafe(orden)).await.expect("obedece");
}

/// Los bytes con que se contestó una operación.
pub fn bytes(decidido: &Decidido, orden: &Orden) -> String {
    match decidido.desenlaces.get(&(orden.id, orden.huella)) {
        Some(Desenlace::Decidida(guardada)) => guardada.cuerpo.get().to_owned(),
        otro => panic!("{otro:?}, y el fallo es {:?}", decidido.fallo),
    }
}

/// La respuesta a una operación.
pub fn respuesta(decidido: &Decidido, orden: &Orden) -> Respuesta {
    serde_json::from_str(&bytes(decidido, orden)).expect("es una respuesta")
}

/// El código con que se contestó una operación.
pub fn codigo(decidido: &Decidido, orden: &Orden) -> Codigo {
    respuesta(decidido, orden).codigo
}

/// Un id nuevo.
pub fn id() -> OperacionId {
    OperacionId::try_new(Uuid::now_v7()).expect("v7")
}

/// Una orden; `objeto` es un ejemplar (`E…`) o un título (`L…`).
pub fn orden(tipo: Tipo, usuario: &str, objeto: &str) -> Orden {
    let usuario = (!usuario.is_empty()).then(|| usuario.parse().expect("usuario"));
    let que = match objeto.strip_prefix('E') {
        Some(_) => Objeto::Ejemplar(objeto.parse().expect("ejemplar")),
        None => Objeto::Libro(objeto.parse().expect("isbn")),
    };
    con_id(id(), Comando::new(tipo, usuario, que, None).expect("comando"))
}

/// Una orden con ese id.
pub fn con_id(id: OperacionId, comando: Comando) -> Orden {
    let aceptada = Instante::from(Utc::now());
    Orden { id, huella: Huella::de(&comando), aceptada, intento: 0, sola: false, comando }
}

pub fn prestamo(usuario: &str, objeto: &str) -> Orden {
    orden(Tipo::Prestamo, usuario, objeto)
}

pub fn devolucion(usuario: &str, objeto: &str) -> Orden {
    orden(Tipo::Devolucion, usuario, objeto)
}

pub fn renovacion(usuario: &str, objeto: &str) -> Orden {
    orden(Tipo::Renovacion, usuario, objeto)
}

/// Anular una operación por ese código.
pub fn anular(orden: Orden, codigo: Codigo) -> Cierre {
    Cierre { orden, fin: Fin::Anular(codigo) }
}

/// Apartar una operación que no se pudo escribir.
pub fn apartar(orden: Orden) -> Cierre {
    let historia = vec![FalloAnotado { intento: 1, cuando: orden.aceptada, que: "23514: «no»".into() }];
    Cierre { orden, fin: Fin::Apartar(Expediente { motivo: MotivoDeApartar::FallosDefinidos, historia }) }
}

/// Ejecuta lo que compone una prueba.
pub async fn hacer(c: &mut PgConnection, sql: String) {
    let que = sql.clone();
    c.execute(sqlx::AssertSqlSafe(sql)).await.expect(&que);
}

/// Un préstamo hecho por otro: dentro de una transacción abierta, quien quiera ese ejemplar tiene que esperarla.
pub fn prestar_sin_confirmar(usuario: &str, ejemplar: &str) -> String {
    let numero = &ejemplar[1..];
    format!(
        "INSERT INTO prestamos (prestamo_id, ejemplar_id, isbn, usuario_id, desde, vence)
         VALUES ('018e0000-0000-7000-8000-{numero:0>12}', '{ejemplar}', 'L1', '{usuario}', now(), now() + interval '14 days')"
    )
}

/// Espera a que `cuantas` conexiones de la base esperen por un cerrojo, con plazo.
pub async fn esperar_bloqueados(b: &Biblioteca, cuantas: i64) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let mut duenio = b.duenio().await;
    let mirar = async {
        while sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut duenio).await.expect("mira") < cuantas {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), mirar).await.expect("nadie espera");
}
