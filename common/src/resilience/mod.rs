//! Lo que decide cómo se sobrevive a los fallos, sin reloj, azar ni E/S: todo entra como argumento.
