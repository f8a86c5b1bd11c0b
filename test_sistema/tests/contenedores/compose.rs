//! Lee un archivo de compose como lo lee Compose: con sus anclas y sus `<<` ya fundidos.

use std::collections::BTreeMap;

use yaml_rust2::{Yaml, YamlLoader, yaml::Hash};

use crate::leer;

/// Los dos archivos.
pub const ARCHIVOS: [&str; 2] = ["docker-compose.pc1.yml", "docker-compose.pc2.yml"];

/// Un archivo de compose.
pub struct Compose {
    pub texto: String,
    pub todo: Yaml,
}

/// Un servicio de un archivo.
pub struct Servicio {
    pub nombre: String,
    pub yaml: Yaml,
}

impl Compose {
    pub fn de(archivo: &str) -> Self {
        let texto = leer(archivo);
        let mut documentos = YamlLoader::load_from_str(&texto).unwrap_or_else(|e| panic!("{archivo}: {e}"));
        assert_eq!(documentos.len(), 1, "{archivo}");
        Self { texto, todo: fundir(documentos.remove(0)) }
    }

    pub fn servicios(&self) -> Vec<Servicio> {
        let servicios = self.todo["services"].as_hash().expect("hay servicios");
        servicios.iter().map(|(nombre, yaml)| Servicio { nombre: texto(nombre), yaml: yaml.clone() }).collect()
    }

    /// Las variables de compose que nombra, con su valor por defecto: `${NOMBRE:-valor}`.
    pub fn variables(&self) -> BTreeMap<String, String> {
        let usos = self.texto.split("${").skip(1).map(|resto| resto.split('}').next().expect("siempre hay uno"));
        let mut halladas = BTreeMap::new();
        for uso in usos {
            let (nombre, valor) = uso.split_once(":-").unwrap_or_else(|| panic!("{uso} no tiene valor por defecto"));
            let antes = halladas.insert(nombre.to_owned(), valor.to_owned());
            assert!(antes.is_none_or(|antes| antes == valor), "{nombre} tiene dos valores por defecto");
        }
        halladas
    }
}

/// Todos los servicios de los dos archivos.
pub fn todos() -> Vec<Servicio> {
    ARCHIVOS.iter().flat_map(|archivo| Compose::de(archivo).servicios()).collect()
}

impl Servicio {
    /// Si es de los nuestros: los demás son de otra imagen.
    pub fn es_nuestro(&self) -> bool {
        self.yaml["build"].as_hash().is_some()
    }

    /// El programa que corre.
    pub fn programa(&self) -> String {
        self.lista("command").into_iter().next().unwrap_or_else(|| panic!("{} no dice su programa", self.nombre))
    }

    /// Una lista de textos; ausente, vacía.
    pub fn lista(&self, clave: &str) -> Vec<String> {
        self.yaml[clave].as_vec().map(|lista| lista.iter().map(texto).collect()).unwrap_or_default()
    }

    /// Sus ajustes.
    pub fn entorno(&self) -> BTreeMap<String, String> {
        let entorno = self.yaml["environment"].as_hash();
        entorno.map(|pares| pares.iter().map(|(n, v)| (texto(n), texto(v))).collect()).unwrap_or_default()
    }
}

/// Un escalar, como texto.
pub fn texto(yaml: &Yaml) -> String {
    match yaml {
        Yaml::String(texto) | Yaml::Real(texto) => texto.clone(),
        Yaml::Integer(n) => n.to_string(),
        Yaml::Boolean(b) => b.to_string(),
        otro => panic!("no es un escalar: {otro:?}"),
    }
}

fn fundir(yaml: Yaml) -> Yaml {
    match yaml {
        Yaml::Hash(pares) => {
            let mut fundido = Hash::new();
            let (heredados, propios): (Vec<_>, Vec<_>) = pares
                .into_iter()
                .map(|(clave, valor)| (clave, fundir(valor)))
                .partition(|(c, _)| c.as_str() == Some("<<"));
            for (_, heredado) in heredados {
                fundido.extend(heredado.into_hash().expect("«<<» trae un mapa"));
            }
            for (clave, valor) in propios {
                fundido.replace(clave, valor);
            }
            Yaml::Hash(fundido)
        }
        Yaml::Array(lista) => Yaml::Array(lista.into_iter().map(fundir).collect()),
        otro => otro,
    }
}
