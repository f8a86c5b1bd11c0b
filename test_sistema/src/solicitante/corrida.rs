//! Decide el id de cada petición de un archivo: sale de su contenido, de su línea, de quién la hace y de cuándo empezó la
//! corrida. Quien muere y vuelve a empezar con el mismo archivo pide con los mismos ids, y nada se aplica dos veces.
//!
//! La parte pura es [`Corrida`]; el instante en que empezó lo guarda una nota junto al archivo, que escribe [`nota`].

pub mod nota;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Lo que va delante de lo que se resume: si cambia la forma de hacer los ids, cambia.
const ETIQUETA: &[u8] = b"anaquel.peticion.v1";

/// El SHA-256 (FIPS 180-4) de un archivo, en hexadecimal.
pub fn contenido(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut texto, byte| {
        // Escribir en un String no falla.
        let _ = write!(texto, "{byte:02x}");
        texto
    })
}

/// Una vez que alguien pasa un archivo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corrida {
    contenido: String,
    quien: String,
    inicio: DateTime<Utc>,
}

impl Corrida {
    /// La que `quien` empezó en `inicio` con un archivo de ese [`contenido`].
    pub fn new(contenido: String, quien: String, inicio: DateTime<Utc>) -> Self {
        Self { contenido, quien, inicio }
    }

    /// El id de la petición de esa línea. Todos llevan el instante en que empezó la corrida: entre las de un mismo
    /// archivo no hay orden que leer en los ids, y las reglas lo admiten.
    pub fn id(&self, linea: u32) -> Uuid {
        let mut hash = Sha256::new();
        for parte in [ETIQUETA, self.contenido.as_bytes(), self.quien.as_bytes(), &linea.to_be_bytes()] {
            // La longitud delante: dos identidades distintas nunca dan los mismos bytes.
            hash.update(u64::try_from(parte.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(parte);
        }
        let milisegundos = u64::try_from(self.inicio.timestamp_millis()).unwrap_or(0);
        hash.update(milisegundos.to_be_bytes());
        let resumen = hash.finalize();
        let mut cola = [0; 10];
        cola.copy_from_slice(&resumen[..10]);
        uuid::Builder::from_unix_timestamp_millis(milisegundos, &cola).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use common::dominio::OperacionId;

    use super::*;

    fn corrida(texto: &str, quien: &str, segundo: i64) -> Corrida {
        let inicio = DateTime::from_timestamp(segundo, 0).expect("fecha");
        Corrida::new(contenido(texto.as_bytes()), quien.to_owned(), inicio)
    }

    #[test]
    fn la_misma_linea_de_la_misma_corrida_da_el_mismo_id_y_es_uno_de_operacion() {
        let una = corrida("PRESTAMO U1 E1 CENTRO\n", "ana", 1_700_000_000);
        assert_eq!(una.id(1), corrida("PRESTAMO U1 E1 CENTRO\n", "ana", 1_700_000_000).id(1));
        let id = OperacionId::try_new(una.id(1)).expect("un UUIDv7");
        assert_eq!(id.milisegundos(), 1_700_000_000_000);
    }

    #[test]
    fn otra_linea_otro_contenido_otro_nombre_u_otro_inicio_dan_otro_id() {
        let ids: HashSet<Uuid> = [
            corrida("a", "ana", 1).id(1),
            corrida("a", "ana", 1).id(2),
            corrida("b", "ana", 1).id(1),
            corrida("a", "eva", 1).id(1),
            corrida("a", "ana", 2).id(1),
        ]
        .into();
        assert_eq!(ids.len(), 5);
    }
}
