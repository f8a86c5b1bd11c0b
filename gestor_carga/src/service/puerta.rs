//! Decide qué se hace con lo que pide un cliente: a la máquina, al almacenamiento, o contestarle ya.

use std::time::Instant;

use chrono::Utc;
use common::{
    dominio::{Codigo, Comando, Consulta, Estado, Huella, Objeto, OperacionId},
    mensajes::{
        self, CuerpoPeticion, CuerpoResultado, Instante, Orden, Pedido, Respuesta, RespuestaGuardada, Solicitud,
        SolicitudInvalida,
    },
    process::puntos_de_muerte::{Punto, pasar},
    resilience::rotation::SinServicio,
    transport::{Entrega, Frame},
};
use uuid::Uuid;

use super::{
    Pregunta, Servicio,
    clientes::{Puerta, Remite},
    respuestas,
};
use crate::machine::Noticia;

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
        let fecha = Utc::now();
        let id = id.unwrap_or_else(Uuid::now_v7);
        let ahora_ms = u64::try_from(fecha.timestamp_millis()).unwrap_or(0);
        match OperacionId::try_new(id).and_then(|id| id.comprobar_reloj(ahora_ms).map(|()| id)) {
            Ok(id) => {
                let huella = Huella::de(&comando);
                let orden = Orden { id, huella, aceptada: Instante::from(fecha), intento: 0, sola: false, comando };
                self.maquina.on_solicitud(now, orden, remite, acepta);
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
            && let Some(noticia) = OperacionId::try_new(suyo).ok().and_then(|id| self.maquina.noticia(id))
        {
            return self.on_noticia(&remite, suyo, noticia);
        }
        // La respuesta a `consulta_operacion` es la guardada, byte a byte; a las demás se les pone el id del cliente.
        let id = id.filter(|_| !matches!(consulta, Consulta::Operacion(_)));
        let token = self.nuevo_token();
        match self.consultas.apuntar(now, token, Pregunta { remite, id, consulta }) {
            Ok(()) => self.almacen.llamar(token, CuerpoPeticion::Consultar(consulta)),
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
        let respuesta = Respuesta::nueva(id, Estado::Aplicada, Codigo::Ok, Utc::now()).con_datos(self.estado_json());
        self.contestar(remite, Estado::Aplicada, Codigo::Ok, &mensajes::codificar(&respuesta));
    }

    pub(super) fn on_consulta_contestada(&mut self, now: Instant, entrega: Entrega) {
        if let Ok(CuerpoResultado::Consultada(guardada)) = entrega.resultado {
            let Some(pregunta) = self.consultas.contestada(entrega.token) else { return };
            let pendientes = match pregunta.consulta {
                Consulta::Ejemplar(ejemplar) => Some(self.maquina.pendientes(&Objeto::Ejemplar(ejemplar))),
                Consulta::Libro(_) | Consulta::Usuario(_) | Consulta::Operacion(_) => None,
            };
            let guardada = con_lo_que_sabe_el_gestor(guardada, pregunta.id, pendientes);
            self.entregar_guardada(&pregunta.remite, &guardada);
        } else if let Some(pregunta) = match entrega.resultado {
            // Nadie la entiende: insistir daría lo mismo.
            Err(SinServicio::NoEntendida) => self.consultas.contestada(entrega.token),
            _ => self.consultas.no_servida(now, entrega.token),
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

/// El almacenamiento no sabe qué id puso el cliente a su consulta, ni qué operaciones hay sin decidir; el gestor sí.
fn con_lo_que_sabe_el_gestor(
    guardada: RespuestaGuardada,
    id: Option<Uuid>,
    pendientes: Option<usize>,
) -> RespuestaGuardada {
    if id.is_none() && pendientes.is_none() {
        return guardada;
    }
    let Ok(mut respuesta) = serde_json::from_str::<Respuesta>(guardada.cuerpo.get()) else { return guardada };
    respuesta.id = id.or(respuesta.id);
    if let (Some(pendientes), Some(datos)) = (pendientes, respuesta.datos.as_object_mut()) {
        datos.insert("pendientes".into(), pendientes.into());
    }
    respuesta.guardada()
}
