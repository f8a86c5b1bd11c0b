//! Donde se apunta cada comprobación, y donde se ve según se apunta.

/// Lo que se halló: nada malo, o qué.
pub type Comprobacion = Result<(), String>;

/// Las comprobaciones hechas.
#[derive(Debug, Default)]
pub struct Libreta {
    callada: bool,
    bien: usize,
    mal: Vec<String>,
}

/// Cuántas salieron bien, y cuáles mal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumen {
    pub bien: usize,
    /// Las que no, con lo que se halló.
    pub mal: Vec<String>,
}

impl Resumen {
    /// Si todas salieron bien.
    pub fn verde(&self) -> bool {
        self.mal.is_empty()
    }
}

impl Libreta {
    /// Una que no muestra lo que sale bien.
    pub fn callada() -> Self {
        Self { callada: true, ..Self::default() }
    }

    /// Apunta una comprobación.
    pub fn apuntar(&mut self, que: &str, hallado: Comprobacion) {
        match hallado {
            Ok(()) => {
                self.bien += 1;
                if !self.callada {
                    println!("✔ {que}");
                }
            }
            Err(motivo) => {
                println!("✘ {que}: {motivo}");
                self.mal.push(format!("{que}: {motivo}"));
            }
        }
    }

    /// Lo apuntado desde el último resumen.
    pub fn resumen(&mut self) -> Resumen {
        Resumen { bien: std::mem::take(&mut self.bien), mal: std::mem::take(&mut self.mal) }
    }
}
