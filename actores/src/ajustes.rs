//! Decide con qué ajustes trabaja un actor: qué gestores atiende y qué almacenamiento llama.

use std::net::SocketAddr;

use common::{
    process::config::{ALMACENAMIENTO, ALMACENAMIENTO_POR_DEFECTO, AjusteInvalido, Ajustes, HTTP_ADDR, invalido},
    transport::Endpoint,
};

const PUB_ADDR: &str = "GESTOR_CARGA_PUB_ADDR";
const PUB_ADDR_POR_DEFECTO: &str = "127.0.0.1:5556";
const INFORMES_ADDR: &str = "GESTOR_CARGA_INFORMES_ADDR";
const INFORMES_ADDR_POR_DEFECTO: &str = "127.0.0.1:5557";

/// Las dos direcciones de un gestor de carga que un actor usa.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DireccionGestor {
    pub eventos: Endpoint,
    pub informes: Endpoint,
}

/// Los ajustes, ya comprobados.
#[derive(Clone, Debug)]
pub struct Ajustado {
    pub gestores: Vec<DireccionGestor>,
    /// Los puntos de almacenamiento, por orden de preferencia.
    pub almacenamiento: Vec<Endpoint>,
    pub http: SocketAddr,
}

impl Ajustado {
    /// Los lee; `http` es la dirección HTTP por defecto.
    ///
    /// # Errors
    /// [`AjusteInvalido`] que nombra el que esté mal.
    pub fn leer(ajustes: &Ajustes, http: &str) -> Result<Self, AjusteInvalido> {
        let eventos = ajustes.endpoints(PUB_ADDR, PUB_ADDR_POR_DEFECTO)?;
        let informes = ajustes.endpoints(INFORMES_ADDR, INFORMES_ADDR_POR_DEFECTO)?;
        if eventos.len() != informes.len() {
            return Err(invalido(
                INFORMES_ADDR,
                format!("tiene {} direcciones y {PUB_ADDR} tiene {}", informes.len(), eventos.len()),
                "Escriba una dirección de informes por cada gestor de carga, en el mismo orden",
            ));
        }
        let gestores = eventos
            .into_iter()
            .zip(informes)
            .map(|(eventos, informes)| DireccionGestor { eventos, informes })
            .collect();
        Ok(Self { gestores, almacenamiento: ajustes.almacenamiento()?, http: ajustes.http(http)? })
    }
}

/// Los ajustes, para `--help`.
pub fn ayuda(http: &str) -> String {
    format!(
        "
Ajustes (del entorno o, en minúsculas, del TOML que nombre ANAQUEL_CONFIG; el entorno manda):
  {PUB_ADDR}            dónde publican los gestores de carga, separados por comas [{PUB_ADDR_POR_DEFECTO}]
  {INFORMES_ADDR}       dónde reciben informes, en el mismo orden [{INFORMES_ADDR_POR_DEFECTO}]
  {ALMACENAMIENTO}  puntos de almacenamiento, separados por comas [{ALMACENAMIENTO_POR_DEFECTO}]
  {HTTP_ADDR}                        dirección de /salud, /listo y /metrics [{http}]
  RUST_LOG                         detalle del registro [info]

/listo contesta 200 si hay conexión con algún gestor de carga y con algún punto de almacenamiento, y no todos los
circuitos están ABIERTOS. SIGTERM: deja de recibir, termina lo que tiene en la mano (2 s como mucho), informa y sale con 0.
Salida: 0 bien, 2 una orden o un ajuste mal escritos, 1 cualquier otro fallo."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTTP: &str = "127.0.0.1:5658";

    #[test]
    fn sin_ajustes_se_atiende_al_gestor_de_esta_maquina() {
        let ajustado = Ajustado::leer(&Ajustes::de_pares(&[]), HTTP).expect("por defecto");
        assert_eq!(ajustado.gestores.len(), 1);
        assert_eq!(ajustado.almacenamiento.len(), 2);
        assert_eq!(ajustado.http.port(), 5658);
    }

    #[test]
    fn cada_gestor_lleva_su_direccion_de_informes() {
        let pares = [(PUB_ADDR, "a:1,b:2"), (INFORMES_ADDR, "a:3,b:4")];
        let ajustado = Ajustado::leer(&Ajustes::de_pares(&pares), HTTP).expect("dos");
        let informes: Vec<_> = ajustado.gestores.iter().map(|g| g.informes.to_string()).collect();
        assert_eq!(informes, ["a:3", "b:4"]);
    }

    #[test]
    fn un_ajuste_malo_se_nombra() {
        for (pares, nombre) in [
            ([(PUB_ADDR, "a:1,b:2"), (INFORMES_ADDR, "a:3")], INFORMES_ADDR),
            ([(PUB_ADDR, "a"), (INFORMES_ADDR, "a:3")], PUB_ADDR),
            ([(ALMACENAMIENTO, "x:0"), (HTTP_ADDR, HTTP)], ALMACENAMIENTO),
            ([(ALMACENAMIENTO, "a:1,b:1,c:1,d:1,e:1"), (HTTP_ADDR, HTTP)], ALMACENAMIENTO),
            ([(HTTP_ADDR, "localhost"), (PUB_ADDR, "a:1")], HTTP_ADDR),
        ] {
            let error = Ajustado::leer(&Ajustes::de_pares(&pares), HTTP).expect_err("malo").to_string();
            assert!(error.contains(nombre), "{error}");
        }
    }
}
