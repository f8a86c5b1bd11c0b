//! Lo que `docker inspect` cuenta de un contenedor, y de ello lo que interesa. Pura.

use std::net::IpAddr;

use serde::Deserialize;
use serde_json::Value;

/// Un contenedor visto.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContenedorVisto {
    pub nombre: String,
    /// Su identidad: otra si se volvió a crear.
    pub id: String,
    pub en_marcha: bool,
    /// Si su comprobación de salud dice que está sano.
    pub sano: bool,
    /// Su dirección en su red; ninguna, si está desconectado o parado.
    pub ip: Option<IpAddr>,
    /// El volumen que tiene montado en cada sitio.
    volumenes: Vec<(String, String)>,
}

impl ContenedorVisto {
    /// El volumen con nombre montado en esa ruta.
    pub fn volumen(&self, en: &str) -> Option<&str> {
        self.volumenes.iter().find(|(sitio, _)| sitio == en).map(|(_, nombre)| nombre.as_str())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Crudo {
    id: String,
    name: String,
    state: Estado,
    network_settings: Redes,
    #[serde(default)]
    mounts: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Estado {
    running: bool,
    #[serde(default)]
    health: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Redes {
    #[serde(default)]
    networks: serde_json::Map<String, Value>,
}

/// Los contenedores de un `docker inspect`.
///
/// # Errors
/// Si no es JSON de `docker inspect`.
pub fn leer(json: &str) -> serde_json::Result<Vec<ContenedorVisto>> {
    let crudos: Vec<Crudo> = serde_json::from_str(json)?;
    Ok(crudos.into_iter().map(visto).collect())
}

fn visto(crudo: Crudo) -> ContenedorVisto {
    let texto = |valor: &Value, campo: &str| valor[campo].as_str().map(str::to_owned);
    let ip = crudo.network_settings.networks.values().find_map(|red| red["IPAddress"].as_str()?.parse().ok());
    ContenedorVisto {
        nombre: crudo.name.trim_start_matches('/').to_owned(),
        id: crudo.id,
        en_marcha: crudo.state.running,
        sano: crudo.state.running && crudo.state.health["Status"] == "healthy",
        ip,
        volumenes: crudo.mounts.iter().filter_map(|m| Some((texto(m, "Destination")?, texto(m, "Name")?))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn de_un_contenedor_se_ve_su_salud_su_direccion_y_su_volumen_y_desconectado_no_tiene_direccion() {
        let json = r#"[
            {"Id": "ab", "Name": "/gestor_carga", "State": {"Running": true, "Health": {"Status": "healthy"}},
             "NetworkSettings": {"Networks": {"una": {"IPAddress": "172.20.0.5"}}},
             "Mounts": [{"Type": "volume", "Name": "demo_diario", "Destination": "/var/lib/anaquel"}, {"Type": "tmpfs"}]},
            {"Id": "cd", "Name": "/almacen_pc2", "State": {"Running": true},
             "NetworkSettings": {"Networks": {}}}]"#;
        let vistos = leer(json).expect("se lee");
        assert!(vistos[0].sano && vistos[0].nombre == "gestor_carga");
        assert_eq!(vistos[0].ip, Some("172.20.0.5".parse().expect("dirección")));
        assert_eq!(vistos[0].volumen("/var/lib/anaquel"), Some("demo_diario"));
        assert!(vistos[1].en_marcha && !vistos[1].sano && vistos[1].ip.is_none());
    }
}
