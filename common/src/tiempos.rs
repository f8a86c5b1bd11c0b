//! Decide los tiempos que dependen unos de otros: cuánto vale cada uno, de qué se deriva y en qué orden han de ir.
//!
//! Los que no salen de un ajuste guardan su orden o no se compila (`en_orden!`). De los que salen de uno, [`DelGestor`] y
//! [`comprobar_endpoints`] rechazan por su nombre, al arrancar, el que rompería un orden. Un tiempo del que no depende otro
//! vive con quien lo usa.

use std::time::Duration;

const fn ms(cuantos: u64) -> Duration {
    Duration::from_millis(cuantos)
}

const fn mas(uno: Duration, otro: Duration) -> Duration {
    uno.saturating_add(otro)
}

// --- La conexión entre dos procesos (ZeroMQ) ---

/// Cada cuánto late una conexión interna.
pub const LATIDO: Duration = ms(300);
/// El silencio tras un latido con el que se da por muerta: un hilo de E/S no se queda sin turno tanto ni con la máquina llena.
pub const SIN_LATIDO: Duration = ms(1_000);
/// Lo que se tarda, como mucho, en saber que el otro extremo se paró.
pub const DETECCION: Duration = mas(LATIDO, SIN_LATIDO);
/// La primera espera entre dos reconexiones.
pub const RECONEXION: Duration = ms(20);
/// La mayor.
pub const RECONEXION_MAX: Duration = ms(200);
/// Lo que tiene para salir, al cerrar un zócalo, lo que ya se le entregó.
pub const LINGER: Duration = ms(1_000);
/// Lo que TCP insiste sin confirmación (`ZMQ_TCP_MAXRT`): los latidos no se disparan mientras un mensaje grande está
/// atascado en el núcleo.
pub const TCP_MAXRT: Duration = ms(2_000);

// --- Una llamada al almacenamiento ---

/// Lo que se espera por la contestación de un endpoint antes de preguntar a otro. Viaja en cada petición (`plazo_ms`).
pub const INTENTO: Duration = ms(3_000);
/// Endpoints de almacenamiento que se admiten: a todos, aunque todos callen, se les pregunta antes de rendirse.
pub const ENDPOINTS_MAX: u32 = 4;
/// Lo que una máquina llena puede retrasar, en total, los despertares de una llamada.
const RETRASO: Duration = ms(500);
/// Desde que empieza una llamada, cuándo ya no se empieza otro intento: el de cada endpoint, uno tras otro callados, sí.
pub const ULTIMO_INTENTO: Duration = mas(INTENTO.saturating_mul(ENDPOINTS_MAX - 1), RETRASO);
/// Lo que dura una llamada, como mucho. No depende de cuántos endpoints conozca quien la hace: un gestor y sus actores no
/// tienen por qué conocer los mismos, y ninguno sabe lo que pone en los ajustes de otro.
pub const LLAMADA: Duration = mas(ULTIMO_INTENTO, INTENTO);
/// Cada cuánto se pregunta por su salud a un endpoint que no está sano.
pub const CADA_SALUD: Duration = ms(100);
/// Lo que se espera por la contestación a esa pregunta.
pub const SALUD: Duration = ms(1_000);

// --- El gestor de almacenamiento y su base ---

/// Lo que se espera por una fila que tiene otro (`lock_timeout`). Quien escribe la tiene unos milisegundos: más es un
/// interbloqueo, y volver a empezar es más pronto que esperar a que PostgreSQL lo vea.
pub const FILA_AJENA: Duration = ms(250);
/// Lo que tarda PostgreSQL en ver un interbloqueo (`deadlock_timeout`, el suyo por defecto).
const INTERBLOQUEO: Duration = ms(1_000);
/// Lo que puede durar una sentencia (`statement_timeout`), y lo que una transacción puede estar quieta.
pub const SENTENCIA: Duration = ms(2_000);
/// Lo que la base insiste con quien no confirma (`tcp_user_timeout`): para entonces, quien llamó ya lo pidió en otra parte, y
/// un gestor de almacenamiento parado no ha de retener filas.
pub const CONEXION_MUDA: Duration = INTENTO;
/// Cuánto se espera a que se abra una conexión con la base.
pub const ABRIR: Duration = ms(400);
/// Cuánto puede tardar la base en decir que está.
pub const SALUD_DE_LA_BASE: Duration = ms(500);
/// Cuánto se espera a la foto de un lote: la sentencia y su viaje.
pub const FOTO: Duration = ms(2_200);
/// Cuánto se espera a la base por lo que pide quien llama: guardar un lote, una consulta, la orden de una persona.
pub const PETICION: Duration = ms(2_500);
/// Desde cuándo ya no se empieza otra vuelta de un lote: quien llamó está a punto de pedirlo en otra parte.
pub const VUELTAS: Duration = ms(2_000);
/// Lo que se espera antes de repetir un lote, por cada vez que se cruzó con otro.
pub const RESPIRO: Duration = ms(5);
/// Veces que se repite un lote que se cruza con otro.
pub const CRUCES_MAX: u32 = 10;
/// Cuánto se espera al apagarse a lo que está en vuelo.
pub const DRENAJE: Duration = ms(2_700);
/// Cuánto sigue abierto el zócalo tras la última contestación.
pub const ANTES_DE_CERRAR: Duration = ms(100);
/// `ESPERA_BASE_MS`, por defecto: cuánto se espera a la base al arrancar, en milisegundos.
pub const ESPERA_BASE_MS: u64 = 30_000;

// --- El gestor de carga ---

/// `PLAZO_RESPUESTA_MS`, por defecto: lo que espera un cliente, en milisegundos.
pub const RESPUESTA_MS: u64 = 2_000;
/// Lo que espera una persona en el mostrador antes de irse.
pub const MOSTRADOR: Duration = ms(4_000);
/// Cuándo se vuelve a publicar lo que no tiene informe: acabada ya la llamada más larga de un actor, y traído su informe.
pub const REENTREGA: Duration = mas(LLAMADA, ms(1_000));
/// Desde que llega una consulta, cuánto se insiste mientras ningún endpoint la sirve. Por debajo del segundo que una
/// persona tolera sin preguntarse qué pasa (Nielsen, «Response Times», 1993).
pub const INSISTENCIA: Duration = ms(900);
/// Cuánto se espera entre dos veces.
pub const ENTRE_VECES: Duration = ms(50);
/// Al irse, lo que se espera por lo que está en vuelo.
pub const TERMINAR: Duration = ms(1_200);
/// Al irse, lo que se espera por el diario para prometer lo que queda.
pub const PROMETER: Duration = ms(800);
/// Lo que dura irse, con el cierre del diario, que usa el tiempo que quede.
pub const DESPEDIDA: Duration = ms(2_500);
/// Lo que quien pide por HTTP espera por lo que el gestor sabe.
pub const ENCARGO: Duration = ms(1_000);
/// Lo que se espera por el disco al mirar o cerrar el buzón.
pub const BUZON: Duration = ms(2_000);
/// Lo que quien pide por HTTP espera por el diario.
pub const ENCARGO_DEL_DIARIO: Duration = ms(3_000);
/// Lo que quien pide por HTTP espera por el almacenamiento: un intento entero, y el relevo por otro endpoint.
pub const ENCARGO_DEL_ALMACEN: Duration = ms(5_000);

// --- Un actor ---

/// Lo que tiene para terminar lo que hay en su mano al apagarse.
pub const TERMINAR_UN_ACTOR: Duration = ms(2_000);

// --- El lanzador ---

/// Lo que dura una ronda: en cada una, quien vive da una señal.
pub const RONDA: Duration = ms(200);
/// Las rondas de silencio que bastan para dar por muerto al gestor, a quien nadie releva: nada se decide sin él, y ha de
/// volver antes de que quien espera pierda la paciencia.
pub const SILENCIO_DEL_GESTOR: u32 = 4;
/// Las de PostgreSQL, que tarda más en volver: antes de recuperarse lleva a disco lo que el sistema tenga por escribir.
pub const SILENCIO_DE_LA_BASE: u32 = 3;
/// Las de quien tiene relevo: los demás ya lo suplen, y si despierta sigue con lo que tenía.
pub const SILENCIO_CON_RELEVO: u32 = 50;
/// Cuánto se espera a que PostgreSQL conteste al dar señales de vida; quien tarda más ya calló demasiado.
pub const SENAL_DE_LA_BASE: Duration = ms(1_000);
/// Lo que tiene un servicio para irse por las buenas.
pub const PARADA_DE_SERVICIO: Duration = ms(5_000);
/// Lo que tiene PostgreSQL, que escribe un checkpoint al irse.
pub const PARADA_DE_LA_BASE: Duration = ms(30_000);
/// Cuánto se espera, además de su plazo, a que pare lo que se mata.
pub const MARGEN_DE_PARADA: Duration = ms(5_000);
/// Cuánto se espera a que esté listo lo que se inicia a mano.
pub const INICIO: Duration = ms(20_000);
/// Lo que espera quien manda parar o iniciar un proceso.
pub const ORDEN_AL_LANZADOR: Duration = ms(60_000);
/// Lo que tiene la suite para estar lista, además de lo que un almacén espera a su base (`ESPERA_BASE_MS`).
pub const ARRANQUE: Duration = ms(30_000);

/// Comprueba al compilar que cada tiempo de la izquierda es menor que el de la derecha; el texto dice por qué ha de serlo.
macro_rules! en_orden {
    ($($menor:expr, $mayor:expr, $porque:literal;)+) => {
        $(const _: () = assert!($menor.as_nanos() < $mayor.as_nanos(), $porque);)+
    };
}

en_orden! {
    RECONEXION, RECONEXION_MAX, "las reconexiones se espacian";
    LATIDO.saturating_mul(3), SIN_LATIDO, "perder dos latidos no es haber muerto";
    TCP_MAXRT, INTENTO, "una conexión atascada se corta antes de dar por callado al otro";
    DETECCION, INTENTO, "un endpoint parado se ve por sus latidos antes que por su silencio";
    CADA_SALUD, SALUD, "a quien no está sano se le pregunta a menudo";
    SALUD, INTENTO, "la salud se sabe antes de que venza un intento";
    INTENTO.saturating_mul(ENDPOINTS_MAX - 1), ULTIMO_INTENTO, "una llamada pregunta a todos los endpoints";
    LLAMADA, REENTREGA, "no se reentrega lo que un actor aún puede informar";

    FILA_AJENA, INTERBLOQUEO, "un interbloqueo lo deshace quien espera, antes que la base";
    FILA_AJENA, SENTENCIA, "quien espera una fila no agota su sentencia";
    SENTENCIA, FOTO, "la base corta una sentencia antes de que se deje de esperarla";
    FOTO, PETICION, "a la foto no se la espera más que a lo que se pidió";
    PETICION, INTENTO, "lo que la base hizo se contesta a quien aún espera";
    VUELTAS, INTENTO, "nadie empieza una vuelta para quien ya se fue";
    RESPIRO.saturating_mul(CRUCES_MAX * (CRUCES_MAX + 1) / 2), VUELTAS, "los respiros caben en las vueltas";
    ABRIR, SALUD_DE_LA_BASE, "abrir una conexión cabe en una pregunta de salud";
    SALUD_DE_LA_BASE, SALUD, "la salud se contesta a quien aún la espera";

    RECONEXION_MAX, VUELVE_UN_ACTOR, "un actor que se reinicia se espera sin molestar al disco";
    ENTRE_VECES, INSISTENCIA, "una consulta sin servir se repite";
    BUZON, ENCARGO_DEL_DIARIO, "el disco vence antes que quien lo espera";
    mas(INTENTO, DETECCION), ENCARGO_DEL_ALMACEN, "cabe un intento entero y el relevo";

    PETICION, DRENAJE, "lo que se está guardando acaba antes de irse";
    mas(DRENAJE, ANTES_DE_CERRAR), INTENTO, "se despide a quien aún espera";
    mas(TERMINAR, PROMETER), DESPEDIDA, "queda tiempo para cerrar el diario";
    mas(mas(DRENAJE, ANTES_DE_CERRAR), LINGER), PARADA_DE_SERVICIO, "un almacén se va por las buenas";
    mas(DESPEDIDA, LINGER), PARADA_DE_SERVICIO, "el gestor se va por las buenas";
    mas(TERMINAR_UN_ACTOR, LINGER), PARADA_DE_SERVICIO, "un actor se va por las buenas";

    RONDA.saturating_mul(SILENCIO_DE_LA_BASE), SENAL_DE_LA_BASE, "contestar tarde no es callar";
    RONDA.saturating_mul(SILENCIO_DEL_GESTOR), DETECCION, "el gestor callado se releva antes de la respuesta más corta que se admite";
    DETECCION, RONDA.saturating_mul(SILENCIO_CON_RELEVO), "a quien tiene relevo lo releva su silencio, no una muerte";
    PARADA_DE_SERVICIO, PARADA_DE_LA_BASE, "quien más tarda en parar es la base";
    mas(PARADA_DE_LA_BASE, MARGEN_DE_PARADA), ORDEN_AL_LANZADOR, "quien manda parar espera a que pare";
    INICIO, ORDEN_AL_LANZADOR, "quien manda iniciar espera a que esté listo";
}

/// Lo que tarda en volver un actor que se reinicia: su reconexión más lenta, y su saludo.
const VUELVE_UN_ACTOR: Duration = ms(250);

/// Los plazos del gestor que salen del de respuesta.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DelGestor {
    /// Lo que espera un cliente antes de que se le conteste lo que se sepa.
    pub respuesta: Duration,
    /// Desde la llegada hasta empezar a escribir el diario si se sabe que no hay a dónde ir. Deja volver a un actor
    /// que se reinicia, y que un almacenamiento releve a otro, sin molestar al disco.
    pub anotar_sin_destino: Duration,
    /// Lo mismo cuando no se sabe nada: algo antes de la mitad del plazo, para que el `pendiente` llegue dentro del
    /// primer segundo con el disco y todo.
    pub anotar: Duration,
}

impl DelGestor {
    /// Los de ese plazo, sin comprobar su orden.
    pub fn con_respuesta(respuesta: Duration) -> Self {
        let anotar_sin_destino = VUELVE_UN_ACTOR.max(respuesta / 8);
        Self { respuesta, anotar_sin_destino, anotar: respuesta * 3 / 8 }
    }

    /// Los de ese plazo, si guardan su orden.
    ///
    /// # Errors
    /// [`OrdenRoto`] que nombra `PLAZO_RESPUESTA_MS`.
    pub fn de(respuesta: Duration) -> Result<Self, OrdenRoto> {
        const AJUSTE: &str = "PLAZO_RESPUESTA_MS";
        let salida =
            format!("Escriba de {} a {}, en milisegundos", DETECCION.as_millis() + 1, MOSTRADOR.as_millis() - 1);
        let ordenes = [
            (DETECCION, respuesta, "un almacén parado se ve antes de que venza la respuesta, para ir a otro"),
            (respuesta, MOSTRADOR, "la respuesta llega antes de que se vaya quien espera en el mostrador"),
        ];
        ordenes.into_iter().try_for_each(|orden| exigir(AJUSTE, respuesta, orden, &salida))?;
        Ok(Self::con_respuesta(respuesta))
    }
}

/// Que la primera espera de los reintentos no pase de su tope.
///
/// # Errors
/// [`OrdenRoto`] que nombra `REINTENTO_BASE_MS`.
pub fn comprobar_reintento(base: Duration, tope: Duration) -> Result<(), OrdenRoto> {
    let salida = "Escriba un número que no pase del de REINTENTO_TOPE_MS, o suba este";
    if base <= tope {
        return Ok(());
    }
    let [base, tope] = [base, tope].map(|tiempo| tiempo.as_millis());
    let motivo = format!("con {base} ms no se cumple que la primera espera no pasa de REINTENTO_TOPE_MS ({tope} ms)");
    Err(OrdenRoto { ajuste: "REINTENTO_BASE_MS", motivo, salida: salida.to_owned() })
}

/// Que una llamada, en lo que dura, pueda preguntar a todos los endpoints aunque todos callen.
///
/// # Errors
/// [`OrdenRoto`] que nombra `GESTOR_ALMACENAMIENTO_ENDPOINTS`.
pub fn comprobar_endpoints(cuantos: usize) -> Result<(), OrdenRoto> {
    if u32::try_from(cuantos).is_ok_and(|n| n <= ENDPOINTS_MAX) {
        return Ok(());
    }
    let motivo = format!(
        "con {cuantos} direcciones no se cumple que una llamada pregunta a todas, {} ms a cada una que calla, antes de \
         rendirse ({} ms)",
        INTENTO.as_millis(),
        LLAMADA.as_millis()
    );
    let salida = format!("Escriba {ENDPOINTS_MAX} direcciones como mucho");
    Err(OrdenRoto { ajuste: "GESTOR_ALMACENAMIENTO_ENDPOINTS", motivo, salida })
}

/// Un ajuste que rompe un orden. Su texto es la línea que se muestra.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ajuste {ajuste}: {motivo}. {salida}")]
pub struct OrdenRoto {
    pub ajuste: &'static str,
    pub motivo: String,
    pub salida: String,
}

fn exigir(
    ajuste: &'static str,
    valor: Duration,
    (menor, mayor, porque): (Duration, Duration, &str),
    salida: &str,
) -> Result<(), OrdenRoto> {
    if menor < mayor {
        return Ok(());
    }
    let [valor, menor, mayor] = [valor, menor, mayor].map(|tiempo| tiempo.as_millis());
    let motivo = format!("con {valor} ms no se cumple que {porque} ({menor} ms < {mayor} ms)");
    Err(OrdenRoto { ajuste, motivo, salida: salida.to_owned() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn todo_plazo_de_respuesta_que_se_admite_guarda_todos_los_ordenes_y_los_demas_se_nombran() {
        let mut admitidos = 0;
        for respuesta in (0..=10_000).map(ms) {
            match DelGestor::de(respuesta) {
                Ok(DelGestor { respuesta, anotar_sin_destino, anotar }) => {
                    admitidos += 1;
                    assert!(RECONEXION_MAX < anotar_sin_destino && anotar_sin_destino < anotar && anotar < respuesta);
                    assert!(DETECCION < respuesta && INSISTENCIA < respuesta && respuesta < MOSTRADOR);
                    assert!(RONDA * SILENCIO_DEL_GESTOR < respuesta && RONDA * SILENCIO_DE_LA_BASE < respuesta);
                }
                Err(roto) => {
                    let texto = roto.to_string();
                    let valor = format!("con {} ms", respuesta.as_millis());
                    assert!(texto.contains("PLAZO_RESPUESTA_MS") && texto.contains(&valor), "{texto}");
                    assert!(texto.contains(" < ") && texto.contains("Escriba de 1301 a 3999"), "{texto}");
                }
            }
        }
        assert_eq!(admitidos, 3_999 - 1_300, "los de 1301 a 3999 ms");
        assert_eq!(DelGestor::de(ms(RESPUESTA_MS)).map(|t| t.anotar), Ok(ms(750)));
    }

    #[test]
    fn la_reentrega_pasa_de_la_peor_llamada_con_todos_los_endpoints_que_se_admiten() {
        for cuantos in 0..=16 {
            // Todos callan: un intento tras otro, hasta dos vueltas, mientras se pueda empezar.
            let intentos = (0..2 * cuantos).map(|n| INTENTO * n).filter(|empieza| *empieza <= ULTIMO_INTENTO);
            let peor = intentos.map(|empieza| empieza + INTENTO).max().unwrap_or_default();
            assert!(peor <= LLAMADA && LLAMADA < REENTREGA);
            match comprobar_endpoints(cuantos as usize) {
                Ok(()) => assert!(INTENTO * cuantos <= peor, "de {cuantos}, a alguno no se le pregunta"),
                Err(roto) => {
                    let texto = roto.to_string();
                    assert!(cuantos > ENDPOINTS_MAX && texto.contains("GESTOR_ALMACENAMIENTO_ENDPOINTS"), "{texto}");
                    assert!(
                        texto.contains(&format!("con {cuantos} direcciones")) && texto.contains("Escriba 4"),
                        "{texto}"
                    );
                }
            }
        }
    }

    proptest! {
        #[test]
        fn un_reintento_cuya_base_pasa_del_tope_se_nombra(base in 1_u64..200_000, tope in 1_u64..200_000) {
            match comprobar_reintento(ms(base), ms(tope)) {
                Ok(()) => prop_assert!(base <= tope),
                Err(roto) => {
                    let texto = roto.to_string();
                    prop_assert!(base > tope && texto.contains("REINTENTO_BASE_MS") && texto.contains("REINTENTO_TOPE_MS"));
                    prop_assert!(texto.contains(&format!("con {base} ms")), "{}", texto);
                }
            }
        }
    }
}
