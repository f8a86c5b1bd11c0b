//! Cada consulta, de lo que existe y de lo que no, y la salud.

use common::{
    dominio::{Codigo, Consulta, EjemplarId, Isbn, UsuarioId},
    mensajes::{Pedido, Solicitud},
};
use serde_json::json;
use uuid::Uuid;

use super::{Prueba, eleccion::Eleccion, solicitud_nueva};

/// Identificadores bien escritos que no son de nadie.
pub(super) fn nadie() -> (UsuarioId, EjemplarId, Isbn) {
    let escrito = "NO-EXISTE";
    let bien = "es un identificador bien escrito";
    (escrito.parse().expect(bien), escrito.parse().expect(bien), escrito.parse().expect(bien))
}

impl Prueba<'_> {
    pub(super) async fn consultas(&mut self, eleccion: &Eleccion) {
        self.aplica("salud", solicitud_nueva(Pedido::Salud)).await;
        let ejemplar = eleccion.libres[0];
        if let Some(r) =
            self.aplica("consulta de un ejemplar libre", solicitud_nueva(Consulta::Ejemplar(ejemplar))).await
        {
            self.libreta.apuntar("la consulta dice que está libre", r.dato("situacion", &json!("libre")));
        }
        let titulo = &eleccion.titulo;
        if let Some(r) = self.aplica("consulta de un libro", solicitud_nueva(Consulta::Libro(titulo.isbn))).await {
            let libres = r.dato("libres", &json!(titulo.ejemplares.len()));
            self.libreta.apuntar("la consulta dice cuántos ejemplares libres hay", libres);
        }
        self.aplica("consulta de un usuario", solicitud_nueva(Consulta::Usuario(eleccion.usuario))).await;
        let (usuario, ejemplar, isbn) = nadie();
        for (que, pide, codigo) in [
            ("un ejemplar que no existe", solicitud_nueva(Consulta::Ejemplar(ejemplar)), Codigo::EjemplarDesconocido),
            ("un libro que no existe", solicitud_nueva(Consulta::Libro(isbn)), Codigo::LibroDesconocido),
            ("un usuario que no existe", solicitud_nueva(Consulta::Usuario(usuario)), Codigo::UsuarioDesconocido),
            ("una operación que nadie pidió", Solicitud::por(Uuid::now_v7()), Codigo::OperacionDesconocida),
        ] {
            self.rechaza(&format!("consulta de {que}"), pide, codigo).await;
        }
    }
}
