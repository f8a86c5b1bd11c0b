//! El camino de siempre: préstamo, renovaciones, devolución y préstamo otra vez; por ejemplar, por ISBN y por sede.

use chrono::{DateTime, TimeDelta, Utc};
use common::{
    dominio::{Codigo, Comando, Consulta, EjemplarId, Estado, SedeId, Tipo},
    transport::cliente::Paciencia,
};
use serde_json::json;

use super::{Prueba, Recibida, eleccion::Eleccion, leer, prestamo, renovacion, solicitud_nueva};

const PLAZO: TimeDelta = TimeDelta::days(14);
const PLAZO_DE_RENOVACION: TimeDelta = TimeDelta::days(7);

impl Prueba<'_> {
    pub(super) async fn prestamo_con_renovaciones(&mut self, eleccion: &Eleccion) {
        let (usuario, ejemplar) = (eleccion.usuario, eleccion.libres[0]);
        let renovar = || renovacion(usuario, ejemplar);
        let Some(prestado) = self.tomar("préstamo de un ejemplar libre", usuario, ejemplar).await else { return };
        let vence = vencimiento(&prestado);
        let dura =
            vence.as_ref().map_or_else(|e| Err(e.clone()), |v| dias(*v - prestado.respuesta.fecha_operacion, PLAZO));
        self.libreta.apuntar("el préstamo dura dos semanas", dura);
        let mut anterior = vence;
        for cual in ["primera", "segunda"] {
            let Some(renovado) = self.aplica(&format!("{cual} renovación"), renovar()).await else { continue };
            let ahora = vencimiento(&renovado);
            let suma = anterior.and_then(|antes| dias(ahora.clone()? - antes, PLAZO_DE_RENOVACION));
            self.libreta.apuntar("suma una semana al vencimiento", suma);
            anterior = ahora;
        }
        self.rechaza("tercera renovación", renovar(), Codigo::LimiteDeRenovaciones).await;
        let consulta = self.preguntar(solicitud_nueva(Consulta::Ejemplar(ejemplar))).await;
        self.libreta
            .apuntar("la consulta dice quién lo tiene", consulta.and_then(|r| r.dato("usuario", &json!(usuario))));
        let otro = prestamo(eleccion.otro_usuario, ejemplar);
        self.rechaza("préstamo del mismo ejemplar a otro usuario", otro, Codigo::EjemplarPrestado).await;
        self.devolver("devolución, sin decir el usuario", ejemplar).await;
        self.tomar("préstamo otra vez, a otro usuario", eleccion.otro_usuario, ejemplar).await;
        self.devolver("devolución otra vez", ejemplar).await;
    }

    pub(super) async fn por_isbn(&mut self, eleccion: &Eleccion) {
        let (usuario, titulo) = (eleccion.usuario, &eleccion.titulo);
        let con = |tipo, sede: Option<SedeId>| {
            solicitud_nueva(Comando::new(tipo, Some(usuario), titulo.isbn.into(), sede).expect("nombra al usuario"))
        };
        if let Some(r) = self.aplica("préstamo por ISBN", con(Tipo::Prestamo, None)).await {
            let suyo = r.texto::<EjemplarId>("ejemplar").and_then(|e| {
                let es = titulo.ejemplares.iter().any(|(suyo, _)| *suyo == e);
                if es { Ok(()) } else { Err(format!("{e} no es de ese título")) }
            });
            self.libreta.apuntar("da un ejemplar de ese título", suyo);
        }
        self.aplica("renovación por ISBN", con(Tipo::Renovacion, None)).await;
        self.aplica("devolución por ISBN", con(Tipo::Devolucion, None)).await;
        let sedes: std::collections::BTreeSet<_> = titulo.ejemplares.iter().map(|(_, sede)| *sede).collect();
        for sede in sedes {
            let de_la_sede = con(Tipo::Prestamo, Some(sede));
            if let Some(r) = self.aplica(&format!("préstamo por ISBN en {sede}"), de_la_sede).await {
                self.libreta.apuntar("da un ejemplar de esa sede", r.dato("sede", &json!(sede)));
            }
            self.aplica("y se devuelve", con(Tipo::Devolucion, None)).await;
        }
    }

    /// Dos clientes piden a la vez el mismo ejemplar: uno se lo lleva y el otro no.
    pub(super) async fn disputa(&mut self, eleccion: &Eleccion) {
        let ejemplar = eleccion.libres[1];
        let de = |usuario| prestamo(usuario, ejemplar).escribir();
        let (uno, otro) = (de(eleccion.usuario), de(eleccion.otro_usuario));
        let paciencia = Paciencia::de_persona();
        let (uno, otro) = tokio::join!(self.cliente.pedir(&uno, paciencia), self.otro.pedir(&otro, paciencia));
        let recibidas = [uno, otro].map(|c| leer(c.map(|c| c.cuerpo)));
        recibidas.iter().flatten().for_each(|r| self.recordar(r));
        let mut estados: Vec<_> =
            recibidas.iter().flatten().map(|r| (r.respuesta.estado.as_str(), r.respuesta.codigo.as_str())).collect();
        estados.sort_unstable();
        let debidos = [
            (Estado::Aplicada.as_str(), Codigo::Ok.as_str()),
            (Estado::Rechazada.as_str(), Codigo::EjemplarPrestado.as_str()),
        ];
        let bien = if estados == debidos { Ok(()) } else { Err(format!("quedaron {estados:?}")) };
        self.libreta.apuntar("dos préstamos a la vez del mismo ejemplar: uno solo se aplica", bien);
        self.devolver("y se devuelve", ejemplar).await;
    }
}

fn vencimiento(recibida: &Recibida) -> Result<DateTime<Utc>, String> {
    recibida.texto("vence")
}

/// Si dura lo esperado, con un segundo de holgura entre la aceptación y la decisión.
fn dias(dura: TimeDelta, esperado: TimeDelta) -> Result<(), String> {
    let sobra = (dura - esperado).abs();
    if sobra < TimeDelta::seconds(1) { Ok(()) } else { Err(format!("dura {dura}")) }
}
