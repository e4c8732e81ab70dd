//! Getting an issuer's enrolment document: from its address or from a file that was handed over.

use std::error::Error as _;
use std::io::Read as _;
use std::path::Path;

use cardea_assertion::{ENROLMENT_BYTES_MAX, UncomparedEnrolment};

use crate::Error;
use crate::enrolment::{Enrolment, IssuerUrl};
use crate::issuer_tls;

/// Where a document comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source<'a> {
    Address(IssuerUrl),
    File(&'a Path),
}

impl<'a> Source<'a> {
    /// An address is what has a scheme; anything else names a file.
    pub(super) fn parse(text: &'a str) -> Result<Self, Error> {
        if !text.contains("://") {
            return Ok(Self::File(Path::new(text)));
        }
        let issuer = IssuerUrl::parse(text.trim_end_matches('/'));
        issuer
            .map(Self::Address)
            .map_err(|reason| Error::EnrolmentAddressInvalid { reason })
    }

    /// Reads the document, and checks that it is the one that was asked for.
    pub(super) async fn read(&self, ca_pem: Option<&[u8]>) -> Result<UncomparedEnrolment, Error> {
        let text = match self {
            Self::Address(issuer) => fetch(issuer, ca_pem).await?,
            Self::File(path) => read_file(path)?,
        };
        let read = UncomparedEnrolment::read(&text).map_err(|error| Error::EnrolmentInvalid {
            reason: error.to_string(),
        })?;
        if let Self::Address(issuer) = self
            && read.unconfirmed().iss != issuer.as_str()
        {
            let named = read.unconfirmed().iss.clone();
            return Err(Error::EnrolmentForeignIssuer { named });
        }
        Ok(read)
    }
}

async fn fetch(issuer: &IssuerUrl, ca_pem: Option<&[u8]>) -> Result<String, Error> {
    let asked = Enrolment {
        issuer: issuer.clone(),
        name: String::new(),
        origins: Vec::new(),
        roots: Vec::new(),
        ca_pem: ca_pem.map(<[u8]>::to_vec),
        log: None,
    };
    let client = issuer_tls::http_client(&asked)?;
    let response = client.get(issuer.enrolment_url()).send().await;
    let mut response = response.map_err(|error| failure(&error))?;
    match response.status() {
        reqwest::StatusCode::OK => {}
        reqwest::StatusCode::NOT_FOUND => {
            return Err(unreachable("it gives out no enrolment document"));
        }
        status if status.is_redirection() => {
            return Err(unreachable("it sends elsewhere, which is not followed"));
        }
        _ => return Err(unreachable("it answers with an error")),
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
        if body.len() + chunk.len() > ENROLMENT_BYTES_MAX {
            return Err(invalid("it is too long"));
        }
        body.extend_from_slice(&chunk);
    }
    String::from_utf8(body).map_err(|_| invalid("it is not text"))
}

/// The fingerprints make it the issuer's, so that it matters not who could write to the file.
fn read_file(path: &Path) -> Result<String, Error> {
    let unreadable = |source| Error::FileUnreadable {
        path: path.to_owned(),
        source,
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let bytes_max = u64::try_from(ENROLMENT_BYTES_MAX).unwrap_or(u64::MAX);
    let mut text = String::new();
    file.take(bytes_max + 1)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    Ok(text)
}

fn failure(error: &reqwest::Error) -> Error {
    if error.is_timeout() {
        return unreachable("it takes too long");
    }
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.is::<native_tls::Error>() {
            return Error::IssuerCertificateUntrusted;
        }
        cause = inner.source();
    }
    if error.is_connect() {
        return unreachable("there is no connection");
    }
    unreachable("the connection broke")
}

fn unreachable(reason: &'static str) -> Error {
    Error::IssuerUnreachable { reason }
}

fn invalid(reason: &str) -> Error {
    Error::EnrolmentInvalid {
        reason: reason.to_owned(),
    }
}
