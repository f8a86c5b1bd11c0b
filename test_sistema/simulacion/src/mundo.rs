//! Todo lo que se simula: los procesos y lo que comparten, y quién arranca o mira lo suyo cuando le toca.

use juicio::azar::Azar;

use crate::{
    actor::Actor, almacen::Almacen, base::Base, cliente::Cliente, entorno::Entorno, gestor::Gestor, perfil::Perfil,
    sucesos::Quien,
};

/// Todo lo que se simula.
#[derive(Debug)]
pub struct Mundo {
    pub entorno: Entorno,
    pub gestores: Vec<Gestor>,
    pub actores: Vec<Actor>,
    pub almacenes: Vec<Almacen>,
    pub clientes: Vec<Cliente>,
    pub base: Base,
    pub pasos: u64,
}

impl Mundo {
    /// El mundo de una semilla, antes de que pase nada.
    pub fn new(semilla: u64, con_cronica: bool) -> Self {
        let mut azar = Azar::con_semilla(semilla);
        let perfil = Perfil::al_azar(&mut azar);
        Self::con(perfil, azar, con_cronica)
    }

    /// El mundo de un perfil.
    pub fn con(perfil: Perfil, mut azar: Azar, con_cronica: bool) -> Self {
        let gestores: Vec<_> = (0..perfil.gestores).map(|n| Gestor::new(n, &perfil, &mut azar)).collect();
        let actores: Vec<_> = (0..2 * perfil.actores).map(|n| Actor::new(n, &perfil)).collect();
        let almacenes: Vec<_> = (0..perfil.almacenes).map(Almacen::new).collect();
        let clientes: Vec<_> = (0..perfil.clientes).map(|n| Cliente::new(n, &perfil, &mut azar)).collect();
        let quienes = (0..gestores.len())
            .map(Quien::Gestor)
            .chain((0..actores.len()).map(Quien::Actor))
            .chain((0..almacenes.len()).map(Quien::Almacen))
            .chain((0..clientes.len()).map(Quien::Cliente));
        Self {
            base: Base::new(&perfil),
            entorno: Entorno::new(perfil, azar, quienes, con_cronica),
            gestores,
            actores,
            almacenes,
            clientes,
            pasos: 0,
        }
    }

    /// Un proceso arranca, si no vive ya.
    pub fn arrancar(&mut self, quien: Quien) {
        let e = &mut self.entorno;
        let proceso = e.proceso_mut(quien);
        if proceso.vivo {
            return;
        }
        proceso.vivo = true;
        proceso.vida += 1;
        e.anotar(quien, || "arranca".into());
        match quien {
            Quien::Gestor(n) => self.gestores[n].arrancar(e),
            Quien::Actor(n) => self.actores[n].arrancar(e),
            Quien::Almacen(n) => self.almacenes[n].arrancar(e),
            Quien::Cliente(_) | Quien::Base | Quien::Mundo => {}
        }
        e.conectar_todo(quien);
        let ahora = e.ahora;
        e.despertar(quien, ahora);
    }

    /// Un proceso mira lo que le espera, si es el turno que tenía y puede.
    pub fn turno(&mut self, quien: Quien, vida: u32) {
        let e = &mut self.entorno;
        let Some(entrantes) = e.recoger(quien, vida) else { return };
        match quien {
            Quien::Gestor(n) => self.gestores[n].turno(e, entrantes),
            Quien::Actor(n) => self.actores[n].turno(e, entrantes),
            Quien::Almacen(n) => self.almacenes[n].turno(e, entrantes),
            Quien::Cliente(n) => self.clientes[n].turno(e, entrantes),
            Quien::Base | Quien::Mundo => {}
        }
    }

    /// Nada queda por hacer: ni clientes, ni operaciones, ni filas en los diarios.
    pub fn en_paz(&self) -> bool {
        self.que_falta().is_empty()
    }

    /// Lo que queda por hacer, en una línea.
    pub fn que_falta(&self) -> String {
        let mut falta = Vec::new();
        falta.extend(self.clientes.iter().filter_map(Cliente::que_falta));
        falta.extend(self.gestores.iter().filter_map(Gestor::que_falta));
        falta.join("; ")
    }
}
