//! Cada consulta, de lo que existe y de lo que no, y la salud.

use common::dominio::{Codigo, EjemplarId, Isbn, UsuarioId};
use serde_json::json;
use uuid::Uuid;

use super::{Prueba, eleccion::Eleccion};
use crate::solicitud::Campos;

/// Identificadores bien escritos que no son de nadie.
pub(super) fn nadie() -> (UsuarioId, EjemplarId, Isbn) {
    let escrito = "NO-EXISTE";
    let bien = "es un identificador bien escrito";
    (escrito.parse().expect(bien), escrito.parse().expect(bien), escrito.parse().expect(bien))
}

impl Prueba<'_> {
    pub(super) async fn consultas(&mut self, eleccion: &Eleccion) {
        self.aplica("salud", Campos::de("salud")).await;
        let ejemplar = eleccion.libres[0];
        if let Some(r) =
            self.aplica("consulta de un ejemplar libre", Campos::de("consulta_ejemplar").ejemplar(ejemplar)).await
        {
            self.libreta.apuntar("la consulta dice que está libre", r.dato("situacion", &json!("libre")));
        }
        let titulo = &eleccion.titulo;
        if let Some(r) = self.aplica("consulta de un libro", Campos::de("consulta_libro").isbn(titulo.isbn)).await {
            let libres = r.dato("libres", &json!(titulo.ejemplares.len()));
            self.libreta.apuntar("la consulta dice cuántos ejemplares libres hay", libres);
        }
        self.aplica("consulta de un usuario", Campos::de("consulta_usuario").usuario(eleccion.usuario)).await;
        let (usuario, ejemplar, isbn) = nadie();
        let de = Campos::de;
        self.rechaza(
            "consulta de un ejemplar que no existe",
            de("consulta_ejemplar").ejemplar(ejemplar),
            Codigo::EjemplarDesconocido,
        )
        .await;
        self.rechaza("consulta de un libro que no existe", de("consulta_libro").isbn(isbn), Codigo::LibroDesconocido)
            .await;
        self.rechaza(
            "consulta de un usuario que no existe",
            de("consulta_usuario").usuario(usuario),
            Codigo::UsuarioDesconocido,
        )
        .await;
        let operacion = de("consulta_operacion").id(Uuid::now_v7());
        self.rechaza("consulta de una operación que nadie pidió", operacion, Codigo::OperacionDesconocida).await;
    }
}
