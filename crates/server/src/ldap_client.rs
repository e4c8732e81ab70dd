//! One attribute of one directory entry over LDAP: how some authorities publish their CRLs.
//!
//! IGC-Santé publishes its delta CRLs by LDAP alone. The address comes out of a certificate
//! (RFC 5280 section 4.2.1.13, RFC 4516), and a plain `ldap` connection belongs to whoever sits on
//! the wire, so an exchange is bounded in time and bytes, sends no credentials, asks for one named
//! attribute of one entry, follows no referral, and hands the `ldap3` crate only messages that
//! [`answer_gate`] has measured. Which hosts may be asked is the caller's decision; what comes
//! back is judged by `cardea-pki`.

mod answer_gate;
mod search_request;
#[cfg(test)]
pub(crate) mod tests;

use ldap3::{DerefAliases, LdapConnAsync, LdapConnSettings, Scope, SearchOptions, StdStream};
use native_tls::{Protocol, TlsConnector};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;
use url::Url;

use self::search_request::{Scheme, SearchRequest};
use crate::http_client::Budget;
use crate::tls::own_errors::OwnErrors;

/// Answers that are no value and no fault of the far side's form.
const RESULT_SUCCESS: u32 = 0;
const RESULT_REFERRAL: u32 = 10;
const RESULT_NO_SUCH_OBJECT: u32 = 32;
/// Matches any entry: the base scope has named it already (RFC 4512 section 2.4).
const ANY_OBJECT: &str = "(objectClass=*)";

/// Why there is no value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum LdapError {
    /// The address is not one that RFC 5280 section 4.2.1.13 describes.
    #[error("the LDAP address is not usable: {reason}")]
    AddressRefused {
        /// What was wrong with it.
        reason: &'static str,
    },
    /// The exchange took longer than its budget.
    #[error("no answer within {seconds} s")]
    TimedOut {
        /// The budget.
        seconds: u64,
    },
    /// The answer is longer than its budget.
    #[error("the answer is longer than {bytes_max} bytes")]
    TooLarge {
        /// The budget.
        bytes_max: usize,
    },
    /// The connection could not be made, or ended in the middle of the answer.
    #[error("the exchange failed")]
    Failed(#[source] std::io::Error),
    /// The server's TLS certificate is not trusted, or its handshake failed.
    #[error("the TLS handshake failed")]
    TlsFailed(#[source] native_tls::Error),
    /// The bytes are not an answer to the search that was sent (RFC 4511 section 4.5.2).
    #[error("the answer is malformed: {reason}")]
    Malformed {
        /// What was wrong with it.
        reason: &'static str,
    },
    /// The server points to another server, which is never asked (attack A20).
    #[error("the server refers to another one")]
    Referral,
    /// The directory has no such entry.
    #[error("the directory has no such entry")]
    NoSuchEntry,
    /// The entry has no value of the attribute.
    #[error("the entry does not have the attribute")]
    AttributeMissing,
    /// The server answered with another result code (RFC 4511 section 4.1.9).
    #[error("the server answered with result code {result_code}")]
    Refused {
        /// The code.
        result_code: u32,
    },
}

/// Fetches the one value that an LDAP address names.
///
/// `budget.bytes_max` bounds the value; memory peaks at a few times that.
///
/// # Errors
/// [`LdapError`] when there is no whole value within `budget`.
pub(crate) async fn fetch(url: &Url, budget: Budget) -> Result<Vec<u8>, LdapError> {
    fetch_trusting(url, budget, system_trust).await
}

/// The machine's own trust store: a directory's certificate is no card's.
fn system_trust() -> native_tls::Result<TlsConnector> {
    TlsConnector::builder()
        .min_protocol_version(Some(Protocol::Tlsv12))
        .build()
}

async fn fetch_trusting(
    url: &Url,
    budget: Budget,
    trust: impl Fn() -> native_tls::Result<TlsConnector>,
) -> Result<Vec<u8>, LdapError> {
    let request = SearchRequest::parse(url)?;
    match tokio::time::timeout(budget.time, exchange(&request, budget.bytes_max, trust)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(LdapError::TimedOut {
            seconds: budget.time.as_secs(),
        }),
    }
}

async fn exchange(
    request: &SearchRequest,
    bytes_max: usize,
    trust: impl Fn() -> native_tls::Result<TlsConnector>,
) -> Result<Vec<u8>, LdapError> {
    let socket = TcpStream::connect((request.host.as_str(), request.port))
        .await
        .map_err(LdapError::Failed)?;
    let value = match request.scheme {
        Scheme::Ldap => search(socket, request, bytes_max).await?,
        Scheme::Ldaps => {
            let connector = trust().map_err(LdapError::TlsFailed)?;
            let tls = tokio_native_tls::TlsConnector::from(connector)
                .connect(&request.host, socket)
                .await
                .map_err(LdapError::TlsFailed)?;
            search(OwnErrors::new(tls), request, bytes_max).await?
        }
    };
    if value.len() > bytes_max {
        return Err(LdapError::TooLarge { bytes_max });
    }
    Ok(value)
}

/// Puts the gate between the far side and `ldap3`, which reads without bounds of its own.
async fn search<S: AsyncRead + AsyncWrite>(
    far: S,
    request: &SearchRequest,
    bytes_max: usize,
) -> Result<Vec<u8>, LdapError> {
    let (gate, near) = UnixStream::pair().map_err(LdapError::Failed)?;
    let near = near.into_std().map_err(LdapError::Failed)?;
    let settings = LdapConnSettings::new().set_std_stream(StdStream::Unix(near));
    let (connection, handle) = LdapConnAsync::with_settings(settings, "ldapi:///")
        .await
        .map_err(from_ldap3)?;
    // A task of its own, ended with this future: a panic over an odd answer stays in there.
    let mut driver = JoinSet::new();
    driver.spawn(connection.drive());
    tokio::select! {
        outcome = ask(handle, request) => outcome,
        refused = answer_gate::relay(far, gate, bytes_max) => Err(refused),
    }
}

/// A connection that has not bound is anonymous (RFC 4513 section 4): no credentials are sent.
async fn ask(mut handle: ldap3::Ldap, request: &SearchRequest) -> Result<Vec<u8>, LdapError> {
    handle.with_search_options(SearchOptions::new().deref(DerefAliases::Never).sizelimit(1));
    let attributes = [request.attribute.as_str()];
    let mut found = None;
    let mut answers = handle
        .streaming_search(&request.base, Scope::Base, ANY_OBJECT, attributes)
        .await
        .map_err(from_ldap3)?;
    while let Some(entry) = answers.next().await.map_err(from_ldap3)? {
        if entry.is_ref() {
            return Err(LdapError::Referral);
        }
        let value = answer_gate::only_value(entry.0, &request.attribute)?;
        if found.replace(value).is_some() {
            return Err(LdapError::Malformed {
                reason: "two entries for one name",
            });
        }
    }
    let result = answers.finish().await;
    match (result.rc, found) {
        (RESULT_SUCCESS, Some(Some(value))) => Ok(value),
        (RESULT_SUCCESS, Some(None)) => Err(LdapError::AttributeMissing),
        (RESULT_SUCCESS, None) | (RESULT_NO_SUCH_OBJECT, _) => Err(LdapError::NoSuchEntry),
        (RESULT_REFERRAL, _) => Err(LdapError::Referral),
        (result_code, _) => Err(LdapError::Refused { result_code }),
    }
}

/// What is left to fail inside `ldap3` is a connection that ended early.
fn from_ldap3(error: ldap3::LdapError) -> LdapError {
    LdapError::Failed(std::io::Error::other(error))
}
