//! Each enrolled issuer: is it there, is it itself, and what time does it have?

use std::path::Path;
use std::time::Duration;

use cardea_assertion::{CHALLENGE_KEYS_BYTES_MAX, verify_challenge_keys};
use futures_util::future::join_all;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use url::Url;

use super::Surroundings;
use super::cause::Cause;
use super::clock_check::Clock;
use super::finding::Finding;
use super::log;
use super::tls_chain::{self, Judgement};
use crate::config::Config;
use crate::display_text::for_display;
use crate::enrolment::Enrolment;
use crate::issuer_tls;

/// How long a name may take to be looked up.
const LOOKUP_LIMIT: Duration = Duration::from_secs(3);
/// What stands between this workstation and the internet, where the environment says so.
const PROXIES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// What was found of all of them.
#[derive(Debug, Default)]
pub(super) struct Issuers {
    pub(super) findings: Vec<Finding>,
    /// Those that are as they should be: French, English.
    pub(super) reached: Vec<(String, String)>,
    pub(super) clock: Clock,
}

/// Looks at each of them, all at once.
pub(super) async fn examine(config: &Config, surroundings: &Surroundings) -> Issuers {
    let enrolments = &config.enrolments;
    if enrolments.is_empty() {
        return Issuers {
            findings: vec![Finding::new(Cause::IssuerMissing)],
            ..Issuers::default()
        };
    }
    let looks = enrolments
        .iter()
        .map(|it| look((it, &config.state_dir), surroundings));
    let mut all = Issuers::default();
    for one in join_all(looks).await {
        // One clock is off once, whoever says so.
        let known = all.clock.is_off();
        let told = one.findings.into_iter();
        all.findings
            .extend(told.filter(|it| !(known && it.cause() == Cause::ClockOff)));
        all.reached.extend(one.reached);
        all.clock = all.clock.or(one.clock);
    }
    all
}

/// Asks as the agent does: the same client, the same address, the same trust.
async fn look((enrolment, state_dir): (&Enrolment, &Path), surroundings: &Surroundings) -> Issuers {
    let name = for_display(enrolment.issuer.as_str());
    let Ok(client) = issuer_tls::http_client(enrolment) else {
        return unreachable(&name, ("TLS est indisponible", "TLS is not available"));
    };
    let answer = client.get(enrolment.issuer.challenge_keys_url()).send();
    let (answer, chain, log) = tokio::join!(
        answer,
        tls_chain::look(enrolment),
        log::look(enrolment, state_dir, &name),
    );
    match answer {
        Ok(response) => {
            let clock = date_of(response.headers()).map_or_else(Clock::default, Clock::of);
            let mut found = Issuers {
                findings: clock.judge(&name).into_iter().collect(),
                clock,
                ..Issuers::default()
            };
            found.findings.extend(
                chain.and_then(|chain| tls_finding(&name, &chain.judge(enrolment, surroundings))),
            );
            match check_keys(enrolment, response).await {
                Ok(()) => {
                    found.reached.push((
                        format!("Le service {name} répond, avec les clés attendues."),
                        format!("The service {name} answers, with the keys that are expected."),
                    ));
                    found.findings.extend(log);
                }
                Err(Answer::None(reason)) => found.findings.push(not_reached(&name, reason)),
                Err(Answer::Foreign(reason)) => found.findings.push(
                    Finding::new(Cause::IssuerForeign)
                        .with("issuer", name)
                        .with_words("reason", reason),
                ),
            }
            found
        }
        Err(error) => {
            let refused = chain.and_then(|chain| {
                let judged = chain.judge(enrolment, surroundings);
                Some((chain.clock(), judged)).filter(|(_, it)| *it != Judgement::Good)
            });
            match refused {
                Some((clock, judged)) => refused_certificate(&name, clock, &judged),
                None => unreachable(&name, why(enrolment, &error).await),
            }
        }
    }
}

/// A certificate that the agent does not accept: of a wrong time, or of somebody else.
fn refused_certificate(name: &str, clock: Clock, judged: &Judgement) -> Issuers {
    let mut found = Issuers {
        findings: clock.judge(name).into_iter().collect(),
        clock,
        ..Issuers::default()
    };
    let follows_from_clock = clock.is_off() && *judged == Judgement::Outdated;
    if !follows_from_clock {
        found.findings.extend(tls_finding(name, judged));
    }
    found
}

fn tls_finding(issuer: &str, judged: &Judgement) -> Option<Finding> {
    let about = |cause| Finding::new(cause).with("issuer", issuer);
    match judged {
        Judgement::Good => None,
        Judgement::Outdated => Some(about(Cause::IssuerCertificateOutdated)),
        Judgement::Foreign { authority, reason } => Some(
            about(Cause::TlsIntercepted)
                .with("authority", authority.as_str())
                .with_words("reason", *reason),
        ),
        Judgement::LocalAuthority { authority } => {
            Some(about(Cause::TlsLocalAuthority).with("authority", authority.as_str()))
        }
    }
}

/// What came instead of the issuer's keys.
enum Answer {
    None((String, String)),
    Foreign((String, String)),
}

/// Whether one of the pinned root keys vouches for what answers.
async fn check_keys(enrolment: &Enrolment, mut response: reqwest::Response) -> Result<(), Answer> {
    let status = response.status();
    if status != reqwest::StatusCode::OK {
        let status = status.as_u16();
        return Err(Answer::None((
            format!("il répond par une erreur ({status})"),
            format!("it answers with an error ({status})"),
        )));
    }
    let broken = || {
        let reason = ("la connexion se rompt", "the connection breaks");
        Answer::None((reason.0.to_owned(), reason.1.to_owned()))
    };
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| broken())? {
        if body.len() + chunk.len() > CHALLENGE_KEYS_BYTES_MAX {
            return Err(Answer::Foreign((
                "sa liste de clés est démesurée".to_owned(),
                "its list of keys is out of all proportion".to_owned(),
            )));
        }
        body.extend_from_slice(&chunk);
    }
    let text = String::from_utf8_lossy(&body);
    let issuer = enrolment.issuer.as_str();
    verify_challenge_keys(text.trim(), &enrolment.roots, issuer, 0)
        .map(drop)
        .map_err(|error| {
            let code = error.code();
            Answer::Foreign((
                format!(
                    "sa liste de clés n’est pas signée par une clé retenue à l’enregistrement du \
                     poste ({code})"
                ),
                format!("its list of keys is not signed by a key that enrolment kept ({code})"),
            ))
        })
}

/// Why there was no answer, in words.
async fn why(enrolment: &Enrolment, error: &reqwest::Error) -> (String, String) {
    let both = |french: &str, english: &str| (french.to_owned(), english.to_owned());
    if let Some(name) = PROXIES.iter().find(|name| std::env::var_os(name).is_some()) {
        return (
            format!("pas de réponse par le serveur mandataire ({name})"),
            format!("no answer by the proxy ({name})"),
        );
    }
    let url = Url::parse(enrolment.issuer.as_str()).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    let port = url.as_ref().and_then(Url::port_or_known_default);
    let looked_up = tokio::net::lookup_host((host, port.unwrap_or(443)));
    let is_known = match tokio::time::timeout(LOOKUP_LIMIT, looked_up).await {
        Ok(Ok(mut addresses)) => addresses.next().is_some(),
        Ok(Err(_)) | Err(_) => false,
    };
    match (is_known, error.is_timeout(), error.is_connect()) {
        (false, _, _) => both(
            "son nom ne mène à aucune adresse (DNS, ou pas de réseau)",
            "its name leads to no address (DNS, or no network)",
        ),
        (true, true, _) => both("pas de réponse dans le délai", "no answer in time"),
        (true, false, true) => both("la connexion est refusée", "the connection is refused"),
        (true, false, false) => both("la connexion se rompt", "the connection breaks"),
    }
}

fn unreachable<S: Into<String>>(name: &str, reason: (S, S)) -> Issuers {
    Issuers {
        findings: vec![not_reached(name, reason)],
        ..Issuers::default()
    }
}

fn not_reached<S: Into<String>>(name: &str, reason: (S, S)) -> Finding {
    Finding::new(Cause::IssuerUnreachable)
        .with("issuer", name)
        .with_words("reason", reason)
}

/// The time that an answer bears (RFC 9110 section 6.6.1), in unix seconds.
fn date_of(headers: &reqwest::header::HeaderMap) -> Option<i64> {
    parse_date(headers.get(reqwest::header::DATE)?.to_str().ok()?)
}

pub(super) fn parse_date(text: &str) -> Option<i64> {
    let date = OffsetDateTime::parse(text.trim(), &Rfc2822).ok()?;
    Some(date.unix_timestamp())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_date_as_servers_write_it_is_read() {
        let date = super::parse_date("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(date, Some(784_111_777));
        assert_eq!(super::parse_date("yesterday"), None);
    }
}
