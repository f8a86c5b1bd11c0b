//! Decide los plazos y topes de la máquina, cada uno con su razón.

use std::time::Duration;

use common::{
    mensajes::LISTA_MAX,
    resilience::Backoff,
    tiempos::{self, DelGestor},
};

/// Clientes que esperan a la vez por la misma operación; los demás reciben `incierta`.
pub const ESPERAS_MAX: usize = 4;
/// Operaciones en la tabla; con más, la puerta contesta `SATURADO`. A unos 500 bytes cada una, 100 MB.
pub const OPERACIONES_MAX: usize = 200_000;
/// Consultas sin contestar a la vez; con más, la puerta contesta `SATURADO`.
pub const CONSULTAS_MAX: usize = 20_000;
/// Operaciones publicadas y sin informe a la vez: lo que un rezago largo puede echar encima de los actores.
pub const VENTANA: usize = 1_024;
/// Actores presentes por tópico; más suscripciones que estas son un error o un abuso.
pub const ACTORES_MAX: usize = 256;
/// Llamadas directas al almacenamiento a la vez: mientras una se decide, la otra espera su turno allí.
pub(super) const DIRECTAS_MAX: usize = 2;
/// Tantas veces se turnan las nuevas antes de dejar pasar una vieja: bajo saturación las viejas también avanzan.
pub(super) const NUEVAS_SEGUIDAS_MAX: u32 = 7;
/// Cada cuánto se mira si un circuito propio se cerró.
pub const TIC: Duration = Duration::from_millis(250);
/// Operaciones sin nadie esperando que prueban si el almacenamiento ha vuelto, en cada sonda.
pub(super) const SONDA_OPERACIONES: u32 = 16;
/// Cada cuánto se prueba: bastante menos que los 2 s en que lo prometido ha de aplicarse.
pub(super) const SONDA_CADA: Duration = Duration::from_millis(250);
/// Lo menos que pasa entre dos sueltas de las que esperan al almacenamiento: un almacenamiento que va y viene, o que
/// solo ve uno de los actores, no pone a girar a todas.
pub(super) const SUELTA_CADA: Duration = Duration::from_millis(100);
/// Llamadas para terminar con operaciones (anular, apartar) a la vez.
pub(super) const CIERRES_MAX: usize = 2;
/// Fallos definidos tras los que una operación se aparta, por defecto.
pub const FALLOS_DEFINIDOS_MAX: u32 = 3;
/// Muertes de quien la atendía a solas tras las que se aparta, por defecto.
pub const MUERTES_MAX: u32 = 5;
/// Espera de las que no hallaron almacenamiento. El tope, con su azar, queda por debajo de un segundo: al volver se
/// aplican en menos de dos.
pub(super) const ESPERA_SIN_ALMACEN: Backoff =
    Backoff { base: Duration::from_millis(50), factor: 2.0, tope: Duration::from_millis(800) };
/// Espera de las inciertas y las que se reentregan. La base es corta: un rearranque de PostgreSQL (80 ms) deja lo que
/// tenía en el aire como incierto, y no ha de costar un segundo. Las que no se pudieron escribir llevan la suya
/// ([`Limites::reintento`]).
pub(super) const ESPERA_INCIERTA: Backoff =
    Backoff { base: Duration::from_millis(100), factor: 2.0, tope: Duration::from_mins(1) };

/// Los plazos y topes de una máquina.
#[derive(Clone, Copy, Debug)]
pub struct Limites {
    /// Véase [`DelGestor::respuesta`].
    pub plazo: Duration,
    /// Véase [`DelGestor::anotar_sin_destino`].
    pub anotar_sin_destino: Duration,
    /// Véase [`DelGestor::anotar`].
    pub anotar: Duration,
    /// Véase [`tiempos::REENTREGA`].
    pub reentrega: Duration,
    /// Véase [`VENTANA`].
    pub ventana: usize,
    /// Véase [`OPERACIONES_MAX`].
    pub operaciones: usize,
    pub lista: usize,
    /// Espera de las que no se pudieron escribir.
    pub reintento: Backoff,
    /// Véase [`FALLOS_DEFINIDOS_MAX`].
    pub definidos: u32,
    /// Véase [`MUERTES_MAX`].
    pub muertes: u32,
}

impl Limites {
    /// Los de costumbre, con esos plazos.
    pub fn con_plazos(DelGestor { respuesta, anotar_sin_destino, anotar }: DelGestor) -> Self {
        Self {
            plazo: respuesta,
            anotar_sin_destino,
            anotar,
            reentrega: tiempos::REENTREGA,
            ventana: VENTANA,
            operaciones: OPERACIONES_MAX,
            lista: LISTA_MAX,
            reintento: Backoff::default(),
            definidos: FALLOS_DEFINIDOS_MAX,
            muertes: MUERTES_MAX,
        }
    }
}

impl Default for Limites {
    fn default() -> Self {
        Self::con_plazos(DelGestor::con_respuesta(Duration::from_millis(tiempos::RESPUESTA_MS)))
    }
}
