//! Extended key usage of the authorities above a card.

use crate::card::{Baseline, CLIENT_AUTH, SMARTCARD_LOGON, purposes};
use crate::path::{Outcome, code};
use cardea_pki::{ExtendedKeyUsageChaining, PathPolicy};

const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
const ANY_PURPOSE: &str = "2.5.29.37.0";
const REFUSED: Outcome = Err("pki.extended_key_usage_wrong");

/// The baseline's card under an issuer and a root that are limited so, where they are.
fn check(policy: &PathPolicy, issuing: Option<&[&str]>, root: Option<&[&str]>) -> Outcome {
    let mut baseline = Baseline::new();
    if let Some(oids) = root {
        baseline.root.draft.set(purposes(oids));
    }
    let baseline = baseline.with_issuing(|draft| {
        if let Some(oids) = issuing {
            draft.set(purposes(oids));
        }
    });
    code(baseline.validate_with(policy))
}

#[test]
fn a_login_needs_client_authentication_from_every_limited_authority() {
    let login = PathPolicy::login();
    for (name, issuing, root, expected) in [
        ("unlimited", None, None, Ok(())),
        ("for clients", Some(&[CLIENT_AUTH][..]), None, Ok(())),
        ("for any purpose", Some(&[ANY_PURPOSE]), None, Ok(())),
        ("for servers", Some(&[SERVER_AUTH]), None, REFUSED),
        (
            "for logon only, which the card has too",
            Some(&[SMARTCARD_LOGON]),
            None,
            REFUSED,
        ),
        ("root for servers", None, Some(&[SERVER_AUTH][..]), REFUSED),
        (
            "root for both",
            Some(&[CLIENT_AUTH]),
            Some(&[SERVER_AUTH, CLIENT_AUTH]),
            Ok(()),
        ),
    ] {
        assert_eq!(check(&login, issuing, root), expected, "{name}");
    }
}

#[test]
fn plain_validation_needs_one_purpose_that_all_allow() {
    let plain = PathPolicy::rfc5280();
    for (name, issuing, root, expected) in [
        ("unlimited", None, None, Ok(())),
        (
            "one of the card's",
            Some(&[SMARTCARD_LOGON][..]),
            None,
            Ok(()),
        ),
        ("none of the card's", Some(&[SERVER_AUTH]), None, REFUSED),
        ("any", Some(&[ANY_PURPOSE]), None, Ok(())),
        (
            "one each, not the same",
            Some(&[SMARTCARD_LOGON]),
            Some(&[CLIENT_AUTH][..]),
            REFUSED,
        ),
    ] {
        assert_eq!(check(&plain, issuing, root), expected, "{name}");
    }
}

#[test]
fn without_chaining_only_the_cards_own_purposes_count() {
    for mut policy in [PathPolicy::login(), PathPolicy::rfc5280()] {
        policy.extended_key_usage_chaining = ExtendedKeyUsageChaining::EndEntityOnly;
        assert_eq!(
            check(&policy, Some(&[SERVER_AUTH]), Some(&[SERVER_AUTH])),
            Ok(())
        );
    }
    let mut policy = PathPolicy::login();
    policy.extended_key_usage_chaining = ExtendedKeyUsageChaining::EndEntityOnly;
    let mut baseline = Baseline::new();
    baseline.card.set(purposes(&[SERVER_AUTH]));
    assert_eq!(code(baseline.validate_with(&policy)), REFUSED);
}
