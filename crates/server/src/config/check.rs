//! Rules that span more than one key.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::Path;

use cardea_provider::{AdminRules, Client, ProfileRules};

use super::agentless::check_agentless;
use super::ledger::{check_ledger, check_watched};
use super::load::invalid;
use super::mtls::check_mtls;
use super::operations::check_operations;
use super::retention::check_retention;
use super::siem::check_siem;
use super::support::check_support;
use super::{
    AdminConfig, ClientConfig, Config, DatabaseUrl, LimitsConfig, PresenceConfig, ProfileConfig,
    RevocationConfig, TestCardsConfig, TrustAnchorConfig,
};
use crate::administration::operators_of;
use crate::client_registration::client_of;
use crate::error::Error;

/// Bytes of the word that stands for an operator.
const PERSON_BYTES_MAX: usize = 64;

/// Rules on each `[[client]]` of one file.
pub(super) fn check_clients(
    file: &Path,
    clients: &[ClientConfig],
    rules: &ProfileRules,
) -> Result<(), Error> {
    for (index, client) in clients.iter().enumerate() {
        check_client(client, rules).map_err(|(key, reason)| {
            invalid(file, None, &format!("client[{index}].{key}"), reason)
        })?;
    }
    Ok(())
}

/// The registration that a table describes, if it is safe and the profile lets it in; else the key
/// that is wrong, and why.
pub(crate) fn check_client(
    client: &ClientConfig,
    rules: &ProfileRules,
) -> Result<Client, (&'static str, String)> {
    if client.secret.is_some() && client.secret_sha256.is_some() {
        let reason = "must not stand beside secret_sha256";
        return Err(("secret", reason.to_owned()));
    }
    let registered = client_of(client, rules);
    let safe = registered.and_then(|client| rules.check_client(&client).map(|()| client));
    safe.map_err(|error| match error {
        cardea_provider::Error::ClientInvalid { key, reason, .. } => (key, reason.to_owned()),
        other => ("client_id", other.to_string()),
    })
}

/// Rules on the whole configuration.
pub(super) fn check_whole(file: &Path, config: &Config) -> Result<(), Error> {
    let wrong = |key: &str, reason: &str| Err(invalid(file, None, key, reason));
    if let Some((key, reason)) = config.keys.mistake() {
        return wrong(key, &reason);
    }
    if config.tls.is_none() && !config.listen.ip().is_loopback() {
        return wrong(
            "listen",
            "must be a loopback address as long as there is no [tls]",
        );
    }
    if config.tls.is_some() && !config.issuer.is_https() {
        return wrong("issuer", "must use https because there is a [tls]");
    }
    if config.issuer.has_path() && config.profile != ProfileConfig::Psc {
        return wrong(
            "issuer",
            "must be scheme, host and port alone, unless profile = \"psc\"",
        );
    }
    if config.issuer.is_https() && config.tls.is_none() && config.limits.client_address.is_none() {
        return wrong(
            "limits.client_address",
            "must be given because TLS ends at a proxy: \"x_forwarded_for\" if that proxy writes \
             the header, else all requests count as those of one address (\"peer\")",
        );
    }
    if config.trust_anchor.is_empty() {
        return wrong("trust_anchor", "must name at least one card issuer");
    }
    check_sandbox(file, config)?;
    check_administration(file, config)?;
    check_durations(file, config)?;
    check_agentless(file, config)?;
    check_limits(file, &config.limits)?;
    check_operations(file, &config.operations, &config.telemetry)?;
    check_support(file, &config.support)?;
    check_ledger(file, &config.ledger)?;
    check_retention(file, &config.retention)?;
    check_watched(file, config)?;
    for (index, anchor) in config.trust_anchor.iter().enumerate() {
        let key = format!("trust_anchor[{index}].revocation");
        check_revocation(file, &key, &anchor.revocation)?;
    }
    check_siem(file, config)?;
    check_mtls(file, config)?;
    check_listeners(file, config)?;
    let mut seen = HashSet::new();
    for (index, client) in config.client.iter().enumerate() {
        if !seen.insert(client.client_id.as_str()) {
            // Those of the same file stand together.
            let mut before = config.client.iter().take(index);
            let first = before
                .position(|it| it.file == client.file)
                .unwrap_or(index);
            let key = format!("client[{}].client_id", index.saturating_sub(first));
            let reason = format!("the client_id {:?} stands twice", client.client_id);
            let file = client.file.as_deref().unwrap_or(file);
            return Err(invalid(file, None, &key, reason));
        }
    }
    check_anchor_names(file, config)
}

fn check_anchor_names(file: &Path, config: &Config) -> Result<(), Error> {
    let mut seen = HashSet::new();
    for (index, anchor) in config.trust_anchor.iter().enumerate() {
        if !seen.insert(anchor.name.as_str()) {
            let reason = format!("the name {:?} stands twice", anchor.name);
            let key = format!("trust_anchor[{index}].name");
            return Err(invalid(file, None, &key, reason));
        }
    }
    Ok(())
}

/// Two listeners at one address cannot both be opened.
fn check_listeners(file: &Path, config: &Config) -> Result<(), Error> {
    let agentless = config.agentless.as_ref().filter(|it| it.enabled);
    let all = [
        ("listen", Some(config.listen)),
        ("operations.listen", config.operations.listen),
        ("mtls.listen", config.mtls.as_ref().map(|it| it.listen)),
        ("agentless.listen", agentless.map(|it| it.listen)),
    ];
    let all: Vec<(&str, SocketAddr)> = all
        .into_iter()
        .filter_map(|(key, address)| Some((key, address?)))
        .collect();
    let meet = |one: SocketAddr, other: SocketAddr| {
        let either = one.ip().is_unspecified() || other.ip().is_unspecified();
        one.port() != 0 && one.port() == other.port() && (either || one.ip() == other.ip())
    };
    for (index, (key, address)) in all.iter().enumerate() {
        let mut before = all.iter().take(index);
        if let Some((other, _)) = before.find(|(_, it)| meet(*it, *address)) {
            let reason = format!("must be another address and port than {other}");
            return Err(invalid(file, None, key, reason));
        }
    }
    Ok(())
}

/// Who may change what the server goes by.
fn check_administration(file: &Path, config: &Config) -> Result<(), Error> {
    let (registration, admin) = (&config.registration, &config.admin);
    let key = "registration.clients_max";
    check_range(file, key, registration.clients_max, 1..=100_000)?;
    let key = "admin.authentication_age_max_seconds";
    check_range(file, key, admin.authentication_age_max_seconds, 60..=3600)?;
    if admin.enabled && admin.operator.is_empty() {
        let reason = "must stand there at least once because admin.enabled = true";
        return Err(invalid(file, None, "admin.operator", reason));
    }
    check_four_eyes(file, admin)?;
    for (index, operator) in admin.operator.iter().enumerate() {
        if operator.subject_id.is_empty() || operator.subject_id_type.is_empty() {
            let key = format!("admin.operator[{index}]");
            let reason = "must have the subject_id and subject_id_type of a card";
            return Err(invalid(file, None, &key, reason));
        }
        let key = format!("admin.operator[{index}].trust_anchor");
        match &operator.trust_anchor {
            Some(name) if !config.trust_anchor.iter().any(|it| it.name == *name) => {
                let reason = "is the name of no [[trust_anchor]]";
                return Err(invalid(file, None, &key, reason));
            }
            // Who could be anybody's card is nobody to operate with.
            None if admin.enabled && config.trust_anchor.len() > 1 => {
                let reason = "must say which of the trust anchors the card leads to";
                return Err(invalid(file, None, &key, reason));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Two persons, as far as the file can tell, where two are asked for.
fn check_four_eyes(file: &Path, admin: &AdminConfig) -> Result<(), Error> {
    let persons = AdminRules::count_persons(&operators_of(admin));
    if admin.enabled && admin.four_eyes == Some(true) && persons < 2 {
        let reason = "must not be true where the operators are one person";
        return Err(invalid(file, None, "admin.four_eyes", reason));
    }
    for (index, operator) in admin.operator.iter().enumerate() {
        let person = operator.person.as_deref();
        if person.is_some_and(|word| word.trim().is_empty() || word.len() > PERSON_BYTES_MAX) {
            let key = format!("admin.operator[{index}].person");
            let reason = "must be a word of at most 64 bytes";
            return Err(invalid(file, None, &key, reason));
        }
    }
    Ok(())
}

/// A sandbox takes no real card: each anchor has to say so itself.
fn check_sandbox(file: &Path, config: &Config) -> Result<(), Error> {
    let takes_real_cards =
        |anchor: &TrustAnchorConfig| anchor.test_cards != TestCardsConfig::Require;
    match config.trust_anchor.iter().position(takes_real_cards) {
        Some(index) if config.sandbox => {
            let key = format!("trust_anchor[{index}].test_cards");
            Err(invalid(
                file,
                None,
                &key,
                "must be \"require\" because sandbox = true",
            ))
        }
        _ => Ok(()),
    }
}

fn check_durations(file: &Path, config: &Config) -> Result<(), Error> {
    check_presence(file, &config.presence)?;
    check_wait(file, config)?;
    let session = &config.session;
    let bounds = [
        ("idle_seconds", session.idle_seconds, 60, 30 * 60),
        (
            "absolute_seconds",
            session.absolute_seconds,
            60,
            4 * 60 * 60,
        ),
        ("access_token_seconds", session.access_token_seconds, 5, 120),
        ("recheck_seconds", session.recheck_seconds, 1, 4 * 60 * 60),
        (
            "logout_retry_seconds",
            session.logout_retry_seconds,
            60,
            7 * 24 * 60 * 60,
        ),
    ];
    for (key, value, least, most) in bounds {
        check_range(file, &format!("session.{key}"), value, least..=most)?;
    }
    Ok(())
}

fn check_presence(file: &Path, presence: &PresenceConfig) -> Result<(), Error> {
    const MANY: u32 = 1_000_000;
    let bounds = [
        ("interval_seconds", presence.interval_seconds, 1, 300),
        ("grace_seconds", presence.grace_seconds, 2, 3600),
        ("wait_seconds", presence.wait_seconds, 1, 60),
        ("mass_loss_agents", presence.mass_loss_agents, 2, MANY),
        ("mass_loss_percent", presence.mass_loss_percent, 1, 99),
        (
            "mass_loss_grace_seconds",
            presence.mass_loss_grace_seconds,
            2,
            4 * 60 * 60,
        ),
        ("connections_max", presence.connections_max, 1, MANY),
        ("unclaimed_max", presence.unclaimed_max, 1, MANY),
        (
            "unclaimed_per_address_max",
            presence.unclaimed_per_address_max,
            1,
            MANY,
        ),
    ];
    for (key, value, least, most) in bounds {
        check_range(file, &format!("presence.{key}"), value, least..=most)?;
    }
    if presence.grace_seconds <= presence.interval_seconds {
        let reason = "must be longer than presence.interval_seconds";
        return Err(invalid(file, None, "presence.grace_seconds", reason));
    }
    Ok(())
}

/// A login at one of the nodes that share a database may have its agent at another, which asks it
/// no sooner than at the next interval.
fn check_wait(file: &Path, config: &Config) -> Result<(), Error> {
    let presence = &config.presence;
    let may_have_nodes = matches!(config.database.url, DatabaseUrl::Postgres(_));
    if may_have_nodes && presence.wait_seconds <= presence.interval_seconds {
        let reason = "must be longer than presence.interval_seconds, because several nodes may \
                      share this database";
        return Err(invalid(file, None, "presence.wait_seconds", reason));
    }
    Ok(())
}

fn check_limits(file: &Path, limits: &LimitsConfig) -> Result<(), Error> {
    let bounds = [
        ("per_address_and_minute", limits.per_address_and_minute),
        (
            "pushed_requests_per_client",
            limits.pushed_requests_per_client,
        ),
        ("waiting_logins_max", limits.waiting_logins_max),
        ("connections_per_address", limits.connections_per_address),
        ("other_connections_max", limits.other_connections_max),
        (
            "challenges_per_address_and_minute",
            limits.challenges_per_address_and_minute,
        ),
        (
            "refusals_per_address_and_minute",
            limits.refusals_per_address_and_minute,
        ),
    ];
    for (key, value) in bounds {
        check_range(file, &format!("limits.{key}"), value, 1..=10_000_000)?;
    }
    Ok(())
}

/// A request has 45 seconds in all (`server.timed_out`), and evidence is one part of a login.
pub(super) fn check_revocation(
    file: &Path,
    key: &str,
    revocation: &RevocationConfig,
) -> Result<(), Error> {
    let bounds = [
        ("time_budget_ms", revocation.time_budget_ms, 100, 20_000),
        (
            "crl_refresh_seconds",
            revocation.crl_refresh_seconds,
            1,
            7 * 86_400,
        ),
    ];
    for (name, value, least, most) in bounds {
        check_range(file, &format!("{key}.{name}"), value, least..=most)?;
    }
    Ok(())
}

pub(super) fn check_range(
    file: &Path,
    key: &str,
    value: u32,
    allowed: RangeInclusive<u32>,
) -> Result<(), Error> {
    if allowed.contains(&value) {
        return Ok(());
    }
    let reason = format!("must be {} to {}", allowed.start(), allowed.end());
    Err(invalid(file, None, key, reason))
}
