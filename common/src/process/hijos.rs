//! Los procesos que lanzó otro, y cómo están: lo que dice `/proc`.

use std::fs;

/// Los hijos de un proceso, por pid; ninguno si ya no existe.
pub fn de(pid: u32) -> Vec<u32> {
    let tareas = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let textos = tareas.filter_map(|tarea| fs::read_to_string(tarea.path().join("children")).ok());
    let mut hijos: Vec<u32> =
        textos.flat_map(|t| t.split_whitespace().flat_map(str::parse).collect::<Vec<_>>()).collect();
    hijos.sort_unstable();
    hijos
}

/// El estado de un proceso y quién es su padre (proc(5)); `None` si ya no existe.
pub fn estado(pid: u32) -> Option<(char, u32)> {
    let texto = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // pid (nombre) estado padre …: el nombre puede llevar espacios y paréntesis.
    let mut campos = texto.rsplit_once(')')?.1.split_whitespace();
    Some((campos.next()?.chars().next()?, campos.next()?.parse().ok()?))
}

/// Si una señal lo paró (SIGSTOP); en un depurador, no.
pub fn esta_parado(pid: u32) -> bool {
    estado(pid).is_some_and(|(estado, _)| estado == 'T')
}

/// Si espera al disco, o a otra cosa que ni una señal interrumpe: ni `kill -9` lo acaba antes de que llegue.
pub fn espera_al_disco(pid: u32) -> bool {
    estado(pid).is_some_and(|(estado, _)| estado == 'D')
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    #[expect(unsafe_code, reason = "waitpid con WUNTRACED solo está en libc")]
    fn un_hijo_se_ve_parado_mientras_lo_esta_y_muerto_ya_no_se_ve() {
        let mut hijo = Command::new("sleep").arg("60").spawn().expect("hay sleep");
        let pid = hijo.id();
        assert!(de(std::process::id()).contains(&pid) && !esta_parado(pid));
        assert_eq!(estado(pid).map(|(_, padre)| padre), Some(std::process::id()));
        // SAFETY: el pid es de un hijo sin recoger. waitpid vuelve cuando la señal ya lo paró.
        unsafe {
            libc::kill(pid.cast_signed(), libc::SIGSTOP);
            libc::waitpid(pid.cast_signed(), std::ptr::null_mut(), libc::WUNTRACED);
        }
        assert!(esta_parado(pid));
        hijo.kill().and_then(|()| hijo.wait()).expect("era nuestro");
        assert!(!esta_parado(pid) && estado(pid).is_none() && !de(std::process::id()).contains(&pid));
    }

    #[test]
    #[expect(unsafe_code, reason = "vfork es la única espera ininterrumpible que se puede tener a voluntad")]
    fn quien_espera_sin_que_una_senal_lo_interrumpa_se_ve_y_despues_ya_no() {
        let (decir, quien) = std::sync::mpsc::channel();
        let (seguir, aviso) = std::sync::mpsc::channel::<()>();
        let hilo = std::thread::spawn(move || {
            // SAFETY: gettid no toca memoria.
            decir.send(unsafe { libc::gettid() }.cast_unsigned()).expect("alguien espera");
            // SAFETY: quien hace vfork espera así (estado D) a que el hijo acabe, y el hijo solo duerme y sale.
            #[allow(deprecated, reason = "es la única espera ininterrumpible que se puede tener a voluntad")]
            unsafe {
                if libc::vfork() == 0 {
                    libc::usleep(300_000);
                    libc::_exit(0);
                }
            }
            let _ = aviso.recv();
        });
        let tarea = quien.recv().expect("lo dice");
        let fin = std::time::Instant::now() + std::time::Duration::from_secs(20);
        let hasta = |espera| {
            while espera_al_disco(tarea) != espera {
                assert!(std::time::Instant::now() < fin, "no pasó: {espera}");
                std::thread::yield_now();
            }
        };
        hasta(true);
        hasta(false);
        drop(seguir);
        hilo.join().expect("acaba");
    }
}
