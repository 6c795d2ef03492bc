//! The recorder's rooms (the lead's version wins at merge).

pub mod clock;
pub mod segment;
