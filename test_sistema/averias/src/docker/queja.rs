//! Decide qué se le dice a una persona cuando docker se queja: una línea en español, con la salida. Pura.

/// Lo que se sabe traducir: si la queja contiene lo primero, se dice lo segundo.
const CONOCIDAS: [(&str, &str); 8] = [
    (
        "permission denied while trying to connect",
        "no hay permiso para hablar con el motor de contenedores. Entre en el grupo «docker», o repita como root",
    ),
    (
        "got permission denied",
        "no hay permiso para hablar con el motor de contenedores. Entre en el grupo «docker», o repita como root",
    ),
    ("cannot connect to the docker daemon", SIN_MOTOR),
    ("couldn't connect to docker daemon", SIN_MOTOR),
    ("error during connect", SIN_MOTOR),
    ("error while fetching server api version", SIN_MOTOR),
    (
        "no space left on device",
        "no queda disco para los contenedores. Libere sitio, por ejemplo con «docker system prune», y repita",
    ),
    ("pull access denied", "falta una imagen y no se puede descargar. Hágala con «make imagenes» y repita"),
];
const SIN_MOTOR: &str =
    "el motor de contenedores no contesta. Arránquelo (systemctl start docker), o diga dónde está con DOCKER_HOST";

/// La línea que se muestra por lo que `docker` dijo al fallar.
pub fn de(dicho: &str) -> String {
    let bajo = dicho.to_lowercase();
    if bajo.contains("port is already allocated") || bajo.contains("address already in use") {
        return match puerto(dicho) {
            Some(puerto) => format!(
                "el puerto {puerto} de esta máquina está ocupado. Pare a quien lo usa (¿una suite de «make servir», otros \
                 contenedores?) y repita"
            ),
            None => "un puerto de esta máquina está ocupado. Pare a quien lo usa y repita".to_owned(),
        };
    }
    if let Some((_, salida)) = CONOCIDAS.iter().find(|(queja, _)| bajo.contains(queja)) {
        return (*salida).to_owned();
    }
    let ultima = dicho.lines().rev().map(str::trim).find(|l| !l.is_empty());
    ultima.unwrap_or("no dijo por qué").to_owned()
}

/// El puerto que nombra una queja: va detrás de los últimos dos puntos de una dirección, `0.0.0.0:5555`.
fn puerto(dicho: &str) -> Option<u16> {
    let palabras = dicho.split(|c: char| c.is_whitespace() || c == ',' || c == '/');
    palabras.filter_map(|p| p.trim_end_matches(':').rsplit_once(':')?.1.parse().ok()).find(|p| *p > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn un_puerto_ocupado_se_nombra_lo_diga_quien_lo_diga() {
        for dicho in [
            "Error response from daemon: driver failed programming external connectivity on endpoint gestor_carga (ab12): \
             Bind for 0.0.0.0:5555 failed: port is already allocated",
            "Error starting userland proxy: listen tcp4 0.0.0.0:5555: bind: address already in use",
        ] {
            assert!(de(dicho).starts_with("el puerto 5555 de esta máquina está ocupado."), "{}", de(dicho));
        }
    }

    #[test]
    fn sin_motor_o_sin_permiso_se_dice_como_seguir_y_lo_demas_es_su_ultima_linea() {
        let sin_motor =
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?";
        assert_eq!(de(sin_motor), SIN_MOTOR);
        assert!(de("Got permission denied while trying to connect to the Docker daemon socket").contains("«docker»"));
        assert_eq!(de("una línea\notra\n\n"), "otra");
        assert_eq!(de(""), "no dijo por qué");
    }
}
