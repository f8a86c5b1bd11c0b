//! Decide qué se promete y cuándo: `pendiente` solo sale con la operación ya escrita en el diario.

use std::time::Instant;

use common::dominio::{Codigo, Estado, OperacionId};

use super::{
    Machine,
    accion::Accion,
    operacion::{EnDiario, Espera, Num},
};

/// Lo que cuenta el diario de lo que se le mandó.
#[derive(Debug, PartialEq, Eq)]
pub enum Aviso {
    Escritas(Vec<Num>),
    Fallidas(Vec<Num>),
    Recuperado,
}

impl<W> Machine<W> {
    /// El diario dice qué fue de lo que se le mandó.
    pub fn on_diario(&mut self, aviso: Aviso) {
        match aviso {
            Aviso::Escritas(nums) => nums.into_iter().for_each(|num| self.on_escrita(num)),
            Aviso::Fallidas(nums) => nums.into_iter().for_each(|num| self.on_fallida(num)),
            Aviso::Recuperado => self.on_recuperado(),
        }
    }

    /// Empieza a escribir la operación, si no se ha empezado y hay a quién prometérsela. Con el diario averiado no se
    /// intenta.
    pub(super) fn anotar(&mut self, num: Num) {
        let Some(op) = self.ops.get_mut(&num).filter(|op| op.diario == EnDiario::No && op.se_puede_prometer()) else {
            return;
        };
        if self.diario_averiado {
            op.diario = EnDiario::Averiado;
        } else {
            op.diario = EnDiario::Escribiendo;
            self.acciones.push_back(Accion::Anotar { num, orden: op.orden });
        }
    }

    /// La fila está en disco: `pendiente` a todos los que lo aceptan.
    fn on_escrita(&mut self, num: Num) {
        let Some(op) = self.ops.get_mut(&num).filter(|op| op.diario == EnDiario::Escribiendo) else { return };
        op.diario = EnDiario::Si;
        let (aceptan, quedan): (Vec<_>, Vec<_>) =
            std::mem::take(&mut op.esperas).into_iter().partition(|espera| espera.acepta);
        op.esperas = quedan;
        op.prometida |= !aceptan.is_empty();
        let (id, ruta) = (op.id(), op.ruta());
        let motivo = self.motivo(ruta);
        self.despedir(num, id, aceptan, Estado::Pendiente, motivo);
    }

    /// La fila no se pudo escribir: `incierta` a quienes ya vencieron, y la puerta se cierra.
    fn on_fallida(&mut self, num: Num) {
        self.diario_averiado = true;
        let Some(op) = self.ops.get_mut(&num).filter(|op| op.diario == EnDiario::Escribiendo) else { return };
        op.diario = EnDiario::Averiado;
        let (id, ruta) = (op.id(), op.ruta());
        let (vencidas, quedan) = std::mem::take(&mut op.esperas).into_iter().partition(|e| e.vencida);
        op.esperas = quedan;
        let motivo = self.motivo(ruta);
        self.despedir(num, id, vencidas, Estado::Incierta, motivo);
    }

    /// El diario vuelve a escribirse: la puerta se abre, y lo que alguien espera se escribe ya.
    fn on_recuperado(&mut self) {
        self.diario_averiado = false;
        let averiadas: Vec<_> =
            self.ops.iter().filter(|(_, op)| op.diario == EnDiario::Averiado).map(|(num, _)| *num).collect();
        for num in averiadas {
            let Some(op) = self.ops.get_mut(&num) else { continue };
            op.diario = EnDiario::No;
            // La escritura que falló pudo quedar en el disco.
            self.acciones.push_back(Accion::Borrar { num });
            if !op.esperas.is_empty() {
                self.anotar(num);
            }
        }
    }

    /// El gestor se va: lo que quede sin decidir se promete.
    pub fn anotar_todo(&mut self) {
        let nums: Vec<_> = self.ops.keys().copied().collect();
        for num in nums {
            self.despedir_sin_promesa(num);
            self.anotar(num);
        }
    }

    /// Queda algo por escribir en el diario, o alguien espera.
    pub fn hay_promesas_por_hacer(&self) -> bool {
        self.esperas > 0 || self.ops.values().any(|op| op.diario == EnDiario::Escribiendo)
    }

    /// Venció el plazo de quienes esperan desde hace tanto. Con el diario a medio escribir, o mientras el almacenamiento
    /// dice si termina con ella, se espera una vez más: nadie queda sin respuesta.
    pub(super) fn vencer_espera(&mut self, now: Instant, vence: Instant, num: Num) {
        let importa = |op: &super::Op<W>| op.esperas.iter().any(|e| e.vence == vence);
        if !self.ops.get(&num).is_some_and(importa) {
            return;
        }
        self.renunciar_sin_promesa(num);
        self.anotar(num);
        let Some(op) = self.ops.get_mut(&num) else { return };
        let (id, ruta) = (op.id(), op.ruta());
        let (mut vencen, mut quedan): (Vec<_>, Vec<_>) =
            std::mem::take(&mut op.esperas).into_iter().partition(|e| e.vence == vence);
        for mut espera in vencen.extract_if(.., |e| op.prorroga(e.acepta, e.vencida)) {
            espera.vencida = true;
            espera.vence = self.plazos.esperas.armar(now, num);
            quedan.push(espera);
        }
        op.esperas = quedan;
        let motivo = self.motivo(ruta);
        self.despedir(num, id, vencen, Estado::Incierta, motivo);
    }

    /// Contesta a unos cuantos, que ya no están entre los que esperan por la operación.
    pub(super) fn despedir(
        &mut self,
        num: Num,
        id: OperacionId,
        quienes: Vec<Espera<W>>,
        estado: Estado,
        codigo: Codigo,
    ) {
        if let Some(op) = self.ops.get(&num) {
            self.claves.restar_esperas(&op.clave(), quienes.len());
        }
        self.esperas -= quienes.len();
        for espera in quienes {
            self.responder(espera.quien, id, estado, codigo);
        }
    }
}
