//! A TLS connection that is blamed for its own errors alone.
//!
//! OpenSSL keeps a list of errors for each thread, and looks at it to tell a read that has failed
//! from one that only has to wait: "the current thread's error queue must be empty before the
//! TLS/SSL I/O operation is attempted" (`SSL_get_error(3)`). Hundreds of connections share a thread
//! here with whatever else uses OpenSSL, so that a single note that was left behind, such as that a
//! stranger's certificate is no good, would close somebody else's connection without an answer.
//! Whoever refuses something takes its notes away; a connection does not rely on it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use openssl::error::ErrorStack;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A TLS connection each of whose calls of OpenSSL begins with an empty list.
#[derive(Debug)]
pub(crate) struct OwnErrors<S>(S);

impl<S> OwnErrors<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self(stream)
    }
}

impl<S: Unpin> OwnErrors<S> {
    /// The connection, once the thread's list is empty.
    fn unblamed(&mut self) -> Pin<&mut S> {
        drop(ErrorStack::get());
        Pin::new(&mut self.0)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for OwnErrors<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.unblamed().poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for OwnErrors<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.unblamed().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.unblamed().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.unblamed().poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
