//! PostgreSQL, modelado en memoria: la foto se lee en un momento, y `guardar_lote` es entero o nada en otro.
//!
//! Los ids se reclaman al guardar, los índices únicos y las condiciones de la función rechazan lo que ya no vale, y una
//! caída deja en el aire lo que se confirmó y no se llegó a contestar.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use common::dominio::{
    EjemplarId, Objeto, OperacionId, UsuarioId,
    reglas::{Categoria, Ejemplar, Filas, Prestamo, Ranuras, Reglamento, Usuario},
};
use gestor_almacenamiento::machine::{Culpa, Decidida, Foto, LoteDecidido, Nombrado};

use crate::{
    catalogo::{ejemplar, isbn, sede, usuario},
    cronica::corto,
    entorno::Entorno,
    mensajes::{DeBase, Trabajo},
    perfil::Perfil,
    sucesos::{Quien, Suceso},
};

/// La base.
#[derive(Debug)]
pub struct Base {
    pub arriba: bool,
    /// Si está parada, con las conexiones abiertas.
    pub quieta: bool,
    pub generacion: u32,
    pub operaciones: BTreeMap<OperacionId, Decidida>,
    pub prestamos: BTreeMap<OperacionId, Prestamo>,
    pub ejemplares: BTreeMap<EjemplarId, Ejemplar>,
    usuarios: BTreeMap<UsuarioId, Categoria>,
    horizonte: DateTime<Utc>,
    retenidos: Vec<(usize, u32, u64, Trabajo)>,
}

impl Base {
    /// La de un catálogo recién cargado.
    pub fn new(perfil: &Perfil) -> Self {
        let copias = perfil.copias.iter().enumerate().flat_map(|(t, n)| (0..*n).map(move |c| (t, c)));
        let ejemplares =
            copias.map(|(t, c)| (ejemplar(t, c), Ejemplar { id: ejemplar(t, c), isbn: isbn(t), sede: sede() }));
        Self {
            arriba: true,
            quieta: false,
            generacion: 1,
            operaciones: BTreeMap::new(),
            prestamos: BTreeMap::new(),
            ejemplares: ejemplares.collect(),
            usuarios: (0..perfil.usuarios).map(|u| (usuario(u), Categoria::TODAS[u % 3])).collect(),
            horizonte: DateTime::UNIX_EPOCH,
            retenidos: Vec::new(),
        }
    }

    /// Le llega un trabajo por una conexión de esa generación (o nueva).
    pub fn recibir(
        &mut self,
        e: &mut Entorno,
        almacen: usize,
        vida: u32,
        numero: u64,
        generacion: Option<u32>,
        trabajo: Trabajo,
    ) {
        let vale = self.arriba && generacion.is_none_or(|g| g == self.generacion);
        if !vale {
            return self.contestar(e, almacen, vida, numero, DeBase::se_corto());
        }
        if self.quieta {
            self.retenidos.push((almacen, vida, numero, trabajo));
            return;
        }
        let que = self.hacer(e, almacen, trabajo);
        self.contestar(e, almacen, vida, numero, que);
    }

    fn contestar(&self, e: &mut Entorno, almacen: usize, vida: u32, numero: u64, que: DeBase) {
        let cuando = e.ahora + e.entre(30, 800);
        e.poner(cuando, Suceso::DeBase { almacen, vida, numero, generacion: self.generacion, que });
    }

    /// Se cae y vuelve a arrancar en un momento: las conexiones se cortan, y lo confirmado queda.
    pub fn caer(&mut self, e: &mut Entorno) {
        e.anotar(Quien::Base, || "se cae".into());
        self.arriba = false;
        self.quieta = false;
        self.generacion += 1;
        for (almacen, vida, numero, _) in std::mem::take(&mut self.retenidos) {
            self.contestar(e, almacen, vida, numero, DeBase::se_corto());
        }
    }

    /// Vuelve a moverse: hace lo que tenía, aunque ya nadie lo espere, o su plazo lo cancela.
    pub fn seguir(&mut self, e: &mut Entorno) {
        self.quieta = false;
        for (almacen, vida, numero, trabajo) in std::mem::take(&mut self.retenidos) {
            if e.azar.por_ciento(50) {
                let que = self.hacer(e, almacen, trabajo);
                self.contestar(e, almacen, vida, numero, que);
            } else {
                self.contestar(e, almacen, vida, numero, DeBase::se_corto());
            }
        }
    }

    fn hacer(&mut self, e: &mut Entorno, almacen: usize, trabajo: Trabajo) -> DeBase {
        match trabajo {
            Trabajo::Salud => DeBase::Sana,
            Trabajo::Foto(nombrado) => DeBase::Foto(Box::new(self.foto(e, &nombrado))),
            Trabajo::Guardar(lote) => self.guardar(e, almacen, *lote),
        }
    }

    fn foto(&self, e: &Entorno, nombrado: &[Nombrado]) -> Foto {
        let mut filas = Filas::default();
        let mut decididas = HashMap::new();
        for Nombrado { id, comando } in nombrado {
            if let Some(fila) = self.operaciones.get(id) {
                decididas.insert(*id, (fila.orden.huella, fila.respuesta.clone()));
            }
            let Some(comando) = comando else { continue };
            match comando.objeto() {
                Objeto::Ejemplar(id) => self.con_ejemplar(&mut filas, id),
                Objeto::Libro(isbn) => {
                    self.ejemplares
                        .values()
                        .filter(|ej| ej.isbn == isbn)
                        .for_each(|ej| self.con_ejemplar(&mut filas, ej.id));
                }
            }
            if let Some(id) = comando.usuario()
                && let Some(categoria) = self.usuarios.get(&id)
            {
                let bits = self.abiertos().filter(|p| p.usuario == id).fold(0, |bits, p| bits | 1 << p.ranura);
                let ranuras = Ranuras::de_bits(bits);
                filas.con_usuario(Usuario { id, categoria: *categoria, bloqueado: false, ranuras });
            }
        }
        let (reglamento, ahora, horizonte) = (Reglamento::VIGENTE, e.hora(0).fecha(), self.horizonte);
        Foto { decididas, filas, reglamento, ahora, horizonte }
    }

    fn con_ejemplar(&self, filas: &mut Filas, id: EjemplarId) {
        let Some(ejemplar) = self.ejemplares.get(&id) else { return };
        filas.con_ejemplar(*ejemplar);
        if let Some(prestamo) = self.abiertos().find(|p| p.ejemplar == id) {
            filas.con_prestamo(*prestamo);
        }
    }

    fn abiertos(&self) -> impl Iterator<Item = &Prestamo> {
        self.prestamos.values().filter(|p| p.cierre.is_none())
    }

    /// `guardar_lote`.
    fn guardar(&mut self, e: &mut Entorno, almacen: usize, lote: LoteDecidido) -> DeBase {
        if e.tormenta && e.azar.menor_que(200) == 0 {
            return DeBase::cruce();
        }
        if lote.decididas.iter().any(|d| self.operaciones.contains_key(&d.orden.id)) {
            return DeBase::cruce();
        }
        if lote.horizonte != self.horizonte {
            return DeBase::cruce();
        }
        let de_negocio = |d: &&Decidida| matches!(d.estado, "aplicada" | "rechazada");
        if lote.decididas.iter().filter(de_negocio).any(|d| e.juez.es_venenosa(d.orden.id)) {
            return DeBase::No(Culpa::Operacion("no se puede escribir".into()));
        }
        let mut prestamos = self.prestamos.clone();
        for cambiado in &lote.cambios.cambiados {
            let sigue = |p: &&mut Prestamo| p.cierre.is_none() && p.renovaciones == cambiado.renovaciones_leidas;
            let Some(fila) = prestamos.get_mut(&cambiado.prestamo.id).filter(sigue) else {
                return DeBase::cruce();
            };
            *fila = cambiado.prestamo;
        }
        for nuevo in &lote.cambios.nuevos {
            let choca = |p: &Prestamo| {
                p.cierre.is_none()
                    && (p.ejemplar == nuevo.ejemplar || (p.usuario, p.ranura) == (nuevo.usuario, nuevo.ranura))
            };
            if prestamos.contains_key(&nuevo.id) || (nuevo.cierre.is_none() && prestamos.values().any(choca)) {
                return DeBase::cruce();
            }
            prestamos.insert(nuevo.id, *nuevo);
        }
        self.prestamos = prestamos;
        for fila in lote.decididas {
            e.anotar(Quien::Base, || {
                format!(
                    "confirma {} {} ({}), del almacén {almacen}",
                    corto(fila.orden.id),
                    fila.estado,
                    fila.respuesta.codigo
                )
            });
            e.juez.al_confirmar(&fila);
            self.operaciones.insert(fila.orden.id, fila);
        }
        DeBase::Guardado
    }
}
