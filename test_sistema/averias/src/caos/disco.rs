//! Un disco pequeño para el diario del gestor, que se puede llenar y vaciar.
//!
//! Es un tmpfs montado en un espacio de nombres que solo ven esta prueba y lo que ella lanza: fuera no se nota, y se va
//! con el último proceso. Quien no es root lo consigue con un espacio de nombres de usuario, si el sistema lo permite.

#![expect(unsafe_code, reason = "montar un disco propio solo está en libc")]

use std::{
    ffi::CString,
    fs::{self, File},
    io::{self, Write},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    ptr,
};

/// Su tamaño: holgado para lo que se promete en una prueba, y corto de llenar.
const TAMANIO: &str = "size=64m,mode=0755";
/// Lo que se escribe de una vez al llenarlo.
const BLOQUE: usize = 256 * 1024;

/// Este proceso, en un espacio de nombres suyo, en el que puede montar.
#[derive(Clone, Copy)]
pub struct Aislado(());

impl Aislado {
    /// Se aísla; antes de tener otros hilos: el espacio de nombres es de este y de lo que lance.
    ///
    /// # Errors
    /// Si el sistema no lo permite: entonces no hay disco que llenar.
    pub fn new() -> io::Result<Self> {
        aislar()?;
        montar("none", Path::new("/"), None, libc::MS_REC | libc::MS_PRIVATE, None)?;
        Ok(Self(()))
    }
}

/// El disco, montado; se quita al soltarlo.
pub struct Disco {
    carpeta: PathBuf,
}

impl Disco {
    /// Monta el disco en `carpeta`, que crea, antes de lanzar la suite.
    ///
    /// # Errors
    /// Si el sistema no lo permite.
    pub fn montar(_: Aislado, carpeta: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&carpeta)?;
        montar("tmpfs", &carpeta, Some("tmpfs"), 0, Some(TAMANIO))?;
        Ok(Self { carpeta })
    }

    fn relleno(&self) -> PathBuf {
        self.carpeta.join("relleno")
    }

    /// Lo llena hasta que no cabe nada.
    ///
    /// # Errors
    /// Si el relleno no se puede crear.
    pub fn llenar(&self) -> io::Result<()> {
        let mut relleno = File::create(self.relleno())?;
        let bloque = vec![0xa5; BLOQUE];
        let mut largo = BLOQUE;
        // Al final, de byte en byte no: de página en página, que es como se gasta.
        while largo >= 4096 {
            if relleno.write(&bloque[..largo]).is_err() {
                largo /= 2;
            }
        }
        Ok(())
    }

    /// Le devuelve el sitio; si no estaba lleno, nada.
    pub fn vaciar(&self) {
        let _ = fs::remove_file(self.relleno());
    }
}

impl Drop for Disco {
    fn drop(&mut self) {
        if let Ok(carpeta) = CString::new(self.carpeta.as_os_str().as_bytes()) {
            // SAFETY: el texto vive hasta el final de la llamada.
            unsafe { libc::umount2(carpeta.as_ptr(), libc::MNT_DETACH) };
        }
    }
}

/// Un espacio de nombres de montajes propio; sin ser root, dentro de uno de usuario en el que se sigue siendo el mismo.
fn aislar() -> io::Result<()> {
    // SAFETY: geteuid y getegid no fallan ni tocan memoria.
    let (uid, gid) = unsafe { (libc::geteuid(), libc::getegid()) };
    let usuario = if uid == 0 { 0 } else { libc::CLONE_NEWUSER };
    // SAFETY: unshare no toca memoria.
    if unsafe { libc::unshare(libc::CLONE_NEWNS | usuario) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if uid != 0 {
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
        fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"))?;
    }
    Ok(())
}

fn montar(que: &str, donde: &Path, tipo: Option<&str>, como: libc::c_ulong, ajustes: Option<&str>) -> io::Result<()> {
    let texto = |t: &str| CString::new(t).map_err(io::Error::other);
    let (que, donde) = (texto(que)?, CString::new(donde.as_os_str().as_bytes()).map_err(io::Error::other)?);
    let (tipo, ajustes) = (tipo.map(texto).transpose()?, ajustes.map(texto).transpose()?);
    let puntero = |t: &Option<CString>| t.as_ref().map_or(ptr::null(), |t| t.as_ptr());
    // SAFETY: los textos viven hasta el final de la llamada, y los que faltan son nulos, que es lo que se espera.
    let mal = unsafe { libc::mount(que.as_ptr(), donde.as_ptr(), puntero(&tipo), como, puntero(&ajustes).cast()) };
    if mal == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn un_disco_lleno_no_admite_nada_y_vaciado_si_y_al_soltarlo_se_va() {
        // El espacio de nombres es del hilo: los demás de esta prueba no lo ven.
        let hilo = std::thread::spawn(|| {
            let Ok(aislado) = Aislado::new() else {
                println!("el sistema no deja montar: no hay disco que llenar");
                return;
            };
            let carpeta = tempfile::tempdir().expect("una carpeta");
            let disco = Disco::montar(aislado, carpeta.path().to_owned()).expect("se monta");
            let algo = carpeta.path().join("algo");
            disco.llenar().expect("se llena");
            let error = fs::write(&algo, vec![1; 4096]).expect_err("no cabe nada");
            assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{error}");
            disco.vaciar();
            fs::write(&algo, vec![1; 4096]).expect("vuelve a caber");
            drop(disco);
            assert!(!algo.exists(), "sigue montado");
        });
        hilo.join().expect("el hilo acaba bien");
    }
}
