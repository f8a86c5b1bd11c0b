//! Compara lo reconocido con lo guardado: cada acuse, una vez y como se dio; cada efecto, uno.

use std::fmt::Write as _;

use anaquel::postgres::{BASE, Instalacion, Rol};
use serde::Serialize;
use sqlx::{Connection, PgConnection, Row, postgres::PgRow};

use crate::{cadena::Acuse, datos::copiar};

/// Lo que dice la auditoría.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cuadre {
    pub reconocidas: i64,
    /// Reconocidas y no guardadas como se reconocieron.
    pub sin_guardar: i64,
    /// Préstamos aplicados que no tienen su fila.
    pub prestamos_perdidos: i64,
    /// Devoluciones aplicadas que no cerraron exactamente un préstamo.
    pub devoluciones_mal: i64,
    pub rechazadas_con_efecto: i64,
    /// Ejemplares con más de un préstamo abierto.
    pub ejemplares_dobles: i64,
    /// Renovaciones reconocidas de más o de menos de las que tienen los préstamos.
    pub renovaciones_de_diferencia: i64,
}

impl Cuadre {
    fn de(fila: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            reconocidas: fila.try_get("reconocidas")?,
            sin_guardar: fila.try_get("sin_guardar")?,
            prestamos_perdidos: fila.try_get("prestamos_perdidos")?,
            devoluciones_mal: fila.try_get("devoluciones_mal")?,
            rechazadas_con_efecto: fila.try_get("rechazadas_con_efecto")?,
            ejemplares_dobles: fila.try_get("ejemplares_dobles")?,
            renovaciones_de_diferencia: fila.try_get("renovaciones_de_diferencia")?,
        })
    }

    /// Si lo reconocido está, una vez.
    pub fn limpio(&self) -> bool {
        Self { reconocidas: self.reconocidas, ..Self::default() } == *self
    }
}

const ACUSES: &str = "-- auditoria::acuses
    CREATE TEMP TABLE acuses (id uuid NOT NULL, tipo text NOT NULL, estado text NOT NULL, codigo text NOT NULL)";
const VEREDICTO: &str = "-- auditoria::veredicto
    SELECT count(*) AS reconocidas,
        count(*) FILTER (WHERE o.id IS NULL OR (o.tipo, o.estado, o.codigo) IS DISTINCT FROM (a.tipo, a.estado, a.codigo))
            AS sin_guardar,
        count(*) FILTER (WHERE a.tipo = 'prestamo' AND a.estado = 'aplicada' AND p.prestamo_id IS NULL)
            AS prestamos_perdidos,
        count(*) FILTER (WHERE a.tipo = 'devolucion' AND a.estado = 'aplicada' AND d.cuantos IS DISTINCT FROM 1)
            AS devoluciones_mal,
        count(*) FILTER (WHERE a.estado = 'rechazada' AND coalesce(p.prestamo_id, d.devolucion_id) IS NOT NULL)
            AS rechazadas_con_efecto,
        (SELECT count(*) FROM (
            SELECT FROM prestamos WHERE devuelto IS NULL GROUP BY ejemplar_id HAVING count(*) > 1) AS x)
            AS ejemplares_dobles,
        abs(count(*) FILTER (WHERE a.tipo = 'renovacion' AND a.estado = 'aplicada')
            - (SELECT coalesce(sum(renovaciones), 0) FROM prestamos))
            AS renovaciones_de_diferencia
    FROM acuses AS a
    LEFT JOIN operaciones AS o USING (id)
    LEFT JOIN prestamos AS p ON p.prestamo_id = a.id
    LEFT JOIN (
        SELECT devolucion_id, count(*) AS cuantos FROM prestamos WHERE devolucion_id IS NOT NULL GROUP BY devolucion_id
    ) AS d ON d.devolucion_id = a.id";

/// Audita la base de una suite.
pub async fn auditar(instalacion: &Instalacion, acuses: &[Acuse]) -> sqlx::Result<Cuadre> {
    let mut conexion = PgConnection::connect(&instalacion.url(Rol::Migracion, BASE)).await?;
    sqlx::raw_sql(ACUSES).execute(&mut conexion).await?;
    let copia = "COPY acuses FROM STDIN";
    copiar(&mut conexion, copia, acuses.len(), |n, texto| escribir(acuses[n], texto), &|_| {}).await?;
    let sql = "ANALYZE acuses";
    sqlx::raw_sql(sql).execute(&mut conexion).await?;
    let veredicto = Cuadre::de(&sqlx::query(VEREDICTO).fetch_one(&mut conexion).await?)?;
    conexion.close().await?;
    Ok(veredicto)
}

fn escribir(acuse: Acuse, texto: &mut String) {
    let Acuse { id, tipo, estado, codigo } = acuse;
    let _ = writeln!(texto, "{id}\t{tipo}\t{estado}\t{codigo}");
}

#[cfg(test)]
mod tests {
    use common::dominio::{Codigo, Estado, Tipo};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn un_acuse_se_escribe_como_lo_guarda_la_base() {
        let mut texto = String::new();
        let id = Uuid::nil();
        escribir(
            Acuse { id, tipo: Tipo::Prestamo, estado: Estado::Rechazada, codigo: Codigo::EjemplarPrestado },
            &mut texto,
        );
        assert_eq!(texto, format!("{id}\tprestamo\trechazada\tEJEMPLAR_PRESTADO\n"));
    }

    #[test]
    fn cualquier_diferencia_ensucia_el_veredicto() {
        let limpio = Cuadre { reconocidas: 9, ..Cuadre::default() };
        assert!(limpio.limpio());
        for sucio in [
            Cuadre { sin_guardar: 1, ..limpio },
            Cuadre { prestamos_perdidos: 1, ..limpio },
            Cuadre { devoluciones_mal: 1, ..limpio },
            Cuadre { rechazadas_con_efecto: 1, ..limpio },
            Cuadre { ejemplares_dobles: 1, ..limpio },
            Cuadre { renovaciones_de_diferencia: 1, ..limpio },
        ] {
            assert!(!sucio.limpio(), "{sucio:?}");
        }
    }
}
