//! Decide qué cambia con cada suceso: una solicitud, un informe, un actor que llega o se va.

use std::time::Instant;

use common::{
    dominio::{Codigo, Comando, Estado, Huella, IdInvalido, OperacionId},
    mensajes::{Desenlace, Instante, Orden, RespuestaGuardada, ResultadoInforme, Topico},
    resilience::EstadoBreaker,
};
use uuid::Uuid;

use super::{
    Machine,
    accion::{Accion, Contestacion},
    almacen::Almacen,
    operacion::{Destino, EnDiario, Espera, Fase, Num, Op, Turno},
    presencia::Llegada,
};

/// La orden de lo que alguien pide a esa hora.
///
/// # Errors
/// Si el id no vale.
pub fn aceptar(id: Uuid, comando: Comando, fecha: Instante) -> Result<Orden, IdInvalido> {
    let id = OperacionId::try_new(id)?;
    id.comprobar_reloj(u64::try_from(fecha.0 / 1_000).unwrap_or(0))?;
    Ok(Orden { id, huella: Huella::de(&comando), aceptada: fecha, intento: 0, sola: false, comando })
}

impl<W> Machine<W> {
    /// Alguien pide una operación. Si no acepta `pendiente`, al vencer su plazo se renuncia a ella o recibe `incierta`.
    pub fn on_solicitud(&mut self, now: Instant, orden: Orden, quien: W, acepta_pendiente: bool) {
        match self.por_id.get(&orden.id) {
            Some(&num) => self.on_repetida(now, num, &orden, quien, acepta_pendiente),
            None if self.diario_averiado || self.ops.len() >= self.limites.operaciones => {
                self.responder(quien, orden.id, Estado::Error, Codigo::Saturado);
            }
            None => {
                let num = Num(self.siguiente);
                self.siguiente += 1;
                let anotable = self.plazos.anotar_sin_destino.armar(now, num);
                self.plazos.anotar.armar(now, num);
                self.insertar(num, Op::new(orden, EnDiario::No, anotable));
                self.esperar(now, num, quien, acepta_pendiente);
            }
        }
    }

    fn on_repetida(&mut self, now: Instant, num: Num, orden: &Orden, quien: W, acepta: bool) {
        let Some(op) = self.ops.get_mut(&num) else { return };
        if !op.es(orden.huella) {
            self.responder(quien, orden.id, Estado::Error, Codigo::ConflictoDeId);
        } else if op.diario == EnDiario::Si && acepta {
            op.prometida = true;
            let ruta = op.ruta();
            let motivo = self.motivo(ruta);
            self.responder(quien, orden.id, Estado::Pendiente, motivo);
        } else if op.cabe_otra_espera() {
            if op.diario == EnDiario::No {
                // Los plazos de su llegada pudieron pasar con el diario averiado, o sin nadie que aceptara `pendiente`.
                self.plazos.anotar.armar(now, num);
            }
            self.esperar(now, num, quien, acepta);
        } else {
            self.responder(quien, orden.id, Estado::Incierta, Codigo::Saturado);
        }
    }

    fn esperar(&mut self, now: Instant, num: Num, quien: W, acepta: bool) {
        let vence = self.plazos.esperas.armar(now, num);
        let Some(op) = self.ops.get_mut(&num) else { return };
        op.esperas.push(Espera { quien, vence, acepta, vencida: false });
        self.esperas += 1;
        // Si nadie esperaba por esta clave, la que va primera pasa con las nuevas: no hace esperar a la de detrás.
        if let Some(primera) = self.claves.sumar_espera(&op.clave())
            && self.ops[&primera].fase == Fase::EnCola(Turno::Lista { nueva: false })
        {
            self.poner_lista(primera);
        }
    }

    /// Llegó el desenlace de una operación, por un informe o por una llamada directa.
    pub fn on_desenlace(&mut self, now: Instant, resultado: ResultadoInforme) {
        let ResultadoInforme { id, huella, intento, desenlace } = resultado;
        if matches!(desenlace, Desenlace::Decidida(_) | Desenlace::NoEscrita { .. }) {
            self.on_almacen_de_vuelta(now);
        }
        let Some(num) = self.buscar(id, huella) else { return };
        if let Desenlace::Decidida(respuesta) = desenlace {
            // Decidida está, la trajera quien la trajera y del intento que fuese.
            self.terminar(num, &respuesta);
            return;
        }
        let op = self.ops.get_mut(&num).expect("por_id solo nombra operaciones de la tabla");
        if !op.en_vuelo() || op.orden.intento != intento {
            return;
        }
        let turno = match desenlace {
            Desenlace::NoEscrita { motivo } => op.no_escrita(now, &motivo, self.limites.reintento),
            // No es noticia del almacenamiento: pudo no entenderla el actor.
            Desenlace::NoEntendida { motivo } => op.no_entendida(now, &motivo, self.limites.reintento),
            Desenlace::Incierta => {
                self.noticias.mala();
                op.incierta(now, self.noticias.buenas())
            }
            Desenlace::SinAlmacenamiento | Desenlace::Decidida(_) => {
                self.noticias.mala();
                self.almacen.on_sin_almacen(now);
                op.sin_almacen(now)
            }
        };
        let anotable = op.anotable <= now;
        self.volver_a_la_cola(num, turno);
        if anotable && self.sin_destino(num) {
            self.anotar(num);
        }
        self.contestar_a_los_vencidos(num);
    }

    fn buscar(&self, id: OperacionId, huella: Huella) -> Option<Num> {
        self.por_id.get(&id).copied().filter(|num| self.ops[num].es(huella))
    }

    /// Está decidida: respuesta a todos, fuera del diario (o al buzón, si se prometió y no se aplicó), y el turno a la
    /// siguiente de su clave.
    fn terminar(&mut self, num: Num, respuesta: &RespuestaGuardada) {
        let Some(op) = self.sacar(num) else { return };
        if op.prometida && respuesta.codigo != Codigo::Ok {
            self.acciones.push_back(Accion::AlBuzon { num, orden: op.orden, fin: respuesta.clone() });
        } else if op.diario != EnDiario::No {
            // Averiado también: la escritura que falló pudo quedar en el disco.
            self.acciones.push_back(Accion::Borrar { num });
        }
        let id = op.id();
        for espera in op.esperas {
            let contestacion = Contestacion::Decidida(respuesta.clone());
            self.acciones.push_back(Accion::Responder { a: espera.quien, id, contestacion });
        }
    }

    /// La saca de la tabla y da el turno a la siguiente de su clave.
    pub(super) fn sacar(&mut self, num: Num) -> Option<Op<W>> {
        let op = self.ops.remove(&num)?;
        self.por_id.remove(&op.id());
        self.vuelos.vuelve(num);
        if let Fase::EnCola(Turno::Aplazada { hasta, .. }) = op.fase {
            self.plazos.aplazadas.remove(&(hasta, num));
        }
        let clave = op.clave();
        self.esperas -= op.esperas.len();
        self.claves.restar_esperas(&clave, op.esperas.len());
        if let Some(siguiente) = self.claves.quitar(&clave, num) {
            self.poner_lista(siguiente);
        }
        Some(op)
    }

    /// Un actor anuncia su suscripción. Toda llegada es nueva: si ya estaba, lo que tenía en vuelo pudo perderse y se
    /// publica otra vez.
    pub fn on_actor_presente(&mut self, now: Instant, topico: Topico, instancia: &str) -> bool {
        let llegada = self.presencia.llega(topico, instancia);
        if let Llegada::OtraVez(actor) = llegada {
            self.vuelos.hacer_sitio();
            for num in self.vuelos.de(Destino::Actor(actor)) {
                if let Some(op) = self.ops.get_mut(&num) {
                    op.salio = true;
                }
                self.vuelos.vuelve(num);
                self.poner_lista(num);
            }
        }
        self.soltar(now);
        llegada != Llegada::Sobra
    }

    /// Un actor se perdió: lo suyo vuelve a la cola y sale en seguida hacia otro, cada operación sola, porque alguna
    /// pudo matarlo. Dice si estaba.
    pub fn on_actor_ausente(&mut self, now: Instant, topico: Topico, instancia: &str) -> bool {
        let Some(actor) = self.presencia.se_va(topico, instancia) else { return false };
        self.vuelos.hacer_sitio();
        for num in self.vuelos.de(Destino::Actor(actor)) {
            let Some(op) = self.ops.get_mut(&num) else { continue };
            op.actor_perdido(now, self.noticias.mudo());
            let id = op.id();
            if self.renunciar_en_el_limite(num) {
                continue;
            }
            self.vuelos.vuelve(num);
            self.poner_lista(num);
            self.acciones.push_back(Accion::Reasignada { id, motivo: "se perdió el actor que la tenía" });
        }
        true
    }

    /// Cómo están ahora los circuitos propios, en el orden de siempre. Si alguno se cerró, hay almacenamiento.
    pub fn on_circuitos(&mut self, now: Instant, estados: impl Iterator<Item = EstadoBreaker>) {
        let antes = std::mem::replace(&mut self.circuitos, estados.collect());
        let se_cerro = |(antes, ahora): (&EstadoBreaker, &EstadoBreaker)| {
            *antes != EstadoBreaker::Cerrado && *ahora == EstadoBreaker::Cerrado
        };
        if antes.iter().zip(&self.circuitos).any(se_cerro) {
            self.on_almacen_de_vuelta(now);
        }
    }

    /// Hay almacenamiento: lo dice una operación decidida, o el breaker propio que se cerró.
    fn on_almacen_de_vuelta(&mut self, now: Instant) {
        self.noticias.buena();
        if self.almacen.caido() {
            self.almacen = Almacen::Bien;
        }
        if self.noticias.por_soltar && self.soltar(now) {
            self.noticias.por_soltar = false;
        }
    }

    /// Las que esperan al almacenamiento dejan de esperar; salen por la ventana. `false` si todavía no toca.
    fn soltar(&mut self, now: Instant) -> bool {
        if self.plazos.aplazadas.is_empty() {
            return true;
        }
        if !self.suelta.permitida(now) {
            return false;
        }
        let soltable = |op: &Op<W>| matches!(op.fase, Fase::EnCola(Turno::Aplazada { soltable: true, .. }));
        let sueltas: Vec<_> =
            self.plazos.aplazadas.iter().filter(|(_, num)| self.ops.get(num).is_some_and(soltable)).copied().collect();
        for (hasta, num) in sueltas {
            self.plazos.aplazadas.remove(&(hasta, num));
            self.poner_lista(num);
        }
        true
    }

    pub(super) fn vencer_reentrega(&mut self, now: Instant, vence: Instant, num: Num) {
        let Some(op) = self.ops.get_mut(&num) else { return };
        if !matches!(op.fase, Fase::EnVuelo { reentrega, .. } if reentrega == vence) {
            return;
        }
        let (id, turno) = (op.id(), op.sin_informe(now));
        self.noticias.por_soltar = true;
        self.volver_a_la_cola(num, turno);
        self.acciones.push_back(Accion::Reasignada { id, motivo: "nadie informó de ella" });
    }

    /// Espera otro intento, salvo que haya llegado a un límite.
    fn volver_a_la_cola(&mut self, num: Num, turno: Turno) {
        if self.renunciar_en_el_limite(num) {
            return;
        }
        let Some(op) = self.ops.get_mut(&num) else { return };
        op.fase = Fase::EnCola(turno);
        self.vuelos.vuelve(num);
        if let Turno::Aplazada { hasta, .. } = turno {
            self.plazos.aplazadas.insert((hasta, num));
        }
    }

    pub(super) fn responder(&mut self, a: W, id: OperacionId, estado: Estado, codigo: Codigo) {
        self.acciones.push_back(Accion::Responder { a, id, contestacion: Contestacion::Propia(estado, codigo) });
    }
}
