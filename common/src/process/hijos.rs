//! Los procesos que lanzó otro, y cómo están: lo que dice `/proc`.

use std::fs;

/// Los hijos de un proceso, por pid; ninguno si ya no existe.
#[must_use]
pub fn de(pid: u32) -> Vec<u32> {
    let tareas = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let textos = tareas.filter_map(|tarea| fs::read_to_string(tarea.path().join("children")).ok());
    let mut hijos: Vec<u32> =
        textos.flat_map(|t| t.split_whitespace().flat_map(str::parse).collect::<Vec<_>>()).collect();
    hijos.sort_unstable();
    hijos
}

/// El estado de un proceso y quién es su padre (proc(5)); `None` si ya no existe.
#[must_use]
pub fn estado(pid: u32) -> Option<(char, u32)> {
    let texto = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // pid (nombre) estado padre …: el nombre puede llevar espacios y paréntesis.
    let mut campos = texto.rsplit_once(')')?.1.split_whitespace();
    Some((campos.next()?.chars().next()?, campos.next()?.parse().ok()?))
}

/// Si una señal lo paró (SIGSTOP); en un depurador, no.
#[must_use]
pub fn esta_parado(pid: u32) -> bool {
    estado(pid).is_some_and(|(estado, _)| estado == 'T')
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
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
}
