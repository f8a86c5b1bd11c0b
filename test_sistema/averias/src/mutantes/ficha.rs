//! Decide qué dice la ficha de un mutante: qué texto de qué archivo se cambia por cuál, y quién ha de notarlo.
//!
//! Se busca el texto y no la línea: sobrevive a lo que cambie alrededor, y si el propio texto cambió es un error claro.

use std::path::Path;

use anyhow::{Context as _, ensure};

/// Dónde están las fichas, desde la raíz.
pub const CARPETA: &str = "test_sistema/mutantes";
const ANTES: &str = "<<<<<<<";
const MEDIO: &str = "=======";
const DESPUES: &str = ">>>>>>>";

/// Quién ha de cazarlo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cazador {
    Simulacion,
    /// Una prueba: los argumentos de `cargo test`.
    Prueba(Vec<String>),
}

/// Un cambio en un archivo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cambio {
    /// El archivo, desde la raíz.
    pub archivo: String,
    /// El texto que hay, una sola vez.
    pub antes: String,
    pub despues: String,
}

/// Un mutante.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FichaDeMutante {
    /// El nombre de su archivo, sin extensión.
    pub nombre: String,
    pub cazador: Cazador,
    pub cambios: Vec<Cambio>,
}

impl FichaDeMutante {
    /// La que hay en `texto`.
    ///
    /// # Errors
    /// Qué le falta.
    pub fn leer(nombre: &str, texto: &str) -> anyhow::Result<Self> {
        let (mut cazador, mut archivo, mut cambios) = (None, None, Vec::new());
        let mut lineas = texto.lines();
        while let Some(linea) = lineas.next() {
            if let Some(prueba) = linea.strip_prefix("prueba: ") {
                cazador = Some(Cazador::Prueba(prueba.split_whitespace().map(str::to_owned).collect()));
            } else if linea == "simulación" {
                cazador = Some(Cazador::Simulacion);
            } else if let Some(ruta) = linea.strip_prefix("archivo: ") {
                archivo = Some(ruta.to_owned());
            } else if linea == ANTES {
                let hasta = |fin: &str, lineas: &mut std::str::Lines<'_>| {
                    let trozo: Vec<_> = lineas.take_while(|l| *l != fin).collect();
                    trozo.join("\n")
                };
                let archivo = archivo.clone().with_context(|| format!("{nombre}: un cambio sin «archivo:» delante"))?;
                let (antes, despues) = (hasta(MEDIO, &mut lineas), hasta(DESPUES, &mut lineas));
                ensure!(!antes.is_empty() && antes != despues, "{nombre}: un cambio que no cambia nada");
                cambios.push(Cambio { archivo, antes, despues });
            }
        }
        ensure!(!cambios.is_empty(), "{nombre}: no cambia nada");
        let cazador =
            cazador.with_context(|| format!("{nombre}: no dice quién lo caza («simulación» o «prueba: …»)"))?;
        Ok(Self { nombre: nombre.to_owned(), cazador, cambios })
    }

    /// El archivo cambiado.
    ///
    /// # Errors
    /// Si el texto no está exactamente una vez: el código cambió y la ficha no.
    pub fn aplicar(&self, cambio: &Cambio, original: &str) -> anyhow::Result<String> {
        let veces = original.matches(&cambio.antes).count();
        let (nombre, archivo, antes) = (&self.nombre, &cambio.archivo, &cambio.antes);
        ensure!(veces == 1, "el mutante {nombre} ya no aplica: en {archivo} está {veces} veces\n{antes}");
        Ok(original.replacen(&cambio.antes, &cambio.despues, 1))
    }
}

/// Todas las fichas, por su nombre.
///
/// # Errors
/// Si alguna no se entiende.
pub fn todas(raiz: &Path) -> anyhow::Result<Vec<FichaDeMutante>> {
    let carpeta = raiz.join(CARPETA);
    let mut fichas = Vec::new();
    for entrada in std::fs::read_dir(&carpeta).with_context(|| format!("no se puede leer {}", carpeta.display()))? {
        let ruta = entrada?.path();
        if ruta.extension().is_some_and(|e| e == "mutante") {
            let nombre = ruta.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            fichas.push(FichaDeMutante::leer(&nombre, &std::fs::read_to_string(&ruta)?)?);
        }
    }
    fichas.sort_unstable_by(|a, b| a.nombre.cmp(&b.nombre));
    Ok(fichas)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cada_mutante_aplica_al_codigo_de_hoy() {
        let raiz = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("dentro del espacio de trabajo");
        let fichas = todas(raiz).expect("se leen");
        assert!(fichas.len() >= 20, "solo hay {}", fichas.len());
        for ficha in fichas {
            for cambio in &ficha.cambios {
                let original = std::fs::read_to_string(raiz.join(&cambio.archivo)).expect("su archivo");
                ficha.aplicar(cambio, &original).expect("aplica");
            }
        }
    }

    #[test]
    fn una_ficha_que_no_dice_quien_la_caza_o_no_cambia_nada_no_vale() {
        let cambio = "archivo: a.rs\n<<<<<<<\nuno\n=======\ndos\n>>>>>>>\n";
        let ficha = FichaDeMutante::leer("x", &format!("simulación\n{cambio}")).expect("vale");
        assert_eq!(ficha.aplicar(&ficha.cambios[0], "cero\nuno\n").expect("aplica"), "cero\ndos\n");
        assert!(ficha.aplicar(&ficha.cambios[0], "uno uno").is_err());
        assert!(FichaDeMutante::leer("x", cambio).is_err());
        assert!(FichaDeMutante::leer("x", "simulación\n").is_err());
    }
}
