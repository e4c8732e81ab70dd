//! What happened in a person's name, as she reads it and takes it away.

pub(crate) mod export;
pub(crate) mod lines;
pub(crate) mod paper;
pub(crate) mod words;
