//! Con qué se prueba: ejemplares libres y usuarios sin préstamos, elegidos preguntando.

use common::dominio::{Consulta, EjemplarId, Isbn, SedeId, UsuarioId};
use juicio::azar::Azar;
use serde_json::Value;

use super::{Prueba, Recibida, solicitud_nueva};

/// Ejemplares libres que hacen falta: uno más que el mayor límite que se prueba.
const LIBRES: usize = 6;
/// Cuánto se busca antes de rendirse.
const INTENTOS: usize = 400;
/// El catálogo de muestra: cuántos ejemplares (por debajo) y usuarios tiene.
const EJEMPLARES: usize = 9_000;
const USUARIOS: usize = 1_000;
/// El límite de préstamos de un estudiante, que es con quien se prueba.
pub(super) const LIMITE_DE_ESTUDIANTE: usize = 5;

/// Con qué se prueba.
pub(super) struct Eleccion {
    pub usuario: UsuarioId,
    pub otro_usuario: UsuarioId,
    pub bloqueado: UsuarioId,
    pub libres: Vec<EjemplarId>,
    /// Un título con todos sus ejemplares libres.
    pub titulo: Titulo,
}

/// Un título y lo que hay de él.
pub(super) struct Titulo {
    pub isbn: Isbn,
    pub ejemplares: Vec<(EjemplarId, SedeId)>,
}

impl Prueba<'_> {
    /// Elige al azar, para que dos pruebas a la vez no se estorben.
    pub(super) async fn elegir(&mut self) -> Result<Eleccion, String> {
        let mut azar = Azar::con_semilla(uuid::Uuid::now_v7().as_u64_pair().1);
        let (mut usuarios, mut bloqueado) = (Vec::new(), None);
        for _ in 0..INTENTOS {
            if usuarios.len() == 2 && bloqueado.is_some() {
                break;
            }
            // Los bloqueados son pocos: se buscan donde están, uno de cada cincuenta.
            let n = azar.menor_que(USUARIOS / 50) * 50;
            let n = if usuarios.len() == 2 { n + 50 } else { n + 1 + azar.menor_que(48) };
            let id = format!("U{n:04}").parse().map_err(|e| format!("usuario de muestra: {e}"))?;
            let datos = self.preguntar(solicitud_nueva(Consulta::Usuario(id))).await?.respuesta.datos;
            if datos["bloqueado"] == true {
                bloqueado = Some(id);
            } else if datos["categoria"] == "ESTUDIANTE" && datos["abiertos"] == 0 && !usuarios.contains(&id) {
                usuarios.push(id);
            }
        }
        let (Some(bloqueado), &[usuario, otro_usuario]) = (bloqueado, &usuarios[..]) else {
            return Err(
                "la suite no tiene los usuarios de muestra. Cargue el catálogo: gestor_almacenamiento importar \
                        datos/libros_10k.csv"
                    .into(),
            );
        };
        let (libres, titulo) = self.elegir_ejemplares(&mut azar).await?;
        Ok(Eleccion { usuario, otro_usuario, bloqueado, libres, titulo })
    }

    async fn elegir_ejemplares(&mut self, azar: &mut Azar) -> Result<(Vec<EjemplarId>, Titulo), String> {
        let (mut libres, mut elegido) = (Vec::new(), None);
        for _ in 0..INTENTOS {
            // Los primeros del catálogo tienen varias copias: ahí está el título que se agota.
            let n = 1 + azar.menor_que(if elegido.is_none() { EJEMPLARES / 10 } else { EJEMPLARES });
            let id: EjemplarId = format!("E{n:06}").parse().map_err(|e| format!("ejemplar de muestra: {e}"))?;
            let ejemplar = self.preguntar(solicitud_nueva(Consulta::Ejemplar(id))).await?;
            if ejemplar.respuesta.datos["situacion"] != "libre" || libres.contains(&id) {
                continue;
            }
            if elegido.is_none() {
                let libro = self.preguntar(solicitud_nueva(Consulta::Libro(ejemplar.isbn()?))).await?;
                elegido = titulo_con_varias_sedes(&libro);
            } else if elegido.as_ref().is_some_and(|t: &Titulo| t.ejemplares.iter().all(|(e, _)| *e != id)) {
                libres.push(id);
            }
            if let (LIBRES, Some(titulo)) = (libres.len(), &elegido) {
                let Titulo { isbn, ejemplares } = titulo;
                return Ok((libres, Titulo { isbn: *isbn, ejemplares: ejemplares.clone() }));
            }
        }
        Err("no se hallan bastantes ejemplares libres en la suite para probarla".into())
    }
}

/// El título, si tiene de dos a [`LIMITE_DE_ESTUDIANTE`] ejemplares, todos libres y no todos en una sede.
fn titulo_con_varias_sedes(libro: &Recibida) -> Option<Titulo> {
    let isbn = libro.isbn().ok()?;
    let lista = libro.respuesta.datos["ejemplares"].as_array()?;
    let ejemplares: Vec<(EjemplarId, SedeId)> =
        lista.iter().filter(|e| e["situacion"] == "libre").filter_map(ejemplar_y_sede).collect();
    let sedes: std::collections::HashSet<_> = ejemplares.iter().map(|(_, sede)| *sede).collect();
    let sirve = ejemplares.len() == lista.len() && sedes.len() > 1 && ejemplares.len() <= LIMITE_DE_ESTUDIANTE;
    sirve.then_some(Titulo { isbn, ejemplares })
}

fn ejemplar_y_sede(valor: &Value) -> Option<(EjemplarId, SedeId)> {
    Some((valor["ejemplar"].as_str()?.parse().ok()?, valor["sede"].as_str()?.parse().ok()?))
}
