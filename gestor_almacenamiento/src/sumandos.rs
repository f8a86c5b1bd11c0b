//! Decide qué suma una transacción a las cuentas: operaciones por tipo, código y sede, y préstamos por libro.

use std::collections::BTreeMap;

use common::dominio::{Codigo, Comando, Isbn, Objeto, SedeId, Tipo, reglas::Filas, reglas::Veredicto};

/// De qué se lleva la cuenta: tipo, código y sede.
type Concepto = (Tipo, Codigo, Option<SedeId>);

/// Lo que se suma. Nada está en cero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sumandos {
    cuentas: BTreeMap<Concepto, i32>,
    prestamos: BTreeMap<Isbn, i32>,
}

impl Sumandos {
    /// Una operación más que acabó así.
    pub fn decidida(&mut self, tipo: Tipo, codigo: Codigo, sede: Option<SedeId>) {
        self.contar((tipo, codigo, sede), 1);
    }

    /// Una operación menos que está así: ahora está de otra manera.
    pub fn ya_no(&mut self, tipo: Tipo, codigo: Codigo, sede: Option<SedeId>) {
        self.contar((tipo, codigo, sede), -1);
    }

    /// Un préstamo más de un libro.
    pub fn prestado(&mut self, isbn: Isbn) {
        *self.prestamos.entry(isbn).or_default() += 1;
    }

    /// Las cuentas que cambian, en orden.
    pub fn cuentas(&self) -> impl Iterator<Item = (&Concepto, i32)> {
        self.cuentas.iter().map(|(clave, n)| (clave, *n))
    }

    /// Los libros prestados, en orden.
    pub fn prestamos(&self) -> impl Iterator<Item = (Isbn, i32)> {
        self.prestamos.iter().map(|(isbn, n)| (*isbn, *n))
    }

    fn contar(&mut self, clave: Concepto, cuantas: i32) {
        let suma = self.cuentas.entry(clave).or_default();
        *suma += cuantas;
        if *suma == 0 {
            self.cuentas.remove(&clave);
        }
    }
}

/// La sede en que se cuenta lo decidido: la del ejemplar o, si no se llegó a él, la de la solicitud.
pub fn sede(filas: &Filas, comando: &Comando, veredicto: &Veredicto) -> Option<SedeId> {
    let nombrado = match comando.objeto() {
        Objeto::Ejemplar(id) => Some(id),
        Objeto::Libro(_) => None,
    };
    let ejemplar = veredicto.datos.ejemplar.or(nombrado);
    veredicto.datos.sede.or_else(|| filas.sede_de(ejemplar?)).or(comando.sede())
}

#[cfg(test)]
mod tests {
    use common::dominio::reglas::Ejemplar;

    use super::*;

    #[test]
    fn se_suma_por_tipo_codigo_y_sede_y_lo_que_vuelve_a_cero_no_se_escribe() {
        let centro: Option<SedeId> = Some("CENTRO".parse().expect("sede"));
        let mut sumandos = Sumandos::default();
        sumandos.ya_no(Tipo::Prestamo, Codigo::EnRevision, centro);
        for codigo in [Codigo::Ok, Codigo::EnRevision, Codigo::Ok] {
            sumandos.decidida(Tipo::Prestamo, codigo, centro);
        }
        sumandos.decidida(Tipo::Devolucion, Codigo::Ok, None);
        sumandos.ya_no(Tipo::Renovacion, Codigo::EnRevision, None);
        let cuentas: Vec<_> = sumandos.cuentas().map(|(clave, n)| (*clave, n)).collect();
        let esperadas = [
            ((Tipo::Prestamo, Codigo::Ok, centro), 2),
            ((Tipo::Devolucion, Codigo::Ok, None), 1),
            ((Tipo::Renovacion, Codigo::EnRevision, None), -1),
        ];
        assert_eq!(cuentas, esperadas);
    }

    #[test]
    fn la_sede_es_la_del_ejemplar_y_si_no_la_de_la_solicitud() {
        let sede_de = |filas: &Filas, json: &str| {
            let comando: Comando = serde_json::from_str(json).expect("comando");
            let veredicto = Veredicto {
                estado: common::dominio::Estado::Rechazada,
                codigo: Codigo::LimiteDePrestamos,
                mensaje: "".into(),
                datos: common::dominio::reglas::Datos::default(),
            };
            sede(filas, &comando, &veredicto).map(|s| s.to_string())
        };
        let mut filas = Filas::default();
        filas.con_ejemplar(Ejemplar {
            id: "E1".parse().expect("ejemplar"),
            isbn: "L1".parse().expect("isbn"),
            sede: "NORTE".parse().expect("sede"),
        });
        let pedido = r#"{"operacion":"prestamo","usuario":"U1","ejemplar":"E1","sede":"CENTRO"}"#;
        assert_eq!(sede_de(&filas, pedido).as_deref(), Some("NORTE"));
        assert_eq!(sede_de(&Filas::default(), pedido).as_deref(), Some("CENTRO"));
        assert_eq!(sede_de(&filas, r#"{"operacion":"devolucion","ejemplar":"E2"}"#), None);
    }
}
