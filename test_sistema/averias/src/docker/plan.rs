//! Qué se hace en la demostración con contenedores, en qué orden y qué se exige de cada cosa. Puro.

use std::time::Duration;

use common::dominio::{EjemplarId, Tipo, UsuarioId};
use taller::base::Disponible;

/// Los contenedores de la primera máquina, que se llaman como su servicio.
pub const PC1: [&str; 6] = [
    "postgres",
    "gestor_almacenamiento",
    "backup_almacen",
    "gestor_carga",
    "actor_prestamo_pc1",
    "actor_devolucion_pc1",
];
/// Los de la segunda.
pub const PC2: [&str; 3] = ["almacen_pc2", "actor_prestamo_pc2", "actor_devolucion_pc2"];
/// Los actores de préstamo, sin los que un préstamo queda prometido.
pub const DE_PRESTAMO: [&str; 2] = ["actor_prestamo_pc1", "actor_prestamo_pc2"];
/// En qué orden se vuelven a crear al actualizar: de cada cosa, primero la que no es la única.
pub const ACTUALIZAR: [&str; 8] = [
    "almacen_pc2",
    "actor_prestamo_pc2",
    "actor_devolucion_pc2",
    "backup_almacen",
    "gestor_almacenamiento",
    "actor_prestamo_pc1",
    "actor_devolucion_pc1",
    "gestor_carga",
];

/// Lo que se espera a que todo esté sano tras levantarlo.
pub const ARRANQUE_MAX: Duration = Duration::from_mins(1);
/// Operaciones que hay que reconocer, por lo menos, para que la demostración valga.
pub const OPERACIONES_MIN: u64 = 10_000;
/// Lo que dura, como mucho.
pub const TODO_MAX: Duration = Duration::from_mins(10);
/// El hueco más largo al matar el gestor de almacenamiento en uso, y al pararlo, que da tiempo a acabar lo que tiene.
pub const MATAR_MAX: Duration = Duration::from_secs(1);
/// Véase [`MATAR_MAX`].
pub const PARAR_MAX: Duration = Duration::from_millis(200);

/// El catálogo de muestra: la prueba funcional usa los ejemplares hasta este número, y estudiantes. La carga, lo demás: así
/// se prueba mientras se carga, y ninguna de las dos le quita nada a la otra.
const EJEMPLARES_DE_LA_FUNCIONAL: u32 = 9_000;

/// De lo disponible, lo que puede usar la carga y, aparte, lo que no.
pub fn repartir(disponible: Disponible) -> (Disponible, Disponible) {
    let Disponible { ejemplares, usuarios } = disponible;
    let (suyos, otros) = ejemplares.into_iter().partition(|(ejemplar, _)| es_de_la_carga(*ejemplar));
    let (pide, no_pide) = usuarios.into_iter().partition(|usuario| no_es_estudiante(*usuario));
    (Disponible { ejemplares: suyos, usuarios: pide }, Disponible { ejemplares: otros, usuarios: no_pide })
}

fn es_de_la_carga(ejemplar: EjemplarId) -> bool {
    ejemplar.as_str()[1..].parse::<u32>().is_ok_and(|n| n > EJEMPLARES_DE_LA_FUNCIONAL)
}

/// En el catálogo de muestra lo dice el último número del carné.
fn no_es_estudiante(usuario: UsuarioId) -> bool {
    usuario.as_str().ends_with(['0', '9'])
}

/// Qué éxitos miden la pausa de lo que se le hace a un contenedor: los que pasan por él; si pasan todos, todos.
pub fn pasa_por(contenedor: &str) -> Option<Tipo> {
    [("actor_prestamo", Tipo::Prestamo), ("actor_devolucion", Tipo::Devolucion)]
        .into_iter()
        .find_map(|(papel, tipo)| contenedor.contains(papel).then_some(tipo))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn la_carga_y_la_prueba_funcional_no_comparten_ni_ejemplares_ni_usuarios() {
        let id = |texto: &str| texto.parse().expect("identificador");
        let isbn = "9780061120084".parse().expect("isbn");
        let todo = Disponible {
            ejemplares: vec![(id("E009000"), isbn), (id("E009001"), isbn)],
            usuarios: ["U0001", "U0009", "U0010"].map(|u| u.parse().expect("usuario")).to_vec(),
        };
        let (carga, resto) = repartir(todo);
        assert_eq!(carga.ejemplares, [(id("E009001"), isbn)]);
        assert_eq!(carga.usuarios.len(), 2);
        assert_eq!((resto.ejemplares.len(), resto.usuarios[0].as_str()), (1, "U0001"));
    }

    #[test]
    fn al_actualizar_se_vuelve_a_crear_todo_menos_la_base_y_nunca_quedan_los_dos_de_un_papel_seguidos() {
        let mut todos: Vec<_> = PC1.into_iter().chain(PC2).filter(|n| *n != "postgres").collect();
        let mut plan = ACTUALIZAR.to_vec();
        todos.sort_unstable();
        plan.sort_unstable();
        assert_eq!(plan, todos);
        let papel = |nombre: &str| nombre.trim_end_matches("_pc1").trim_end_matches("_pc2").to_owned();
        assert!(ACTUALIZAR.windows(2).all(|dos| papel(dos[0]) != papel(dos[1])));
    }
}
