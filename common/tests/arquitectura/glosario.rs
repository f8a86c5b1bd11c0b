//! Una palabra por cosa: lo que dice el glosario de ARCHITECTURE.md, y lo que dice que no se diga.

use std::collections::{BTreeMap, HashSet};

use crate::fuentes::{Fuente, fuentes, ninguna, sin_estas_pruebas, texto};

const DEFINICIONES_MAX: usize = 2;
const DE_TIPO: [&str; 5] = ["struct ", "enum ", "trait ", "union ", "type "];
const DE_COSA: [&str; 7] = ["fn ", "struct ", "enum ", "trait ", "type ", "const ", "static "];

/// Las filas de la primera tabla tras un título, sin su cabecera: sus celdas.
fn tabla(documento: &str, titulo: &str) -> Vec<Vec<String>> {
    let desde = documento.split_once(titulo).unwrap_or_else(|| panic!("falta «{titulo}»")).1;
    let filas = desde.lines().skip_while(|l| !l.starts_with('|')).take_while(|l| l.starts_with('|')).skip(2);
    let celdas = |fila: &str| fila.trim_matches('|').split(" | ").map(|c| c.trim().to_owned()).collect();
    filas.map(celdas).collect()
}

/// Las palabras de la primera celda: separadas por comas o barras, sin lo que va entre paréntesis.
fn palabras(celda: &str) -> impl Iterator<Item = String> + '_ {
    celda
        .split([',', '/', ':'])
        .map(|p| p.split('(').next().unwrap_or("").trim().to_lowercase())
        .filter(|p| !p.is_empty())
}

/// Lo que no se dice, y dónde; sin sitios, en ninguna parte.
#[derive(Debug, PartialEq)]
struct Prohibida {
    dicho: String,
    sitios: Vec<String>,
}

/// De una celda como «`punto`, `puntos` en `common/src/`; `journal`».
fn prohibidas(celda: &str) -> Vec<Prohibida> {
    let graves = |parte: &str| parte.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let clausula = |clausula: &str| {
        let (dichos, sitios) = clausula.split_once(" en ").unwrap_or((clausula, ""));
        let sitios = graves(sitios);
        graves(dichos).into_iter().map(move |dicho| Prohibida { dicho, sitios: sitios.clone() }).collect::<Vec<_>>()
    };
    celda.split(';').flat_map(clausula).collect()
}

/// La línea sin lo que va entre comillas: es texto para personas.
fn sin_textos(linea: &str) -> String {
    linea.split('"').step_by(2).collect::<Vec<_>>().join("\"\"")
}

/// Si la línea usa ese nombre: entero, o en minúsculas y como parte de otro («siguiente_token»).
fn lo_usa(linea: &str, dicho: &str) -> bool {
    if dicho.contains(' ') {
        return linea.match_indices(dicho).any(|(i, _)| !linea[i + dicho.len()..].starts_with(de_nombre));
    }
    let entero = dicho.contains('_') || dicho.starts_with(|c: char| c.is_uppercase());
    linea.split(|c| !de_nombre(c)).any(|nombre| nombre == dicho || (!entero && nombre.split('_').any(|p| p == dicho)))
}

fn de_nombre(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn usos(fuente: &Fuente, prohibida: &Prohibida) -> Vec<String> {
    let sitios: Vec<&str> = prohibida.sitios.iter().map(String::as_str).collect();
    if !sitios.is_empty() && !fuente.esta_en(&sitios) {
        return Vec::new();
    }
    let malas = fuente.codigo.iter().filter(|(_, linea)| lo_usa(&sin_textos(linea), &prohibida.dicho));
    malas.map(|(numero, _)| format!("{}:{numero}: {}", fuente.ruta, prohibida.dicho)).collect()
}

/// Lo que sigue a «pub» y a sus adornos.
fn sin_visibilidad(linea: &str) -> &str {
    let linea = linea.trim_start();
    let Some(resto) = linea.strip_prefix("pub") else { return linea };
    let resto = resto.strip_prefix('(').and_then(|r| r.split_once(')')).map_or(resto, |(_, r)| r);
    resto.trim_start()
}

/// El tipo que define la línea.
fn tipo(linea: &str) -> Option<&str> {
    let es_asociado = linea.starts_with(' ') && linea.trim_start().starts_with("type ");
    let resto = sin_visibilidad(linea);
    let nombre = DE_TIPO.iter().find_map(|t| resto.strip_prefix(t)).filter(|_| !es_asociado)?;
    let nombre = nombre.split(|c| !de_nombre(c)).next()?;
    nombre.starts_with(|c: char| c.is_uppercase()).then_some(nombre)
}

#[test]
fn ninguna_palabra_esta_dos_veces_en_el_glosario() {
    let filas = tabla(&texto("ARCHITECTURE.md"), "## Glosario");
    assert!(filas.len() > 30, "solo se hallaron {} filas", filas.len());
    let mut vistas = HashSet::new();
    let dobles: Vec<_> = filas.iter().flat_map(|f| palabras(&f[0])).filter(|p| !vistas.insert(p.clone())).collect();
    ninguna("palabra definida dos veces", &dobles);
}

#[test]
fn ninguna_fuente_dice_lo_que_el_glosario_no_dice() {
    let filas = tabla(&texto("ARCHITECTURE.md"), "## Glosario");
    let prohibidas: Vec<_> = filas.iter().filter_map(|f| f.get(2)).flat_map(|celda| prohibidas(celda)).collect();
    assert!(prohibidas.len() > 8, "solo se hallaron {} palabras que no se dicen", prohibidas.len());
    let malas: Vec<_> =
        sin_estas_pruebas().flat_map(|f| prohibidas.iter().flat_map(|p| usos(&f, p)).collect::<Vec<_>>()).collect();
    ninguna("palabra que no se dice (véase el glosario)", &malas);
}

#[test]
fn ningun_nombre_de_tipo_tiene_tres_definiciones() {
    let mut sitios: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for fuente in sin_estas_pruebas() {
        for (numero, linea) in &fuente.codigo {
            if let Some(tipo) = tipo(linea) {
                sitios.entry(tipo.to_owned()).or_default().push(format!("{}:{numero}", fuente.ruta));
            }
        }
    }
    let de_cada_parte = tabla(&texto("ARCHITECTURE.md"), "### Nombres que cada parte tiene");
    let permitidos: HashSet<_> = de_cada_parte.iter().flat_map(|f| f[0].split('`').skip(1).step_by(2)).collect();
    let sobran = permitidos.iter().filter(|p| sitios.get(**p).is_none_or(|s| s.len() <= DEFINICIONES_MAX));
    ninguna("ya no hace falta permitirlo", &sobran.map(ToString::to_string).collect::<Vec<_>>());
    sitios.retain(|tipo, donde| donde.len() > DEFINICIONES_MAX && !permitidos.contains(tipo.as_str()));
    let malos: Vec<_> = sitios.iter().map(|(tipo, donde)| format!("{tipo}: {}", donde.join(", "))).collect();
    ninguna("nombre de tipo con tres definiciones", &malos);
}

/// Las cosas públicas con nombre propio que no dicen qué son. Entre lo dicho y la cosa van sus atributos.
fn mudas(ruta: &str, texto: &str) -> Vec<String> {
    let (mut dicha, mut en_atributo, mut mudas) = (false, false, Vec::new());
    for (i, linea) in texto.lines().enumerate().take_while(|(_, linea)| !linea.starts_with("mod tests {")) {
        let linea = linea.trim();
        if en_atributo || linea.starts_with("#[") {
            en_atributo = !linea.ends_with(']');
            continue;
        }
        let resto = linea.strip_prefix("pub ").map(|r| r.trim_start_matches("const fn ").trim_start_matches("async "));
        let es_cosa =
            resto.is_some_and(|resto| DE_COSA.iter().any(|c| resto.starts_with(c)) || linea.contains("const fn "));
        if es_cosa && !dicha {
            mudas.push(format!("{ruta}:{}: {linea}", i + 1));
        }
        dicha = linea.starts_with("///") || linea.starts_with("$(#[");
    }
    mudas
}

/// `missing_docs` lo pide también a los campos, y de ahí sale «su id» sobre `id`.
#[test]
fn cada_cosa_publica_que_no_es_un_campo_dice_que_es() {
    let es_de_pruebas = |f: &Fuente| ["/tests/", "/tests.rs", "/examples/"].iter().any(|p| f.ruta.contains(p));
    let fuentes = fuentes().into_iter().filter(|f| !es_de_pruebas(f));
    let malas: Vec<_> = fuentes.flat_map(|f| mudas(&f.ruta, &texto(&f.ruta))).collect();
    ninguna("cosa pública sin decir qué es", &malas);
}

#[test]
fn se_ve_cada_infraccion_que_se_pone_delante() {
    let celda = "`punto`, `puntos` en `common/src/`, `actores/`; `journal`; `fn nuevo`";
    let todas = prohibidas(celda);
    assert_eq!(todas.iter().map(|p| p.dicho.as_str()).collect::<Vec<_>>(), ["punto", "puntos", "journal", "fn nuevo"]);
    assert_eq!(todas[0].sitios, ["common/src/", "actores/"]);
    let en = |ruta: &str, linea: &str, p: &Prohibida| usos(&Fuente::nueva(ruta, linea), p).len();
    assert_eq!(en("common/src/a.rs", "let por_punto = 1;", &todas[0]), 1);
    assert_eq!(en("anaquel/src/a.rs", "let punto = 1;", &todas[0]), 0);
    assert_eq!(en("common/src/a.rs", "println!(\"un punto\"); // punto", &todas[0]), 0);
    assert_eq!(en("anaquel/src/a.rs", "pub fn nuevo(x: u8) {}", &todas[3]), 1);
    assert_eq!(en("anaquel/src/a.rs", "pub fn nuevo_dia() {}", &todas[3]), 0);
    assert_eq!(tipo("pub(super) enum Motivo<T> {"), Some("Motivo"));
    assert_eq!(tipo("    type Err = E;"), None);
    assert_eq!(
        mudas("a", "/// Uno.\n#[derive(Debug)]\n#[command(\n  a)]\npub struct Uno;\npub const fn dos() {}"),
        ["a:6: pub const fn dos() {}"]
    );
    assert_eq!(
        palabras("circuit breaker: CERRADO, libro (ISBN) / uno").collect::<Vec<_>>(),
        ["circuit breaker", "cerrado", "libro", "uno"]
    );
}
