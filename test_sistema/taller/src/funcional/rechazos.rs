//! Cada no de la biblioteca, con su código.

use common::{
    dominio::{Codigo, Comando},
    mensajes::Solicitud,
};

use super::{
    Prueba,
    consultas::nadie,
    devolucion,
    eleccion::{Eleccion, LIMITE_DE_ESTUDIANTE},
    id_desfasado, prestamo, renovacion, solicitud_nueva,
};

impl Prueba<'_> {
    pub(super) async fn rechazos(&mut self, eleccion: &Eleccion) {
        let (usuario, libre) = (eleccion.usuario, eleccion.libres[0]);
        let (sin_carne, sin_copia, sin_titulo) = nadie();
        let isbn = eleccion.titulo.isbn;
        let por_isbn = solicitud_nueva(Comando::Devolucion { usuario: Some(usuario), objeto: isbn.into(), sede: None });
        for (que, pide, codigo) in [
            ("préstamo de un ejemplar que no existe", prestamo(usuario, sin_copia), Codigo::EjemplarDesconocido),
            ("préstamo de un libro que no existe", prestamo(usuario, sin_titulo), Codigo::LibroDesconocido),
            ("préstamo a un usuario que no existe", prestamo(sin_carne, libre), Codigo::UsuarioDesconocido),
            ("préstamo a un usuario bloqueado", prestamo(eleccion.bloqueado, libre), Codigo::UsuarioBloqueado),
            ("renovación sin préstamo", renovacion(usuario, libre), Codigo::SinPrestamo),
            ("renovación por ISBN sin préstamo", renovacion(usuario, isbn), Codigo::SinPrestamo),
            ("devolución sin préstamo", devolucion(libre), Codigo::SinPrestamo),
            ("devolución por ISBN sin préstamo", por_isbn, Codigo::SinPrestamo),
            ("devolución de un ejemplar que no existe", devolucion(sin_copia), Codigo::EjemplarDesconocido),
        ] {
            self.rechaza(que, pide, codigo).await;
        }
        self.devolucion_tardia(eleccion).await;
        self.sin_ejemplares(eleccion).await;
        self.limite_de_prestamos(eleccion).await;
    }

    /// Se pidió devolver antes de que empezara el préstamo que hoy está abierto: no lo cierra.
    async fn devolucion_tardia(&mut self, eleccion: &Eleccion) {
        let (usuario, ejemplar) = (eleccion.usuario, eleccion.libres[0]);
        if self.tomar("préstamo", usuario, ejemplar).await.is_none() {
            return;
        }
        let tardia = Solicitud { id: Some(id_desfasado(-1)), ..devolucion(ejemplar) };
        self.rechaza("devolución pedida antes de ese préstamo", tardia, Codigo::DevolucionTardia).await;
        self.devolver("y la de ahora sí", ejemplar).await;
    }

    async fn sin_ejemplares(&mut self, eleccion: &Eleccion) {
        let titulo = &eleccion.titulo;
        let mut tomados = Vec::new();
        for (ejemplar, _) in &titulo.ejemplares {
            if self.tomar("préstamo de cada ejemplar de un título", eleccion.usuario, *ejemplar).await.is_some() {
                tomados.push(*ejemplar);
            }
        }
        let otro = prestamo(eleccion.otro_usuario, titulo.isbn);
        self.rechaza("préstamo por ISBN de un título agotado", otro, Codigo::SinEjemplares).await;
        for ejemplar in tomados {
            self.devolver("y se devuelve", ejemplar).await;
        }
    }

    async fn limite_de_prestamos(&mut self, eleccion: &Eleccion) {
        let (caben, sobra) = eleccion.libres.split_at(LIMITE_DE_ESTUDIANTE);
        for ejemplar in caben {
            self.tomar("préstamo hasta el límite", eleccion.usuario, *ejemplar).await;
        }
        if let Some(ejemplar) = sobra.first() {
            let uno_mas = prestamo(eleccion.usuario, *ejemplar);
            self.rechaza("préstamo por encima del límite", uno_mas, Codigo::LimiteDePrestamos).await;
        }
        for ejemplar in caben {
            self.devolver("y se devuelve", *ejemplar).await;
        }
    }
}
