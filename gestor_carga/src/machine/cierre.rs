//! Decide cuándo se deja de intentar una operación y cómo se termina con ella (la fase `Anulando` de las tablas).
//!
//! Se renuncia en tres casos: se llegó al límite de fallos definidos o de muertes (se aparta), o venció el plazo sin que
//! nadie acepte `pendiente` (se anula). Decide el almacenamiento, y una decisión tardía vale igual. Mientras no contesta se
//! insiste, con la espera de cualquier otra, y quien ya venció recibe `incierta`.
//!
//! Si esperan a la vez quienes aceptan `pendiente` y quienes no, manda la promesa: la operación sigue su curso y a los
//! otros se les dice `incierta`, que es la verdad. Lo mismo si ya estaba en el diario. Y quien llega a una que se está
//! anulando recibe lo que el almacenamiento diga, o `incierta`.

use common::dominio::Estado;

use super::{
    Machine,
    accion::Accion,
    operacion::{EnDiario, Fase, Fin, Num, Op, Turno},
};

impl<W> Machine<W> {
    /// Si la operación llegó a un límite, se aparta; dice si fue así.
    pub(super) fn renunciar_en_el_limite(&mut self, num: Num) -> bool {
        let limite = self.ops.get(&num).and_then(|op| op.limite(&self.limites));
        if let Some(motivo) = limite {
            self.renunciar(num, Fin::Apartar(motivo));
        }
        limite.is_some()
    }

    /// Deja de intentarla: lo siguiente que sale es la petición de terminar con ella.
    fn renunciar(&mut self, num: Num, fin: Fin) {
        let Some(op) = self.ops.get_mut(&num) else { return };
        if let Fase::EnCola(Turno::Aplazada { hasta, .. }) = op.fase {
            self.plazos.aplazadas.remove(&(hasta, num));
        }
        op.renunciar(fin);
        let id = op.id();
        self.vuelos.vuelve(num);
        self.poner_lista(num);
        self.acciones.push_back(Accion::Renunciada { id, fin });
    }

    /// Venció el plazo de alguien. Si nadie de los que esperan acepta `pendiente` ni se prometió nada, se renuncia: si
    /// nada salió hacia el almacenamiento, con un `error` basta; si algo salió, solo él puede anularla.
    pub(super) fn renunciar_sin_promesa(&mut self, num: Num) {
        let Some(op) = self.ops.get(&num) else { return };
        if op.diario != EnDiario::No || op.fin.is_some() || op.esperas.iter().any(|espera| espera.acepta) {
            return;
        }
        let motivo = self.motivo(op.ruta());
        if op.salio || op.en_vuelo() {
            self.renunciar(num, Fin::Anular(motivo));
        } else if let Some(op) = self.sacar(num) {
            let id = op.id();
            for espera in op.esperas {
                self.responder(espera.quien, id, Estado::Error, motivo);
            }
        }
    }

    /// El almacenamiento no pudo decir si terminaba con ella: quienes ya vencieron no esperan más.
    pub(super) fn contestar_a_los_vencidos(&mut self, num: Num) {
        let Some(op) = self.ops.get_mut(&num).filter(|op| op.fin.is_some()) else { return };
        let (anulando, escribiendo) = (op.anulando(), op.diario == EnDiario::Escribiendo);
        let espera_al_diario = |acepta: bool| acepta && escribiendo && !anulando;
        let (vencidas, quedan) = std::mem::take(&mut op.esperas)
            .into_iter()
            .partition(|espera| espera.vencida && !espera_al_diario(espera.acepta));
        op.esperas = quedan;
        let (id, ruta) = (op.id(), op.ruta());
        let motivo = self.motivo(ruta);
        self.despedir(num, id, vencidas, Estado::Incierta, motivo);
    }

    /// El gestor se va: quienes no aceptan `pendiente` saben ya lo que se puede saber.
    pub(super) fn despedir_sin_promesa(&mut self, num: Num) {
        let Some(op) = self.ops.get_mut(&num) else { return };
        let (quedan, rechazan) = std::mem::take(&mut op.esperas).into_iter().partition(|espera| espera.acepta);
        op.esperas = quedan;
        let (id, ruta) = (op.id(), op.ruta());
        let motivo = self.motivo(ruta);
        self.despedir(num, id, rechazan, Estado::Incierta, motivo);
    }
}

impl<W> Op<W> {
    /// Si quien vence ahora puede esperar una vez más: por el diario, o por lo que el almacenamiento diga al terminar con
    /// ella.
    pub(super) fn prorroga(&self, acepta: bool, vencida: bool) -> bool {
        let por_el_diario = acepta && !self.anulando();
        !vencida && if por_el_diario { self.diario != EnDiario::Averiado } else { self.fin.is_some() }
    }

    /// Si vale la pena escribirla en el diario: alguien acepta `pendiente`, o nadie espera ya.
    pub(super) fn se_puede_prometer(&self) -> bool {
        !self.anulando() && (self.esperas.is_empty() || self.esperas.iter().any(|espera| espera.acepta))
    }
}
