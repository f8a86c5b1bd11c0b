//! Actor → gestor: cómo ve un actor el circuito de cada punto de almacenamiento. Va dentro de su informe.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Un punto de almacenamiento y su circuito.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circuito {
    /// El punto, como lo nombra quien informa.
    pub endpoint: String,
    pub estado: EstadoBreaker,
}

/// En qué está el circuit breaker de un punto de almacenamiento, para quien mira desde fuera.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EstadoBreaker {
    Cerrado,
    MedioAbierto,
    Abierto,
}

impl EstadoBreaker {
    /// Como se escribe en registros y en HTTP.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cerrado => "CERRADO",
            Self::MedioAbierto => "MEDIO_ABIERTO",
            Self::Abierto => "ABIERTO",
        }
    }

    /// Como se publica en las métricas: 0 CERRADO, 1 MEDIO_ABIERTO, 2 ABIERTO.
    pub fn nivel(self) -> u8 {
        match self {
            Self::Cerrado => 0,
            Self::MedioAbierto => 1,
            Self::Abierto => 2,
        }
    }
}

impl fmt::Display for EstadoBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn los_bytes_de_un_circuito_son_estos_y_el_estado_se_escribe_igual_en_todas_partes() {
        let circuito = |estado| Circuito { endpoint: "127.0.0.1:5570".into(), estado };
        let todos = [EstadoBreaker::Cerrado, EstadoBreaker::MedioAbierto, EstadoBreaker::Abierto].map(circuito);
        let json = serde_json::to_string(&todos).expect("json");
        insta::assert_snapshot!(json, @r#"[{"endpoint":"127.0.0.1:5570","estado":"CERRADO"},{"endpoint":"127.0.0.1:5570","estado":"MEDIO_ABIERTO"},{"endpoint":"127.0.0.1:5570","estado":"ABIERTO"}]"#);
        for Circuito { estado, .. } in todos {
            assert!(json.contains(&format!("\"{estado}\"")), "{estado}");
        }
    }
}
