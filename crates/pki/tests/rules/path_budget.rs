//! The bounds of path building: a mesh of authorities has far more paths than edges.

use crate::authority::{Authority, NOW, extension, oid, p256, policies};
use crate::card::{Baseline, doctor};
use crate::path::code;
use crate::path_mesh::cross;
use cardea_pki::{Certificate, PathPolicy, TrustStore, validate_path};
use std::time::{Duration, Instant};
use x509_cert::ext::pkix::{PolicyMapping, PolicyMappings};

/// Every authority certified by every other, and a card of the first.
fn mesh(authorities_count: usize) -> (Certificate, Vec<Certificate>) {
    let named = |index| Authority::root(&format!("CN=M{index},C=FR"));
    let authorities: Vec<Authority> = (0..authorities_count).map(named).collect();
    let mut certificates = Vec::new();
    for issuer in &authorities {
        let others = authorities.iter().filter(|it| it.name() != issuer.name());
        certificates.extend(others.map(|subject| cross(issuer, subject).certificate()));
    }
    (doctor(&authorities[0], &p256()).certificate(), certificates)
}

#[test]
fn a_mesh_that_leads_nowhere_ends_at_a_bound() {
    let (card, mut certificates) = mesh(12);
    let baseline = Baseline::new();
    let policy = PathPolicy::login();
    let store = TrustStore::new(vec![baseline.root.certificate()], certificates.clone());
    let begin = Instant::now();
    let outcome = code(validate_path(&card, &[], &store, &policy, NOW));
    assert_eq!(outcome, Err("pki.path_budget_exceeded"));
    assert!(begin.elapsed() < Duration::from_secs(5));

    certificates.truncate(6);
    let store = TrustStore::new(vec![baseline.root.certificate()], certificates);
    let outcome = code(validate_path(&card, &[], &store, &policy, NOW));
    assert_eq!(
        outcome,
        Err("pki.untrusted_anchor"),
        "few enough to see the end"
    );
}

/// Eight authorities are 392 signatures to check, all within their bound, and some ten thousands of
/// paths: what ends the search is the bound on looking.
#[test]
fn a_mesh_whose_signatures_are_within_their_bound_ends_at_the_bound_on_candidates() {
    let (card, certificates) = mesh(8);
    let baseline = Baseline::new();
    let policy = PathPolicy {
        signature_checks_max: 400,
        ..PathPolicy::login()
    };
    let store = TrustStore::new(vec![baseline.root.certificate()], certificates);
    let begin = Instant::now();
    let outcome = code(validate_path(&card, &[], &store, &policy, NOW));
    assert_eq!(outcome, Err("pki.path_budget_exceeded"));
    assert!(begin.elapsed() < Duration::from_secs(10));
}

/// Each of six policies mapped to each of six others, five times: OpenSSL stops at a thousand.
#[test]
fn policies_that_outgrow_their_bound_are_refused_as_policies() {
    const POLICIES: usize = 6;
    let chain = |mapped_to: usize| {
        let root = Authority::root("CN=R,C=FR");
        let mut issuers: Vec<Authority> = Vec::new();
        for level in 0..5 {
            let named = |level: usize| -> Vec<String> {
                let numbers = 1..=POLICIES;
                numbers
                    .map(|number| format!("1.2.{level}.{number}"))
                    .collect()
            };
            let (own, next) = (named(level), named(level + 1));
            let mappings = own.iter().enumerate().flat_map(|(place, issuer)| {
                let others = next.iter().cycle().skip(place).take(mapped_to);
                others.map(|subject| PolicyMapping {
                    issuer_domain_policy: oid(issuer),
                    subject_domain_policy: oid(subject),
                })
            });
            let mappings = PolicyMappings(mappings.collect());
            let above = issuers.last().unwrap_or(&root);
            let mut issuer = above.subordinate(&format!("CN=P{level},C=FR"));
            let own: Vec<&str> = own.iter().map(String::as_str).collect();
            issuer.draft.set(policies(&own));
            issuer.draft.set(extension("2.5.29.33", true, &mappings));
            issuers.push(issuer);
        }
        let mut card = doctor(issuers.last().unwrap(), &p256());
        card.set(policies(&["1.2.5.1"]));
        let store = TrustStore::new(
            vec![root.certificate()],
            issuers.iter().map(Authority::certificate).collect(),
        );
        let policy = PathPolicy::rfc5280();
        code(validate_path(
            &card.certificate(),
            &[],
            &store,
            &policy,
            NOW,
        ))
    };
    assert_eq!(chain(1), Ok(()));
    let begin = Instant::now();
    assert_eq!(chain(POLICIES), Err("pki.policy_refused"));
    assert!(begin.elapsed() < Duration::from_secs(5));
}
