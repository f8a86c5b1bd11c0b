//! Los documentos nombran solo lo que existe, y cada decisión está en su índice y dice sus cuatro cosas.

use std::{collections::BTreeSet, fs, path::Path};

use crate::fuentes::{ninguna, raiz, texto};

const DECISIONES: &str = "docs/decisiones";
const PARTES: [&str; 4] = ["**Contexto.**", "**Decisión.**", "**Lo medido.**", "**Qué la cambiaría.**"];
/// Lo que se hace al construir o al correr, y no está en el árbol.
const HECHAS: [&str; 4] = ["target", "var", "secretos", "respaldos"];
const EXTENSIONES: [&str; 5] = [".rs", ".md", ".toml", ".yml", ".sql"];

/// Todas las rutas del árbol, también las de carpetas, que acaban en «/».
fn arbol(carpeta: &Path, prefijo: &str, rutas: &mut BTreeSet<String>) {
    for entrada in fs::read_dir(carpeta).into_iter().flatten().flatten() {
        let nombre = entrada.file_name().to_string_lossy().into_owned();
        if nombre.starts_with('.') || (prefijo.is_empty() && HECHAS.contains(&nombre.as_str())) {
            continue;
        }
        let ruta = format!("{prefijo}{nombre}");
        if entrada.path().is_dir() {
            arbol(&entrada.path(), &format!("{ruta}/"), rutas);
            rutas.insert(format!("{ruta}/"));
        } else {
            rutas.insert(ruta);
        }
    }
}

/// Lo que va entre acentos graves, fuera de los bloques de código.
fn entre_graves(texto: &str) -> impl Iterator<Item = &str> {
    let fuera_de_bloques = texto.split("```").step_by(2);
    fuera_de_bloques.flat_map(|parte| parte.split('`').skip(1).step_by(2))
}

fn parece_ruta(dicho: &str) -> bool {
    let de_ruta = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let hecha = HECHAS.iter().any(|h| dicho.strip_prefix(h).is_some_and(|resto| resto.starts_with('/')));
    let con_forma = dicho.contains('/') || EXTENSIONES.iter().any(|e| dicho.ends_with(e));
    con_forma && !hecha && !dicho.starts_with(['/', '.']) && dicho.chars().all(de_ruta)
}

/// Existe tal cual, o es el final de una que existe («machine/diario.rs»).
fn existe(dicho: &str, rutas: &BTreeSet<String>) -> bool {
    let es = |ruta: &str| ruta == dicho || ruta.strip_suffix(dicho).is_some_and(|antes| antes.ends_with('/'));
    rutas.iter().any(|ruta| es(ruta) || es(ruta.trim_end_matches('/')))
}

/// A dónde llevan los enlaces del texto, desde la raíz.
fn enlaces<'a>(texto: &'a str, carpeta: &'a str) -> impl Iterator<Item = String> + 'a {
    texto
        .split("](")
        .skip(1)
        .filter_map(|resto| resto.split([')', '#']).next())
        .filter(|destino| !destino.is_empty() && !destino.contains(':'))
        .map(move |destino| {
            let mut partes: Vec<&str> = carpeta.split('/').filter(|p| !p.is_empty()).collect();
            for parte in destino.split('/') {
                match parte {
                    ".." => drop(partes.pop()),
                    otra => partes.push(otra),
                }
            }
            partes.join("/")
        })
}

fn decisiones() -> Vec<String> {
    let entradas = fs::read_dir(raiz().join(DECISIONES)).expect("docs/decisiones existe").flatten();
    let mut nombres: Vec<_> = entradas.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    nombres.retain(|nombre| nombre != "README.md");
    nombres.sort();
    assert!(nombres.len() > 20, "solo se hallaron {} decisiones", nombres.len());
    nombres
}

#[test]
fn los_documentos_nombran_solo_lo_que_existe() {
    let mut rutas = BTreeSet::new();
    arbol(&raiz(), "", &mut rutas);
    let fijos = ["ARCHITECTURE.md", "README.md", "README.en.md", "docs/maquinas.md", "docs/decisiones/README.md"];
    let documentos = fijos.map(str::to_owned).into_iter();
    let documentos = documentos.chain(decisiones().into_iter().map(|nombre| format!("{DECISIONES}/{nombre}")));
    let mut falsas = Vec::new();
    for documento in documentos {
        let texto = texto(&documento);
        let carpeta = documento.rsplit_once('/').map_or("", |(carpeta, _)| carpeta);
        let dichas = entre_graves(&texto).filter(|d| parece_ruta(d)).filter(|d| !existe(d, &rutas)).map(str::to_owned);
        let enlazadas = enlaces(&texto, carpeta).filter(|d| !raiz().join(d).exists());
        falsas.extend(dichas.chain(enlazadas).map(|dicha| format!("{documento}: {dicha}")));
    }
    ninguna("nombrado y no existe", &falsas);
}

#[test]
fn cada_decision_esta_en_el_indice_y_dice_sus_cuatro_cosas() {
    let indice = texto(&format!("{DECISIONES}/README.md"));
    let mut faltas = Vec::new();
    for nombre in decisiones() {
        let pagina = texto(&format!("{DECISIONES}/{nombre}"));
        if !indice.contains(&format!("]({nombre})")) {
            faltas.push(format!("{nombre} no está en el índice"));
        }
        faltas.extend(PARTES.iter().filter(|p| !pagina.contains(**p)).map(|p| format!("{nombre} no dice {p}")));
    }
    ninguna("decisiones", &faltas);
}

#[test]
fn se_reconoce_lo_que_es_una_ruta_y_lo_que_no_existe() {
    let rutas = ["common/src/lib.rs", "gestor_carga/src/machine/"].map(str::to_owned).into();
    assert!(["machine/diario.rs", "lib.rs", "common/"].iter().all(|d| parece_ruta(d)));
    assert!(!["var/informe.json", "/listo", "Ruta::Directa", "GET /x", "sqlx"].iter().any(|d| parece_ruta(d)));
    assert!(existe("src/lib.rs", &rutas) && existe("gestor_carga/src/machine/", &rutas));
    assert!(!existe("ib.rs", &rutas) && !existe("src/otro.rs", &rutas));
    assert_eq!(enlaces("[a](../x.md#b) [c](https://d)", "docs/decisiones").collect::<Vec<_>>(), ["docs/x.md"]);
}
