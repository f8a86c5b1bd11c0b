//! Decide a qué punto de almacenamiento va cada intento de una llamada.
/// provisional
pub struct Rotacion;
