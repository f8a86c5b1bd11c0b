//! Decide qué se rompe, cuándo y por cuánto tiempo: lo mismo para la misma semilla y la misma duración. Puro.
//!
//! Los fallos salen de una baraja con todas las clases: ninguna se repite hasta que han salido las demás. Un blanco no
//! se rompe dos veces a la vez; blancos distintos, sí.

use std::{fmt, time::Duration};

use anaquel::plano::{NOMBRES, POSTGRES};
use juicio::azar::Azar;
use serde::Serialize;

/// Entre el principio de un fallo y el del siguiente, en milisegundos.
const ENTRE_MS: (u64, u64) = (400, 2_000);
/// Lo que dura lo que se rompe y después se arregla.
const DURA_MS: (u64, u64) = (300, 4_000);
/// Lo que se deja a un proceso muerto antes de poder volver a elegirlo: que lo levanten y sirva.
const LEVANTAR: Duration = Duration::from_secs(3);
/// Con cuánto retraso pasa lo que se retrasa.
const RETRASO_MS: (u64, u64) = (20, 400);
/// Al final no se rompe nada nuevo, para que lo último también se vea sanar bajo carga: la décima parte, o esto.
const COLA_MAX: Duration = Duration::from_secs(5);

/// Un tramo por el que pasa todo lo que va de unos procesos a otros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Conducto {
    /// De los clientes al gestor de carga.
    Clientes,
    /// Del gestor y los actores al primer almacén.
    Almacen,
    /// Del gestor y los actores al de reserva.
    Reserva,
}

impl Conducto {
    /// Todos.
    pub const TODOS: [Self; 3] = [Self::Clientes, Self::Almacen, Self::Reserva];
}

impl fmt::Display for Conducto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clientes => "clientes–gestor",
            Self::Almacen => "enlace con gestor_almacenamiento",
            Self::Reserva => "enlace con backup_almacen",
        })
    }
}

/// Algo que se rompe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FalloDelPlan {
    /// SIGKILL a un proceso; de PostgreSQL, al postmaster.
    Matar(&'static str),
    /// SIGSTOP, y al rato SIGCONT; de PostgreSQL, a todos sus procesos.
    Detener(&'static str),
    /// SIGQUIT al postmaster: se va sin cerrar nada, y al volver se recupera.
    ParadaInmediata,
    /// SIGKILL a un proceso que atiende una conexión: PostgreSQL tira a todos y se recupera.
    MatarBackend,
    /// Las conexiones se cortan y no se admiten otras.
    Cortar(Conducto),
    Retrasar(Conducto, Duration),
    /// Las conexiones siguen abiertas y no pasa nada por ellas.
    Callar(Conducto),
    /// El disco del diario se llena mientras no se llega a ningún almacén: hay que prometer, y no hay dónde anotarlo.
    DiarioLleno,
    /// Un torrente de basura a todos los puertos.
    Basura,
}

impl FalloDelPlan {
    /// La clase, para el informe.
    pub fn clase(&self) -> String {
        match self {
            Self::Matar(proceso) => format!("SIGKILL {proceso}"),
            Self::Detener(proceso) => format!("SIGSTOP {proceso}"),
            Self::ParadaInmediata => "parada inmediata de postgres".into(),
            Self::MatarBackend => "SIGKILL a un backend de postgres".into(),
            Self::Cortar(enlace) => format!("corte: {enlace}"),
            Self::Retrasar(enlace, _) => format!("retraso: {enlace}"),
            Self::Callar(enlace) => format!("medio abierto: {enlace}"),
            Self::DiarioLleno => "disco del diario lleno".into(),
            Self::Basura => "basura a los puertos".into(),
        }
    }

    /// Lo que queda roto; dos fallos que comparten algo no coinciden.
    fn blancos(&self) -> Vec<String> {
        let enlace = Conducto::to_string;
        match self {
            Self::Matar(proceso) | Self::Detener(proceso) => vec![(*proceso).to_owned()],
            Self::ParadaInmediata | Self::MatarBackend => vec![POSTGRES.to_owned()],
            Self::Cortar(e) | Self::Retrasar(e, _) | Self::Callar(e) => vec![enlace(e)],
            Self::DiarioLleno => vec!["diario".into(), enlace(&Conducto::Almacen), enlace(&Conducto::Reserva)],
            Self::Basura => vec!["basura".into()],
        }
    }

    fn mata(&self) -> bool {
        matches!(self, Self::Matar(_) | Self::ParadaInmediata | Self::MatarBackend)
    }
}

/// Un fallo en su momento.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Suceso {
    pub en: Duration,
    /// Hasta que se arregla; lo que se mata lo arregla quien lo vigila.
    pub dura: Duration,
    pub fallo: FalloDelPlan,
    /// Para lo que haya que elegir al hacerlo.
    pub suerte: u64,
}

/// El plan de `dura`, por orden. Sin `con_disco`, el disco del diario no se llena: no hay uno pequeño que llenar.
pub fn plan(semilla: u64, dura: Duration, con_disco: bool) -> Vec<Suceso> {
    let mut azar = Azar::con_semilla(semilla);
    let limite = dura.saturating_sub(COLA_MAX.min(dura / 10));
    let (mut sucesos, mut baraja) = (Vec::<Suceso>::new(), Vec::new());
    let mut en = Duration::ZERO;
    loop {
        en += entre(&mut azar, ENTRE_MS);
        let dura = entre(&mut azar, DURA_MS);
        if en + dura > limite {
            return sucesos;
        }
        if baraja.is_empty() {
            baraja = barajar(&mut azar, con_disco);
        }
        let fallo = sacar(&mut baraja, &sucesos, en);
        let suerte = azar.siguiente();
        if let Some(fallo) = fallo {
            let dura = if fallo.mata() { LEVANTAR } else { dura };
            sucesos.push(Suceso { en, dura, fallo, suerte });
        }
    }
}

/// La primera carta cuyo blanco está sano en ese momento.
fn sacar(baraja: &mut Vec<FalloDelPlan>, sucesos: &[Suceso], en: Duration) -> Option<FalloDelPlan> {
    let rotos: Vec<String> = sucesos.iter().filter(|s| s.en + s.dura > en).flat_map(|s| s.fallo.blancos()).collect();
    let cual = baraja.iter().position(|f| f.blancos().iter().all(|b| !rotos.contains(b)))?;
    Some(baraja.remove(cual))
}

fn barajar(azar: &mut Azar, con_disco: bool) -> Vec<FalloDelPlan> {
    let mut cartas: Vec<FalloDelPlan> =
        NOMBRES.into_iter().flat_map(|n| [FalloDelPlan::Matar(n), FalloDelPlan::Detener(n)]).collect();
    for enlace in Conducto::TODOS {
        let retraso = entre(azar, RETRASO_MS);
        cartas.extend([
            FalloDelPlan::Cortar(enlace),
            FalloDelPlan::Retrasar(enlace, retraso),
            FalloDelPlan::Callar(enlace),
        ]);
    }
    cartas.extend([FalloDelPlan::ParadaInmediata, FalloDelPlan::MatarBackend, FalloDelPlan::Basura]);
    cartas.extend(con_disco.then_some(FalloDelPlan::DiarioLleno));
    for i in (1..cartas.len()).rev() {
        cartas.swap(i, azar.menor_que(i + 1));
    }
    cartas
}

fn entre(azar: &mut Azar, (desde, hasta): (u64, u64)) -> Duration {
    Duration::from_millis(desde + azar.siguiente() % (hasta - desde + 1))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const DOS_MINUTOS: Duration = Duration::from_mins(2);

    #[test]
    fn la_misma_semilla_da_el_mismo_plan_y_otra_da_otro() {
        assert_eq!(plan(7, DOS_MINUTOS, true), plan(7, DOS_MINUTOS, true));
        assert_ne!(plan(7, DOS_MINUTOS, true), plan(8, DOS_MINUTOS, true));
    }

    #[test]
    fn en_dos_minutos_sale_cada_clase_de_fallo() {
        for semilla in 0..50 {
            let plan = plan(semilla, DOS_MINUTOS, true);
            let clases: HashSet<String> = plan.iter().map(|s| s.fallo.clase()).collect();
            assert_eq!(
                clases.len(),
                2 * NOMBRES.len() + 3 * Conducto::TODOS.len() + 4,
                "semilla {semilla}: {clases:?}"
            );
        }
    }

    #[test]
    fn nada_se_rompe_dos_veces_a_la_vez_ni_despues_del_final() {
        for semilla in 0..200 {
            let plan = plan(semilla, DOS_MINUTOS, true);
            for (i, uno) in plan.iter().enumerate() {
                assert!(uno.en + uno.dura <= DOS_MINUTOS || uno.fallo.mata(), "semilla {semilla}: {uno:?}");
                for otro in plan[i + 1..].iter().filter(|otro| otro.en < uno.en + uno.dura) {
                    let blancos = uno.fallo.blancos();
                    let comunes = otro.fallo.blancos().iter().any(|b| blancos.contains(b));
                    assert!(!comunes, "semilla {semilla}: {uno:?} y {otro:?}");
                }
            }
            assert!(plan.is_sorted_by_key(|s| s.en));
        }
    }

    #[test]
    fn sin_disco_pequenio_no_se_llena_ninguno_y_una_carga_corta_tiene_su_plan() {
        for semilla in 0..50 {
            assert!(plan(semilla, DOS_MINUTOS, false).iter().all(|s| s.fallo != FalloDelPlan::DiarioLleno));
            assert!(plan(semilla, Duration::from_secs(10), true).len() >= 2, "semilla {semilla}");
        }
    }
}
