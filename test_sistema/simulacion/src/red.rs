//! Decide qué llega, cuándo y a quién: conexiones con orden dentro de cada una y ninguno entre dos, que se retrasan, se
//! callan, se cortan y se rehacen como las de ZeroMQ.
//!
//! Quien conecta (lado [`A`]) es quien reconecta. Cada conexión tiene un número: lo que iba por una que se cortó no
//! llega por la siguiente. Un extremo tarda en saber que el otro se fue, y entretanto lo que envía se pierde.

use crate::{
    enlace::{A, B, Clase},
    entorno::Entorno,
    mensajes::Mensaje,
    reloj::{MS, Us},
    sucesos::{Entrante, Quien, Suceso},
};

impl Entorno {
    /// Envía por un enlace desde un lado. Falso si ese lado sabe que no hay conexión.
    pub fn enviar(&mut self, n: usize, desde: usize, mensaje: Mensaje) -> bool {
        let hacia = 1 - desde;
        let trafico = self.trafico;
        let tarda = self.latencia();
        let enlace = &mut self.enlaces[n];
        if !enlace.visto[desde] {
            return false;
        }
        if !enlace.vivo {
            return true;
        }
        if enlace.clase == Clase::Eventos && self.azar.menor_que(1_000) < trafico.descartes {
            return true;
        }
        if enlace.callado || !enlace.retenidos[hacia].is_empty() {
            enlace.retenidos[hacia].push_back(mensaje);
            return true;
        }
        let llega = enlace.ultimo[hacia].max(self.ahora + tarda);
        enlace.ultimo[hacia] = llega;
        let encarnacion = enlace.encarnacion;
        // Ningún zócalo dobla un mensaje; quien repite es quien envía. Lo que va por id ha de aguantarlo igual.
        let doblable = !matches!(mensaje, Mensaje::Solicitud { .. } | Mensaje::Respuesta { .. });
        if doblable && self.azar.menor_que(1_000) < trafico.dobles {
            let luego = llega + 1 + self.entre(0, 2_000 * MS);
            let mensaje = mensaje.clone();
            self.poner(luego, Suceso::Llega { enlace: n, encarnacion, hacia, mensaje });
        }
        self.poner(llega, Suceso::Llega { enlace: n, encarnacion, hacia, mensaje });
        true
    }

    fn latencia(&mut self) -> Us {
        let base = self.trafico.latencia;
        let tarda = self.entre(base, base * 3);
        if self.azar.por_ciento(self.trafico.picos) { tarda + self.entre(0, 800 * MS) } else { tarda }
    }

    /// Un mensaje llega al extremo de su enlace, si la conexión es la misma.
    pub fn llegar(&mut self, n: usize, encarnacion: u32, hacia: usize, mensaje: Mensaje) {
        let enlace = &mut self.enlaces[n];
        if enlace.encarnacion != encarnacion || !enlace.visto[hacia] {
            return;
        }
        if enlace.callado {
            enlace.retenidos[hacia].push_back(mensaje);
            return;
        }
        let quien = enlace.extremos[hacia];
        self.entregar(quien, Entrante::Mensaje { enlace: n, encarnacion, mensaje });
    }

    /// La red entre los dos extremos deja de pasar nada; vuelve a hacerlo con `hablar`. Si dura, los latidos cortan.
    pub fn callar(&mut self, n: usize, dura: Us) {
        self.enlaces[n].callado = true;
        self.latidos(n, dura);
    }

    /// Un silencio de más de un segundo a 1,3 corta la conexión en cada extremo, cada uno a su hora.
    fn latidos(&mut self, n: usize, dura: Us) {
        for lado in [A, B] {
            let nota = self.entre(1_000 * MS, 1_300 * MS);
            if dura > nota {
                let encarnacion = self.enlaces[n].encarnacion;
                let cuando = self.ahora + nota;
                self.poner(cuando, Suceso::Latido { enlace: n, encarnacion, lado });
            }
        }
    }

    /// Un proceso parado deja de contestar a los latidos de los demás.
    pub fn parar_enlaces(&mut self, quien: Quien, dura: Us) {
        for n in self.de(quien) {
            let otro = usize::from(self.enlaces[n].extremos[A] == quien);
            let nota = self.entre(1_000 * MS, 1_300 * MS);
            if dura > nota {
                let encarnacion = self.enlaces[n].encarnacion;
                let cuando = self.ahora + nota;
                self.poner(cuando, Suceso::Latido { enlace: n, encarnacion, lado: otro });
            }
        }
    }

    /// El extremo da por perdida la conexión; el otro lo sabe en seguida, si la red le deja.
    pub fn latido(&mut self, n: usize, encarnacion: u32, lado: usize) {
        let enlace = &mut self.enlaces[n];
        if enlace.encarnacion != encarnacion || !enlace.visto[lado] {
            return;
        }
        enlace.vivo = false;
        enlace.retenidos[1 - lado].clear();
        self.perder(n, encarnacion, lado);
        if !self.enlaces[n].callado && self.enlaces[n].visto[1 - lado] {
            let cuando = self.ahora + self.entre(300, 9 * MS);
            self.poner(cuando, Suceso::Pierde { enlace: n, encarnacion, lado: 1 - lado });
        }
    }

    /// Un extremo se entera de que la conexión se perdió.
    pub fn perder(&mut self, n: usize, encarnacion: u32, lado: usize) {
        let enlace = &mut self.enlaces[n];
        if enlace.encarnacion != encarnacion || !enlace.visto[lado] {
            return;
        }
        enlace.visto[lado] = false;
        enlace.vivo = false;
        enlace.retenidos[lado].clear();
        let (quien, vida) = (enlace.extremos[lado], enlace.vida);
        self.entregar(quien, Entrante::Perdida { enlace: n, vida });
        if lado == A {
            self.reconectar_dentro(n, 50 * MS, 500 * MS);
        }
    }

    /// La conexión se corta sin que nadie muera.
    pub fn cortar(&mut self, n: usize) {
        let encarnacion = self.enlaces[n].encarnacion;
        self.enlaces[n].vivo = false;
        for lado in [A, B] {
            let cuando = self.ahora + self.entre(300, 9 * MS);
            self.poner(cuando, Suceso::Pierde { enlace: n, encarnacion, lado });
        }
    }

    /// Vuelve a pasar lo retenido, en su orden.
    pub fn hablar(&mut self, n: usize) {
        self.enlaces[n].callado = false;
        let encarnacion = self.enlaces[n].encarnacion;
        for lado in [A, B] {
            let retenidos = std::mem::take(&mut self.enlaces[n].retenidos[lado]);
            for mensaje in retenidos {
                let tarda = self.latencia();
                let llega = self.enlaces[n].ultimo[lado].max(self.ahora + tarda);
                self.enlaces[n].ultimo[lado] = llega;
                self.poner(llega, Suceso::Llega { enlace: n, encarnacion, hacia: lado, mensaje });
            }
            // Lo que se perdió mientras nada pasaba se sabe ahora.
            if !self.enlaces[n].vivo && self.enlaces[n].visto[lado] {
                let cuando = self.ahora + self.entre(300, 9 * MS);
                self.poner(cuando, Suceso::Pierde { enlace: n, encarnacion, lado });
            }
        }
    }

    /// Un extremo murió: lo que había enviado aún puede llegar, o no; lo que iba hacia él se pierde.
    pub fn morir_enlaces(&mut self, quien: Quien) {
        for n in self.de(quien) {
            let suyo = usize::from(self.enlaces[n].extremos[B] == quien);
            let ultimo = self.enlaces[n].ultimo[1 - suyo];
            let enlace = &mut self.enlaces[n];
            enlace.vivo = false;
            enlace.visto[suyo] = false;
            enlace.retenidos[suyo].clear();
            let (encarnacion, callado) = (enlace.encarnacion, enlace.callado);
            if enlace.visto[1 - suyo] && !callado {
                let entero = self.azar.por_ciento(60);
                let nota = self.ahora + self.entre(300, 9 * MS);
                let cuando = if entero { nota.max(ultimo + 1) } else { nota };
                self.poner(cuando, Suceso::Pierde { enlace: n, encarnacion, lado: 1 - suyo });
            }
        }
    }

    /// Quien arranca conecta con todos.
    pub fn conectar_todo(&mut self, quien: Quien) {
        for n in self.de(quien) {
            if self.enlaces[n].extremos[A] == quien {
                self.reconectar_dentro(n, MS, 40 * MS);
            }
        }
    }

    fn reconectar_dentro(&mut self, n: usize, desde: Us, hasta: Us) {
        if !std::mem::replace(&mut self.enlaces[n].reconectando, true) {
            let cuando = self.ahora + self.entre(desde, hasta);
            self.poner(cuando, Suceso::Reconecta { enlace: n });
        }
    }

    /// Se intenta rehacer la conexión.
    pub fn reconectar(&mut self, n: usize) {
        self.enlaces[n].reconectando = false;
        let [a, b] = self.enlaces[n].extremos;
        if !self.proceso(a).vivo || self.enlaces[n].visto[A] {
            return;
        }
        let despiertos = [a, b].into_iter().all(|q| self.proceso(q).vivo && !self.proceso(q).parado);
        if !despiertos || self.enlaces[n].callado {
            return self.reconectar_dentro(n, 50 * MS, 500 * MS);
        }
        let (ahora, vida) = (self.ahora, self.proceso(a).vida);
        let enlace = &mut self.enlaces[n];
        // La conexión vieja que el otro extremo aún tenía: si era de este mismo proceso, la nueva la releva sin aviso.
        let antes = enlace.vida;
        let relevada = enlace.visto[B] && antes != vida;
        enlace.encarnacion += 1;
        enlace.vida = vida;
        enlace.vivo = true;
        enlace.visto = [true; 2];
        enlace.ultimo = [ahora; 2];
        enlace.retenidos = Default::default();
        if relevada {
            self.entregar(b, Entrante::Perdida { enlace: n, vida: antes });
        }
        self.entregar(a, Entrante::Abierta { enlace: n, vida });
        self.entregar(b, Entrante::Abierta { enlace: n, vida });
    }

    /// Los enlaces de un proceso.
    pub fn de(&self, quien: Quien) -> Vec<usize> {
        (0..self.enlaces.len()).filter(|n| self.enlaces[*n].extremos.contains(&quien)).collect()
    }
}
