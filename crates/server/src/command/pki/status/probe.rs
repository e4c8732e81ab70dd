//! Asking each address once, within the time that a login would have.

use std::time::Duration;

use cardea_pki::Certificate;
use cardea_pki::revocation::{
    CRL_BYTES_MAX, Crl, OCSP_RESPONSE_BYTES_MAX, OcspResponse, ocsp_request,
};
use futures_util::future::join_all;
use reqwest::StatusCode;
use serde::Serialize;
use time::format_description::well_known::Rfc3339;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use url::Url;

use super::survey::{Address, AddressKind, Survey};
use crate::http_client::{Budget, HttpClient, Validators};
use crate::ldap_client;

/// The port of a configured host that names none.
const HTTP_PORT: u16 = 80;
const LDAP_PORT: u16 = 389;
const LDAPS_PORT: u16 = 636;

/// What an address answered.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    /// Whether it is what the address is for.
    pub(super) usable: bool,
    /// In words.
    pub(super) text: String,
    pub(super) elapsed_ms: u64,
}

/// Asks all addresses at once.
///
/// # Errors
/// The TLS library cannot be set up.
pub(super) async fn ask_all(survey: &mut Survey) -> Result<(), reqwest::Error> {
    let http = HttpClient::new()?;
    for anchor in &mut survey.trust_anchors {
        let time = Duration::from_millis(anchor.time_budget_ms.into());
        let answers = join_all(anchor.addresses.iter().map(|it| ask(&http, it, time))).await;
        for (address, answer) in anchor.addresses.iter_mut().zip(answers) {
            address.answer = Some(answer);
        }
    }
    Ok(())
}

async fn ask(http: &HttpClient, address: &Address, time: Duration) -> Answer {
    let start = Instant::now();
    let outcome = match address.kind {
        AddressKind::Crl => list(http, &address.address, time).await,
        AddressKind::Ocsp => ocsp(http, &address.address, address.about.as_ref(), time).await,
        AddressKind::Host => connect(&address.address, time).await,
    };
    Answer {
        usable: outcome.is_ok(),
        text: outcome.unwrap_or_else(|reason| reason),
        elapsed_ms: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
    }
}

async fn list(http: &HttpClient, address: &str, time: Duration) -> Result<String, String> {
    let url = Url::parse(address).map_err(|error| error.to_string())?;
    let budget = Budget {
        time,
        bytes_max: CRL_BYTES_MAX,
    };
    let body = match url.scheme() {
        "http" | "https" => {
            let answer = http
                .get_if_changed(url, &Validators::default(), budget)
                .await
                .map_err(|error| chain(&error))?;
            body_of(answer)?
        }
        "ldap" | "ldaps" => ldap_client::fetch(&url, budget)
            .await
            .map_err(|error| chain(&error))?,
        other => return Err(format!("{other} is not asked")),
    };
    let list = Crl::parse(&body).map_err(|error| format!("{error} [{}]", error.code()))?;
    let kind = if list.is_delta() {
        "delta list"
    } else {
        "list"
    };
    let until = list
        .next_update()
        .and_then(|it| it.format(&Rfc3339).ok())
        .unwrap_or_else(|| "not said".to_owned());
    let entries = list.entries_count();
    Ok(format!("{kind} of {entries} entries, next update {until}"))
}

async fn ocsp(
    http: &HttpClient,
    address: &str,
    about: Option<&(Certificate, Certificate)>,
    time: Duration,
) -> Result<String, String> {
    let url = Url::parse(address).map_err(|error| error.to_string())?;
    let (certificate, issuer) =
        about.ok_or_else(|| "no certificate is known to ask about".to_owned())?;
    let request = ocsp_request(certificate, issuer, None).map_err(|error| error.to_string())?;
    let budget = Budget {
        time,
        bytes_max: OCSP_RESPONSE_BYTES_MAX,
    };
    let answer = http
        .post(url, "application/ocsp-request", request, budget)
        .await
        .map_err(|error| chain(&error))?;
    let body = body_of(answer)?;
    OcspResponse::parse(&body, None).map_err(|error| format!("{error} [{}]", error.code()))?;
    Ok("it answers".to_owned())
}

/// What a host is asked for is known only when a card names it, so it has to accept connections.
async fn connect(host: &str, time: Duration) -> Result<String, String> {
    let (host, own_port) = match host.split_once("://") {
        Some(("ldaps", host)) => (host, LDAPS_PORT),
        Some((_, host)) => (host, LDAP_PORT),
        None => (host, HTTP_PORT),
    };
    let with_port = match host.rsplit_once(':') {
        Some((_, port)) if port.parse::<u16>().is_ok() => host.to_owned(),
        _ => format!("{host}:{own_port}"),
    };
    match timeout(time, TcpStream::connect(with_port)).await {
        Ok(Ok(_)) => Ok("it accepts connections".to_owned()),
        Ok(Err(error)) => Err(format!("no connection: {error}")),
        Err(_) => Err(format!("no connection within {} ms", time.as_millis())),
    }
}

fn body_of(answer: crate::http_client::Answer) -> Result<Vec<u8>, String> {
    if answer.status == StatusCode::OK {
        Ok(answer.body)
    } else {
        Err(format!("it answers with status {}", answer.status.as_u16()))
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
