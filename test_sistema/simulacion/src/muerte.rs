//! Decide cuándo muere un proceso entre dos de sus acciones, qué se va con él y cuánto tarda en volver.

use crate::{
    entorno::Entorno,
    reloj::{MS, SEG},
    sucesos::{Quien, Suceso},
};

impl Entorno {
    /// Si el proceso muere justo aquí, entre dos de las cosas que hace seguidas.
    pub fn muere_aqui(&mut self, quien: Quien) -> bool {
        let muere = self.tormenta && self.azar.menor_que(100_000) < self.perfil.muertes_a_medias;
        if muere {
            self.matar(quien, "a media faena");
        }
        muere || !self.proceso(quien).vivo
    }

    /// El proceso muere; volverá a arrancar.
    pub fn matar(&mut self, quien: Quien, como: &str) {
        if !self.proceso(quien).vivo {
            return;
        }
        self.anotar(quien, || format!("muere {como}"));
        self.dar_por_no_parado(quien);
        self.proceso_mut(quien).morir();
        self.morir_enlaces(quien);
        let fuera = if self.azar.por_ciento(70) { self.entre(MS, 400 * MS) } else { self.entre(MS, 8 * SEG) };
        self.poner(self.ahora + fuera, Suceso::Arranca(quien));
    }
}
