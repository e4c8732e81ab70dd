//! OpenSSL's list of what went wrong on a thread.

use openssl::error::ErrorStack;

/// Takes away what OpenSSL noted on this thread while it refused something.
///
/// OpenSSL keeps such notes beside its answer, and looks at them again when it tells whether a read
/// of some TLS connection on the same thread has failed or only has to wait
/// (`SSL_get_error(3)`): a note that stays behind closes a connection that did no wrong. Every call
/// of this crate whose refusal the `openssl` crate hands back as a plain `false` or `None` is
/// followed by this one.
pub(crate) fn forget() {
    drop(ErrorStack::get());
}
