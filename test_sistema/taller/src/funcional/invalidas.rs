//! Solicitudes que no lo son: cada una recibe un error que dice qué le pasa, y ninguna hace nada.

use common::{
    dominio::{Codigo, Estado},
    mensajes::SOLICITUD_BYTES_MAX,
};

use super::{Prueba, eleccion::Eleccion, id_desfasado};

/// Más adelantado de lo que se admite a un reloj.
const ADELANTO_S: i64 = 600;

impl Prueba<'_> {
    pub(super) async fn invalidas(&mut self, eleccion: &Eleccion) {
        let (usuario, ejemplar) = (eleccion.usuario, eleccion.libres[0]);
        let prestamo = |campo: &str| {
            format!(r#"{{"operacion":"prestamo","usuario":"{usuario}","ejemplar":"{ejemplar}",{campo}}}"#)
        };
        let largo = "9".repeat(40);
        for (que, cuerpo, parte) in [
            ("lo que no es JSON", "hola".to_owned(), "JSON"),
            ("una lista", "[]".to_owned(), "JSON"),
            ("un objeto vacío", "{}".to_owned(), "«operacion»"),
            ("una operación que no es un texto", r#"{"operacion":7}"#.to_owned(), "«operacion»"),
            ("un préstamo sin usuario", format!(r#"{{"operacion":"prestamo","ejemplar":"{ejemplar}"}}"#), "«usuario»"),
            ("un préstamo sin objeto", format!(r#"{{"operacion":"prestamo","usuario":"{usuario}"}}"#), "«ejemplar»"),
            ("un usuario vacío", r#"{"operacion":"consulta_usuario","usuario":""}"#.to_owned(), "«usuario»"),
            ("un ISBN demasiado largo", format!(r#"{{"operacion":"consulta_libro","isbn":"{largo}"}}"#), "«isbn»"),
            ("un carácter nulo", prestamo(r#""sede":"CEN\u0000TRO""#), "«sede»"),
            ("un ejemplar y un ISBN a la vez", prestamo(r#""isbn":"9780439023481""#), "«isbn»"),
            ("un id que no es un UUID", prestamo(r#""id":"7""#), "«id»"),
            ("un id de otra versión", prestamo(r#""id":"9b2d7a52-5e9f-4c54-9b8e-3c0a54f1d0aa""#), "«id»"),
            ("un id del futuro", prestamo(&format!(r#""id":"{}""#, id_desfasado(ADELANTO_S))), "futuro"),
            ("una solicitud enorme", format!("{{\"operacion\":\"{}\"}}", "x".repeat(SOLICITUD_BYTES_MAX)), "65536"),
        ] {
            self.es_invalida(que, cuerpo.as_bytes(), Codigo::SolicitudInvalida, parte).await;
        }
        self.es_invalida("lo que no es UTF-8", &[0xff, 0xfe, b'{'], Codigo::SolicitudInvalida, "UTF-8").await;
        let quemar = br#"{"operacion":"quemar"}"#;
        self.es_invalida("una operación que no existe", quemar, Codigo::OperacionDesconocida, "quemar").await;
    }

    /// El error dice `codigo` y nombra `parte`.
    async fn es_invalida(&mut self, que: &str, cuerpo: &[u8], codigo: Codigo, parte: &str) {
        let hallado = self.enviar(cuerpo).await.and_then(|r| {
            let r = r.queda(Estado::Error, codigo)?;
            let mensaje = &r.respuesta.mensaje;
            if mensaje.contains(parte) { Ok(()) } else { Err(format!("el mensaje no nombra {parte}: {mensaje}")) }
        });
        self.libreta.apuntar(&format!("{que}: {codigo}"), hallado);
    }
}
