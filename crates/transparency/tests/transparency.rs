//! The public functions, against the RFC's definitions and against what other programs made.

// Marked as test code so that the lints' exceptions for tests hold in shared parts too.
#[cfg(test)]
mod transparency {
    mod counterpart;
    mod proofs;
    mod vectors;
}
