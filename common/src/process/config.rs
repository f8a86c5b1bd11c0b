//! Decide de dónde sale cada ajuste: el entorno manda sobre el archivo TOML de `ANAQUEL_CONFIG`.
//!
//! Un ajuste malo detiene el proceso en la puerta con una línea que lo nombra y dice cómo arreglarlo.

use std::{fmt::Display, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use crate::{
    tiempos::{self, OrdenRoto},
    transport::Endpoint,
};

/// El ajuste que nombra el archivo TOML.
const ARCHIVO: &str = "ANAQUEL_CONFIG";
/// El ajuste con la dirección HTTP de un proceso.
pub const HTTP_ADDR: &str = "HTTP_ADDR";
/// El ajuste con los gestores de almacenamiento, separados por comas.
pub const ALMACENAMIENTO: &str = "GESTOR_ALMACENAMIENTO_ENDPOINTS";
/// Lo que vale si no se dice.
pub const ALMACENAMIENTO_POR_DEFECTO: &str = "127.0.0.1:5570,127.0.0.1:5571";

/// Un ajuste que no vale. Su texto es la línea que se muestra.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ajuste {nombre}: {motivo}. {salida}")]
pub struct AjusteInvalido {
    /// El nombre del ajuste, como se escribe en el entorno.
    pub nombre: String,
    pub motivo: String,
    pub salida: String,
}

impl From<OrdenRoto> for AjusteInvalido {
    fn from(roto: OrdenRoto) -> Self {
        Self { nombre: roto.ajuste.to_owned(), motivo: roto.motivo, salida: roto.salida }
    }
}

/// Los ajustes de un proceso. En el TOML, los mismos nombres en minúsculas.
pub struct Ajustes {
    fuente: config::Config,
}

impl Ajustes {
    /// Lee el entorno y, si se nombra, el archivo.
    ///
    /// # Errors
    /// [`AjusteInvalido`] si el archivo no existe o no es TOML.
    pub fn leer() -> Result<Self, AjusteInvalido> {
        let mut constructor = config::Config::builder();
        if let Some(ruta) = std::env::var(ARCHIVO).ok().filter(|ruta| !ruta.trim().is_empty()) {
            constructor = constructor.add_source(config::File::new(&ruta, config::FileFormat::Toml));
        }
        let fuente = constructor
            .add_source(config::Environment::default().ignore_empty(true))
            .build()
            .map_err(|e| invalido(ARCHIVO, e, "Nombre un archivo TOML que exista, o quite el ajuste"))?;
        Ok(Self { fuente })
    }

    /// Ajustes dados, para pruebas.
    pub fn de_pares(pares: &[(&str, &str)]) -> Self {
        let mut constructor = config::Config::builder();
        for (nombre, valor) in pares {
            constructor =
                constructor.set_override(nombre.to_lowercase(), *valor).expect("los nombres de prueba son válidos");
        }
        Self { fuente: constructor.build().expect("los ajustes de prueba son válidos") }
    }

    /// El texto de un ajuste, si está y no es vacío.
    pub fn texto(&self, nombre: &str) -> Option<String> {
        self.fuente.get_string(&nombre.to_lowercase()).ok().filter(|t| !t.trim().is_empty())
    }

    /// Un ajuste que se interpreta con [`FromStr`]; ausente, su valor por defecto.
    ///
    /// # Errors
    /// [`AjusteInvalido`] con `salida`.
    pub fn valor<T: FromStr>(&self, nombre: &str, por_defecto: &str, salida: &str) -> Result<T, AjusteInvalido> {
        let texto = self.texto(nombre).unwrap_or_else(|| por_defecto.to_owned());
        // Sin la causa: la de un número o una IP viene en inglés y no dice más que `salida`.
        texto.trim().parse().map_err(|_| invalido(nombre, format!("«{texto}» no vale"), salida))
    }

    /// Una dirección `host:puerto`.
    pub fn endpoint(&self, nombre: &str, por_defecto: &str) -> Result<Endpoint, AjusteInvalido> {
        let texto = self.texto(nombre).unwrap_or_else(|| por_defecto.to_owned());
        let salida = format!("Escriba host:puerto, por ejemplo {por_defecto}");
        texto.parse().map_err(|e| invalido(nombre, format!("«{texto}» no vale: {e}"), &salida))
    }

    /// Una lista de direcciones separadas por comas, con una por lo menos.
    pub fn endpoints(&self, nombre: &str, por_defecto: &str) -> Result<Vec<Endpoint>, AjusteInvalido> {
        let texto = self.texto(nombre).unwrap_or_else(|| por_defecto.to_owned());
        let salida = format!("Escriba host:puerto separados por comas, por ejemplo {por_defecto}");
        let lista = Endpoint::lista(&texto).map_err(|e| invalido(nombre, e, &salida))?;
        if lista.is_empty() { Err(invalido(nombre, "la lista está vacía", &salida)) } else { Ok(lista) }
    }

    /// Los gestores de almacenamiento a los que se llama, por orden de preferencia.
    ///
    /// # Errors
    /// [`AjusteInvalido`] que nombra [`ALMACENAMIENTO`].
    pub fn almacenamiento(&self) -> Result<Vec<Endpoint>, AjusteInvalido> {
        let lista = self.endpoints(ALMACENAMIENTO, ALMACENAMIENTO_POR_DEFECTO)?;
        tiempos::comprobar_endpoints(lista.len())?;
        Ok(lista)
    }

    /// La dirección en que un proceso atiende HTTP.
    ///
    /// # Errors
    /// [`AjusteInvalido`] que nombra [`HTTP_ADDR`].
    pub fn http(&self, por_defecto: &str) -> Result<SocketAddr, AjusteInvalido> {
        self.valor(HTTP_ADDR, por_defecto, &format!("Escriba IP:puerto, por ejemplo {por_defecto}"))
    }

    /// Una duración en milisegundos, mayor que cero.
    pub fn milisegundos(&self, nombre: &str, por_defecto: u64) -> Result<Duration, AjusteInvalido> {
        let salida = format!("Escriba un número de milisegundos mayor que cero, por ejemplo {por_defecto}");
        match self.valor::<u64>(nombre, &por_defecto.to_string(), &salida)? {
            0 => Err(invalido(nombre, "no puede ser cero", &salida)),
            ms => Ok(Duration::from_millis(ms)),
        }
    }

    /// Una ruta.
    pub fn ruta(&self, nombre: &str, por_defecto: &str) -> PathBuf {
        self.texto(nombre).unwrap_or_else(|| por_defecto.to_owned()).into()
    }
}

/// Compone el error de un ajuste.
pub fn invalido(nombre: &str, motivo: impl Display, salida: &str) -> AjusteInvalido {
    AjusteInvalido { nombre: nombre.to_owned(), motivo: motivo.to_string(), salida: salida.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn un_ajuste_malo_nombra_el_ajuste_y_la_salida() {
        let ajustes = Ajustes::de_pares(&[("GESTOR_CARGA_BIND", "hola"), ("PLAZO_MS", "0"), ("LISTA", " , ")]);
        for texto in [
            ajustes.endpoint("GESTOR_CARGA_BIND", "127.0.0.1:5555").expect_err("malo").to_string(),
            ajustes.milisegundos("PLAZO_MS", 2000).expect_err("malo").to_string(),
            ajustes.endpoints("LISTA", "127.0.0.1:5570").expect_err("malo").to_string(),
        ] {
            assert!(texto.contains("por ejemplo"), "{texto}");
        }
        let texto = ajustes.endpoint("GESTOR_CARGA_BIND", "127.0.0.1:5555").expect_err("malo").to_string();
        assert!(texto.contains("GESTOR_CARGA_BIND") && texto.contains("hola"), "{texto}");
    }

    #[test]
    fn mas_gestores_de_almacenamiento_de_los_que_caben_en_una_llamada_se_nombran_con_el_orden_que_rompen() {
        let cinco = Ajustes::de_pares(&[(ALMACENAMIENTO, "a:1,b:1,c:1,d:1,e:1")]);
        let texto = cinco.almacenamiento().expect_err("no caben").to_string();
        for parte in [ALMACENAMIENTO, "5 direcciones", "3000 ms", "Escriba 4"] {
            assert!(texto.contains(parte), "{texto}");
        }
        assert_eq!(Ajustes::de_pares(&[]).almacenamiento().map(|lista| lista.len()), Ok(2));
    }

    #[test]
    fn un_ajuste_ausente_o_vacio_toma_su_valor_por_defecto() {
        let ajustes = Ajustes::de_pares(&[("VACIO", "")]);
        assert_eq!(ajustes.endpoint("VACIO", "127.0.0.1:5555").expect("por defecto").puerto(), 5555);
        assert_eq!(ajustes.milisegundos("OTRO", 2000).expect("por defecto"), Duration::from_secs(2));
        let lista = ajustes.endpoints("LISTA", "a:1, tcp://[::1]:2").expect("por defecto");
        assert_eq!(lista.len(), 2);
    }
}
