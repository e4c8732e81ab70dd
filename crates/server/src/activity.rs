//! What happened in a person's name, as she reads it and takes it away.

pub(crate) mod words;
