//! Decide si lo que se supo de un ejemplar es linealizable: qué le hizo, o qué vio en él, cada operación. Pura.
//!
//! Como en qué quedó cada operación se sabe por la base, también ocupan su lugar las que el cliente nunca vio acabar:
//! empezaron cuando empezaron, y acabaron cuando fuera.

use uuid::Uuid;

use crate::linealidad::{Intervalo, Modelo, NoLineal, buscar_orden};

/// Lo que una operación le hizo al ejemplar, o lo que vio en él.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hecho {
    /// Abrió este préstamo: el ejemplar estaba libre.
    Presta(Uuid),
    Alarga(Uuid),
    Cierra(Uuid),
    /// Se rechazó porque estaba prestado.
    VePrestado,
    /// Se rechazó porque no lo estaba.
    VeLibre,
}

/// Una operación sobre un ejemplar. Los tiempos son de un mismo reloj, en milisegundos.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paso {
    pub id: Uuid,
    pub desde_ms: u64,
    /// Cuándo se supo; `None` si nadie lo supo a tiempo de anotarlo.
    pub hasta_ms: Option<u64>,
    pub hecho: Hecho,
}

/// Comprueba la historia de un ejemplar que empieza libre.
///
/// # Errors
/// [`NoLineal`]; el culpable es el puesto en `pasos`.
pub fn comprobar(pasos: &[Paso]) -> Result<(), NoLineal> {
    buscar_orden(&UnEjemplar, None, &pasos.iter().collect::<Vec<_>>())
}

/// Su estado es el préstamo que tiene abierto.
struct UnEjemplar;

impl Modelo for UnEjemplar {
    type Paso = Paso;
    type Estado = Option<Uuid>;

    fn intervalo(&self, paso: &Paso) -> Intervalo {
        Intervalo { desde: paso.desde_ms, hasta: paso.hasta_ms }
    }

    fn dar(&self, abierto: &Option<Uuid>, paso: &Paso) -> Option<Option<Uuid>> {
        match paso.hecho {
            Hecho::Presta(prestamo) => abierto.is_none().then_some(Some(prestamo)),
            Hecho::Alarga(prestamo) => (*abierto == Some(prestamo)).then_some(*abierto),
            Hecho::Cierra(prestamo) => (*abierto == Some(prestamo)).then_some(None),
            Hecho::VePrestado => abierto.is_some().then_some(*abierto),
            Hecho::VeLibre => abierto.is_none().then_some(*abierto),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    fn paso(n: u128, desde_ms: u64, hasta_ms: Option<u64>, hecho: Hecho) -> Paso {
        Paso { id: id(n), desde_ms, hasta_ms, hecho }
    }

    #[test]
    fn un_prestamo_su_renovacion_y_su_devolucion_en_orden_valen() {
        let historia = [
            paso(1, 0, Some(5), Hecho::Presta(id(1))),
            paso(2, 6, Some(9), Hecho::Alarga(id(1))),
            paso(3, 6, Some(9), Hecho::VePrestado),
            paso(4, 10, Some(12), Hecho::Cierra(id(1))),
            paso(5, 13, Some(14), Hecho::VeLibre),
            paso(6, 15, Some(16), Hecho::Presta(id(6))),
        ];
        assert_eq!(comprobar(&historia), Ok(()));
        assert_eq!(comprobar(&[]), Ok(()));
    }

    #[test]
    fn dos_prestamos_seguidos_sin_devolucion_entre_medias_no_tienen_orden() {
        let historia = [paso(1, 0, Some(5), Hecho::Presta(id(1))), paso(2, 6, Some(9), Hecho::Presta(id(2)))];
        assert_eq!(comprobar(&historia), Err(NoLineal::SinOrden { colocadas: 1, culpable: Some(1) }));
    }

    #[test]
    fn quien_ve_prestado_lo_que_ya_se_sabia_devuelto_no_tiene_orden() {
        let con = |hasta| {
            [
                paso(1, 0, Some(5), Hecho::Presta(id(1))),
                paso(2, 6, Some(hasta), Hecho::Cierra(id(1))),
                paso(3, 20, Some(25), Hecho::VePrestado),
            ]
        };
        assert!(comprobar(&con(10)).is_err());
        assert_eq!(comprobar(&con(22)), Ok(()), "si se solapan, pudo verlo antes");
    }

    #[test]
    fn la_operacion_que_nadie_vio_acabar_ocupa_el_lugar_que_haga_falta_pero_no_antes_de_pedirse() {
        let historia = |pedida| {
            [
                paso(1, 0, Some(5), Hecho::Presta(id(1))),
                paso(2, pedida, None, Hecho::Cierra(id(1))),
                paso(3, 20, Some(25), Hecho::Presta(id(3))),
            ]
        };
        assert_eq!(comprobar(&historia(6)), Ok(()));
        assert!(comprobar(&historia(30)).is_err(), "no pudo cerrarlo antes de pedirse");
    }

    #[test]
    fn el_orden_bueno_se_halla_aunque_el_primero_que_se_prueba_no_lo_sea() {
        // El 2 tiene el id menor de los que se solapan, pero va después.
        let historia = [
            paso(2, 0, Some(50), Hecho::Presta(id(2))),
            paso(9, 0, Some(50), Hecho::Presta(id(9))),
            paso(10, 0, Some(20), Hecho::Cierra(id(9))),
            paso(11, 60, Some(70), Hecho::VePrestado),
        ];
        assert_eq!(comprobar(&historia), Ok(()));
    }

    #[test]
    fn miles_de_operaciones_de_un_ejemplar_disputado_se_comprueban_en_seguida() {
        let mut historia = Vec::new();
        for n in 0..3_000u64 {
            let (prestamo, t) = (id(u128::from(n) * 10), n * 10);
            historia.push(paso(u128::from(n) * 10, t, Some(t + 8), Hecho::Presta(prestamo)));
            historia.push(paso(u128::from(n) * 10 + 1, t + 5, Some(t + 16), Hecho::VePrestado));
            historia.push(paso(u128::from(n) * 10 + 2, t + 7, Some(t + 12), Hecho::Cierra(prestamo)));
        }
        assert_eq!(comprobar(&historia), Ok(()));
    }
}
