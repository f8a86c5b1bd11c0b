//! El mismo id otra vez: con lo mismo, la misma respuesta byte a byte; con otra cosa, nada.

use common::{
    dominio::{Codigo, Consulta, Estado},
    mensajes::Solicitud,
};
use uuid::Uuid;

use super::{Prueba, Recibida, eleccion::Eleccion, libreta::Comprobacion, prestamo, renovacion, solicitud_nueva};

impl Prueba<'_> {
    pub(super) async fn repeticiones(&mut self, eleccion: &Eleccion) {
        let (usuario, ejemplar) = (eleccion.usuario, eleccion.libres[0]);
        let id = Uuid::now_v7();
        let pedido = Solicitud { id: Some(id), ..prestamo(usuario, ejemplar) };
        let Some(primera) = self.aplica("préstamo con un id", pedido).await else { return };
        let segunda = self.preguntar(pedido).await;
        self.libreta.apuntar("el mismo id otra vez: la misma respuesta, byte a byte", iguales(&primera, segunda));
        let consulta = self.preguntar(Solicitud::por(id)).await;
        self.libreta.apuntar("consulta de la operación: la misma respuesta, byte a byte", iguales(&primera, consulta));
        let otra_cosa = Solicitud { id: Some(id), ..prestamo(usuario, eleccion.libres[1]) };
        let que = "el mismo id con otro contenido: CONFLICTO_DE_ID";
        self.espera(que, otra_cosa, Estado::Error, Codigo::ConflictoDeId).await;
        let libre = self.preguntar(solicitud_nueva(Consulta::Ejemplar(eleccion.libres[1]))).await;
        let libre = libre.and_then(|r| r.dato("situacion", &"libre".into()));
        self.libreta.apuntar("y no se hizo nada", libre);
        self.devolver("devolución", ejemplar).await;
        let tercera = self.preguntar(pedido).await;
        // La respuesta repetida dice «prestado», pero ya está devuelto: no es algo que haya que devolver.
        self.tomados.retain(|tomado| *tomado != ejemplar);
        self.libreta.apuntar("el mismo id tras devolverlo: la misma respuesta", iguales(&primera, tercera));
        let consulta = self.preguntar(solicitud_nueva(Consulta::Ejemplar(ejemplar))).await;
        self.libreta.apuntar("y sigue devuelto", consulta.and_then(|r| r.dato("situacion", &"libre".into())));
        let rechazado = renovacion(usuario, ejemplar);
        let Some(no) = self.espera("un rechazo con un id", rechazado, Estado::Rechazada, Codigo::SinPrestamo).await
        else {
            return;
        };
        let otra_vez = self.preguntar(rechazado).await;
        self.libreta.apuntar("también se repite byte a byte", iguales(&no, otra_vez));
    }
}

fn iguales(primera: &Recibida, otra: Result<Recibida, String>) -> Comprobacion {
    let otra = otra?;
    if primera.cuerpo == otra.cuerpo {
        return Ok(());
    }
    let texto = |r: &Recibida| String::from_utf8_lossy(&r.cuerpo).into_owned();
    Err(format!("primero {} y después {}", texto(primera), texto(&otra)))
}
