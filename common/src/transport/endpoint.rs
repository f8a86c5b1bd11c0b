//! Decide qué texto vale como dirección: `host:puerto` o `tcp://host:puerto`, IPv6 entre corchetes.

use std::{fmt, str::FromStr};

/// Una dirección TCP a la que conectarse o en la que escuchar.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    host: String,
    puerto: u16,
}

/// Por qué un texto no vale como dirección.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointInvalido {
    /// Otro protocolo que TCP.
    #[error("solo se admite tcp:// (o nada) delante de la dirección")]
    Protocolo,
    /// Falta el puerto o no es un número entre 1 y 65535.
    #[error("falta el puerto, o no es un número entre 1 y 65535; se espera host:puerto")]
    Puerto,
    /// Falta el nombre o la IP.
    #[error("falta el nombre o la IP delante del puerto; una IPv6 va entre corchetes: [::1]:5570")]
    Host,
}

/// La dirección de una lista que no vale.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("«{parte}» no vale: {causa}")]
pub struct ListaInvalida {
    parte: String,
    causa: EndpointInvalido,
}

impl Endpoint {
    /// Las direcciones de una lista separada por comas; quizá ninguna.
    ///
    /// # Errors
    /// [`ListaInvalida`] con la primera que no vale.
    pub fn lista(texto: &str) -> Result<Vec<Self>, ListaInvalida> {
        let partes = texto.split(',').map(str::trim).filter(|parte| !parte.is_empty());
        partes.map(|parte| parte.parse().map_err(|causa| ListaInvalida { parte: parte.to_owned(), causa })).collect()
    }

    /// La dirección en la forma de ZeroMQ.
    pub fn tcp(&self) -> String {
        format!("tcp://{self}")
    }

    /// El puerto.
    pub fn puerto(&self) -> u16 {
        self.puerto
    }

    /// Si es una IPv6 literal; ZeroMQ pide saberlo antes de conectar.
    pub fn es_ipv6(&self) -> bool {
        self.host.starts_with('[')
    }
}

impl FromStr for Endpoint {
    type Err = EndpointInvalido;

    fn from_str(texto: &str) -> Result<Self, EndpointInvalido> {
        let texto = texto.trim();
        let resto = match texto.split_once("://") {
            Some(("tcp", resto)) => resto,
            Some(_) => return Err(EndpointInvalido::Protocolo),
            None => texto,
        };
        let (host, puerto) = resto.rsplit_once(':').ok_or(EndpointInvalido::Puerto)?;
        let puerto = puerto.parse().ok().filter(|p| *p != 0).ok_or(EndpointInvalido::Puerto)?;
        let valido = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
            Some(ipv6) => ipv6.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && !host.contains([':', '/', ' ', '[', ']', '@', ';']),
        };
        if !valido {
            return Err(EndpointInvalido::Host);
        }
        Ok(Self { host: host.to_owned(), puerto })
    }
}

/// Una dirección es una lista de una.
impl AsRef<[Endpoint]> for Endpoint {
    fn as_ref(&self) -> &[Endpoint] {
        std::slice::from_ref(self)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.puerto)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn una_direccion_vale_con_protocolo_y_sin_el_ipv6_incluida() {
        for (texto, tcp) in [
            ("backup_almacen:5570", "tcp://backup_almacen:5570"),
            ("tcp://127.0.0.1:5555", "tcp://127.0.0.1:5555"),
            ("[::1]:5570", "tcp://[::1]:5570"),
            (" tcp://*:5555 ", "tcp://*:5555"),
        ] {
            assert_eq!(texto.parse::<Endpoint>().expect(texto).tcp(), tcp);
        }
    }

    #[test]
    fn una_direccion_mal_escrita_dice_que_le_falta() {
        for (texto, error) in [
            ("host", EndpointInvalido::Puerto),
            ("host:", EndpointInvalido::Puerto),
            ("host:0", EndpointInvalido::Puerto),
            ("host:99999", EndpointInvalido::Puerto),
            (":5570", EndpointInvalido::Host),
            ("::1:5570", EndpointInvalido::Host),
            ("[hola]:5570", EndpointInvalido::Host),
            ("ipc://x:1", EndpointInvalido::Protocolo),
        ] {
            assert_eq!(texto.parse::<Endpoint>(), Err(error), "{texto}");
        }
    }
}
