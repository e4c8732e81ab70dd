//! How the store is reached: over TCP, and TLS by OpenSSL. The Redis client has no place for
//! authorities of its own with OpenSSL, but it takes a connection that somebody else has made.

use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::ssl::{SslConnector, SslMethod, SslVersion};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, RedisConnectionInfo, RedisError, RedisResult};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_openssl::SslStream;

use super::config::RedisConfig;
use crate::Error;
use crate::http_client::read_bounded;

/// Certificates of a configured file.
const AUTHORITIES_BYTES_MAX: u64 = 1024 * 1024;

/// Where the store is, and how it proves that it is the one.
pub(super) struct Reach {
    host: String,
    port: u16,
    tls: Option<SslConnector>,
    /// For the connection, its TLS, and who we are at the store.
    time: Duration,
}

impl Reach {
    /// Nothing is connected yet. A file that is named lies in `folder`.
    pub(super) fn new(config: &RedisConfig, folder: &Path) -> Result<Self, Error> {
        let authorities = config.ca_file.as_ref().map(|file| folder.join(file));
        let invalid = |key: &str, reason: String| Error::ConfigInvalid {
            file: folder.to_path_buf(),
            line: 0,
            key: format!("state.redis.{key}"),
            reason,
        };
        let tls = match (&authorities, config.tls) {
            // Who names authorities believes that they are looked at.
            (Some(_), false) => {
                let reason = "it says nothing without tls = true".to_owned();
                return Err(invalid("ca_file", reason));
            }
            (None, false) => None,
            (None, true) => {
                let connector = connector(&[]);
                Some(connector.map_err(|error| invalid("tls", error.to_string()))?)
            }
            (Some(file), true) => {
                let pem = read_bounded(file, AUTHORITIES_BYTES_MAX);
                let pem = pem.map_err(|source| Error::FileUnreadable {
                    file: file.clone(),
                    source,
                })?;
                let read = X509::stack_from_pem(&pem).ok();
                let authorities = read.filter(|all| !all.is_empty());
                let none = || invalid("ca_file", "it has no certificates in PEM".to_owned());
                let connector = connector(&authorities.ok_or_else(none)?);
                Some(connector.map_err(|error| invalid("ca_file", error.to_string()))?)
            }
        };
        Ok(Self {
            host: config.host.clone(),
            port: config.port,
            tls,
            time: config.timeout() * 4,
        })
    }

    /// Connects, and says who we are.
    pub(super) async fn connect(
        &self,
        who: &RedisConnectionInfo,
        config: &AsyncConnectionConfig,
    ) -> RedisResult<MultiplexedConnection> {
        let connected = tokio::time::timeout(self.time, self.connect_patiently(who, config));
        match connected.await {
            Ok(outcome) => outcome,
            Err(_) => Err(failed("the store can't be reached", "no answer".to_owned())),
        }
    }

    async fn connect_patiently(
        &self,
        who: &RedisConnectionInfo,
        config: &AsyncConnectionConfig,
    ) -> RedisResult<MultiplexedConnection> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else {
            return greet(stream, who, config).await;
        };
        let untrusted = |reason: String| failed("the store's certificate or TLS", reason);
        // The name, or the address, must stand in the certificate.
        let begun = tls.configure().and_then(|it| it.into_ssl(&self.host));
        let stream = begun.and_then(|ssl| SslStream::new(ssl, stream));
        let mut stream = stream.map_err(|error| untrusted(error.to_string()))?;
        if let Err(error) = Pin::new(&mut stream).connect().await {
            // Whoever refuses leaves nothing on the thread's list.
            drop(ErrorStack::get());
            return Err(untrusted(error.to_string()));
        }
        greet(stream, who, config).await
    }
}

async fn greet(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    who: &RedisConnectionInfo,
    config: &AsyncConnectionConfig,
) -> RedisResult<MultiplexedConnection> {
    let greeted = MultiplexedConnection::new_with_config(who, stream, config.clone());
    let (connection, driver) = greeted.await?;
    // It ends with the last clone of the connection.
    tokio::spawn(driver);
    Ok(connection)
}

/// TLS that trusts these authorities alone, or the system's where there are none.
fn connector(authorities: &[X509]) -> Result<SslConnector, ErrorStack> {
    // Certificates are demanded and names compared as `SslConnector` has it.
    let mut builder = SslConnector::builder(SslMethod::tls_client())?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    if !authorities.is_empty() {
        let mut store = X509StoreBuilder::new()?;
        for authority in authorities {
            store.add_cert(authority.clone())?;
        }
        builder.set_cert_store(store.build());
    }
    Ok(builder.build())
}

fn failed(what: &'static str, reason: String) -> RedisError {
    RedisError::from((ErrorKind::IoError, what, reason))
}

#[cfg(test)]
mod tests;
