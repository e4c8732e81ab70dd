//! The witness and the verifier through their public faces: in process, as programs, and killed.

// Marked as test code so that the lints' exceptions for tests hold in shared parts too.
#[cfg(test)]
mod witness {
    mod add_checkpoint;
    mod durability;
    mod exported;
    mod own;
    mod parts;
    mod power_loss;
    mod restored;
}
