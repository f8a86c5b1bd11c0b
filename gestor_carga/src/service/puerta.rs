//! Decide qué se hace con lo que pide un cliente: a la máquina, al almacenamiento, o contestarle ya.

use std::time::Instant;

use chrono::Utc;
use common::{
    dominio::{Codigo, Comando, Consulta, Estado, Objeto, OperacionId},
    mensajes::{
        self, CuerpoPeticion, CuerpoResultado, DatosEjemplar, Pedido, Respuesta, RespuestaGuardada, Solicitud,
        SolicitudInvalida,
    },
    process::puntos_de_muerte::{Punto, pasar},
    resilience::rotation::SinServicio,
    transport::Frame,
};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{
    Para, Pregunta, Servicio,
    clientes::{Puerta, Remite},
    respuestas,
};
use crate::machine::{Noticia, aceptar};

impl Servicio {
    pub(super) fn on_solicitud(&mut self, now: Instant, cuadros: Vec<Frame>) {
        let Some((mut remite, cuerpo)) = Puerta::abrir(cuadros, now) else { return };
        match Solicitud::leer(&cuerpo) {
            Err(invalida) => self.on_invalida(&remite, &invalida),
            Ok(Solicitud { id, pedido, acepta_pendiente }) => match pedido {
                Pedido::Comando(comando) => {
                    remite.operacion = comando.tipo().as_str();
                    self.on_comando(now, remite, id, comando, acepta_pendiente);
                }
                Pedido::Consulta(consulta) => {
                    remite.operacion = consulta.nombre();
                    self.on_consulta(now, remite, id, consulta);
                }
                Pedido::Salud => {
                    remite.operacion = "salud";
                    self.on_salud(&remite, id);
                }
            },
        }
    }

    fn on_invalida(&mut self, remite: &Remite, invalida: &SolicitudInvalida) {
        let codigo =
            if invalida.operacion_desconocida { Codigo::OperacionDesconocida } else { Codigo::SolicitudInvalida };
        let frase = format!("{}: {}", codigo.mensaje(), invalida.motivo);
        self.contestar(
            remite,
            Estado::Error,
            codigo,
            &respuestas::con_frase(invalida.id, Estado::Error, codigo, frase),
        );
    }

    fn on_comando(&mut self, now: Instant, remite: Remite, id: Option<Uuid>, comando: Comando, acepta: bool) {
        let id = id.unwrap_or_else(Uuid::now_v7);
        match aceptar(id, comando, Utc::now().into()) {
            Ok(orden) => {
                self.machine.on_solicitud(now, orden, remite, acepta);
                pasar(Punto::GestorAceptada);
            }
            Err(e) => {
                let motivo = format!("el campo «id» {e}");
                self.on_invalida(&remite, &SolicitudInvalida { id: Some(id), motivo, operacion_desconocida: false });
            }
        }
    }

    fn on_consulta(&mut self, now: Instant, remite: Remite, id: Option<Uuid>, consulta: Consulta) {
        if let Consulta::Operacion(suyo) = consulta
            && let Some(noticia) = OperacionId::try_new(suyo).ok().and_then(|id| self.machine.noticia(id))
        {
            return self.on_noticia(&remite, suyo, noticia);
        }
        // La respuesta a `consulta_operacion` es la guardada, byte a byte; a las demás se les pone el id del cliente.
        let id = id.filter(|_| !matches!(consulta, Consulta::Operacion(_)));
        self.siguiente_consulta += 1;
        let numero = self.siguiente_consulta;
        match self.consultas.apuntar(now, numero, Pregunta { remite, id, consulta }) {
            Ok(()) => self.almacen.llamar(Para::Consulta(numero), CuerpoPeticion::Consultar(consulta)),
            Err(pregunta) => self.responder_consulta_fallida(pregunta, Codigo::Saturado),
        }
    }

    /// La operación está sin decidir: `pendiente` si se prometió; si no, todavía no se puede decir nada.
    fn on_noticia(&mut self, remite: &Remite, id: Uuid, noticia: Noticia) {
        let (estado, codigo) = match noticia {
            Noticia::Prometida(codigo) => (Estado::Pendiente, codigo),
            Noticia::EnCurso(codigo) => (Estado::Incierta, codigo),
        };
        self.contestar(remite, estado, codigo, &respuestas::propia(Some(id), estado, codigo));
    }

    fn on_salud(&mut self, remite: &Remite, id: Option<Uuid>) {
        let respuesta = Respuesta::new(id, Estado::Aplicada, Codigo::Ok, Utc::now()).con_datos(self.estado_json());
        self.contestar(remite, Estado::Aplicada, Codigo::Ok, &mensajes::codificar(&respuesta));
    }

    pub(super) fn on_consulta_contestada(
        &mut self,
        now: Instant,
        numero: u64,
        resultado: Result<CuerpoResultado, SinServicio>,
    ) {
        if let Ok(CuerpoResultado::Consultada(guardada)) = resultado {
            let Some(pregunta) = self.consultas.contestada(numero) else { return };
            // El almacenamiento no sabe qué id puso el cliente a su consulta, ni qué operaciones hay sin decidir; el gestor sí.
            let completada = match pregunta.consulta {
                Consulta::Ejemplar(ejemplar) => {
                    let pendientes = self.machine.pendientes(&Objeto::Ejemplar(ejemplar));
                    con_pendientes(&guardada, pregunta.id, pendientes)
                }
                Consulta::Libro(_) | Consulta::Usuario(_) | Consulta::Operacion(_) => None,
            };
            let completada = completada.or_else(|| con_id(&guardada, pregunta.id?));
            self.entregar_guardada(&pregunta.remite, completada.as_ref().unwrap_or(&guardada));
        } else if let Some(pregunta) = match resultado {
            // Nadie la entiende: insistir daría lo mismo.
            Err(SinServicio::NoEntendida) => self.consultas.contestada(numero),
            _ => self.consultas.no_servida(now, numero),
        } {
            self.responder_consulta_fallida(pregunta, Codigo::AlmacenamientoNoDisponible);
        }
    }

    pub(super) fn responder_consulta_fallida(&mut self, pregunta: Pregunta, codigo: Codigo) {
        let Pregunta { remite, id, .. } = pregunta;
        self.contestar(&remite, Estado::Error, codigo, &respuestas::propia(id, Estado::Error, codigo));
    }

    fn contestar(&mut self, remite: &Remite, estado: Estado, codigo: Codigo, bytes: &[u8]) {
        self.puerta.responder(remite, bytes);
        self.cuentas.contar(remite.operacion, estado, codigo, remite.desde);
    }
}

/// La misma respuesta sobre un ejemplar con las operaciones suyas que hay sin decidir, si se entienden sus datos.
fn con_pendientes(guardada: &RespuestaGuardada, id: Option<Uuid>, pendientes: usize) -> Option<RespuestaGuardada> {
    let mut respuesta: Respuesta<Option<DatosEjemplar>> = serde_json::from_str(guardada.cuerpo.get()).ok()?;
    respuesta.id = id.or(respuesta.id);
    respuesta.datos.as_mut()?.pendientes = Some(pendientes);
    Some(respuesta.guardada())
}

/// La misma respuesta con ese id; sus datos pasan como vinieron.
fn con_id(guardada: &RespuestaGuardada, id: Uuid) -> Option<RespuestaGuardada> {
    let mut respuesta: Respuesta<Box<RawValue>> = serde_json::from_str(guardada.cuerpo.get()).ok()?;
    respuesta.id = Some(id);
    Some(respuesta.guardada())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    /// Los bytes de una respuesta, como se escribían cuando el gestor la leía entera y la volvía a escribir.
    fn bytes(id: &str, datos: &str) -> String {
        let fecha = "2023-11-14T22:13:20.123456Z";
        let resto =
            format!(r#""exito":true,"estado":"aplicada","codigo":"OK","mensaje":"«x»","fechaOperacion":"{fecha}""#);
        format!(r#"{{"id":{id},{resto},"datos":{datos}}}"#)
    }

    fn contestada(datos: &str) -> RespuestaGuardada {
        RespuestaGuardada { codigo: Codigo::Ok, cuerpo: RawValue::from_string(bytes("null", datos)).expect("json") }
    }

    fn id() -> (Uuid, String) {
        (Uuid::try_parse(ID).expect("uuid"), format!("\"{ID}\""))
    }

    #[test]
    fn los_bytes_que_recibe_quien_consulta_son_los_de_siempre() {
        let prestado = r#""prestamo":"01890a5d-ac96-774b-bcce-b302099a8057","renovaciones":0,"sede":"S","situacion":"prestado","titulo":"T","usuario":"U1","vence":"2023-11-14T22:13:20.123456Z"}"#;
        let guardada = contestada(&format!(r#"{{"ejemplar":"E1","isbn":"978",{prestado}"#));
        let completos = format!(r#"{{"ejemplar":"E1","isbn":"978","pendientes":2,{prestado}"#);
        let (id, texto) = id();
        let completada = |guardada, id, pendientes| con_pendientes(guardada, id, pendientes).expect("se entiende");
        assert_eq!(completada(&guardada, Some(id), 2).cuerpo.get(), bytes(&texto, &completos));
        assert_eq!(completada(&guardada, None, 2).cuerpo.get(), bytes("null", &completos));
        let desconocido = contestada(r#"{"ejemplar":"E1"}"#);
        let con_pendientes = bytes(&texto, r#"{"ejemplar":"E1","pendientes":0}"#);
        assert_eq!(completada(&desconocido, Some(id), 0).cuerpo.get(), con_pendientes);
    }

    #[test]
    fn los_datos_que_el_gestor_no_entiende_pasan_como_vinieron() {
        let de_otra_version = r#"{"estantes":[{"z":1,"a":null}],"ejemplar":7}"#;
        let (guardada, (id, texto)) = (contestada(de_otra_version), id());
        assert!(con_pendientes(&guardada, Some(id), 0).is_none());
        assert_eq!(con_id(&guardada, id).expect("es una respuesta").cuerpo.get(), bytes(&texto, de_otra_version));
    }
}
